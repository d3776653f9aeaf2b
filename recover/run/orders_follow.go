package run

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// orderly is what an execution knows of the orders that its run was given.
type orderly struct {
	// hearing lets one goroutine at a time look; it guards seen, the number of
	// the newest order that was looked at.
	hearing sync.Mutex
	seen    int

	mu     sync.Mutex
	paused bool
	// held is not nil while a step holds; a continue closes it.
	held chan struct{}
	// open are orders about objects that no step has answered yet, in order.
	open []Order
	// told are orders that an earlier attempt told of before it died, and did
	// not mark.
	told map[int]bool
	// changed is closed at each change of the above, and made anew.
	changed chan struct{}
}

func (y *orderly) change(apply func()) {
	y.mu.Lock()
	defer y.mu.Unlock()
	apply()
	close(y.changed)
	y.changed = make(chan struct{})
}

// recallOrders takes over, when a run is taken up, what still holds of its orders.
func (e *execution) recallOrders(ctx context.Context) error {
	e.orders.changed = make(chan struct{})
	e.orders.paused = e.r.Paused != nil
	if slices.ContainsFunc(e.r.Orders, func(o Order) bool { return o.Answered.IsZero() }) {
		var err error
		if e.orders.told, err = e.toldOf(ctx); err != nil {
			return err
		}
	}
	return nil
}

// toldOf are the orders that the run's events answer.
func (e *execution) toldOf(ctx context.Context) (map[int]bool, error) {
	events, err := e.Journal.Events(ctx, e.id, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("orders of run %s: %w", e.id, err)
	}
	told := map[int]bool{}
	for _, ev := range events {
		var of struct{ N int }
		switch ev.Type {
		case RunPaused, RunContinued, ObjectRetried, ObjectSkipped, OrderRefused:
			if json.Unmarshal(ev.Data, &of) == nil && of.N > 0 {
				told[of.N] = true
			}
		}
	}
	return told, nil
}

// announceOrders tells which orders given earlier still hold.
func (e *execution) announceOrders() {
	r := e.r
	if h := r.Paused; h != nil {
		e.emit.add(Event{Time: e.now(), Type: RunPaused, Level: LevelWarn, Data: asJSON(h), Message: fmt.Sprintf(
			"still paused, since %s%s: it goes on when it is continued", h.Since.Format(time.RFC3339), byWhom(h.By, h.Why))})
	}
	skips := r.Skips()
	for _, name := range slices.Sorted(maps.Keys(skips)) {
		o := skips[name]
		e.emit.add(Event{Time: e.now(), Type: ObjectStillSkipped, Level: LevelWarn, Object: name, Message: "still skipped" + byWhom(o.By, o.Why)})
	}
}

// hear looks at the orders that are new in the journal, in order: pause and
// continue are followed at once, those about objects wait for a step.
func (e *execution) hear(ctx context.Context, journaled Run) {
	e.orders.hearing.Lock()
	defer e.orders.hearing.Unlock()
	for _, o := range journaled.Orders {
		if o.N <= e.orders.seen {
			continue
		}
		e.orders.seen = o.N
		switch {
		case !o.Answered.IsZero():
		case o.Kind == PauseRun:
			e.takePause(ctx, o)
		case o.Kind == ContinueRun:
			e.takeContinue(ctx, o)
		default:
			e.orders.change(func() { e.orders.open = append(e.orders.open, o) })
		}
	}
}

func (e *execution) takePause(ctx context.Context, o Order) {
	e.orders.mu.Lock()
	was := e.orders.paused
	e.orders.mu.Unlock()
	var ev *Event
	if !was {
		ev = &Event{Type: RunPaused, Level: LevelWarn, Message: "paused" + byWhom(o.By, o.Why)}
		e.orders.change(func() { e.orders.paused = true })
	}
	e.settleOrder(ctx, o, ev, "", func(r *Run) {
		if r.Paused == nil {
			r.Paused = &Halt{Since: o.At, By: o.By, Why: o.Why}
		}
	})
}

// takeContinue ends a pause or, when there is none, a hold.
func (e *execution) takeContinue(ctx context.Context, o Order) {
	y := &e.orders
	y.mu.Lock()
	paused, held := y.paused, y.held
	y.mu.Unlock()
	text := "continued" + byWhom(o.By, o.Why)
	switch {
	case paused && held != nil:
		text += "; it still holds because it would fail: continue it once more to let it"
		fallthrough
	case paused:
		e.settleOrder(ctx, o, &Event{Type: RunContinued, Message: text}, "", func(r *Run) { r.Paused = nil })
		y.change(func() { y.paused = false })
	case held != nil:
		e.settleOrder(ctx, o, &Event{Type: RunContinued, Message: text}, "", func(r *Run) { r.Held = nil })
		y.change(func() {
			if y.held == held {
				close(held)
				y.held = nil
			}
		})
	default:
		e.settleOrder(ctx, o, nil, "", nil)
	}
}

// settleOrder tells of an order that was followed or refused, and then marks it so:
// whoever dies between the two has told of it, which the next attempt sees.
func (e *execution) settleOrder(ctx context.Context, o Order, ev *Event, refused string, also func(*Run)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	at := e.now()
	o.Answered, o.Refused = at, cut(e.redact(refused), maxMessage)
	if ev != nil && !e.orders.told[o.N] {
		ev.Time, ev.Data = at, asJSON(o)
		ev.Level = cmp.Or(ev.Level, LevelInfo)
		e.emit.add(*ev)
		if err := e.emit.flush(ctx); err != nil {
			e.log().Warn("an answer to an order could not be journaled yet", "run", e.id, "order", o.N, "error", err)
		}
	}
	mark := func(r *Run) {
		if o.N <= len(r.Orders) {
			r.Orders[o.N-1] = o
		}
		if also != nil {
			also(r)
		}
	}
	if err := e.change(ctx, mark); err != nil { // it goes with the next change
		e.log().Warn("an order could not be marked as answered yet", "run", e.id, "order", o.N, "error", err)
		e.mu.Lock()
		e.later = append(e.later, mark)
		e.mu.Unlock()
	}
}

// unpaused waits while the run is paused, and tells whether it was. The error is
// ctx's cause.
func (e *execution) unpaused(ctx context.Context) (was bool, err error) {
	for ; ; was = true {
		e.orders.mu.Lock()
		paused, changed := e.orders.paused, e.orders.changed
		e.orders.mu.Unlock()
		if !paused || ctx.Err() != nil {
			return was, context.Cause(ctx)
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// forgetOrders refuses, at the end of a run, the orders that nobody came to.
func (e *execution) forgetOrders(ctx context.Context, how Outcome) {
	if how == Interrupted {
		return // the next attempt comes to them
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	r, err := e.Journal.Run(ctx, e.id)
	if err != nil {
		e.log().Warn("the last orders could not be read", "run", e.id, "error", err)
		return
	}
	for _, o := range r.Orders {
		if o.Answered.IsZero() {
			e.settleOrder(ctx, o, &Event{Type: OrderRefused, Level: LevelWarn, Object: o.Object,
				Message: fmt.Sprintf("%s: %s", o.Kind, endedFirst)}, endedFirst, nil)
		}
	}
}

// endedFirst is why an order is refused that came too late.
const endedFirst = "the run ended first"

// byWhom is " by ada: because", as far as it is known.
func byWhom(by, why string) string {
	text := ""
	if by != "" {
		text = " by " + by
	}
	if why != "" {
		text += ": " + why
	}
	return text
}

// asJSON encodes what consists of strings, numbers and times only.
func asJSON(v any) json.RawMessage {
	raw, _ := json.Marshal(v)
	return raw
}
