package tuitest

import (
	"context"
	"fmt"
	"slices"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Say implements tui.Daemon: the word is recorded, and the cluster wanted so.
func (d *Daemon) Say(ctx context.Context, name string, word api.WordRequest) (api.Said, error) {
	if err := d.enter(ctx, "Say", word); err != nil {
		return api.Said{}, err
	}
	c, err := d.known(name)
	if err != nil {
		return api.Said{}, err
	}
	w := api.Word{Kind: word.Kind, Said: d.Clock(), By: "ada", Why: word.Why, Until: word.Until}
	dec := api.Decision{State: api.Awake, Since: w.Said, Until: w.Until, Reason: fmt.Sprintf("ada said %s", w.Kind), Word: &w}
	if w.Kind == api.Sleep {
		dec.State = api.Asleep
	}
	c.Words = slices.Concat([]api.Word{w}, c.Words)
	c.Wanted = &dec
	d.SetCluster(c)
	return api.Said{Word: w, Decision: dec}, nil
}

// Unsay implements tui.Daemon.
func (d *Daemon) Unsay(ctx context.Context, name string, kind api.WordKind) (api.Decision, error) {
	if err := d.enter(ctx, "Unsay", kind); err != nil {
		return api.Decision{}, err
	}
	c, err := d.known(name)
	if err != nil {
		return api.Decision{}, err
	}
	left := slices.DeleteFunc(slices.Clone(c.Words), func(w api.Word) bool { return w.Kind == kind })
	if len(left) == len(c.Words) {
		return api.Decision{}, api.UnknownWord(name, kind)
	}
	dec := api.Decision{State: api.Awake, Reason: "work hours"}
	c.Words, c.Wanted = left, &dec
	d.SetCluster(c)
	return dec, nil
}

func (d *Daemon) known(name string) (api.Cluster, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.clusters[name]
	if !ok {
		return c, api.UnknownCluster(name)
	}
	return c, nil
}

// Start implements tui.Daemon: the run begins, and stands still until a test moves
// it with Emit, ChangeRun and End.
func (d *Daemon) Start(ctx context.Context, req api.StartRequest) (api.Run, error) {
	if err := d.enter(ctx, "Start", req); err != nil {
		return api.Run{}, err
	}
	now := d.Clock()
	d.mu.Lock()
	id := fmt.Sprintf("%s-new%d", now.UTC().Format("20060102-150405"), len(d.runs)%10)
	d.mu.Unlock()
	r := api.Run{Live: true, Run: run.Run{
		ID: id, Recipe: string(req.Recipe), Cluster: req.Cluster, Provider: req.Provider, Created: now, Attempts: 1, By: "ada", Daemon: true,
		Steps: steps(string(req.Recipe)),
	}}
	r.Steps[0].State, r.Steps[0].Started = run.Running, now
	d.SetRun(r)
	d.Emit(id, run.Event{Type: run.RunBegin}, run.Event{Type: run.StepBegin, Step: r.Steps[0].Name})
	if c, err := d.known(req.Cluster); err == nil {
		ref := r.Ref()
		c.Run = &ref
		if req.Recipe == api.Restore {
			c.State = api.Restoring
		}
		d.SetCluster(c)
	}
	return r, nil
}

// Resume implements tui.Daemon.
func (d *Daemon) Resume(ctx context.Context, typed string) (api.Run, error) {
	if err := d.enter(ctx, "Resume", typed); err != nil {
		return api.Run{}, err
	}
	d.mu.Lock()
	r, err := d.find(typed)
	d.mu.Unlock()
	switch {
	case err != nil:
		return r, err
	case r.Outcome != "" && !r.Outcome.Resumable():
		return r, &run.EndedError{ID: r.ID, Outcome: r.Outcome}
	}
	r.Outcome, r.Error, r.Live = "", "", true
	r.Attempts++
	d.SetRun(r)
	d.Emit(r.ID, run.Event{Type: run.RunResume})
	return r, nil
}

// Order implements tui.Daemon: the order is an event of the run.
func (d *Daemon) Order(ctx context.Context, typed string, order api.Order) error {
	if err := d.enter(ctx, "Order", order); err != nil {
		return err
	}
	d.mu.Lock()
	r, err := d.find(typed)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	d.Emit(r.ID, run.Event{Type: "order." + string(order.Kind), Object: order.Object, Message: order.Why})
	return nil
}

// Abort implements tui.Daemon.
func (d *Daemon) Abort(ctx context.Context, typed string) (api.Run, error) {
	if err := d.enter(ctx, "Abort", typed); err != nil {
		return api.Run{}, err
	}
	d.mu.Lock()
	r, err := d.find(typed)
	d.mu.Unlock()
	if err != nil {
		return r, err
	}
	if r.Outcome != "" && !r.Outcome.Resumable() {
		return r, &run.EndedError{ID: r.ID, Outcome: r.Outcome}
	}
	return d.End(r.ID, run.Aborted, ""), nil
}

// Ignore implements tui.Daemon.
func (d *Daemon) Ignore(ctx context.Context, cluster string, rule api.Ignore) (api.Ignoring, error) {
	if err := d.enter(ctx, "Ignore", rule); err != nil {
		return api.Ignoring{}, err
	}
	if _, err := d.known(cluster); err != nil {
		return api.Ignoring{}, err
	}
	return api.Ignoring{File: "rekindle.yaml", Rule: "- objects: [" + rule.Object + "]\n  reason: " + rule.Reason}, nil
}

// End ends a run: all its steps, its events, and its cluster's view of it.
func (d *Daemon) End(id string, outcome run.Outcome, why string) api.Run {
	now := d.Clock()
	d.mu.Lock()
	r := d.runs[id]
	d.mu.Unlock()
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		if s := &r.Steps[i]; s.State == run.Running || outcome == run.Done {
			s.State, s.Ended = run.StepDone, now
		}
	}
	r.Outcome, r.Error, r.Ended, r.Live = outcome, why, now, false
	d.SetRun(r)
	d.Emit(id, run.Event{Type: run.RunEnd, Message: string(outcome)})
	if c, err := d.known(r.Cluster); err == nil {
		ref := r.Ref()
		c.Run, c.LastRun = nil, &ref
		d.SetCluster(c)
	}
	return r
}
