package kube

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What is given back keeps what it does, loses the marks that are named, and
// meets no conflict with us any more.
func TestRelease(t *testing.T) {
	theirs, ours := dial(t, Options{FieldManager: "team-b"}), dial(t, Options{})
	ctx := within(t, time.Minute)
	u := parse(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: release, namespace: default, labels: {keep: me}}
data: {color: blue, theirs: "1"}`)
	kind := kindOf(t, catalogue(t, ours), u)
	if _, err := theirs.Apply(ctx, kind, u, ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	changed := parse(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: release, namespace: default}
data: {color: red}`)
	marks := ApplyOptions{Labels: map[string]string{"example.com/set": "x"}, Annotations: map[string]string{"example.com/a.b": "y"}}
	if _, err := ours.Apply(ctx, kind, changed, marks); err != nil {
		t.Fatal(err)
	}
	before, err := ours.Get(ctx, kind, "default", "release")
	if err != nil {
		t.Fatal(err)
	}
	release := func(name string, uid types.UID) {
		t.Helper()
		if err := ours.Release(ctx, kind, "default", name, uid, []string{"example.com/set"}, []string{"example.com/a.b"}); err != nil {
			t.Fatal(err)
		}
	}
	release("absent", before.GetUID())
	release("release", "the uid of another")
	if same, err := ours.Get(ctx, kind, "default", "release"); err != nil || same.GetResourceVersion() != before.GetResourceVersion() {
		t.Errorf("another one than was meant was changed: %v", err)
	}
	release("release", before.GetUID())
	release("release", before.GetUID())
	after, err := ours.Get(ctx, kind, "default", "release")
	if err != nil {
		t.Fatal(err)
	}
	data, _ := after.Object["data"].(map[string]any)
	if data["color"] != "red" || data["theirs"] != "1" {
		t.Errorf("its content became %v", data)
	}
	if labels := after.GetLabels(); len(labels) != 1 || labels["keep"] != "me" || len(after.GetAnnotations()) != 0 {
		t.Errorf("marks: %v, %v", labels, after.GetAnnotations())
	}
	for _, e := range after.GetManagedFields() {
		if e.Manager == "rekindle" && e.Operation == metav1.ManagedFieldsOperationApply {
			t.Errorf("it is still ours: %s", e.FieldsV1)
		}
	}
}

// An object that nobody else ever applied is given back as well.
func TestReleaseWhatOnlyWeHad(t *testing.T) {
	c := dial(t, Options{})
	ctx := within(t, time.Minute)
	u := parse(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: released, namespace: default}, data: {a: b}}")
	kind := kindOf(t, catalogue(t, c), u)
	applied, err := c.Apply(ctx, kind, u, ApplyOptions{Labels: map[string]string{"mark": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Release(ctx, kind, "default", "released", applied.UID, []string{"mark"}, nil); err != nil {
		t.Fatal(err)
	}
	after, err := c.Get(ctx, kind, "default", "released")
	if err != nil || len(after.GetLabels()) > 0 || len(after.GetManagedFields()) > 0 || after.Object["data"] == nil {
		t.Errorf("%v, %v", after, err)
	}
}

// The identity is that of kube-system, and an administrator may do everything.
func TestIdentityAndAccess(t *testing.T) {
	c := dial(t, Options{})
	ctx := within(t, time.Minute)
	first, err := c.Identity(ctx)
	if err != nil || first.UID == "" || first.Made.IsZero() {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := dial(t, Options{}).Identity(ctx); err != nil || again != first {
		t.Errorf("%+v, %v; want %+v", again, err, first)
	}
	allowed, err := c.May(ctx, Access{Verb: "*", Group: "*", Resource: "*"})
	if err != nil || !allowed {
		t.Errorf("an administrator may: %t, %v", allowed, err)
	}
}
