package kube

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestApplyKeepsTheLastOfTwo(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "twice", "namespace": ns},
		"spec": map[string]any{"containers": []any{map[string]any{
			"name": "web", "image": "web:1",
			"env":   []any{map[string]any{"name": "A", "value": "first"}, map[string]any{"name": "B", "value": "b"}, map[string]any{"name": "A", "value": "last"}},
			"ports": []any{map[string]any{"containerPort": int64(80)}, map[string]any{"containerPort": int64(80)}},
		}}},
	}}
	cat, err := c.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pod := kindOf(t, cat, u)
	applied, err := c.Apply(within(t, 30*time.Second), pod, u, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(applied.Dropped) != 2 {
		t.Errorf("dropped: %q", applied.Dropped)
	}
	live, err := c.Get(t.Context(), pod, ns, "twice")
	if err != nil {
		t.Fatal(err)
	}
	containers, _, _ := unstructured.NestedSlice(live.Object, "spec", "containers")
	env, _, _ := unstructured.NestedSlice(containers[0].(map[string]any), "env")
	var values []string
	for _, e := range env {
		values = append(values, e.(map[string]any)["value"].(string))
	}
	if !slices.Equal(values, []string{"b", "last"}) {
		t.Errorf("variables: %q", values)
	}
}
