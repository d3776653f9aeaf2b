package kindtest

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/testenv/workload"
)

// limit bounds every command and every wait: no test hangs.
const limit = 5 * time.Minute

// rekindle is the real binary, built once for all tests; "" when none is asked
// for.
var rekindle string

// nodeImage is the image of every node.
func nodeImage() string {
	return cmp.Or(os.Getenv("REKINDLE_KIND_NODE_IMAGE"), "rekindle.test/node:v1.36.3")
}

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("REKINDLE_TEST_KIND") == "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "rekindle-kindtest-")
	if err == nil {
		err = prepare(dir)
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "kindtest:", err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// prepare builds the binary and brings the workload's image into Docker.
func prepare(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "image", "inspect", nodeImage()).CombinedOutput(); err != nil {
		return fmt.Errorf("the node image %s is not in Docker: make test-kind builds it: %w\n%s", nodeImage(), err, out)
	}
	rekindle = filepath.Join(dir, "rekindle")
	build := exec.CommandContext(ctx, "go", "build", "-o", rekindle, "github.com/rekindle-io/rekindle/cmd/rekindle")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build rekindle: %w\n%s", err, out)
	}
	return workload.LoadImage(ctx)
}

// eventually waits until done says true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
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

// docker runs the docker command and returns the lines that it wrote.
func docker(t *testing.T, args ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.Fields(string(out))
}
