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

// TakeOver makes the fields that the chosen entries of managedFields own ours,
// so that the next Apply removes those of them that it does not set. Without
// it, server-side apply leaves what other field managers set. The object's
// content does not change. An object that is gone is no error.
func (c *Cluster) TakeOver(ctx context.Context, kind object.Kind, namespace, name string, chosen func(metav1.ManagedFieldsEntry) bool) error {
	id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace, Name: name}
	var err error
	for range takeOverTries {
		if err = c.takeOverOnce(ctx, kind, namespace, name, chosen); !apierrors.IsConflict(err) && !apierrors.IsInvalid(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("take over the fields of %s: %w", id, err)
	}
	return nil
}

func (c *Cluster) takeOverOnce(ctx context.Context, kind object.Kind, namespace, name string, chosen func(metav1.ManagedFieldsEntry) bool) error {
	u, err := c.Get(ctx, kind, namespace, name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	merged, found := mergeEntries(u.GetManagedFields(), c.opts.FieldManager, kind.GroupVersion().String(), chosen)
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

// mergeEntries moves the fields of the chosen entries into manager's own.
func mergeEntries(entries []metav1.ManagedFieldsEntry, manager, apiVersion string, chosen func(metav1.ManagedFieldsEntry) bool) (merged []metav1.ManagedFieldsEntry, found bool) {
	var fields fieldpath.Set
	ours := metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: apiVersion, FieldsType: "FieldsV1"}
	for _, e := range entries {
		mine := e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
		take := !mine && e.Subresource == "" && e.FieldsV1 != nil && chosen(e)
		var set fieldpath.Set
		if (mine || take) && e.FieldsV1 != nil && set.FromJSON(bytes.NewReader(e.FieldsV1.GetRawBytes())) != nil {
			mine, take = false, false // not to be read: it stays as it is
		}
		if !mine && !take {
			merged = append(merged, e)
			continue
		}
		found = found || take
		fields = *fields.Union(&set)
		if mine {
			ours.APIVersion, ours.Time = e.APIVersion, e.Time
		}
	}
	raw, err := fields.ToJSON()
	if err != nil {
		return entries, false
	}
	ours.FieldsV1 = metav1.NewFieldsV1(string(raw))
	return append(merged, ours), found
}
