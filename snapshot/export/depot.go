package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/gofrs/flock"

	"github.com/rekindle-io/rekindle/recover/source"
)

const (
	// refTip is what the branch had when it was last looked at, refPending a
	// commit that the branch does not have yet.
	refTip     = "refs/rekindle/tip"
	refPending = "refs/rekindle/pending"

	lockPoll = 50 * time.Millisecond
	// maxPacks: each export leaves one. With more, the depot is made anew.
	maxPacks = 64
	// maxUnpushed bounds the commits that wait for a push.
	maxUnpushed = 1000
)

// depot is the bare repository of one target in the cache:
//
//	NAME.git    the folders of the branch's tip, and what was not pushed yet
//	NAME.lock   flock held by the one process that exports
//	NAME.reflock which file is its lock in a repository on this machine
//	.new-NAME-* a depot in the making, or on its way out
//
// All but what was not pushed can be fetched again.
type depot struct {
	root, name, display string
	held                *flock.Flock
	objects             *source.Objects
	// lender is the target itself when it lies on this machine: its objects are
	// read in place. nil for a server.
	lender *localRepository
}

// newDepot names the depot of a target. One that has folders only is of no use
// to who needs contents.
func newDepot(root, name string, t Target, contents bool) *depot {
	if contents {
		name += "-whole"
	}
	sum := sha256.Sum256([]byte(t.Branch + "\x00" + t.Cluster))
	return &depot{root: root, name: name + "-" + hex.EncodeToString(sum[:6]), display: t.Repo}
}

func (d *depot) dir() string { return filepath.Join(d.root, d.name+".git") }

// lock waits for other processes and opens the depot.
func (d *depot) lock(ctx context.Context) error {
	if err := os.MkdirAll(d.root, 0o700); err != nil {
		return d.unwritable(err)
	}
	d.held = flock.New(filepath.Join(d.root, d.name+".lock"), flock.SetPermissions(0o600))
	if _, err := d.held.TryLockContext(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return &source.Error{Kind: source.ErrCache, Repo: source.Redact(d.display), What: "another process is exporting to the same branch", Next: "wait for it, or end it", Err: ctx.Err()}
		}
		return d.unwritable(err)
	}
	d.sweep()
	err := d.open()
	if err != nil || d.crowded() {
		err = d.wipe()
	}
	if err != nil {
		return errors.Join(d.unwritable(err), d.close())
	}
	return nil
}

// sweep removes what killed processes left.
func (d *depot) sweep() {
	for _, pattern := range []string{d.anew() + "*", filepath.Join(d.dir(), "objects", "pack", source.TempPack)} {
		left, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, path := range left {
			os.RemoveAll(path)
		}
	}
}

func (d *depot) anew() string { return filepath.Join(d.root, ".new-"+d.name+"-") }

// open reads the depot again, with what was installed since.
func (d *depot) open() error {
	if d.objects != nil {
		if err := d.objects.Close(); err != nil {
			return err
		}
		d.objects = nil
	}
	for _, name := range []string{"config", "objects/pack"} {
		if _, err := os.Stat(filepath.Join(d.dir(), filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	objects, err := source.OpenObjects(d.dir(), "")
	if err != nil {
		return err
	}
	d.objects = objects
	_, _, err = objects.Refs()
	return err
}

// crowded: there are many packs, and all of it can be fetched again.
func (d *depot) crowded() bool {
	packs, err := filepath.Glob(filepath.Join(d.dir(), "objects", "pack", "*.pack"))
	return err == nil && len(packs) > maxPacks && d.pending().IsZero()
}

// wipe makes the depot anew. A crash in between leaves an old one, none, or a
// new one.
func (d *depot) wipe() error {
	if d.objects != nil {
		if err := d.objects.Close(); err != nil {
			return err
		}
		d.objects = nil
	}
	building, err := os.MkdirTemp(d.root, filepath.Base(d.anew()))
	if err != nil {
		return err
	}
	defer os.RemoveAll(building)
	fresh := filepath.Join(building, "fresh")
	if err := source.InitBare(fresh, "exports to "+source.Redact(d.display)); err != nil {
		return err
	}
	if err := os.Rename(d.dir(), filepath.Join(building, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, d.dir()); err != nil {
		return err
	}
	return d.open()
}

func (d *depot) close() error {
	var errs []error
	if d.objects != nil {
		errs = append(errs, d.objects.Close())
		d.objects = nil
	}
	if d.lender != nil {
		errs = append(errs, d.lender.close())
	}
	return errors.Join(append(errs, d.held.Unlock())...)
}

func (d *depot) unwritable(err error) error {
	var own *source.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	return &source.Error{Kind: source.ErrCache, Repo: source.Redact(d.display), What: "the export cannot be written to " + d.root,
		Next: "check free space and permissions of that folder", Err: err}
}

// has looks for a commit.
func (d *depot) has(h plumbing.Hash) bool { return d.holder(h) != nil }

// holder is where an object lies, nil when it is nowhere.
func (d *depot) holder(h plumbing.Hash) *source.Objects {
	if d.objects.Has(h) {
		return d.objects
	}
	if d.lender != nil && d.lender.objects != nil && d.lender.objects.Has(h) {
		return d.lender.objects
	}
	return nil
}

// reader is where an object should be read from, with the errors that a
// missing one gets.
func (d *depot) reader(h plumbing.Hash) *source.Objects {
	if o := d.holder(h); o != nil {
		return o
	}
	if d.lender != nil && d.lender.objects != nil {
		return d.lender.objects
	}
	return d.objects
}

func (d *depot) commit(h plumbing.Hash) (*object.Commit, error) { return d.reader(h).Commit(h) }

func (d *depot) pending() plumbing.Hash { return d.ref(refPending) }

func (d *depot) tip() plumbing.Hash { return d.ref(refTip) }

func (d *depot) ref(name string) plumbing.Hash {
	refs, _, err := d.objects.Refs()
	if err != nil {
		return plumbing.ZeroHash
	}
	return refs[name]
}

// leadsTo reports whether commit is made of commits on top of tip, or of a
// first one when tip is zero.
func (d *depot) leadsTo(commit, tip plumbing.Hash) bool {
	for range maxUnpushed {
		c, err := d.commit(commit)
		switch {
		case err != nil || len(c.ParentHashes) > 1:
			return false
		case len(c.ParentHashes) == 0:
			return tip.IsZero()
		case c.ParentHashes[0] == tip:
			return true
		}
		commit = c.ParentHashes[0]
	}
	return false
}

// record says what the branch has and what waits for a push, either may be
// zero.
func (d *depot) record(tip, pending plumbing.Hash) error {
	refs := map[string]plumbing.Hash{}
	var ends []plumbing.Hash
	for name, h := range map[string]plumbing.Hash{refTip: tip, refPending: pending} {
		if h.IsZero() || !d.objects.Has(h) {
			continue
		}
		refs[name] = h
		if end, ok := d.end(h); ok {
			ends = append(ends, end)
		}
	}
	return d.unwritable(source.SetRefs(d.dir(), refs, ends))
}

// end is the commit at which the depot's part of the history ends.
func (d *depot) end(h plumbing.Hash) (plumbing.Hash, bool) {
	for range maxUnpushed {
		c, err := d.objects.Commit(h)
		if err != nil || len(c.ParentHashes) == 0 {
			return h, false
		}
		if !d.objects.Has(c.ParentHashes[0]) {
			return h, true
		}
		h = c.ParentHashes[0]
	}
	return h, true
}
