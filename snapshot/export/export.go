// Package export writes a tree of files onto one branch of a git repository
// and pushes it, losing nothing.
//
// In goes a target (repository, branch, the cluster that the branch belongs
// to), files one by one, and a message. Out comes at most one commit on top of
// what the branch has, and none when nothing changed. The branch must be ours:
// absent, or its last commit is an export of the same cluster. Nothing is ever
// forced; a branch that moved meanwhile is built upon again. A repository with
// a work tree is written to behind it: objects and the branch change, the work
// tree, the index and the branch that is checked out do not.
//
// What is made lies in a bare repository of ours below Options.CacheDir until
// the branch has it, so that an export that could not be pushed is not lost:
// the next one goes on from it. No git binary is needed.
package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/rekindle-io/rekindle/recover/source"
)

// Target is the branch to write to.
type Target struct {
	// Repo is a path of a repository or an http(s), ssh or file address.
	Repo string
	// Branch is its short name, such as rekindle/staging.
	Branch string
	// Cluster is whose state the branch holds; it stands in the trailer
	// Cluster of every commit.
	Cluster string
}

// Person is an author or committer.
type Person struct{ Name, Email string }

// Options of Open. CacheDir, Getenv and Now are required.
type Options struct {
	// CacheDir holds a bare repository for each target; it is made with mode
	// 0700.
	CacheDir string
	// Getenv looks up the credentials described in recover/source.
	Getenv func(string) string
	// Now dates the commits.
	Now func() time.Time
	// Progress receives one line at a time, without control characters, and
	// must not block; nil discards.
	Progress func(line string)
	// Author of the commits, and Committer, which is the author when empty.
	// Without a name it is Rekindle.
	Author, Committer Person
	// Contents brings the files of the branch here too, and not only its
	// folders: what a caller needs who reads them again, such as what was
	// encrypted and must not change without need.
	Contents bool
	// Timeout bounds each conversation with a server; 0 means
	// source.DefaultFetchTimeout.
	Timeout time.Duration
	// Attempts to push, at least one; 0 means DefaultAttempts.
	Attempts int
	// MaxDeleted is which part of the files below Live one commit may delete
	// unless it is forced; 0 means DefaultMaxDeleted. Up to FewDeleted files
	// always may be.
	MaxDeleted float64
	// Anew begins a branch anew that is not there any more.
	Anew bool
}

// The defaults of Options.
const (
	DefaultAttempts   = 5
	DefaultMaxDeleted = 0.5
	FewDeleted        = 10
)

// remote is where the branch lies.
type remote interface {
	fmt.Stringer
	// Fetch returns the commit that a ref names, zero when there is none. Unless
	// has knows the commit, it is brought into gitDir with its folders, and with
	// its files when they are asked for.
	Fetch(ctx context.Context, ref, gitDir string, has func(plumbing.Hash) bool, files bool) (plumbing.Hash, error)
	// Push moves a ref when it is where it should be. Errors are *source.Error.
	Push(ctx context.Context, u source.RefUpdate, pack source.Pack) error
}

// Branch is an opened target: files are Put, then comes one Commit, then Push.
// It holds a lock on its bare repository until Close.
type Branch struct {
	target Target
	opts   Options
	to     remote
	own    *depot

	lost plumbing.Hash // what the branch had, when it is not there any more
	tip  *state        // what the branch has
	base *state        // what the commit is built upon: the tip, or unpushed commits of ours on top of it
	// pushed are objects that the repository has or had: everything below the
	// tips that were seen.
	pushed map[plumbing.Hash]bool

	mu      sync.Mutex
	files   map[string]plumbing.Hash // what was put
	known   map[plumbing.Hash]bool   // objects that need not be written
	pack    *packWriter              // nil until something is written
	written Stats
	failed  error // a Put went wrong

	message *Message // of the commit, once there is one
	head    plumbing.Hash
	result  Result
	made    []*madePack
}

// Stats counts what was put so far.
type Stats struct {
	// Files that were put, and how many of them the branch did not have
	// anywhere; Bytes are those of the latter.
	Files, New int
	Bytes      int64
}

// Open brings the tip of the branch here, its folders only, and checks that
// the branch is ours to write to: a *ForeignBranchError, *CheckedOutError or
// *LostBranchError otherwise. Other errors are *source.Error. It waits for another process that
// exports to the same target until ctx ends.
func Open(ctx context.Context, target Target, opts Options) (*Branch, error) {
	if opts.CacheDir == "" || opts.Getenv == nil || opts.Now == nil {
		return nil, errors.New("export: CacheDir, Getenv and Now must be set")
	}
	if err := target.check(); err != nil {
		return nil, err
	}
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	to, local, name, err := reach(target, opts)
	if err != nil {
		return nil, err
	}
	b := &Branch{target: target, opts: opts, to: to, files: map[string]plumbing.Hash{}}
	b.own = newDepot(opts.CacheDir, name, target, opts.Contents)
	b.own.lender = local
	if err := b.own.lock(ctx); err != nil {
		return nil, err
	}
	if local != nil {
		local.note = filepath.Join(b.own.root, b.own.name+".reflock")
		if err := local.settle(target.ref()); err != nil {
			return nil, errors.Join(local.unwritable(err), b.own.close())
		}
	}
	if err := b.begin(ctx); err != nil {
		return nil, errors.Join(err, b.own.close())
	}
	return b, nil
}

// complete fills in the defaults and checks the names.
func (o Options) complete() (Options, error) {
	o.Timeout = cmp.Or(o.Timeout, source.DefaultFetchTimeout)
	o.Attempts = cmp.Or(o.Attempts, DefaultAttempts)
	o.MaxDeleted = cmp.Or(o.MaxDeleted, DefaultMaxDeleted)
	o.Author.Name, o.Author.Email = cmp.Or(o.Author.Name, "Rekindle"), cmp.Or(o.Author.Email, "rekindle@localhost")
	if o.Committer == (Person{}) {
		o.Committer = o.Author
	}
	for _, p := range []Person{o.Author, o.Committer} {
		if strings.ContainsFunc(p.Name+p.Email, isControl) || strings.ContainsAny(p.Name+p.Email, "<>") {
			return o, fmt.Errorf("export: %q <%q> cannot be the author of a commit", p.Name, p.Email)
		}
	}
	return o, nil
}

// reach finds the target's repository, and a file name for what is kept about
// it; local is nil for a server. No server is asked.
func reach(target Target, opts Options) (to remote, local *localRepository, name string, err error) {
	far, err := source.OpenRemote(target.Repo, source.Options{Getenv: opts.Getenv, Progress: opts.Progress})
	if err != nil {
		return nil, nil, "", err
	}
	gitDir, common := far.Local()
	if gitDir == "" {
		return far, nil, far.Name(), nil
	}
	local = newLocalRepository(far.String(), gitDir, common)
	if err := local.check(target.ref()); err != nil {
		return nil, nil, "", err
	}
	for _, name := range local.idleHooks() {
		opts.say("its hook " + name + " will not run: name the repository by its http or ssh address if it should")
	}
	return local, local, far.Name(), nil
}

func (t Target) ref() string { return "refs/heads/" + t.Branch }

func (t Target) check() error {
	if t.Cluster == "" || strings.TrimSpace(t.Cluster) != t.Cluster || strings.ContainsFunc(t.Cluster, isControl) {
		return fmt.Errorf("export: %q is no name of a cluster", t.Cluster)
	}
	if !source.ValidRefName(t.ref()) || t.Branch == "HEAD" || strings.HasPrefix(t.Branch, "-") || strings.HasPrefix(t.Branch, "refs/") {
		return fmt.Errorf("%q is no name of a branch; see git check-ref-format, and name one such as rekindle/%s", t.Branch, t.Cluster)
	}
	return nil
}

// begin reads what the branch has, and takes up commits that an earlier
// process did not push.
func (b *Branch) begin(ctx context.Context) error {
	tip, err := b.fetch(ctx)
	if err != nil {
		return err
	}
	if b.lost = plumbing.ZeroHash; tip.commit.IsZero() {
		b.lost = b.own.tip()
	}
	if !b.lost.IsZero() && !b.opts.Anew {
		return &LostBranchError{Repo: b.to.String(), Branch: b.target.Branch, Commit: b.lost.String()}
	}
	b.tip, b.base, b.pushed, b.known = tip, tip, map[plumbing.Hash]bool{}, map[plumbing.Hash]bool{}
	b.remember(tip)
	if pending := b.own.pending(); !pending.IsZero() && pending != tip.commit && b.own.leadsTo(pending, tip.commit) {
		if s, err := b.own.state(pending); err == nil { // else it is superseded
			b.base = s
			s.objects(func(h plumbing.Hash) { b.known[h] = true })
		}
	}
	b.head = b.base.commit
	return nil
}

// Lost is the commit that the branch had when it was last seen, empty unless it is
// not there any more and begins anew.
func (b *Branch) Lost() string {
	if b.lost.IsZero() {
		return ""
	}
	return b.lost.String()
}

// remember notes what the repository has.
func (b *Branch) remember(s *state) {
	s.objects(func(h plumbing.Hash) { b.pushed[h], b.known[h] = true, true })
}

// Put adds the file path to the tree; content is not kept. It may be called
// from several goroutines. A path is put once: the same content again is fine,
// another is an error, as it would lose one of the two. Paths that CheckPath
// refuses are a *PathError.
func (b *Branch) Put(path string, content []byte) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	h := plumbing.ComputeHash(plumbing.BlobObject, content)
	pack, err := b.note(path, h, len(content))
	if err != nil || pack == nil {
		return err
	}
	if err := pack.add(plumbing.BlobObject, h, content); err != nil {
		err = b.own.unwritable(err)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.failed = cmp.Or(b.failed, err)
		return err
	}
	return nil
}

// note returns the pack that the content belongs into, nil when it is known.
func (b *Branch) note(path string, h plumbing.Hash, size int) (*packWriter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.message != nil {
		return nil, fmt.Errorf("export: %s is put after the commit", path)
	}
	if was, there := b.files[path]; there && was != h {
		return nil, &PathError{Path: path, Reason: "is put twice, with different content"}
	} else if there {
		return nil, nil
	}
	b.files[path] = h
	b.written.Files++
	if b.known[h] {
		return nil, nil
	}
	b.known[h] = true
	b.written.New++
	b.written.Bytes += int64(size)
	return b.packLocked()
}

func (b *Branch) packLocked() (*packWriter, error) {
	if b.pack == nil {
		p, err := newPackWriter(b.own.dir())
		if err != nil {
			b.failed = b.own.unwritable(err)
			return nil, b.failed
		}
		b.pack = p
	}
	return b.pack, nil
}

// Stats returns the counts so far.
func (b *Branch) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written
}

// Close gives the lock back; what was put and not committed is thrown away.
func (b *Branch) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	if b.pack != nil {
		err = b.pack.discard()
		b.pack = nil
	}
	return errors.Join(err, b.own.close())
}
