package drift

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// suspect is an object that looks different.
type suspect struct {
	expected Expected
	live     *unstructured.Unstructured // with its managedFields
	form     map[string]any             // canonical
	fields   []Field
	touches  touches
	// terminating: it is being deleted, and will be missing.
	terminating bool
}

// alone is what differs as far as can be told without the server: each field once.
func (s suspect) alone() []Field {
	within := func(f Field, list []addition) bool {
		return slices.ContainsFunc(list, func(a addition) bool { return below(f.Path, a.Path) })
	}
	fields := slices.DeleteFunc(slices.Clone(s.fields), func(f Field) bool {
		return within(f, s.touches.added) || within(f, s.touches.left)
	})
	for _, a := range s.touches.added {
		if !slices.ContainsFunc(fields, func(f Field) bool { return below(a.Path, f.Path) }) {
			fields = append(fields, a.Field)
		}
	}
	return fields
}

// order puts what was added behind what was changed.
func (s suspect) order(fields []Field) {
	rank := func(f Field) int {
		if f.Want == nil && slices.ContainsFunc(s.touches.added, func(a addition) bool { return below(f.Path, a.Path) }) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), rank(a)*cmp.Compare(a.Path, b.Path))
	})
}

// added are where those additions lie that are among fields, or in them.
func (s suspect) added(fields []Field) []fieldpath.Path {
	var paths []fieldpath.Path
	for _, a := range s.touches.added {
		if slices.ContainsFunc(fields, func(f Field) bool { return below(a.Path, f.Path) || below(f.Path, a.Path) }) {
			paths = append(paths, a.at)
		}
	}
	return paths
}

// ownedIn tells of a field of the live object whether somebody means it to be as
// it is: it was added and counts, or somebody who is no machine owns it. Where the
// server keeps no account, everything is meant.
func ownedIn(s suspect) func(path string) bool {
	entries := s.live.GetManagedFields()
	var owned []printed
	for _, entry := range entries {
		if set, ok := setOf(entry); ok && (isOurs(entry) || capture.HandOf(entry.Manager) == capture.Somebody) {
			owned = append(owned, paths(set, s.form))
		}
	}
	return func(path string) bool {
		return len(entries) == 0 || slices.ContainsFunc(owned, func(p printed) bool { return p.reach(path) }) ||
			slices.ContainsFunc(s.touches.added, func(a addition) bool { return below(a.Path, path) || below(path, a.Path) })
	}
}

// remove returns v without what lies at a path. It changes v's maps.
func remove(v any, at fieldpath.Path) any {
	element := at[0]
	if element.FieldName != nil {
		m, _ := v.(map[string]any)
		value, ok := m[*element.FieldName]
		switch {
		case !ok:
		case len(at) == 1:
			delete(m, *element.FieldName)
		default:
			m[*element.FieldName] = remove(value, at[1:])
		}
		return v
	}
	list, _ := v.([]any)
	for i, item := range list {
		if !matches(element, i, item) {
			continue
		}
		if len(at) == 1 {
			return slices.Delete(slices.Clone(list), i, i+1)
		}
		list[i] = remove(item, at[1:])
		break
	}
	return v
}
