package rebuild_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/corpora"
)

// bench is one state directory with an engine on it, and real clusters.
type bench struct {
	*rebuild.Engine
	store *run.Store
	local *local.Provider
}

func newBench(t testing.TB) *bench {
	t.Helper()
	state := t.TempDir()
	maker, err := local.New(local.Options{Root: filepath.Join(state, "clusters"), Binary: testenv.Binary(t), Now: time.Now, Tethered: true})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := providers.NewRegistry(maker)
	if err != nil {
		t.Fatal(err)
	}
	store, err := run.OpenStore(state, run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{store: store, local: maker, Engine: &rebuild.Engine{
		Providers: registry, Journal: store,
		Executor: &run.Executor{Journal: store, Leases: store.Leases(), Now: time.Now, Chance: rand.Reader},
		Source:   source.Options{CacheDir: filepath.Join(state, "cache"), Getenv: os.Getenv, Now: time.Now},
		Now:      time.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Version: "test",
	}}
	t.Cleanup(func() { b.removeAll(t) })
	return b
}

// removeAll deletes what a test made.
func (b *bench) removeAll(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	clusters, err := b.local.List(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, c := range clusters {
		if err := b.local.Delete(ctx, c.Name, c.ID, nil); err != nil {
			t.Error(err)
		}
	}
}

// agree consents to every change and keeps what it was asked.
type agree struct{ asked []rebuild.InPlace }

func (a *agree) consent(_ context.Context, d rebuild.InPlace) (bool, error) {
	a.asked = append(a.asked, d)
	return true, nil
}

func (b *bench) restore(t testing.TB, req rebuild.Request) *rebuild.Report {
	t.Helper()
	req.Provider = "local"
	if req.Wait == 0 {
		req.Wait = 2 * time.Minute
	}
	report, err := b.Restore(t.Context(), req, (&agree{}).consent, nil)
	if report != nil {
		t.Log(words(t, report))
	}
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func words(t testing.TB, v any) string {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// unchanged fails the test unless a report says that nothing had to be done.
func unchanged(t testing.TB, report *rebuild.Report) {
	t.Helper()
	for _, k := range report.Kinds {
		if k.Unchanged != k.Total {
			t.Errorf("%s: a second restore changed something: %+v", k.Kind, k)
		}
	}
}

// comesBack restores from onto two fresh clusters, and onto the first of them
// again.
func comesBack(t *testing.T, from rebuild.Source, expect func(*testing.T, *rebuild.Report)) {
	t.Helper()
	b := newBench(t)
	req := rebuild.Request{Cluster: "one", Source: from, Convert: true}
	first := b.restore(t, req)
	if !first.Verified || first.Live == "" {
		t.Error("not verified")
	}
	expect(t, first)
	again := b.restore(t, req)
	unchanged(t, again)
	if again.Live != first.Live {
		t.Errorf("a second restore changed the fingerprint from %s to %s", first.Live, again.Live)
	}
	verdict, err := b.Verify(t.Context(), provided(req))
	if err != nil {
		t.Fatal(err)
	}
	if !verdict.Verified || verdict.Live != first.Live {
		t.Errorf("verify: %s", words(t, verdict))
	}
	req.Cluster = "two"
	if other := b.restore(t, req); other.Live != first.Live || other.Fingerprint != first.Fingerprint {
		t.Errorf("another fresh cluster has another fingerprint: %s, not %s", other.Live, first.Live)
	}
}

func provided(req rebuild.Request) rebuild.Request {
	req.Provider = "local"
	return req
}

// Eight commits of kube-prometheus, from before the definitions moved to
// apiextensions.k8s.io/v1 to the newest.
func TestKubePrometheusComesBack(t *testing.T) {
	bundle := corpora.Path(t, corpora.KubePrometheus)
	for revision, objects := range map[string]int{
		"main@2020-01-15": 90, "main@2020-09-01": 90, "main@2021-06-01": 100, "main@2022-01-01": 100,
		"main@2023-01-01": 120, "main@2024-01-01": 120, "main@2025-01-01": 120, "main": 131,
	} {
		t.Run(revision, func(t *testing.T) {
			comesBack(t, rebuild.Source{Repo: bundle, Path: "manifests", Revision: revision}, func(t *testing.T, r *rebuild.Report) {
				if r.Drift.Compared < objects {
					t.Errorf("only %d objects were compared, want at least %d", r.Drift.Compared, objects)
				}
				if len(r.NotApplied)+len(r.Unsettled) > 0 {
					t.Errorf("not applied %v, not settled %v", r.NotApplied, r.Unsettled)
				}
				if len(r.Unjudged) != 1 || r.Unjudged[0].ID.Name != "v1beta1.metrics.k8s.io" {
					t.Errorf("the metrics API has no backend here, and that is to be said: %v", r.Unjudged)
				}
			})
		})
	}
}

func TestMicroservicesDemoComesBackInThreeShapes(t *testing.T) {
	bundle := corpora.Path(t, corpora.MicroservicesDemo)
	for name, from := range map[string]rebuild.Source{
		"kustomize": {Path: "kustomize"},
		"helm":      {Path: "helm-chart", Helm: render.HelmOptions{Release: "demo", Namespace: "shop"}},
		"flat file": {Path: "release/kubernetes-manifests.yaml"},
	} {
		from.Repo, from.Revision = bundle, "main"
		t.Run(name, func(t *testing.T) {
			comesBack(t, from, func(t *testing.T, r *rebuild.Report) {
				deployments := 0
				for _, k := range r.Kinds {
					if k.Kind == "Deployment.apps" {
						deployments = k.Created
					}
				}
				if deployments < 10 {
					t.Errorf("only %d Deployments were created", deployments)
				}
			})
		})
	}
}
