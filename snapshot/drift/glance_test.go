package drift_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/raw"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// glass is a shelf that shows its objects undecoded.
type glass struct{ *shelf }

func (g glass) Scan(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*raw.Object) error) error {
	var d raw.Decoder
	return g.List(ctx, kind, metadataOnly, func(u *unstructured.Unstructured) error {
		text, err := json.Marshal(u)
		if err != nil {
			return err
		}
		o, err := d.Glance(text, kind.GroupVersionKind)
		if err != nil {
			return err
		}
		return each(o)
	})
}

// bodies counts the live objects that it is shown with more than metadata.
type bodies struct{ n int }

func (b *bodies) See(s drift.Sighting) error {
	for key := range s.Live.Object {
		if key != "apiVersion" && key != "kind" && key != "metadata" {
			b.n++
			return nil
		}
	}
	return nil
}

func (*bodies) Listed(object.Kind, error) {}

// What is said of an object does not depend on whether it had to be decoded; one
// that is as the commit says, and that nobody else touched, need not be.
func TestObjectsAreComparedUndecoded(t *testing.T) {
	const ours = `managedFields: [{manager: rekindle, operation: Apply, time: "2026-11-22T10:00:00Z", fieldsV1: {"f:data": {"f:a": {}}}}]`
	status := strings.Replace(ours, "]", `, {manager: kube-controller-manager, operation: Update, subresource: status, fieldsV1: {"f:status": {}}}]`, 1)
	other := func(manager string) string {
		return strings.Replace(ours, "]", `, {manager: `+manager+`, operation: Update, fieldsV1: {"f:metadata": {"f:labels": {"f:x": {}}}}}]`, 1)
	}
	const configMap = "apiVersion: v1, kind: ConfigMap"
	for _, c := range []struct {
		name, want, live string
		decoded          bool
	}{
		{"equal", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, uid: u, " + ours + "}, data: {a: b}", false},
		{"more in the cluster", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, labels: {x: y}, " + ours + "}, data: {a: b, c: d}, immutable: true", false},
		{"with a status", configMap + ", metadata: {name: a}, data: {a: b}, status: {x: old}", configMap + ", metadata: {name: a, " + status + "}, data: {a: b}, status: {x: new}", false},
		{"nobody's", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a}, data: {a: b}", false},
		{"stamped", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, annotations: {rekindle.io/applied: STAMP}, " + ours + "}, data: {a: b}", false},
		{"stamped before", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, annotations: {rekindle.io/applied: other}, " + ours + "}, data: {a: b}", true},
		{"changed", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, " + ours + "}, data: {a: c}", true},
		{"without a field", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, " + ours + "}, data: {}", true},
		{"without a label", configMap + ", metadata: {name: a, labels: {x: y}}, data: {a: b}", configMap + ", metadata: {name: a, " + ours + "}, data: {a: b}", true},
		{"with a person's label", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, labels: {x: y}, " + other("kubectl-label") + "}, data: {a: b}", true},
		{"with a controller's label", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, labels: {x: y}, " + other("operator") + "}, data: {a: b}", true},
		{"being deleted", configMap + ", metadata: {name: a}, data: {a: b}", configMap + `, metadata: {name: a, deletionTimestamp: "2026-11-22T10:00:00Z", ` + ours + "}, data: {a: b}", true},
		{"a finalizer more", configMap + ", metadata: {name: a, finalizers: [x/y]}, data: {a: b}", configMap + ", metadata: {name: a, finalizers: [x/y, orphan], " + ours + "}, data: {a: b}", true},
		{"a null in git", configMap + ", metadata: {name: a, creationTimestamp: null}, data: {a: b, c: null}", configMap + ", metadata: {name: a, " + ours + "}, data: {a: b}", false},
		{"null in the cluster", configMap + ", metadata: {name: a}, data: {a: b}", configMap + ", metadata: {name: a, " + ours + "}, data: {a: null}", true},
		{"another notation", configMap + ", metadata: {name: a}, data: {a: 1.0}", configMap + ", metadata: {name: a, " + ours + "}, data: {a: 1}", false},
		{"a Service", "apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}",
			"apiVersion: v1, kind: Service, metadata: {name: a, " + ours + "}, spec: {clusterIP: 10.0.0.7, ports: [{port: 80, nodePort: 30000}]}", false},
		{"a Service with an address", "apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: 10.0.0.7}",
			"apiVersion: v1, kind: Service, metadata: {name: a, " + ours + "}, spec: {clusterIP: 10.0.0.7}", true},
		{"a Service with a node port", "apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80, nodePort: 30000}]}",
			"apiVersion: v1, kind: Service, metadata: {name: a, " + ours + "}, spec: {ports: [{port: 80, nodePort: 30000}]}", true},
		{"a plain Secret", "apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {a: b}", "apiVersion: v1, kind: Secret, metadata: {name: a, " + ours + "}, data: {a: Yg==}, type: Opaque", false},
		{"nobody expects it", configMap + ", metadata: {name: b}", configMap + ", metadata: {name: a, " + other("kubectl-create") + "}, data: {a: b}", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := manifest(t, "{"+c.want+"}")
			stamp := object.DigestOf(object.Canonical(want)).Short()
			cluster := &shelf{objects: []*unstructured.Unstructured{manifest(t, "{"+strings.Replace(c.live, "STAMP", stamp, 1)+"}")}}
			catalogue := object.NewCatalogue("v1.36.3", []object.Kind{kind("ConfigMap", true), kind("Secret", true), kind("Service", true)})
			compare := func(cluster drift.Cluster) (string, int) {
				b := &bodies{}
				report, err := drift.Compare(t.Context(), cluster, expect(want), drift.Options{
					Catalogue: catalogue, Observer: b, Bodies: func(schema.GroupKind) bool { return false },
					Restored: func(u *unstructured.Unstructured) bool { return u.GetAnnotations()["rekindle.io/applied"] != "" },
				})
				if err != nil {
					t.Fatal(err)
				}
				return words(report) + fmt.Sprint(report.Unstamped), b.n
			}
			slow, _ := compare(cluster)
			quick, seen := compare(glass{cluster})
			if diff := cmp.Diff(slow, quick); diff != "" {
				t.Errorf("undecoded it is another report (-decoded +undecoded):\n%s", diff)
			}
			if seen > 0 != c.decoded {
				t.Errorf("%d were decoded", seen)
			}
		})
	}
}

// Who asks for bodies is shown them.
func TestBodiesAreShownToWhoNeedsThem(t *testing.T) {
	cluster := glass{&shelf{objects: []*unstructured.Unstructured{configMap(t, "a", "1"), configMap(t, "stranger", "1"), secret(t, "s")}}}
	yes, no := drift.Everything, func(schema.GroupKind) bool { return false }
	for _, c := range []struct {
		whole, bodies func(schema.GroupKind) bool
		want          int
	}{{no, no, 0}, {yes, no, 1}, {no, yes, 2}, {yes, yes, 3}, {nil, nil, 2}, {no, func(gk schema.GroupKind) bool { return gk.Kind == "Secret" }, 1}} {
		b := &bodies{}
		if _, err := drift.Compare(t.Context(), cluster, expect(configMap(t, "a", "1"), secret(t, "s")),
			drift.Options{Catalogue: catalogueOf(), Observer: b, Whole: c.whole, Bodies: c.bodies}); err != nil {
			t.Fatal(err)
		}
		if b.n != c.want {
			t.Errorf("%d bodies were shown, not %d", b.n, c.want)
		}
	}
}

// A broken object is an error, and not one that is as the commit says.
func TestABrokenObjectIsAnError(t *testing.T) {
	b := broken{glass{&shelf{}}, `{"metadata":{"name":"a","namespace":"shop"},"data":{"a":"1"`}
	if _, err := drift.Compare(t.Context(), b, expect(configMap(t, "a", "1")), drift.Options{}); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("have %v", err)
	}
}

type broken struct {
	glass
	text string
}

func (b broken) Scan(_ context.Context, kind object.Kind, _ bool, each func(*raw.Object) error) error {
	o, err := new(raw.Decoder).Glance([]byte(b.text), kind.GroupVersionKind)
	if err != nil {
		return err
	}
	return each(o)
}
