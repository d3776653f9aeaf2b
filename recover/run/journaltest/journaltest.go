// Package journaltest is the conformance suite of run.Journal: what goes in is a
// way to open an empty journal, what comes out is a test's verdict on whether
// it keeps the contract. Every implementation runs it.
package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/run"
)

// Limits are the retention that the journal under test is to be opened with.
type Limits struct {
	KeepRuns int
	KeepFor  time.Duration
	EventCap uint64
}

// Open opens an empty journal.
type Open func(t testing.TB, l Limits) run.Journal

// wide limits are those that a test does not meet.
func wide() Limits { return Limits{KeepRuns: 100, EventCap: 10_000} }

// at is a time of the tests' own: minute n of a day.
func at(n int) time.Time { return time.Date(2026, 11, 22, 18, n, 0, 0, time.UTC) }

func aRun(n int, cluster string) run.Run {
	return run.Run{
		ID: fmt.Sprintf("20261122-18%02d00-aaa%c", n, 'a'+n%26), Recipe: "restore", Cluster: cluster,
		Request: json.RawMessage(`{"at":"v1"}`), Created: at(n), Steps: []run.Step{{Name: "one", State: run.Pending}},
	}
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func begin(t testing.TB, j run.Journal, runs ...run.Run) {
	t.Helper()
	for _, r := range runs {
		if err := j.Begin(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// Conform runs the suite.
func Conform(t *testing.T, open Open) {
	t.Run("empty", func(t *testing.T) { empty(t, open(t, wide())) })
	t.Run("runs", func(t *testing.T) { runs(t, open(t, wide())) })
	t.Run("update", func(t *testing.T) { update(t, open(t, wide())) })
	t.Run("events", func(t *testing.T) { events(t, open(t, wide())) })
	t.Run("cap", func(t *testing.T) { eventCap(t, open(t, Limits{KeepRuns: 5, EventCap: 3})) })
	t.Run("age", func(t *testing.T) { aged(t, open(t, Limits{KeepRuns: 100, KeepFor: 10 * time.Minute, EventCap: 100})) })
	t.Run("retention", func(t *testing.T) { retention(t, open(t, Limits{KeepRuns: 2, EventCap: 100})) })
	t.Run("records", func(t *testing.T) { records(t, open(t, wide())) })
	t.Run("resolve", func(t *testing.T) { resolve(t, open(t, wide())) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, open(t, wide())) })
	t.Run("concurrent", func(t *testing.T) { concurrent(t, open(t, wide())) })
	t.Run("model", func(t *testing.T) { model(t, open) })
}

func empty(t *testing.T, j run.Journal) {
	ctx := t.Context()
	if all := must(j.Runs(ctx, run.Filter{}))(t); len(all) != 0 {
		t.Errorf("an empty journal has runs %v", all)
	}
	if keys := must(j.RecordKeys(ctx, "cluster"))(t); len(keys) != 0 {
		t.Errorf("an empty journal has records %v", keys)
	}
	_, errRun := j.Run(ctx, "nope")
	_, errEvents := j.Events(ctx, "nope", 0, 0)
	_, errUpdate := j.Update(ctx, "nope", func(*run.Run) error { return nil })
	_, errAppend := j.Append(ctx, "nope", run.Event{Type: "x"})
	_, errRecord := j.GetRecord(ctx, "cluster", "dev")
	for i, err := range []error{errRun, errEvents, errUpdate, errAppend, errRecord} {
		if !run.IsNotFound(err) {
			t.Errorf("call %d: want NotFoundError, got %v", i, err)
		}
	}
	if err := j.DeleteRecord(ctx, "cluster", "dev"); err != nil {
		t.Errorf("delete what is not there: %v", err)
	}
}

func runs(t *testing.T, j run.Journal) {
	ctx := t.Context()
	a, b, c := aRun(1, "dev"), aRun(2, "prod"), aRun(3, "dev")
	c.Recipe, c.Outcome = "drift", run.Done
	begin(t, j, b, a, c)
	if got := must(j.Run(ctx, a.ID))(t); !cmp.Equal(got, a) {
		t.Error(cmp.Diff(a, got))
	}
	var exists *run.ExistsError
	if err := j.Begin(ctx, a); !errors.As(err, &exists) {
		t.Errorf("begin twice: want ExistsError, got %v", err)
	}
	for _, id := range []string{"", "../etc", "a/b", "Ä", "A", "-a"} {
		if err := j.Begin(ctx, run.Run{ID: id}); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
	for _, f := range []struct {
		run.Filter
		want []run.Run
	}{
		{run.Filter{}, []run.Run{c, b, a}},
		{run.Filter{Cluster: "dev"}, []run.Run{c, a}},
		{run.Filter{Recipe: "drift"}, []run.Run{c}},
		{run.Filter{Unfinished: true}, []run.Run{b, a}},
		{run.Filter{Limit: 2}, []run.Run{c, b}},
		{run.Filter{Limit: 1, Cluster: "prod"}, []run.Run{b}},
		{run.Filter{Limit: 1, Cluster: "dev", Recipe: "restore"}, []run.Run{a}},
		{run.Filter{Cluster: "de"}, nil},
		{run.Filter{Typed: a.ID[len(a.ID)-4:]}, []run.Run{a}},
		{run.Filter{Typed: "20261122"}, []run.Run{c, b, a}},
		{run.Filter{Cluster: "none"}, nil},
	} {
		if got := must(j.Runs(ctx, f.Filter))(t); !cmp.Equal(got, f.want) {
			t.Errorf("%+v: %s", f.Filter, cmp.Diff(f.want, got))
		}
	}
}

func update(t *testing.T, j run.Journal) {
	ctx := t.Context()
	begin(t, j, aRun(1, "dev"))
	id := aRun(1, "").ID
	boom := errors.New("boom")
	_, err := j.Update(ctx, id, func(r *run.Run) error { r.Error = "must not stay"; return boom })
	if !errors.Is(err, boom) {
		t.Errorf("want the error of change, got %v", err)
	}
	got := must(j.Update(ctx, id, func(r *run.Run) error {
		r.ID = "other"
		r.Steps[0].State = run.StepDone
		r.Steps[0].Made = json.RawMessage(`{"id":1}`)
		return nil
	}))(t)
	stored := must(j.Run(ctx, id))(t)
	if stored.Error != "" || stored.Steps[0].State != run.StepDone || stored.ID != id || !cmp.Equal(got, stored) {
		t.Errorf("stored %+v", stored)
	}
	got.Steps[0].Name = "changed by the caller"
	if again := must(j.Run(ctx, id))(t); !cmp.Equal(again, stored) {
		t.Errorf("a caller changed the journal: %s", cmp.Diff(stored, again))
	}
}

func events(t *testing.T, j run.Journal) {
	ctx := t.Context()
	begin(t, j, aRun(1, "dev"), aRun(2, "dev"))
	id, other := aRun(1, "").ID, aRun(2, "").ID
	if none := must(j.Events(ctx, id, 0, 0))(t); len(none) != 0 {
		t.Errorf("events before any: %v", none)
	}
	in := []run.Event{
		{Time: at(1), Type: "object.applied", Object: "ConfigMap a/b", Data: json.RawMessage(`{"ms":3}`)},
		{Time: at(2), Type: "object.applied", Level: run.LevelWarn, Message: "hello"},
	}
	first := must(j.Append(ctx, id, in...))(t)
	must(j.Append(ctx, other, run.Event{Time: at(1), Type: "x"}))(t)
	second := must(j.Append(ctx, id, run.Event{Time: at(3), Step: "one", Type: "y"}))(t)
	if must(j.Append(ctx, id))(t); in[0].Seq != 0 {
		t.Error("Append changed the caller's events")
	}
	all := slices.Concat(first, second)
	for i, ev := range all {
		if ev.Seq != uint64(i+1) || ev.Run != id || ev.Level == "" {
			t.Errorf("event %d came back as %+v", i, ev)
		}
	}
	for _, c := range []struct {
		since uint64
		limit int
		want  []run.Event
	}{
		{0, 0, all}, {1, 0, all[1:]}, {0, 2, all[:2]}, {1, 1, all[1:2]}, {3, 0, nil}, {99, 5, nil}, {^uint64(0), 0, nil},
	} {
		got := must(j.Events(ctx, id, c.since, c.limit))(t)
		if len(got) != len(c.want) || (len(got) > 0 && !cmp.Equal(got, c.want)) {
			t.Errorf("since %d limit %d: %s", c.since, c.limit, cmp.Diff(c.want, got))
		}
	}
}

func eventCap(t *testing.T, j run.Journal) {
	ctx := t.Context()
	begin(t, j, aRun(1, ""))
	id := aRun(1, "").ID
	for n := range 6 {
		must(j.Append(ctx, id, run.Event{Time: at(n), Type: "object.applied"}))(t)
	}
	out := must(j.Append(ctx, id, run.Event{Time: at(7), Type: run.StepEnd}, run.Event{Time: at(8), Type: "z"}))(t)
	if out[0].Seq != 5 || out[1].Seq != 0 {
		t.Errorf("past the cap: %+v", out)
	}
	got := must(j.Events(ctx, id, 2, 0))(t)
	if len(got) != 3 || got[1].Type != run.EventsDropped || got[2].Type != run.StepEnd {
		t.Errorf("events past the cap: %+v", got)
	}
}

func retention(t *testing.T, j run.Journal) {
	ctx := t.Context()
	unfinished := aRun(0, "dev")
	begin(t, j, unfinished)
	for n := 1; n <= 4; n++ {
		r := aRun(n, "dev")
		r.Outcome = run.Done
		begin(t, j, r)
		must(j.Append(ctx, r.ID, run.Event{Time: at(n), Type: "x"}))(t)
	}
	begin(t, j, aRun(5, "dev"))
	var got []string
	for _, r := range must(j.Runs(ctx, run.Filter{}))(t) {
		got = append(got, r.ID)
	}
	want := []string{aRun(5, "").ID, aRun(4, "").ID, aRun(3, "").ID, unfinished.ID}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if _, err := j.Events(ctx, aRun(1, "").ID, 0, 0); !run.IsNotFound(err) {
		t.Errorf("events of a pruned run: %v", err)
	}
}

// aged: what ended long ago goes, but not the last success of a cluster.
func aged(t *testing.T, j run.Journal) {
	ended := func(n int, cluster string, o run.Outcome) run.Run {
		r := aRun(n, cluster)
		r.Outcome, r.Ended = o, at(n)
		begin(t, j, r)
		return r
	}
	ended(1, "dev", run.Done)
	verified := ended(2, "dev", run.Done)
	ended(3, "dev", run.Failed)
	another := ended(4, "prod", run.Done)
	late := aRun(50, "dev")
	begin(t, j, late)
	var got []string
	for _, r := range must(j.Runs(t.Context(), run.Filter{}))(t) {
		got = append(got, r.ID)
	}
	if want := []string{late.ID, another.ID, verified.ID}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func records(t *testing.T, j run.Journal) {
	ctx := t.Context()
	for _, r := range [][3]string{{"cluster", "b", `{"id":"1"}`}, {"cluster", "a/ü:\x00", `[1]`}, {"baseline", "b", `"x"`}, {"cluster", "b", `{"id":"2"}`}} {
		if err := j.PutRecord(ctx, r[0], r[1], json.RawMessage(r[2])); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(j.GetRecord(ctx, "cluster", "b"))(t); string(got) != `{"id":"2"}` {
		t.Errorf("got %s", got)
	}
	if keys := must(j.RecordKeys(ctx, "cluster"))(t); !cmp.Equal(keys, []string{"a/ü:\x00", "b"}) {
		t.Errorf("keys %q", keys)
	}
	if j.PutRecord(ctx, "", "a", json.RawMessage(`1`)) == nil || j.PutRecord(ctx, "a", "", json.RawMessage(`1`)) == nil ||
		j.PutRecord(ctx, "a", "b", json.RawMessage(`{`)) == nil {
		t.Error("a nameless record or broken JSON was taken")
	}
	if err := j.DeleteRecord(ctx, "cluster", "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := j.GetRecord(ctx, "cluster", "b"); !run.IsNotFound(err) {
		t.Errorf("after delete: %v", err)
	}
	if got := must(j.GetRecord(ctx, "baseline", "b"))(t); string(got) != `"x"` {
		t.Errorf("another kind's record: %s", got)
	}
}

func resolve(t *testing.T, j run.Journal) {
	ctx := t.Context()
	a, b := aRun(1, "dev"), aRun(2, "dev")
	begin(t, j, a, b)
	for _, typed := range []string{a.ID, a.ID[:len(a.ID)-2], a.ID[len(a.ID)-4:]} {
		if got, err := run.Resolve(ctx, j, typed); err != nil || got.ID != a.ID {
			t.Errorf("%q: %s, %v", typed, got.ID, err)
		}
	}
	var many *run.AmbiguousError
	if _, err := run.Resolve(ctx, j, "20261122"); !errors.As(err, &many) || !cmp.Equal(many.Matches, []string{b.ID, a.ID}) {
		t.Errorf("ambiguous: %v", err)
	}
	for _, typed := range []string{"", "9", "aab"} {
		if _, err := run.Resolve(ctx, j, typed); !run.IsNotFound(err) {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

func cancelled(t *testing.T, j run.Journal) {
	begin(t, j, aRun(1, "dev"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := j.Append(ctx, aRun(1, "").ID, run.Event{Type: "x"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
	if err := j.Begin(ctx, aRun(2, "dev")); !errors.Is(err, context.Canceled) {
		t.Errorf("begin: %v", err)
	}
	if all := must(j.Runs(t.Context(), run.Filter{}))(t); len(all) != 1 {
		t.Errorf("a cancelled call wrote: %v", all)
	}
}

// concurrent lets writers count up one field and append, while readers follow.
func concurrent(t *testing.T, j run.Journal) {
	const writers, rounds = 4, 10
	ctx := t.Context()
	begin(t, j, aRun(1, "dev"))
	id := aRun(1, "").ID
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range rounds {
				if _, err := j.Update(ctx, id, func(r *run.Run) error { r.Attempts++; return nil }); err != nil {
					t.Error(err)
				}
				if _, err := j.Append(ctx, id, run.Event{Type: fmt.Sprint(w), Time: at(n)}, run.Event{Type: fmt.Sprint(w), Time: at(n)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for since := uint64(0); since < 2*writers*rounds; {
				got, err := j.Events(ctx, id, since, 7)
				if err != nil {
					t.Error(err)
					return
				}
				for _, ev := range got {
					if since++; ev.Seq != since {
						t.Errorf("read number %d after %d", ev.Seq, since-1)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if r := must(j.Run(ctx, id))(t); r.Attempts != writers*rounds {
		t.Errorf("%d of %d updates are there", r.Attempts, writers*rounds)
	}
}
