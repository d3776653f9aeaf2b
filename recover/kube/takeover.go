package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/rekindle-io/rekindle/recover/object"
)

// takeOverTries is how often a take-over starts again because somebody changed
// the object in between.
const takeOverTries = 5

// TakeOver makes the fields at the paths given, and all below them, ours alone,
// whoever owns them, so that the next Apply removes those of them that it does not
// set. Without it, server-side apply leaves what other field managers set. The
// object's content does not change. An object that is gone is no error.
func (c *Cluster) TakeOver(ctx context.Context, kind object.Kind, namespace, name string, fields []fieldpath.Path) error {
	id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace, Name: name}
	var err error
	for range takeOverTries {
		if err = c.takeOverOnce(ctx, kind, namespace, name, fields); !apierrors.IsConflict(err) && !apierrors.IsInvalid(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("take over the fields of %s: %w", id, err)
	}
	return nil
}

func (c *Cluster) takeOverOnce(ctx context.Context, kind object.Kind, namespace, name string, fields []fieldpath.Path) error {
	u, err := c.Get(ctx, kind, namespace, name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	merged, found := takeFields(u.GetManagedFields(), c.opts.FieldManager, kind.GroupVersion().String(), fields)
	if !found {
		return nil
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/resourceVersion", "value": u.GetResourceVersion()},
		{"op": "replace", "path": "/metadata/managedFields", "value": merged},
	})
	if err != nil {
		return err
	}
	return c.do(ctx, call{
		method: http.MethodPatch, path: pathOf(kind, namespace, name), body: patch, contentType: string(types.JSONPatchType),
	}, func(res *http.Response) error {
		_, err := io.Copy(io.Discard, res.Body)
		return err
	})
}

// takeFields moves the fields at the paths given, and all below them, out of every
// other entry into manager's own. What somebody observed in a status stays.
func takeFields(entries []metav1.ManagedFieldsEntry, manager, apiVersion string, paths []fieldpath.Path) (taken []metav1.ManagedFieldsEntry, found bool) {
	own := fieldpath.NewSet()
	ours := metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: apiVersion, FieldsType: "FieldsV1"}
	for _, e := range entries {
		var set fieldpath.Set
		readable := e.FieldsV1 != nil && set.FromJSON(bytes.NewReader(e.FieldsV1.GetRawBytes())) == nil
		if e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" && readable {
			own = own.Union(&set)
			ours.APIVersion, ours.Time = e.APIVersion, e.Time
			continue
		}
		if e.Subresource != "status" && readable {
			moved, rest := divide(&set, paths)
			if !moved.Empty() {
				found, own = true, own.Union(moved)
				if rest.Empty() {
					continue
				}
				e = owning(e, rest)
			}
		}
		taken = append(taken, e)
	}
	return append(taken, owning(ours, own)), found
}

// divide splits a set into what lies at or below one of the paths, and the rest.
func divide(set *fieldpath.Set, paths []fieldpath.Path) (within, rest *fieldpath.Set) {
	within = fieldpath.NewSet()
	set.Iterate(func(p fieldpath.Path) {
		for _, at := range paths {
			if len(p) >= len(at) && p[:len(at)].Equals(at) {
				within.Insert(p.Copy())
				return
			}
		}
	})
	return within, set.Difference(within)
}

// owning returns e as the entry of who owns just set.
func owning(e metav1.ManagedFieldsEntry, set *fieldpath.Set) metav1.ManagedFieldsEntry {
	raw, err := set.ToJSON()
	if err != nil {
		return e // of paths that were read from JSON there is none that cannot be written
	}
	e.FieldsV1 = metav1.NewFieldsV1(string(raw))
	return e
}
