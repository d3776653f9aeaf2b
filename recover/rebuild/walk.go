package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
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
	// root is why the first of those on the way was not applied.
	root error
}

func (e *skipError) Error() string { return fmt.Sprintf("skipped: it needs %s, %s", e.on, e.why) }

// target is what a walk acts on. An *applier is one.
type target interface {
	// apply brings one node onto the cluster.
	apply(ctx context.Context, n *plan.Node) fate
	// renew has the next apply of a node be for real, whatever was found before.
	renew(n *plan.Node)
	// reach waits until what an edge waits for is true of the object to.
	reach(ctx context.Context, to *plan.Node, until plan.Until) error
}

// gate is one condition on one node that others wait for.
type gate struct {
	node  int
	until plan.Until
}

// passage is an edge: who waits at which gate, and how strictly.
type passage struct {
	waiter int
	gate   gate
	edge   plan.Edge
	passed bool
}

// door is what is known of a gate.
type door struct {
	watch int  // who waits for it to open; 0 for nobody
	known bool // whether it opened: it did when err is nil
	err   error
}

// outcome is the fate of the node at index i.
type outcome struct {
	i    int
	fate fate
	idle bool // nothing was done, because it was given up
}

// opening is what came of waiting at a gate.
type opening struct {
	gate gate
	err  error
	// watch is who waited; 0 when nobody had to.
	watch int
}

// walk applies the nodes of a plan, each as soon as what it needs is there. One
// goroutine keeps all the state; workers apply and waiters watch.
//
// People may steer it: pause it, give a node up, take a failed one up again (see
// steer_walk.go).
type walk struct {
	target   target
	nodes    []plan.Node
	deadline time.Duration // of each wait at a gate
	finished func(fate)    // called for each node, in the order of events
	steering steering      // nil: nobody steers
	// given are the nodes that were given up, and why; they are not applied.
	given map[object.ID]*givenUpError
	// followed is told of each order that is followed; unwell says whether a
	// node that was applied may be tried again. Both may be nil.
	followed func(*plan.Node, run.Order)
	unwell   func(object.ID) bool

	index   map[object.ID]int
	waits   map[gate][]*passage
	own     [][]*passage         // of each node
	gates   map[int][]plan.Until // of each node, without repeats
	doors   map[gate]door
	needs   []int // gates that each node still waits for
	settled []bool
	errs    []error       // of each node that is settled: why it was not applied
	queued  []bool        // handed to the workers
	off     []atomic.Bool // not to be applied by a worker that has it
	awaited []int         // nodes of kinds that nobody serves yet, ready otherwise
	left    int
	walking bool
	watches int // how many there were
	ready   chan int
	done    chan outcome
	opened  chan opening
}

// run applies everything, and returns the nodes that are ready but of a kind
// that nobody serves yet. It returns an error only when ctx ends; what became
// of each node is told through finished.
func (w *walk) run(ctx context.Context) (awaited []*plan.Node, err error) {
	w.prepare()
	return w.proceed(ctx)
}

// proceed applies what is left, as run does.
func (w *walk) proceed(ctx context.Context) (awaited []*plan.Node, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	var workers sync.WaitGroup
	w.begin()
	for range applyWorkers {
		workers.Go(func() { w.work(ctx) })
	}
	defer func() { // nothing is written any more once proceed has returned
		close(w.ready)
		stop(errors.New("the walk has ended"))
		workers.Wait()
		w.walking = false
	}()
	w.releaseAll(ctx)
	for {
		open, changed := w.steering.Orders()
		for _, o := range open {
			w.obey(ctx, o)
		}
		if w.left == 0 {
			break
		}
		select {
		case o := <-w.done:
			w.worked(ctx, o)
		case o := <-w.opened:
			if w.doors[o.gate].watch == o.watch { // it is still what is waited for
				w.open(ctx, o)
			}
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	for _, i := range w.awaited {
		if w.given[w.nodes[i].ID] == nil {
			awaited = append(awaited, &w.nodes[i])
		}
	}
	return awaited, nil
}

func (w *walk) prepare() {
	if w.steering == nil {
		w.steering = unsteered{}
	}
	w.index = make(map[object.ID]int, len(w.nodes))
	for i := range w.nodes {
		w.index[w.nodes[i].ID] = i
	}
	w.waits, w.gates, w.doors = map[gate][]*passage{}, map[int][]plan.Until{}, map[gate]door{}
	w.own = make([][]*passage, len(w.nodes))
	w.needs, w.errs = make([]int, len(w.nodes)), make([]error, len(w.nodes))
	w.settled, w.off = make([]bool, len(w.nodes)), make([]atomic.Bool, len(w.nodes))
	w.left = len(w.nodes)
	for i := range w.nodes {
		for _, e := range w.nodes[i].Edges {
			to, known := w.index[e.To]
			if !known {
				continue
			}
			g := gate{to, e.Until}
			if w.waits[g] == nil {
				w.gates[to] = append(w.gates[to], e.Until)
			}
			p := &passage{waiter: i, gate: g, edge: e}
			w.waits[g] = append(w.waits[g], p)
			w.own[i] = append(w.own[i], p)
			w.needs[i]++
		}
	}
}

// begin makes what one proceed needs. Nobody watches gates any more.
func (w *walk) begin() {
	w.ready = make(chan int, len(w.nodes))
	w.done = make(chan outcome, applyWorkers)
	w.opened = make(chan opening, applyWorkers)
	w.queued = make([]bool, len(w.nodes))
	w.walking = true
	for g, d := range w.doors {
		if d.watch > 0 {
			delete(w.doors, g)
		}
	}
}

// releaseAll lets everything go that is left and has what it needs, and watches
// the gates that the rest waits at.
func (w *walk) releaseAll(ctx context.Context) {
	for i := range w.nodes {
		switch err := w.given[w.nodes[i].ID]; {
		case w.settled[i]:
		case err != nil:
			w.finish(ctx, i, fate{node: &w.nodes[i], err: err})
		case w.needs[i] == 0:
			w.release(ctx, i)
		default:
			for _, p := range w.own[i] {
				if to := p.gate.node; !p.passed && w.settled[to] && w.errs[to] == nil {
					w.watched(ctx, p.gate)
				}
			}
		}
	}
}

// work applies what is ready, one after the other, but not while paused.
func (w *walk) work(ctx context.Context) {
	for i := range w.ready {
		o := outcome{i: i}
		if w.steering.Unpaused(ctx) != nil {
			return
		}
		if w.off[i].Load() {
			o.idle = true
		} else {
			o.fate = w.target.apply(ctx, &w.nodes[i])
		}
		select {
		case w.done <- o:
		case <-ctx.Done():
			return
		}
	}
}

// worked takes what came of a node that a worker had.
func (w *walk) worked(ctx context.Context, o outcome) {
	w.queued[o.i] = false
	switch {
	case w.settled[o.i]: // it was given up meanwhile
	case o.idle: // given up, and taken up again
		w.release(ctx, o.i)
	default:
		w.finish(ctx, o.i, o.fate)
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
		if !slices.Contains(w.awaited, i) {
			w.awaited = append(w.awaited, i)
		}
		w.settle(ctx, i, errAwaited)
	case w.walking && !w.queued[i]:
		w.queued[i] = true
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
	w.settled[i], w.errs[i] = true, err
	w.left--
	for _, until := range w.gates[i] {
		g := gate{i, until}
		switch {
		case err != nil:
			w.open(ctx, opening{gate: g, err: err})
		case until == plan.Exists:
			w.open(ctx, opening{gate: g})
		default:
			w.watched(ctx, g)
		}
	}
}

// watched sees to it that somebody waits at a gate of which nothing is known.
func (w *walk) watched(ctx context.Context, g gate) {
	if d := w.doors[g]; w.walking && d.watch == 0 && !d.known {
		w.watches++
		w.doors[g] = door{watch: w.watches}
		go w.watch(ctx, g, w.watches, w.opened)
	}
}

// watch waits at a gate, no longer than the deadline.
func (w *walk) watch(ctx context.Context, g gate, number int, opened chan<- opening) {
	within, cancel := w.steering.Within(ctx, w.deadline)
	defer cancel()
	err := w.target.reach(within, &w.nodes[g.node], g.until)
	if w.steering.Unpaused(ctx) != nil { // a pause holds what comes of it, too
		return
	}
	select {
	case opened <- opening{g, err, number}:
	case <-ctx.Done():
	}
}

// open lets those who wait at a gate pass, or tells them that it stays shut.
func (w *walk) open(ctx context.Context, o opening) {
	w.doors[o.gate] = door{known: true, err: o.err}
	for _, p := range w.waits[o.gate] {
		if w.settled[p.waiter] || p.passed {
			continue
		}
		if o.err != nil && p.edge.Strength != plan.Soft {
			n := &w.nodes[p.waiter]
			w.finish(ctx, p.waiter, fate{node: n, err: w.skip(o)})
			continue
		}
		p.passed = true
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
	return &skipError{on: held.ID, why: reasonOf(o), root: rootOf(o.err)}
}

// rootOf is why the first of those was not applied because of whom err is.
func rootOf(err error) error {
	var skipped *skipError
	if errors.As(err, &skipped) {
		return skipped.root
	}
	return err
}

func reasonOf(o opening) string {
	var skipped *skipError
	var given *givenUpError
	var refused *kube.ApplyError
	switch {
	case errors.As(o.err, &given):
		return "which was " + given.Error()
	case errors.As(o.err, &skipped) && errors.As(skipped.root, &given):
		return fmt.Sprintf("which needs %s, which was %s", given.id, given)
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
