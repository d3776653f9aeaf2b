//go:build !linux

package local

import (
	"context"
	"runtime"
	"syscall"

	"github.com/rekindle-io/rekindle/providers"
)

const (
	program       = "rekindle-controlplane"
	envClusterID  = "REKINDLE_CLUSTER_ID"
	envClusterDir = "REKINDLE_CLUSTER_DIR"
)

// supported: processes are told apart by what Linux says about them in /proc.
func supported() error {
	return &providers.MissingError{
		Provider: ProviderName, What: "Linux (this is " + runtime.GOOS + ")",
		Remedy: "use another provider, or run rekindle in a Linux machine",
	}
}

type process struct {
	pid     int
	command string
	id, dir string
}

func processes(func(string) bool) ([]process, error) { return nil, supported() }
func processesOf(home, string) ([]process, error)    { return nil, supported() }
func (process) signal(syscall.Signal) error          { return supported() }
func killAll(context.Context, home, string) error    { return supported() }
func detached() *syscall.SysProcAttr                 { return nil }
func renameNew(string, string) error                 { return supported() }
func freeSpace(string) (uint64, error)               { return 0, supported() }

type witness struct{}

func (*witness) watch([]process)            {}
func (*witness) wait(context.Context) error { return nil }
func (*witness) close()                     {}
