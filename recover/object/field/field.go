// Package field reads fields of decoded JSON or YAML whose shape nobody has
// checked: what is not there, or of another type, reads as its zero value.
package field

// Map returns the object at path.
func Map(m map[string]any, path ...string) map[string]any {
	for _, key := range path {
		next, ok := m[key].(map[string]any)
		if !ok {
			return nil
		}
		m = next
	}
	return m
}

// Text returns the string at path.
func Text(m map[string]any, path ...string) string {
	last := len(path) - 1
	s, _ := Map(m, path[:last]...)[path[last]].(string)
	return s
}

// List returns the list at path.
func List(m map[string]any, path ...string) []any {
	last := len(path) - 1
	l, _ := Map(m, path[:last]...)[path[last]].([]any)
	return l
}

// Maps returns the items of the list at path that are objects.
func Maps(m map[string]any, path ...string) []map[string]any {
	var maps []map[string]any
	for _, item := range List(m, path...) {
		if element, ok := item.(map[string]any); ok {
			maps = append(maps, element)
		}
	}
	return maps
}

// Texts returns the entries of the object at path that are strings.
func Texts(m map[string]any, path ...string) map[string]string {
	found := Map(m, path...)
	if len(found) == 0 {
		return nil
	}
	texts := make(map[string]string, len(found))
	for k, v := range found {
		if s, ok := v.(string); ok {
			texts[k] = s
		}
	}
	return texts
}

// Number returns the integer at path, however it was decoded.
func Number(m map[string]any, path ...string) (int64, bool) {
	last := len(path) - 1
	switch n := Map(m, path[:last]...)[path[last]].(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case float64:
		return int64(n), true
	}
	return 0, false
}
