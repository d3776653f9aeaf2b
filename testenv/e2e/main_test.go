package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// limit bounds every wait: no test hangs, and none fails on a slow machine.
const limit = 5 * time.Minute

// rekindle is the real binary, built once for all tests.
var rekindle string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		if err := moreAtOnce(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		dir, err := os.MkdirTemp("", "rekindle-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		rekindle = filepath.Join(dir, "rekindle")
		build := exec.Command("go", "build", "-o", rekindle, "github.com/rekindle-io/rekindle/cmd/rekindle")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build rekindle: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// moreAtOnce lets three tests run at once on two cores, unless -parallel says
// otherwise: most of their time is waiting, and a cluster takes 600 MB.
func moreAtOnce() error {
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if said || runtime.GOMAXPROCS(0) > 3 {
		return nil
	}
	return flag.Set("test.parallel", "3")
}

// rounds is how often a test that chance has a part in is repeated.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("REKINDLE_E2E_ROUNDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("REKINDLE_E2E_ROUNDS=%q is no number of rounds", text)
	}
	return n
}

// eventually waits until done says true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
