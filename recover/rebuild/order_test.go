package rebuild_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// What comes late, fails or stands in the way, on one cluster, one case after
// the other.
func TestWhatComesLateOrNever(t *testing.T) {
	p := newPlace(t)
	t.Run("a kind that comes while the restore settles", p.kindComesLate)
	t.Run("what waits for a Job that failed", p.jobFails)
	t.Run("a webhook that does not answer", p.webhookIsDead)
}

const queuesPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/queues.shop.example.com"

const queues = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: queues.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {kind: Queue, listKind: QueueList, plural: queues, singular: queue}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {depth: {type: integer}}}}}}
`

// An operator, here the observer of the run, brings a kind once the rest of the
// commit is there.
func (p *place) kindComesLate(t *testing.T) {
	p.commit(t, shop, settings("kept", "1", ""), `
apiVersion: shop.example.com/v1
kind: Queue
metadata: {name: orders}
spec: {depth: 3}
`)
	req, done := p.req, make(chan struct{})
	req.AllowUnserved = true
	applied := make(chan struct{}, 1)
	go func() {
		defer close(done)
		<-applied
		p.by(t, "operator").post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", queues)
	}()
	report, err := p.Restore(t.Context(), req, (&agree{}).consent, func(e run.Event) {
		if e.Type == "apply.done" {
			applied <- struct{}{}
		}
	})
	if report == nil {
		t.Fatal(err)
	}
	<-done
	if !p.by(t, "test").has("/apis/shop.example.com/v1/namespaces/default/queues/orders") {
		t.Fatalf("the object was not applied: %v: %s", err, words(t, report))
	}
	if len(report.NotApplied) > 0 {
		t.Errorf("it was applied, and is said not to be: %s", words(t, report.NotApplied))
	}
	for _, k := range report.Kinds {
		if k.Kind == "Queue.shop.example.com" && k.Created != 1 {
			t.Errorf("counted as %+v", k)
		}
	}
	if report.Drift == nil || len(report.Drift.Missing)+len(report.Drift.Changed) > 0 {
		t.Errorf("the comparison does not know it: %s", words(t, report.Drift))
	}
	p.by(t, "operator").delete(queuesPath)
}

func (p *place) jobFails(t *testing.T) {
	p.commit(t, shop, settings("kept", "1", ""), `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: shop, annotations: {argocd.argoproj.io/sync-wave: "0"}}
spec:
  activeDeadlineSeconds: 1
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {no-node: has-this}
      containers: [{name: migrate, image: "registry.example.com/migrate:1"}]
`, settings("after", "1", `, annotations: {argocd.argoproj.io/sync-wave: "1"}`))
	begun := time.Now()
	report, _, err := p.try(t, func(req *rebuild.Request) { req.Wait = 3 * time.Minute })
	if took := time.Since(begun); took > 45*time.Second {
		t.Errorf("it took %s until the dependants of a failed Job were given up", took)
	}
	if err == nil || report.Verified {
		t.Error("verified, with a Job that failed")
	}
	reason := reasonFor(report.NotApplied, configMap("after"))
	for _, part := range []string{"Job.batch shop/migrate", "deadline"} {
		if !strings.Contains(reason, part) {
			t.Errorf("the reason does not tell of %q: %q: %s", part, reason, words(t, report))
		}
	}
	if p.by(t, "test").has(configMapPath("after")) {
		t.Error("what waits for the Job was applied")
	}
	if reasonFor(report.NotApplied, configMap("kept")) != "" {
		t.Errorf("what does not wait was not applied: %s", words(t, report.NotApplied))
	}
}

// deadWebhook refuses every ConfigMap of the namespace guarded, because nobody
// answers.
const deadWebhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: dead}
webhooks:
- name: dead.example.com
  failurePolicy: Fail
  sideEffects: None
  timeoutSeconds: 1
  admissionReviewVersions: [v1]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: guarded}}
  clientConfig: {url: "https://127.0.0.1:1/validate"}
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE], scope: Namespaced}]
`

func guarded(name, value string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", namespace: guarded}\ndata: {value: \"" + value + "\"}\n"
}

func (p *place) webhookIsDead(t *testing.T) {
	const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: guarded}\n"
	p.commit(t, shop, settings("kept", "2", ""), namespace, guarded("edited", "1"), guarded("quiet", "1"))
	if report, _, err := p.try(t, nil); len(report.NotApplied) > 0 {
		t.Fatalf("%v: %s", err, words(t, report))
	}
	person := p.by(t, "kubectl-edit")
	person.patch("/api/v1/namespaces/guarded/configmaps/edited", `{"data":{"value":"2"}}`)
	person.patch(configMapPath("kept"), `{"data":{"value":"3"}}`)
	person.post("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", deadWebhook)
	id := object.ID{Kind: "ConfigMap", Namespace: "guarded", Name: "edited"}
	person.awaitWebhook("/api/v1/namespaces/guarded/configmaps/quiet")

	found := p.verify(t)
	if _, ok := changeOf(found, id); !ok || found.Verified {
		t.Errorf("Verify does not name the ConfigMap that was changed: %s", words(t, found.Drift))
	}
	report, asked, err := p.try(t, func(req *rebuild.Request) { req.Wait = 30 * time.Second })
	if err == nil || report.Verified {
		t.Error("verified, although nothing could be changed behind the webhook")
	}
	if len(asked) != 1 {
		t.Errorf("asked %d times for consent, want once: %v: %s", len(asked), err, words(t, report))
	}
	if reason := reasonFor(report.NotApplied, id); !strings.Contains(reason, "dead.example.com") {
		t.Errorf("the ConfigMap was not applied because of the webhook, not %q: %v: %s", reason, err, words(t, report))
	}
	if _, ok := changeOf(report, id); !ok {
		t.Errorf("the report does not name the ConfigMap that is still different: %v: %s", err, words(t, report))
	}
	if live := person.get(configMapPath("kept")); live.Object["data"].(map[string]any)["value"] != "2" {
		t.Errorf("one refused object kept the others from being restored: %v", live.Object["data"])
	}
}

// awaitWebhook waits until the API server has taken notice of a webhook that
// does not answer: even a patch that changes nothing is refused then.
func (h hand) awaitWebhook(path string) {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if code, _ := h.send(http.MethodPatch, path, mergePatch, []byte("{}")); code == http.StatusInternalServerError {
			return
		}
	}
	h.t.Fatal("the webhook is not called")
}
