package desk

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/fake"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// cloudDesk has a cloud, and a file that says what its clusters share.
func cloudDesk(t *testing.T, journal history) *Desk {
	t.Helper()
	file, err := config.Load("f.yaml", []byte("providers: {fake: {flavour: plain}}\nclusters: {dev: {source: {repo: /srv/deploy}, provider: local}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	registry, err := providers.NewRegistry(fake.NewCloud(fake.NewWorld(func() time.Time { return at })))
	if err != nil {
		t.Fatal(err)
	}
	return New(&rebuild.Engine{Providers: registry, Now: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler)},
		journal, func() *config.Config { return file }, nil)
}

func TestProvidersHavePrices(t *testing.T) {
	list, err := cloudDesk(t, nil).Providers(t.Context())
	if err != nil || len(list) != 1 || list[0].Hourly == nil || *list[0].Hourly != 0.35 || list[0].Currency != "USD" || list[0].AsOf != "2026-11-01" {
		t.Errorf("%+v, %v", list, err)
	}
}

// Whoever moves a cluster onto another provider takes what is shared there.
func TestAnotherProviderBringsItsSharedSettings(t *testing.T) {
	d := cloudDesk(t, history{restoreOf(t, "r1", "old", "local", time.Minute, rebuild.Report{Outcome: run.Done, Commit: source.Commit{SHA: strings.Repeat("ab", 20)}})})
	for _, target := range []api.Target{
		{Cluster: "dev", Provider: "fake"},
		{Cluster: "old", Provider: "fake"},
		{Cluster: "new", Repo: "https://example.com/r.git", Provider: "fake"},
	} {
		req, err := d.request(t.Context(), target)
		if err != nil || req.Provider != "fake" || req.Settings["flavour"] != "plain" {
			t.Errorf("%+v: %s with %v, %v", target, req.Provider, req.Settings, err)
		}
	}
}

func TestReportsTellOfTheCloud(t *testing.T) {
	hourly := 0.35
	r := restoreOf(t, "r1", "prod", "fake", time.Minute, rebuild.Report{
		Outcome: run.Done, Verified: true, Commit: source.Commit{SHA: strings.Repeat("ab", 20)},
		Estimate:  &providers.Estimate{Parts: []providers.EstimatedPart{{What: "control plane", Hourly: &hourly}}, Hourly: hourly, Currency: "USD", AsOf: "2026-11-01"},
		Recreated: &rebuild.Recreation{Before: rebuild.Identity{ID: "1"}, Now: rebuild.Identity{ID: "2"}, Changed: []string{rebuild.ChangedEndpoint}},
	})
	report, err := cloudDesk(t, history{r}).Report(t.Context(), "r1")
	if err != nil || report.Estimate.Cost() != "about 0.35 USD an hour (2026-11-01)" || len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "rekindle clusters kubeconfig prod") {
		t.Errorf("%+v, %v", report, err)
	}
	var told api.RunReport
	ofTeardown(&told, &teardown.Report{
		Leftovers: []providers.Leftover{{What: "load balancer a", Why: "its cluster is gone"}},
		Kept:      []providers.Leftover{{What: "volume b", Why: "it is to outlive the cluster", Kept: true}},
	})
	want := []api.Finding{{What: "leftover", Object: "load balancer a", Text: "its cluster is gone"}, {What: "kept", Object: "volume b", Text: "it is to outlive the cluster"}}
	if !slices.Equal(told.Findings, want) {
		t.Errorf("%+v", told.Findings)
	}
}
