package edit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Object is a Kubernetes object that a file holds.
type Object struct {
	At Address
	// Line is where it begins, counted from 1.
	Line                              int
	APIVersion, Kind, Namespace, Name string
}

// Objects returns the objects of f, the items of lists among them.
func (f *File) Objects() []Object {
	var list []Object
	for i, doc := range f.docs {
		v, err := decode(doc.y)
		if err != nil {
			continue
		}
		list = append(list, f.objects(Address{Doc: i}, doc, v)...)
	}
	return list
}

func (f *File) objects(at Address, n *node, v any) []Object {
	content, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	kind, _ := content["kind"].(string)
	meta, _ := content["metadata"].(map[string]any)
	items, isList := content["items"].([]any)
	if isList && strings.HasSuffix(kind, "List") && meta["name"] == nil {
		var list []Object
		below, rest := n.walk(Path{Key("items")})
		for i, item := range items {
			if len(rest) > 0 || !below.sequence() || i >= len(below.items) {
				break // the items are an alias
			}
			list = append(list, f.objects(at.At(Key("items"), Index(i)), below.items[i], item)...)
		}
		return list
	}
	o := Object{At: at, Line: n.y.Line, Kind: kind}
	o.APIVersion, _ = content["apiVersion"].(string)
	o.Name, _ = meta["name"].(string)
	o.Namespace, _ = meta["namespace"].(string)
	return []Object{o}
}

// RemoveObject returns the file without the object at a: without its document,
// or without that item of a list, and then without the list when it was the
// last. When nothing but comments would be left, it returns nil: the file goes.
func (f *File) RemoveObject(a Address) (*File, error) {
	for len(a.Path) > 0 {
		list, ok := f.Value(Address{Doc: a.Doc, Path: a.Path[:len(a.Path)-1]})
		items, isList := list.([]any)
		if !ok || !isList {
			return nil, fmt.Errorf("there is no object at %s", a.Path)
		}
		if len(items) > 1 {
			return f.Remove(a)
		}
		// The list that holds nothing else: its item is reached by two steps.
		a.Path = a.Path[:len(a.Path)-2]
	}
	if a.Doc < 0 || a.Doc >= len(f.docs) {
		return nil, fmt.Errorf("there is no document %d", a.Doc)
	}
	if len(f.docs) == 1 {
		return nil, nil
	}
	old, err := f.values()
	if err != nil {
		return nil, err
	}
	start, end := f.extent(f.docs[a.Doc])
	text := slices.Concat(f.bom, f.text[:start], f.text[end:])
	if start == 0 {
		// What was the second document does not begin with a separator.
		rest := f.text[end:]
		if bytes.HasPrefix(rest, []byte("---"+f.nl)) && !bytes.HasPrefix(f.text, []byte("---")) {
			rest = rest[3+len(f.nl):]
		}
		text = slices.Concat(f.bom, f.head(), rest)
	}
	next, err := Parse(text)
	if err != nil {
		return nil, err
	}
	now, err := next.values()
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(now, slices.Delete(old, a.Doc, a.Doc+1), Equal) {
		return nil, fmt.Errorf("line %d: the document cannot be cut out: remove it by hand", f.docs[a.Doc].y.Line)
	}
	return next, nil
}

// head is what the file begins with and is about all of it: comments up to the
// last empty line before anything else, such as a licence.
func (f *File) head() []byte {
	at, head := 0, 0
	for line := range bytes.Lines(f.text) {
		at += len(line)
		switch code := bytes.TrimSpace(line); {
		case len(code) == 0:
			head = at
		case code[0] != '#':
			return f.text[:head]
		}
	}
	return f.text[:head]
}

// extent returns the bytes of a document, from its separator to the next one.
func (f *File) extent(doc *node) (start, end int) {
	at := 0
	end = len(f.text)
	for line := range bytes.Lines(f.text) {
		if isSeparator(line) {
			if at > doc.outer {
				return start, at
			}
			start = at
		}
		at += len(line)
	}
	return start, end
}

func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}
