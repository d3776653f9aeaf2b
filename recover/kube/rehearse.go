package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Rehearse returns what the server would store if o took the place of live: with
// its defaults, and with what admission makes of it. Nothing is changed. It asks
// for no more rights than Apply. The error is an *ApplyError, also when live is not
// what the server has any more.
func (c *Cluster) Rehearse(ctx context.Context, kind object.Kind, live, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	body, err := json.Marshal(replacing(live.Object, o.Object))
	if err != nil {
		return nil, fmt.Errorf("the object cannot be written as JSON: %w", err)
	}
	stored := &unstructured.Unstructured{}
	err = c.do(ctx, call{
		method: http.MethodPatch, path: pathOf(kind, live.GetNamespace(), live.GetName()),
		query: url.Values{"fieldManager": {c.opts.FieldManager}, "dryRun": {"All"}},
		body:  body, contentType: string(types.JSONPatchType), accept: acceptJSON,
	}, func(res *http.Response) error {
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			return &brokenError{cause: err}
		}
		return stored.UnmarshalJSON(raw)
	})
	if err != nil {
		return nil, applyErrorOf(object.IDOf(live), kind, live, err)
	}
	return stored, nil
}

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// replacing is the JSON patch that makes now of before, each field of an object
// that differs as a whole.
func replacing(before, now map[string]any) []operation {
	patch := []operation{{Op: "test", Path: "/metadata/resourceVersion", Value: resourceVersionOf(before)}}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if _, stays := now[key]; !stays {
			patch = append(patch, operation{Op: "remove", Path: "/" + key})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if was, ok := before[key]; !ok || !reflect.DeepEqual(was, now[key]) {
			patch = append(patch, operation{Op: "add", Path: "/" + key, Value: now[key]})
		}
	}
	return patch
}

func resourceVersionOf(content map[string]any) string {
	return (&unstructured.Unstructured{Object: content}).GetResourceVersion()
}
