package drift_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

const (
	mergePatch = "application/merge-patch+json"
	applyPatch = "application/apply-patch+yaml"
	plainJSON  = "application/json"
)

func (s *server) must(manager, method, path, contentType, body string) {
	s.t.Helper()
	if code, answer := s.send(manager, method, path, contentType, body); code/100 != 2 {
		s.t.Fatalf("%s %s: %d: %s", method, path, code, answer)
	}
}

// place is a restored cluster that is compared again and again.
type place struct {
	*world
	*server
	req rebuild.Request
}

// drift compares the cluster with the commit.
func (p *place) drift() *drift.Report {
	p.t.Helper()
	report, err := p.Verify(p.t.Context(), p.req)
	if err != nil {
		p.t.Fatal(err)
	}
	return report.Drift
}

// A cluster that is its commit is clean, whatever server, controllers and
// admission made of it; and what people and programs change is found, with who
// did it and when.
func TestDriftOfALiveCluster(t *testing.T) {
	w, repo := newWorld(t), gitserver.Repo(t)
	from := rebuild.Source{Repo: repo.Dir, Path: "deploy", Revision: "main"}
	repo.CommitFile("deploy/policy.yaml", read(t, "testdata/policy.yaml"), "a policy")
	s := w.restore(t, "live", from)
	s.await(30*time.Second, "the policy", func() string {
		code, answer := s.send("test", http.MethodPost, "/api/v1/namespaces/traps/configmaps?dryRun=All", plainJSON,
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"probe"},"data":{"image":"x"}}`)
		if code/100 == 2 && strings.Contains(string(answer), "mirror.example.com") {
			return ""
		}
		return string(answer)
	})
	traps := read(t, "testdata/traps.yaml")
	repo.Write("deploy/every-kind.yaml", read(t, everyKind))
	repo.CommitFile("deploy/policy.yaml", read(t, "testdata/policy.yaml")[:strings.LastIndex(read(t, "testdata/policy.yaml"), "---")]+"---\n"+traps, "everything")
	p := &place{world: w, server: w.restore(t, "live", from), req: rebuild.Request{Cluster: "live", Provider: "local", Wait: time.Minute, Source: from}}
	p.settleEveryKind()
	t.Run("controllers do what is theirs", p.controllersAct)
	t.Run("some may not be listed", p.someMayNotBeListed)
	t.Run("what others change is found", p.othersAct)
}

func read(t testing.TB, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (p *place) controllersAct(t *testing.T) {
	const hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/injected"
	p.must("cainjector", http.MethodPatch, hooks, "application/json-patch+json", `[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":"bmV3ZXI="}]`)
	p.must("keda", http.MethodPatch, "/apis/apps/v1/namespaces/traps/deployments/scaled/scale", mergePatch, `{"spec":{"replicas":4}}`)
	p.must("some-controller", http.MethodPatch, "/api/v1/namespaces/traps/services/ports", mergePatch, `{"metadata":{"annotations":{"some-controller.example.com/seen":"1"}}}`)
	report := p.drift()
	if !report.Clean() {
		t.Errorf("a cluster that is its commit is said to differ: %s", words(report))
	}
	left := func(id string) bool {
		return slices.ContainsFunc(report.Left, func(l drift.Left) bool { return l.ID.String() == id })
	}
	if !left("Deployment.apps traps/scaled") || !left("ValidatingWebhookConfiguration.admissionregistration.k8s.io injected") {
		t.Errorf("what was left to controllers is not named: %s", words(report.Left))
	}
	t.Logf("%d of %d objects were confirmed by a dry run", report.Confirmed, report.Compared)
}

// Who may not list everything is told what is unknown to them, and sees the rest.
func (p *place) someMayNotBeListed(t *testing.T) {
	const rbac = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
	p.must("test", http.MethodPost, rbac, plainJSON, `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"limited"},
  "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"limited"}]}`)
	kubeconfig, err := p.clusters.Connect(t.Context(), "live")
	if err != nil {
		t.Fatal(err)
	}
	limited, err := kube.Connect(kubeconfig, "", kube.Options{Now: time.Now, Wrap: func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Header.Set("Impersonate-User", "limited")
			return next.RoundTrip(r)
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, kube: limited, config: p.config, client: p.client}
	var report *drift.Report
	s.await(20*time.Second, "the role", func() string { // until the server knows of it
		report, _ = s.compare([]*object.Object{
			{Unstructured: manifest(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: every}}")},
			{Unstructured: manifest(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: gone, namespace: every}}")},
			{Unstructured: manifest(t, "{apiVersion: v1, kind: Secret, metadata: {name: pull, namespace: every}}")},
			{Unstructured: manifest(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: quantities, namespace: traps}, spec: {template: {spec: {containers: [{name: a, "+
				"resources: {requests: {cpu: 1000m, memory: 1024Mi, ephemeral-storage: 1024Mi}, limits: {cpu: 1500m, memory: 2048Mi}}}]}}}}")},
		}, func(o *drift.Options) { o.Tolerant = true })
		if len(report.Unknown) == 1 {
			return ""
		}
		return words(report.Unknown)
	})
	if report.Unknown[0].Kind != "Secret" || !strings.Contains(report.Unknown[0].Reason, "forbidden") {
		t.Errorf("unknown: %s", words(report.Unknown))
	}
	if len(report.Missing) != 1 || report.Missing[0].ID.Name != "gone" {
		t.Errorf("missing: %s", words(report.Missing))
	}
	for _, c := range report.Changed { // what is no drift, and looks it, says so
		if c.ID.Name == "quantities" {
			t.Errorf("quantities in other words need no server: %s", words(c))
		}
		if c.Unconfirmed == "" {
			t.Errorf("%s was confirmed by who may not: %s", c.ID, words(c))
		}
	}
	if report.Unlisted["ClusterRole.rbac.authorization.k8s.io"] == "" || report.Unlisted["measured.example.com/v1"] == "" {
		t.Errorf("what could not be listed is not named: %s", words(report.Unlisted))
	}
	p.must("test", http.MethodDelete, rbac+"/limited", plainJSON, "")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (p *place) othersAct(t *testing.T) {
	began := time.Now().Add(-2 * time.Second)
	const maps, apps = "/api/v1/namespaces/every/configmaps", "/apis/apps/v1/namespaces/every/deployments"
	p.must("kubectl-edit", http.MethodPatch, maps+"/settings", mergePatch, `{"data":{"number":"011"}}`)
	p.must("kubectl", http.MethodPatch, apps+"/web/scale", mergePatch, `{"spec":{"replicas":5}}`)
	p.must("kubectl-label", http.MethodPatch, "/api/v1/namespaces/every/services/plain", mergePatch, `{"metadata":{"labels":{"by":"hand"}}}`)
	p.must("other-applier", http.MethodPatch, "/apis/apps/v1/namespaces/traps/deployments/quantities?force=true", applyPatch,
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: quantities}\nspec: {template: {spec: {containers: [{name: a, image: 'registry.example.com/a:2'}]}}}")
	p.must("some-controller", http.MethodPatch, "/api/v1/namespaces/traps/services/ports", mergePatch, `{"spec":{"sessionAffinity":"ClientIP"}}`)
	p.must("kubectl-delete", http.MethodDelete, "/api/v1/namespaces/every/secrets/credentials", plainJSON, "")
	p.must("kubectl-create", http.MethodPost, maps, plainJSON, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"added"},"data":{"a":"1"}}`)
	report := p.drift()
	for _, c := range []struct {
		id, path, manager, subresource string
		want, have                     any
	}{
		{"ConfigMap every/settings", "data.number", "kubectl-edit", "", "010", "011"},
		{"Deployment.apps every/web", "spec.replicas", "kubectl", "scale", int64(2), int64(5)},
		{"Service every/plain", "metadata.labels.by", "kubectl-label", "", nil, "hand"},
		{"Deployment.apps traps/quantities", "spec.template.spec.containers[a].image", "other-applier", "", "registry.example.com/a:1", "registry.example.com/a:2"},
		{"Service traps/ports", "spec.sessionAffinity", "some-controller", "", "None", "ClientIP"},
	} {
		i := slices.IndexFunc(report.Changed, func(ch drift.Change) bool { return ch.ID.String() == c.id })
		if i < 0 {
			t.Errorf("%s: not found: %s", c.id, words(report.Changed))
			continue
		}
		j := slices.IndexFunc(report.Changed[i].Fields, func(f drift.Field) bool { return f.Path == c.path })
		if j < 0 {
			t.Errorf("%s: %s is not among %s", c.id, c.path, words(report.Changed[i]))
			continue
		}
		f := report.Changed[i].Fields[j]
		timed := len(f.By) == 1 && f.By[0].Time != nil && !f.By[0].Time.Before(began)
		if f.Want != c.want || f.Have != c.have || len(f.By) != 1 || f.By[0].Manager != c.manager || f.By[0].Subresource != c.subresource ||
			!timed && c.subresource != "scale" { // of a scale the server does not keep the time
			t.Errorf("%s: want %s by %s: %s", c.id, c.path, c.manager, words(f))
		}
	}
	if len(report.Changed) != 5 {
		t.Errorf("%d objects are said to have changed: %s", len(report.Changed), words(report.Changed))
	}
	if len(report.Missing) != 1 || report.Missing[0].ID.Name != "credentials" || report.Missing[0].From.File == "" {
		t.Errorf("missing: %s", words(report.Missing))
	}
	i := slices.IndexFunc(report.Unexpected, func(u drift.Unexpected) bool { return u.ID.Name == "added" })
	if i < 0 || report.Unexpected[i].By == nil || report.Unexpected[i].By.Manager != "kubectl-create" || report.Unexpected[i].Created == nil {
		t.Errorf("unexpected: %s", words(report.Unexpected))
	}
}
