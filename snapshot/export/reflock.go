package export

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rekindle-io/rekindle/recover/source"
)

// refLock is git's lock on a branch: a file beside the ref's, which becomes it.
//
// git's lock says nothing of its owner, so that the lock of a killed process is
// in everybody's way until a person removes it. Ours is a second name of a file
// of our own, which was noted before: who holds the depot finds the note of the
// process before, and when the lock is that very file, it is the lock of a
// process that is no more.
//
//	DEPOT.reflock                in the cache: the name of our own file
//	.git/rekindle-lock-RANDOM    our own file
//	.git/refs/heads/BRANCH.lock  git's lock, the same file
type refLock struct {
	*os.File
	name string
	// own and note are empty when the file system knows no second names, or
	// nobody would read the note.
	own, note string
}

const ownLock = "rekindle-lock-"

// lockRef makes git's lock file, for which it waits a little.
func (l *localRepository) lockRef(ctx context.Context, ref string) (*refLock, error) {
	k := l.ownFile()
	k.name = ref + ".lock"
	const tries = 40
	for try := 0; ; try++ {
		err := k.take()
		if err == nil {
			return k, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(l.unwritable(err), k.drop())
		}
		if try == tries {
			return nil, errors.Join(&source.Error{Kind: source.ErrRejected, Repo: l.display, What: "another process has locked the branch: " + k.name + " is there",
				Next: "wait for it; when no git process works there, remove the file"}, k.drop())
		}
		timer := time.NewTimer(lockPoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(ctx.Err(), k.drop())
		case <-timer.C:
		}
	}
}

// ownFile makes the file that becomes the lock. Without one the lock is as git
// makes it.
func (l *localRepository) ownFile() *refLock {
	if l.note == "" {
		return &refLock{}
	}
	name := ownLock + rand.Text()
	if err := os.WriteFile(l.note, []byte(name), 0o600); err != nil {
		return &refLock{}
	}
	own := filepath.Join(l.common, name)
	f, err := os.OpenFile(own, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // as git makes its own: the umask decides
	if err != nil {
		_ = os.Remove(l.note) // it names nothing
		return &refLock{}
	}
	return &refLock{File: f, own: own, note: l.note}
}

// take makes the lock, or fails with fs.ErrExist.
func (k *refLock) take() error {
	if k.own != "" {
		err := os.Link(k.own, k.name)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		if !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EMLINK) && !errors.Is(err, syscall.EXDEV) {
			return err
		}
		if err := k.drop(); err != nil {
			return err
		}
		*k = refLock{name: k.name}
	}
	f, err := os.OpenFile(k.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // as git does: the umask decides
	k.File = f
	return err
}

// drop forgets our own file; git's lock stays what it is.
func (k *refLock) drop() error {
	if k.own == "" {
		return nil
	}
	_ = k.Close() // it may be closed already
	return errors.Join(os.Remove(k.own), os.Remove(k.note))
}

// settle removes the lock of a process before us that was killed. Whoever calls
// it holds the depot, so that the process of the note is no more; nobody else
// makes that file, or gives it another name. A lock that is any other file is
// somebody else's.
func (l *localRepository) settle(ref string) error {
	noted, err := os.ReadFile(l.note)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	random, ok := strings.CutPrefix(string(noted), ownLock)
	if !ok || len(random) != len(rand.Text()) || strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return os.Remove(l.note) // it was being written
	}
	own := filepath.Join(l.common, string(noted))
	ours, err := os.Lstat(own)
	if err == nil {
		lock := filepath.Join(l.common, filepath.FromSlash(ref)) + ".lock"
		if there, err := os.Lstat(lock); err == nil && os.SameFile(ours, there) {
			if err := os.Remove(lock); err != nil {
				return err
			}
		}
		err = os.Remove(own)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a lock that a killed export left: %w", err)
	}
	return os.Remove(l.note)
}
