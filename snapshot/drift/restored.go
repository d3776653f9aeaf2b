package drift

import "k8s.io/apimachinery/pkg/runtime/schema"

// said is what the commit says at one place of an object, if it says anything
// there.
type said struct {
	value any
	// ordered: the place is a list of which only the order differs.
	ordered bool
}

func (s said) key(name string) said {
	m, _ := s.value.(map[string]any)
	return said{value: m[name]}
}

// item is the list item at i, or the one that has the name of like.
func (s said) item(i int, like any) said {
	list, _ := s.value.([]any)
	if name, ok := nameOf(like); ok {
		return s.named(name)
	}
	if i >= len(list) {
		return said{}
	}
	return said{value: list[i]}
}

func (s said) named(name string) said {
	list, _ := s.value.([]any)
	for _, item := range list {
		if n, ok := nameOf(item); ok && n == name {
			return said{value: item}
		}
	}
	return said{}
}

// restored is how have, a live object, differs from want, which is what the
// server would make of it in a restore. git is what the commit says, all in
// canonical form. What the server makes of it that git does not say is no word of
// git's: a policy may change each object that is written, and a value that it
// would put in the place of git's, or add, is no difference as long as the cluster
// has git's. What would go that git does not have counts when somebody owns it.
func restored(kind schema.GroupKind, git, want, have map[string]any, owned func(path string) bool) []Field {
	c, eye := comparer{}, eyeFor(kind)
	c.maps("", said{value: git}, want, have)
	kept := c.fields[:0]
	for i, f := range c.fields {
		says := c.said[i]
		switch {
		case says.ordered:
		case says.value == nil || empty(says.value) && f.Want == nil:
			if f.Have == nil || eye.isDefault(f.Path, f.Have) || !owned(f.Path) {
				continue
			}
			f.Want = nil
		case f.Have != nil && eye.same(f.Path, says.value, f.Have):
			continue
		case !eye.same(f.Path, says.value, f.Want):
			f.Want = says.value
		}
		kept = append(kept, f)
	}
	return kept
}

// empty tells what says as much as nothing to the server.
func empty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}
