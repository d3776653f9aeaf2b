package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// lastWords is how long a run that ends may take to journal its end after its
// ctx was cancelled.
const lastWords = 10 * time.Second

// execution is one attempt at a run, under its lease.
type execution struct {
	*Executor
	id   string
	emit *emitter

	mu sync.Mutex
	// r is the run as journaled last.
	r Run
	// later are changes that are journaled with the next one: the end of a step
	// goes with the begin of the next, one sync of the disk for both.
	later []func(*Run)

	orders orderly
}

// execute runs the steps. The caller holds the lease.
func (x *Executor) execute(ctx context.Context, id string, defs []Def) (Run, error) {
	e := &execution{Executor: x, id: id}
	if err := e.begin(ctx, defs); err != nil {
		return e.r, err
	}
	if err := e.recallOrders(ctx); err != nil {
		return e.r, err
	}
	e.emit = newEmitter(x, id)
	stopFlush := e.emit.start(ctx)
	e.announce()
	e.announceOrders()
	working, cancel := context.WithCancelCause(ctx)
	stopWatch := e.watch(working, cancel)
	step, err := e.steps(working, defs)
	stopWatch()
	end := e.outcome(working, err)
	cancel(nil)
	e.forgetOrders(ctx, end)
	stopFlush()
	return e.end(ctx, step, end, err)
}

// begin journals that this process takes up the run.
func (e *execution) begin(ctx context.Context, defs []Def) error {
	p := e.process()
	r, err := e.Journal.Update(ctx, e.id, func(r *Run) error {
		if !r.Outcome.Resumable() {
			return &EndedError{ID: r.ID, Outcome: r.Outcome}
		}
		r.Attempts++
		r.Outcome, r.Error, r.Ended, r.AbortAsked = "", "", time.Time{}, time.Time{}
		r.Process = p
		r.Held = nil
		r.ByObject = slices.ContainsFunc(defs, func(d Def) bool { return d.ByObject })
		r.Steps = merge(r.Steps, defs)
		return nil
	})
	if err == nil {
		e.r = r
	}
	return err
}

func (e *execution) announce() {
	ev := Event{Time: e.now(), Type: RunBegin, Message: e.r.Recipe}
	if e.r.Attempts > 1 {
		ev.Type = RunResume
		ev.Message = fmt.Sprintf("%s, attempt %d", e.r.Recipe, e.r.Attempts)
	}
	e.emit.add(ev)
}

// steps runs what is left to run and names the step that ended it.
func (e *execution) steps(ctx context.Context, defs []Def) (string, error) {
	for i := 0; i < len(defs); i++ {
		d := defs[i]
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if was := e.state(d.Name); !d.Fresh && (was == StepDone || was == Skipped) {
			continue
		}
		paused, err := e.between(ctx, d)
		if err != nil {
			return "", err
		}
		if paused && d.Anew {
			i = -1 // what is Fresh is done again, this step included
			continue
		}
		if err := e.step(ctx, d); err != nil {
			return d.Name, err
		}
	}
	return "", nil
}

// between waits before a step while the run is paused, and tells whether it was.
func (e *execution) between(ctx context.Context, d Def) (paused bool, err error) {
	if d.Together {
		return false, nil
	}
	if r, err := e.Journal.Run(ctx, e.id); err == nil { // what was said since the last look
		e.hear(ctx, r)
	}
	return e.unpaused(ctx)
}

// state is where a step stood when the run was journaled last.
func (e *execution) state(name string) StepState {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, _ := e.r.Step(name)
	return s.State
}

// step runs one step: journaled before it begins; its end is journaled before
// anything else begins.
func (e *execution) step(ctx context.Context, d Def) error {
	began := e.now()
	err := e.change(ctx, func(r *Run) {
		s, _ := r.Step(d.Name)
		s.State, s.Error, s.Note = Running, "", ""
		s.Attempts++
		if s.Started.IsZero() {
			s.Started = began
		}
		s.Ended = time.Time{}
	})
	if err != nil {
		return err
	}
	e.emit.add(Event{Time: began, Step: d.Name, Type: StepBegin})
	e.emit.flushSoon()
	scope := &Scope{e: e, step: d.Name}
	err = e.guarded(ctx, d, scope)
	e.ended(ctx, d.Name, scope.skipped(), began, err)
	return err
}

// guarded calls the step and makes an error of a panic.
func (e *execution) guarded(ctx context.Context, d Def, s *Scope) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p := newPanicError(v)
			p.Value, p.Stack = e.redact(p.Value), []byte(e.redact(string(p.Stack)))
			e.log().Error("a step panicked", "run", e.id, "step", d.Name, "panic", p.Value, "stack", string(p.Stack))
			err = p
		}
	}()
	return d.Do(ctx, s)
}

// ended notes how a step ended; the next change of the run carries it.
func (e *execution) ended(ctx context.Context, name, skipped string, began time.Time, err error) {
	at := e.now()
	ev := Event{Time: at, Step: name, Type: StepEnd, Level: LevelInfo}
	state, msg := StepDone, ""
	switch {
	case err != nil && e.outcome(ctx, err) == Interrupted, err != nil && e.outcome(ctx, err) == Aborted:
		state, msg = Pending, e.redact(err.Error())
		ev.Level, ev.Message = LevelWarn, "interrupted: "+msg
	case err != nil:
		state, msg = StepFailed, e.redact(err.Error())
		ev.Level, ev.Message = LevelError, msg
	case skipped != "":
		state, ev.Message = Skipped, "skipped: "+skipped
	}
	spent := at.Sub(began)
	data := map[string]any{"state": state, "spentMs": spent.Milliseconds()}
	var p *PanicError
	if errors.As(err, &p) {
		data["stack"] = string(p.Stack)
	}
	ev.Data, _ = json.Marshal(data) // strings and numbers only
	e.emit.add(ev)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.later = append(e.later, func(r *Run) {
		s, _ := r.Step(name)
		s.State, s.Error, s.Note = state, cut(msg, maxMessage), cut(skipped, maxMessage)
		s.Ended = at
		s.SpentMS += spent.Milliseconds()
	})
}

// change journals the changes that wait and these. It returns when they are
// durable. Safe for many goroutines.
func (e *execution) change(ctx context.Context, now ...func(*Run)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.Journal.Update(ctx, e.id, func(r *Run) error {
		for _, apply := range e.later {
			apply(r)
		}
		for _, apply := range now {
			apply(r)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("journal the run: %w", err)
	}
	e.r, e.later = r, nil
	return nil
}

// outcome decides how a run ends that ended with err.
func (e *execution) outcome(ctx context.Context, err error) Outcome {
	if err == nil {
		return Done
	}
	if errors.Is(context.Cause(ctx), ErrAborted) {
		return Aborted
	}
	var chosen interface{ Outcome() Outcome }
	switch {
	case errors.As(err, &chosen) && chosen.Outcome() != "" && chosen.Outcome() != Done:
		return chosen.Outcome()
	case errors.Is(ctx.Err(), context.Canceled):
		return Interrupted
	}
	return Failed
}

// end journals the end, with a ctx that is still alive after an interruption.
// The events go first: who sees the outcome has all of them.
func (e *execution) end(ctx context.Context, step string, how Outcome, err error) (Run, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	at := e.now()
	ev := Event{Time: at, Step: "", Type: RunEnd, Message: string(how), Level: LevelInfo}
	msg := ""
	if err != nil {
		msg = cut(e.redact(err.Error()), maxMessage)
		ev.Level, ev.Message = LevelError, string(how)+": "+msg
	}
	ev.Data, _ = json.Marshal(map[string]any{"outcome": how, "step": step})
	e.emit.add(ev)
	if lost := e.emit.finish(ctx); lost != nil {
		e.log().Warn("the last events could not be journaled", "run", e.id, "error", lost)
	}
	trouble := e.change(ctx, func(r *Run) {
		r.Outcome, r.Error, r.Ended, r.Held = how, msg, at, nil
		if how != Interrupted {
			r.Paused = nil
		}
	})
	if trouble != nil {
		// The journal still says that the run goes on; once this process is gone
		// that reads as interrupted, and it can be resumed.
		e.log().Error("the end of a run could not be journaled", "run", e.id, "outcome", how, "error", trouble)
		if how == Done {
			how = Failed
		}
		err = errors.Join(err, trouble)
		e.r.Outcome, e.r.Error, e.r.Ended = how, err.Error(), at
	}
	if err == nil {
		return e.r, nil
	}
	return e.r, &EndError{Run: e.id, Step: step, Ending: how, Err: err}
}
