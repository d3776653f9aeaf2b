// Package source turns a repository and a revision into a commit and the
// commit's tree: what a restore starts from.
//
// In goes what a person types: a local path, a bundle file or an http(s), ssh
// or file address, and a revision (SHA, short SHA, tag, branch, HEAD~3, a
// time). Out come a Commit and its tree as an fs.FS that reads straight from
// the object store: nothing is checked out, nothing in the tree is executed,
// and every object read is compared with the hash that names it.
//
// Local repositories are read where they are and never written to. Everything
// else is kept as a bare mirror below Options.CacheDir and fetches only what is
// new. No git binary is needed.
package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/rekindle-io/rekindle/recover/source/signature"
)

// DefaultMaxFileSize is the largest file read from a tree, in bytes.
const DefaultMaxFileSize = 64 << 20

// DefaultFetchTimeout bounds one fetch when the context has no earlier deadline.
const DefaultFetchTimeout = 15 * time.Minute

// Options of Open. CacheDir, Getenv and Now are required.
type Options struct {
	// CacheDir holds the mirrors, one folder each; it is made with mode 0700.
	CacheDir string
	// Getenv looks up the credentials described at the variables in
	// credentials.go; os.Getenv in production.
	Getenv func(string) string
	// Now is the clock: a revision that names a future time is refused.
	Now func() time.Time
	// Progress receives one line at a time, without control characters, and
	// must not block; nil discards.
	Progress func(line string)
	// MaxFileSize in bytes is the largest file a tree hands out; 0 means
	// DefaultMaxFileSize.
	MaxFileSize int64
	// FetchTimeout bounds each fetch; 0 means DefaultFetchTimeout.
	FetchTimeout time.Duration
	// RequireSigned refuses every commit without a good signature by one of
	// AllowedSigners.
	RequireSigned bool
	// AllowedSigners are paths of armored OpenPGP key rings and of OpenSSH
	// allowed_signers files.
	AllowedSigners []string
}

// Commit is what a revision resolved to.
type Commit struct {
	// SHA is the full object name, 40 lower-case hex digits.
	SHA string `json:"sha"`
	// Time is the committer's date, Author and Subject are the author's name
	// and the first line of the message. The last two come from the repository
	// and may hold anything.
	Time    time.Time `json:"time"`
	Author  string    `json:"author"`
	Subject string    `json:"subject"`
	// Revision is what was typed; Ref is the full name of the ref it went
	// through ("refs/heads/main"), empty for a SHA.
	Revision string `json:"revision"`
	Ref      string `json:"ref,omitempty"`
	// At is the instant that the revision named, zero when it named none.
	At time.Time `json:"at,omitzero"`
	// Signer is whose signature was verified, empty unless RequireSigned.
	Signer string `json:"signer,omitempty"`
}

// Repository is an opened source. Its methods may be called from several
// goroutines at once.
type Repository struct {
	opts    Options
	loc     location
	mirror  *mirror // nil for a local repository
	signers *signature.Allowed

	mu       sync.Mutex
	current  *store
	retired  []*store // earlier views that trees may still read from
	fetched  bool
	verified map[string]string // SHA → signer
	closed   bool
}

// Open opens repo: the path of a repository or of a bundle, or a file, http,
// https or ssh address (also git@host:path). It goes to no network: a remote is
// asked by Resolve or Tree, and only when the mirror does not have the answer.
// Errors are *Error, with a Kind that errors.Is knows.
func Open(ctx context.Context, repo string, opts Options) (*Repository, error) {
	if opts.CacheDir == "" || opts.Getenv == nil || opts.Now == nil {
		return nil, errors.New("source: CacheDir, Getenv and Now must be set")
	}
	if opts.MaxFileSize == 0 {
		opts.MaxFileSize = DefaultMaxFileSize
	}
	if opts.FetchTimeout == 0 {
		opts.FetchTimeout = DefaultFetchTimeout
	}
	loc, err := locate(repo)
	if err != nil {
		return nil, err
	}
	r := &Repository{opts: opts, loc: loc, verified: map[string]string{}}
	if opts.RequireSigned {
		if r.signers, err = signature.Load(opts.AllowedSigners); err != nil {
			return nil, &Error{Kind: ErrSignature, Repo: loc.display, What: "signatures are required, but the allowed signers cannot be read",
				Next: "name armored OpenPGP key rings or OpenSSH allowed_signers files", Err: err}
		}
	}
	if err := r.openStore(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Repository) openStore(ctx context.Context) error {
	var err error
	switch r.loc.kind {
	case localRepository:
		r.current, err = openLocal(r.loc.path)
	case bundleFile:
		r.mirror, r.current, err = openBundle(ctx, r.opts.CacheDir, r.loc)
	default:
		r.mirror = newMirror(r.opts.CacheDir, r.loc.cacheName(), r.loc.display)
		r.current, err = r.mirror.open()
		if errors.Is(err, errMirrorAbsent) {
			err = nil
		} else if errors.Is(err, errMirrorBroken) {
			// The first Resolve rebuilds it, with the network.
			r.say("the cached mirror is damaged and will be fetched anew")
			err = nil
		}
	}
	return err
}

// String is the repository's address without credentials.
func (r *Repository) String() string { return r.loc.display }

// Tree returns the whole tree at the commit sha (40 hex digits). It fetches
// only when the mirror lacks the commit.
func (r *Repository) Tree(ctx context.Context, sha string) (*Tree, error) {
	if !plumbing.IsHash(sha) {
		return nil, &RevisionError{Revision: sha, Reason: "is not a full SHA: resolve it first"}
	}
	st, err := r.storeWith(ctx, plumbing.NewHash(sha))
	if err != nil {
		return nil, err
	}
	c, err := st.commit(plumbing.NewHash(sha))
	if err != nil {
		return nil, r.at(err)
	}
	if err := r.requireSignature(st, c, nil); err != nil {
		return nil, err
	}
	return newTree(st, c, r.opts.MaxFileSize)
}

// Close releases the open files. Trees must not be read afterwards.
func (r *Repository) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	var errs []error
	for _, st := range append(r.retired, r.current) {
		if st != nil {
			errs = append(errs, st.close())
		}
	}
	return errors.Join(errs...)
}

// storeWith returns a view of the object store that has the commit sha,
// fetching when it is missing.
func (r *Repository) storeWith(ctx context.Context, sha plumbing.Hash) (*store, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil && r.current.has(sha) {
		return r.current, nil
	}
	if r.loc.remote() {
		if err := r.fetchLocked(ctx, sha); err != nil {
			return nil, err
		}
		if r.current.has(sha) {
			return r.current, nil
		}
	}
	return nil, r.unknownLocked(sha.String(), "")
}

// storeNow returns a view with the remote's refs as they are now; a Repository
// asks its remote once.
func (r *Repository) storeNow(ctx context.Context) (*store, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loc.remote() && !r.fetched {
		if err := r.fetchLocked(ctx, plumbing.ZeroHash); err != nil {
			return nil, err
		}
	}
	return r.current, nil
}

func (r *Repository) fetchLocked(ctx context.Context, want plumbing.Hash) error {
	if r.closed {
		return fmt.Errorf("source: %s is closed", r.loc.display)
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.FetchTimeout)
	defer cancel()
	st, err := fetch(ctx, r, want)
	if err != nil {
		return err
	}
	if r.current != nil {
		r.retired = append(r.retired, r.current)
	}
	r.current, r.fetched = st, true
	return nil
}

// at names the repository in errors that come from an object store.
func (r *Repository) at(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Repo == "" {
		e.Repo = r.loc.display
	}
	return err
}
