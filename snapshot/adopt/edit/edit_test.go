package edit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
)

// step is one edit of a case: at is a path as a drift report writes it, of the
// object named Object or of the first document.
type step struct {
	at     string
	value  any
	remove bool
	doc    int
}

func apply(t *testing.T, text string, steps []step) (string, error) {
	t.Helper()
	f, err := edit.Parse([]byte(text))
	if err != nil {
		return "", err
	}
	for _, s := range steps {
		v, _ := f.Value(edit.Address{Doc: s.doc})
		path, err := edit.Find(v, s.at, nil)
		if err != nil {
			return "", err
		}
		at := edit.Address{Doc: s.doc, Path: path}
		if s.remove {
			f, err = f.Remove(at)
		} else {
			f, err = f.Set(at, s.value)
		}
		if err != nil {
			return "", err
		}
	}
	return string(f.Bytes()), nil
}

func TestEdits(t *testing.T) {
	type m = map[string]any
	cases := []struct {
		name, text string
		steps      []step
		want       string
	}{
		{"a number, with its comment", "a: 1 # one\nb: 2\n", []step{{at: "a", value: int64(3)}}, "a: 3 # one\nb: 2\n"},
		{"quotes stay", "a: \"x\"\nb: 'y'\nc: z\n", []step{{at: "a", value: "p"}, {at: "b", value: "it's"}, {at: "c", value: "r"}}, "a: \"p\"\nb: 'it''s'\nc: r\n"},
		{"text that looks like something else is quoted", "a: x\nb: x\nc: x\nd: x\ne: x\n", []step{{at: "a", value: "1"}, {at: "b", value: "yes"}, {at: "c", value: "0777"}, {at: "d", value: ""}, {at: "e", value: "1e3"}},
			"a: \"1\"\nb: \"yes\"\nc: \"0777\"\nd: \"\"\ne: \"1e3\"\n"},
		{"single quotes where the file has them", "a: 'x'\nb: x\n", []step{{at: "b", value: "true"}}, "a: 'x'\nb: 'true'\n"},
		{"text becomes a number", "a: \"80\"\n", []step{{at: "a", value: int64(81)}}, "a: 81\n"},
		{"null", "a: x\nb:\nc: ~ # c\n", []step{{at: "a", value: nil}, {at: "b", value: "w"}, {at: "c", value: true}}, "a: null\nb: w\nc: true # c\n"},
		{"a key among unsorted ones", "z: 1\na: 2 # two\n\n# end\n", []step{{at: "m", value: "w"}}, "z: 1\na: 2 # two\nm: w\n\n# end\n"},
		{"a key behind what is commented out", "r:\n- base\nc:\n# - x\n# These last\n# - y\n\n# end\n", []step{{at: "p", value: []any{"a", "b"}}}, "r:\n- base\nc:\n# - x\n# These last\n# - y\np:\n- a\n- b\n\n# end\n"},
		{"a sorted key behind what is commented out", "a: 1\nc:\n# - x\n# of z\nz: 2\n", []step{{at: "p", value: "w"}}, "a: 1\nc:\n# - x\np: w\n# of z\nz: 2\n"},
		{"a nested key behind comments", "m:\n  a: b # b\n  # c: d\n# of n\nn: 1", []step{{at: "m.p", value: "w"}}, "m:\n  a: b # b\n  # c: d\n  p: w\n# of n\nn: 1"},
		{"comments at the end of a file without a line end", "m:\n  a: b\n  # c: d", []step{{at: "m.p", value: "w"}, {at: "r", value: "x"}}, "m:\n  a: b\n  # c: d\n  p: w\nr: x"},
		{"several items at once", "a:\n  - x # x\nb: [w]\nc: [\n  z\n]\n", []step{{at: "a", value: []any{"x", "p", m{"q": "r", "s": "t"}}}, {at: "b", value: []any{"w", "p", "q"}}, {at: "c", value: []any{"z", "p", "q"}}},
			"a:\n  - x # x\n  - p\n  - q: r\n    s: t\nb: [w, p, q]\nc: [\n  z,\n  p,\n  q\n]\n"},
		{"a key among sorted ones", "m:\n    a: 1\n    b: 2\n    d: 3\n", []step{{at: "m.c", value: int64(9)}}, "m:\n    a: 1\n    b: 2\n    c: 9\n    d: 3\n"},
		{"a nested value, in the style of the file", "spec:\n    x:\n        y: 1\n    l:\n    - 1\n", []step{{at: "new", value: m{"a": m{"b": "c"}, "l": []any{"x", m{"k": "v", "j": int64(1)}}}}},
			"spec:\n    x:\n        y: 1\n    l:\n    - 1\nnew:\n    a:\n        b: c\n    l:\n    - x\n    - j: 1\n      k: v\n"},
		{"an odd key", "m:\n  a/b: 1\n", []step{{at: `m["x: y"]`, value: "v"}, {at: `m["a/b"]`, value: int64(2)}}, "m:\n  a/b: 2\n  \"x: y\": v\n"},
		{"a key goes, with its lines", "# a\na: 1 # one\nb:\n  c: 2\n  # in b\n  d: 3\ne: 4\n", []step{{at: "b", remove: true}}, "# a\na: 1 # one\ne: 4\n"},
		{"the first key of a list item goes", "l:\n  - a: 1\n    b: 2\n  - c: 3\n", []step{{at: "l[0].a", remove: true}}, "l:\n  - b: 2\n  - c: 3\n"},
		{"the last key goes", "l:\n  m:\n    a: 1\n  n: 2\n", []step{{at: "l.m.a", remove: true}}, "l:\n  m: {}\n  n: 2\n"},
		{"items by name", "c:\n- name: a\n  image: x:1\n- image: y:1 # y\n  name: b\n", []step{{at: "c[b].image", value: "y:2"}, {at: "c[c]", value: m{"name": "c", "image": "z"}}, {at: "c[a]", remove: true}},
			"c:\n- image: y:2 # y\n  name: b\n- name: c\n  image: z\n"},
		{"a list that grew", "ports:\n  # web\n  - containerPort: 80\n  - containerPort: 443 # tls\n", []step{{at: "ports", value: []any{m{"containerPort": int64(80)}, m{"containerPort": int64(81)}, m{"containerPort": int64(443), "protocol": "UDP"}}}},
			"ports:\n  # web\n  - containerPort: 80\n  - containerPort: 81\n  - containerPort: 443 # tls\n    protocol: UDP\n"},
		{"a list of words", "args:\n  - --a=1\n  - \"--b\"\n  - --c=x # c\n", []step{{at: "args", value: []any{"--a=1", "--b", "--c=y", "--d: e"}}}, "args:\n  - --a=1\n  - \"--b\"\n  - --c=y # c\n  - \"--d: e\"\n"},
		{"a list that empties and fills", "a:\n  - x\nb: []\nc: {}\n", []step{{at: "a", value: []any{}}, {at: "b", value: []any{"w"}}, {at: "c", value: m{"k": "v"}}}, "a: []\nb:\n  - w\nc:\n  k: v\n"},
		{"flow style", "a: {x: 1, w: [p, q]} # c\n", []step{{at: "a.w[1]", value: "r,s"}, {at: "a.z", value: m{"k": "v"}}, {at: "a.x", remove: true}}, "a: {w: [p, \"r,s\"], z: {k: v}} # c\n"},
		{"JSON", "{\n\t\"a\": 1,\n\t\"b\": {\"c\": [1, 2]},\n\t\"d\": \"é\"\n}\n", []step{{at: "b.c", value: []any{int64(1), int64(2), int64(3)}}, {at: "e", value: m{"f": "g"}}, {at: "a", value: "yes"}},
			"{\n\t\"a\": \"yes\",\n\t\"b\": {\"c\": [1, 2, 3]},\n\t\"d\": \"é\",\n\t\"e\": {\n\t  \"f\": \"g\"\n\t}\n}\n"},
		{"compact JSON", `{"a":1,"b":[1]}`, []step{{at: "c", value: "x"}, {at: "b[0]", value: int64(2)}}, `{"a":1,"b":[2],"c":"x"}`},
		{"a block stays a block", "data:\n  f: | # text\n    a\n  \n      b\n\n    c\n\n  g: 1\n", []step{{at: "data.f", value: "a\n\n  b\n\nC\n"}}, "data:\n  f: | # text\n    a\n  \n      b\n\n    C\n\n  g: 1\n"},
		{"a block without a line end", "f: |-\n  a\n  b\ng: 1\n", []step{{at: "f", value: "a\nb\n"}}, "f: |\n  a\n  b\ng: 1\n"},
		{"a block of one line", "f: |\n  a\n", []step{{at: "f", value: "b"}}, "f: |-\n  b\n"},
		{"a key behind a block without a line end", "a: 1\nf: |\n  a\n  b", []step{{at: "m", value: "w"}}, "a: 1\nf: |-\n  a\n  b\nm: w"},
		{"and it goes again", "f: |-\n  a\n  b\nm: w", []step{{at: "m", remove: true}}, "f: |-\n  a\n  b"},
		{"a key behind a folded block without a line end", "f: > # why\n  a\n  b", []step{{at: "m", value: "w"}}, "f: >- # why\n  a\n  b\nm: w"},
		{"a key behind a block that strips", "f: |-\n  a", []step{{at: "m", value: "w"}}, "f: |-\n  a\nm: w"},
		{"a key behind a block that keeps", "f: |+ # why\n  a", []step{{at: "m", value: "w"}}, "f: |- # why\n  a\nm: w"},
		{"a key behind a block that keeps a line end", "f: |+\n  a\n\n  ", []step{{at: "m", value: "w"}}, "f: |+\n  a\n\nm: w\n"},
		{"a key behind a block with its indentation", "f: |2+\n    a", []step{{at: "m", value: "w"}}, "f: |2-\n    a\nm: w"},
		{"a key behind a block with a tag and an anchor", "f: &x !!str |\n  a", []step{{at: "m", value: "w"}}, "f: &x !!str |-\n  a\nm: w"},
		{"a key behind a deep block, CRLF", "d:\r\n  l:\r\n  - k: v\r\n    f: |\r\n      a\r\n      b", []step{{at: "m", value: "w"}}, "d:\r\n  l:\r\n  - k: v\r\n    f: |-\r\n      a\r\n      b\r\nm: w"},
		{"items behind a block without a line end", "l:\n- x\n- |\n  a", []step{{at: "l", value: []any{"x", "a", "p", "q"}}}, "l:\n- x\n- |-\n  a\n- p\n- q"},
		{"a block behind a block without a line end", "e: |\n  a", []step{{at: "f", value: "b\nc\n"}}, "e: |-\n  a\nf: |\n  b\n  c\n"},
		{"the last line behind a block, without a line end", "f: |\n  a\nm: w", []step{{at: "m", remove: true}}, "f: |\n  a\n"},
		{"the last line behind a block that keeps", "l:\n- |+\n  a\n\n- w", []step{{at: "l[1]", remove: true}}, "l:\n- |+\n  a\n\n"},
		{"text becomes lines", "f: a\nl:\n  - x\n", []step{{at: "f", value: "  b\nc"}, {at: "l[0]", value: "p\nq\n"}}, "f: |2-\n    b\n  c\nl:\n  - |\n    p\n    q\n"},
		{"CRLF stays", "a: 1\r\nb:\r\n  - x\r\n", []step{{at: "a", value: int64(2)}, {at: "c", value: m{"d": "e"}}, {at: "b[1]", value: "w"}}, "a: 2\r\nb:\r\n  - x\r\n  - w\r\nc:\r\n  d: e\r\n"},
		{"no line end at the end", "a: 1\nb: 2", []step{{at: "c", value: int64(3)}, {at: "a", remove: true}}, "b: 2\nc: 3"},
		{"an alias is written out", "a: &x\n  k: 1\nb: *x\nc: *x # c\n", []step{{at: "b.k", value: int64(2)}}, "a: &x\n  k: 1\nb:\n  k: 2\nc: *x # c\n"},
		{"a merged key is laid over", "a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  m: 3\n", []step{{at: "b.k", value: int64(5)}}, "a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  m: 3\n  k: 5\n"},
		{"another document", "a: 1\n---\n# two\na: 1\n--- # three\na: 1\n", []step{{at: "a", value: int64(2), doc: 1}}, "a: 1\n---\n# two\na: 2\n--- # three\na: 1\n"},
		{"a value on the next line, and over lines", "a:\n  x\nb: p q\n  r\nc: \"s\n  t\"\n", []step{{at: "a", value: "w"}, {at: "b", value: "z"}, {at: "c", value: "u"}}, "a:\n  w\nb: z\nc: \"u\"\n"},
		{"a mapping becomes a word", "a: # why\n  b: 1\nc: 2\n", []step{{at: "a", value: "x"}}, "a: x # why\nc: 2\n"},
		{"a comment stays when a word becomes lines", "a: x # one\nb: y # two\nc:\n  - z # three\n", []step{{at: "a", value: "p\nq"}, {at: "b", value: m{"k": "v"}}, {at: "c[0]", value: "r\ns\n"}},
			"a: |- # one\n  p\n  q\nb: # two\n  k: v\nc:\n  - | # three\n    r\n    s\n"},
		{"a word becomes a mapping", "a: x\nl:\n  - y\n", []step{{at: "a", value: m{"b": "c"}}, {at: "l[0]", value: m{"d": "e"}}}, "a:\n  b: c\nl:\n  - d: e\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := apply(t, c.text, c.steps)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name, text, want string
		step             step
	}{
		{"an anchor in use", "a: &x\n  k: 1\nb: *x\n", "used again at line 3", step{at: "a.k", value: int64(2)}},
		{"a merged key cannot go", "a: &x {k: 1}\nb:\n  <<: *x\n  m: 3\n", "merge key", step{at: "b.k", remove: true}},
		{"odd line ends", "a: 1\rb: 2\r", "line ends", step{at: "a", value: int64(2)}},
		{"a complex key", "? [a]\n: 1\nb: 2\n", "", step{at: "b", value: int64(3)}},
		{"items of one name", "c:\n- name: a\n  v: 1\n- name: a\n  v: 2\n", "ambiguous", step{at: "c[a].v", value: int64(3)}},
		{"an anchor that would vanish", "a:\n  k: &x 1\nb: *x\n", "", step{at: "a", value: "y"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := apply(t, c.text, []step{c.step})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("want an error with %q, got %v and\n%s", c.want, err, got)
			}
		})
	}
}

func TestRemoveObject(t *testing.T) {
	const cm = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "
	cases := []struct {
		name, text, object, want string
	}{
		{"the middle", "# head\n" + cm + "a\n---\n" + cm + "b # b\n---\n" + cm + "c\n", "b", "# head\n" + cm + "a\n---\n" + cm + "c\n"},
		{"the first", cm + "a\n---\n" + cm + "b\n", "a", cm + "b\n"},
		{"the first, after a separator", "# head\n---\n" + cm + "a\n---\n" + cm + "b\n", "a", "# head\n---\n" + cm + "b\n"},
		{"the last", cm + "a\n---\n" + cm + "b\n", "b", cm + "a\n"},
		{"the only one", cm + "a\n", "a", ""},
		{"an item", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n# b\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: b\n", "b",
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n# b\n"},
		{"the only item", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n", "a", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, err := edit.Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, o := range f.Objects() {
				if o.Name != c.object {
					continue
				}
				next, err := f.RemoveObject(o.At)
				if err != nil {
					t.Fatal(err)
				}
				if next != nil {
					got = string(next.Bytes())
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
