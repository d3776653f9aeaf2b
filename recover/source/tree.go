package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const (
	maxSymlinks   = 40
	maxSymlinkLen = 4096
	maxEntries    = 200_000 // in one folder
)

// Tree is all of a commit's files, read from the object store when asked for.
// It is an fs.FS with ReadDir, ReadFile, Stat, Lstat and ReadLink, and safe for
// concurrent use until its Repository is closed.
//
// Symbolic links are followed inside the tree only (*SymlinkError otherwise);
// a submodule is listed as an irregular file, and asking for something in it is
// a *SubmoduleError; a Git LFS pointer in place of a file's content is an
// *LFSError; a file above the limit is a *TooLargeError. All come wrapped in
// *fs.PathError.
type Tree struct {
	st      *store
	sha     string
	time    time.Time
	root    node
	maxSize int64

	mu   sync.Mutex
	dirs map[plumbing.Hash]*folder
}

var (
	_ fs.ReadDirFS  = (*Tree)(nil)
	_ fs.ReadFileFS = (*Tree)(nil)
	_ fs.StatFS     = (*Tree)(nil)
	_ fs.ReadLinkFS = (*Tree)(nil)
)

// emptyTree is the name of a tree without entries.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// node is one entry of a tree.
type node struct {
	name string
	mode filemode.FileMode
	hash plumbing.Hash
}

// folder is a decoded tree object, its entries sorted by name.
type folder struct {
	entries []node
}

func newTree(st *store, c *object.Commit, maxSize int64) (*Tree, error) {
	t := &Tree{st: st, sha: c.Hash.String(), time: c.Committer.When, maxSize: maxSize, dirs: map[plumbing.Hash]*folder{},
		root: node{name: ".", mode: filemode.Dir, hash: c.TreeHash}}
	if _, err := t.folder(c.TreeHash); err != nil {
		return nil, err
	}
	return t, nil
}

// Commit is the SHA that the tree belongs to.
func (t *Tree) Commit() string { return t.sha }

// Open opens a file or a folder. A file's content is read at once.
func (t *Tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name, true)
	if err != nil {
		return nil, err
	}
	info := t.info(n, path.Base(name))
	if n.mode == filemode.Dir {
		entries, err := t.entries(n)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &openDir{name: name, info: info, entries: entries}, nil
	}
	b, err := t.content(n)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	info.once.Do(func() { info.size = int64(len(b)) })
	return &openFile{Reader: bytes.NewReader(b), info: info}, nil
}

// ReadFile reads a whole file; the caller owns the bytes.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	n, err := t.find("read", name, true)
	if err != nil {
		return nil, err
	}
	if n.mode == filemode.Dir {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a folder")}
	}
	b, err := t.content(n)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return b, nil
}

// ReadDir lists a folder, sorted by name.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if n.mode != filemode.Dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("is not a folder")}
	}
	entries, err := t.entries(n)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return entries, nil
}

// Stat describes what name leads to; ModTime is the commit's.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	n, err := t.find("stat", name, true)
	if err != nil {
		return nil, err
	}
	info := t.info(n, path.Base(name))
	if err := info.load(); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return info, nil
}

// Lstat is Stat without following a symbolic link at the end, and without looking
// at the object: its size is read when it is asked for, 0 when it cannot be.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	n, err := t.find("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return t.info(n, path.Base(name)), nil
}

// ReadLink returns a symbolic link's target as the repository has it.
func (t *Tree) ReadLink(name string) (string, error) {
	n, err := t.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	if n.mode != filemode.Symlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := t.target(n)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

// find walks to name, through symbolic links; the last one is followed when
// follow is set.
func (t *Tree) find(op, name string, follow bool) (node, error) {
	fail := func(err error) (node, error) { return node{}, &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	todo := strings.Split(name, "/")
	chain := []node{t.root}
	for hops := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..": // of a link's target; name itself has none
			if len(chain) == 1 {
				return fail(&SymlinkError{Path: name, Reason: "leads out of the repository"})
			}
			chain = chain[:len(chain)-1]
			continue
		}
		n, err := t.child(chain, part)
		if err != nil {
			if hops > 0 && errors.Is(err, fs.ErrNotExist) {
				err = &SymlinkError{Path: name, Reason: "leads to nothing", Dangling: true}
			}
			return fail(err)
		}
		if n.mode != filemode.Symlink || len(todo) == 0 && !follow {
			chain = append(chain, n)
			continue
		}
		target, err := t.target(n)
		switch hops++; {
		case err != nil:
			return fail(err)
		case hops > maxSymlinks:
			return fail(&SymlinkError{Path: name, Target: target, Reason: "leads in a circle"})
		case target == "" || strings.HasPrefix(target, "/") || strings.ContainsRune(target, 0):
			return fail(&SymlinkError{Path: name, Target: target, Reason: "is absolute or empty, and leads out of the repository"})
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return chain[len(chain)-1], nil
}

// child looks part up in the last of the chain.
func (t *Tree) child(chain []node, part string) (node, error) {
	parent := chain[len(chain)-1]
	switch parent.mode {
	case filemode.Dir:
	case filemode.Submodule:
		return node{}, &SubmoduleError{Path: joined(chain), Commit: parent.hash.String()}
	default:
		return node{}, fs.ErrNotExist
	}
	f, err := t.folder(parent.hash)
	if err != nil {
		return node{}, err
	}
	i, ok := slices.BinarySearchFunc(f.entries, part, func(n node, name string) int { return strings.Compare(n.name, name) })
	if !ok {
		return node{}, fs.ErrNotExist
	}
	return f.entries[i], nil
}

func joined(chain []node) string {
	names := make([]string, 0, len(chain))
	for _, n := range chain[1:] {
		names = append(names, n.name)
	}
	return path.Join(names...)
}

// folder decodes a tree object once.
func (t *Tree) folder(h plumbing.Hash) (*folder, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f, ok := t.dirs[h]; ok {
		return f, nil
	}
	f, err := t.st.folder(h)
	if err != nil {
		return nil, err
	}
	t.dirs[h] = f
	return f, nil
}

// folder reads and checks a tree object.
func (s *store) folder(h plumbing.Hash) (*folder, error) {
	if h.String() == emptyTree {
		return &folder{}, nil // git takes it as given, it need not be stored
	}
	b, _, err := s.raw(h, plumbing.TreeObject, maxMetaSize)
	if err != nil {
		return nil, metaError(h, err)
	}
	tree := &object.Tree{}
	if err := tree.Decode(memoryObject(plumbing.TreeObject, b)); err != nil {
		return nil, &Error{Kind: ErrCorrupt, What: fmt.Sprintf("folder %s cannot be read", h), Next: "run git fsck there", Err: err}
	}
	if len(tree.Entries) > maxEntries {
		return nil, &Error{Kind: ErrUnsupported, What: fmt.Sprintf("folder %s has more than %d entries", h, maxEntries)}
	}
	f := &folder{entries: make([]node, 0, len(tree.Entries))}
	for _, e := range tree.Entries {
		if reason := hostileName(e.Name); reason != "" {
			return nil, &HostileNameError{Folder: h.String(), Name: e.Name, Reason: reason}
		}
		f.entries = append(f.entries, node{name: e.Name, mode: e.Mode, hash: e.Hash})
	}
	slices.SortFunc(f.entries, func(a, b node) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(f.entries); i++ {
		if f.entries[i].name == f.entries[i-1].name {
			return nil, &HostileNameError{Folder: h.String(), Name: f.entries[i].name, Reason: "is there twice"}
		}
	}
	return f, nil
}

// hostileName says what is wrong with the names that git itself refuses to
// check out, and with those that no fs.FS can open.
func hostileName(name string) string {
	switch {
	case name == "" || name == "." || name == ".." || strings.EqualFold(name, ".git") || strings.ContainsAny(name, "/\x00"):
		return "git would refuse to check out"
	case !utf8.ValidString(name):
		return "is not UTF-8"
	}
	return ""
}

// content reads a file's bytes.
func (t *Tree) content(n node) ([]byte, error) {
	if n.mode == filemode.Submodule {
		return nil, &SubmoduleError{Path: n.name, Commit: n.hash.String()}
	}
	b, _, err := t.st.raw(n.hash, plumbing.BlobObject, t.maxSize)
	if errors.Is(err, errTooLarge) {
		size, _ := t.st.size(n.hash)
		return nil, &TooLargeError{Size: size, Limit: t.maxSize}
	}
	if err != nil {
		return nil, err
	}
	if p := lfsPointer(b); p != nil {
		return nil, p
	}
	return b, nil
}

func (t *Tree) target(n node) (string, error) {
	b, _, err := t.st.raw(n.hash, plumbing.BlobObject, maxSymlinkLen)
	if errors.Is(err, errTooLarge) {
		return "", &SymlinkError{Path: n.name, Reason: "has a target that is too long"}
	}
	return string(b), err
}

func (t *Tree) entries(n node) ([]fs.DirEntry, error) {
	f, err := t.folder(n.hash)
	if err != nil {
		return nil, err
	}
	entries := make([]fs.DirEntry, len(f.entries))
	for i, e := range f.entries {
		entries[i] = dirEntry{t.info(e, e.name)}
	}
	return entries, nil
}

func (t *Tree) info(n node, name string) *fileInfo {
	return &fileInfo{tree: t, node: n, name: name}
}
