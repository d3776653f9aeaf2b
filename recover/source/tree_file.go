package source

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// fileInfo is fs.FileInfo; the size is looked up when the info is loaded.
type fileInfo struct {
	tree *Tree
	node node
	name string
	once sync.Once
	size int64
	err  error
}

func (i *fileInfo) load() error {
	i.once.Do(func() {
		if m := i.node.mode; m != filemode.Dir && m != filemode.Submodule {
			i.size, i.err = i.tree.st.size(i.node.hash)
		}
	})
	return i.err
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { _ = i.load(); return i.size }
func (i *fileInfo) ModTime() time.Time { return i.tree.time }
func (i *fileInfo) IsDir() bool        { return i.node.mode == filemode.Dir }
func (i *fileInfo) Sys() any           { return nil }

// Mode is read-only: nothing is ever written to a commit.
func (i *fileInfo) Mode() fs.FileMode {
	switch i.node.mode {
	case filemode.Dir:
		return fs.ModeDir | 0o555
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Submodule:
		return fs.ModeIrregular
	case filemode.Executable:
		return 0o555
	}
	return 0o444
}

type dirEntry struct{ info *fileInfo }

func (e dirEntry) Name() string               { return e.info.name }
func (e dirEntry) IsDir() bool                { return e.info.IsDir() }
func (e dirEntry) Type() fs.FileMode          { return e.info.Mode().Type() }
func (e dirEntry) Info() (fs.FileInfo, error) { return e.info, e.info.load() }
func (e dirEntry) String() string             { return fs.FormatDirEntry(e) }

// openFile is an open file, with Seek and ReadAt.
type openFile struct {
	*bytes.Reader
	info *fileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, f.info.load() }
func (f *openFile) Close() error               { return nil }

// openDir is an open folder.
type openDir struct {
	name    string
	info    *fileInfo
	entries []fs.DirEntry
	next    int
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a folder")}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	left := d.entries[d.next:]
	if n > 0 && len(left) == 0 {
		return nil, io.EOF
	}
	if n > 0 && len(left) > n {
		left = left[:n]
	}
	d.next += len(left)
	return slices.Clone(left), nil
}
