package nights

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// simulated is the real binary with our clock, built once for all tests.
var simulated string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		if simulated = os.Getenv("REKINDLE_SIMULATED"); simulated != "" {
			return m.Run() // built before
		}
		dir, err := os.MkdirTemp("", "nights-bin")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		simulated = filepath.Join(dir, "rekindle")
		build := exec.Command("go", "build", "-o", simulated, "github.com/rekindle-io/rekindle/cmd/internal/simulated")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}
