package rebuild

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
)

// applyWorkers is how many applies are handed to the cluster's connection at
// once; how many really go on is decided there, by what the server bears.
const applyWorkers = 64

// fate is what became of one node.
type fate struct {
	node    *plan.Node
	applied kube.Applied
	// err is why the node was not applied: an *kube.ApplyError, a *skipError.
	err error
}

// reason says why the node was not applied, without naming it again.
func (f fate) reason() string {
	var refused *kube.ApplyError
	if !errors.As(f.err, &refused) {
		return f.err.Error()
	}
	text := fmt.Sprintf("%s: %s", refused.Reason, refused.Message)
	if refused.Remedy != "" {
		text += ": " + refused.Remedy
	}
	return text
}

// skipError: a node was not applied because of another.
type skipError struct {
	on  object.ID
	why string
}

func (e *skipError) Error() string { return fmt.Sprintf("skipped: it needs %s, %s", e.on, e.why) }

// target is what a walk acts on. An *applier is one.
type target interface {
	// apply brings one node onto the cluster.
	apply(ctx context.Context, n *plan.Node) fate
	// reach waits until what an edge waits for is true of the object to.
	reach(ctx context.Context, to *plan.Node, until plan.Until) error
}

// gate is one condition on one node that others wait for.
type gate struct {
	node  int
	until plan.Until
}

// passage is an edge as seen from the gate: who waits, and how strictly.
type passage struct {
	waiter int
	edge   plan.Edge
}

// outcome is the fate of the node at index i.
type outcome struct {
	i    int
	fate fate
}

// opening is what came of waiting at a gate.
type opening struct {
	gate gate
	err  error
}

// walk applies the nodes of a plan, each as soon as what it needs is there. One
// goroutine keeps all the state; workers apply and waiters watch.
type walk struct {
	target   target
	nodes    []plan.Node
	deadline time.Duration // of each wait at a gate
	finished func(fate)    // called for each node, in the order of events

	waits   map[gate][]passage
	gates   map[int][]plan.Until // of each node, without repeats
	needs   []int                // gates that each node still waits for
	settled []bool
	awaited []int // nodes of kinds that nobody serves yet, ready otherwise
	left    int
	ready   chan int
	done    chan outcome
	opened  chan opening
}

// run applies everything, and returns the nodes that are ready but of a kind
// that nobody serves yet. It returns an error only when ctx ends; what became
// of each node is told through finished.
func (w *walk) run(ctx context.Context) (awaited []*plan.Node, err error) {
	w.prepare()
	ctx, stop := context.WithCancelCause(ctx)
	var workers sync.WaitGroup
	for range applyWorkers {
		workers.Go(func() { w.work(ctx) })
	}
	defer func() { // nothing is written any more once run has returned
		close(w.ready)
		stop(errors.New("the walk has ended"))
		workers.Wait()
	}()
	for i := range w.nodes {
		if w.needs[i] == 0 {
			w.release(ctx, i)
		}
	}
	for w.left > 0 {
		select {
		case o := <-w.done:
			w.finish(ctx, o.i, o.fate)
		case o := <-w.opened:
			w.open(ctx, o)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	for _, i := range w.awaited {
		awaited = append(awaited, &w.nodes[i])
	}
	return awaited, nil
}

func (w *walk) prepare() {
	index := make(map[object.ID]int, len(w.nodes))
	for i := range w.nodes {
		index[w.nodes[i].ID] = i
	}
	w.waits = map[gate][]passage{}
	w.gates = map[int][]plan.Until{}
	w.needs = make([]int, len(w.nodes))
	w.settled = make([]bool, len(w.nodes))
	w.left = len(w.nodes)
	w.ready = make(chan int, len(w.nodes))
	w.done = make(chan outcome, applyWorkers)
	w.opened = make(chan opening, applyWorkers)
	for i := range w.nodes {
		for _, e := range w.nodes[i].Edges {
			to, known := index[e.To]
			if !known {
				continue
			}
			g := gate{to, e.Until}
			if w.waits[g] == nil {
				w.gates[to] = append(w.gates[to], e.Until)
			}
			w.waits[g] = append(w.waits[g], passage{waiter: i, edge: e})
			w.needs[i]++
		}
	}
}

func (w *walk) work(ctx context.Context) {
	for i := range w.ready {
		o := outcome{i, w.target.apply(ctx, &w.nodes[i])}
		select {
		case w.done <- o:
		case <-ctx.Done():
			return
		}
	}
}

// errRemoved is why a node of a removed API version is left out.
var errRemoved = errors.New("the target does not serve this API version")

// errAwaited is why nothing can build on a node of a kind that nobody serves yet.
var errAwaited = errors.New("its kind is not served yet")

// release lets a node go whose needs are met.
func (w *walk) release(ctx context.Context, i int) {
	n := &w.nodes[i]
	switch {
	case n.Removed:
		w.finish(ctx, i, fate{node: n, err: errRemoved})
	case n.Barrier:
		w.finish(ctx, i, fate{node: n})
	case n.Awaited:
		w.awaited = append(w.awaited, i)
		w.settle(ctx, i, errAwaited)
	default:
		w.ready <- i
	}
}

// finish tells what became of a node.
func (w *walk) finish(ctx context.Context, i int, f fate) {
	if !w.settled[i] {
		w.finished(f)
		w.settle(ctx, i, f.err)
	}
}

// settle takes a node off the list, and opens or shuts its gates.
func (w *walk) settle(ctx context.Context, i int, err error) {
	w.settled[i] = true
	w.left--
	for _, until := range w.gates[i] {
		g := gate{i, until}
		switch {
		case err != nil:
			w.open(ctx, opening{g, err})
		case until == plan.Exists:
			w.open(ctx, opening{g, nil})
		default:
			go w.watch(ctx, g)
		}
	}
}

// watch waits at a gate, no longer than the deadline.
func (w *walk) watch(ctx context.Context, g gate) {
	within, cancel := context.WithTimeout(ctx, w.deadline)
	defer cancel()
	err := w.target.reach(within, &w.nodes[g.node], g.until)
	select {
	case w.opened <- opening{g, err}:
	case <-ctx.Done():
	}
}

// open lets those who wait at a gate pass, or tells them that it stays shut.
func (w *walk) open(ctx context.Context, o opening) {
	for _, p := range w.waits[o.gate] {
		if w.settled[p.waiter] {
			continue
		}
		if o.err != nil && p.edge.Strength != plan.Soft {
			n := &w.nodes[p.waiter]
			w.finish(ctx, p.waiter, fate{node: n, err: w.skip(o)})
			continue
		}
		if w.needs[p.waiter]--; w.needs[p.waiter] == 0 {
			w.release(ctx, p.waiter)
		}
	}
}

// skip is why a node is skipped for whose gate o stays shut. A barrier is
// nothing to a person: what holds it is named instead.
func (w *walk) skip(o opening) error {
	held := &w.nodes[o.gate.node]
	var skipped *skipError
	if held.Barrier && errors.As(o.err, &skipped) {
		return skipped
	}
	return &skipError{on: held.ID, why: reasonOf(o)}
}

func reasonOf(o opening) string {
	var skipped *skipError
	var refused *kube.ApplyError
	switch {
	case errors.As(o.err, &skipped):
		return "which was skipped"
	case errors.Is(o.err, errAwaited), errors.Is(o.err, errRemoved):
		return "whose kind is not served"
	case errors.As(o.err, &refused), o.gate.until == plan.Exists:
		return "which was not applied"
	}
	return fmt.Sprintf("which %s: %v", unreached(o.gate.until), o.err)
}

func unreached(until plan.Until) string {
	switch until {
	case plan.Endpoints:
		return "has no ready endpoints"
	case plan.Settled:
		return "is not healthy"
	}
	return "is not " + string(until)
}
