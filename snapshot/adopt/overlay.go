package adopt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Overlay is a change of a tree: by path from its root the new bytes of a file,
// or nil for one that goes.
type Overlay map[string][]byte

// Files returns the paths of the files that o changes or adds, sorted.
func (o Overlay) Files() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(o)), func(p string) bool { return o[p] == nil })
}

// Deleted returns the paths of the files that o deletes, sorted.
func (o Overlay) Deleted() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(o)), func(p string) bool { return o[p] != nil })
}

// against returns o without the files that are in tree as o has them.
func (o Overlay) against(tree fs.FS) Overlay {
	out := Overlay{}
	for name, data := range o {
		was, err := fs.ReadFile(tree, name)
		if data == nil && errors.Is(err, fs.ErrNotExist) || data != nil && err == nil && bytes.Equal(was, data) {
			continue
		}
		out[name] = data
	}
	return out
}

// On returns tree with the changes of o. Symbolic links lead where they led.
func (o Overlay) On(tree fs.FS) fs.FS { return overlaid{tree, o} }

// overlaid is a tree with an overlay.
type overlaid struct {
	tree fs.FS
	over Overlay
}

var (
	_ fs.ReadLinkFS = overlaid{}
	_ fs.ReadDirFS  = overlaid{}
	_ fs.StatFS     = overlaid{}
)

// real follows the symbolic links on the way to name.
func (f overlaid) real(name string) (string, error) {
	links, ok := f.tree.(fs.ReadLinkFS)
	if !ok {
		return name, nil
	}
	return realPath(links, name, 0)
}

func realPath(tree fs.ReadLinkFS, name string, depth int) (string, error) {
	if depth > 40 {
		return "", fmt.Errorf("too many symbolic links")
	}
	if !fs.ValidPath(name) || name == "." {
		return name, nil
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		prefix := path.Join(parts[:i+1]...)
		info, err := tree.Lstat(prefix)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		to, err := tree.ReadLink(prefix)
		if err != nil {
			return "", err
		}
		dest := path.Join(path.Dir(prefix), to)
		if path.IsAbs(to) || !fs.ValidPath(dest) {
			return "", fmt.Errorf("the symbolic link %s leads out of the repository", prefix)
		}
		return realPath(tree, path.Join(dest, path.Join(parts[i+1:]...)), depth+1)
	}
	return name, nil
}

// Open opens a file or a folder.
func (f overlaid) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	at, err := f.real(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	data, changed := f.over[at]
	switch {
	case changed && data == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case changed:
		return &memFile{info: memInfo{path.Base(at), int64(len(data)), 0o644}, Reader: bytes.NewReader(data)}, nil
	}
	file, err := f.tree.Open(name)
	if err != nil && f.isNewFolder(at) {
		return &memFile{info: memInfo{path.Base(at), 0, fs.ModeDir | 0o755}, Reader: bytes.NewReader(nil)}, nil
	}
	return file, err
}

// isNewFolder tells whether the overlay has files below at.
func (f overlaid) isNewFolder(at string) bool {
	for name, data := range f.over {
		if data != nil && (at == "." || strings.HasPrefix(name, at+"/")) {
			return true
		}
	}
	return false
}

// Stat describes a file or folder.
func (f overlaid) Stat(name string) (fs.FileInfo, error) {
	at, err := f.real(name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if _, changed := f.over[at]; !changed {
		if info, err := fs.Stat(f.tree, name); err == nil || !f.isNewFolder(at) {
			return info, err
		}
	}
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Stat()
}

// ReadDir lists a folder.
func (f overlaid) ReadDir(name string) ([]fs.DirEntry, error) {
	at, err := f.real(name)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	below, err := fs.ReadDir(f.tree, name)
	if err != nil && !f.isNewFolder(at) {
		return nil, err
	}
	entries := make(map[string]fs.DirEntry, len(below))
	for _, e := range below {
		entries[e.Name()] = e
	}
	for file, data := range f.over {
		rest, ok := strings.CutPrefix(file, at+"/")
		if at == "." {
			rest, ok = file, true
		}
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		switch {
		case data == nil && !deeper:
			delete(entries, first)
		case data != nil && deeper && entries[first] == nil:
			entries[first] = fs.FileInfoToDirEntry(memInfo{first, 0, fs.ModeDir | 0o755})
		case data != nil && !deeper:
			entries[first] = fs.FileInfoToDirEntry(memInfo{first, int64(len(data)), 0o644})
		}
	}
	list := make([]fs.DirEntry, 0, len(entries))
	for _, name := range sortedKeys(entries) {
		list = append(list, entries[name])
	}
	return list, nil
}

// Lstat is Stat without following a link at the end.
func (f overlaid) Lstat(name string) (fs.FileInfo, error) {
	if links, ok := f.tree.(fs.ReadLinkFS); ok && !f.isNewFolder(name) {
		if _, changed := f.over[name]; !changed {
			return links.Lstat(name)
		}
	}
	return f.Stat(name)
}

// ReadLink returns where a link leads.
func (f overlaid) ReadLink(name string) (string, error) {
	if links, ok := f.tree.(fs.ReadLinkFS); ok {
		return links.ReadLink(name)
	}
	return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
}

// memFile is a file or an empty folder of an overlay.
type memFile struct {
	*bytes.Reader
	info memInfo
}

func (m *memFile) Stat() (fs.FileInfo, error) { return m.info, nil }
func (m *memFile) Close() error               { return nil }

// ReadDir is here because a folder has to have one; the tree's own ReadDir lists.
func (m *memFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 {
		return nil, io.EOF
	}
	return nil, nil
}

type memInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
