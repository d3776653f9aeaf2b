package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// lockTimeout bounds the wait for another call that works on a cluster.
const lockTimeout = 15 * time.Minute

// workplace is the directory of a cluster while one call works on it, locked
// against others of this machine. On other machines, the claim in Docker keeps
// makers apart.
type workplace struct {
	dir  string
	lock *os.File
}

// enter waits until nobody else on this machine works on the cluster. The caller
// has to leave.
func (p *Provider) enter(ctx context.Context, name string, progress providers.Progress) (*workplace, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout,
		fmt.Errorf("provider kind: cluster %q: another process has been working on it for %s", name, lockTimeout))
	defer cancel()
	dir := filepath.Join(p.opts.Root, name)
	for waited := 0; ; waited++ {
		if ctx.Err() != nil {
			return nil, about(name, context.Cause(ctx))
		}
		f, err := lockDir(dir)
		if err == nil {
			return &workplace{dir: dir, lock: f}, nil
		}
		if !errors.Is(err, errBusy) {
			return nil, fmt.Errorf("provider kind: lock %s: %w", dir, err)
		}
		if waited == 20 {
			progress.Say("waiting for another process that works on cluster " + name)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// leave removes the directory with all in it, and lets the next one in.
func (w *workplace) leave() {
	_ = os.RemoveAll(w.dir) // whoever comes next removes what stays
	_ = w.lock.Close()
}

var errBusy = errors.New("locked by another process")

// lockDir makes a directory and locks it until the file is closed or the
// process ends. errBusy: somebody else has it, or removed it just now.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := providers.LockDir(dir)
	if errors.Is(err, providers.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil, errBusy
	}
	return f, err
}
