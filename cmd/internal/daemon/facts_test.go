package daemon

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// TestDriftOfTheJournal: a dashboard shows what the newest run found that came to
// a comparison.
func TestDriftOfTheJournal(t *testing.T) {
	at := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	journaled := func(id, recipe string, outcome run.Outcome, report *rebuild.Report) run.Run {
		r := run.Run{ID: id, Recipe: recipe, Cluster: "dev", Outcome: outcome, Ended: at}
		if report != nil {
			raw, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			r.Result = raw
		}
		return r
	}
	found := func(changed int) *rebuild.Report {
		return &rebuild.Report{Commit: source.Commit{SHA: "abc"},
			Findings: &rebuild.Findings{Counts: show.Counts{Changed: changed, Missing: 1, Unexpected: 3}, Score: &rebuild.Score{Score: 64}}}
	}
	f := factOf([]run.Run{ // newest first
		journaled("6", rebuild.DriftRecipe, "", found(9)), // it may look again
		journaled("5", rebuild.DriftRecipe, run.Refused, nil),
		journaled("4", rebuild.DriftRecipe, run.Failed, &rebuild.Report{}),
		journaled("3", rebuild.Recipe, run.Done, found(8)),
		journaled("2", rebuild.AdoptRecipe, run.Done, found(2)),
		journaled("1", rebuild.DriftRecipe, run.Done, found(7)),
	})
	d := f.drift
	if d == nil || d.Run != "2" || d.Commit != "abc" || !d.At.Equal(at) || d.Changed != 2 || d.Missing != 1 || d.Unexpected != 3 || d.Recoverable == nil || *d.Recoverable != 0.64 {
		t.Fatalf("got %+v", d)
	}
	if f := factOf([]run.Run{journaled("1", rebuild.DriftRecipe, run.Refused, nil)}); f.drift != nil {
		t.Errorf("of nothing: %+v", f.drift)
	}
}
