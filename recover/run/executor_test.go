package run_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// bench is an executor on a fresh journal that gathers what it shows.
type bench struct {
	*run.Executor
	store *run.Store

	mu   sync.Mutex
	seen []run.Event
}

func newBench(t testing.TB) *bench {
	t.Helper()
	s, err := run.OpenStore(t.TempDir(), run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{store: s}
	b.Executor = &run.Executor{
		Journal: s, Leases: s.Leases(), Now: time.Now, Chance: rand.Reader,
		FlushEvery: 10 * time.Millisecond, WatchEvery: 10 * time.Millisecond,
		Observe: func(ev run.Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.seen = append(b.seen, ev)
		},
	}
	return b
}

// events returns the journaled events, after checking that their numbers have no
// holes and that the observer saw the same.
func (b *bench) events(t testing.TB, id string) []run.Event {
	t.Helper()
	events, err := b.store.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, ev := range events {
		if ev.Seq != uint64(i+1) {
			t.Fatalf("event %d has number %d", i+1, ev.Seq)
		}
	}
	return events
}

func types(events []run.Event) string {
	var out []string
	for _, ev := range events {
		w := ev.Type
		if ev.Step != "" {
			w += ":" + ev.Step
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

func step(name string, do func(context.Context, *run.Scope) error) run.Def {
	return run.Def{Name: name, Do: do}
}

func nothing(context.Context, *run.Scope) error { return nil }

func TestRunDone(t *testing.T) {
	b := newBench(t)
	r, err := b.Start(t.Context(), run.Run{Recipe: "restore", Cluster: "dev"}, []run.Def{
		step("resolve", func(ctx context.Context, s *run.Scope) error { return s.Made(ctx, "abc123") }),
		step("create", func(ctx context.Context, s *run.Scope) error {
			var commit string
			if ok, err := s.RecallStep("resolve", &commit); !ok || err != nil || commit != "abc123" {
				t.Errorf("recalled %q, %v, %v", commit, ok, err)
			}
			s.Eventf(run.LevelInfo, "cluster.created", "id %d", 7)
			return s.Result(ctx, map[string]int{"objects": 3})
		}),
		step("prune", func(_ context.Context, s *run.Scope) error { s.Skip("not asked for"); return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := b.store.Run(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if stored.Outcome != run.Done || stored.Attempts != 1 || string(stored.Result) != `{"objects":3}` {
		t.Errorf("stored %+v", stored)
	}
	for i, want := range []run.StepState{run.StepDone, run.StepDone, run.Skipped} {
		if got := stored.Steps[i]; got.State != want || got.Attempts != 1 || got.Ended.Before(got.Started) {
			t.Errorf("step %+v, want %s", got, want)
		}
	}
	const want = "run.begin step.begin:resolve step.end:resolve step.begin:create cluster.created:create " +
		"step.end:create step.begin:prune step.end:prune run.end"
	if got := types(b.events(t, r.ID)); got != want {
		t.Errorf("events\n got %s\nwant %s", got, want)
	}
	if got := types(b.seen); got != want {
		t.Errorf("observed\n got %s\nwant %s", got, want)
	}
}

// outcomeError chooses an outcome, as a guard's or a verification's error does.
type outcomeError run.Outcome

func (e outcomeError) Error() string        { return "ends " + string(e) }
func (e outcomeError) Outcome() run.Outcome { return run.Outcome(e) }

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(context.Context, *run.Scope) error
		want  run.Outcome
		state run.StepState
	}{
		{"plain error", func(context.Context, *run.Scope) error { return errors.New("boom") }, run.Failed, run.StepFailed},
		{"guard", func(context.Context, *run.Scope) error { return outcomeError(run.Refused) }, run.Refused, run.StepFailed},
		{"verification", func(context.Context, *run.Scope) error { return outcomeError(run.Unverified) }, run.Unverified, run.StepFailed},
		{"panic", func(context.Context, *run.Scope) error { panic("oh no") }, run.Failed, run.StepFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			r, err := b.Start(t.Context(), run.Run{Recipe: "restore"}, []run.Def{step("work", c.do), step("never", nothing)})
			var end *run.EndError
			if !errors.As(err, &end) || end.Ending != c.want || end.Step != "work" {
				t.Fatalf("error %v", err)
			}
			if r.Outcome != c.want || r.Steps[0].State != c.state || r.Steps[1].State != run.Pending || r.Error == "" {
				t.Errorf("run %+v", r)
			}
			if strings.Contains(err.Error(), "goroutine") {
				t.Errorf("the stack is in the message: %v", err)
			}
		})
	}
}
