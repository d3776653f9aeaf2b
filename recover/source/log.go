package source

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Limits of a walk through a history, so that a hostile repository costs little.
const (
	// maxScanned is how many commits one page looks at, maxScannedPaths how many
	// when the trees of each have to be looked at, too.
	maxScanned      = 20_000
	maxScannedPaths = 4_000
	// maxParents is of how many parents of a merge the history is shown.
	maxParents = 64
	// maxNames is how many tags and branches are looked at.
	maxNames = 5_000
	// maxBody is how much of a message is shown, in bytes, maxAuthor of a name.
	maxBody   = 8 << 10
	maxAuthor = 200
)

// LogQuery says which commits of a history are wanted.
type LogQuery struct {
	// Search is looked for in subject, message, author, SHA, and the names of the
	// tags and branches on a commit, whatever the case. Empty: all.
	Search string
	// Path leaves out commits that have it as one of their parents has. Empty: none.
	Path string
	// Limit is the most commits in the page; it must be positive.
	Limit int
}

// Logged is one commit of a history.
type Logged struct {
	Commit
	// Body is the message behind the subject.
	Body string
	// Tags and Branches are those on this very commit, sorted.
	Tags, Branches []string
}

// Names are the branches of a repository, sorted, and its tags, newest first.
type Names struct{ Branches, Tags []string }

// Walk is how far a history was read: from a commit back, newest first, over all
// parents. It is used by one goroutine at a time.
type Walk struct {
	start plumbing.Hash
	read  int
	seen  map[plumbing.Hash]bool
	front frontier
}

// NewWalk begins a walk at a full SHA.
func NewWalk(sha string) (*Walk, error) {
	if !plumbing.IsHash(sha) {
		return nil, &RevisionError{Revision: sha, Reason: "is not a full SHA: resolve it first"}
	}
	return &Walk{start: plumbing.NewHash(sha)}, nil
}

// Start is the SHA that the walk began at, Read how many commits it has looked at.
func (w *Walk) Start() string { return w.start.String() }

// Read is how many commits the walk has looked at.
func (w *Walk) Read() int { return w.read }

// frontier are commits that were met and not looked at, newest first.
type frontier []*object.Commit

func (f frontier) Len() int { return len(f) }
func (f frontier) Less(i, j int) bool {
	if c := f[i].Committer.When.Compare(f[j].Committer.When); c != 0 {
		return c > 0
	}
	return cmp.Compare(f[i].Hash.String(), f[j].Hash.String()) < 0
}
func (f frontier) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

// Push implements heap.Interface.
func (f *frontier) Push(x any) { *f = append(*f, x.(*object.Commit)) }

// Pop implements heap.Interface.
func (f *frontier) Pop() any {
	last := (*f)[len(*f)-1]
	(*f)[len(*f)-1] = nil
	*f = (*f)[:len(*f)-1]
	return last
}

// Log goes on with a walk and returns the next page, and whether there is more. A
// page may have fewer commits than the limit, even none, when few of many match.
// Where a shallow clone ends, the history ends. Signatures are not looked at.
// Errors: those of Tree.
func (r *Repository) Log(ctx context.Context, w *Walk, q LogQuery) (page []Logged, more bool, err error) {
	st, err := r.storeWith(ctx, w.start)
	if err != nil {
		return nil, false, err
	}
	if w.seen == nil {
		c, err := st.commit(w.start)
		if err != nil {
			return nil, false, r.at(err)
		}
		w.seen, w.front = map[plumbing.Hash]bool{w.start: true}, frontier{c}
	}
	on, err := st.decorations()
	if err != nil {
		return nil, false, r.at(err)
	}
	q.Search = strings.ToLower(q.Search)
	l := logging{st: st, on: on, q: q, memo: map[plumbing.Hash]plumbing.Hash{}}
	most := maxScanned
	if q.Path != "" {
		most = maxScannedPaths
	}
	for range most {
		if len(w.front) == 0 || len(page) == q.Limit {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		c, _ := heap.Pop(&w.front).(*object.Commit)
		w.read++
		one, wanted, err := l.look(w, c)
		if err != nil {
			return nil, false, r.at(err)
		}
		if wanted && one.matches(q.Search) {
			page = append(page, one)
		}
	}
	return page, len(w.front) > 0, nil
}

// Skip goes on with a walk until it has looked at n commits, and shows none.
func (r *Repository) Skip(ctx context.Context, w *Walk, n int) error {
	for w.read < n {
		before := w.read
		if _, more, err := r.Log(ctx, w, LogQuery{Limit: n - w.read}); err != nil || !more || w.read == before {
			return err
		}
	}
	return nil
}

// logging is one page in the making.
type logging struct {
	st *store
	on map[plumbing.Hash]*names
	q  LogQuery
	// memo remembers what stands at the path in a tree.
	memo map[plumbing.Hash]plumbing.Hash
}

// look reads a commit's parents onto the frontier, and tells whether the commit is
// about the path.
func (l *logging) look(w *Walk, c *object.Commit) (Logged, bool, error) {
	wanted := l.q.Path == ""
	parents, same := 0, false
	here, err := l.at(c.TreeHash)
	if err != nil {
		return Logged{}, false, err
	}
	for _, h := range c.ParentHashes[:min(len(c.ParentHashes), maxParents)] {
		if w.seen[h] && wanted {
			continue
		}
		if l.st.shallow && !l.st.has(h) {
			continue
		}
		p, err := l.st.commit(h)
		if err != nil {
			return Logged{}, false, err
		}
		if !w.seen[h] {
			w.seen[h] = true
			p.Message, p.PGPSignature = clip(p.Message, 2*maxBody), "" // many wait there
			heap.Push(&w.front, p)
		}
		if wanted {
			continue
		}
		parents++
		there, err := l.at(p.TreeHash)
		if err != nil {
			return Logged{}, false, err
		}
		same = same || there == here
	}
	switch {
	case wanted:
	case parents == 0:
		wanted = !here.IsZero()
	default:
		wanted = !same
	}
	if !wanted {
		return Logged{}, false, nil
	}
	return l.entry(c), true, nil
}

func (l *logging) entry(c *object.Commit) Logged {
	one := Logged{Commit: Commit{SHA: c.Hash.String(), Time: c.Committer.When, Author: clip(c.Author.Name, maxAuthor), Subject: subject(c)}}
	_, body, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n\n")
	one.Body = clip(strings.TrimSpace(body), maxBody)
	if n := l.on[c.Hash]; n != nil {
		one.Tags, one.Branches = n.tags, n.branches
	}
	return one
}

func clip(text string, most int) string {
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func (one Logged) matches(search string) bool {
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), search) }
	return search == "" || strings.HasPrefix(one.SHA, search) || has(one.Subject) || has(one.Author) || has(one.Body) ||
		slices.ContainsFunc(one.Tags, has) || slices.ContainsFunc(one.Branches, has)
}

// at is what a tree has at the path; zero for nothing.
func (l *logging) at(tree plumbing.Hash) (plumbing.Hash, error) {
	if l.q.Path == "" {
		return tree, nil
	}
	if h, ok := l.memo[tree]; ok {
		return h, nil
	}
	h, mode := tree, filemode.Dir
	for part := range strings.SplitSeq(l.q.Path, "/") {
		if mode != filemode.Dir {
			h = plumbing.ZeroHash
			break
		}
		f, err := l.st.folder(h)
		if err != nil {
			return h, err
		}
		i := slices.IndexFunc(f.entries, func(n node) bool { return n.name == part })
		if i < 0 {
			h = plumbing.ZeroHash
			break
		}
		h, mode = f.entries[i].hash, f.entries[i].mode
	}
	l.memo[tree] = h
	return h, nil
}

// names are those of one commit.
type names struct{ tags, branches []string }

// decorations are the tags and branches of commits.
func (s *store) decorations() (map[plumbing.Hash]*names, error) {
	refs, _, _, err := s.refs()
	if err != nil {
		return nil, err
	}
	on := map[plumbing.Hash]*names{}
	of := func(h plumbing.Hash) *names {
		if on[h] == nil {
			on[h] = &names{}
		}
		return on[h]
	}
	left := maxNames
	for _, full := range slices.Sorted(maps.Keys(refs)) {
		if left--; left < 0 {
			break
		}
		if tag, ok := strings.CutPrefix(full, "refs/tags/"); ok {
			c, _, err := s.peel(refs[full])
			if err != nil {
				continue // a tag of something else, or of nothing that is here
			}
			n := of(c.Hash)
			n.tags = append(n.tags, tag)
		} else if branch, ok := branchOf(full); ok {
			n := of(refs[full])
			n.branches = append(n.branches, branch)
		}
	}
	return on, nil
}

// branchOf is the short name of a branch, of a remote's as git shows it.
func branchOf(full string) (string, bool) {
	if branch, ok := strings.CutPrefix(full, "refs/heads/"); ok {
		return branch, true
	}
	branch, ok := strings.CutPrefix(full, "refs/remotes/")
	return branch, ok && !strings.HasSuffix(branch, "/HEAD")
}

// Names returns the branches and tags, of very many only some. A remote is asked
// once per Repository.
func (r *Repository) Names(ctx context.Context) (Names, error) {
	st, err := r.storeNow(ctx)
	if err != nil {
		return Names{}, err
	}
	refs, _, _, err := st.refs()
	if err != nil {
		return Names{}, r.at(err)
	}
	var n Names
	at := map[string]time.Time{}
	for _, full := range slices.Sorted(maps.Keys(refs)) {
		if branch, ok := branchOf(full); ok && len(n.Branches) < maxNames {
			n.Branches = append(n.Branches, branch)
		} else if tag, ok := strings.CutPrefix(full, "refs/tags/"); ok && len(n.Tags) < maxNames {
			c, _, err := st.peel(refs[full])
			if err != nil {
				continue
			}
			n.Tags, at[tag] = append(n.Tags, tag), c.Committer.When
		}
		if err := ctx.Err(); err != nil {
			return Names{}, fmt.Errorf("read the names of %s: %w", r.loc.display, err)
		}
	}
	slices.SortStableFunc(n.Tags, func(a, b string) int { return cmp.Or(at[b].Compare(at[a]), cmp.Compare(b, a)) })
	return n, nil
}
