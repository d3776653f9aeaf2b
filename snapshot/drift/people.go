package drift

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// peoplesTools are the beginnings of the field managers' names under which
// people change objects by hand. What controllers and webhooks add goes under
// other names and is their business.
var peoplesTools = []string{
	"kubectl", "oc", "k9s", "helm", "Lens", "node-fetch", "curl", "Mozilla", "HashiCorp", "terraform", "pulumi",
	"OpenAPI-Generator", "kustomize", "unknown",
}

// restartedAt is what kubectl rollout restart leaves behind: an act, not a state.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// byHand returns the fields of live that people set with tools of theirs and
// that the commit does not have: an added variable, a toleration, a label. They
// would survive a restore, because server-side apply leaves what others own.
func byHand(want, live map[string]any, u *unstructured.Unstructured) []Field {
	var fields []Field
	seen := map[string]bool{}
	for _, entry := range u.GetManagedFields() {
		if entry.FieldsV1 == nil || entry.Subresource != "" || !ByPeople(entry) {
			continue
		}
		var set fieldpath.Set
		if set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())) != nil {
			continue
		}
		set.Leaves().Iterate(func(p fieldpath.Path) {
			f, ok := added(p, want, live)
			if ok && !seen[f.Path] {
				seen[f.Path] = true
				fields = append(fields, f)
			}
		})
	}
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return fields
}

// ByPeople tells whether people changed the fields of entry with tools of theirs.
func ByPeople(entry metav1.ManagedFieldsEntry) bool {
	return slices.ContainsFunc(peoplesTools, func(tool string) bool {
		return entry.Manager == tool || strings.HasPrefix(entry.Manager, tool+"-") || strings.HasPrefix(entry.Manager, tool+"/")
	})
}

// added follows p through both objects to the first element that live has and
// want lacks.
func added(p fieldpath.Path, want, live any) (Field, bool) {
	path := ""
	for _, element := range p {
		if element.FieldName != nil && *element.FieldName == restartedAt {
			return Field{}, false
		}
		below, label, ok := descend(element, live)
		if !ok {
			return Field{}, false // gone since, or stripped as a stamp
		}
		path = label(path)
		wanted, _, has := descend(element, want)
		if !has {
			return Field{Path: path, Have: below}, !empty(below)
		}
		want, live = wanted, below
	}
	return Field{}, false
}

// descend takes one step of a path into v: a field, or the item of a list with
// a key, a value or an index. label appends the step to a printed path.
func descend(element fieldpath.PathElement, v any) (below any, label func(string) string, ok bool) {
	if element.FieldName != nil {
		m, _ := v.(map[string]any)
		below, ok = m[*element.FieldName]
		return below, func(path string) string { return join(path, *element.FieldName) }, ok
	}
	list, _ := v.([]any)
	for i, item := range list {
		if matches(element, i, item) {
			return item, func(path string) string { return path + itemLabel(i, item) }, true
		}
	}
	return nil, nil, false
}

func matches(element fieldpath.PathElement, i int, item any) bool {
	switch {
	case element.Index != nil:
		return *element.Index == i
	case element.Value != nil:
		return value.Equals(*element.Value, value.NewValueInterface(item))
	case element.Key != nil:
		m, _ := item.(map[string]any)
		for _, k := range *element.Key {
			have, ok := m[k.Name]
			if ok && !value.Equals(k.Value, value.NewValueInterface(have)) {
				return false
			}
			if !ok && k.Name != "protocol" { // a default, which the commit may leave out
				return false
			}
		}
		return m != nil
	}
	return false
}
