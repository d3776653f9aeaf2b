package object_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
)

func parse(t interface{ Fatal(...any) }, text string) *unstructured.Unstructured {
	var content map[string]any
	if err := yaml.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: content}
}

func TestCanonicalKeepsWhatWasMeant(t *testing.T) {
	for _, c := range []struct{ name, live, want string }{{
		name: "metadata that the server stamps goes, what a person wrote stays",
		live: `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b, uid: u, resourceVersion: "1", generation: 2,
  creationTimestamp: "2026-01-01T00:00:00Z", managedFields: [], labels: {app: x, applyset.kubernetes.io/part-of: z},
  annotations: {note: n, kubectl.kubernetes.io/last-applied-configuration: secret}, finalizers: [mine.example/f, kubernetes.io/pvc-protection]},
  data: {k: v}, status: {x: 1}}`,
		want: `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b, labels: {app: x}, annotations: {note: n}, finalizers: [mine.example/f]}, data: {k: v}}`,
	}, {
		name: "our stamps go, what a person says with our annotation stays",
		live: `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a, annotations: {rekindle.io/applied: abc, rekindle.io/data-saved-by: nightly dump}}}`,
		want: `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a, annotations: {rekindle.io/data-saved-by: nightly dump}}}`,
	}, {
		name: "a headless Service stays headless",
		live: `{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None, clusterIPs: [None], ports: [{port: 80}]}}`,
		want: `{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None, clusterIPs: [None], ports: [{port: 80}]}}`,
	}, {
		name: "addresses and ports that the server allocated go",
		live: `{apiVersion: v1, kind: Service, metadata: {name: a, managedFields: [{manager: m, operation: Apply, apiVersion: v1, fieldsType: FieldsV1,
  fieldsV1: {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}}}}]},
  spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, ports: [{port: 80, nodePort: 30001}]}}`,
		want: `{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}`,
	}, {
		name: "a node port that somebody set stays",
		live: `{apiVersion: v1, kind: Service, metadata: {name: a, managedFields: [{manager: m, operation: Apply, apiVersion: v1, fieldsType: FieldsV1,
  fieldsV1: {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:nodePort": {}}}}}}]},
  spec: {clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30001}]}}`,
		want: `{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80, nodePort: 30001}]}}`,
	}, {
		name: "stringData is data",
		live: `{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {b: Yg==}, stringData: {a: a}}`,
		want: `{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: YQ==, b: Yg==}}`,
	}, {
		name: "nulls and template timestamps are nobody's",
		live: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, creationTimestamp: null}, spec: {strategy: null, template: {metadata: {creationTimestamp: null, labels: {a: b}}}}}`,
		want: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {metadata: {labels: {a: b}}}}}`,
	}, {
		name: "the rules of an aggregated ClusterRole are a controller's",
		live: `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}, aggregationRule: {clusterRoleSelectors: []}, rules: [{verbs: [get]}]}`,
		want: `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}, aggregationRule: {clusterRoleSelectors: []}}`,
	}, {
		name: "the uid of a Job is no label of it",
		live: `{apiVersion: batch/v1, kind: Job, metadata: {name: a, managedFields: [{manager: m, operation: Update, apiVersion: batch/v1, fieldsType: FieldsV1,
  fieldsV1: {"f:spec": {"f:suspend": {}}}}], labels: {controller-uid: u, job-name: a, batch.kubernetes.io/controller-uid: u, batch.kubernetes.io/job-name: a}},
  spec: {suspend: true, selector: {matchLabels: {batch.kubernetes.io/controller-uid: u}}, template: {metadata: {labels: {app: x, controller-uid: u}}}}}`,
		want: `{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {suspend: true, template: {metadata: {labels: {app: x}}}}}`,
	}, {
		name: "a label that somebody gave a Job stays",
		live: `{apiVersion: batch/v1, kind: Job, metadata: {name: a, managedFields: [{manager: m, operation: Apply, apiVersion: batch/v1, fieldsType: FieldsV1,
  fieldsV1: {"f:metadata": {"f:labels": {"f:job-name": {}}}}}], labels: {job-name: mine, controller-uid: u}}, spec: {suspend: true}}`,
		want: `{apiVersion: batch/v1, kind: Job, metadata: {name: a, labels: {job-name: mine}}, spec: {suspend: true}}`,
	}, {
		name: "classes keep what makes them",
		live: `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a, uid: x}, provisioner: p, parameters: {a: b}}`,
		want: `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, provisioner: p, parameters: {a: b}}`,
	}} {
		t.Run(c.name, func(t *testing.T) {
			live := parse(t, c.live)
			before := live.DeepCopy()
			if diff := cmp.Diff(parse(t, c.want).Object, object.Canonical(live)); diff != "" {
				t.Errorf("canonical form (-want +have):\n%s", diff)
			}
			if diff := cmp.Diff(before, live); diff != "" {
				t.Errorf("the object itself was changed:\n%s", diff)
			}
		})
	}
}

// generated draws JSON-like objects of the kinds that have stamps of their own.
func generated() *rapid.Generator[*object.Object] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(i int64) any { return i }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
	)
	branch := rapid.Map(rapid.MapOf(rapid.SampledFrom([]string{"clusterIP", "ports", "template", "metadata", "selector", "x"}), leaf),
		func(m map[string]any) any { return m })
	return rapid.Custom(func(t *rapid.T) *object.Object {
		kind := rapid.SampledFrom([]string{"Service", "Secret", "ServiceAccount", "Namespace", "PersistentVolumeClaim", "ConfigMap"}).Draw(t, "kind")
		return object.New(map[string]any{
			"apiVersion": "v1", "kind": kind,
			"metadata":   map[string]any{"name": rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "name"), "uid": rapid.String().Draw(t, "uid")},
			"spec":       branch.Draw(t, "spec"),
			"data":       branch.Draw(t, "data"),
			"stringData": branch.Draw(t, "stringData"),
			"status":     branch.Draw(t, "status"),
		}, object.Provenance{})
	})
}

func TestCanonicalOfCanonicalIsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		once := object.Canonical(generated().Draw(t, "object").Unstructured)
		twice := object.Canonical(&unstructured.Unstructured{Object: once})
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Fatalf("canonical form changes when it is made again:\n%s", diff)
		}
	})
}

func TestFingerprintIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(generated(), 1, 8, (*object.Object).ID).Draw(t, "objects")
		forward, err := object.SetOf(list...)
		if err != nil {
			t.Fatal(err)
		}
		backward := object.NewSet()
		for i := range list {
			if err := backward.Add(list[len(list)-1-i]); err != nil {
				t.Fatal(err)
			}
		}
		if object.Fingerprint(forward) != object.Fingerprint(backward) {
			t.Fatal("the fingerprint depends on the order of the objects")
		}
		changed := list[0].Copy()
		changed.SetLabels(map[string]string{"changed": "yes"})
		other, err := object.SetOf(append([]*object.Object{changed}, list[1:]...)...)
		if err != nil {
			t.Fatal(err)
		}
		if object.Fingerprint(forward) == object.Fingerprint(other) {
			t.Fatal("a changed label leaves the fingerprint as it was")
		}
	})
}

func FuzzCanonical(f *testing.F) {
	f.Add(`{apiVersion: v1, kind: Service, metadata: {name: a, managedFields: [{fieldsV1: {"f:spec": 1}}]}, spec: {ports: [1, {nodePort: 2}], clusterIP: [None]}}`)
	f.Add(`{apiVersion: batch/v1, kind: Job, spec: {template: {metadata: {labels: 7}}}}`)
	f.Add(`{apiVersion: v1, kind: ServiceAccount, metadata: 3, secrets: [{name: 4}, 5]}`)
	f.Add(`{apiVersion: v1, kind: PersistentVolume, spec: {claimRef: []}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var content map[string]any
		if yaml.Unmarshal([]byte(text), &content) != nil || content == nil {
			t.Skip()
		}
		u := &unstructured.Unstructured{Object: content}
		if len(object.CanonicalJSON(u)) == 0 {
			t.Fatal("no bytes for an object")
		}
	})
}

// Digests are stamped on live objects: they may not change with the code.
func TestCanonicalJSONIsThatOfTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := generated().Draw(t, "object").Object
		content["metadata"] = map[string]any{"name": "a"}
		content["kind"] = "Other"
		content["list"] = []any{rapid.String().Draw(t, "text"), rapid.Float64().Draw(t, "number"), []any{}, nil, true, "<&>"}
		have := object.CanonicalJSON(&unstructured.Unstructured{Object: content})
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(object.Canonical(&unstructured.Unstructured{Object: content})); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSuffix(b.String(), "\n"), string(have)); diff != "" {
			t.Fatalf("-want +have:\n%s", diff)
		}
	})
}

func TestFormLeavesTheObjectAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := generated().Draw(t, "object")
		before := o.DeepCopy()
		object.Form(o.Unstructured)
		if diff := cmp.Diff(before.Object, o.Object); diff != "" {
			t.Fatalf("the object was changed:\n%s", diff)
		}
	})
}
