package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/run"
)

// model does random operations on the journal and on Memory and wants the same
// answers.
func model(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		limits := Limits{KeepRuns: rapid.IntRange(1, 3).Draw(rt, "keep"), EventCap: uint64(rapid.IntRange(1, 6).Draw(rt, "cap"))}
		actual, like := open(t, limits), NewMemory(limits)
		for n := range rapid.IntRange(1, 15).Draw(rt, "operations") {
			do := operation(t.Context(), rt, n)
			got, want := do(actual), do(like)
			if (got == nil) != (want == nil) || run.IsNotFound(got) != run.IsNotFound(want) {
				rt.Fatalf("operation %d: the journal says %v, the model %v", n, got, want)
			}
		}
		compare(t.Context(), rt, actual, like)
	})
}

// clusters are those that the model's runs are on; some are on none.
var clusters = []string{"dev", "prod", "de", ""}

var errRefused = errors.New("refused by change")

// operation draws a write with its arguments.
func operation(ctx context.Context, rt *rapid.T, n int) func(run.Journal) error {
	pick := rapid.IntRange(0, 5).Draw(rt, "run")
	id := aRun(pick, "").ID
	switch rapid.IntRange(0, 5).Draw(rt, "operation") {
	case 0, 1:
		cluster := rapid.SampledFrom(clusters).Draw(rt, "cluster")
		return func(j run.Journal) error { return j.Begin(ctx, aRun(pick, cluster)) }
	case 2:
		cluster := rapid.SampledFrom(clusters).Draw(rt, "cluster")
		created := at(rapid.IntRange(0, 3).Draw(rt, "created"))
		how := rapid.SampledFrom([]run.Outcome{"", run.Done, run.Interrupted, "refuse"}).Draw(rt, "outcome")
		return func(j run.Journal) error {
			_, err := j.Update(ctx, id, func(r *run.Run) error {
				r.Outcome, r.Cluster, r.Created = how, cluster, created
				if how == "refuse" {
					return errRefused
				}
				return nil
			})
			return err
		}
	case 3:
		var events []run.Event
		for range rapid.IntRange(0, 4).Draw(rt, "events") {
			typ := rapid.SampledFrom([]string{"object.applied", run.StepBegin}).Draw(rt, "type")
			events = append(events, run.Event{Time: at(n), Type: typ, Message: rapid.String().Draw(rt, "message")})
		}
		return func(j run.Journal) error { _, err := j.Append(ctx, id, events...); return err }
	case 4:
		return func(j run.Journal) error { return j.PutRecord(ctx, "kind", id, json.RawMessage(fmt.Sprint(n))) }
	}
	return func(j run.Journal) error { return j.DeleteRecord(ctx, "kind", id) }
}

// compare reads everything from both.
func compare(ctx context.Context, rt *rapid.T, actual, like run.Journal) {
	type all struct {
		Runs    []run.Run
		Chosen  map[run.Filter][]run.Run
		Events  map[string][]run.Event
		Records map[string]string
	}
	read := func(j run.Journal) all {
		a := all{Chosen: map[run.Filter][]run.Run{}, Events: map[string][]run.Event{}, Records: map[string]string{}}
		var errs []error
		var err error
		a.Runs, err = j.Runs(ctx, run.Filter{})
		errs = append(errs, err)
		for _, cluster := range clusters {
			for _, f := range []run.Filter{{Limit: 1}, {Limit: 2}, {Unfinished: true}, {Unfinished: true, Limit: 1}, {Typed: "aaab"}, {Recipe: "restore", Limit: 3}, {Recipe: "drift"}} {
				f.Cluster = cluster
				a.Chosen[f], err = j.Runs(ctx, f)
				errs = append(errs, err)
			}
		}
		for _, r := range a.Runs {
			a.Events[r.ID], err = j.Events(ctx, r.ID, 0, 0)
			errs = append(errs, err)
		}
		keys, err := j.RecordKeys(ctx, "kind")
		errs = append(errs, err)
		for _, k := range keys {
			v, err := j.GetRecord(ctx, "kind", k)
			errs = append(errs, err)
			a.Records[k] = string(v)
		}
		if err := errors.Join(errs...); err != nil {
			rt.Fatal(err)
		}
		return a
	}
	want, got := read(like), read(actual)
	for _, events := range got.Events {
		for i := range events {
			if events[i].Type == run.EventsDropped {
				events[i].Message = "" // in the journal's own words
			}
		}
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		rt.Fatalf("the journal differs from the model:\n%s", d)
	}
}
