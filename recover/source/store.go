package source

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

const (
	// maxMetaSize bounds commits, tags and trees, in bytes.
	maxMetaSize = 32 << 20
	// deltaCacheSize is what decoded delta bases may hold in memory.
	deltaCacheSize = 24 * cache.MiByte
)

// store is a view of an object store and its refs, as of when it was opened.
// go-git's storage is not safe for concurrent use; every access holds mu.
type store struct {
	loose   loose // needs no mu
	mu      sync.Mutex
	git     *filesystem.Storage
	lenders []*filesystem.Storage // object stores named in info/alternates
	shallow bool
	partial bool
	// where names the repository in errors; mark is the file that has a damaged
	// mirror rebuilt when it is opened next, empty for a local repository.
	where, mark string
}

// openStore opens gitDir for reading; common is the folder shared by linked
// work trees, or "".
func openStore(gitDir, common string) (*store, error) {
	dir := osfs.New(gitDir)
	if common != "" {
		dir = dotgit.NewRepositoryFilesystem(dir, osfs.New(common))
	}
	git := openStorage(dir)
	st := &store{git: git}
	if err := st.readConfig(); err != nil {
		return nil, err
	}
	if common == "" {
		common = gitDir
	}
	st.loose.folders = []string{filepath.Join(common, "objects")}
	if err := st.borrow(st.loose.folders[0], 0); err != nil {
		return nil, err
	}
	shallows, err := git.Shallow()
	if err != nil {
		return nil, fmt.Errorf("reading the shallow file: %w", err)
	}
	st.shallow = len(shallows) > 0
	return st, nil
}

func openStorage(dir billy.Filesystem) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(unlocked{dir}, cache.NewObjectLRU(deltaCacheSize), filesystem.Options{ExclusiveAccess: true, KeepDescriptors: true})
}

// maxAlternates bounds chains of repositories that borrow objects, as git does.
const maxAlternates = 5

// borrow opens the object stores that objects borrows from, see
// gitrepository-layout(5). go-git knows them in part only: not for sizes, not
// by prefix, not by a relative path.
func (s *store) borrow(objects string, depth int) error {
	b, err := os.ReadFile(filepath.Join(objects, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) || depth > maxAlternates {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		path := strings.TrimSpace(line)
		if path == "" || path[0] == '#' {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(objects, path)
		}
		if filepath.Base(path) != "objects" {
			return &Error{Kind: ErrUnsupported, What: "borrows objects from " + path + ", which is no repository's objects folder", Next: "run git repack -a there"}
		}
		s.lenders = append(s.lenders, openStorage(osfs.New(filepath.Dir(path))))
		s.loose.folders = append(s.loose.folders, path)
		if err := s.borrow(path, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// all are the object stores to look into, its own first.
func (s *store) all() []*filesystem.Storage {
	return append([]*filesystem.Storage{s.git}, s.lenders...)
}

// holder finds the object store that has h, and the object's size.
func (s *store) holder(h plumbing.Hash) (git *filesystem.Storage, size int64, err error) {
	for _, git := range s.all() {
		// HasEncodedObject overlooks packs under ExclusiveAccess (go-git v5.19.3).
		size, err = git.EncodedObjectSize(h)
		if err == nil || !errors.Is(err, plumbing.ErrObjectNotFound) {
			return git, size, err
		}
	}
	return nil, 0, err
}

func (s *store) readConfig() error {
	cfg, err := s.git.Config()
	if err != nil {
		return fmt.Errorf("reading its config: %w", err)
	}
	if ext := cfg.Raw.Section("extensions"); ext != nil {
		if f := strings.ToLower(ext.Option("objectformat")); f != "" && f != "sha1" {
			return &Error{Kind: ErrUnsupported, What: "uses " + f + " object names, which cannot be read yet", Next: "use a clone with sha1 object names"}
		}
		if f := strings.ToLower(ext.Option("refstorage")); f != "" && f != "files" {
			return &Error{Kind: ErrUnsupported, What: "keeps its refs in the " + f + " format, which cannot be read yet",
				Next: "run git refs migrate --ref-format=files there"}
		}
		s.partial = ext.Option("partialclone") != ""
	}
	for _, remote := range cfg.Raw.Section("remote").Subsections {
		s.partial = s.partial || remote.Option("promisor") == "true"
	}
	return nil
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, git := range s.all() {
		errs = append(errs, git.Close())
	}
	return errors.Join(errs...)
}

// has reports whether the object is there.
func (s *store) has(h plumbing.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, err := s.holder(h)
	return err == nil
}

// errTooLarge: the object is larger than asked for.
var errTooLarge = errors.New("object too large")

// raw reads an object and compares it with its name.
func (s *store) raw(h plumbing.Hash, want plumbing.ObjectType, limit int64) ([]byte, plumbing.ObjectType, error) {
	b, t, err := s.loose.read(h, limit)
	switch {
	case errors.Is(err, errNotLoose):
		return s.rawPacked(h, want, limit)
	case err == nil && want != plumbing.AnyObject && want != t:
		return nil, 0, s.objectError(h, plumbing.ErrObjectNotFound)
	}
	return b, t, err
}

func (s *store) rawPacked(h plumbing.Hash, want plumbing.ObjectType, limit int64) ([]byte, plumbing.ObjectType, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	git, size, err := s.holder(h)
	if err != nil {
		return nil, 0, s.objectError(h, err)
	}
	if size > limit {
		return nil, 0, errTooLarge
	}
	o, err := git.EncodedObject(want, h)
	if err != nil {
		return nil, 0, s.objectError(h, err)
	}
	r, err := o.Reader()
	if err != nil {
		return nil, 0, s.objectError(h, err)
	}
	defer r.Close()
	b := make([]byte, 0, max(size+1, 512))
	for len(b) <= int(size) {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, 0, s.objectError(h, err)
		}
	}
	if plumbing.ComputeHash(o.Type(), b) != h {
		return nil, 0, s.objectError(h, errors.New("its content does not match its name"))
	}
	return b, o.Type(), nil
}

// size of an object in bytes.
func (s *store) size(h plumbing.Hash) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, size, err := s.holder(h)
	if err != nil {
		return 0, s.objectError(h, err)
	}
	return size, nil
}

// objectError explains why an object cannot be read.
func (s *store) objectError(h plumbing.Hash, err error) error {
	e := &Error{Kind: ErrHistory, Repo: s.where}
	missing := errors.Is(err, plumbing.ErrObjectNotFound)
	switch {
	case missing && s.shallow:
		e.What, e.Next = fmt.Sprintf("it is a shallow clone and lacks object %s", h), "run git fetch --unshallow in it, then try again"
		return e
	case missing && s.partial:
		e.What, e.Next = fmt.Sprintf("it is a partial clone and lacks object %s", h), "run git fetch --refetch --no-filter in it, or name its remote as the repository"
		return e
	case missing:
		e.Kind, e.What = ErrCorrupt, fmt.Sprintf("object %s is missing", h)
	default:
		e.Kind, e.What, e.Err = ErrCorrupt, fmt.Sprintf("object %s cannot be read", h), err
	}
	e.Next = "run git fsck there, or clone it anew"
	if s.mark != "" && os.WriteFile(s.mark, nil, 0o600) == nil {
		e.Next = "try again: its mirror will be made anew"
	}
	return e
}

// commit reads the commit h.
func (s *store) commit(h plumbing.Hash) (*object.Commit, error) {
	b, t, err := s.raw(h, plumbing.AnyObject, maxMetaSize)
	if err != nil {
		return nil, metaError(h, err)
	}
	if t != plumbing.CommitObject {
		return nil, &notCommitError{hash: h, is: t}
	}
	c := &object.Commit{}
	if err := c.Decode(memoryObject(t, b)); err != nil {
		return nil, &Error{Kind: ErrCorrupt, What: fmt.Sprintf("commit %s cannot be read", h), Err: err}
	}
	return c, nil
}

type notCommitError struct {
	hash plumbing.Hash
	is   plumbing.ObjectType
}

func (e *notCommitError) Error() string {
	return fmt.Sprintf("object %s is a %s, not a commit", e.hash, e.is)
}

// peel follows annotated tags to the commit; tag is the outermost one.
func (s *store) peel(h plumbing.Hash) (c *object.Commit, tag *object.Tag, err error) {
	for range 16 {
		b, t, err := s.raw(h, plumbing.AnyObject, maxMetaSize)
		if err != nil {
			return nil, nil, metaError(h, err)
		}
		if t != plumbing.TagObject {
			c, err := s.commit(h)
			return c, tag, err
		}
		inner := &object.Tag{}
		if err := inner.Decode(memoryObject(t, b)); err != nil {
			return nil, nil, &Error{Kind: ErrCorrupt, What: fmt.Sprintf("tag %s cannot be read", h), Err: err}
		}
		if tag == nil {
			tag = inner
		}
		h = inner.Target
	}
	return nil, nil, &Error{Kind: ErrCorrupt, What: fmt.Sprintf("tag %s is nested too deep", h)}
}

func metaError(h plumbing.Hash, err error) error {
	if errors.Is(err, errTooLarge) {
		return &Error{Kind: ErrCorrupt, What: fmt.Sprintf("object %s is larger than %d bytes", h, maxMetaSize)}
	}
	return err
}

func memoryObject(t plumbing.ObjectType, b []byte) *plumbing.MemoryObject {
	o := &plumbing.MemoryObject{}
	o.SetType(t)
	_, _ = o.Write(b) // a memory object takes everything
	return o
}

// refs returns every ref that names an object, by full name, and what HEAD
// says: the full name of a branch, or the detached commit.
func (s *store) refs() (refs map[string]plumbing.Hash, branch string, detached plumbing.Hash, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs = map[string]plumbing.Hash{}
	symbolic := map[string]string{}
	it, err := s.git.IterReferences()
	if err != nil {
		return nil, "", detached, &Error{Kind: ErrCorrupt, What: "its refs cannot be read", Next: "run git fsck there", Err: err}
	}
	defer it.Close()
	err = it.ForEach(func(r *plumbing.Reference) error {
		name := r.Name().String()
		switch {
		case r.Type() == plumbing.SymbolicReference && name == "HEAD":
			branch = r.Target().String()
		case r.Type() == plumbing.SymbolicReference:
			symbolic[name] = r.Target().String()
		case name == "HEAD":
			detached = r.Hash()
		default:
			refs[name] = r.Hash()
		}
		return nil
	})
	for name, target := range symbolic {
		if h, ok := refs[target]; ok {
			refs[name] = h
		}
	}
	return refs, branch, detached, err
}

// withPrefix returns the objects whose name begins with prefix (4 to 40 hex
// digits).
func (s *store) withPrefix(prefix string) ([]plumbing.Hash, error) {
	whole, err := hex.DecodeString(prefix[:len(prefix)/2*2])
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []plumbing.Hash
	for _, git := range s.all() {
		some, err := git.HashesWithPrefix(whole)
		if err != nil {
			return nil, &Error{Kind: ErrCorrupt, What: "its object index cannot be read", Next: "run git fsck there", Err: err}
		}
		for _, h := range some {
			if strings.HasPrefix(h.String(), prefix) && !slices.Contains(found, h) {
				found = append(found, h)
			}
		}
	}
	return found, nil
}
