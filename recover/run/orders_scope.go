package run

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Unpaused returns when the run is not paused; a step that can be held in its
// middle calls it before each next thing that it does. The error is ctx's cause.
func (s *Scope) Unpaused(ctx context.Context) error {
	_, err := s.e.unpaused(ctx)
	return err
}

// Paused tells whether the run is paused now.
func (s *Scope) Paused() bool {
	s.e.orders.mu.Lock()
	defer s.e.orders.mu.Unlock()
	return s.e.orders.paused
}

// Orders returns the orders about objects that are not answered yet, oldest
// first, and a channel that is closed when something about orders or pauses
// changes. The step is to answer each of them.
func (s *Scope) Orders() ([]Order, <-chan struct{}) {
	y := &s.e.orders
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Clone(y.open), y.changed
}

// Answer says that an order is followed, or with a reason that it is not, as an
// event and in the journal. Durable on return, unless the journal cannot be
// written.
func (s *Scope) Answer(ctx context.Context, o Order, refused string) {
	ev := &Event{Step: s.step, Object: o.Object}
	switch {
	case refused != "":
		ev.Type, ev.Level, ev.Message = OrderRefused, LevelWarn, string(o.Kind)+": "+refused
	case o.Kind == SkipObject:
		ev.Type, ev.Level, ev.Message = ObjectSkipped, LevelWarn, "skipped"+byWhom(o.By, o.Why)
	default:
		ev.Type, ev.Message = ObjectRetried, "tried again"+byWhom(o.By, o.Why)
	}
	s.e.settleOrder(ctx, o, ev, refused, nil)
	y := &s.e.orders
	y.change(func() {
		y.open = slices.DeleteFunc(y.open, func(other Order) bool { return other.N == o.N })
	})
}

// Release is why a hold ended.
type Release string

// Releases: somebody said continue, gave an order about an object, or the time
// was over.
const (
	ByContinue Release = "continue"
	ByOrder    Release = "order"
	ByTime     Release = "time"
)

// Hold keeps a run from going on that would fail, until somebody continues it or
// gives an order about an object, or until the time is over; time that the run is
// paused is added. why names what failed; it is told as RunHeld and is in
// Run.Held meanwhile. The error is ctx's cause, or a trouble of the journal.
func (s *Scope) Hold(ctx context.Context, why string, within time.Duration) (Release, error) {
	y := &s.e.orders
	began := s.e.now()
	h := &Halt{Since: began, Why: cut(s.e.redact(why), maxMessage), Until: began.Add(within)}
	released := make(chan struct{})
	y.change(func() { y.held = released })
	if err := s.store(ctx, func(r *Run) { r.Held = h }); err != nil {
		return "", err
	}
	s.Event(Event{Type: RunHeld, Level: LevelWarn, Message: why, Data: asJSON(h)})
	s.e.emit.flushSoon()
	defer func() { // already so after a continue
		y.change(func() { y.held = nil })
		if s.Run().Held != nil {
			if err := s.store(ctx, func(r *Run) { r.Held = nil }); err != nil {
				s.e.log().Warn("the end of a hold could not be journaled yet", "run", s.e.id, "error", err)
			}
		}
	}()
	timed, cancel := s.Within(ctx, within)
	defer cancel()
	for {
		open, changed := s.Orders()
		select {
		case <-released:
			return ByContinue, nil
		default:
		}
		switch {
		case len(open) > 0:
			return ByOrder, nil
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case timed.Err() != nil:
			s.Event(Event{Type: RunContinued, Level: LevelWarn, Message: fmt.Sprintf("nobody said anything within %s: it goes on", within)})
			return ByTime, nil
		}
		select {
		case <-released:
		case <-changed:
		case <-timed.Done():
		}
	}
}

// Within returns a context that ends with context.DeadlineExceeded after so much
// time, not counting the time that the run is paused, or with ctx. It has no
// Deadline, because nobody knows it beforehand. cancel must be called.
func (s *Scope) Within(ctx context.Context, length time.Duration) (context.Context, context.CancelFunc) {
	t := &timed{Context: ctx, done: make(chan struct{})}
	stop := make(chan struct{})
	var once sync.Once
	go t.run(s, length, stop)
	return t, func() {
		once.Do(func() { close(stop) })
		t.end(context.Canceled)
	}
}

// timed is a context that Within returns.
type timed struct {
	context.Context
	done chan struct{}

	mu  sync.Mutex
	err error
}

// Deadline implements context.Context.
func (t *timed) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (t *timed) Done() <-chan struct{} { return t.done }

// Err implements context.Context.
func (t *timed) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *timed) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
		close(t.done)
	}
}

// run lets the time run down.
func (t *timed) run(s *Scope, left time.Duration, stop <-chan struct{}) {
	for {
		_, changed := s.Orders()
		var over <-chan time.Time
		began := s.e.Now()
		counts := !s.Paused()
		timer := time.NewTimer(left)
		if counts {
			over = timer.C
		}
		select {
		case <-stop:
		case <-t.Context.Done():
			t.end(t.Context.Err())
		case <-over:
			t.end(context.DeadlineExceeded)
		case <-changed:
		}
		timer.Stop()
		if t.Err() != nil {
			return
		}
		select {
		case <-stop:
			return
		default:
		}
		if counts {
			left = max(0, left-s.e.Now().Sub(began))
		}
	}
}
