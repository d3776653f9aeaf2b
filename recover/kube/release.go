package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Release gives an object up without changing what it does: the labels and
// annotations named are taken off, and its fields are not ours any more, so that
// whoever applies it next meets no conflict with us. With a uid only that very
// object; another one of the same name, and one that is gone, is no error.
func (c *Cluster) Release(ctx context.Context, kind object.Kind, namespace, name string, uid types.UID, labels, annotations []string) error {
	var err error
	for range takeOverTries {
		if err = c.releaseOnce(ctx, kind, namespace, name, uid, labels, annotations); !apierrors.IsConflict(err) && !apierrors.IsInvalid(err) {
			break
		}
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("give back %s: %w", object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace, Name: name}, err)
	}
	return nil
}

func (c *Cluster) releaseOnce(ctx context.Context, kind object.Kind, namespace, name string, uid types.UID, labels, annotations []string) error {
	u, err := c.Get(ctx, kind, namespace, name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if uid != "" && u.GetUID() != uid {
		return nil
	}
	ops := []map[string]any{{"op": "test", "path": "/metadata/resourceVersion", "value": u.GetResourceVersion()}}
	ops = append(ops, removals("/metadata/labels/", u.GetLabels(), labels)...)
	ops = append(ops, removals("/metadata/annotations/", u.GetAnnotations(), annotations)...)
	if left, ours := c.othersEntries(u); ours {
		ops = append(ops, map[string]any{"op": "replace", "path": "/metadata/managedFields", "value": left})
	}
	if len(ops) == 1 {
		return nil
	}
	patch, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	return c.do(ctx, call{
		method: http.MethodPatch, path: pathOf(kind, namespace, name), body: patch,
		contentType: string(types.JSONPatchType), accept: acceptMetadata,
	}, discard)
}

// removals are the patch operations that take keys out of the map at path.
func removals(path string, have map[string]string, keys []string) []map[string]any {
	var ops []map[string]any
	for _, key := range keys {
		if _, there := have[key]; there {
			ops = append(ops, map[string]any{"op": "remove", "path": path + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)})
		}
	}
	return ops
}

// othersEntries are the entries of managedFields without ours. The API server
// takes a list of one empty entry to mean none, and an empty list to mean no
// change.
func (c *Cluster) othersEntries(u *unstructured.Unstructured) (left []metav1.ManagedFieldsEntry, ours bool) {
	for _, e := range u.GetManagedFields() {
		if e.Manager == c.opts.FieldManager && e.Operation == metav1.ManagedFieldsOperationApply {
			ours = true
			continue
		}
		left = append(left, e)
	}
	if len(left) == 0 {
		left = []metav1.ManagedFieldsEntry{{}}
	}
	return left, ours
}
