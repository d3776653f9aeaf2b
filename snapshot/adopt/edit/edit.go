// Package edit changes single values in YAML and JSON files and leaves every
// other byte as it is: comments, the order of keys, quotes, indentation, line
// ends and the other documents of the file.
//
// In goes the text of a file, an address in it and the value that is to stand
// there; out comes the file with that change. Nothing is trusted to have gone
// well: the new text is parsed again, and unless it holds the old values with
// exactly the wanted change, the edit is an error. It reads and writes no files.
//
// What is new is written in the style of what is around it: the indentation of
// the neighbours, quotes like those that were there, a literal block for text
// of several lines. Comments are never taken away, except those that stand
// within what is removed or on its lines.
package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/rekindle-io/rekindle/recover/object/raw"
)

// File is a parsed file. It does not change: each edit returns another one.
type File struct {
	text []byte
	docs []*node
	// bom and nl are the file's byte order mark and line end.
	bom   []byte
	nl    string
	style style
}

// Address is a place in a file: a document, counted from 0, and a path in it.
type Address struct {
	Doc  int
	Path Path
}

// At returns the address of path below a.
func (a Address) At(path ...Step) Address {
	return Address{Doc: a.Doc, Path: slices.Concat(a.Path, path)}
}

// maxBytes is the size of a file that is still edited.
const maxBytes = 16 << 20

// newVersion begins a directive that our parser does not know, and needs not to.
var newVersion = regexp.MustCompile(`(?m)^%(YAML 1\.[2-9][ \t\r]*)$`)

// Parse reads a file. A file that cannot be edited safely, although it may well
// be readable, is an error: complex keys, odd line ends.
func Parse(data []byte) (*File, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxBytes)
	}
	f := &File{text: data, nl: "\n"}
	if rest, ok := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); ok {
		f.bom, f.text = data[:3], rest
	}
	if bytes.Contains(f.text, []byte("\r\n")) {
		f.nl = "\r\n"
	}
	if err := checkBreaks(f.text); err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(newVersion.ReplaceAll(f.text, []byte("#$1"))))
	b := builder{text: f.text, lines: lineStarts(f.text)}
	for {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the file cannot be parsed whole: %w", err)
		}
		if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
			continue
		}
		n, err := b.document(root.Content[0])
		if err != nil {
			return nil, err
		}
		n.each(asKubernetes)
		f.docs = append(f.docs, n)
	}
	f.style = learn(f)
	return f, nil
}

// asKubernetes reads a word without quotes as Kubernetes does, which keeps to
// YAML 1.1: yes, on and y are true.
func asKubernetes(n *node) {
	if n.y.Kind != yaml.ScalarNode || n.y.Style != 0 {
		return
	}
	switch n.y.Value {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
		n.y.Tag, n.y.Value = "!!bool", "true"
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
		n.y.Tag, n.y.Value = "!!bool", "false"
	}
}

// Bytes returns the text of the file.
func (f *File) Bytes() []byte { return slices.Concat(f.bom, f.text) }

// Docs returns the number of documents that are not empty.
func (f *File) Docs() int { return len(f.docs) }

// Value returns what stands at a, with aliases and merge keys resolved.
func (f *File) Value(a Address) (any, bool) {
	if a.Doc < 0 || a.Doc >= len(f.docs) {
		return nil, false
	}
	v, err := decode(f.docs[a.Doc].y)
	if err != nil {
		return nil, false
	}
	return Get(v, a.Path)
}

// Line returns the 1-based line on which the value at a begins, or that of the
// nearest value around it that is written out.
func (f *File) Line(a Address) int {
	if a.Doc < 0 || a.Doc >= len(f.docs) {
		return 0
	}
	n, _ := f.docs[a.Doc].walk(a.Path)
	return n.y.Line
}

// Set returns the file with value at a: an existing one is changed, in its own
// style and no further than it differs; a missing key or list item is added
// where its neighbours are.
func (f *File) Set(a Address, value any) (*File, error) {
	return f.change(a, a.Path, func(doc any) (any, error) { return With(doc, a.Path, value) })
}

// Remove returns the file without the key or list item at a.
func (f *File) Remove(a Address) (*File, error) {
	return f.change(a, a.Path[:max(len(a.Path)-1, 0)], func(doc any) (any, error) { return Without(doc, a.Path) })
}

// maxSteps bounds the single edits that one change may take; each parses the
// file anew. What needs more is written anew as a whole.
const maxSteps = 400

// change makes the document of a what want makes of it. Nothing differs but
// what is at or below within.
func (f *File) change(a Address, within Path, want func(any) (any, error)) (*File, error) {
	if a.Doc < 0 || a.Doc >= len(f.docs) {
		return nil, fmt.Errorf("there is no document %d", a.Doc)
	}
	old, err := f.values()
	if err != nil {
		return nil, err
	}
	target, err := want(old[a.Doc])
	if err != nil {
		return nil, err
	}
	target = plainValue(target)
	within = indexed(old[a.Doc], within)
	edited := f
	for range maxSteps {
		e := editor{f: edited}
		done, err := e.below(edited.docs[a.Doc], within, target)
		if err != nil {
			return nil, err
		}
		if done {
			return edited, edited.check(old, a.Doc, target)
		}
		e.endBlock()
		next, err := Parse(e.result())
		if err != nil || len(next.docs) != len(f.docs) {
			return nil, fmt.Errorf("line %d cannot be edited in place: what came out is no longer the same file (%w)", f.Line(a), cmpErr(err))
		}
		edited = next
	}
	return nil, fmt.Errorf("line %d: too much differs for an edit in place", f.Line(a))
}

var errDocuments = errors.New("its documents differ")

func cmpErr(err error) error {
	if err == nil {
		return errDocuments
	}
	return err
}

// values decodes all documents.
func (f *File) values() ([]any, error) {
	values := make([]any, len(f.docs))
	for i, n := range f.docs {
		v, err := decode(n.y)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// check tells whether f holds the old values with target as document doc.
func (f *File) check(old []any, doc int, target any) error {
	now, err := f.values()
	if err != nil {
		return err
	}
	for i := range now {
		want := old[i]
		if i == doc {
			want = target
		}
		if !Equal(now[i], want) {
			return fmt.Errorf("document %d did not come out as wanted: edit it by hand", i)
		}
	}
	return nil
}

// decode returns the value of a node with strings as keys.
func decode(y *yaml.Node) (any, error) {
	var v any
	if err := y.Decode(&v); err != nil {
		return nil, fmt.Errorf("line %d: %w", y.Line, err)
	}
	return plainValue(v), nil
}

// plainValue makes the numbers and maps of v those of decoded JSON.
func plainValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, below := range v {
			m[k] = plainValue(below)
		}
		return m
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, below := range v {
			m[fmt.Sprint(k)] = plainValue(below)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = plainValue(v[i])
		}
		return l
	case int:
		return int64(v)
	case int32:
		return int64(v)
	case uint64:
		return float64(v)
	}
	return v
}

// Equal tells whether two decoded values are the same; 1 and 1.0 are.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(a) != len(m) {
			return false
		}
		for k, v := range a {
			w, ok := m[k]
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		l, ok := b.([]any)
		return ok && slices.EqualFunc(a, l, Equal)
	}
	return raw.Equal(a, b)
}
