package teardown

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// The steps whose words outlive them. The export's own come between warn and
// prove.
const (
	stepCheck     = "check"
	stepWarn      = "warn"
	stepProve     = "prove"
	stepSuspend   = rebuild.Dismantling
	stepDrain     = "drain"
	stepDelete    = "delete"
	stepLeftovers = "leftovers"
)

// teardown is one execution of the recipe: the request, and what the steps hand
// on to each other in memory.
type teardown struct {
	e        *Engine
	req      Request
	accepted []claimGlob
	provider providers.Provider
	export   *rebuild.Exporting // nil: there is nothing to export to
	target   target             // since the step check
}

// steps is the recipe. Up to suspend everything is done again when a run is
// resumed, because the cluster lives on meanwhile; from there on nothing is. A
// pause holds before the export, and then what was looked at is looked at again,
// or once the cluster is being taken apart: never between what was found and what
// is done for it.
func (t *teardown) steps() []run.Def {
	defs := []run.Def{
		{Name: stepCheck, Fresh: true, Do: t.check},
		{Name: stepWarn, Fresh: true, Do: t.warn},
	}
	defs = append(defs, t.exportSteps()...)
	return append(defs,
		run.Def{Name: stepProve, Fresh: true, Anew: t.export == nil, Together: t.export != nil, Do: t.prove},
		run.Def{Name: stepSuspend, Together: true, Do: t.suspend},
		run.Def{Name: stepDrain, Do: t.drain},
		run.Def{Name: stepDelete, Do: t.remove},
		run.Def{Name: stepLeftovers, Do: t.awaitNothingLeft},
	)
}

// Teardown takes the cluster of req down, as a new journaled run. observe receives
// the run's events and may be nil. The report is not nil whenever a run was begun;
// the error is an *run.EndError for every outcome but done, and otherwise says why
// no run could be begun: a *run.HeldError when another run works on the cluster, a
// *rebuild.RefusedError when Confirm is not its name.
//
// A cluster that an earlier teardown has begun to take apart is not exported
// again: the export of that run holds what it was.
func (e *Engine) Teardown(ctx context.Context, req Request, observe func(run.Event)) (*Report, error) {
	t, err := e.prepare(req)
	if err != nil {
		return nil, err
	}
	defer t.close()
	journaled := req
	journaled.DriftRequest = req.ForJournal()
	raw, err := json.Marshal(journaled)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	done, err := e.executor(observe).Start(ctx, run.Run{Recipe: Recipe, Cluster: req.Cluster, Provider: req.Provider, Request: raw}, t.steps())
	return t.conclude(ctx, done, err)
}

// Resume goes on with a teardown where it stopped, on the very cluster that it
// was begun on. Errors are those of Teardown, a *run.EndedError when the run has
// an outcome that is final, a *rebuild.RefusedError when a newer run has worked
// on the cluster since, and a *rebuild.WithheldError when the export is still to
// be done and cannot be: a new Teardown is the way then.
func (e *Engine) Resume(ctx context.Context, id string, observe func(run.Event)) (*Report, error) {
	was, err := run.Resolve(ctx, e.Rebuild.Journal, id)
	if err != nil {
		return nil, err
	}
	if was.Recipe != Recipe {
		return nil, fmt.Errorf("run %s is a %s, not a teardown: it cannot be resumed here", was.ID, was.Recipe)
	}
	var req Request
	if err := json.Unmarshal(was.Request, &req); err != nil {
		return nil, fmt.Errorf("run %s: its request cannot be read: %w", was.ID, err)
	}
	if req.Withheld && !Begun(was) {
		return nil, &rebuild.WithheldError{Run: was.ID, Recipe: Recipe, Cluster: was.Cluster}
	}
	if err := e.Rebuild.RefuseSuperseded(ctx, was); err != nil {
		return nil, err
	}
	t, err := e.prepare(req)
	if err != nil {
		return nil, err
	}
	defer t.close()
	done, err := e.executor(observe).Execute(ctx, was.ID, t.steps())
	return t.conclude(ctx, done, err)
}

// Begun tells whether a teardown has begun what cannot be undone, so that nobody's
// word keeps the cluster any more. It can be brought to its end, or the cluster
// restored.
func Begun(r run.Run) bool {
	step, ok := r.Step(stepDelete)
	return rebuild.Dismantled(r) || ok && len(step.Made) > 0
}

// prepare checks what can be checked without touching anything.
func (e *Engine) prepare(req Request) (*teardown, error) {
	provider, err := e.Rebuild.Providers.Get(req.Provider)
	if err != nil {
		return nil, err
	}
	if err := req.check(); err != nil {
		return nil, err
	}
	t := &teardown{e: e, req: req, provider: provider}
	t.req.Waits = req.Waits.complete()
	if t.accepted, err = parseGlobs(req.AcceptLoss); err != nil {
		return nil, err
	}
	if req.Export != nil {
		target := *req.Export
		target.Push = true
		t.req.Export = &target
		if t.export, err = e.Rebuild.Exporting(t.req.DriftRequest); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// check refuses a request that contradicts itself.
func (req Request) check() error {
	if req.Confirm != req.Cluster || req.Cluster == "" {
		return &rebuild.RefusedError{Reason: fmt.Sprintf("a teardown deletes cluster %q and everything in it", req.Cluster), Remedy: "agree with --confirm " + req.Cluster}
	}
	for field, d := range map[string]Decision{"stuck": req.Stuck, "unread": req.Unread} {
		if d != "" && d != Fail && d != Proceed {
			return fmt.Errorf("%s: %q is neither fail nor proceed", field, d)
		}
	}
	switch req.Silent {
	case "", SilentFail, SilentLastExport, SilentAbandon:
		return nil
	}
	return fmt.Errorf("silent: %q is none of fail, last-export, abandon", req.Silent)
}

func (e *Engine) executor(observe func(run.Event)) *run.Executor {
	x := *e.Rebuild.Executor
	x.Observe = observe
	return &x
}

func (t *teardown) close() {
	if t.export != nil {
		t.export.Close()
	}
}

// conclude makes the report of a run that was executed, and journals it.
func (t *teardown) conclude(ctx context.Context, done run.Run, err error) (*Report, error) {
	var ended *run.EndError
	if done.ID == "" || err != nil && !errors.As(err, &ended) {
		return nil, err
	}
	report, reportErr := ReportOf(done)
	if reportErr != nil {
		return nil, errors.Join(err, reportErr)
	}
	return report, errors.Join(err, t.e.Rebuild.Conclude(ctx, done.ID, report))
}
