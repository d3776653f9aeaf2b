package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/rekindle-io/rekindle/recover/source"
)

// claim makes this the one process that proposes to the branch of a repository on
// this machine, and removes the lock of one before that was killed, see refLock.
// free gives the claim back. Nothing is claimed at a server, nor without a folder
// for notes: there a killed process leaves git's lock to a person.
//
//	NAME-proposal-BRANCH.lock     flock held by the one process
//	NAME-proposal-BRANCH.reflock  which file is its lock in the repository
func (w *proposing) claim(ctx context.Context) (free func(), err error) {
	if w.local == nil || w.opts.CacheDir == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(w.opts.CacheDir, 0o700); err != nil {
		return nil, w.unclaimed(err)
	}
	sum := sha256.Sum256([]byte(w.target.Branch))
	base := filepath.Join(w.opts.CacheDir, w.name+"-proposal-"+hex.EncodeToString(sum[:6]))
	held := flock.New(base+".lock", flock.SetPermissions(0o600))
	if _, err := held.TryLockContext(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return nil, &source.Error{Kind: source.ErrCache, Repo: w.to.String(), What: "another process is proposing to the same branch", Next: "wait for it, or end it", Err: ctx.Err()}
		}
		return nil, w.unclaimed(err)
	}
	free = func() { _ = held.Unlock() } // the kernel would
	w.local.note = base + ".reflock"
	if err := w.local.settle(w.target.ref()); err != nil {
		return nil, errors.Join(w.local.unwritable(err), held.Unlock())
	}
	return free, nil
}

func (w *proposing) unclaimed(err error) error {
	return &source.Error{Kind: source.ErrCache, Repo: w.to.String(), What: "the folder for notes cannot be written to", Next: "check free space and permissions of " + w.opts.CacheDir, Err: err}
}
