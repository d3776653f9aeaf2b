package adopt

import (
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
)

// hashLength is how long the hash is that kustomize puts behind a generated name.
const hashLength = 10

// stemOf returns a generated name with its dash and without its hash.
func stemOf(name string) (stem string, ok bool) {
	at := strings.LastIndexByte(name, '-') + 1
	return name[:at], at > 1 && len(name)-at == hashLength
}

// underOldNames returns what was rendered under the names that it had before: with
// another content a generated object gets another hash, and those that name it
// follow. renamed are the new names.
func (a *adoption) underOldNames(after *object.Set, tasks []*task) (same *object.Set, renamed map[object.ID]string) {
	old := map[string]string{} // by new name
	renamed = map[object.ID]string{}
	for _, t := range tasks {
		if !t.hashed || after.Has(t.id) || renamed[t.id] != "" {
			continue
		}
		if name, ok := a.newName(after, t.id); ok {
			old[name], renamed[t.id] = t.id.Name, name
		}
	}
	if len(old) == 0 {
		return after, nil
	}
	same = object.NewSet()
	for o := range after.All() {
		if content, ok := renaming(o.Object, old).(map[string]any); ok {
			o = object.New(content, o.From)
		}
		if same.Add(o) != nil {
			return after, nil // then it is something else
		}
	}
	return same, renamed
}

// newName returns the name of the one new object that differs from id by its hash.
func (a *adoption) newName(after *object.Set, id object.ID) (string, bool) {
	stem, ok := stemOf(id.Name)
	if !ok {
		return "", false
	}
	name := ""
	for o := range after.All() {
		other := o.ID()
		if s, hashed := stemOf(other.Name); !hashed || s != stem || a.before[other] != nil {
			continue
		}
		if other.Name, ok = id.Name, name == ""; other != id || !ok {
			return "", false
		}
		name = o.GetName()
	}
	return name, name != ""
}

// renaming returns v with other names in the place of those that are whole texts.
func renaming(v any, names map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, below := range v {
			out[key] = renaming(below, names)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, below := range v {
			out[i] = renaming(below, names)
		}
		return out
	case string:
		if name, ok := names[v]; ok {
			return name
		}
	}
	return v
}
