package rebuild

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// newcomer is what becomes of one unexpected object: it is to become a manifest,
// is refused, or was not selected.
type newcomer struct {
	create         map[string]any
	whole          map[string]any // create with what the server adds to it; nil when that is the same
	reason, remedy string
}

// wantObjects reads the unexpected objects, which are to become manifests.
func (a *adopting) wantObjects(ctx context.Context, w *wanted) error {
	list := a.result.raw.Unexpected
	found := make([]newcomer, len(list))
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(asksAtOnce)
	for i, u := range list {
		if !a.selected(u.ID, "") {
			w.left++
			continue
		}
		g.Go(func() error {
			var err error
			found[i], err = a.meet(within, u)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, n := range found {
		id := list[i].ID
		switch {
		case n.create != nil:
			w.list = append(w.list, adopt.Wanted{ID: id, Create: n.create})
			if n.whole != nil {
				w.whole[id] = n.whole
			}
		case n.reason != "":
			w.refuse(id, n.reason, n.remedy)
		}
	}
	return nil
}

// meet reads one unexpected object.
func (a *adopting) meet(ctx context.Context, u drift.Unexpected) (newcomer, error) {
	if u.Restored && len(a.only) == 0 {
		return newcomer{reason: "an earlier restore made it, and the commit does not have it any more",
			remedy: "remove it with rekindle restore --prune, or name it with --only to have it in git again"}, nil
	}
	kind, served := a.catalogue.Preferred(u.ID.GroupKind())
	if !served {
		return newcomer{reason: "the cluster does not serve its kind any more"}, nil
	}
	if drift.Hides(u.ID) { // its values are not even read
		return newcomer{create: map[string]any{
			"apiVersion": kind.GroupVersion().String(), "kind": u.ID.Kind, "metadata": map[string]any{"name": u.ID.Name, "namespace": u.ID.Namespace},
		}}, nil
	}
	live, err := a.cluster.Get(ctx, kind, u.ID.Namespace, u.ID.Name)
	switch why := skipped(err); {
	case why != "":
		return newcomer{reason: why}, nil
	case err != nil:
		return newcomer{}, err
	case live.GetDeletionTimestamp() != nil:
		return newcomer{reason: beingDeleted, remedy: awaitDeletion}, nil
	}
	n := newcomer{create: object.Canonical(live)}
	lean, err := a.lean(ctx, kind, u.ID, n.create)
	if lean != nil {
		n.create, n.whole = lean, n.create
	}
	return n, err
}

// leanTries bounds how often a server is asked about one object.
const leanTries = 3

// lean returns content without what the server puts there by itself: it was asked
// to make such an object, in a dry run, and would make this one. Nil: there is no
// such content, or the server does not say. Its error is that of the context.
func (a *adopting) lean(ctx context.Context, kind object.Kind, id object.ID, content map[string]any) (map[string]any, error) {
	var keep []string
	for range leanTries {
		lean, less := drift.Lean(id, content, keep...)
		if !less {
			return nil, nil
		}
		try := (&unstructured.Unstructured{Object: lean}).DeepCopy()
		try.SetName(trialName(id.Name))
		made, err := live{a.cluster}.DryRun(ctx, kind, try)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, nil // it is adopted as it is
		}
		made.SetName(id.Name)
		canonical := object.Canonical(made)
		if edit.Equal(canonical, content) {
			return lean, nil
		}
		before := len(keep)
		for _, f := range drift.Both(canonical, content) {
			keep = append(keep, f.Path)
		}
		if len(keep) == before {
			return nil, nil
		}
	}
	return nil, nil
}

// trialName is the name of an object that is never made, beside one of that name.
func trialName(name string) string {
	const suffix, longest = "-rekindle-trial", 63
	return strings.TrimRight(name[:min(len(name), longest-len(suffix))], "-.") + suffix
}
