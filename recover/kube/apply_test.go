package kube

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

func TestApplyCreatesAndUpdates(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	u := configMap(ns, "a")
	first, err := c.Apply(t.Context(), configMaps(), u, ApplyOptions{Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"a": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	if !first.Created || first.UID == "" || first.ResourceVersion == "" || first.Object != nil {
		t.Errorf("first apply: %+v", first)
	}
	if u.GetLabels() != nil || u.GetAnnotations() != nil {
		t.Error("apply changed the object it was given")
	}
	live, err := c.Get(t.Context(), configMaps(), ns, "a")
	if err != nil {
		t.Fatal(err)
	}
	if live.GetLabels()["l"] != "1" || live.GetAnnotations()["a"] != "2" {
		t.Errorf("labels %v, annotations %v", live.GetLabels(), live.GetAnnotations())
	}
	if m := live.GetManagedFields(); len(m) != 1 || m[0].Manager != "rekindle" || m[0].Operation != "Apply" {
		t.Errorf("managed fields: %+v", m)
	}
	// What a server stamps may be in a manifest that was exported once.
	stamped := live.DeepCopy()
	stamped.SetUID("another")
	stamped.SetResourceVersion("1")
	again, err := c.Apply(t.Context(), configMaps(), stamped, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Created || again.UID != first.UID {
		t.Errorf("second apply: %+v", again)
	}
	dry, err := c.Apply(t.Context(), configMaps(), configMap(ns, "dry"), ApplyOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if dry.Object == nil || dry.Object.GetName() != "dry" {
		t.Errorf("dry run: %+v", dry)
	}
	if _, err := c.Get(t.Context(), configMaps(), ns, "dry"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after a dry run: %v", err)
	}
}

// awaitQuota waits until the quota of ns is enforced: the API server learns of
// it a moment after it was made.
func awaitQuota(t *testing.T, c *Cluster, cat *object.Catalogue, ns string) {
	t.Helper()
	u := parse(t, strings.ReplaceAll(`{apiVersion: v1, kind: Secret, metadata: {namespace: NS, name: probe}}`, "NS", ns))
	ctx := within(t, 20*time.Second)
	for {
		_, err := c.Apply(ctx, kindOf(t, cat, u), u, ApplyOptions{DryRun: true})
		var refused *ApplyError
		if errors.As(err, &refused) && strings.Contains(refused.Message, "exceeded quota") {
			return
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			t.Fatalf("the quota is not enforced: %v", err)
		}
	}
}

func TestApplyErrors(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	cat := catalogue(t, c)
	apply(t, c, strings.ReplaceAll(`
apiVersion: v1
kind: Service
metadata: {namespace: NS, name: web}
spec: {ports: [{port: 80}], selector: {app: web}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: NS, name: fixed}
spec: {replicas: 0, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {namespace: NS, name: q}
spec: {hard: {count/secrets: "0"}}
---
apiVersion: v1
kind: Secret
metadata: {namespace: kube-system, name: typed}
type: Opaque
`, "NS", ns))
	awaitQuota(t, c, cat, ns)
	tests := map[string]struct {
		manifest string
		reason   Reason
		want     string
	}{
		"a value out of range": {`{apiVersion: v1, kind: Service, metadata: {namespace: NS, name: x}, spec: {ports: [{port: 99999}]}}`, ReasonInvalid, "99999"},
		"a value of another type": {`{apiVersion: v1, kind: Service, metadata: {namespace: NS, name: x}, spec: {ports: [{port: "eighty"}]}}`,
			ReasonInvalid, "port"},
		"an immutable selector": {`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: NS, name: fixed}, spec: {selector: {matchLabels: {app: b}}, template: {metadata: {labels: {app: b}}, spec: {containers: [{name: c, image: i}]}}}}`,
			ReasonImmutable, "immutable"},
		"a Secret's type": {`{apiVersion: v1, kind: Secret, metadata: {namespace: kube-system, name: typed}, type: example.com/other, stringData: {password: hunter22}}`,
			ReasonImmutable, "type"},
		"no such namespace": {`{apiVersion: v1, kind: ConfigMap, metadata: {namespace: nowhere, name: x}}`, ReasonNamespaceMissing, "nowhere"},
		"a quota":           {`{apiVersion: v1, kind: Secret, metadata: {namespace: NS, name: x}, stringData: {password: hunter22}}`, ReasonQuota, "exceeded quota"},
		"a Secret that is no base64": {`{apiVersion: v1, kind: Secret, metadata: {namespace: kube-system, name: x}, data: {password: "!hunter22!"}}`,
			ReasonInvalid, "withheld"},
		"a Secret of numbers": {`{apiVersion: v1, kind: Secret, metadata: {namespace: kube-system, name: x}, stringData: {password: 22222222}}`,
			ReasonInvalid, "withheld"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := parse(t, strings.ReplaceAll(test.manifest, "NS", ns))
			began := time.Now()
			_, err := c.Apply(within(t, 10*time.Second), kindOf(t, cat, u), u, ApplyOptions{})
			var e *ApplyError
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Reason != test.reason || !strings.Contains(e.Message, test.want) || e.ID != object.IDOf(u) {
				t.Errorf("got %s: %s", e.Reason, e.Message)
			}
			if strings.Contains(err.Error(), "hunter22") || strings.Contains(err.Error(), "22222222") {
				t.Errorf("the message holds the Secret: %s", err)
			}
			if e.Remedy == "" {
				t.Error("no remedy")
			}
			if spent := time.Since(began); spent > 3*time.Second {
				t.Errorf("it took %s to find out", spent)
			}
		})
	}
}

func TestApplyWebhooks(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	apply(t, c, strings.ReplaceAll(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NS}
webhooks:
- name: nobody.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  timeoutSeconds: 1
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  clientConfig: {service: {namespace: NS, name: nobody, path: /}}
`, "NS", ns))
	began := time.Now()
	var e *ApplyError
	// The configuration takes a moment to be in force.
	for i := 0; e == nil; i++ {
		_, err := c.Apply(within(t, 30*time.Second), configMaps(), configMap(ns, fmt.Sprint("x", i)), ApplyOptions{})
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("the webhook is not in force")
		}
	}
	if e.Reason != ReasonWebhook || !strings.Contains(e.Message, "nobody.example.com") || e.Remedy == "" {
		t.Errorf("got %v", e)
	}
	if spent := time.Since(began); spent > 10*time.Second {
		t.Errorf("it took %s", spent)
	}
}

func TestApplyKindNotServed(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	kind := object.Kind{GroupVersionKind: gvk("extensions", "v1beta1", "Ingress"), Resource: "ingresses", Namespaced: true}
	u := configMap(ns, "old")
	u.SetGroupVersionKind(kind.GroupVersionKind)
	_, err := c.Apply(within(t, 5*time.Second), kind, u, ApplyOptions{})
	var e *ApplyError
	if !errors.As(err, &e) || e.Reason != ReasonKindNotServed {
		t.Errorf("got %v", err)
	}
}

func TestApplyDropsUnknownFields(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	u := parse(t, strings.ReplaceAll(`
apiVersion: apps/v1
kind: Deployment
metadata:
  namespace: NS
  name: web
  annotations: {example.com/dotted.name: kept}
spec:
  replcas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web
        imagePulPolicy: Always
        ports: [{containerPort: 80, prot: x}]
      - {name: "odd", image: odd}
`, "NS", ns))
	kind := kindOf(t, catalogue(t, c), u)
	applied, err := c.Apply(within(t, 10*time.Second), kind, u, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(applied.Dropped, "\n")
	for _, field := range []string{".spec.replcas", "imagePulPolicy", "prot"} {
		if !strings.Contains(got, field) {
			t.Errorf("%s is not reported: %s", field, got)
		}
	}
	if len(applied.Dropped) != 3 {
		t.Errorf("dropped %q", applied.Dropped)
	}
	if _, kept, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "replcas"); !kept {
		t.Error("apply changed the object it was given")
	}
	live, err := c.Get(t.Context(), kind, ns, "web")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(entries(live.Object, "spec", "template", "spec", "containers")); n != 2 {
		t.Errorf("%d containers arrived", n)
	}
}

func TestApplyTerminatingNamespaceIsQuick(t *testing.T) {
	t.Parallel() // it waits for a controller
	c := dial(t, Options{})
	ns := namespace(t, c)
	held := configMap(ns, "held")
	held.SetFinalizers([]string{"example.com/hold"})
	if _, err := c.Apply(t.Context(), configMaps(), held, ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	namespaces := object.Kind{GroupVersionKind: gvk("", "v1", "Namespace"), Resource: "namespaces"}
	if err := c.Delete(t.Context(), namespaces, "", ns, "", DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := c.Apply(within(t, time.Minute), configMaps(), configMap(ns, "late"), ApplyOptions{})
	var e *ApplyError
	if !errors.As(err, &e) || e.Reason != ReasonNamespaceTerminating {
		t.Errorf("got %v", err)
	}
	if spent := time.Since(began); spent > 2*time.Second {
		t.Errorf("it took %s", spent)
	}
	// And the wait for its end says what holds it, once the controller got there.
	err = c.Await(within(t, 30*time.Second), configMaps(), ns, "held", func(u *unstructured.Unstructured) (bool, string) {
		return u != nil && u.GetDeletionTimestamp() != nil, "not being deleted"
	})
	if err != nil {
		t.Fatal(err)
	}
	err = c.AwaitGone(within(t, 300*time.Millisecond), configMaps(), ns, "held", "")
	if err == nil || !strings.Contains(err.Error(), "example.com/hold") {
		t.Errorf("got %v", err)
	}
	held.SetFinalizers(nil)
	held.Object["metadata"].(map[string]any)["finalizers"] = []any{}
	if _, err := c.Apply(t.Context(), configMaps(), held, ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitGone(within(t, 30*time.Second), namespaces, "", ns, ""); err != nil {
		t.Error(err)
	}
}

func TestCRDThenItsObject(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	apply(t, c, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lamps.example.com}
spec:
  group: example.com
  names: {kind: Lamp, plural: lamps, singular: lamp}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {watts: {type: integer}}}, status: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
status:
  acceptedNames: {kind: "", plural: ""}
  conditions: []
  storedVersions: []
`)
	if err := c.Established(within(t, 20*time.Second), "lamps.example.com"); err != nil {
		t.Fatal(err)
	}
	if err := c.Established(within(t, 300*time.Millisecond), "absent.example.com"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("an absent CRD: %v", err)
	}
	lamp := parse(t, strings.ReplaceAll(`{apiVersion: example.com/v1, kind: Lamp, metadata: {namespace: NS, name: desk}, spec: {watts: 5, colour: red}}`, "NS", ns))
	kind := object.Kind{GroupVersionKind: lamp.GroupVersionKind(), Resource: "lamps", Namespaced: true, Verbs: []string{"patch"}}
	applied, err := c.Apply(within(t, 20*time.Second), kind, lamp, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !applied.Created || len(applied.Dropped) != 1 || applied.Dropped[0] != ".spec.colour" {
		t.Errorf("applied: %+v", applied)
	}
}
