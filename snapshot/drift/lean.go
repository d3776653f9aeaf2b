package drift

import (
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
)

// fillings are fields of built-in kinds, by the last steps of a path, that a server
// fills from what is beside them: whether it would put there what is there now, only
// it can tell. Without values that may be anything.
var fillings = []filling{
	{[]string{"containers|initContainers", "imagePullPolicy"}, nil},
	{[]string{"spec", "serviceAccount|serviceAccountName|preemptionPolicy"}, nil},
	{[]string{"spec", "restartPolicy"}, []any{"Always"}},
	{[]string{"spec", "backoffLimit|completionMode|completions|parallelism|podReplacementPolicy|manualSelector"}, nil},
	{[]string{"spec", "externalTrafficPolicy|allocateLoadBalancerNodePorts"}, nil},
	{[]string{"metadata", "labels|annotations"}, []any{map[string]any{}}},
}

type filling struct {
	tail   []string
	values []any
}

// Lean returns the content of an object of a built-in kind without what a server is
// likely to put there by itself; ok is false when that is all of it. What lies at
// one of the paths keep, below or above it stays, and so do replicas: without them
// nobody would count them. The result is a guess until a server has been asked.
func Lean(id object.ID, content map[string]any, keep ...string) (lean map[string]any, ok bool) {
	l := leaner{eye: eyeFor(id.GroupKind())}
	if !l.builtIn {
		return content, false
	}
	for _, path := range keep {
		l.keep = append(l.keep, steps(path))
	}
	lean = l.mapping("", content)
	return lean, l.dropped
}

type leaner struct {
	eye
	keep    [][]string
	dropped bool
}

func (l *leaner) mapping(path string, m map[string]any) map[string]any {
	out := maps.Clone(m)
	for key, v := range m {
		at := join(path, key)
		if l.drops(at, v) {
			delete(out, key)
			l.dropped = true
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			below := l.mapping(at, v)
			if out[key] = below; len(below) == 0 && len(v) > 0 {
				delete(out, key)
			}
		case []any:
			out[key] = l.list(at, v)
		}
	}
	return out
}

// list leaves the mappings of a list; their path is that of the list.
func (l *leaner) list(path string, list []any) []any {
	out := slices.Clone(list)
	for i, item := range list {
		if m, ok := item.(map[string]any); ok {
			out[i] = l.mapping(path, m)
		}
	}
	return out
}

func (l *leaner) drops(path string, v any) bool {
	have := steps(path)
	if strings.HasSuffix(path, "spec.replicas") || slices.ContainsFunc(l.keep, func(kept []string) bool {
		n := min(len(kept), len(have))
		return slices.Equal(kept[:n], have[:n])
	}) {
		return false
	}
	return l.isDefault(path, v) || slices.ContainsFunc(fillings, func(f filling) bool {
		is := func(value any) bool { return l.same(path, value, v) && l.same(path, v, value) }
		return endsWith(have, f.tail) && (f.values == nil || slices.ContainsFunc(f.values, is))
	})
}
