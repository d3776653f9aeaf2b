package plan

// Reading fields of content whose shape nobody has checked: what is not there or
// of another type reads as its zero value.

func mapAt(m map[string]any, path ...string) map[string]any {
	for _, key := range path {
		next, ok := m[key].(map[string]any)
		if !ok {
			return nil
		}
		m = next
	}
	return m
}

func textAt(m map[string]any, path ...string) string {
	last := len(path) - 1
	s, _ := mapAt(m, path[:last]...)[path[last]].(string)
	return s
}

func listAt(m map[string]any, path ...string) []any {
	last := len(path) - 1
	l, _ := mapAt(m, path[:last]...)[path[last]].([]any)
	return l
}

// mapsAt returns the elements of a list that are maps.
func mapsAt(m map[string]any, path ...string) []map[string]any {
	var maps []map[string]any
	for _, item := range listAt(m, path...) {
		if element, ok := item.(map[string]any); ok {
			maps = append(maps, element)
		}
	}
	return maps
}

// textsAt returns the entries of a map that are strings.
func textsAt(m map[string]any, path ...string) map[string]string {
	found := mapAt(m, path...)
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

// numberAt returns an integer, however it was decoded.
func numberAt(m map[string]any, path ...string) (int64, bool) {
	last := len(path) - 1
	switch n := mapAt(m, path[:last]...)[path[last]].(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case float64:
		return int64(n), true
	}
	return 0, false
}
