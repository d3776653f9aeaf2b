package kube

import (
	"fmt"
	"maps"
	"strings"
)

const duplicated = ": duplicate entries for key ["

// dropDuplicates returns content without the items of keyed lists that stand
// there twice, and what was dropped, when message, the server's answer to an
// apply, complains of such. Client-side apply used to take them: of two
// variables of one name the last one counts, so the last one stays. What stays
// is shared with content, which is not changed.
func dropDuplicates(content map[string]any, message string) (map[string]any, []string) {
	var dropped []string
	out := content
	for line := range strings.Lines(message) {
		_, key, found := strings.Cut(line, duplicated)
		if !found {
			continue
		}
		fields := keyFields(key)
		out, _ = distinct(out, "", fields, &dropped).(map[string]any)
	}
	return out, dropped
}

// keyFields reads the names out of `name="A"]` or `containerPort=80,protocol="TCP"]`.
func keyFields(key string) []string {
	key, _, _ = strings.Cut(key, "]")
	var fields []string
	for part := range strings.SplitSeq(key, ",") {
		if name, _, ok := strings.Cut(part, "="); ok {
			fields = append(fields, strings.TrimSpace(name))
		}
	}
	return fields
}

// distinct keeps the last of the items that agree in all key fields, in every
// list below node.
func distinct(node any, path string, fields []string, dropped *[]string) any {
	switch node := node.(type) {
	case map[string]any:
		out := maps.Clone(node)
		for k, v := range node {
			out[k] = distinct(v, path+"."+k, fields, dropped)
		}
		return out
	case []any:
		last := map[string]int{}
		for i, item := range node {
			if key, ok := keyOf(item, fields); ok {
				last[key] = i
			}
		}
		out := make([]any, 0, len(node))
		for i, item := range node {
			key, ok := keyOf(item, fields)
			if ok && last[key] != i {
				*dropped = append(*dropped, fmt.Sprintf("%s[%d], which is given again", path, i))
				continue
			}
			out = append(out, distinct(item, fmt.Sprintf("%s[%d]", path, i), fields, dropped))
		}
		return out
	}
	return node
}

// keyOf is the key of an item that has the first of the key fields; the others
// may be left to their defaults.
func keyOf(item any, fields []string) (string, bool) {
	m, _ := item.(map[string]any)
	if len(fields) == 0 || m[fields[0]] == nil {
		return "", false
	}
	var key strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&key, "%v\x00", m[f])
	}
	return key.String(), true
}
