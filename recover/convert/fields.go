package convert

import (
	"encoding/json"
	"fmt"
	"strings"
)

// changes collects what was changed, in words.
type changes []string

func (c *changes) say(format string, args ...any) {
	*c = append(*c, fmt.Sprintf(format, args...))
}

// keep writes the default of the old version out where nothing is set and where
// the new version has another default. The path begins inside spec.
func (c *changes) keep(spec map[string]any, value any, path ...string) {
	m := spec
	for _, key := range path[:len(path)-1] {
		next, ok := m[key].(map[string]any)
		if !ok {
			if m[key] != nil {
				return // malformed: the API server says so better
			}
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	last := path[len(path)-1]
	if m[last] == nil {
		m[last] = value
		c.say("spec.%s is %v, the default of the old version", strings.Join(path, "."), value)
	}
}

// drop takes a field away that the new version does not have.
func (c *changes) drop(spec map[string]any, field, why string) {
	if _, ok := spec[field]; ok {
		delete(spec, field)
		c.say("spec.%s is dropped: %s", field, why)
	}
}

// move renames a field of one map.
func move(m map[string]any, from, to string) bool {
	v, ok := m[from]
	if ok {
		delete(m, from)
		m[to] = v
	}
	return ok
}

// number returns an integer, however it was decoded.
func number(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case float64:
		return int64(n), n == float64(int64(n))
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}
