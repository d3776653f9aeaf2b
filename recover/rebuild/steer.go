package rebuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
)

// holdFor is how long a run holds that would fail, when nobody says.
const holdFor = time.Hour

// steered is what people told a restore while it was under way.
type steered struct {
	// given are the objects that were given up, and why.
	given map[object.ID]*givenUpError
	// accepted are failures that the run goes on with, because somebody said
	// continue; letBe: with all of them, because nobody came.
	accepted map[object.ID]bool
	letBe    bool
	// settling: what was applied is being watched; healthy says how it is.
	settling bool
	healthy  map[object.ID]bool
	window   *window // of the settling
	scope    *run.Scope
}

// enter has what the walk tells and hears go by the step that is under way.
func (r *restore) enter(s *run.Scope) {
	r.scope = s
	if r.walk != nil {
		r.walk.steering, r.applier.steering = s, s
	}
}

// recallSkips takes over what was given up before the run was taken up again.
func (r *restore) recallSkips(s *run.Scope) {
	r.steered = steered{given: map[object.ID]*givenUpError{}, accepted: map[object.ID]bool{}, healthy: map[object.ID]bool{}}
	was := s.Run()
	skips := was.Skips()
	for i := range r.plan.Nodes {
		id := r.plan.Nodes[i].ID
		if o, skipped := skips[id.String()]; skipped && !r.plan.Nodes[i].Barrier {
			r.given[id] = givenUpBy(id, o)
		}
	}
}

// followed takes down that the walk follows an order.
func (r *restore) followed(n *plan.Node, o run.Order) {
	if o.Kind != run.RetryObject {
		return
	}
	delete(r.accepted, n.ID)
	if r.window != nil {
		r.window.renew()
	}
}

// unwell tells whether an object that was applied may be tried again.
func (r *restore) unwell(id object.ID) bool { return r.settling && !r.healthy[id] }

// forget drops what the report has of an object that was not applied.
func (r *restore) forget(id object.ID) {
	if _, failed := r.failures[id]; !failed {
		return
	}
	delete(r.failures, id)
	r.report.NotApplied = slices.DeleteFunc(r.report.NotApplied, func(n NotApplied) bool { return n.ID == id })
}

// failed counts the objects that were refused, or skipped because of others.
func (r *restore) failed() int {
	n := 0
	for _, err := range r.failures {
		if !errors.Is(err, errRemoved) && !errors.Is(err, errAwaited) {
			n++
		}
	}
	return n
}

// skippedObjects are those that were given up, for the report.
func (r *restore) skippedObjects() []SkippedObject {
	var list []SkippedObject
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		if g := r.given[n.ID]; g != nil {
			list = append(list, SkippedObject{ID: n.ID, From: n.From, Why: g.why, By: g.by, When: g.at})
		}
	}
	return list
}

// failing are the objects because of which the run would fail, unless they were
// given up or accepted. Kinds that nobody serves yet count at the end of the
// settling alone.
func (r *restore) failing() []NotApplied {
	var list []NotApplied
	for _, n := range r.report.NotApplied {
		err := rootOf(r.failures[n.ID])
		unserved := errors.Is(err, errAwaited) || errors.Is(err, errRemoved)
		switch {
		case r.accepted[n.ID], isGivenUp(err), unserved && r.req.AllowUnserved, errors.Is(err, errAwaited) && !r.settling:
		default:
			list = append(list, n)
		}
	}
	for _, st := range r.report.Unsettled {
		if !r.accepted[st.ID] && r.settling {
			list = append(list, NotApplied{ID: st.ID, Reason: words(st)})
		}
	}
	return list
}

// hold keeps the run from going on with objects that failed, where that was asked
// for. again tells that there are orders, so that it is to be tried again.
func (r *restore) hold(ctx context.Context, s *run.Scope) (again bool, err error) {
	failing := r.failing()
	if !r.req.Hold || r.letBe || len(failing) == 0 {
		return false, nil
	}
	how, err := s.Hold(ctx, failingWords(failing), cmp.Or(r.req.HoldFor, holdFor))
	switch how {
	case run.ByContinue:
		for _, n := range failing {
			r.accepted[n.ID] = true
		}
	case run.ByTime:
		r.letBe = true
	}
	return how == run.ByOrder, err
}

func failingWords(failing []NotApplied) string {
	const few = 5
	var names []string
	for _, n := range failing[:min(few, len(failing))] {
		names = append(names, n.ID.String()+" ("+n.Reason+")")
	}
	text := counted(len(failing), "object") + " failed: " + strings.Join(names, "; ")
	if more := len(failing) - few; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// counted is "1 object", "2 objects".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// window is the time that the cluster has to settle.
type window struct {
	outer    context.Context
	steering steering
	length   time.Duration
	// now is the context that lasts as long as the time.
	now    context.Context
	cancel context.CancelFunc
}

func newWindow(outer context.Context, s steering, length time.Duration) *window {
	w := &window{outer: outer, steering: s, length: length, cancel: func() {}}
	w.renew()
	return w
}

// renew begins the time anew.
func (w *window) renew() {
	w.cancel()
	w.now, w.cancel = w.steering.Within(w.outer, w.length)
}

// untilOrdered returns a context that is cancelled when somebody gives an order
// about an object.
func untilOrdered(ctx context.Context, s steering) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			open, changed := s.Orders()
			if len(open) > 0 {
				cancel()
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}

// takeHealth takes down how an object is.
func (r *restore) takeHealth(st kube.Status) {
	if r.settling {
		r.healthy[st.ID] = st.State == kube.StateSettled
	}
}
