package kube

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

const undeclared = ": field not declared in schema"

// dropUnknown returns content without the fields that message, the server's
// answer to an apply, says its schema does not have, and their paths. What
// stays is shared with content, which is not changed. No paths when message is
// about something else too: then leaving fields out would not help.
func dropUnknown(content map[string]any, message string) (map[string]any, []string) {
	var paths []string
	var out any = content
	for _, path := range undeclaredPaths(message) {
		if pruned, ok := remove(out, path); ok {
			out = pruned
			paths = append(paths, path)
		}
	}
	pruned, _ := out.(map[string]any)
	if len(paths) == 0 || pruned == nil {
		return content, nil
	}
	return pruned, paths
}

// undeclaredPaths reads the paths out of messages such as
//
//	failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.replcas: field not declared in schema
//	failed to create typed patch object (…): errors:\n  .spec.a: field not declared in schema\n  .spec.b: field not declared in schema
func undeclaredPaths(message string) []string {
	var paths []string
	for line := range strings.Lines(message) {
		before, _, found := strings.Cut(line, undeclared)
		if !found {
			continue
		}
		if at := strings.LastIndex(before, "): "); at >= 0 && !strings.HasPrefix(strings.TrimSpace(before), ".") {
			before = before[at+3:]
		}
		if path := strings.TrimSpace(before); strings.HasPrefix(path, ".") && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// remove returns node without what path names, and whether it was there. The
// names in a path are not quoted and may hold dots, so the content decides how
// to read it.
func remove(node any, path string) (any, bool) {
	switch node := node.(type) {
	case map[string]any:
		return removeField(node, path)
	case []any:
		return removeItem(node, path)
	}
	return nil, false
}

func removeField(node map[string]any, path string) (any, bool) {
	rest, ok := strings.CutPrefix(path, ".")
	if !ok {
		return nil, false
	}
	if _, whole := node[rest]; whole {
		out := maps.Clone(node)
		delete(out, rest)
		return out, true
	}
	for name, child := range node {
		deeper, ok := strings.CutPrefix(rest, name)
		if !ok || deeper == "" || deeper[0] != '.' && deeper[0] != '[' {
			continue
		}
		if pruned, ok := remove(child, deeper); ok {
			out := maps.Clone(node)
			out[name] = pruned
			return out, true
		}
	}
	return nil, false
}

func removeItem(node []any, path string) (any, bool) {
	selector, rest, ok := cutSelector(path)
	if !ok || rest == "" {
		return nil, false // the schema knows lists by their items' fields only
	}
	for i, item := range node {
		if !selects(selector, item, i) {
			continue
		}
		if pruned, ok := remove(item, rest); ok {
			out := slices.Clone(node)
			out[i] = pruned
			return out, true
		}
	}
	return nil, false
}

// cutSelector splits "[name=\"web\",port=80].foo" into what is between the
// brackets and the rest. Brackets within quotes do not count.
func cutSelector(path string) (selector, rest string, ok bool) {
	if !strings.HasPrefix(path, "[") {
		return "", "", false
	}
	for i := 1; i < len(path); i++ {
		switch path[i] {
		case '"':
			quoted, err := strconv.QuotedPrefix(path[i:])
			if err != nil {
				return "", "", false
			}
			i += len(quoted) - 1
		case ']':
			return path[1:i], path[i+1:], true
		}
	}
	return "", "", false
}

// selects tells whether the selector of a list's item names item, the one at
// index. Keys that item does not set are defaults of the schema (protocol) and
// count as equal.
func selects(selector string, item any, index int) bool {
	if n, err := strconv.Atoi(selector); err == nil {
		return n == index
	}
	fields, ok := item.(map[string]any)
	for selector != "" {
		name, after, found := strings.Cut(selector, "=")
		if !ok || !found {
			return false
		}
		value, rest := cutValue(after)
		if got, set := fields[name]; set && printed(got) != value {
			return false
		}
		selector = strings.TrimPrefix(rest, ",")
	}
	return ok
}

func cutValue(s string) (value, rest string) {
	if quoted, err := strconv.QuotedPrefix(s); err == nil {
		return quoted, s[len(quoted):]
	}
	value, rest, _ = strings.Cut(s, ",")
	return value, rest
}

// printed writes a scalar as the server writes keys: strings quoted.
func printed(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
