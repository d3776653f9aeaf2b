package clouds

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// rekindle is the real binary, built once for all tests.
var rekindle string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "rekindle-clouds-")
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
