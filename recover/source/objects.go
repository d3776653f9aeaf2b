package source

import (
	"context"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Objects reads commits, folders and files of a repository on this machine by
// their names, as of when it was opened. Every object is compared with its
// name; what is damaged or missing is an *Error of the kinds ErrCorrupt and
// ErrHistory. It may be used from several goroutines.
type Objects struct{ st *store }

// Entry is one line of a folder.
type Entry struct {
	Name string
	Mode filemode.FileMode
	Hash plumbing.Hash
}

// OpenObjects opens the git folder gitDir; common is the folder that linked
// work trees share, or "".
func OpenObjects(gitDir, common string) (*Objects, error) {
	st, err := openStore(gitDir, common)
	if err != nil {
		return nil, err
	}
	st.where = gitDir
	return &Objects{st: st}, nil
}

// Has reports whether the object is there.
func (o *Objects) Has(h plumbing.Hash) bool { return o.st.has(h) }

// Commit reads a commit.
func (o *Objects) Commit(h plumbing.Hash) (*object.Commit, error) { return o.st.commit(h) }

// Folder reads one folder, sorted by name. Names that git refuses to check out
// are a *HostileNameError.
func (o *Objects) Folder(h plumbing.Hash) ([]Entry, error) {
	f, err := o.st.folder(h)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(f.entries))
	for i, n := range f.entries {
		entries[i] = Entry{Name: n.name, Mode: n.mode, Hash: n.hash}
	}
	return entries, nil
}

// Raw reads an object of up to limit bytes.
func (o *Objects) Raw(h plumbing.Hash, limit int64) ([]byte, plumbing.ObjectType, error) {
	return o.st.raw(h, plumbing.AnyObject, limit)
}

// Refs returns every ref by its full name, and the branch that HEAD names, ""
// when it names none.
func (o *Objects) Refs() (refs map[string]plumbing.Hash, branch string, err error) {
	refs, branch, _, err = o.st.refs()
	return refs, branch, err
}

// Close releases the open files.
func (o *Objects) Close() error { return o.st.close() }

// Objects returns the objects of the repository with the commit sha (40 hex
// digits) among them, and its branches as they are now: a remote is asked,
// unless it was by this Repository. It is closed together with r, and not by the
// caller.
func (r *Repository) Objects(ctx context.Context, sha string) (*Objects, error) {
	if _, err := r.storeNow(ctx); err != nil {
		return nil, err
	}
	st, err := r.storeWith(ctx, plumbing.NewHash(sha))
	if err != nil {
		return nil, err
	}
	return &Objects{st: st}, nil
}
