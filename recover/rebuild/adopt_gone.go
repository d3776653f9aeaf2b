package rebuild

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// asksAtOnce is how many objects the server is asked for at once.
const asksAtOnce = 8

// doubt is why an object that a list lacks may be there all the same.
type doubt struct{ reason, remedy string }

// doubts asks the server for each missing object by its name, and returns why
// those are not gone of which it does not say so. A list that lacks an object is
// no proof: somebody between here and the server may have filtered it.
func (a *adopting) doubts(ctx context.Context, missing []drift.Missing) (map[object.ID]doubt, error) {
	byID := map[object.ID]drift.Expected{}
	for _, e := range expected(a.plan, a.catalogue) {
		byID[e.Object.ID()] = e
	}
	var mu sync.Mutex
	found := map[object.ID]doubt{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(asksAtOnce)
	for _, m := range missing {
		g.Go(func() error {
			d, err := a.doubt(ctx, m.ID, byID[m.ID])
			if d.reason != "" {
				mu.Lock()
				defer mu.Unlock()
				found[m.ID] = d
			}
			return err
		})
	}
	return found, g.Wait()
}

// doubt is empty when the server says that an object is gone. Its error is that
// of the context.
func (a *adopting) doubt(ctx context.Context, id object.ID, e drift.Expected) (doubt, error) {
	kind, served := e.Kind, e.Object != nil && !e.Unserved
	if e.Object == nil { // a Secret of which git has digests alone
		kind, served = a.catalogue.Preferred(id.GroupKind())
	}
	if !served {
		// Without its path the server finds nothing, whatever it stores.
		definition := object.ID{Group: definitions.Group, Kind: definitions.Kind, Name: kind.Resource + "." + kind.Group}
		at, known := a.catalogue.Preferred(definitions)
		if kind.Resource == "" || kind.Group == "" || !known {
			return doubt{"the cluster does not serve its kind, so that it could not be there", "delete it from git by hand if it is not wanted any more"}, nil
		}
		id, kind = definition, at
	}
	u, err := a.cluster.Get(ctx, kind, id.Namespace, id.Name)
	switch {
	case ctx.Err() != nil:
		return doubt{}, context.Cause(ctx)
	case errors.Is(err, kube.ErrNotFound):
		return doubt{}, nil
	case !served && err == nil:
		return doubt{"the cluster has the definition of its kind, and does not serve it: whether it is there cannot be told", "see what is wrong with " + id.String()}, nil
	case err == nil && u.GetDeletionTimestamp() != nil:
		return doubt{beingDeleted, awaitDeletion}, nil
	case err == nil:
		return doubt{"a list lacks it, and yet it is there", "run this again when the cluster is at rest"}, nil
	}
	return doubt{"the server does not say that it is gone: " + unreadable(err), "run this again with permission to get it, or delete it from git by hand"}, nil
}

// definitions are the kind of those that define kinds.
var definitions = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// skipped tells why one object could not be read, when that says nothing of the
// others: it is gone, or nobody may see it. Otherwise it is empty.
func skipped(err error) string {
	switch {
	case errors.Is(err, kube.ErrNotFound):
		return "it has gone meanwhile"
	case apierrors.IsForbidden(err), apierrors.IsMethodNotSupported(err):
		return "it may not be read: " + unreadable(err)
	}
	return ""
}

// unreadable is the server's word without the object, which is named beside it.
func unreadable(err error) string {
	var status *apierrors.StatusError
	if errors.As(err, &status) && status.ErrStatus.Message != "" {
		return status.ErrStatus.Message
	}
	return fmt.Sprint(err)
}
