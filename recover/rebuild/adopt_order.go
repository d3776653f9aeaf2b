package rebuild

import (
	"context"
	"slices"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// orders finds the lists that have the items of the cluster's by now, and not
// its order: who adds an item puts it at the end, and the cluster may have it
// before others. It returns, by object, what they are to become as a whole. after
// is what the changed manifests render to.
func (a *adopting) orders(ctx context.Context, report *drift.Report, concerned []drift.Expected, after *object.Set, tried *wanted) (map[object.ID][]drift.Field, error) {
	found := map[object.ID][]drift.Field{}
	for _, c := range report.Changed {
		i := slices.IndexFunc(concerned, func(e drift.Expected) bool { return e.Object.ID() == c.ID })
		o := adopt.Lookup(after, c.ID)
		for _, f := range c.Fields {
			_, isList := f.Have.([]any)
			if i < 0 || o == nil || isList || !tried.below(c.ID, f.Path) {
				continue
			}
			list, ok := valueAt(o.Object, f.Path).([]any)
			if !ok {
				continue
			}
			live, err := a.cluster.Get(ctx, concerned[i].Kind, c.ID.Namespace, c.ID.Name)
			if skipped(err) != "" {
				continue
			}
			if err != nil {
				return nil, err
			}
			wanted, _ := valueAt(object.Canonical(live), f.Path).([]any)
			if sorted, ok := inOrder(list, wanted); ok {
				found[c.ID] = append(found[c.ID], drift.Field{Path: f.Path, Have: sorted})
			}
		}
	}
	return found, nil
}

// inOrder returns the items of list in the order in which like has them; not ok
// when they are not the same.
func inOrder(list, like []any) ([]any, bool) {
	pairs := edit.Align(list, like)
	if len(pairs) != len(list) || len(list) != len(like) {
		return nil, false
	}
	sorted := make([]any, len(list))
	for i, j := range pairs {
		sorted[j] = list[i]
	}
	return sorted, true
}

// valueAt returns what an object has at a path as comparisons write it, or nil.
func valueAt(content map[string]any, path string) any {
	at, err := edit.Find(content, path, nil)
	if err != nil {
		return nil
	}
	v, _ := edit.Get(content, at)
	return v
}

// below tells whether fields below a path of an object are wanted, and not all
// that is there.
func (w *wanted) below(id object.ID, path string) bool {
	i := slices.IndexFunc(w.list, func(x adopt.Wanted) bool { return x.ID == id })
	return i >= 0 && slices.ContainsFunc(w.list[i].Fields, func(f drift.Field) bool { return f.Path != path && overlap(f.Path, path) && len(f.Path) > len(path) }) &&
		!slices.ContainsFunc(w.list[i].Fields, func(f drift.Field) bool { return f.Path == path })
}

// widen puts whole lists in the place of what is wanted below them.
func (w *wanted) widen(lists map[object.ID][]drift.Field) {
	for i := range w.list {
		x := &w.list[i]
		for _, list := range lists[x.ID] {
			x.Fields = append(slices.DeleteFunc(slices.Clone(x.Fields), func(f drift.Field) bool { return overlap(f.Path, list.Path) }), list)
		}
	}
}
