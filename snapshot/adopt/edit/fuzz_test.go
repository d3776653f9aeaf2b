package edit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
)

// FuzzSet edits a place of a file, whatever the file: the edit is refused, or
// that place and no other holds the value.
func FuzzSet(f *testing.F) {
	for _, text := range []string{
		"a: 1 # c\nb:\n- x: 'y'\n  z: |\n    l\n\n    m\n--- # two\n{\"k\": [1, {}, null]}\n",
		"a: &x {k: v}\nb: *x\nc:\n  <<: *x\n  d: >-\n    f\n    g\n",
		"? a\n: b\n", "a:\r\n  - \"q\\\"\"\r\n  -\r\n", "- - a\n  - b\n- ? c\n", "a: !!str 1\nb: &c\n  d: 2\n", "\xef\xbb\xbfa: ~\n", "k: |+\n  x\n\n\n# c\nl: 1",
		"a: b c\n  d\n", "a: 1\nk: |\n  x", "k: >2+ # c\n    x\n  y\n    ", "[a, b: c, {d: e}]", "a: 'x''y'\n'k': \"z\"\n",
	} {
		f.Add([]byte(text), uint8(0), "value")
		f.Add([]byte(text), uint8(3), "two\nlines\n")
		f.Add([]byte(text), uint8(200), "yes")
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8, value string) {
		if len(data) > 4096 {
			return
		}
		file, err := edit.Parse(data)
		if err != nil || file.Docs() == 0 {
			return
		}
		if string(file.Bytes()) != string(data) {
			t.Fatal("parsing changed the file")
		}
		doc := int(which) % file.Docs()
		whole, ok := file.Value(edit.Address{Doc: doc})
		if !ok {
			return
		}
		var paths []edit.Path
		leaves(whole, nil, &paths)
		if len(paths) == 0 {
			return
		}
		slices.SortFunc(paths, func(a, b edit.Path) int { return strings.Compare(a.String(), b.String()) })
		at := edit.Address{Doc: doc, Path: paths[int(which)%len(paths)]}
		if len(at.Path) == 0 {
			return
		}
		for _, v := range []any{value, int64(7), map[string]any{"k": []any{value}}} {
			changed, err := file.Set(at, v)
			if err != nil {
				continue
			}
			again, err := edit.Parse(changed.Bytes())
			if err != nil {
				t.Fatalf("the result cannot be parsed: %v", err)
			}
			got, _ := again.Value(edit.Address{Doc: doc})
			want, err := edit.With(whole, at.Path, v)
			if err != nil || !edit.Equal(got, want) {
				t.Fatalf("got %v, want %v (%v)", got, want, err)
			}
		}
		if removed, err := file.Remove(at); err == nil {
			if got, _ := removed.Value(edit.Address{Doc: doc}); edit.Equal(got, whole) {
				t.Fatal("nothing was removed")
			}
		}
		for _, o := range file.Objects() {
			_, _ = file.RemoveObject(o.At) // refused or checked by itself
		}
	})
}

// FuzzFind reads paths as they come from reports: a value can be put wherever
// they lead, and is found there.
func FuzzFind(f *testing.F) {
	f.Add(`spec.containers[web].image`)
	f.Add(`metadata.labels["a/b"]`)
	f.Add(`spec.list[3]`)
	f.Add(`spec.list[x]y]`)
	content := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"a/b": "c", "": "d"}},
		"spec": map[string]any{
			"containers": []any{map[string]any{"name": "web", "image": "i"}, map[string]any{"name": "x]y"}},
			"list":       []any{"a", []any{"b"}, nil, map[string]any{}},
		},
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := edit.Find(content, text, nil)
		if err != nil || len(path) == 0 {
			return
		}
		v, err := edit.With(content, path, map[string]any{"name": "new"})
		if err != nil {
			t.Fatalf("%q leads to %v: %v", text, path, err)
		}
		last := path[len(path)-1]
		if _, ok := edit.Get(v, path); !ok && !last.Item {
			t.Fatalf("%q leads to %v, where nothing is found", text, path)
		}
	})
}
