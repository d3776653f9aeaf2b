package render

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// treeRoot is where kustomize finds the tree. Everything else that it asks for
// does not exist, so no path in a kustomization leads to the machine's disk.
const treeRoot = "/tree"

// kustFS is the tree as kustomize wants a file system: nothing is copied.
type kustFS struct {
	tree   fs.FS
	limits Limits
	guard  kustGuard
	// open looks into every file for what has to be decrypted.
	open func(name string, data []byte) error
	// rewrite, when set, changes a kustomization file on its way to kustomize.
	rewrite func(name string, data []byte) []byte
	// clones is where kustomize puts clones of remote bases; nil when they are
	// not allowed.
	clones *cloneFS
	read   int64
	// fault is the first thing that the guard refused. kustomize buries or
	// drops what a file system says, this keeps it.
	fault error
}

var _ filesys.FileSystem = (*kustFS)(nil)

// inTree returns the path in the tree for a path of kustomize's.
func inTree(p string) (string, bool) {
	p = filepath.ToSlash(filepath.Clean(p))
	if p == treeRoot {
		return ".", true
	}
	name, ok := strings.CutPrefix(p, treeRoot+"/")
	return name, ok && fs.ValidPath(name)
}

func outside(op, p string) error {
	return &fs.PathError{Op: op, Path: p, Err: fmt.Errorf("is outside of the repository: %w", fs.ErrNotExist)}
}

func (k *kustFS) stat(p string) (fs.FileInfo, error) {
	name, ok := inTree(p)
	if !ok {
		return nil, outside("stat", p)
	}
	return fs.Stat(k.tree, name)
}

func (k *kustFS) IsDir(p string) bool {
	if k.clones.has(p) {
		return k.clones.disk.IsDir(p)
	}
	info, err := k.stat(p)
	return err == nil && info.IsDir()
}

func (k *kustFS) Exists(p string) bool {
	if k.clones.has(p) {
		return k.clones.disk.Exists(p)
	}
	_, err := k.stat(p)
	return err == nil
}

func (k *kustFS) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	if k.clones.has(p) {
		return k.clones.disk.CleanedAbs(p)
	}
	if !filepath.IsAbs(p) {
		p = path.Join(treeRoot, p)
	}
	p = filepath.ToSlash(filepath.Clean(p))
	info, err := k.stat(p)
	if err != nil {
		return "", "", err
	}
	if info.IsDir() {
		return filesys.ConfirmedDir(p), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(p)), path.Base(p), nil
}

func (k *kustFS) ReadFile(p string) ([]byte, error) {
	if k.clones.has(p) {
		data, err := k.clones.disk.ReadFile(p)
		if err != nil {
			return nil, err
		}
		if err := k.guard.check(filepath.Base(p), data); err != nil {
			return nil, k.keep(err)
		}
		return data, k.keep(k.open(p, data))
	}
	name, ok := inTree(p)
	if !ok {
		return nil, outside("read", p)
	}
	data, err := readFile(k.tree, name, k.limits.FileBytes)
	if err != nil {
		return nil, k.keep(err)
	}
	// A file is read once for each overlay that uses it, and twice because of
	// the origins; the bound is on work, not on what the tree holds.
	if k.read += int64(len(data)); k.read > 4*k.limits.TotalBytes {
		return nil, k.keep(fmt.Errorf("the kustomization reads more than %d bytes: split it or raise the limit", 4*k.limits.TotalBytes))
	}
	if err := k.guard.check(name, data); err != nil {
		return nil, k.keep(err)
	}
	if err := k.open(name, data); err != nil {
		return nil, k.keep(err)
	}
	if k.rewrite != nil && isKustomizationFile(name) {
		data = k.rewrite(name, data)
	}
	return data, nil
}

// keep remembers the first fault that is ours.
func (k *kustFS) keep(err error) error {
	var path *fs.PathError
	if err != nil && k.fault == nil && !asPathError(err, &path) {
		k.fault = err
	}
	return err
}

func (k *kustFS) ReadDir(p string) ([]string, error) {
	name, ok := inTree(p)
	if !ok {
		return nil, outside("readdir", p)
	}
	entries, err := fs.ReadDir(k.tree, name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (k *kustFS) Glob(pattern string) ([]string, error) {
	name, ok := inTree(pattern)
	if !ok {
		return nil, nil
	}
	names, err := fs.Glob(k.tree, name)
	for i, n := range names {
		names[i] = path.Join(treeRoot, n)
	}
	return names, err
}

func (k *kustFS) Walk(root string, walk filepath.WalkFunc) error {
	name, ok := inTree(root)
	if !ok {
		return outside("walk", root)
	}
	return fs.WalkDir(k.tree, name, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return walk(path.Join(treeRoot, p), nil, err)
		}
		info, err := d.Info()
		return walk(path.Join(treeRoot, p), info, err)
	})
}

func (k *kustFS) Open(p string) (filesys.File, error) { return nil, readOnly("open", p) }

func (k *kustFS) Create(p string) (filesys.File, error) { return nil, readOnly("create", p) }

func (k *kustFS) Mkdir(p string) error { return readOnly("mkdir", p) }

func (k *kustFS) MkdirAll(p string) error { return readOnly("mkdir", p) }

func (k *kustFS) WriteFile(p string, _ []byte) error { return readOnly("write", p) }

// RemoveAll is called by kustomize for the clones that it made.
func (k *kustFS) RemoveAll(p string) error {
	if k.clones.has(p) {
		return k.clones.disk.RemoveAll(p)
	}
	return readOnly("remove", p)
}

func readOnly(op, p string) error {
	return &fs.PathError{Op: op, Path: p, Err: fs.ErrPermission}
}

// cloneFS lets kustomize see the clones of remote bases, which its git makes in
// folders named kustomize-NNN in the folder for temporary files, and nothing
// else of the disk.
type cloneFS struct {
	disk   filesys.FileSystem
	prefix string
	// before are the folders of that name that this run did not make.
	before map[string]bool
}

func newCloneFS() (*cloneFS, error) {
	tmp, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("folder for the clones of remote bases: %w", err)
	}
	c := &cloneFS{disk: filesys.MakeFsOnDisk(), prefix: filepath.Join(tmp, "kustomize-"), before: map[string]bool{}}
	old, err := filepath.Glob(c.prefix + "*")
	for _, dir := range old {
		c.before[dir] = true
	}
	return c, err
}

func (c *cloneFS) has(p string) bool {
	if c == nil {
		return false
	}
	rest, ok := strings.CutPrefix(filepath.Clean(p), c.prefix)
	if !ok {
		return false
	}
	name, _, _ := strings.Cut(rest, string(filepath.Separator))
	return !c.before[c.prefix+name]
}
