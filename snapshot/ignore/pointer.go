package ignore

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// pointer is a parsed JSON pointer: what to go through from an object's root.
// The step * goes through anything.
type pointer []string

// maxSteps is how deep a pointer may go; Kubernetes' objects end far before.
const maxSteps = 64

// parsePointer reads a pointer as RFC 6901 says.
func parsePointer(text string) (pointer, error) {
	switch {
	case text == "":
		return nil, errors.New("empty: leave fields out for objects as a whole")
	case text[0] != '/':
		return nil, fmt.Errorf("%q is no JSON pointer: it begins with '/', such as /spec/replicas", text)
	case strings.Count(text, "/") > maxSteps:
		return nil, fmt.Errorf("a pointer of more than %d steps", maxSteps)
	}
	var p pointer
	for step := range strings.SplitSeq(text[1:], "/") {
		for i := range len(step) {
			if step[i] == '~' && (i+1 == len(step) || step[i+1] != '0' && step[i+1] != '1') {
				return nil, fmt.Errorf("%q is no JSON pointer: after '~' comes 0 for '~' or 1 for '/'", text)
			}
		}
		if step == "" {
			return nil, fmt.Errorf("%q has an empty step: no field of an object has an empty name", text)
		}
		p = append(p, strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~"))
	}
	return p, nil
}

// covers tells whether the field at steps is what p points at, or lies below.
func (p pointer) covers(steps []string) bool {
	return len(p) <= len(steps) && p.along(steps)
}

// below returns the rest of p when it points at something below the field at
// steps.
func (p pointer) below(steps []string) (pointer, bool) {
	if len(p) <= len(steps) || !p.along(steps) {
		return nil, false
	}
	return p[len(steps):], true
}

// along tells whether p and steps agree as far as both go.
func (p pointer) along(steps []string) bool {
	for i := range min(len(p), len(steps)) {
		if p[i] != "*" && p[i] != steps[i] {
			return false
		}
	}
	return true
}

// Steps takes a printed path apart, such as snapshot/drift prints them:
// spec.containers[web].args[0], metadata.annotations["a.b/c"].
func Steps(path string) []string {
	var steps []string
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			var step string
			step, path = bracketed(path[1:])
			steps = append(steps, step)
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps = append(steps, path[:end])
			path = path[end:]
		}
	}
	return steps
}

// bracketed reads what stands between brackets, of which the first was read,
// and returns what comes after.
func bracketed(text string) (step, rest string) {
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		if after, ok := strings.CutPrefix(text[len(quoted):], "]"); ok {
			step, _ = strconv.Unquote(quoted) // it was just read as one
			return step, after
		}
	}
	step, rest, _ = strings.Cut(text, "]")
	return step, rest
}

// without returns value without what p points at. Nothing of value is changed:
// what is on the way is copied.
func without(value any, p pointer) any {
	switch v := value.(type) {
	case map[string]any:
		kept := make(map[string]any, len(v))
		for key, below := range v {
			switch {
			case p[0] != "*" && p[0] != key:
				kept[key] = below
			case len(p) > 1:
				kept[key] = without(below, p[1:])
			}
		}
		return kept
	case []any:
		kept := make([]any, 0, len(v))
		for i, item := range v {
			switch {
			case !p.isItem(i, item):
				kept = append(kept, item)
			case len(p) > 1:
				kept = append(kept, without(item, p[1:]))
			}
		}
		return kept
	}
	return value
}

// isItem tells whether the first step of p goes through the item i of a list.
func (p pointer) isItem(i int, item any) bool {
	m, _ := item.(map[string]any)
	name, named := m["name"].(string)
	return p[0] == "*" || named && p[0] == name || !named && p[0] == strconv.Itoa(i)
}

// same tells whether two values are equal; what is empty is as good as absent.
func same(a, b any) bool { return reflect.DeepEqual(solid(a), solid(b)) }

// solid returns value without nulls and without empty maps and lists, nil when
// nothing is left.
func solid(value any) any {
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, below := range v {
			if s := solid(below); s != nil {
				kept[key] = s
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i := range v {
			kept[i] = solid(v[i])
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	}
	return value
}
