package daemon_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/daemon"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/fake"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/schedule/keeper"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// house is where an engine lives.
type house struct {
	dir, file string
	store     *run.Store
	options   daemon.Options
}

func newHouse(t *testing.T, yaml string, makers ...providers.Provider) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{dir: dir, file: filepath.Join(dir, "rekindle.yaml")}
	var err error
	if h.store, err = run.OpenStore(filepath.Join(dir, "state"), run.StoreOptions{KeepRuns: 100}); err != nil {
		t.Fatal(err)
	}
	registry, err := providers.NewRegistry(makers...)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&logged{t: t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	engine := &rebuild.Engine{Providers: registry, Journal: h.store, Now: time.Now, Rand: rand.Reader, Log: log, Version: "v0",
		Source:   source.Options{CacheDir: filepath.Join(dir, "cache"), Getenv: func(string) string { return "" }, Now: time.Now},
		Executor: &run.Executor{Journal: h.store, Leases: h.store.Leases(), Now: time.Now, Chance: rand.Reader, By: "ada", Log: log}}
	h.options = daemon.Options{Rebuild: engine, Store: h.store, Now: time.Now, Tick: 20 * time.Millisecond, Rand: rand.Reader, Log: log, Version: "v0",
		ExitCode: func(error) int { return 1 }, Getenv: func(string) string { return "" },
		Load: func() (*config.Config, error) {
			if yaml == "" {
				return nil, config.ErrNone
			}
			return config.Read(h.file)
		}}
	if yaml != "" {
		h.options.File = h.file
		if err := os.WriteFile(h.file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// logged hands the log to the test as long as it runs.
type logged struct{ t *testing.T }

func (l *logged) Write(b []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(b)))
	}
	return len(b), nil
}

func (h *house) inside(t *testing.T) *daemon.Inner {
	t.Helper()
	in, err := daemon.Inside(t.Context(), h.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Leave(); err != nil {
			t.Error(err)
		}
	})
	return in
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal("in vain: ", what)
		}
	}
}

const manifests = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {colour: %s}
---
apiVersion: v1
kind: Secret
metadata: {name: door, namespace: shop}
stringData: {password: open-sesame-1234}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: registry.example.com/web}]
`

// TestInsideRestoresWithoutADaemon: the whole way, on a real control plane.
func TestInsideRestoresWithoutADaemon(t *testing.T) {
	maker, err := local.New(local.Options{Root: filepath.Join(t.TempDir(), "clusters"), Binary: testenv.Binary(t), Now: time.Now, Tethered: true})
	if err != nil {
		t.Fatal(err)
	}
	work := gitserver.Repo(t)
	first := work.CommitFile("deploy/all.yaml", fmt.Sprintf(manifests, "red"), "Red")
	second := work.CommitFile("deploy/all.yaml", fmt.Sprintf(manifests, "green"), "Green \x1b[2J")
	h := newHouse(t, "", maker)
	in := h.inside(t)
	ctx := t.Context()
	if v, err := in.Version(ctx); err != nil || v.You != "ada" || in.Address() != "this process" {
		t.Fatalf("%+v, %v at %s", v, err, in.Address())
	}
	target := api.Target{Cluster: "adhoc", Repo: work.Dir, Path: "deploy", Provider: "local"}
	history, err := in.Log(ctx, api.LogQuery{Target: target, Limit: 1})
	if err != nil || len(history.Commits) != 1 || history.Commits[0].SHA != second || history.Next == "" {
		t.Fatalf("%+v, %v", history, err)
	}
	if history, err = in.Log(ctx, api.LogQuery{Target: target, After: history.Next}); err != nil || len(history.Commits) != 1 || history.Commits[0].SHA != first {
		t.Fatalf("the next page: %+v, %v", history, err)
	}
	target.Revision = first
	p, err := in.Plan(ctx, target)
	if err != nil || p.Commit.SHA != first || p.Exists || len(p.Plan.Nodes) != 4 ||
		p.Command != "rekindle restore --repo "+work.Dir+" --at "+first[:12]+" --path deploy --provider local --name adhoc" {
		t.Fatalf("%+v, %v", p, err)
	}
	if len(p.Warnings) != 1 || p.Warnings[0].Kind != api.FloatingImage || p.Warnings[0].Object != "Deployment.apps shop/web" {
		t.Errorf("warnings: %+v", p.Warnings)
	}
	list, err := in.Providers(ctx)
	if err != nil || len(list) != 1 || !list[0].Usable {
		t.Errorf("%+v, %v", list, err)
	}

	r, err := in.Start(ctx, api.StartRequest{Recipe: api.Restore, Cluster: "adhoc", Repo: work.Dir, Path: "deploy", Revision: first, Provider: "local"})
	if err != nil {
		t.Fatal(err)
	}
	if live, err := in.Live(ctx); err != nil || len(live) != 1 || live[0].ID != r.ID {
		t.Errorf("live: %+v, %v", live, err)
	}
	if err := in.Follow(ctx, r.ID, 0, func(run.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := in.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	report, err := in.Report(ctx, r.ID)
	if err != nil || !report.Verified || report.Run.Outcome != run.Done || report.Run.By != "ada" || report.Run.Daemon || report.Commit.SHA != first || len(report.Next) == 0 {
		t.Fatalf("%+v, %v", report, err)
	}

	diff, err := in.Compare(ctx, api.CompareQuery{Target: api.Target{Cluster: "adhoc", Revision: second}})
	if err != nil || len(diff.Changed) != 1 || diff.Changed[0].ID.Name != "settings" || diff.Difference.From != first {
		t.Errorf("%+v, %v", diff, err)
	}
	d, err := in.Drift(ctx, api.DriftQuery{Cluster: "adhoc"})
	if err != nil || !d.Clean() || d.Counts.Compared != 4 {
		t.Errorf("%+v, %v", d.Report, err)
	}
	if c, err := in.Cluster(ctx, "adhoc"); err != nil || c.Drift == nil || c.Drift.Changed != d.Counts.Changed || c.Drift.Recoverable == nil {
		t.Errorf("nothing is known of the comparison: %+v, %v", c.Drift, err)
	}
	if d, err = in.Drift(ctx, api.DriftQuery{Cluster: "adhoc", Against: second}); err != nil || d.Counts.Changed != 1 {
		t.Errorf("%+v, %v", d.Report, err)
	}
	look, err := in.Look(ctx, "adhoc", "Secret shop/door")
	if err != nil || look.State != "settled" || !strings.Contains(look.YAML, "name: door") || strings.Contains(look.YAML, "b3Blbi1zZXNhbWU") || strings.Contains(look.YAML, "managedFields") {
		t.Errorf("%+v, %v", look, err)
	}
	if look, err = in.Look(ctx, "adhoc", "ConfigMap shop/nope"); err != nil || look.State != "missing" {
		t.Errorf("%+v, %v", look, err)
	}
	if history, err = in.Log(ctx, api.LogQuery{Target: api.Target{Cluster: "adhoc", Revision: "main"}}); err != nil || len(history.Commits) != 2 ||
		history.Commits[1].Restored == nil || history.Commits[1].Verified == nil || history.Commits[0].Restored != nil {
		t.Errorf("%+v, %v", history, err)
	}
	// In place, and only with consent.
	again := api.StartRequest{Recipe: api.Restore, Cluster: "adhoc", Repo: work.Dir, Path: "deploy", Revision: second, Provider: "local"}
	if r, err = in.Start(ctx, again); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(in.Follow(ctx, r.ID, 0, func(run.Event) error { return nil }), in.Wait(ctx)); err != nil {
		t.Fatal(err)
	}
	if r, err = in.Run(ctx, r.ID); err != nil || r.Outcome != run.Refused {
		t.Errorf("without consent: %+v, %v", r, err)
	}
	// And it is removed, by who types its name.
	if _, err := in.Start(ctx, api.StartRequest{Recipe: api.Delete, Cluster: "adhoc", Provider: "local"}); err == nil {
		t.Error("it was deleted without its name")
	}
	if r, err = in.Start(ctx, api.StartRequest{Recipe: api.Delete, Cluster: "adhoc", Provider: "local", Confirm: "adhoc"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(in.Follow(ctx, r.ID, 0, func(run.Event) error { return nil }), in.Wait(ctx)); err != nil {
		t.Fatal(err)
	}
	if r, err = in.Run(ctx, r.ID); err != nil || r.Outcome != run.Done {
		t.Errorf("it was not deleted: %+v, %v", r, err)
	}
}

// TestWhatIsLeftIsResumed: a run that its process leaves in the middle is gone on
// with by the next one, to its verified end; and a run is paused and continued.
func TestWhatIsLeftIsResumed(t *testing.T) {
	maker, err := local.New(local.Options{Root: filepath.Join(t.TempDir(), "clusters"), Binary: testenv.Binary(t), Now: time.Now, Tethered: true})
	if err != nil {
		t.Fatal(err)
	}
	work := gitserver.Repo(t)
	work.CommitFile("all.yaml", fmt.Sprintf(manifests, "red"), "Red")
	h := newHouse(t, "", maker)
	first, err := daemon.Inside(t.Context(), h.options)
	if err != nil {
		t.Fatal(err)
	}
	r, err := first.Start(t.Context(), api.StartRequest{Recipe: api.Restore, Cluster: "adhoc", Repo: work.Dir, Provider: "local"})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Order(t.Context(), r.ID, api.Order{Kind: run.PauseRun, Why: "lunch"}); err != nil {
		t.Fatal(err)
	}
	if err := first.Leave(); err != nil {
		t.Fatal(err)
	}
	in := h.inside(t)
	until(t, "it is known to be left", func() bool {
		r, err = in.Run(t.Context(), r.ID)
		return err == nil && !r.Live
	})
	if r.Outcome != run.Interrupted {
		t.Fatalf("left: %+v", r)
	}
	if err := in.Order(t.Context(), r.ID, api.Order{Kind: run.ContinueRun}); !api.IsKind(err, api.Refused) {
		t.Errorf("an order to nobody: %v", err)
	}
	if r, err = in.Resume(t.Context(), r.ID); err != nil || r.Attempts != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := in.Order(t.Context(), r.ID, api.Order{Kind: run.ContinueRun}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(in.Follow(t.Context(), r.ID, 0, func(run.Event) error { return nil }), in.Wait(t.Context())); err != nil {
		t.Fatal(err)
	}
	report, err := in.Report(t.Context(), r.ID)
	if err != nil || !report.Verified {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := in.Resume(t.Context(), r.ID); !errors.As(err, new(*run.EndedError)) {
		t.Errorf("what has ended: %v", err)
	}
}

// TestInsideKeepsNothing: it sees clusters and records words, and starts nothing.
func TestInsideKeepsNothing(t *testing.T) {
	clusters := fake.NewWorld(time.Now)
	maker := fake.New(clusters)
	h := newHouse(t, `clusters:
  dev: # the one
    source: {repo: /srv/deploy}
    provider: fake
    labels: {team: shop}
    schedule:
      zone: UTC
      awake: Mon-Sun 00:00-23:59
`, maker)
	in := h.inside(t)
	state := func() api.State {
		c, err := in.Cluster(t.Context(), "dev")
		if err != nil || c.Labels["team"] != "shop" {
			t.Fatalf("%+v, %v", c, err)
		}
		return c.State
	}
	until(t, "it is asleep", func() bool { return state() == api.Asleep })
	if _, err := maker.Create(t.Context(), providers.Spec{Name: "dev", ID: "x"}, nil); err != nil {
		t.Fatal(err)
	}
	said, err := in.Say(t.Context(), "dev", api.WordRequest{Kind: api.Pause, Why: "a look"})
	if err != nil || said.Word.By != "ada" {
		t.Fatalf("%+v, %v", said, err)
	}
	c, err := in.Cluster(t.Context(), "dev")
	if err != nil || len(c.Words) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if runs, err := in.Runs(t.Context(), run.Filter{}); err != nil || len(runs.Runs) != 0 {
		t.Errorf("runs: %+v, %v", runs, err)
	}
	lease, err := keeper.Hold(t.Context(), h.store.Leases(), time.Now())
	if err != nil {
		t.Fatalf("it holds the schedule: %v", err)
	}
	if _, err := in.Unsay(t.Context(), "dev", api.Pause); !api.IsKind(err, api.Refused) {
		t.Errorf("beside a daemon: %v", err)
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Unsay(t.Context(), "dev", api.Pause); err != nil {
		t.Error(err)
	}

	done, err := in.Ignore(t.Context(), "dev", api.Ignore{Object: "Deployment.apps shop/web", Pointer: "/spec/replicas", Reason: "an autoscaler"})
	if err != nil || !strings.Contains(done.Rule, "Deployment.apps") {
		t.Fatalf("%+v, %v", done, err)
	}
	file, err := config.Read(h.file)
	if err != nil || len(file.IgnoreRules("dev")) != 1 {
		t.Errorf("%+v, %v", file, err)
	}
	if raw, err := os.ReadFile(h.file); err != nil || !strings.Contains(string(raw), "dev: # the one\n") {
		t.Errorf("%s, %v", raw, err)
	}
	for name, req := range map[string]api.StartRequest{
		"another repository":  {Recipe: api.Restore, Cluster: "dev", Repo: "/srv/other", Provider: "fake"},
		"an unknown provider": {Recipe: api.Restore, Cluster: "new", Repo: "/srv/other", Provider: "cloud"},
		"a relative path":     {Recipe: api.Restore, Cluster: "new", Repo: "deploy", Provider: "fake"},
		"a password":          {Recipe: api.Restore, Cluster: "new", Repo: "https://a:b@example.com/x", Provider: "fake"},
		"a path that climbs":  {Recipe: api.Restore, Cluster: "new", Repo: "/srv/other", Path: "../..", Provider: "fake"},
		"a bad selector":      {Recipe: api.Adopt, Cluster: "dev", Only: []string{"/"}},
	} {
		if _, err := in.Start(t.Context(), req); !api.IsKind(err, api.Invalid) && !api.IsKind(err, api.Refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
