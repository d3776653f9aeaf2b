package daemon

import (
	"encoding/json"
	"reflect"
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
	factOf := func(newestFirst ...run.Run) (f fact) {
		for _, r := range newestFirst {
			f.take(r)
		}
		return f
	}
	f := factOf(
		journaled("6", rebuild.DriftRecipe, "", found(9)), // it may look again
		journaled("5", rebuild.DriftRecipe, run.Refused, nil),
		journaled("4", rebuild.DriftRecipe, run.Failed, &rebuild.Report{}),
		journaled("3", rebuild.Recipe, run.Done, found(8)),
		journaled("2", rebuild.AdoptRecipe, run.Done, found(2)),
		journaled("1", rebuild.DriftRecipe, run.Done, found(7)),
	)
	d := f.drift
	if d == nil || d.Run != "2" || d.Commit != "abc" || !d.At.Equal(at) || d.Changed != 2 || d.Missing != 1 || d.Unexpected != 3 || d.Recoverable == nil || *d.Recoverable != 0.64 {
		t.Fatalf("got %+v", d)
	}
	if f := factOf(journaled("1", rebuild.DriftRecipe, run.Refused, nil)); f.drift != nil {
		t.Errorf("of nothing: %+v", f.drift)
	}
}

// TestFactsOfTheJournal: what a daemon knows of its clusters after its start is
// what it learns of them run by run.
func TestFactsOfTheJournal(t *testing.T) {
	store, err := run.OpenStore(t.TempDir(), run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	report, err := json.Marshal(&rebuild.Report{Commit: source.Commit{SHA: "abc"}, Verified: true})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 * keptRTOs {
		began := at.Add(time.Duration(n) * time.Hour)
		for _, cluster := range []string{"dev", "shop"} {
			r := run.Run{ID: began.Format("20060102-150405-") + cluster, Recipe: rebuild.Recipe, Cluster: cluster, Provider: "fake", Created: began,
				Ended: began.Add(time.Duration(n) * time.Second), Outcome: run.Done, Attempts: 1, Result: report}
			if err := store.Begin(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole, one := newFacts(store), newFacts(store)
	if err := whole.readAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.read(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	f := whole.of("shop")
	if f.commit != "abc" || f.provider != "fake" || f.last == nil || len(f.rtos) != keptRTOs || f.rtos[0].took != keptRTOs*time.Second ||
		f.rtos[keptRTOs-1].took != (2*keptRTOs-1)*time.Second || len(whole.told) != recent {
		t.Errorf("%+v, %d told", f, len(whole.told))
	}
	if !reflect.DeepEqual(f, one.of("shop")) {
		t.Errorf("read at once %+v, read alone %+v", f, one.of("shop"))
	}
	if err := one.read(t.Context(), "gone"); err != nil || len(one.names()) != 1 {
		t.Errorf("of no cluster: %v, %v", one.names(), err)
	}
}
