// Package patch writes down a change of a few files as git diff does. In go a
// tree and what some of its files become; out comes, file by file, a text that
// git apply takes, and how many lines it adds and removes.
//
// Lines that hold values of Secrets are never shown around a change, and when the
// change is one of them, only lines are counted.
package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/diff"
	lines "github.com/go-git/go-git/v5/utils/diff"
)

// Status is what becomes of a file.
type Status string

// What may become of a file.
const (
	Added   Status = "added"
	Changed Status = "changed"
	Deleted Status = "deleted"
)

// File is the change of one file.
type File struct {
	Path   string `json:"path"`
	Status Status `json:"status"`
	// Added and Removed count lines.
	Added   int `json:"added"`
	Removed int `json:"removed"`
	// Diff is the unified diff, with git's header. Where a Secret's value stands
	// right behind a changed line, git apply needs --unidiff-zero. Where values of
	// Secrets would be in it, it is one line that says so.
	Diff string `json:"diff"`
}

// Of returns the change that overlay makes in tree, sorted by path: by path the
// new content of a file, nil for one that goes.
func Of(tree fs.FS, overlay map[string][]byte) ([]File, error) {
	var files []File
	for _, name := range slices.Sorted(maps.Keys(overlay)) {
		p := &filePatch{}
		was, err := read(tree, name)
		if err != nil {
			return nil, err
		}
		f := File{Path: name, Status: Changed}
		if p.from = was; was == nil {
			f.Status = Added
		}
		if now := overlay[name]; now == nil {
			f.Status = Deleted
		} else {
			p.to = &version{path: name, mode: filemode.Regular, content: now}
			if was != nil {
				p.to.mode = was.mode
			}
		}
		p.compare(&f)
		if p.showsSecrets() {
			f.Diff = fmt.Sprintf("# %q is %s, and holds values of Secrets that are not shown: %d lines added, %d removed\n", name, f.Status, f.Added, f.Removed)
			files = append(files, f)
			continue
		}
		if f.Diff, err = p.text(); err != nil {
			return nil, fmt.Errorf("diff of %s: %w", name, err)
		}
		files = append(files, f)
	}
	return files, nil
}

// read returns a file of the tree, nil when it is not there.
func read(tree fs.FS, name string) (*version, error) {
	content, err := fs.ReadFile(tree, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := &version{path: name, mode: filemode.Regular, content: content}
	if info, err := fs.Stat(tree, name); err == nil && info.Mode()&0o100 != 0 {
		v.mode = filemode.Executable
	}
	return v, nil
}

// version is a file before or after; it is nil where there is none.
type version struct {
	path    string
	mode    filemode.FileMode
	content []byte
}

func (v *version) Hash() plumbing.Hash     { return plumbing.ComputeHash(plumbing.BlobObject, v.content) }
func (v *version) Mode() filemode.FileMode { return v.mode }
func (v *version) Path() string            { return v.path }

func (v *version) text() string {
	if v == nil {
		return ""
	}
	return string(v.content)
}

// filePatch is a patch of one file.
type filePatch struct {
	from, to *version
	chunks   []chunk
}

// chunk is lines that go, come or stay.
type chunk struct {
	text string
	kind diff.Operation
}

func (p *filePatch) isBinary() bool {
	text := p.from.text() + p.to.text()
	return strings.ContainsRune(text, 0) || !utf8.ValidString(text)
}

// compare makes the chunks and counts their lines.
func (p *filePatch) compare(f *File) {
	if p.isBinary() {
		return
	}
	for _, d := range lines.Do(p.from.text(), p.to.text()) {
		switch {
		case d.Type < 0:
			f.Removed += count(d.Text)
			p.chunks = append(p.chunks, chunk{d.Text, diff.Delete})
		case d.Type > 0:
			f.Added += count(d.Text)
			p.chunks = append(p.chunks, chunk{d.Text, diff.Add})
		default:
			p.chunks = append(p.chunks, chunk{d.Text, diff.Equal})
		}
	}
}

// count counts lines, the last of which may lack its end.
func count(text string) int {
	n := strings.Count(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		n++
	}
	return n
}
