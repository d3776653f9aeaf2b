package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// under is a run that is under way.
type under struct {
	*bench
	t    *testing.T
	id   string
	done chan error
}

// begin starts a recipe and returns once its first step was begun.
func (b *bench) begin(t *testing.T, defs ...run.Def) *under {
	t.Helper()
	u := &under{bench: b, t: t, done: make(chan error, 1)}
	begun := make(chan string, 1)
	defs = slices.Insert(defs, 0, step("begin", func(_ context.Context, s *run.Scope) error {
		begun <- s.Run().ID
		return nil
	}))
	go func() {
		_, err := b.Start(t.Context(), run.Run{Recipe: "restore", Cluster: "dev"}, defs)
		u.done <- err
	}()
	u.id = <-begun
	return u
}

func (u *under) give(kind run.OrderKind, object, why string) run.Order {
	u.t.Helper()
	o, err := u.Give(u.t.Context(), u.id, run.Order{Kind: kind, Object: object, Why: why, By: "ada"})
	if err != nil {
		u.t.Fatal(err)
	}
	return o
}

func (u *under) end() run.Run {
	u.t.Helper()
	select {
	case err := <-u.done:
		if err != nil {
			u.t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		u.t.Fatal("the run does not end")
	}
	r, err := u.store.Run(u.t.Context(), u.id)
	if err != nil {
		u.t.Fatal(err)
	}
	return r
}

// sees waits until an event of a step was journaled.
func (u *under) sees(typ, step string) {
	u.t.Helper()
	waitFor(u.t, func() bool {
		return slices.ContainsFunc(u.events(u.t, u.id), func(ev run.Event) bool { return ev.Type == typ && ev.Step == step })
	})
}

// told are the run's events about orders, as "type object message".
func (u *under) told() []string {
	var out []string
	for _, ev := range u.events(u.t, u.id) {
		switch ev.Type {
		case run.RunPaused, run.RunContinued, run.RunHeld, run.ObjectRetried, run.ObjectSkipped, run.OrderRefused, run.ObjectStillSkipped:
			out = append(out, strings.TrimSpace(ev.Type+" "+ev.Object)+" "+ev.Message)
		}
	}
	return out
}

func same(t *testing.T, have []string, want ...string) {
	t.Helper()
	if !slices.Equal(have, want) {
		t.Errorf("have\n  %s\nwant\n  %s", strings.Join(have, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestPauseHoldsBeforeTheNextStep(t *testing.T) {
	b := newBench(t)
	under, go2 := make(chan bool), make(chan bool)
	var after counted
	u := b.begin(t, step("busy", func(context.Context, *run.Scope) error {
		under <- true
		<-go2
		return nil
	}), step("after", after.do))
	<-under
	if o := u.give(run.PauseRun, "", "lunch"); o.N != 1 || o.Answered.IsZero() {
		t.Errorf("not answered: %+v", o)
	}
	u.give(run.PauseRun, "", "") // once more changes nothing
	close(go2)
	r, err := b.store.Run(t.Context(), u.id)
	if err != nil || r.Paused == nil || r.Paused.By != "ada" || r.Paused.Why != "lunch" {
		t.Fatalf("paused %+v, %v", r.Paused, err)
	}
	u.sees(run.StepEnd, "busy")
	if r, err := b.store.Run(t.Context(), u.id); err != nil || r.Steps[2].State != run.Pending {
		t.Errorf("the step was begun: %+v, %v", r.Steps, err)
	}
	u.give(run.ContinueRun, "", "")
	if r := u.end(); r.Outcome != run.Done || r.Paused != nil || after.calls != 1 {
		t.Errorf("%+v, %d calls", r, after.calls)
	}
	same(t, u.told(), "run.paused paused by ada: lunch", "run.continued continued by ada")
}

func TestPausesAreForgottenTogetherAndDoneAnew(t *testing.T) {
	b := newBench(t)
	under, release := make(chan bool, 1), make(chan bool)
	var look, made, bound counted
	u := b.begin(t,
		run.Def{Name: "look", Fresh: true, Do: look.do},
		step("made", func(ctx context.Context, s *run.Scope) error {
			under <- true
			<-release
			return made.do(ctx, s)
		}),
		run.Def{Name: "bound", Together: true, Do: bound.do},
		run.Def{Name: "anew", Anew: true, Do: nothing})
	<-under
	u.give(run.PauseRun, "", "")
	close(release)
	u.sees(run.StepEnd, "bound")
	u.give(run.ContinueRun, "", "")
	u.end()
	if look.calls != 2 || made.calls != 1 || bound.calls != 1 {
		t.Errorf("look %d, made %d, bound %d", look.calls, made.calls, bound.calls)
	}
}

// waitFor looks until something is so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatal("it does not come")
		}
	}
}

// TestOrdersAboutObjects: in order, each once, with an answer; those that nobody
// comes to are refused at the end.
func TestOrdersAboutObjects(t *testing.T) {
	b := newBench(t)
	wanted := 4
	var order []string
	u := b.begin(t, run.Def{Name: "objects", ByObject: true, Do: func(ctx context.Context, s *run.Scope) error {
		for len(order) < wanted {
			open, changed := s.Orders()
			for _, o := range open {
				order = append(order, o.String())
				refused := ""
				if o.Object == "Pod x/unknown" {
					refused = "no such object"
				}
				s.Answer(ctx, o, refused)
			}
			if len(open) == 0 {
				<-changed
			}
		}
		if skips := s.Run(); len(skips.Skips()) != 1 || skips.Skips()["Pod x/b"].Why != "broken" {
			t.Errorf("skips %+v", skips.Orders)
		}
		return nil
	}}, step("last", func(ctx context.Context, _ *run.Scope) error {
		<-ctx.Done() // aborted
		return ctx.Err()
	}))
	u.give(run.SkipObject, "Pod x/a", "no need")
	u.give(run.RetryObject, "Pod x/a", "")
	u.give(run.SkipObject, "Pod x/b", "broken")
	var refused *run.RefusedOrderError
	if _, err := b.Give(t.Context(), u.id, run.Order{Kind: run.RetryObject, Object: "Pod x/unknown"}); !errors.As(err, &refused) || refused.Reason != "no such object" {
		t.Errorf("have %v", err)
	}
	if want := []string{"skip Pod x/a", "retry Pod x/a", "skip Pod x/b", "retry Pod x/unknown"}; !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
	late := make(chan error, 1)
	go func() {
		_, err := b.Give(t.Context(), u.id, run.Order{Kind: run.RetryObject, Object: "Pod x/c"})
		late <- err
	}()
	waitFor(t, func() bool { r, err := b.store.Run(t.Context(), u.id); return err == nil && len(r.Orders) == 5 })
	if _, err := b.Abort(t.Context(), u.id); err != nil {
		t.Fatal(err)
	}
	if err := <-late; !errors.As(err, &refused) {
		t.Errorf("an order that nobody came to: %v", err)
	}
	if err := <-u.done; err == nil {
		t.Error("it was not aborted")
	}
	same(t, u.told(),
		"object.skipped Pod x/a skipped by ada: no need", "object.retried Pod x/a tried again by ada",
		"object.skipped Pod x/b skipped by ada: broken", "run.order-refused Pod x/unknown retry: no such object",
		"run.order-refused Pod x/c retry: the run ended first")
}

func TestOrdersThatCannotBeGiven(t *testing.T) {
	b := newBench(t)
	b.Redact = func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }
	release := make(chan bool)
	u := b.begin(t, step("wait", func(context.Context, *run.Scope) error { <-release; return nil }))
	for _, o := range []run.Order{
		{Kind: "dance"}, {Kind: run.RetryObject}, {Kind: run.SkipObject, Object: "Pod x/a"}, {Kind: run.PauseRun, Object: "Pod x/a"},
		{Kind: run.SkipObject, Object: strings.Repeat("x", 601), Why: "y"}, {Kind: run.SkipObject, Object: "x", Why: strings.Repeat("y", 501)},
		{Kind: run.SkipObject, Object: "x", Why: "\xff"},
	} {
		var invalid *run.InvalidOrderError
		if _, err := b.Give(t.Context(), u.id, o); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	var refused *run.RefusedOrderError
	if _, err := b.Give(t.Context(), u.id, run.Order{Kind: run.RetryObject, Object: "Pod x/a"}); !errors.As(err, &refused) {
		t.Errorf("a run without objects: %v", err)
	}
	if _, err := b.Give(t.Context(), "nobody", run.Order{Kind: run.PauseRun}); !run.IsNotFound(err) {
		t.Errorf("no run: %v", err)
	}
	u.give(run.PauseRun, "", "the password is hunter2")
	u.give(run.ContinueRun, "", "")
	close(release)
	r := u.end()
	if strings.Contains(r.Orders[0].Why+strings.Join(u.told(), ""), "hunter2") {
		t.Error("a secret is in the journal")
	}
	var ended *run.EndedError
	if _, err := b.Give(t.Context(), u.id, run.Order{Kind: run.PauseRun}); !errors.As(err, &ended) {
		t.Errorf("a run that is done: %v", err)
	}
	dead := someRun(1)
	dead.Attempts = 1
	if err := b.store.Begin(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	var notLive *run.NotLiveError
	if _, err := b.Give(t.Context(), dead.ID, run.Order{Kind: run.PauseRun}); !errors.As(err, &notLive) {
		t.Errorf("a run without a process: %v", err)
	}
}

func TestHoldAndTimeThatDoesNotRun(t *testing.T) {
	b := newBench(t)
	var ways []run.Release
	u := b.begin(t, run.Def{Name: "holds", ByObject: true, Do: func(ctx context.Context, s *run.Scope) error {
		for _, within := range []time.Duration{time.Hour, time.Hour, time.Millisecond} {
			how, err := s.Hold(ctx, "2 objects failed", within)
			if err != nil {
				return err
			}
			ways = append(ways, how)
			open, _ := s.Orders()
			for _, o := range open {
				s.Answer(ctx, o, "")
			}
		}
		return nil
	}}, step("clock", func(ctx context.Context, s *run.Scope) error {
		within, cancel := s.Within(ctx, 150*time.Millisecond)
		defer cancel()
		waitFor(t, s.Paused)
		select {
		case <-within.Done():
			t.Error("time ran while paused")
		case <-time.After(400 * time.Millisecond): // time is what this is about
		}
		waitFor(t, func() bool { return !s.Paused() })
		<-within.Done()
		if !errors.Is(within.Err(), context.DeadlineExceeded) || ctx.Err() != nil {
			t.Errorf("ended with %v", within.Err())
		}
		return nil
	}))
	waitFor(t, func() bool {
		r, err := b.store.Run(t.Context(), u.id)
		return err == nil && r.Held != nil && r.Held.Why == "2 objects failed"
	})
	u.give(run.RetryObject, "Pod x/a", "")
	waitFor(t, func() bool { return strings.Count(strings.Join(u.told(), "\n"), run.RunHeld) == 2 })
	u.give(run.ContinueRun, "", "")
	waitFor(t, func() bool {
		r, err := b.store.Run(t.Context(), u.id)
		s, _ := r.Step("clock")
		return err == nil && s.State == run.Running
	})
	u.give(run.PauseRun, "", "")
	waitFor(t, func() bool { r, err := b.store.Run(t.Context(), u.id); return err == nil && r.Paused != nil })
	time.AfterFunc(500*time.Millisecond, func() { _, _ = b.Give(t.Context(), u.id, run.Order{Kind: run.ContinueRun}) })
	if r := u.end(); r.Held != nil || r.Paused != nil {
		t.Errorf("still halted: %+v", r)
	}
	if want := []run.Release{run.ByOrder, run.ByContinue, run.ByTime}; !slices.Equal(ways, want) {
		t.Errorf("holds ended %v, want %v", ways, want)
	}
}
