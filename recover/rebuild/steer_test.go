package rebuild_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// What people tell a restore that is under way, on one cluster.
func TestOrdersToARestore(t *testing.T) {
	p := newPlace(t)
	p.commit(t, shop)
	p.verified(t)
	p.req.Prune = true // what earlier cases left
	t.Run("what a policy refused is retried", p.refusedIsRetried)
	t.Run("a pause holds what comes next", p.pauseHolds)
	t.Run("what never settles is skipped", p.stuckIsSkipped)
	t.Run("what does not settle is retried, or let be", p.stuckIsRetried)
}

// underway is a restore that somebody may tell something.
type underway struct {
	*place
	t      *testing.T
	id     string
	report *rebuild.Report
	err    error
	over   chan struct{}
}

func (p *place) begin(t *testing.T, change func(*rebuild.Request)) *underway {
	t.Helper()
	u, begun := &underway{place: p, t: t, over: make(chan struct{})}, make(chan string, 1)
	req := p.req
	change(&req)
	go func() {
		defer close(u.over)
		u.report, u.err = p.Restore(t.Context(), req, (&agree{}).consent, func(ev run.Event) {
			if ev.Type == run.RunBegin {
				begun <- ev.Run
			}
		})
	}()
	u.id = <-begun
	return u
}

func (u *underway) run() run.Run {
	u.t.Helper()
	r, err := u.store.Run(u.t.Context(), u.id)
	if err != nil {
		u.t.Fatal(err)
	}
	return r
}

func (u *underway) give(kind run.OrderKind, object, why string) {
	u.t.Helper()
	o, err := u.Executor.Give(u.t.Context(), u.id, run.Order{Kind: kind, Object: object, Why: why, By: "ada"})
	if err != nil || o.Answered.IsZero() {
		u.t.Fatalf("%+v: %v", o, err)
	}
}

// seq is the number of the first event of a type about an object, 0 for none.
func (u *underway) seq(typ, name string) uint64 {
	u.t.Helper()
	events, err := u.store.Events(u.t.Context(), u.id, 0, 0)
	if err != nil {
		u.t.Fatal(err)
	}
	i := slices.IndexFunc(events, func(ev run.Event) bool { return ev.Type == typ && ev.Object == name })
	if i < 0 {
		return 0
	}
	return events[i].Seq
}

func (u *underway) await(typ, name string) {
	u.t.Helper()
	awaitUntil(u.t, typ+" "+name, func() bool { return u.seq(typ, name) > 0 })
}

func (u *underway) end() {
	u.t.Helper()
	select {
	case <-u.over:
	case <-time.After(90 * time.Second):
		u.t.Fatal("the run does not end")
	}
	if u.report == nil {
		u.t.Fatal(u.err)
	}
}

const (
	validating = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
	refuses    = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: refuses}
spec:
  failurePolicy: Fail
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}
  validations: [{expression: "object.metadata.name != 'refused'", message: "we want none of that name"}]`
)

// refusing tells whether the policy is in force.
func (h hand) refusing() bool {
	raw := []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"refused","namespace":"default"}}`)
	code, _ := h.send("POST", "/api/v1/namespaces/default/configmaps", plainJSON, raw)
	if code/100 == 2 {
		h.delete("/api/v1/namespaces/default/configmaps/refused")
	}
	return code/100 != 2
}

func (p *place) refusedIsRetried(t *testing.T) {
	person := p.by(t, "kubectl")
	person.post(validating+"ies", refuses)
	person.post(validating+"ybindings", "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: refuses}\nspec: {policyName: refuses, validationActions: [Deny]}")
	awaitUntil(t, "the policy", person.refusing)
	p.commit(t, shop, settings("refused", "1", ""), settings("fine", "1", ""))
	u := p.begin(t, func(req *rebuild.Request) { req.Hold = true })
	awaitUntil(t, "a hold", func() bool { return u.run().Held != nil })
	if why := u.run().Held.Why; !strings.Contains(why, "ConfigMap shop/refused") || !strings.Contains(why, "none of that name") {
		t.Errorf("it does not say why it holds: %s", why)
	}
	var refused *run.RefusedOrderError
	for name, reason := range map[string]string{"ConfigMap shop/fine": "it was applied", "ConfigMap shop/nobody": "no such object"} {
		if _, err := u.Executor.Give(t.Context(), u.id, run.Order{Kind: run.RetryObject, Object: name}); !errors.As(err, &refused) || !strings.Contains(refused.Reason, reason) {
			t.Errorf("retry of %s: %v", name, err)
		}
	}
	u.give(run.RetryObject, "ConfigMap shop/refused", "") // in vain
	awaitUntil(t, "it holds again", func() bool { return u.run().Held != nil })
	person.delete(validating + "ybindings/refuses")
	person.delete(validating + "ies/refuses")
	awaitUntil(t, "the end of the policy", func() bool { return !person.refusing() })
	u.give(run.RetryObject, "ConfigMap shop/refused", "")
	u.end()
	if u.err != nil || !u.report.Verified || len(u.report.NotApplied) > 0 {
		t.Errorf("%v: %s", u.err, words(t, u.report))
	}
	if !p.by(t, "test").has(configMapPath("refused")) || u.run().Held != nil {
		t.Error("it was not applied, or the run still holds")
	}
}

// stuck is a Pod that no node takes, until one is labelled.
const stuck = `
apiVersion: v1
kind: Pod
metadata: {name: stuck, namespace: shop, annotations: {argocd.argoproj.io/sync-wave: "0"}}
spec:
  nodeSelector: {none: such}
  containers: [{name: c, image: nginx}]`

// labelNode lets the stuck Pod run, or not.
func (h hand) labelNode(value string) {
	h.t.Helper()
	var nodes struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	if err := json.Unmarshal(h.must("GET", "/api/v1/nodes", plainJSON, nil), &nodes); err != nil || len(nodes.Items) == 0 {
		h.t.Fatal("no nodes", err)
	}
	for _, n := range nodes.Items {
		h.patch("/api/v1/nodes/"+n.Metadata.Name, `{"metadata":{"labels":{"none":`+value+`}}}`)
	}
}

func (p *place) pauseHolds(t *testing.T) {
	p.commit(t, shop, stuck, settings("after", "1", `, annotations: {argocd.argoproj.io/sync-wave: "1"}`))
	u := p.begin(t, func(*rebuild.Request) {})
	u.await("object.applied", "Pod shop/stuck")
	u.give(run.PauseRun, "", "let me look")
	person := p.by(t, "kubectl")
	person.labelNode(`"such"`)
	awaitUntil(t, "the Pod runs", func() bool {
		return strings.Contains(string(person.must("GET", "/api/v1/namespaces/shop/pods/stuck", plainJSON, nil)), `"phase":"Running"`)
	})
	if r := u.run(); r.Paused == nil || r.Paused.By != "ada" || r.Paused.Why != "let me look" {
		t.Errorf("paused: %+v", r.Paused)
	}
	if p.by(t, "test").has(configMapPath("after")) {
		t.Error("it was applied while paused")
	}
	u.give(run.ContinueRun, "", "")
	u.end()
	if u.err != nil || !u.report.Verified {
		t.Errorf("%v: %s", u.err, words(t, u.report))
	}
	paused, continued, applied := u.seq(run.RunPaused, ""), u.seq(run.RunContinued, ""), u.seq("object.applied", "ConfigMap shop/after")
	if paused == 0 || continued < paused || applied < continued {
		t.Errorf("paused %d, continued %d, applied %d", paused, continued, applied)
	}
	person.labelNode("null")
	person.delete("/api/v1/namespaces/shop/pods/stuck")
}

func (p *place) stuckIsSkipped(t *testing.T) {
	p.commit(t, shop, stuck, settings("kept", "1", ""))
	u := p.begin(t, func(req *rebuild.Request) { req.Wait = 10 * time.Minute })
	u.await("object.waiting", "Pod shop/stuck")
	u.give(run.SkipObject, "Pod shop/stuck", "there is no such node yet")
	u.end()
	pod := object.ID{Kind: "Pod", Namespace: "shop", Name: "stuck"}
	if u.report.Outcome != run.Unverified || u.report.Verified || !strings.Contains(u.err.Error(), "1 object skipped") {
		t.Errorf("%s: %v", u.report.Outcome, u.err)
	}
	if s := u.report.Skipped; len(s) != 1 || s[0].ID != pod || s[0].By != "ada" || s[0].Why != "there is no such node yet" || s[0].When.IsZero() {
		t.Errorf("skipped %s", words(t, s))
	}
	if len(u.report.Unsettled)+len(u.report.NotApplied) > 0 {
		t.Errorf("counted twice: %s", words(t, u.report))
	}
	// A resumed run skips it, too, and says so; a new one does not.
	report, err := p.Resume(t.Context(), u.id, (&agree{}).consent, nil)
	if report == nil || len(report.Skipped) != 1 || u.seq(run.ObjectStillSkipped, "Pod shop/stuck") == 0 {
		t.Errorf("resumed: %v: %s", err, words(t, report))
	}
	report, _, err = p.try(t, func(req *rebuild.Request) { req.Wait = time.Second })
	if err == nil || len(report.Skipped) > 0 || len(report.Unsettled) != 1 {
		t.Errorf("a new run: %v: %s", err, words(t, report))
	}
}

func (p *place) stuckIsRetried(t *testing.T) {
	report, _, err := p.try(t, func(req *rebuild.Request) { req.Wait, req.Hold, req.HoldFor = time.Second, true, 10*time.Millisecond })
	if err == nil || report.Outcome != run.Unverified || len(report.Unsettled) != 1 {
		t.Errorf("nobody came: %v: %s", err, words(t, report))
	}
	u := p.begin(t, func(req *rebuild.Request) { req.Wait, req.Hold = 2*time.Second, true })
	awaitUntil(t, "a hold", func() bool { return u.run().Held != nil })
	person := p.by(t, "kubectl")
	person.delete("/api/v1/namespaces/shop/pods/stuck") // and nobody makes it anew
	awaitUntil(t, "the Pod is gone", func() bool { return !person.has("/api/v1/namespaces/shop/pods/stuck") })
	person.labelNode(`"such"`)
	u.give(run.RetryObject, "Pod shop/stuck", "")
	u.end()
	if u.err != nil || !u.report.Verified {
		t.Errorf("%v: %s", u.err, words(t, u.report))
	}
}
