package drift

import (
	"bytes"
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// ByPeople tells whether people changed the fields of entry with tools of theirs.
func ByPeople(entry metav1.ManagedFieldsEntry) bool { return capture.IsPeoples(entry.Manager) }

// restartedAt is what kubectl rollout restart leaves behind: an act, not a state.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// others reads in managedFields what others than rekindle did to an object.
// added are the fields that people set and that the commit does not have (a
// variable, a toleration, a label): they would survive a restore, because
// server-side apply leaves what others own. contested tells that somebody took a
// field that the commit sets; whether it differs is for the server to say,
// because a map or list that is owned as a whole may have grown.
func others(want, live map[string]any, u *unstructured.Unstructured) (added []Field, contested bool) {
	if onlyOurs(u) {
		return nil, false
	}
	entries := u.GetManagedFields()
	ours := ownedByUs(entries)
	seen := map[string]bool{}
	for _, entry := range entries {
		people := ByPeople(entry)
		if isOurs(entry) || entry.FieldsV1 == nil || entry.Subresource != "" {
			continue
		}
		var set fieldpath.Set
		if set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())) != nil {
			continue
		}
		set.Leaves().Iterate(func(p fieldpath.Path) {
			f, extra, set := follow(p, want, live)
			switch {
			case extra && people && !seen[f.Path]:
				seen[f.Path] = true
				added = append(added, f)
			case set && !ours.Has(p):
				contested = true
			}
		})
	}
	slices.SortFunc(added, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return added, contested
}

// onlyOurs tells that nobody else owns fields of u itself. It reads managedFields
// as they are decoded: turning them into their Go type costs more than a
// comparison, and nearly all objects of a clean cluster are only ours.
func onlyOurs(u *unstructured.Unstructured) bool {
	for _, entry := range field.Maps(u.Object, "metadata", "managedFields") {
		sub, _ := entry["subresource"].(string)
		if sub == "" && (entry["manager"] != object.FieldManager || entry["operation"] != string(metav1.ManagedFieldsOperationApply)) {
			return false
		}
	}
	return true
}

func isOurs(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == object.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
}

func ownedByUs(entries []metav1.ManagedFieldsEntry) *fieldpath.Set {
	var set fieldpath.Set
	for _, entry := range entries {
		if isOurs(entry) && entry.FieldsV1 != nil && entry.Subresource == "" {
			_ = set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())) // unreadable is as good as empty
		}
	}
	return &set
}

// follow goes along p through both objects. extra tells that live has an element
// that want lacks, which f is about; set that want has all of it.
func follow(p fieldpath.Path, want, live any) (f Field, extra, set bool) {
	path := ""
	for _, element := range p {
		if element.FieldName != nil && *element.FieldName == restartedAt {
			return Field{}, false, false
		}
		wanted, _, has := descend(element, want)
		below, label, ok := descend(element, live)
		if !ok {
			return Field{}, false, has // gone since, or stripped as a stamp
		}
		path = label(path)
		if !has {
			if _, isMap := below.(map[string]any); !isMap || !isMark(element) {
				return Field{Path: path, Have: below}, true, false
			}
			wanted = nil // each label that was added is a difference of its own
		}
		want, live = wanted, below
	}
	return Field{}, false, true
}

// isMark tells the maps of labels and annotations.
func isMark(element fieldpath.PathElement) bool {
	return element.FieldName != nil && (*element.FieldName == "labels" || *element.FieldName == "annotations")
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
