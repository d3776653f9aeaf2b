package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/rekindle-io/rekindle/recover/source"
)

// madePack is a pack of this process in the depot.
type madePack struct {
	path  string
	holds map[plumbing.Hash]bool
}

const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
	// maxObject bounds an object that is read back to be pushed.
	maxObject = 1 << 30
)

// Push brings the commit onto the branch, and commits of ours that an earlier
// process could not push. When the branch has moved to a newer export of the
// same cluster, the commit is made again on top of that one. What fails is a
// *PushError, and the commit is kept; a branch that is no longer ours is a
// *ForeignBranchError. Pushing when there is nothing to push is fine.
func (b *Branch) Push(ctx context.Context) (Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.message == nil {
		return Result{}, errors.New("export: Push comes after Commit")
	}
	for attempt := 1; ; attempt++ {
		if b.head == b.tip.commit {
			return b.arrived()
		}
		err := b.send(ctx)
		if err == nil {
			b.tip = &state{commit: b.head}
			return b.arrived()
		}
		if again := retryable(err) && attempt < b.opts.Attempts && ctx.Err() == nil; !again {
			return b.result, b.giveUp(ctx, err, attempt)
		}
		if !errors.Is(err, source.ErrMoved) {
			b.say(fmt.Sprintf("push failed, trying again: %v", err))
			if err := sleep(ctx, attempt); err != nil {
				return b.result, b.giveUp(ctx, err, attempt)
			}
		}
		was := b.tip.commit
		if lookErr := b.catchUp(ctx); lookErr != nil {
			return b.result, b.giveUp(ctx, lookErr, attempt)
		}
		if errors.Is(err, source.ErrRejected) && b.tip.commit == was {
			return b.result, b.giveUp(ctx, err, attempt)
		}
	}
}

func retryable(err error) bool {
	return errors.Is(err, source.ErrMoved) || errors.Is(err, source.ErrUnreachable) || errors.Is(err, source.ErrRejected)
}

// arrived notes that the branch has the commit.
func (b *Branch) arrived() (Result, error) {
	b.result.Waiting = false
	return b.result, b.own.record(b.head, plumbing.ZeroHash)
}

func (b *Branch) giveUp(ctx context.Context, err error, attempt int) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = errors.Join(ctx.Err(), err)
	}
	return &PushError{Repo: b.to.String(), Branch: b.target.Branch, Commit: b.head.String(), Kept: b.own.dir(), Attempts: attempt, Err: err}
}

// catchUp looks where the branch is now and brings the commit on top of that.
func (b *Branch) catchUp(ctx context.Context) error {
	now, err := b.fetch(ctx)
	if err != nil {
		if errors.Is(err, source.ErrUnreachable) {
			return nil // the next attempt tells
		}
		return err
	}
	switch now.commit {
	case b.tip.commit: // nothing has happened
		return nil
	case b.head: // it has arrived although we were told otherwise
		b.tip = now
		return nil
	}
	if now.commit.IsZero() {
		return &source.Error{Kind: source.ErrMoved, Repo: b.to.String(), What: "branch " + b.target.Branch + " was deleted during the export", Next: "export again"}
	}
	b.say("the branch has moved, committing on top of " + short(now.commit.String()))
	b.tip, b.base = now, now
	b.remember(now)
	_, err = b.commitLocked(*b.message)
	return err
}

func (b *Branch) say(line string) { b.opts.say(line) }

func (o Options) say(line string) {
	if o.Progress != nil {
		o.Progress(strings.Map(func(r rune) rune {
			if isControl(r) {
				return ' '
			}
			return r
		}, line))
	}
}

// sleep waits longer with each attempt, and unevenly.
func sleep(ctx context.Context, attempt int) error {
	pause := min(firstPause<<min(attempt-1, 10), maxPause)
	timer := time.NewTimer(pause/2 + rand.N(pause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// send pushes the commits between the tip and the head.
func (b *Branch) send(ctx context.Context) error {
	wanted, err := b.missing()
	if err != nil {
		return err
	}
	pack, done, err := b.packOf(wanted)
	if err != nil {
		return b.own.unwritable(err)
	}
	defer done()
	b.say(fmt.Sprintf("pushing %d objects, %d bytes", len(wanted), pack.Size))
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	return b.to.Push(ctx, source.RefUpdate{Branch: b.target.ref(), Old: b.tip.commit, New: b.head}, pack)
}

// missing are the objects that the head reaches and the repository lacks.
func (b *Branch) missing() ([]plumbing.Hash, error) {
	w := &walk{own: b.own, seen: map[plumbing.Hash]bool{}, pushed: b.pushed}
	for h := b.head; h != b.tip.commit && !h.IsZero(); {
		c, err := b.own.commit(h)
		if err != nil {
			return nil, err
		}
		w.add(h)
		if err := w.folder(c.TreeHash, 0); err != nil {
			return nil, err
		}
		if len(c.ParentHashes) == 0 {
			break
		}
		h = c.ParentHashes[0]
	}
	return w.wanted, nil
}

type walk struct {
	own          *depot
	pushed, seen map[plumbing.Hash]bool
	wanted       []plumbing.Hash
}

// add reports whether the object is wanted and was not yet.
func (w *walk) add(h plumbing.Hash) bool {
	if w.pushed[h] || w.seen[h] {
		return false
	}
	w.seen[h] = true
	w.wanted = append(w.wanted, h)
	return true
}

func (w *walk) folder(h plumbing.Hash, depth int) error {
	if !w.add(h) || depth > maxDepth {
		return nil
	}
	entries, err := w.own.reader(h).Folder(h)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Mode {
		case filemode.Submodule: // a commit of another repository
		case filemode.Dir:
			if err := w.folder(e.Hash, depth+1); err != nil {
				return err
			}
		default:
			w.add(e.Hash)
		}
	}
	return nil
}

// packOf finds or makes the pack that holds just the wanted objects; done
// removes one that was made.
func (b *Branch) packOf(wanted []plumbing.Hash) (_ source.Pack, done func(), err error) {
	for _, m := range b.made {
		if len(m.holds) == len(wanted) && holdsAll(m.holds, wanted) {
			pack, err := packAt(m.path)
			return pack, func() {}, err
		}
	}
	p, err := newPackWriter(b.own.dir())
	if err != nil {
		return source.Pack{}, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.discard())
		}
	}()
	for _, h := range wanted {
		content, t, err := b.own.reader(h).Raw(h, maxObject)
		if err != nil {
			return source.Pack{}, nil, err
		}
		if err := p.add(t, h, content); err != nil {
			return source.Pack{}, nil, err
		}
	}
	if _, err := p.finish(); err != nil {
		return source.Pack{}, nil, err
	}
	pack, err := packAt(p.file.Name())
	pack.Open = func() (io.ReadCloser, error) { return os.Open(p.file.Name()) }
	return pack, func() { _ = p.discard() }, err // the next export sweeps what stays
}

func holdsAll(holds map[plumbing.Hash]bool, wanted []plumbing.Hash) bool {
	for _, h := range wanted {
		if !holds[h] {
			return false
		}
	}
	return true
}
