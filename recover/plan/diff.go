package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Difference is what two plans make differently.
type Difference struct {
	// From and To are the commits of the two plans.
	From    string   `json:"from,omitempty"`
	To      string   `json:"to,omitempty"`
	Added   []Change `json:"added,omitempty"`
	Removed []Change `json:"removed,omitempty"`
	Changed []Change `json:"changed,omitempty"`
}

// Empty tells whether both plans make the same objects.
func (d Difference) Empty() bool { return len(d.Added)+len(d.Removed)+len(d.Changed) == 0 }

// Change is one object that two plans make differently.
type Change struct {
	ID object.ID `json:"id"`
	// From is where the object is, in the first plan for a removed one.
	From object.Provenance `json:"from,omitzero"`
	// Fields are what differs inside a changed object, sorted by path.
	Fields []Field `json:"fields,omitempty"`
}

// Field is one field that differs: "spec.containers[web].image". Old and New are
// JSON, empty where the field is absent, and always empty for what a Secret
// holds.
type Field struct {
	Path   string `json:"path"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Hidden bool   `json:"hidden,omitempty"`
}

// Diff compares what two plans make, by canonical form. The order of objects, and
// what servers and tools stamp on them, is no difference.
func Diff(a, b *Plan) Difference {
	d := Difference{From: a.Commit, To: b.Commit}
	before, after := nodesByID(a), nodesByID(b)
	for id, n := range before {
		if after[id] == nil {
			d.Removed = append(d.Removed, Change{ID: id, From: n.From})
		}
	}
	for id, n := range after {
		old := before[id]
		if old == nil {
			d.Added = append(d.Added, Change{ID: id, From: n.From})
			continue
		}
		if fields := differing(old.Object, n.Object); len(fields) > 0 {
			d.Changed = append(d.Changed, Change{ID: id, From: n.From, Fields: fields})
		}
	}
	for _, list := range [][]Change{d.Added, d.Removed, d.Changed} {
		slices.SortFunc(list, func(x, y Change) int { return x.ID.Compare(y.ID) })
	}
	return d
}

func nodesByID(p *Plan) map[object.ID]*Node {
	nodes := make(map[object.ID]*Node, len(p.Nodes))
	for i := range p.Nodes {
		if n := &p.Nodes[i]; n.Object != nil {
			nodes[n.ID] = n
		}
	}
	return nodes
}

func differing(a, b *object.Object) []Field {
	x, y := object.Canonical(a.Unstructured), object.Canonical(b.Unstructured)
	c := comparison{secret: holdsSecrets(a.ID()) || holdsSecrets(b.ID())}
	c.maps("", x, y)
	slices.SortFunc(c.fields, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return c.fields
}

// holdsSecrets tells whether the values of a kind must not be shown.
func holdsSecrets(id object.ID) bool { return id.Kind == "Secret" }

// comparison collects the fields that differ between two objects.
type comparison struct {
	secret bool
	fields []Field
}

func (c *comparison) maps(path string, a, b map[string]any) {
	for key := range merged(a, b) {
		x, inA := a[key]
		y, inB := b[key]
		at := join(path, key)
		if inA && inB {
			c.values(at, x, y)
		} else {
			c.differ(at, x, y, inA, inB)
		}
	}
}

func (c *comparison) values(path string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			c.maps(path, x, y)
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			c.lists(path, x, y)
			return
		}
	}
	if text(a) != text(b) {
		c.differ(path, a, b, true, true)
	}
}

// lists compares element by element: by their key where all elements have a
// distinct one, else by position.
func (c *comparison) lists(path string, a, b []any) {
	for _, field := range []string{"name", "key", "mountPath", "containerPort", "port"} {
		x, y := keyed(a, field), keyed(b, field)
		if x == nil || y == nil {
			continue
		}
		for key := range merged(x, y) {
			m, inA := x[key]
			n, inB := y[key]
			at := path + "[" + key + "]"
			if inA && inB {
				c.values(at, m, n)
			} else {
				c.differ(at, m, n, inA, inB)
			}
		}
		if before, after := sequence(a, y, field), sequence(b, x, field); !slices.Equal(before, after) {
			c.differ(path+" (order)", before, after, true, true)
		}
		return
	}
	for i := range max(len(a), len(b)) {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case i >= len(a):
			c.differ(at, nil, b[i], false, true)
		case i >= len(b):
			c.differ(at, a[i], nil, true, false)
		default:
			c.values(at, a[i], b[i])
		}
	}
}

// differ notes one field. Only metadata and the type of a Secret may be shown:
// everything else in it is one.
func (c *comparison) differ(path string, a, b any, inA, inB bool) {
	f := Field{Path: path}
	if c.secret && path != "type" && path != "immutable" && path != "apiVersion" && !isIdentity(path) {
		f.Hidden = true
	} else {
		if inA {
			f.Old = text(a)
		}
		if inB {
			f.New = text(b)
		}
	}
	c.fields = append(c.fields, f)
}

func isIdentity(path string) bool { return path == "kind" || path == "metadata.name" }

// keyed returns the elements of a list by a field, or nil when one has none or
// two have the same.
func keyed(list []any, field string) map[string]any {
	byKey := make(map[string]any, len(list))
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok || m[field] == nil {
			return nil
		}
		key := fmt.Sprint(m[field])
		if _, twice := byKey[key]; twice {
			return nil
		}
		byKey[key] = item
	}
	return byKey
}

// sequence returns the keys of a list in their order, those that others has too.
func sequence(list []any, others map[string]any, field string) []string {
	var keys []string
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			if key := fmt.Sprint(m[field]); others[key] != nil {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func merged(a, b map[string]any) map[string]bool {
	keys := make(map[string]bool, len(a)+len(b))
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	return keys
}

// join appends a key to a path, in quotes where it has dots itself.
func join(path, key string) string {
	for _, r := range key {
		if r == '.' || r == '/' || r == '[' {
			return fmt.Sprintf("%s[%q]", path, key)
		}
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// text writes a value as JSON.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

// Write writes the difference for a person: + added, - removed, ~ changed with
// the fields below. Values longer than 60 letters are cut.
func (d Difference) Write(w io.Writer) {
	t := &tree{out: w}
	if d.Empty() {
		t.line("no difference")
		return
	}
	for _, c := range d.Added {
		t.line("+ %s (%s)", c.ID, c.From)
	}
	for _, c := range d.Removed {
		t.line("- %s (%s)", c.ID, c.From)
	}
	for _, c := range d.Changed {
		t.line("~ %s (%s)", c.ID, c.From)
		for _, f := range c.Fields {
			t.line("    %s", f)
		}
	}
	t.line("%d added, %d removed, %d changed", len(d.Added), len(d.Removed), len(d.Changed))
}

// String returns "path: old → new".
func (f Field) String() string {
	switch {
	case f.Hidden:
		return f.Path + ": differs (not shown)"
	case f.Old == "":
		return f.Path + ": + " + cut(f.New)
	case f.New == "":
		return f.Path + ": - " + cut(f.Old)
	}
	return f.Path + ": " + cut(f.Old) + " → " + cut(f.New)
}

func cut(s string) string {
	const most = 60
	letters := []rune(s)
	if len(letters) <= most {
		return s
	}
	return string(letters[:most]) + "…"
}
