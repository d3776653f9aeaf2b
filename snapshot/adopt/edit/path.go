package edit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Step leads from a value to one below it: to an entry of a mapping, or, when
// Item is true, to an item of a list.
type Step struct {
	Key  string
	Item bool
	// Name is that of the item; when it is empty, Index counts.
	Name  string
	Index int
}

// Path leads from an object to a field of it.
type Path []Step

// Key returns the step to an entry.
func Key(key string) Step { return Step{Key: key} }

// Index returns the step to the item at i; a step to an index that a list does
// not have adds an item at its end.
func Index(i int) Step { return Step{Item: true, Index: i} }

// Named returns the step to the item whose name is name.
func Named(name string) Step { return Step{Item: true, Name: name} }

// String writes p as a drift report does: spec.containers[web].image.
func (p Path) String() string {
	var b strings.Builder
	for _, s := range p {
		switch {
		case s.Item && s.Name != "":
			b.WriteString("[" + s.Name + "]")
		case s.Item:
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		case strings.IndexFunc(s.Key, odd) >= 0 || s.Key == "":
			b.WriteString("[" + strconv.Quote(s.Key) + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Key)
		}
	}
	return b.String()
}

func odd(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
}

// Find returns the path that a drift report writes as text, in content. Only
// with content can it be read: [3] is an item or a name, and names may hold any
// character. The last steps may lead to entries that are not there. want, when it is not
// nil, is what stands there, and decides between items of one name.
func Find(content any, text string, want any) (Path, error) {
	found := find(content, text, nil)
	if len(found) > 1 && want != nil {
		fitting := slices.DeleteFunc(slices.Clone(found), func(p Path) bool {
			v, ok := Get(content, p)
			return !ok || !Equal(plainValue(v), plainValue(want))
		})
		if len(fitting) == 1 {
			found = fitting
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no field %s", text)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%s is ambiguous: several items have that name", text)
}

// find returns every way to read text in v, before being the steps so far.
func find(v any, text string, before Path) []Path {
	if text == "" {
		return []Path{before}
	}
	if list, ok := v.([]any); ok {
		return findItem(list, text, before)
	}
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil
	}
	key, rest, ok := cutKey(text, len(before) > 0)
	if !ok {
		return nil
	}
	return find(m[key], rest, append(slices.Clip(before), Key(key)))
}

// cutKey takes the first key off text.
func cutKey(text string, inner bool) (key, rest string, ok bool) {
	if strings.HasPrefix(text, `["`) {
		quoted, err := strconv.QuotedPrefix(text[1:])
		if err != nil || !strings.HasPrefix(text[1+len(quoted):], "]") {
			return "", "", false
		}
		key, err = strconv.Unquote(quoted)
		return key, text[len(quoted)+2:], err == nil
	}
	if inner {
		if text, ok = strings.CutPrefix(text, "."); !ok {
			return "", "", false
		}
	}
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:], end > 0
}

func findItem(list []any, text string, before Path) []Path {
	var found []Path
	before = slices.Clip(before)
	names := map[string]int{}
	for _, item := range list {
		if name, ok := nameOf(item); ok {
			names[name]++
		}
	}
	for i, item := range list {
		name, named := nameOf(item)
		step := Index(i)
		label := "[" + strconv.Itoa(i) + "]"
		if named {
			label = "[" + name + "]"
			if names[name] == 1 && name != "" {
				step = Named(name)
			}
		}
		if rest, ok := strings.CutPrefix(text, label); ok {
			found = append(found, find(item, rest, append(before, step))...)
		}
	}
	if len(found) > 0 {
		return found
	}
	label, ok := strings.CutPrefix(text, "[")
	if label, ok = cutSuffix(label, "]", ok); !ok {
		return nil
	}
	if i, err := strconv.Atoi(label); err == nil && len(names) == 0 {
		return []Path{append(before, Index(i))}
	}
	return []Path{append(before, Named(label))}
}

func cutSuffix(s, suffix string, before bool) (string, bool) {
	s, ok := strings.CutSuffix(s, suffix)
	return s, ok && before
}

func nameOf(item any) (string, bool) {
	m, _ := item.(map[string]any)
	name, ok := m["name"].(string)
	return name, ok
}

// indexOf returns where in list the step leads, or -1.
func (s Step) indexOf(list []any) int {
	if !s.Item {
		return -1
	}
	if s.Name == "" {
		if s.Index >= 0 && s.Index < len(list) {
			return s.Index
		}
		return -1
	}
	return slices.IndexFunc(list, func(item any) bool {
		name, ok := nameOf(item)
		return ok && name == s.Name
	})
}

// indexed returns path with the items of v by their index, as far as there are
// any: names may change.
func indexed(v any, path Path) Path {
	out := make(Path, 0, len(path))
	for _, s := range path {
		if list, ok := v.([]any); ok {
			if i := s.indexOf(list); i >= 0 {
				s = Index(i)
			}
		}
		out = append(out, s)
		v, _ = Get(v, Path{s})
	}
	return out
}

// Get returns what stands at path in v.
func Get(v any, path Path) (any, bool) {
	for _, s := range path {
		switch below := v.(type) {
		case map[string]any:
			next, ok := below[s.Key]
			if s.Item || !ok {
				return nil, false
			}
			v = next
		case []any:
			i := s.indexOf(below)
			if i < 0 {
				return nil, false
			}
			v = below[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// With returns v with value at path. v itself does not change. Missing mappings
// on the way are made, and a missing item is added at the end of its list.
func With(v any, path Path, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	s := path[0]
	if !s.Item {
		m, ok := v.(map[string]any)
		if !ok && v != nil {
			return nil, fmt.Errorf("%s is below what is no mapping", path)
		}
		below, err := With(m[s.Key], path[1:], value)
		if err != nil {
			return nil, err
		}
		m = maps.Clone(m)
		if m == nil {
			m = map[string]any{}
		}
		m[s.Key] = below
		return m, nil
	}
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, fmt.Errorf("%s is below what is no list", path)
	}
	i := s.indexOf(list)
	if i < 0 {
		if len(path) > 1 {
			return nil, fmt.Errorf("there is no item %s", path[:1])
		}
		return append(slices.Clip(slices.Clone(list)), value), nil
	}
	below, err := With(list[i], path[1:], value)
	if err != nil {
		return nil, err
	}
	list = slices.Clone(list)
	list[i] = below
	return list, nil
}

// Without returns v without what stands at path. v itself does not change.
func Without(v any, path Path) (any, error) {
	if len(path) == 0 {
		return nil, fmt.Errorf("a whole document is not removed as a field")
	}
	parent, ok := Get(v, path[:len(path)-1])
	if !ok {
		return nil, fmt.Errorf("there is no field %s", path)
	}
	last := path[len(path)-1]
	switch p := parent.(type) {
	case map[string]any:
		if _, ok := p[last.Key]; !ok || last.Item {
			return nil, fmt.Errorf("there is no field %s", path)
		}
		m := maps.Clone(p)
		delete(m, last.Key)
		return With(v, path[:len(path)-1], m)
	case []any:
		i := last.indexOf(p)
		if i < 0 {
			return nil, fmt.Errorf("there is no item %s", path)
		}
		return With(v, path[:len(path)-1], slices.Delete(slices.Clone(p), i, i+1))
	}
	return nil, fmt.Errorf("there is no field %s", path)
}
