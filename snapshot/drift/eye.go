package drift

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/raw"
)

// eye sees what is equal to a server without asking it: quantities, and the
// defaults of built-in kinds. Of other kinds it knows nothing.
type eye struct{ builtIn bool }

func eyeFor(kind schema.GroupKind) eye { return eye{builtIn: object.BuiltIn(kind.Group)} }

// differ leaves of fields those that differ to a server, too.
func (e eye) differ(fields []Field) []Field {
	if !e.builtIn || len(fields) == 0 {
		return fields
	}
	return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool {
		return f.Want != nil && f.Have != nil && e.same(f.Path, f.Want, f.Have)
	})
}

// same tells whether have is want, with whatever a server adds to it: also where a
// quantity is written another way.
func (e eye) same(path string, want, have any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for key, below := range w {
			if value, ok := h[key]; (ok || below != nil) && (!ok || !e.same(join(path, key), below, value)) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		if !ok || len(w) != len(h) {
			return false
		}
		for i := range w {
			if !e.same(path+itemLabel(i, w[i]), w[i], h[i]) {
				return false
			}
		}
		return true
	}
	return raw.Equal(want, have) || e.builtIn && isQuantity(path) && equalQuantities(want, have)
}

// quantities are the fields that Kubernetes reads as quantities: the last steps of
// a path, where * is any one.
var quantities = [][]string{
	{"requests", "*"}, {"limits", "*"}, {"capacity", "*"}, {"hard", "*"}, {"podFixed", "*"},
	{"default", "*"}, {"defaultRequest", "*"}, {"max", "*"}, {"min", "*"}, {"maxLimitRequestRatio", "*"},
	{"sizeLimit"}, {"divisor"}, {"target", "value"}, {"target", "averageValue"},
	{"targetValue"}, {"targetAverageValue"}, {"averageValue"}, {"maximumVolumeSize"}, {"minimumVolumeSize"},
}

// isQuantity tells whether a field of a built-in kind holds a quantity, as far as
// its path tells.
func isQuantity(path string) bool {
	have := steps(path)
	for _, want := range quantities {
		if endsWith(have, want) {
			return true
		}
	}
	return false
}

// endsWith tells whether steps end with tail, in which * is any step, and a|b one
// or the other.
func endsWith(steps, tail []string) bool {
	if len(steps) < len(tail) {
		return false
	}
	steps = steps[len(steps)-len(tail):]
	for i, want := range tail {
		if want != "*" && !slices.Contains(strings.Split(want, "|"), steps[i]) {
			return false
		}
	}
	return true
}

// steps are the names of a printed path's fields, without the items of lists.
func steps(path string) []string {
	var list []string
	for path != "" {
		end := strings.IndexAny(path, ".[")
		switch {
		case end < 0:
			return append(list, path)
		case end > 0:
			list = append(list, path[:end])
		}
		if path[end] == '.' {
			path = path[end+1:]
			continue
		}
		inner, rest := bracketed(path[end:])
		if strings.HasPrefix(inner, `"`) {
			list = append(list, strings.Trim(inner, `"`))
		}
		path = strings.TrimPrefix(rest, ".")
	}
	return list
}

// bracketed returns what is between the bracket that path begins with and its end,
// and what follows.
func bracketed(path string) (inner, rest string) {
	closing := "]"
	if strings.HasPrefix(path, `["`) {
		closing = `"]`
	}
	end := strings.Index(path[1:], closing)
	if end < 0 {
		return path[1:], ""
	}
	end += len(closing)
	return path[1:end], path[end+1:]
}

// equalQuantities tells whether two values are the same quantity: "1000m" and 1.
func equalQuantities(a, b any) bool {
	x, ok := quantity(a)
	if !ok {
		return false
	}
	y, ok := quantity(b)
	return ok && x.Cmp(y) == 0
}

func quantity(v any) (resource.Quantity, bool) {
	switch v.(type) {
	case string, int64, float64, int:
	default:
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(fmt.Sprint(v))
	return q, err == nil
}

// defaults are what servers put where nobody says anything, by the last steps of a
// path: a live value that is one of these says no more than nothing does. Source:
// the defaults of the Kubernetes API, as far as they depend on nothing else.
var defaults = []struct {
	tail   []string
	values []any
}{
	{[]string{"spec", "progressDeadlineSeconds"}, []any{int64(600)}},
	{[]string{"spec", "revisionHistoryLimit"}, []any{int64(10)}},
	{[]string{"strategy|updateStrategy", "type"}, []any{"RollingUpdate"}},
	{[]string{"strategy", "rollingUpdate"}, []any{map[string]any{"maxSurge": "25%", "maxUnavailable": "25%"}}},
	{[]string{"updateStrategy", "rollingUpdate"}, []any{map[string]any{"partition": int64(0)}, map[string]any{"maxSurge": int64(0), "maxUnavailable": int64(1)}}},
	{[]string{"spec", "strategy"}, []any{map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": "25%", "maxUnavailable": "25%"}}}},
	{[]string{"spec", "podManagementPolicy"}, []any{"OrderedReady"}},
	{[]string{"spec", "persistentVolumeClaimRetentionPolicy"}, []any{map[string]any{"whenDeleted": "Retain", "whenScaled": "Retain"}}},
	{[]string{"spec", "dnsPolicy"}, []any{"ClusterFirst"}},
	{[]string{"spec", "schedulerName"}, []any{"default-scheduler"}},
	{[]string{"spec", "terminationGracePeriodSeconds"}, []any{int64(30)}},
	{[]string{"spec", "enableServiceLinks"}, []any{true}},
	{[]string{"template", "spec", "restartPolicy"}, []any{"Always"}},
	{[]string{"spec", "securityContext"}, []any{map[string]any{}}},
	{[]string{"containers|initContainers", "resources"}, []any{map[string]any{}}},
	{[]string{"terminationMessagePath"}, []any{"/dev/termination-log"}},
	{[]string{"terminationMessagePolicy"}, []any{"File"}},
	{[]string{"ports", "protocol"}, []any{"TCP"}},
	{[]string{"httpGet", "scheme"}, []any{"HTTP"}},
	{[]string{anyProbe, "timeoutSeconds"}, []any{int64(1)}},
	{[]string{anyProbe, "periodSeconds"}, []any{int64(10)}},
	{[]string{anyProbe, "successThreshold"}, []any{int64(1)}},
	{[]string{anyProbe, "failureThreshold"}, []any{int64(3)}},
	{[]string{"volumes", "configMap|secret|projected", "defaultMode"}, []any{int64(420)}},
	{[]string{"fieldRef", "apiVersion"}, []any{"v1"}},
	{[]string{"spec", "sessionAffinity"}, []any{"None"}},
	{[]string{"spec", "internalTrafficPolicy"}, []any{"Cluster"}},
	{[]string{"spec", "concurrencyPolicy"}, []any{"Allow"}},
	{[]string{"spec", "successfulJobsHistoryLimit"}, []any{int64(3)}},
	{[]string{"spec", "failedJobsHistoryLimit"}, []any{int64(1)}},
	{[]string{"spec", "suspend"}, []any{false}},
	{[]string{"spec", "replicas"}, []any{int64(1)}},
	{[]string{"spec", "type"}, []any{"ClusterIP"}},
	{[]string{"spec", "volumeMode"}, []any{"Filesystem"}},
}

const anyProbe = "livenessProbe|readinessProbe|startupProbe"

// isDefault tells whether a built-in kind's field holds just what the server would
// put there.
func (e eye) isDefault(path string, v any) bool {
	if !e.builtIn {
		return false
	}
	have := steps(path)
	for _, d := range defaults {
		if endsWith(have, d.tail) && slices.ContainsFunc(d.values, func(value any) bool { return e.same(path, value, v) && e.same(path, v, value) }) {
			return true
		}
	}
	return false
}
