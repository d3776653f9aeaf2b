package rebuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// wanted is what is to be adopted, and what is not from the start.
type wanted struct {
	list    []adopt.Wanted
	refused []adopt.Refusal
	// left counts the fields and objects that nobody selected.
	left int
	// whole are new objects with what the server adds to what is wanted of them.
	whole map[object.ID]map[string]any
}

// What is being deleted is neither adopted nor taken out of git.
const (
	beingDeleted  = "it is being deleted"
	awaitDeletion = "wait until it is gone, then run this again"
)

func (w *wanted) refuse(id object.ID, reason, remedy string) {
	w.refused = append(w.refused, adopt.Refusal{ID: id, Reason: reason, Remedy: remedy})
}

// leaveOut takes away what was refused since.
func (w *wanted) leaveOut(refused []adopt.Refusal) {
	for _, r := range refused {
		for i := range w.list {
			x := &w.list[i]
			if x.ID != r.ID {
				continue
			}
			x.Fields = slices.DeleteFunc(slices.Clone(x.Fields), func(f drift.Field) bool { return r.Path == "" || f.Path == r.Path })
			if r.Path == "" {
				x.Delete, x.Create = false, nil
			}
		}
	}
	w.list = slices.DeleteFunc(w.list, func(x adopt.Wanted) bool { return len(x.Fields) == 0 && !x.Delete && x.Create == nil })
}

// complete gives new objects what the server adds to them, where the cluster would
// differ without, and returns the other refusals.
func (w *wanted) complete(refused []adopt.Refusal) (left []adopt.Refusal) {
	for _, r := range refused {
		whole := w.whole[r.ID]
		i := slices.IndexFunc(w.list, func(x adopt.Wanted) bool { return x.ID == r.ID })
		if whole == nil || i < 0 || w.list[i].Create == nil {
			left = append(left, r)
			continue
		}
		w.list[i].Create = whole
		delete(w.whole, r.ID)
	}
	return left
}

// choose turns the differences that are selected into what is wanted.
func (a *adopting) choose(ctx context.Context) (*wanted, error) {
	w := &wanted{whole: map[object.ID]map[string]any{}}
	if err := a.mustMatch(); err != nil {
		return nil, err
	}
	for _, c := range a.result.raw.Changed {
		a.wantFields(w, c)
	}
	if err := a.wantDeletions(ctx, w); err != nil {
		return nil, err
	}
	return w, a.wantObjects(ctx, w)
}

// mustMatch refuses a selector that is about nothing: it was mistyped.
func (a *adopting) mustMatch() error {
	raw := a.result.raw
	paths := map[object.ID][]string{} // by object what differs; "" is all of it
	for _, c := range raw.Changed {
		for _, f := range c.Fields {
			paths[c.ID] = append(paths[c.ID], f.Path)
		}
		if c.Terminating {
			paths[c.ID] = []string{""}
		}
	}
	for _, m := range raw.Missing {
		paths[m.ID] = []string{""}
	}
	for _, u := range raw.Unexpected {
		paths[u.ID] = []string{""}
	}
	for _, s := range a.only {
		if !matches(s, paths) {
			return noMatch(s, paths)
		}
	}
	return nil
}

func matches(s Selector, paths map[object.ID][]string) bool {
	for id, list := range paths {
		if s.Has(id) && slices.ContainsFunc(list, s.HasField) {
			return true
		}
	}
	return false
}

func noMatch(s Selector, paths map[object.ID][]string) error {
	e := &NoMatchError{Selector: s.String()}
	for _, id := range slices.SortedFunc(maps.Keys(paths), object.ID.Compare) {
		if s.Has(id) && paths[id][0] != "" {
			e.Of, e.Differ = id.String(), paths[id]
			return e
		}
		e.Differ = append(e.Differ, id.String())
	}
	return e
}

// selected tells whether a field, or with an empty path an object as a whole, is
// to be adopted.
func (a *adopting) selected(id object.ID, path string) bool {
	return len(a.only) == 0 || slices.ContainsFunc(a.only, func(s Selector) bool { return s.Has(id) && s.HasField(path) })
}

func (a *adopting) wantFields(w *wanted, c drift.Change) {
	if c.Terminating {
		if a.selected(c.ID, "") {
			w.refuse(c.ID, beingDeleted, awaitDeletion)
		} else {
			w.left++
		}
		return
	}
	var fields []drift.Field
	for _, f := range c.Fields {
		if a.selected(c.ID, f.Path) {
			fields = append(fields, f)
		}
	}
	w.left += len(c.Fields) - len(fields)
	switch {
	case len(fields) == 0:
	case a.isSealed(c.From.File):
		w.refuse(c.ID, c.From.File+" is encrypted with SOPS", "change it with: sops edit "+c.From.File)
	default:
		w.list = append(w.list, adopt.Wanted{ID: c.ID, Fields: fields})
	}
}

// isSealed tells whether a file holds values that SOPS has encrypted: an edit
// would break its seal.
func (a *adopting) isSealed(file string) bool {
	content, err := fs.ReadFile(a.tree, file)
	return err == nil && bytes.Contains(content, []byte(sops.Ciphertext)) && bytes.Contains(content, []byte(sops.Section))
}

// wantDeletions turns what is missing into deletions, unless that could be the
// cluster's fault.
func (a *adopting) wantDeletions(ctx context.Context, w *wanted) error {
	var missing []drift.Missing
	for _, m := range a.result.raw.Missing {
		if a.selected(m.ID, "") {
			missing = append(missing, m)
		} else {
			w.left++
		}
	}
	if len(missing) == 0 {
		return nil
	}
	reason, remedy := "", ""
	var unproved *RefusedError
	switch err := a.refuseUnproved(ctx); {
	case errors.As(err, &unproved):
		reason, remedy = unproved.Reason, unproved.Remedy
	case err != nil:
		return err
	case !a.req.Force && len(missing) > export.FewDeleted && 2*len(missing) > a.result.Counts.Compared:
		reason = fmt.Sprintf("%d of %d objects are missing, which looks like a cluster that is not whole", len(missing), a.result.Counts.Compared)
		remedy = "check the cluster; if it is right as it is, say so with --force"
	}
	doubts := map[object.ID]doubt{}
	if reason == "" {
		var err error
		if doubts, err = a.doubts(ctx, missing); err != nil {
			return err
		}
	}
	for _, m := range missing {
		switch d := doubts[m.ID]; {
		case a.isUnserved(m.ID):
			w.refuse(m.ID, "the cluster does not serve its kind, so that it could not be there ("+m.Why+")", "delete it from git by hand if it is not wanted any more")
		case reason != "":
			w.refuse(m.ID, reason, remedy)
		case d.reason != "":
			w.refuse(m.ID, d.reason, d.remedy)
		default:
			w.list = append(w.list, adopt.Wanted{ID: m.ID, Delete: true})
		}
	}
	return nil
}

func (a *adopting) isUnserved(id object.ID) bool {
	for _, u := range a.plan.Unserved {
		if u.ID == id {
			return true
		}
	}
	return false
}
