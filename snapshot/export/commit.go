package export

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/rekindle-io/rekindle/recover/source"
)

// Trailer is one "Key: value" at the end of a commit's message.
type Trailer struct{ Key, Value string }

// Message of the commit.
type Message struct {
	// Subject is one line; Body may be empty, and loses control characters.
	Subject, Body string
	// Trailers come after the trailer Cluster, in this order.
	Trailers []Trailer
	// Keep names the files that stay as the branch has them when they were not
	// put: what could not be listed is unknown, not gone. nil keeps none.
	Keep func(path string) bool
	// Replace is asked before a file that was put takes the place of another one
	// that the branch has, which was reads: false leaves the branch's, an error ends
	// the commit. It is asked again, with other files, when the branch has moved. nil
	// replaces all.
	Replace func(path string, was func() ([]byte, error)) (bool, error)
	// Force lets the commit delete any number of files.
	Force bool
}

// Result says what the commit did.
type Result struct {
	// Commit is its SHA, or that of the commit which has the same tree.
	Commit string `json:"commit"`
	Tree   string `json:"tree"`
	// Unchanged: nothing differs from what the branch or an unpushed commit has,
	// and no commit was made.
	Unchanged bool `json:"unchanged"`
	// Waiting: Commit is not on the branch yet.
	Waiting bool `json:"waiting"`
	// Files of the tree. Added, Changed and Deleted compare with the commit
	// before, Kept were taken over from it by Message.Keep; files that no export
	// writes stay uncounted.
	Files   int `json:"files"`
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Deleted int `json:"deleted"`
	Kept    int `json:"kept"`
}

// Commit makes one commit of what was put, on top of the branch, and keeps it
// in a bare repository of ours until Push. Nothing is made when the tree is the
// same. A *MassDeletionError leaves everything as it was, and Commit may be
// called again.
func (b *Branch) Commit(message Message) (Result, error) {
	if err := message.check(); err != nil {
		return Result{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed != nil:
		return Result{}, fmt.Errorf("nothing is committed, as a file could not be written: %w", b.failed)
	case b.message != nil:
		return Result{}, errors.New("export: there is a commit already")
	}
	return b.commitLocked(message)
}

// commitLocked commits onto b.base.
func (b *Branch) commitLocked(message Message) (Result, error) {
	m, err := b.merge(message)
	if err != nil {
		return Result{}, err
	}
	r := m.result
	t := newTreeBuilder(m.files, m.modes)
	root, err := t.build()
	if err != nil {
		return Result{}, err
	}
	r.Tree, r.Files = root.String(), len(m.files)
	b.message, b.head = &message, b.base.commit
	if root == b.base.tree {
		r.Unchanged = true
	} else if b.head, err = b.write(t, root, message); err != nil {
		return Result{}, b.own.unwritable(err)
	}
	if r.Waiting = b.head != b.tip.commit; r.Waiting {
		err = b.own.record(b.tip.commit, b.head)
	} else {
		err = b.own.record(b.tip.commit, plumbing.ZeroHash)
	}
	if !b.head.IsZero() {
		r.Commit = b.head.String()
	}
	b.result = r
	return r, err
}

// merged is what becomes of the base with what was put.
type merged struct {
	files  map[string]plumbing.Hash
	modes  map[string]filemode.FileMode
	result Result
	// live and gone are files below Live: all that the base has, and those that go.
	live int
	gone []string
}

// merge adds to what was put what is to be kept of the base, and counts.
func (b *Branch) merge(message Message) (*merged, error) {
	m := &merged{files: maps.Clone(b.files), modes: map[string]filemode.FileMode{}}
	var refused error
	for path := range b.base.files {
		if err := b.meet(m, message, path); err != nil && refused == nil {
			refused = err // after all were asked about: it may name them
		}
	}
	if refused != nil {
		return nil, refused
	}
	m.result.Added = len(m.files) - (len(b.base.files) - m.result.Deleted)
	if !message.Force && m.tooMuch(b.opts.MaxDeleted) {
		slices.Sort(m.gone)
		return nil, &MassDeletionError{Repo: b.to.String(), Branch: b.target.Branch, Deleted: len(m.gone), Total: m.live, Examples: m.gone[:min(3, len(m.gone))]}
	}
	return m, nil
}

// tooMuch tells whether more goes than a cluster loses by itself: most of many
// files, or all that there are.
func (m *merged) tooMuch(most float64) bool {
	if len(m.gone) > FewDeleted && float64(len(m.gone)) > most*float64(m.live) {
		return true
	}
	if len(m.gone) == 0 {
		return false
	}
	for path := range m.files {
		if isLive(path) {
			return false
		}
	}
	return true
}

func isLive(path string) bool { return strings.HasPrefix(path, Live+"/") }

// meet decides about one file of the base.
func (b *Branch) meet(m *merged, message Message, path string) error {
	h, mode := b.base.files[path], b.base.modes[path]
	keep := func() {
		m.files[path] = h
		if mode != 0 {
			m.modes[path] = mode
		}
	}
	if isLive(path) {
		m.live++
	}
	now, there := b.files[path]
	switch {
	case there && (now != h || mode != 0):
		replace := true
		if message.Replace != nil {
			var err error
			if replace, err = message.Replace(path, func() ([]byte, error) { return b.content(path, h) }); err != nil {
				return err
			}
		}
		if !replace {
			keep()
			return nil
		}
		m.result.Changed++
	case there:
	case !isOurs(path):
		keep()
	case message.Keep != nil && message.Keep(path) && CheckPath(path) == nil:
		keep()
		m.result.Kept++
	default:
		m.result.Deleted++
		if isLive(path) {
			m.gone = append(m.gone, path)
		}
	}
	return nil
}

// content reads a file that the base has.
func (b *Branch) content(path string, h plumbing.Hash) ([]byte, error) {
	if !b.own.has(h) {
		return nil, &source.Error{Kind: source.ErrHistory, Repo: b.to.String(), What: "the file " + path + " of branch " + b.target.Branch + " is not in this clone",
			Next: "fetch it there (git fetch --refetch), or name the repository that was cloned"}
	}
	content, _, err := b.own.reader(h).Raw(h, maxRead)
	return content, err
}

// isOurs tells whether exports write what is at path; anything else on the
// branch was put there by people.
func isOurs(path string) bool {
	top, _, _ := strings.Cut(path, "/")
	return top == "README.md" || top == "report.json" || top == Live || top == "patches"
}

// write stores the folders that are not known and the commit.
func (b *Branch) write(t *treeBuilder, root plumbing.Hash, message Message) (plumbing.Hash, error) {
	pack, err := b.packLocked()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	for _, f := range t.folders {
		if b.known[f.hash] {
			continue
		}
		b.known[f.hash] = true
		if err := pack.add(plumbing.TreeObject, f.hash, f.content); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	content, err := b.commitObject(root, message)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	h := plumbing.ComputeHash(plumbing.CommitObject, content)
	if err := pack.add(plumbing.CommitObject, h, content); err != nil {
		return plumbing.ZeroHash, err
	}
	b.pack = nil
	path, err := pack.install()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	b.made = append(b.made, &madePack{path: path, holds: pack.sealed})
	return h, b.own.open()
}

func (b *Branch) commitObject(root plumbing.Hash, message Message) ([]byte, error) {
	c := &object.Commit{TreeHash: root, Message: message.text(Trailer{TrailerCluster, b.target.Cluster})}
	if !b.base.commit.IsZero() {
		c.ParentHashes = []plumbing.Hash{b.base.commit}
	}
	return encodeCommit(c, b.opts)
}

// encodeCommit signs c with names and time and returns it as git stores it.
func encodeCommit(c *object.Commit, opts Options) ([]byte, error) {
	now := opts.Now()
	c.Author = object.Signature{Name: opts.Author.Name, Email: opts.Author.Email, When: now}
	c.Committer = object.Signature{Name: opts.Committer.Name, Email: opts.Committer.Email, When: now}
	raw := &plumbing.MemoryObject{}
	if err := c.Encode(raw); err != nil {
		return nil, err
	}
	r, err := raw.Reader()
	if err != nil {
		return nil, err
	}
	content := make([]byte, raw.Size())
	_, err = r.Read(content)
	return content, err
}

func isControl(r rune) bool { return unicode.Is(unicode.C, r) }

func (m Message) check() error {
	if strings.TrimSpace(m.Subject) == "" || strings.ContainsFunc(m.Subject, isControl) {
		return fmt.Errorf("export: the subject %q is not one line of text", m.Subject)
	}
	for _, t := range m.Trailers {
		if t.Key == "" || t.Key == TrailerCluster || t.Key == TrailerAdoptedFrom || strings.Trim(strings.ToLower(t.Key), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.ContainsFunc(t.Value, isControl) {
			return fmt.Errorf("export: %q: %q is no trailer of its own", t.Key, t.Value)
		}
	}
	return nil
}

// text is the message as git stores it; first says whose it is.
func (m Message) text(first Trailer) string {
	var s strings.Builder
	s.WriteString(strings.TrimSpace(m.Subject) + "\n\n")
	body := strings.Map(func(r rune) rune {
		if isControl(r) && r != '\n' {
			return -1
		}
		return r
	}, m.Body)
	if body = strings.TrimSpace(body); body != "" {
		s.WriteString(body + "\n\n")
	}
	for _, t := range append([]Trailer{first}, m.Trailers...) {
		s.WriteString(t.Key + ": " + t.Value + "\n")
	}
	return s.String()
}
