package export

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
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
	files, r, err := b.merge(message)
	if err != nil {
		return Result{}, err
	}
	t := newTreeBuilder(files)
	root, err := t.build()
	if err != nil {
		return Result{}, err
	}
	r.Tree, r.Files = root.String(), len(files)
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

// merge adds to what was put what is to be kept of the base, and counts.
func (b *Branch) merge(message Message) (map[string]plumbing.Hash, Result, error) {
	var r Result
	files := maps.Clone(b.files)
	var gone []string
	live := 0
	for path, h := range b.base.files {
		isLive := strings.HasPrefix(path, Live+"/")
		if isLive {
			live++
		}
		now, there := b.files[path]
		switch {
		case there && now != h:
			r.Changed++
		case there:
		case !isOurs(path) && CheckPath(path) == nil:
			files[path] = h
		case message.Keep != nil && message.Keep(path) && CheckPath(path) == nil:
			files[path] = h
			r.Kept++
		default:
			r.Deleted++
			if isLive {
				gone = append(gone, path)
			}
		}
	}
	r.Added = len(files) - (len(b.base.files) - r.Deleted)
	if !message.Force && len(gone) > FewDeleted && float64(len(gone)) > b.opts.MaxDeleted*float64(live) {
		slices.Sort(gone)
		return nil, r, &MassDeletionError{Repo: b.to.String(), Branch: b.target.Branch, Deleted: len(gone), Total: live, Examples: gone[:3]}
	}
	return files, r, nil
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
