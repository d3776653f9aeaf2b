package export

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/rekindle-io/rekindle/recover/source"
)

// newObject is one that the repository does not have yet.
type newObject struct {
	kind    plumbing.ObjectType
	content []byte
}

func (w *proposing) add(kind plumbing.ObjectType, content []byte) plumbing.Hash {
	h := plumbing.ComputeHash(kind, content)
	if !w.origin.Has(h) {
		w.new[h] = newObject{kind, content}
	}
	return h
}

// changes are what is to become of a folder: files by name, nil for one that
// goes, and folders in which something changes.
type changes struct {
	files   map[string][]byte
	folders map[string]*changes
}

// change returns the root folder with other files. Only the folders on the way
// to them are read and made anew; all other entries stay as they are, with their
// modes, whatever they are.
func (w *proposing) change(root plumbing.Hash, files map[string][]byte) (plumbing.Hash, error) {
	top := newChanges()
	for path, content := range files {
		if !fs.ValidPath(path) || path == "." {
			return plumbing.ZeroHash, &PathError{Path: path, Reason: "is no path from the root of a repository"}
		}
		at := top
		parts := strings.Split(path, "/")
		for _, name := range parts[:len(parts)-1] {
			if at.folders[name] == nil {
				at.folders[name] = newChanges()
			}
			at = at.folders[name]
		}
		at.files[parts[len(parts)-1]] = content
	}
	h, err := w.folder(root, "", top)
	if err == nil && h.IsZero() {
		h = w.add(plumbing.TreeObject, nil) // an empty repository
	}
	return h, err
}

func newChanges() *changes {
	return &changes{files: map[string][]byte{}, folders: map[string]*changes{}}
}

// folder returns a folder, which is the one called was unless that is zero, with
// changes; zero when nothing is left in it. dir is its path, which ends in a
// slash.
func (w *proposing) folder(was plumbing.Hash, dir string, c *changes) (plumbing.Hash, error) {
	entries := map[string]source.Entry{}
	if !was.IsZero() {
		list, err := w.origin.Folder(was)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		for _, e := range list {
			entries[e.Name] = e
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		if err := w.file(entries, dir, name, c.files[name]); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.folders)) {
		e, there := entries[name]
		if there && e.Mode != filemode.Dir {
			return plumbing.ZeroHash, &PathError{Path: dir + name + "/", Reason: "is no folder in the repository"}
		}
		h, err := w.folder(e.Hash, dir+name+"/", c.folders[name])
		if err != nil {
			return plumbing.ZeroHash, err
		}
		delete(entries, name)
		if !h.IsZero() {
			entries[name] = source.Entry{Name: name, Mode: filemode.Dir, Hash: h}
		}
	}
	if len(entries) == 0 {
		return plumbing.ZeroHash, nil
	}
	return w.add(plumbing.TreeObject, encodeFolder(slices.Collect(maps.Values(entries)))), nil
}

// file makes the change of one file in the entries of its folder.
func (w *proposing) file(entries map[string]source.Entry, dir, name string, content []byte) error {
	e, there := entries[name]
	isFile := e.Mode == filemode.Regular || e.Mode == filemode.Executable || e.Mode == filemode.Deprecated
	switch {
	case there && !isFile:
		return &PathError{Path: dir + name, Reason: "is no ordinary file in the repository"}
	case content == nil && !there:
		return &PathError{Path: dir + name, Reason: "is not there to be deleted"}
	case content == nil:
		delete(entries, name)
		return nil
	case !there:
		if err := CheckPath(dir + name); err != nil {
			return err
		}
		e = source.Entry{Name: name, Mode: filemode.Regular}
	}
	e.Hash = w.add(plumbing.BlobObject, content)
	entries[name] = e
	return nil
}

// encodeFolder is git's form of a folder: sorted by name, as if those of folders
// ended in a slash.
func encodeFolder(entries []source.Entry) []byte {
	key := func(e source.Entry) string {
		if e.Mode == filemode.Dir {
			return e.Name + "/"
		}
		return e.Name
	}
	slices.SortFunc(entries, func(a, b source.Entry) int { return cmp.Compare(key(a), key(b)) })
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "%o %s\x00", uint32(e.Mode), e.Name)
		b.Write(e.Hash[:])
	}
	return b.Bytes()
}

// pack is a packfile of what is new. It is held in memory: an edit is small.
func (w *proposing) pack() (source.Pack, error) {
	var c compressor
	var out bytes.Buffer
	out.WriteString("PACK\x00\x00\x00\x02")
	out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(w.new))))
	for _, h := range slices.SortedFunc(maps.Keys(w.new), func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) }) {
		if err := c.compress(w.new[h].kind, w.new[h].content); err != nil {
			return source.Pack{}, err
		}
		out.Write(c.entry.Bytes())
	}
	sum := sha1.Sum(out.Bytes())
	out.Write(sum[:])
	return source.Pack{Size: int64(out.Len()), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(out.Bytes())), nil
	}}, nil
}
