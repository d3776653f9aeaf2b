package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Leases see to it that at most one process executes a run on a cluster.
//
// A lease is on a key (the executor's are "cluster/NAME", or "run/ID" for a run
// without a cluster) and ends with Release or with its process, however that
// dies. Safe for many goroutines and processes.
type Leases interface {
	// Acquire takes the lease, or returns a HeldError at once.
	Acquire(ctx context.Context, key string, h Holder) (Lease, error)
	// Holder tells who has the lease now; false when nobody has.
	Holder(ctx context.Context, key string) (Holder, bool, error)
}

// Lease is held until released.
type Lease interface {
	// Release gives it back; a second call does nothing.
	Release() error
}

// Holder is who has a lease. Run is empty for the instant in which a new holder
// has not yet said who it is.
type Holder struct {
	Run string `json:"run"`
	Process
}

// FileLeases are files in the state directory's locks folder, locked with flock:
// the kernel takes the lock back when the process ends. Children do not inherit
// it. The files stay; an unlocked one means nothing.
type FileLeases struct {
	dir string
	// own makes the state directory.
	own func() error
}

var _ Leases = (*FileLeases)(nil)

// AcquireLease takes the lease on a cluster for a run, for callers that work on
// a cluster outside of an Executor.
func AcquireLease(ctx context.Context, l Leases, cluster string, h Holder) (Lease, error) {
	return l.Acquire(ctx, "cluster/"+cluster, h)
}

// Acquire implements Leases.
func (l *FileLeases) Acquire(ctx context.Context, key string, h Holder) (Lease, error) {
	if err := l.own(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, classify(l.dir, err)
	}
	path := l.path(key)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, classify(path, err)
	}
	if err := l.lock(ctx, f, key); err != nil {
		f.Close()
		return nil, err
	}
	if err := writeHolder(f, h); err != nil {
		f.Close()
		return nil, classify(path, err)
	}
	return &fileLease{f: f}, nil
}

// lock takes the lock for itself. Those that only look share it for an instant:
// as long as it could be shared nobody has it, and lock tries again.
func (l *FileLeases) lock(ctx context.Context, f *os.File, key string) error {
	pause := time.Millisecond
	for {
		if ok, err := tryFlock(f, syscall.LOCK_EX); err != nil || ok {
			return err
		}
		shared, err := tryFlock(f, syscall.LOCK_SH)
		if err != nil {
			return err
		}
		if !shared {
			return l.held(ctx, f, key)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN); err != nil {
			return classify(f.Name(), err)
		}
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil {
			return err
		}
	}
}

// held says who has the lease, giving a new holder the time to write who it is.
func (l *FileLeases) held(ctx context.Context, f *os.File, key string) error {
	e := &HeldError{Key: key}
	for range 20 {
		h, err := readHolder(f)
		if err != nil {
			return classify(f.Name(), err)
		}
		if e.Holder = h; h.Run != "" {
			break
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return e
}

// Holder implements Leases.
func (l *FileLeases) Holder(ctx context.Context, key string) (Holder, bool, error) {
	if err := ctx.Err(); err != nil {
		return Holder{}, false, err
	}
	path := l.path(key)
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, classify(path, err)
	}
	defer f.Close()
	// A shared lock does not hinder others that look, and is gone with the file.
	free, err := tryFlock(f, syscall.LOCK_SH)
	if err != nil || free {
		return Holder{}, false, err
	}
	h, err := readHolder(f)
	return h, true, classify(path, err)
}

// path names the lease's file. Keys hold names that people chose: what is not a
// plain name goes by its digest, so that no key leaves the folder.
func (l *FileLeases) path(key string) string {
	name := strings.ReplaceAll(key, "/", ".")
	plain := len(key) <= 100 && strings.Count(key, "/") == 1 && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-/") == ""
	if !plain {
		sum := sha256.Sum256([]byte(key))
		name = "x." + hex.EncodeToString(sum[:16])
	}
	return filepath.Join(l.dir, name+".lock")
}

type fileLease struct{ f *os.File }

func (l *fileLease) Release() error {
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	// Closing it would not do: a child that was forked and has not begun its own
	// program yet holds the file as well, and with it the lock.
	return errors.Join(f.Truncate(0), syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

func writeHolder(f *os.File, h Holder) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(append(raw, '\n'), 0)
	return err
}

// readHolder reads who wrote itself in; what is not whole yet is nobody.
func readHolder(f *os.File) (Holder, error) {
	raw, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	if err != nil {
		return Holder{}, err
	}
	var h Holder
	if json.Unmarshal(raw, &h) != nil {
		return Holder{}, nil
	}
	return h, nil
}
