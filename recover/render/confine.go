package render

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// confinedFS refuses files that are reached through a symlink which points out
// of the tree. Trees from git refuse them themselves; a folder on disk does not.
type confinedFS struct {
	fs.FS
	links fs.ReadLinkFS
}

func confine(tree fs.FS) fs.FS {
	if links, ok := tree.(fs.ReadLinkFS); ok {
		return confinedFS{FS: tree, links: links}
	}
	return tree
}

func (c confinedFS) Open(name string) (fs.File, error) {
	if err := c.check(name, 0); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return c.FS.Open(name)
}

func (c confinedFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := c.check(name, 0); err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return fs.ReadDir(c.FS, name)
}

func (c confinedFS) Stat(name string) (fs.FileInfo, error) {
	if err := c.check(name, 0); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return fs.Stat(c.FS, name)
}

// check follows the links on the way to name.
func (c confinedFS) check(name string, links int) error {
	if links > 40 {
		return fmt.Errorf("too many symlinks")
	}
	if !fs.ValidPath(name) || name == "." {
		return nil
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		prefix := path.Join(parts[:i+1]...)
		info, err := c.links.Lstat(prefix)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			continue // Open reports what is not there
		}
		to, err := c.links.ReadLink(prefix)
		if err != nil {
			return err
		}
		dest := path.Join(path.Dir(prefix), to)
		if path.IsAbs(to) || !fs.ValidPath(dest) {
			return fmt.Errorf("the symlink %s points out of the repository", prefix)
		}
		return c.check(path.Join(dest, path.Join(parts[i+1:]...)), links+1)
	}
	return nil
}
