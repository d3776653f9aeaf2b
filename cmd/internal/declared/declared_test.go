package declared_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// Whoever restores a cluster, under whatever name, takes the Secrets of the same
// export: that of the cluster as declared.
func TestCarryOverComesFromTheClustersOwnExport(t *testing.T) {
	c := config.Cluster{Name: "dev", Provider: "local"}
	c.Source.Repo, c.Drift.Export.Branch = "https://example.com/r", "rekindle/dev"
	if r := declared.Request(c); r.CarryOver != nil {
		t.Errorf("nothing is to be carried over: %+v", r.CarryOver)
	}
	c.Drift.Export.Recipients = []string{"age1x"}
	c.CarryOver = []config.Selection{{Namespace: "shop", Name: "*-tls", Reason: "issued"}, {Labels: "keys"}}
	want := &rebuild.CarryOver{Of: "dev", Target: rebuild.ExportTarget{Repo: "https://example.com/r", Branch: "rekindle/dev"},
		Rules: []capture.Rule{{Namespace: "shop", Name: "*-tls", Reason: "issued"}, {Labels: "keys"}}}
	for name, have := range map[string]*rebuild.CarryOver{
		"restore": declared.Request(c).CarryOver, "drill": declared.Drill(&config.Config{}, c, "kind").Restore.CarryOver,
		"export": declared.Export(&config.Config{Clusters: map[string]config.Cluster{"dev": c}}, c).CarryOver,
	} {
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	c.Drift.Export.Repo = "https://example.com/live"
	if have := declared.Request(c).CarryOver.Target.Repo; have != c.Drift.Export.Repo {
		t.Errorf("the export is looked for in %s", have)
	}
}
