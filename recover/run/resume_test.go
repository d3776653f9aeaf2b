package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// counted is a step that counts its calls and fails while fail says so.
type counted struct {
	calls int
	fail  func(call int) error
}

func (c *counted) do(context.Context, *run.Scope) error {
	c.calls++
	if c.fail != nil {
		return c.fail(c.calls)
	}
	return nil
}

func TestResume(t *testing.T) {
	b := newBench(t)
	var once, fresh counted
	flaky := counted{fail: func(call int) error {
		if call == 1 {
			return errors.New("no route to host")
		}
		return nil
	}}
	defs := []run.Def{step("once", once.do), {Name: "fresh", Fresh: true, Do: fresh.do}, step("flaky", flaky.do), step("last", nothing)}
	first, err := b.Start(t.Context(), run.Run{Recipe: "restore", Cluster: "dev"}, defs)
	if err == nil || first.Outcome != run.Failed {
		t.Fatalf("%+v, %v", first, err)
	}
	r, err := b.Execute(t.Context(), first.ID, defs)
	if err != nil {
		t.Fatal(err)
	}
	if once.calls != 1 || fresh.calls != 2 || flaky.calls != 2 {
		t.Errorf("calls: once %d, fresh %d, flaky %d", once.calls, fresh.calls, flaky.calls)
	}
	if r.Outcome != run.Done || r.Attempts != 2 || r.Error != "" {
		t.Errorf("run %+v", r)
	}
	f, _ := r.Step("fresh")
	was, _ := first.Step("fresh")
	if f.Attempts != 2 || !f.Started.Equal(was.Started) || !f.Ended.After(was.Ended) {
		t.Errorf("fresh step %+v, before %+v", f, was)
	}
	if fl, _ := r.Step("flaky"); fl.Error != "" || fl.State != run.StepDone {
		t.Errorf("flaky step %+v", fl)
	}
	events := b.events(t, r.ID)
	if !slices.ContainsFunc(events, func(ev run.Event) bool { return ev.Type == run.RunResume }) {
		t.Errorf("no %s in %s", run.RunResume, types(events))
	}
	var ended *run.EndedError
	if _, err := b.Execute(t.Context(), r.ID, defs); !errors.As(err, &ended) {
		t.Errorf("a run that is done was taken up again: %v", err)
	}
}

// TestResumeWithOtherSteps: a newer version of the recipe has other steps.
func TestResumeWithOtherSteps(t *testing.T) {
	b := newBench(t)
	boom := func(context.Context, *run.Scope) error { return errors.New("boom") }
	first, err := b.Start(t.Context(), run.Run{Recipe: "restore"}, []run.Def{step("a", nothing), step("old", nothing), step("z", boom)})
	if err == nil {
		t.Fatal("want an error")
	}
	r, err := b.Execute(t.Context(), first.ID, []run.Def{step("new", nothing), step("a", boom), step("z", nothing)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range r.Steps {
		got = append(got, fmt.Sprintf("%s %s %d", s.Name, s.State, s.Attempts))
	}
	if want := "new done 1, a done 1, z done 2, old done 1"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestInterrupted(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	stop := true
	defs := []run.Def{step("first", nothing), step("wait", func(ctx context.Context, s *run.Scope) error {
		if !stop {
			return nil
		}
		cancel()
		<-ctx.Done()
		// What was made in the last moment is journaled all the same.
		if err := s.Made(ctx, "late"); err != nil {
			t.Error(err)
		}
		return fmt.Errorf("await nodes: %w", ctx.Err())
	})}
	r, err := b.Start(ctx, run.Run{Recipe: "restore", Cluster: "dev"}, defs)
	var end *run.EndError
	if !errors.As(err, &end) || end.Ending != run.Interrupted || !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	stored, err := b.store.Run(t.Context(), r.ID)
	if err != nil || stored.Outcome != run.Interrupted {
		t.Fatalf("%+v, %v", stored, err)
	}
	if s, _ := stored.Step("wait"); s.State != run.Pending || string(s.Made) != `"late"` {
		t.Errorf("step %+v", s)
	}
	if _, live, _ := b.Alive(t.Context(), stored); live {
		t.Error("an ended run holds its lease")
	}
	if last := b.events(t, r.ID); last[len(last)-1].Type != run.RunEnd {
		t.Errorf("events %s", types(last))
	}
	stop = false
	if r, err := b.Execute(t.Context(), r.ID, defs); err != nil || r.Outcome != run.Done {
		t.Errorf("resumed: %+v, %v", r, err)
	}
}

func TestInterruptedBetweenSteps(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := b.Start(ctx, run.Run{Recipe: "restore"}, []run.Def{
		step("first", func(context.Context, *run.Scope) error { cancel(); return nil }),
		step("second", func(context.Context, *run.Scope) error { t.Error("began after the interruption"); return nil }),
	})
	if err == nil || r.Outcome != run.Interrupted || r.Steps[0].State != run.StepDone || r.Steps[1].State != run.Pending {
		t.Errorf("%+v, %v", r, err)
	}
}

// expiring is a context whose deadline passes when over is closed.
type expiring struct {
	context.Context
	over chan struct{}
}

func (e expiring) Done() <-chan struct{} { return e.over }

func (e expiring) Err() error {
	select {
	case <-e.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestDeadlineIsAFailure(t *testing.T) {
	b := newBench(t)
	parent := expiring{t.Context(), make(chan struct{})}
	r, err := b.Start(parent, run.Run{Recipe: "restore"}, []run.Def{step("wait", func(ctx context.Context, _ *run.Scope) error {
		close(parent.over)
		<-ctx.Done()
		return ctx.Err()
	})})
	if err == nil || r.Outcome != run.Failed || r.Steps[0].State != run.StepFailed {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAbortLiveRun(t *testing.T) {
	b := newBench(t)
	started := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := b.Start(t.Context(), run.Run{Recipe: "restore", Cluster: "dev"}, []run.Def{
			step("wait", func(ctx context.Context, s *run.Scope) error {
				started <- s.Run().ID
				<-ctx.Done()
				return ctx.Err()
			}),
		})
		ended <- err
	}()
	id := <-started
	if _, err := b.Execute(t.Context(), id, nil); !errors.As(err, new(*run.HeldError)) {
		t.Errorf("a live run was executed twice: %v", err)
	}
	if r, err := b.Start(t.Context(), run.Run{Recipe: "teardown", Cluster: "dev"}, nil); !errors.As(err, new(*run.HeldError)) || r.ID != "" {
		t.Errorf("two runs on one cluster: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := b.Abort(ctx, id)
	if err != nil || r.Outcome != run.Aborted {
		t.Fatalf("%+v, %v", r, err)
	}
	var end *run.EndError
	if err := <-ended; !errors.As(err, &end) || end.Ending != run.Aborted {
		t.Errorf("the run ended with %v", err)
	}
	if _, err := b.Execute(t.Context(), id, nil); !errors.As(err, new(*run.EndedError)) {
		t.Errorf("an aborted run was resumed: %v", err)
	}
	if all, err := b.store.Runs(t.Context(), run.Filter{}); err != nil || len(all) != 1 {
		t.Errorf("a refused start left a run: %v, %v", all, err)
	}
}

func TestAbortDeadRun(t *testing.T) {
	b := newBench(t)
	r := someRun(1)
	r.Attempts, r.Steps = 1, []run.Step{{Name: "apply", State: run.Running, Attempts: 1}}
	if err := b.store.Begin(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := b.Abort(t.Context(), r.ID)
		if err != nil || got.Outcome != run.Aborted || got.Steps[0].State != run.Pending {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	done := someRun(2)
	done.Outcome = run.Done
	if err := b.store.Begin(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Abort(t.Context(), done.ID); !errors.As(err, new(*run.EndedError)) {
		t.Errorf("aborted a run that is done: %v", err)
	}
}

// follower reads the events of a run at the instant before something is written
// about it.
type follower struct {
	run.Journal
	saw func(events []run.Event)
}

func (f follower) Update(ctx context.Context, id string, change func(*run.Run) error) (run.Run, error) {
	events, err := f.Events(ctx, id, 0, 0)
	if err != nil {
		return run.Run{}, err
	}
	f.saw(events)
	return f.Journal.Update(ctx, id, change)
}

// TestFollowersSeeTheAbort: who stops following at the outcome has had all events,
// and a run whose cluster another one works on by now ends as well.
func TestFollowersSeeTheAbort(t *testing.T) {
	b := newBench(t)
	r := someRun(1)
	r.Attempts, r.Cluster = 1, "dev"
	if err := b.store.Begin(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	newer, err := run.AcquireLease(t.Context(), b.store.Leases(), "dev", run.Holder{Run: "newer"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = newer.Release() }()
	asked := 0
	b.Journal = follower{b.store, func(events []run.Event) {
		asked++
		if len(events) != 1 || events[0].Type != run.RunEnd {
			t.Errorf("before the outcome there are %+v", events)
		}
	}}
	if r, err := b.Abort(t.Context(), r.ID); err != nil || r.Outcome != run.Aborted || asked != 1 {
		t.Errorf("%+v, %v, written %d times", r, err, asked)
	}
}

func TestPanicKeepsItsStack(t *testing.T) {
	b := newBench(t)
	r, err := b.Start(t.Context(), run.Run{Recipe: "restore"}, []run.Def{
		step("work", func(context.Context, *run.Scope) error { panic(errors.New("oh no")) }),
	})
	if !errors.As(err, new(*run.PanicError)) {
		t.Fatalf("error %v", err)
	}
	for _, ev := range b.events(t, r.ID) {
		if strings.Contains(ev.Message, "goroutine") {
			t.Errorf("the stack is in the message of %s", ev.Type)
		}
		if ev.Type == run.StepEnd && !strings.Contains(string(ev.Data), "TestPanicKeepsItsStack") {
			t.Errorf("the stack is not in the data: %s", ev.Data)
		}
	}
}

func TestRedact(t *testing.T) {
	b := newBench(t)
	b.Redact = func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }
	r, err := b.Start(t.Context(), run.Run{Recipe: "restore"}, []run.Def{
		step("work", func(ctx context.Context, s *run.Scope) error {
			s.Event(run.Event{Type: "x", Message: "token hunter2", Data: []byte(`{"a":"hunter2"}`), Object: "hunter2"})
			if err := s.Made(ctx, "hunter2"); err != nil {
				return err
			}
			return errors.New("401 for https://me:hunter2@host")
		}),
	})
	if err == nil {
		t.Fatal("want an error")
	}
	if all := fmt.Sprintf("%+v %+v", r, b.events(t, r.ID)); strings.Contains(all, "hunter2") {
		t.Errorf("the secret is in the journal: %s", all)
	}
}

// fullDisk is a journal whose disk is full while full is set.
type fullDisk struct {
	*run.Store
	full atomic.Bool
	// refused counts the events' attempts.
	refused atomic.Int32
}

var errFull = &run.StorageError{Path: "journal.db", Trouble: run.NoSpace, Err: syscall.ENOSPC}

func (f *fullDisk) Update(ctx context.Context, id string, change func(*run.Run) error) (run.Run, error) {
	if f.full.Load() {
		return run.Run{}, errFull
	}
	return f.Store.Update(ctx, id, change)
}

func (f *fullDisk) Append(ctx context.Context, id string, events ...run.Event) ([]run.Event, error) {
	if f.full.Load() {
		f.refused.Add(1)
		return nil, errFull
	}
	return f.Store.Append(ctx, id, events...)
}

// A disk that stays full is one line in the log, not one for each attempt.
func TestFullDiskIsSaidOnce(t *testing.T) {
	b := newBench(t)
	var log bytes.Buffer
	b.Log, b.FlushEvery = slog.New(slog.NewTextHandler(&log, nil)), time.Millisecond
	disk := &fullDisk{Store: b.store}
	b.Journal = disk
	_, err := b.Start(t.Context(), run.Run{Recipe: "restore"}, []run.Def{
		step("work", func(ctx context.Context, s *run.Scope) error {
			disk.full.Store(true)
			defer disk.full.Store(false)
			s.Event(run.Event{Type: "x"})
			for disk.refused.Load() < 5 {
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-time.After(time.Millisecond):
				}
			}
			return nil
		}),
	})
	if said := strings.Count(log.String(), "could not be journaled"); err != nil || said != 1 {
		t.Errorf("said %d times (%v):\n%s", said, err, log.String())
	}
}

func TestDiskFullInTheMiddle(t *testing.T) {
	b := newBench(t)
	b.FlushEvery = time.Hour
	disk := &fullDisk{Store: b.store}
	b.Journal = disk
	defs := []run.Def{
		step("first", nothing),
		step("second", func(ctx context.Context, s *run.Scope) error {
			disk.full.Store(true)
			return s.Made(ctx, 1)
		}),
		step("third", nothing),
	}
	r, err := b.Start(t.Context(), run.Run{Recipe: "restore"}, defs)
	if e, ok := run.Troubled(err); !ok || e.Trouble != run.NoSpace || r.Outcome != run.Failed {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := types(b.seen); !strings.Contains(got, run.RunEnd) {
		t.Errorf("a person must see the end: %s", got)
	}
	disk.full.Store(false)
	defs[1] = step("second", nothing)
	r, err = b.Execute(t.Context(), r.ID, defs)
	if err != nil || r.Outcome != run.Done {
		t.Fatalf("with space again: %+v, %v", r, err)
	}
	b.events(t, r.ID)
}

func TestManyEventsFromManyWorkers(t *testing.T) {
	b := newBench(t)
	const workers, each = 16, 2000
	r, err := b.Start(t.Context(), run.Run{Recipe: "restore"}, []run.Def{step("apply", func(_ context.Context, s *run.Scope) error {
		done := make(chan bool)
		for range workers {
			go func() {
				for range each {
					s.Event(run.Event{Type: "object.applied", Object: "ConfigMap a/b", Level: run.LevelDebug})
				}
				done <- true
			}()
		}
		for range workers {
			<-done
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	events := b.events(t, r.ID)
	if len(events) != workers*each+4 || len(b.seen) != len(events) {
		t.Errorf("%d events journaled, %d seen", len(events), len(b.seen))
	}
	for i, ev := range b.seen {
		if ev.Seq != uint64(i+1) {
			t.Fatalf("seen number %d at %d", ev.Seq, i)
		}
	}
}
