package teardown_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// deadWebhook keeps some Services from being deleted, because nobody answers.
const deadWebhook = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: dead}
webhooks:
- name: dead.example.com
  clientConfig: {url: "https://127.0.0.1:1/"}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [DELETE], resources: [services]}]
  objectSelector: {matchLabels: {guarded: "yes"}}
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
`

// What is stuck is named with what holds it, and the cluster stays until somebody
// decides. Meanwhile no export takes what was removed for deleted.
func TestStuck(t *testing.T) {
	w := newWorld(t, web, db)
	w.restore()
	h := w.hand()
	h.merge(shopPath+"/services/web", `{"metadata":{"finalizers":["cloud.example/balancer"]}}`)
	h.merge(shopPath+"/persistentvolumeclaims/data-db-1", `{"metadata":{"finalizers":["kubernetes.io/pvc-protection","csi.example/detach"]}}`)
	h.apply("/api/v1/namespaces", "apiVersion: v1\nkind: Namespace\nmetadata: {name: old}\n")
	h.apply("/api/v1/namespaces/old/configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n")
	h.must("DELETE", "/api/v1/namespaces/old", "", nil)
	eventually(t, "the namespace says what holds it", func() bool {
		return strings.Contains(string(h.must("GET", "/api/v1/namespaces/old", "", nil)), "example.com/hold")
	})
	h.apply(shopPath+"/services", "apiVersion: v1\nkind: Service\nmetadata: {name: guarded, labels: {guarded: \"yes\"}}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n")
	h.apply("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", deadWebhook)
	// Long enough for what is not stuck, on a busy machine.
	hasty := func(req *teardown.Request) { req.Waits.Drain = 4 * time.Second }

	report, err := w.Teardown(t.Context(), w.request(hasty), w.log)
	var stuck *teardown.StuckError
	if !errors.As(err, &stuck) || outcomeOf(err) != run.Failed || report.Deleted || len(report.Stuck) != 4 {
		t.Fatalf("%v: %s", err, words(t, report))
	}
	for _, word := range []string{
		"Service shop/web", "cloud.example/balancer", "PersistentVolumeClaim shop/data-db-1", "csi.example/detach", "Namespace old", "example.com/hold",
		"Service shop/guarded", "failed calling webhook", "dead.example.com",
	} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in %v", word, err)
		}
	}
	if strings.Contains(err.Error(), "data-db-0") {
		t.Errorf("data-db-0 is gone: %v", err)
	}
	if _, err := w.local.Find(t.Context(), "dev"); err != nil {
		t.Fatal(err)
	}
	good := w.tip()
	if _, err := w.Rebuild.Drift(t.Context(), w.request(nil).DriftRequest, nil); outcomeOf(err) != run.Refused || w.tip() != good {
		t.Errorf("what was taken apart is exported: %v", err)
	}
	h.must("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/dead", "", nil)
	w.balancerIsBack(report.Run, good)
	if _, err := w.Resume(t.Context(), report.Run, nil); !errors.As(err, new(*teardown.StuckError)) {
		t.Errorf("resumed: %v", err)
	}
	last := w.down(func(req *teardown.Request) { hasty(req); req.Stuck = teardown.Proceed })
	if len(last.Stuck) != 2 || last.Export.Run != report.Run || last.Export.Commit != good || w.tip() != good {
		t.Errorf("%s", words(t, last))
	}
}

// balancerIsBack: once what holds the Service is mended, it goes.
func (w *world) balancerIsBack(id, good string) {
	w.t.Helper()
	w.hand().merge(shopPath+"/services/web", `{"metadata":{"finalizers":null}}`)
	report, err := w.Resume(w.t.Context(), id, nil)
	if !errors.As(err, new(*teardown.StuckError)) || len(report.Stuck) != 2 || strings.Contains(err.Error(), "shop/web") || w.tip() != good {
		w.t.Errorf("%v: %s", err, words(w.t, report))
	}
}

// A cluster that was brought back after a teardown got stuck is whole again: what
// was suspended runs, it is exported anew, and the old run does not go on.
func TestBroughtBack(t *testing.T) {
	w := newWorld(t, web, db)
	w.restore()
	h := w.hand()
	h.merge(shopPath+"/persistentvolumeclaims/data-db-0", `{"metadata":{"finalizers":["csi.example/detach"]}}`)
	report, err := w.Teardown(t.Context(), w.request(func(req *teardown.Request) { req.Waits.Drain = time.Second }), nil)
	if !errors.As(err, new(*teardown.StuckError)) {
		t.Fatal(err)
	}
	h.merge(shopPath+"/persistentvolumeclaims/data-db-0", `{"metadata":{"finalizers":null}}`)
	w.restore()
	if n := h.get("/apis/apps/v1/namespaces/shop/statefulsets/db").Object["spec"].(map[string]any)["replicas"]; n != int64(2) {
		t.Errorf("%v replicas", n)
	}
	var refused *rebuild.RefusedError
	if _, err := w.Resume(t.Context(), report.Run, nil); !errors.As(err, &refused) {
		t.Errorf("the old run goes on: %v", err)
	}
	h.apply(shopPath+"/configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: since}\n")
	if last := w.down(nil); last.Export.Run != "" || w.exported("live/shop/config-map/since.yaml") == "" {
		t.Errorf("%s", words(t, last))
	}
}
