// Package patch writes down a change of a few files as git diff does. In go a
// tree and what some of its files become; out comes, file by file, a text that
// git apply takes, and how many lines it adds and removes.
//
// Files that hold Secrets are shown without the lines around a change, and not at
// all when the change is one of their values: then only lines are counted.
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
	// Diff is the unified diff, with git's header. Where lines around a change
	// are left out, git apply needs --unidiff-zero. Where values of Secrets would
	// be in it, it is one line that says so.
	Diff string `json:"diff"`
}

// context is how many lines are shown before and after a change.
const context = 3

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
		var text strings.Builder
		if err := diff.NewUnifiedEncoder(&text, p.context()).Encode(p); err != nil {
			return nil, fmt.Errorf("diff of %s: %w", name, err)
		}
		f.Diff = withoutHeadings(text.String())
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

// filePatch is a patch of one file for the encoder.
type filePatch struct {
	from, to *version
	chunks   []diff.Chunk
}

func (p *filePatch) FilePatches() []diff.FilePatch { return []diff.FilePatch{p} }
func (*filePatch) Message() string                 { return "" }
func (p *filePatch) Chunks() []diff.Chunk          { return p.chunks }

func (p *filePatch) IsBinary() bool {
	text := p.from.text() + p.to.text()
	return strings.ContainsRune(text, 0) || !utf8.ValidString(text)
}

// Files returns both versions, an untyped nil where there is none.
func (p *filePatch) Files() (from, to diff.File) {
	if p.from != nil {
		from = p.from
	}
	if p.to != nil {
		to = p.to
	}
	return from, to
}

// compare makes the chunks and counts their lines.
func (p *filePatch) compare(f *File) {
	if p.IsBinary() {
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

// context keeps what a neighbouring Secret holds out of a diff that is shown
// for another change.
func (p *filePatch) context() int {
	for _, v := range []*version{p.from, p.to} {
		if v != nil && v.mentionsSecrets() {
			return 0
		}
	}
	return context
}

// withoutHeadings leaves out the line before a hunk, which git shows behind its
// position: it may be of a Secret.
func withoutHeadings(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if position, ok := strings.CutPrefix(line, "@@ "); ok { // a line of a file has a sign before it
			if at := strings.Index(position, " @@"); at >= 0 {
				line = "@@ " + position[:at] + " @@\n"
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

type chunk struct {
	text string
	kind diff.Operation
}

func (c chunk) Content() string      { return c.text }
func (c chunk) Type() diff.Operation { return c.kind }
