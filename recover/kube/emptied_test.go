package kube

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// It is waited for those that count, however they go, and what is left when the
// time is over is handed over.
func TestAwaitNone(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	ctx := within(t, time.Minute)
	for _, name := range []string{"a", "b", "other"} {
		if _, err := c.Apply(ctx, configMaps(), configMap(ns, name), ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(u *unstructured.Unstructured) bool {
		return (u.GetName() == "a" || u.GetName() == "b") && u.GetLabels()["spared"] == ""
	}
	opts := ListOptions{Namespace: ns}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	left, err := c.AwaitNone(short, configMaps(), opts, counts)
	if !errors.Is(err, context.DeadlineExceeded) || len(left) != 2 || left[0].GetName() != "a" || left[1].GetName() != "b" {
		t.Fatalf("%v, left %v", err, left)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.AwaitNone(ctx, configMaps(), opts, counts)
		done <- err
	}()
	if err := c.Delete(ctx, configMaps(), ns, "a", left[0].GetUID(), DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(ctx, configMaps(), ns, "b", left[1].GetUID(), "kubectl-test", map[string]any{"metadata": map[string]any{"labels": map[string]any{"spared": "yes"}}}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A merge changes the very object that was meant, in the name that was given.
func TestMerge(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	ctx := within(t, time.Minute)
	if _, err := c.Apply(ctx, configMaps(), configMap(ns, "m"), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	patch := map[string]any{"data": map[string]any{"key": nil, "new": "1"}}
	if err := c.Merge(ctx, configMaps(), ns, "absent", "", "kubectl-test", patch); !errors.Is(err, ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
	before, err := c.Get(ctx, configMaps(), ns, "m")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(ctx, configMaps(), ns, "m", "11111111-2222-3333-4444-555555555555", "kubectl-test", map[string]any{"data": nil}); !errors.Is(err, ErrNotFound) {
		t.Errorf("another one of the same name: %v", err)
	}
	if err := c.Merge(ctx, configMaps(), ns, "m", before.GetUID(), "kubectl-test", patch); err != nil {
		t.Fatal(err)
	}
	after, err := c.Get(ctx, configMaps(), ns, "m")
	if err != nil {
		t.Fatal(err)
	}
	data, _ := after.Object["data"].(map[string]any)
	if data["new"] != "1" || data["key"] != nil {
		t.Errorf("its data became %v", data)
	}
	if len(patch) != 1 {
		t.Errorf("the patch became %v", patch)
	}
	for _, e := range after.GetManagedFields() {
		if e.Manager == "kubectl-test" {
			return
		}
	}
	t.Errorf("nobody of that name owns anything: %v", after.GetManagedFields())
}
