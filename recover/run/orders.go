package run

import (
	"cmp"
	"context"
	"fmt"
	"time"
	"unicode/utf8"
)

// OrderKind is what a person tells a run that is under way.
type OrderKind string

// Orders. Pause holds a run before its next step, and within a step that knows
// how before its next object; what is under way is finished. It holds until
// Continue, also over the death of the process. Continue also lets go of a run that
// holds by itself (see Scope.Hold). Retry tries an object again that failed or does
// not become healthy, and takes back a Skip. Skip gives an object up.
const (
	PauseRun    OrderKind = "pause"
	ContinueRun OrderKind = "continue"
	RetryObject OrderKind = "retry"
	SkipObject  OrderKind = "skip"
)

// Order is one of them, as journaled in its run.
type Order struct {
	// N numbers the orders of a run: 1, 2, 3.
	N    int       `json:"n"`
	Kind OrderKind `json:"kind"`
	// Object is the object of a retry or a skip, as events name it.
	Object string    `json:"object,omitempty"`
	Why    string    `json:"why,omitempty"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
	// Answered is when the run took it; zero for not yet.
	Answered time.Time `json:"answered,omitzero"`
	// Refused says why the run did not follow it; empty when it did.
	Refused string `json:"refused,omitempty"`
}

func (o Order) ofObject() bool { return o.Kind == RetryObject || o.Kind == SkipObject }

// String is the order as people say it: "skip Deployment.apps shop/web".
func (o Order) String() string {
	if o.Object == "" {
		return string(o.Kind)
	}
	return string(o.Kind) + " " + o.Object
}

// Halt says since when and why a live run does not go on.
type Halt struct {
	Since time.Time `json:"since"`
	// By is who paused it; empty for a run that holds by itself.
	By  string `json:"by,omitempty"`
	Why string `json:"why,omitempty"`
	// Until is when a run that holds by itself goes on without an order; time
	// that it is paused meanwhile is added.
	Until time.Time `json:"until,omitzero"`
}

// Skips are the objects that were given up by an order that still holds, by
// name.
func (r *Run) Skips() map[string]Order {
	skips := map[string]Order{}
	for _, o := range r.Orders {
		switch {
		case o.Answered.IsZero() || o.Refused != "":
		case o.Kind == SkipObject:
			skips[o.Object] = o
		case o.Kind == RetryObject:
			delete(skips, o.Object)
		}
	}
	return skips
}

// Limits of an order.
const (
	maxOrders      = 1000 // of one run
	maxOrderObject = 600  // bytes
	maxOrderWhy    = 500
	// answerWithin is how long Give waits for what the run says to it.
	answerWithin = 3 * time.Second
)

// InvalidOrderError: the order is not one.
type InvalidOrderError struct{ Reason string }

func (e *InvalidOrderError) Error() string { return "order: " + e.Reason }

// NotLiveError: no process executes the run now, so that nobody follows orders. It
// can be resumed.
type NotLiveError struct {
	ID string
	// Outcome is how it ended; empty when its process is gone.
	Outcome Outcome
}

func (e *NotLiveError) Error() string {
	return fmt.Sprintf("run %s is not under way (%s)", e.ID, cmp.Or(e.Outcome, "its process is gone"))
}

// Hint says what to do next.
func (e *NotLiveError) Hint() string { return "resume it first: rekindle runs resume " + e.ID }

// RefusedOrderError: the run does not follow the order.
type RefusedOrderError struct {
	ID     string
	Order  Order
	Reason string
}

func (e *RefusedOrderError) Error() string {
	return fmt.Sprintf("run %s does not follow the order to %s: %s", e.ID, e.Order, e.Reason)
}

// Outcome makes the command that gave the order a refused one.
func (e *RefusedOrderError) Outcome() Outcome { return Refused }

// check tells what is wrong with an order before anybody is asked.
func (o Order) check() error {
	switch {
	case o.Kind != PauseRun && o.Kind != ContinueRun && !o.ofObject():
		return &InvalidOrderError{fmt.Sprintf("unknown kind %q", o.Kind)}
	case o.ofObject() && o.Object == "":
		return &InvalidOrderError{fmt.Sprintf("%s what? The object is missing", o.Kind)}
	case !o.ofObject() && o.Object != "":
		return &InvalidOrderError{fmt.Sprintf("%s is for the whole run, not for %s", o.Kind, o.Object)}
	case o.Kind == SkipObject && o.Why == "":
		return &InvalidOrderError{"a skip needs a reason"}
	case len(o.Object) > maxOrderObject || len(o.Why) > maxOrderWhy:
		return &InvalidOrderError{fmt.Sprintf("want an object of up to %d bytes and a reason of up to %d", maxOrderObject, maxOrderWhy)}
	case !utf8.ValidString(o.Object) || !utf8.ValidString(o.Why):
		return &InvalidOrderError{"the object or the reason is not UTF-8"}
	}
	return nil
}

// Give tells the live run with that ID something, whichever process executes it.
// By is filled in when it is empty, N and At always. Orders are followed in the
// order in which they were given, each once, also when the process dies over
// them. Give waits a few seconds for the run's answer; the Order that it returns
// has no Answered when the run has not come to it by then: an order about an
// object waits until the run gets to its objects.
//
// Errors: InvalidOrderError, NotFoundError for the run, EndedError when it has
// ended for good, NotLiveError when it can be resumed, RefusedOrderError when the
// run cannot follow it (it has no such object, or knows no orders about objects).
func (x *Executor) Give(ctx context.Context, id string, o Order) (Order, error) {
	if err := o.check(); err != nil {
		return o, err
	}
	r, err := x.Journal.Run(ctx, id)
	if err != nil {
		return o, err
	}
	_, live, err := x.Alive(ctx, r)
	if err != nil {
		return o, err
	}
	if !live && r.Outcome.Resumable() {
		return o, &NotLiveError{ID: id, Outcome: r.Outcome}
	}
	o.By, o.At = cmp.Or(o.By, x.By), x.now()
	o.Object, o.Why, o.By = x.redact(o.Object), x.redact(o.Why), x.redact(o.By)
	o.Answered, o.Refused = time.Time{}, ""
	r, err = x.Journal.Update(ctx, id, func(r *Run) error {
		if err := r.takes(o); err != nil {
			return err
		}
		o.N = len(r.Orders) + 1
		r.Orders = append(r.Orders, o)
		return nil
	})
	if err != nil {
		return o, err
	}
	return x.answer(ctx, r.ID, o)
}

// takes tells why a run cannot be given an order.
func (r *Run) takes(o Order) error {
	refuse := func(reason string) error { return &RefusedOrderError{ID: r.ID, Order: o, Reason: reason} }
	switch {
	case !r.Outcome.Resumable():
		return &EndedError{ID: r.ID, Outcome: r.Outcome}
	case r.Outcome != "":
		return &NotLiveError{ID: r.ID, Outcome: r.Outcome}
	case o.ofObject() && !r.ByObject:
		return refuse(fmt.Sprintf("a %s knows only pause and continue", r.Recipe))
	case !r.AbortAsked.IsZero():
		return refuse("it is being aborted")
	case len(r.Orders) >= maxOrders:
		return refuse(fmt.Sprintf("it was given %d orders already", maxOrders))
	}
	return nil
}

// answer waits for what the run says to an order.
func (x *Executor) answer(ctx context.Context, id string, o Order) (Order, error) {
	waiting, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for {
		r, err := x.Journal.Run(waiting, id)
		switch {
		case waiting.Err() != nil:
			return o, nil // it was given; the answer is still to come
		case err != nil:
			return o, err
		}
		if o = r.Orders[o.N-1]; o.Refused != "" {
			return o, &RefusedOrderError{ID: id, Order: o, Reason: o.Refused}
		}
		if o.Answered.IsZero() && r.Outcome != "" && r.Outcome != Interrupted {
			return o, &RefusedOrderError{ID: id, Order: o, Reason: endedFirst}
		}
		if !o.Answered.IsZero() || r.Outcome != "" || x.pause(waiting) != nil {
			return o, nil
		}
	}
}
