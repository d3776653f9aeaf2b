package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
)

const (
	// tickEvery is how often stuck objects are looked for.
	tickEvery = time.Second
	// explainAfter is how long an object waits until its reason is looked up.
	explainAfter = 3 * time.Second
	// explainAgain is when a reason that was looked up is too old.
	explainAgain = 15 * time.Second
	// explainAtOnce and explainAtEnd are how many objects one round of
	// diagnosis looks at, while waiting and at the end.
	explainAtOnce = 20
	explainAtEnd  = 200
	// lateDiagnosis is the time for diagnosis after the deadline.
	lateDiagnosis = 8 * time.Second
)

// State is how far an object has come.
type State string

// The states of a Status.
const (
	StateSettled State = "settled" // as its controller wants it to be
	StateWaiting State = "waiting" // not there yet
	StateFailed  State = "failed"  // its controller has given up
	StateMissing State = "missing" // it does not exist
	StateUnknown State = "unknown" // it could not be found out
)

// The values of Status.Ended.
const (
	EndedDeadline    = "deadline"
	EndedInterrupted = "interrupted"
)

// Target is an object to settle.
type Target struct {
	Kind object.Kind
	ID   object.ID
}

// Status is the state of one target and, unless it is settled, the reason that
// a person needs.
type Status struct {
	ID    object.ID `json:"id"`
	State State     `json:"state"`
	// Reason is one word: "ImagePull", "Unschedulable", "LessReady".
	Reason string `json:"reason,omitempty"`
	// Message is a sentence, with the words of the cluster.
	Message string `json:"message,omitempty"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
	// Log are the last lines of the container whose fault it is, separated by
	// newlines, without secrets and control characters; empty when there is no
	// such container, or its log cannot be had.
	Log string `json:"log,omitempty"`
	// Ended is set on what was still waiting at the end: "deadline" or
	// "interrupted".
	Ended string `json:"ended,omitempty"`
	// Took is the time from the start of the settling to the last change of
	// this status.
	Took time.Duration `json:"took"`
}

// SettleOptions vary a Settle.
type SettleOptions struct {
	// LabelSelector, when all targets bear such labels, keeps everything else
	// on the cluster out of the lists.
	LabelSelector string
	// OnStatus is told each change, by one goroutine at a time. It must not
	// block.
	OnStatus func(Status)
}

// UnsettledError: not all targets have settled.
type UnsettledError struct {
	Waiting, Failed, Missing, Unknown int
	// Ended is why the waiting ended: "deadline", "interrupted", or empty when
	// nothing was left to wait for.
	Ended string
	// First are the first few that did not settle.
	First []Status
	cause error
}

func (e *UnsettledError) Error() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{e.Failed, "failed"}, {e.Missing, "missing"}, {e.Waiting, "still waiting"}, {e.Unknown, "unknown"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	s := "not everything has settled: " + strings.Join(parts, ", ")
	if e.Ended != "" {
		s += " (" + e.Ended + ")"
	}
	for _, f := range e.First {
		s += fmt.Sprintf("; %s: %s", f.ID, f.Message)
	}
	return s
}

// Unwrap returns the context's error when its end is what ended the waiting.
func (e *UnsettledError) Unwrap() error { return e.cause }

// Settle waits until every target is as its controller wants it to be, by
// watch. It ends early when nothing is left that may still come: what failed or
// is missing holds nobody up. The statuses are in the order of the targets and
// complete in any case; the error is an *UnsettledError unless all of them are
// settled.
func (c *Cluster) Settle(ctx context.Context, targets []Target, opts SettleOptions) ([]Status, error) {
	s := newSettling(c, targets, opts)
	follow, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, g := range s.groups {
		wg.Go(func() { g.run(follow) })
	}
	wg.Go(func() { s.keepTime(follow) })
	wg.Go(func() { s.steady(follow) })
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	stop()
	wg.Wait()
	s.finish(ctx)
	return s.result(ctx, targets)
}

// settling is one Settle under way.
type settling struct {
	cluster *Cluster
	opts    SettleOptions
	began   time.Time
	groups  []*group

	mu   sync.Mutex
	all  map[object.ID]*progress
	open int // how many are still waited for
	done chan struct{}
	look chan struct{} // told that something looks settled

	lives lives // of steady's goroutine
}

// progress is what is known of one target.
type progress struct {
	target    Target
	status    Status
	open      bool
	shown     Status    // what the object itself showed last
	moved     time.Time // when that changed
	explained time.Time // when a diagnosis was made for it; zero for not yet
	unproven  bool      // it looks settled, and its Pods are to show that they stay
	selector  string    // of its Pods
	lookAt    time.Time // when to look at its Pods next
}

func newSettling(c *Cluster, targets []Target, opts SettleOptions) *settling {
	if opts.OnStatus == nil {
		opts.OnStatus = func(Status) {}
	}
	s := &settling{cluster: c, opts: opts, began: c.opts.Now(), all: map[object.ID]*progress{}, done: make(chan struct{}), look: make(chan struct{}, 1), lives: lives{}}
	for _, t := range targets {
		if s.all[t.ID] != nil {
			continue
		}
		s.all[t.ID] = &progress{
			target: t,
			status: Status{ID: t.ID, State: StateWaiting, Reason: "Unseen", Message: "it has not been looked at yet"},
			open:   true,
			moved:  s.began,
		}
		s.open++
	}
	s.groups = groupsOf(s)
	if s.open == 0 {
		close(s.done)
	}
	return s
}

// report takes over what the object itself shows. Where it looks settled and
// has Pods, these are looked at first.
func (s *settling) report(p *progress, st Status, selector string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.ID = p.target.ID
	if st == p.shown {
		return
	}
	p.shown = st
	p.moved = s.cluster.opts.Now()
	p.explained = time.Time{}
	if p.unproven = st.State == StateSettled && runsContainers(p.target.Kind.GroupKind()); !p.unproven {
		s.set(p, st)
		return
	}
	p.selector, p.lookAt = selector, p.moved
	select {
	case s.look <- struct{}{}:
	default:
	}
}

// explain adds what a diagnosis found, unless the object has moved since at.
func (s *settling) explain(p *progress, at time.Time, f finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.moved != at {
		return
	}
	p.explained = s.cluster.opts.Now()
	st := p.status
	if f.fine {
		st.State = StateSettled
	}
	if f.Reason != "" {
		st.Reason, st.Message, st.Hint, st.Log = f.Reason, f.Message, f.Hint, f.Log
	}
	if st != p.status {
		s.set(p, st)
	}
}

// set stores and tells a status, and counts what is still waited for. The
// caller holds the lock.
func (s *settling) set(p *progress, st Status) {
	st.Took = s.cluster.opts.Now().Sub(s.began)
	p.status = st
	s.opts.OnStatus(st)
	s.setOpen(p, st.State == StateWaiting)
}

func (s *settling) setOpen(p *progress, open bool) {
	if p.open == open {
		return
	}
	p.open = open
	if open {
		s.open++
		return
	}
	if s.open--; s.open == 0 {
		select {
		case <-s.done:
		default:
			close(s.done)
		}
	}
}

// keepTime explains what waits, until ctx ends.
func (s *settling) keepTime(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.diagnose(ctx, explainAfter, explainAtOnce)
	}
}

// finish marks what is still waited for, and explains what was not explained
// yet; the time for that is short and the caller's deadline has passed.
func (s *settling) finish(ctx context.Context) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateDiagnosis)
	defer cancel()
	s.diagnose(late, 0, explainAtEnd)
}

// result sums up.
func (s *settling) result(ctx context.Context, targets []Target) ([]Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &UnsettledError{}
	switch {
	case s.open == 0:
	case errors.Is(ctx.Err(), context.Canceled):
		e.Ended, e.cause = EndedInterrupted, ctx.Err()
	case ctx.Err() != nil:
		e.Ended, e.cause = EndedDeadline, ctx.Err()
	}
	for _, p := range s.all {
		if p.open {
			p.status.Ended = e.Ended
		}
	}
	statuses := make([]Status, 0, len(targets))
	for _, t := range targets {
		st := s.all[t.ID].status
		statuses = append(statuses, st)
		e.count(st)
	}
	if e.Waiting+e.Failed+e.Missing+e.Unknown == 0 {
		return statuses, nil
	}
	return statuses, e
}

func (e *UnsettledError) count(st Status) {
	switch st.State {
	case StateSettled:
		return
	case StateFailed:
		e.Failed++
	case StateMissing:
		e.Missing++
	case StateWaiting:
		e.Waiting++
	default:
		e.Unknown++
	}
	if len(e.First) < 5 {
		e.First = append(e.First, st)
	}
}
