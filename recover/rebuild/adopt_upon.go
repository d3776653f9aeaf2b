package rebuild

import (
	"context"
	"fmt"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// goOn finds the tree that is to be changed. Who adopts a part adds it to what
// the branch proposes already.
func (a *adopting) goOn(ctx context.Context) error {
	a.base = a.tree
	if a.req.Branch == "" || len(a.only) == 0 {
		return nil
	}
	objects, err := a.repository.Objects(ctx, a.commit.SHA)
	if err != nil {
		return err
	}
	if a.upon, err = export.GoesOn(ctx, a.target(), objects, a.commit.SHA, a.options()); err != nil {
		return refusedExport(err)
	}
	if a.upon == "" {
		return nil
	}
	a.base, err = a.repository.Tree(ctx, a.upon)
	return err
}

// already takes out of what is wanted what the branch says by now, and returns
// it; what the branch says otherwise is a change of that.
func (a *adopting) already(ctx context.Context, w *wanted) ([]adopt.Adopted, error) {
	if a.upon == "" {
		return nil, nil
	}
	rendered, err := render.Render(ctx, a.base, a.renderOptions(a.catalogue))
	if err != nil {
		return nil, fmt.Errorf("render what branch %s proposes: %w", a.req.Branch, err)
	}
	var said []adopt.Adopted
	for i := range w.list {
		x := &w.list[i]
		o := adopt.Lookup(rendered.Objects, x.ID)
		where := fmt.Sprintf("branch %s, since %.12s", a.req.Branch, a.upon)
		switch {
		case x.Delete && o == nil, x.Create != nil && o != nil && edit.Equal(o.Object, x.Create):
			said = append(said, adopt.Adopted{ID: x.ID, Where: where})
			x.Delete, x.Create = false, nil
		case x.Create != nil && o != nil:
			x.Fields, x.Create = drift.Both(o.Object, x.Create), nil
		case len(x.Fields) > 0 && o == nil:
			w.refuse(x.ID, "branch "+a.req.Branch+" deletes it", "adopt everything, without --only, or name a new branch")
			x.Fields = nil
		default:
			var open []drift.Field
			for _, f := range x.Fields {
				if f.Have == nil && !has(o, f) {
					said = append(said, adopt.Adopted{ID: x.ID, Path: f.Path, Where: where})
				} else {
					open = append(open, f)
				}
			}
			x.Fields = open
		}
	}
	w.leaveOut(nil)
	return said, nil
}

// has tells whether an object sets a field.
func has(o *object.Object, f drift.Field) bool {
	at, err := edit.Find(o.Object, f.Path, f.Want)
	if err != nil {
		return false
	}
	_, there := edit.Get(o.Object, at)
	return there
}
