package export

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/rekindle-io/rekindle/recover/source"
)

// The trailers of an export's commit. Cluster says whose branch it is.
const (
	TrailerCluster      = "Cluster"
	TrailerSourceCommit = "Source-Commit"
	TrailerDrift        = "Drift"
	TrailerFingerprint  = "Fingerprint"
)

const (
	// maxFiles and maxDepth bound the tree of a branch: a few small folders can
	// stand for a billion files.
	maxFiles = 1_000_000
	maxDepth = 32
)

// state is what a commit holds; the zero state is that of no commit.
type state struct {
	commit, tree plumbing.Hash
	files        map[string]plumbing.Hash
	// modes are those of the files that are no regular ones, which no export makes:
	// programs, symbolic links, submodules.
	modes   map[string]filemode.FileMode
	folders []plumbing.Hash
}

// objects calls f for every object of the commit.
func (s *state) objects(f func(plumbing.Hash)) {
	if s.commit.IsZero() {
		return
	}
	f(s.commit)
	for _, h := range s.folders {
		f(h)
	}
	for _, h := range s.files {
		f(h)
	}
}

// fetch brings the tip of the branch here, checks that it is ours, and reads
// it. A depot found damaged
// is made anew once, as long as nothing was made in it.
func (b *Branch) fetch(ctx context.Context) (*state, error) {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	for again := false; ; again = true {
		tip, err := b.to.Fetch(ctx, b.target.ref(), b.own.dir(), b.own.has, b.opts.Contents)
		if err != nil {
			return nil, err
		}
		if err := b.own.open(); err != nil {
			return nil, b.own.unwritable(err)
		}
		s, err := b.read(tip)
		damaged := errors.Is(err, source.ErrCorrupt) || errors.Is(err, source.ErrHistory)
		if !damaged || again || b.pack != nil || len(b.made) > 0 {
			return s, err
		}
		if err := b.own.wipe(); err != nil {
			return nil, b.own.unwritable(err)
		}
	}
}

// read reads a tip, once it is known to be ours.
func (b *Branch) read(tip plumbing.Hash) (*state, error) {
	if !tip.IsZero() {
		c, err := b.own.commit(tip)
		if err != nil {
			return nil, err
		}
		if err := b.checkOurs(c); err != nil {
			return nil, err
		}
	}
	return b.own.state(tip)
}

// state reads a commit and all of its folders.
func (d *depot) state(commit plumbing.Hash) (*state, error) {
	s := &state{commit: commit, files: map[string]plumbing.Hash{}, modes: map[string]filemode.FileMode{}}
	if commit.IsZero() {
		return s, nil
	}
	c, err := d.commit(commit)
	if err != nil {
		return nil, err
	}
	s.tree = c.TreeHash
	r := &folderReader{depot: d, commit: commit, read: map[plumbing.Hash][]source.Entry{}, sizes: map[plumbing.Hash]size{}}
	if _, err := r.size(s.tree, 0); err != nil {
		return nil, err
	}
	for h := range r.read {
		s.folders = append(s.folders, h)
	}
	r.list(s.tree, "", s)
	return s, nil
}

// folderReader reads each folder once, however often it occurs.
type folderReader struct {
	depot  *depot
	commit plumbing.Hash
	read   map[plumbing.Hash][]source.Entry
	sizes  map[plumbing.Hash]size
}

// size is what lies below a folder.
type size struct{ files, levels int }

// size looks at each folder before anybody makes a list of all files.
func (r *folderReader) size(folder plumbing.Hash, depth int) (size, error) {
	if s, known := r.sizes[folder]; known {
		return s, nil
	}
	if depth > maxDepth {
		return size{}, r.tooMuch()
	}
	entries, err := r.depot.reader(folder).Folder(folder)
	if err != nil {
		return size{}, err
	}
	s := size{files: len(entries), levels: 1}
	for _, e := range entries {
		if e.Mode != filemode.Dir {
			continue
		}
		below, err := r.size(e.Hash, depth+1)
		if err != nil {
			return size{}, err
		}
		s.files += below.files
		s.levels = max(s.levels, below.levels+1)
	}
	if s.files > maxFiles || s.levels > maxDepth {
		return size{}, r.tooMuch()
	}
	r.read[folder], r.sizes[folder] = entries, s
	return s, nil
}

func (r *folderReader) tooMuch() error {
	return &source.Error{Kind: source.ErrUnsupported, Repo: source.Redact(r.depot.display), Next: "name another branch",
		What: fmt.Sprintf("commit %s has more than %d files or %d levels of folders, which no export has", r.commit, maxFiles, maxDepth)}
}

func (r *folderReader) list(folder plumbing.Hash, prefix string, s *state) {
	for _, e := range r.read[folder] {
		if e.Mode == filemode.Dir {
			r.list(e.Hash, prefix+e.Name+"/", s)
			continue
		}
		s.files[prefix+e.Name] = e.Hash
		if e.Mode != filemode.Regular {
			s.modes[prefix+e.Name] = e.Mode
		}
	}
}

// checkOurs refuses a tip that is not an export of the cluster.
func (b *Branch) checkOurs(c *object.Commit) error { return b.target.owns(b.to.String(), c) }

// owns refuses a tip that is not an export of the cluster.
func (t Target) owns(repo string, c *object.Commit) error {
	cluster := trailer(c.Message, TrailerCluster)
	if cluster == t.Cluster {
		return nil
	}
	subject, _, _ := strings.Cut(c.Message, "\n")
	return &ForeignBranchError{Repo: repo, Branch: t.Branch, Commit: c.Hash.String(),
		Author: c.Author.Name, Subject: subject, Cluster: cluster, Want: t.Cluster}
}

// trailer returns the value of a trailer, see git-interpret-trailers(1), "" when
// the message has none of that key.
func trailer(message, key string) string {
	paragraphs := strings.Split(strings.TrimRight(message, "\n"), "\n\n")
	if len(paragraphs) < 2 {
		return ""
	}
	value := ""
	for line := range strings.SplitSeq(paragraphs[len(paragraphs)-1], "\n") {
		k, v, ok := strings.Cut(line, ": ")
		if !ok || strings.ContainsAny(k, " \t") {
			return "" // prose
		}
		if k == key {
			value = strings.TrimSpace(v)
		}
	}
	return value
}
