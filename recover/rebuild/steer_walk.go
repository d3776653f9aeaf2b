package rebuild

import (
	"context"
	"errors"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
)

// steering is how people reach a run that is under way. A *run.Scope is one; its
// methods say what they do.
type steering interface {
	Unpaused(ctx context.Context) error
	Within(ctx context.Context, length time.Duration) (context.Context, context.CancelFunc)
	Orders() (open []run.Order, changed <-chan struct{})
	Answer(ctx context.Context, o run.Order, refused string)
}

var _ steering = (*run.Scope)(nil)

// unsteered is for walks that nobody steers.
type unsteered struct{}

func (unsteered) Unpaused(ctx context.Context) error { return context.Cause(ctx) }

func (unsteered) Within(ctx context.Context, length time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, length)
}

func (unsteered) Orders() ([]run.Order, <-chan struct{})    { return nil, nil }
func (unsteered) Answer(context.Context, run.Order, string) {}

// givenUpError: a person gave an object up.
type givenUpError struct {
	id  object.ID
	why string
	by  string
	at  time.Time
}

func (e *givenUpError) Error() string {
	if e.by == "" {
		return "given up: " + e.why
	}
	return "given up by " + e.by + ": " + e.why
}

// isGivenUp tells whether err is, or came of, an object's being given up.
func isGivenUp(err error) bool {
	var given *givenUpError
	return errors.As(rootOf(err), &given)
}

func givenUpBy(id object.ID, o run.Order) *givenUpError {
	return &givenUpError{id: id, why: o.Why, by: o.By, at: o.At}
}

// find returns the node that people mean, by the name that events call it.
func (w *walk) find(name string) (int, bool) {
	for i := range w.nodes {
		if !w.nodes[i].Barrier && w.nodes[i].ID.String() == name {
			return i, true
		}
	}
	return 0, false
}

// noSuchObject is why an order is refused about what the commit does not have.
const noSuchObject = "this commit has no such object"

// obey follows an order while the walk is under way, or says why not.
func (w *walk) obey(ctx context.Context, o run.Order) {
	i, known := w.find(o.Object)
	refused := ""
	switch {
	case !known:
		refused = noSuchObject
	case o.Kind == run.SkipObject:
		refused = w.givenAlready(i)
	default:
		refused = w.notFailed(i)
	}
	if w.steering.Answer(ctx, o, refused); refused != "" {
		return
	}
	n := &w.nodes[i]
	if w.followed != nil {
		w.followed(n, o)
	}
	switch {
	case o.Kind == run.SkipObject:
		w.giveUp(ctx, i, givenUpBy(n.ID, o))
	case w.settled[i] && w.errs[i] == nil && w.isUnwell(n.ID):
		w.anew(ctx, i)
	case errors.Is(w.errs[i], errAwaited): // it is looked for
		delete(w.given, n.ID)
	default:
		w.retry(ctx, i)
	}
}

func (w *walk) isUnwell(id object.ID) bool { return w.unwell != nil && w.unwell(id) }

// givenAlready says why a node cannot be given up; empty when it can.
func (w *walk) givenAlready(i int) string {
	if given := w.given[w.nodes[i].ID]; given != nil {
		return "it was " + given.Error()
	}
	return ""
}

// notFailed says why there is nothing to try again about a node; empty when there
// is.
func (w *walk) notFailed(i int) string {
	switch {
	case w.given[w.nodes[i].ID] != nil:
		return ""
	case !w.settled[i]:
		return "it has not failed: it is being applied, or waits for what it needs"
	case w.errs[i] == nil && !w.isUnwell(w.nodes[i].ID):
		return "it has not failed: it was applied"
	case errors.Is(w.errs[i], errAwaited) && !w.isUnwell(w.nodes[i].ID):
		return "nobody serves its kind yet; it is looked for as soon as what can be applied was"
	case errors.Is(w.errs[i], errRemoved):
		return "the target does not serve its API version: no retry changes that"
	}
	return ""
}

// giveUp has a node not be applied, and what needs it fail for that reason. One
// that was applied already stays; nobody waits for it any more.
func (w *walk) giveUp(ctx context.Context, i int, given *givenUpError) {
	n := &w.nodes[i]
	w.given[n.ID] = given
	w.off[i].Store(true)
	if w.settled[i] && w.errs[i] == nil {
		w.finished(fate{node: n, err: given})
		for _, until := range w.gates[i] {
			if g := (gate{i, until}); !w.doors[g].known {
				w.open(ctx, opening{gate: g, err: given})
			}
		}
		return
	}
	if w.settled[i] {
		again := w.followers(map[int]bool{i: true})
		for j := range again {
			w.takeBack(j)
		}
	}
	w.finish(ctx, i, fate{node: n, err: given})
}

// retry takes a node up again that failed or was given up, with those that it was
// skipped for and those that were skipped for any of them.
func (w *walk) retry(ctx context.Context, i int) {
	n := &w.nodes[i]
	given := w.given[n.ID] != nil
	delete(w.given, n.ID)
	w.off[i].Store(false)
	again := map[int]bool{}
	switch applied := w.settled[i] && w.errs[i] == nil; {
	case !applied:
		w.causes(i, again)
	case given:
		w.finished(fate{node: n})
	}
	w.renew(ctx, w.followers(again, i))
}

// anew applies a node again that was applied before, and takes up again those
// that were skipped because of it.
func (w *walk) anew(ctx context.Context, i int) {
	delete(w.given, w.nodes[i].ID)
	w.off[i].Store(false)
	w.target.renew(&w.nodes[i])
	w.renew(ctx, w.followers(map[int]bool{i: true}))
}

// causes adds i, and the failed nodes because of which it was skipped.
func (w *walk) causes(i int, to map[int]bool) {
	if to[i] || w.given[w.nodes[i].ID] != nil || errors.Is(w.errs[i], errRemoved) || errors.Is(w.errs[i], errAwaited) {
		return
	}
	to[i] = true
	var skipped *skipError
	if !errors.As(w.errs[i], &skipped) {
		return
	}
	for _, p := range w.own[i] {
		if p.edge.Strength != plan.Soft && w.settled[p.gate.node] && w.errs[p.gate.node] != nil {
			w.causes(p.gate.node, to)
		}
	}
}

// followers adds the nodes that were skipped because of those in set, or of these
// others.
func (w *walk) followers(set map[int]bool, others ...int) map[int]bool {
	next := others
	for i := range set {
		next = append(next, i)
	}
	for len(next) > 0 {
		i := next[0]
		next = next[1:]
		for _, until := range w.gates[i] {
			for _, p := range w.waits[gate{i, until}] {
				var skipped *skipError
				if set[p.waiter] || p.edge.Strength == plan.Soft || !errors.As(w.errs[p.waiter], &skipped) || w.given[w.nodes[p.waiter].ID] != nil {
					continue
				}
				set[p.waiter] = true
				next = append(next, p.waiter)
			}
		}
	}
	return set
}

// takeBack puts a node on the list again; nothing is known of its gates any more.
func (w *walk) takeBack(i int) {
	if w.settled[i] {
		w.settled[i], w.errs[i] = false, nil
		w.left++
	}
	for _, until := range w.gates[i] {
		delete(w.doors, gate{i, until})
	}
}

// renew puts nodes on the list again and lets those go that have what they need.
func (w *walk) renew(ctx context.Context, again map[int]bool) {
	for i := range again {
		w.takeBack(i)
	}
	for i := range w.nodes { // in the order of the plan
		if again[i] {
			w.needs[i] = w.missing(i)
		}
	}
	for i := range w.nodes {
		if again[i] && !w.settled[i] {
			w.regard(ctx, i)
		}
	}
}

// missing counts the gates that a node waits for that was taken back. One that
// stayed shut although its node was applied is waited for anew.
func (w *walk) missing(i int) int {
	n := 0
	for _, p := range w.own[i] {
		d := w.doors[p.gate]
		applied := w.settled[p.gate.node] && w.errs[p.gate.node] == nil
		if hard := p.edge.Strength != plan.Soft; d.known && d.err != nil && hard && applied && w.given[w.nodes[p.gate.node].ID] == nil {
			delete(w.doors, p.gate)
			d = door{}
		}
		if p.passed = d.known && (d.err == nil || p.edge.Strength == plan.Soft); !p.passed {
			n++
		}
	}
	return n
}

// regard has a node that was taken back go, wait, or fail again because of
// another.
func (w *walk) regard(ctx context.Context, i int) {
	for _, p := range w.own[i] {
		if p.passed {
			continue
		}
		if d := w.doors[p.gate]; d.known {
			w.finish(ctx, i, fate{node: &w.nodes[i], err: w.skip(opening{gate: p.gate, err: d.err})})
			return
		}
		if to := p.gate.node; w.settled[to] && w.errs[to] == nil {
			w.watched(ctx, p.gate)
		}
	}
	if w.needs[i] == 0 {
		w.release(ctx, i)
	}
}
