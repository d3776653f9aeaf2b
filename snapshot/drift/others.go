package drift

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// restartedAt is what kubectl rollout restart leaves behind: an act, not a state.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// addition is a field that others than rekindle set and that the commit does not
// have: a variable, a toleration, a label, a container. It would survive an apply,
// because server-side apply leaves what others own.
type addition struct {
	Field
	at fieldpath.Path
	// left says to whom it is left, so that it does not count; empty when it does.
	left string
}

// touches is what others than rekindle did to an object.
type touches struct {
	// added count, left do not; each sorted by path.
	added, left []addition
	// contested: somebody took a field that the commit sets. Whether it differs is
	// for the server to say, because a map or list that is owned as a whole may have
	// grown.
	contested bool
}

// paths are where those lie that were added.
func (t touches) paths() []fieldpath.Path {
	paths := make([]fieldpath.Path, len(t.added))
	for i, a := range t.added {
		paths[i] = a.at
	}
	return paths
}

// others reads in managedFields what others than rekindle did to an object, both
// sides in canonical form.
func others(kind schema.GroupKind, want, live map[string]any, u *unstructured.Unstructured) touches {
	var t touches
	if onlyOurs(u) {
		return t
	}
	entries, eye := u.GetManagedFields(), eyeFor(kind)
	ours := ownedByUs(entries)
	found := map[string]*addition{}
	for _, entry := range entries {
		if isOurs(entry) || entry.Subresource == statusSubresource {
			continue
		}
		set, ok := setOf(entry)
		if !ok {
			continue
		}
		set.Leaves().Iterate(func(p fieldpath.Path) {
			f, at, extra, set := follow(p, want, live)
			switch {
			case set:
				t.contested = t.contested || !ours.Has(p) && entry.Subresource == ""
			case !extra || eye.isDefault(f.Path, f.Have):
			case found[f.Path] == nil:
				found[f.Path] = &addition{Field: f, at: at, left: leftTo(kind, entry.Manager, at, f.Have)}
			case found[f.Path].left != "":
				found[f.Path].left = leftTo(kind, entry.Manager, at, f.Have)
			}
		})
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if a := *found[path]; a.left == "" {
			t.added = append(t.added, a)
		} else {
			t.left = append(t.left, a)
		}
	}
	return t
}

// statusSubresource is where what is observed is written, and nothing is meant.
const statusSubresource = "status"

// onlyOurs tells that nobody else owns fields of u but of its status. It reads managedFields
// as they are decoded: turning them into their Go type costs more than a
// comparison, and nearly all objects of a clean cluster are only ours.
func onlyOurs(u *unstructured.Unstructured) bool {
	for _, entry := range field.Maps(u.Object, "metadata", "managedFields") {
		sub, _ := entry["subresource"].(string)
		if sub != statusSubresource && (entry["manager"] != object.FieldManager || entry["operation"] != string(metav1.ManagedFieldsOperationApply)) {
			return false
		}
	}
	return true
}

func isOurs(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == object.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

func ownedByUs(entries []metav1.ManagedFieldsEntry) *fieldpath.Set {
	var set fieldpath.Set
	for _, entry := range entries {
		if known, ok := setOf(entry); ok && isOurs(entry) {
			set = *set.Union(known)
		}
	}
	return &set
}

// follow goes along p through both objects. extra tells that live has an element
// that want lacks, which f is about and which lies at; set that want has all of it.
func follow(p fieldpath.Path, want, live any) (f Field, at fieldpath.Path, extra, set bool) {
	path := ""
	for i, element := range p {
		if element.FieldName != nil && *element.FieldName == restartedAt {
			return Field{}, nil, false, false
		}
		wanted, _, has := descend(element, want)
		below, label, ok := descend(element, live)
		if !ok {
			return Field{}, nil, false, has // gone since, or stripped as a stamp
		}
		path = label(path)
		if !has {
			if _, isMap := below.(map[string]any); !isMap || !isMark(element) {
				return Field{Path: path, Have: below}, p[:i+1].Copy(), true, false
			}
			wanted = nil // each label that was added is a difference of its own
		}
		want, live = wanted, below
	}
	return Field{}, nil, false, true
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
