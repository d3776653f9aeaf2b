package rebuild_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
)

// What a restore in place takes away, takes over and refuses to touch. The cases
// share a cluster and come one after the other.
func TestARestoreOntoAClusterThatIsThere(t *testing.T) {
	p := newPlace(t)
	p.commit(t, shop, builtIns, settings("kept", "1", ""), settings("old-1", "1", ""), settings("old-2", "1", ""),
		settings("stuck", "1", ", finalizers: [example.com/hold]"), "apiVersion: v1\nkind: Namespace\nmetadata: {name: old}", queues)
	p.verified(t)
	t.Run("one stuck leftover does not keep the others", p.stuckLeftover)
	t.Run("nothing is pruned after a failure", p.noPruneAfterAFailure)
	t.Run("objects of others are taken over with consent", p.othersAreAdopted)
	t.Run("an interrupted older run does not undo a newer restore", p.olderInterruptedRun)
	t.Run("an interrupted older run goes on when the newer one was refused", p.newerRefusedRun)
}

// builtIns are objects that every cluster has; an export of one may hold them.
const builtIns = `
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: view
  labels: {kubernetes.io/bootstrapping: rbac-defaults, rbac.authorization.k8s.io/aggregate-to-edit: "true"}
aggregationRule:
  clusterRoleSelectors: [{matchLabels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}]
`

// pruning waits longer than the five seconds that Kubernetes lets pass before it
// removes a namespace.
func pruning(req *rebuild.Request) { req.Prune, req.Wait = true, 10*time.Second }

func (p *place) stuckLeftover(t *testing.T) {
	p.commit(t, shop, settings("kept", "1", ""))
	person := p.by(t, "kubectl-edit")
	begun := time.Now()
	report, _, err := p.try(t, pruning)
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %s with a Wait of 10 s", took)
	}
	t.Logf("the restore ended with: %v", err)
	for _, name := range []string{"old-1", "old-2"} {
		if !slices.Contains(report.Pruned, configMap(name)) || person.has(configMapPath(name)) {
			t.Errorf("%s was not pruned: %s", name, words(t, report))
		}
	}
	for id, path := range map[object.ID]string{
		{Kind: "Namespace", Name: "old"}: "/api/v1/namespaces/old",
		{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "queues.shop.example.com"}: queuesPath,
	} {
		if !slices.Contains(report.Pruned, id) || person.has(path) {
			t.Errorf("%s, whose turn comes after what is stuck, was not pruned: %s", id, words(t, report.Kept))
		}
	}
	if slices.Contains(report.Pruned, configMap("stuck")) {
		t.Error("the stuck ConfigMap is said to be pruned, and is there")
	}
	if reason := reasonFor(report.Kept, configMap("stuck")); !strings.Contains(reason, "example.com/hold") {
		t.Errorf("the stuck ConfigMap is kept because of its finalizer, not %q: %s", reason, words(t, report))
	}
	p.builtInsAreLeft(t, report)
	if person.has(configMapPath("stuck")) {
		person.patch(configMapPath("stuck"), `{"metadata":{"finalizers":null}}`)
	}
	if again := p.verify(t); !again.Verified {
		t.Errorf("what every cluster has is not unexpected: %s", words(t, again))
	}
	if last, _, err := p.try(t, pruning); err != nil || !last.Verified {
		t.Errorf("the same restore without anything stuck: %v: %s", err, words(t, last))
	}
}

func (p *place) builtInsAreLeft(t *testing.T, report *rebuild.Report) {
	t.Helper()
	live := p.by(t, "test")
	namespace := live.get("/api/v1/namespaces/kube-system")
	if namespace.GetDeletionTimestamp() != nil {
		t.Error("kube-system is being deleted")
	}
	const role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view"
	if !live.has(role) {
		t.Error("the ClusterRole view is gone")
	}
	for _, id := range []object.ID{{Kind: "Namespace", Name: "kube-system"}, {Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "view"}} {
		if slices.Contains(report.Pruned, id) {
			t.Errorf("%s was pruned", id)
		}
	}
}

const impossible = `
apiVersion: v1
kind: Service
metadata: {name: impossible, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 99999}]}
`

func (p *place) noPruneAfterAFailure(t *testing.T) {
	p.commit(t, shop, settings("kept", "1", ""), settings("renamed", "1", ""))
	p.verified(t)
	p.commit(t, shop, settings("kept", "2", ""), impossible)
	report, _, err := p.try(t, pruning)
	if err == nil || report.Verified {
		t.Error("verified, although an object was not applied")
	}
	failed := object.ID{Kind: "Service", Namespace: "shop", Name: "impossible"}
	if reason := reasonFor(report.NotApplied, failed); reason == "" {
		t.Errorf("the Service that failed is not named: %s", words(t, report))
	}
	if len(report.Pruned) > 0 || !p.by(t, "test").has(configMapPath("renamed")) {
		t.Errorf("pruned although what replaces it may have failed: %s", words(t, report.Pruned))
	}
	step := p.stepOf(t, report.Run, "prune")
	if step.State != run.Skipped || !strings.Contains(step.Note, "not applied") {
		t.Errorf("the prune step does not say why it did nothing: %s", words(t, step))
	}
	p.commit(t, shop, settings("kept", "3", ""))
	if newer, _, err := p.try(t, pruning); err != nil || !newer.Verified || !slices.Contains(newer.Pruned, configMap("renamed")) {
		t.Errorf("the restore after the failure: %v: %s", err, words(t, newer))
	}
	p.refusesToResume(t, report.Run, "3")
}

// refusesToResume fails the test unless a run cannot be resumed because the
// cluster has been restored from a newer commit since, whose value is kept.
func (p *place) refusesToResume(t *testing.T, id, value string) {
	t.Helper()
	report, err := p.Resume(t.Context(), id, (&agree{}).consent, nil)
	var refused *rebuild.RefusedError
	if !errors.As(err, &refused) {
		t.Errorf("resumed an older run on a cluster with a newer restore: %v: %s", err, words(t, report))
	}
	if live := p.by(t, "test").get(configMapPath("kept")); live.Object["data"].(map[string]any)["value"] != value {
		t.Errorf("the newer restore was undone: %v", live.Object["data"])
	}
}

func (p *place) othersAreAdopted(t *testing.T) {
	p.by(t, "kubectl-create").post("/api/v1/namespaces/shop/configmaps", settings("theirs", "1", ""))
	p.commit(t, shop, settings("kept", "3", ""), settings("theirs", "1", ""))
	report, asked, err := p.try(t, nil)
	if err != nil || !report.Verified {
		t.Errorf("the restore: %v: %s", err, words(t, report))
	}
	if len(asked) != 1 {
		t.Fatalf("asked %d times for consent, want once", len(asked))
	}
	if !asked[0].Changes() || !slices.Contains(asked[0].Drift.Adopted, configMap("theirs")) {
		t.Errorf("that somebody else's ConfigMap becomes rekindle's was not shown: changes %v, %s", asked[0].Changes(), words(t, asked[0].Drift))
	}
	_, again, err := p.try(t, nil)
	if err != nil {
		t.Error(err)
	}
	for _, a := range again {
		if a.Changes() || len(a.Drift.Adopted) > 0 {
			t.Errorf("it is adopted once: %s", words(t, a.Drift))
		}
	}
}

func (p *place) olderInterruptedRun(t *testing.T) {
	p.commit(t, shop, settings("kept", "4", ""))
	older := p.interrupted(t)
	p.commit(t, shop, settings("kept", "5", ""))
	if newer, _, err := p.try(t, pruning); err != nil || !newer.Verified {
		t.Fatalf("the newer restore: %v: %s", err, words(t, newer))
	}
	p.refusesToResume(t, older.Run, "5")
}

func (p *place) newerRefusedRun(t *testing.T) {
	p.commit(t, shop, settings("kept", "6", ""))
	older := p.interrupted(t)
	p.commit(t, shop, settings("kept", "7", ""))
	disagree := func(context.Context, rebuild.InPlace) (bool, error) { return false, nil }
	if _, err := p.Restore(t.Context(), p.req, disagree, nil); err == nil {
		t.Fatal("restored without consent")
	}
	report, err := p.Resume(t.Context(), older.Run, (&agree{}).consent, nil)
	if err != nil || !report.Verified || report.Commit.SHA != older.Commit.SHA {
		t.Errorf("the newer run changed nothing, so that the older one may go on: %v: %s", err, words(t, report))
	}
}

// interrupted is a run that was stopped the moment that somebody agreed to it.
func (p *place) interrupted(t *testing.T) *rebuild.Report {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	report, err := p.Restore(ctx, p.req, func(context.Context, rebuild.InPlace) (bool, error) {
		cancel()
		return true, nil
	}, nil)
	if err == nil || report == nil || report.Outcome != run.Interrupted {
		t.Fatalf("the run was not interrupted: %v: %s", err, words(t, report))
	}
	return report
}

func TestHelmValuesStayOutOfTheJournal(t *testing.T) {
	p := newPlace(t)
	p.repo.Write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")
	p.repo.Write("chart/values.yaml", "a: none\ndb: {password: none}\n")
	p.repo.Write("chart/templates/all.yaml", `apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {a: "{{ .Values.a }}"}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {password: "{{ .Values.db.password }}"}
`)
	p.repo.Commit("a chart")
	p.req.Source.Path = "chart"
	p.req.Source.Helm = render.HelmOptions{Release: "web", Set: []string{"a=marzipan,db.password=hunter2"}}
	report := p.verified(t)
	p.req.Source.Helm.Set = []string{"a=nougat", "db.password=hunter3"}
	p.req.Source.Helm.Values = map[string]any{"db": map[string]any{"password": "hunter4"}}
	p.verified(t)
	live := p.by(t, "test").get("/api/v1/namespaces/default/configmaps/web")
	if data := live.Object["data"].(map[string]any); data["a"] != "nougat" {
		t.Errorf("the chart was not given its values: %v", data)
	}
	everything := p.journaled(t)
	for _, value := range []string{"marzipan", "hunter2", "hunter3", "hunter4"} {
		if strings.Contains(everything, value) {
			t.Errorf("the value %s is in the journal", value)
		}
	}
	if _, err := p.Resume(t.Context(), report.Run, (&agree{}).consent, nil); err == nil {
		t.Error("a run whose values were not kept was resumed")
	}
}
