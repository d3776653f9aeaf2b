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

func TestKubePrometheusComesBack(t *testing.T) {
	b := newBench(t)
	from := rebuild.Source{Repo: corpora.Path(t, corpora.KubePrometheus), Path: "manifests", Revision: "HEAD"}
	report := b.restore(t, rebuild.Request{Cluster: "one", Source: from})
	if !report.Verified {
		t.Error("not verified")
	}
}
