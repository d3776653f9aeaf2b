package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// errChanged: somebody took up the run between looking and writing.
var errChanged = errors.New("the run was taken up meanwhile")

// Abort ends a run for good. One that no process executes is marked aborted at
// once; a live one is asked to through the journal, stops at its next chance,
// and Abort waits for that until ctx ends. What the run has made stays. Errors:
// EndedError when the run is done or refused; aborting twice is no error.
func (x *Executor) Abort(ctx context.Context, id string) (Run, error) {
	for {
		r, err := x.Journal.Run(ctx, id)
		if err != nil || r.Outcome == Aborted {
			return r, err
		}
		if !r.Outcome.Resumable() {
			return r, &EndedError{ID: id, Outcome: r.Outcome}
		}
		h, live, err := x.Alive(ctx, r)
		if err != nil {
			return r, err
		}
		if !live {
			r, err = x.markAborted(ctx, r)
			if !errors.Is(err, errChanged) {
				return r, err
			}
			continue
		}
		if r.AbortAsked.IsZero() {
			if err := x.askAbort(ctx, id); err != nil {
				return r, err
			}
		}
		if err := x.pause(ctx); err != nil {
			return r, fmt.Errorf("abort run %s: process %d on %s was asked, but has not stopped: %w", id, h.PID, h.Host, err)
		}
	}
}

// markAborted writes the last event and then the outcome, as a run does that ends by
// itself: whoever follows the events until there is an outcome has seen it. It holds
// the lease meanwhile, so that nobody takes up what is about to end; a newer run that
// has it keeps others from that just as well.
func (x *Executor) markAborted(ctx context.Context, seen Run) (Run, error) {
	lease, err := x.acquire(ctx, seen)
	var held *HeldError
	switch {
	case errors.As(err, &held) && (held.Holder.Run == seen.ID || held.Holder.Run == ""):
		return seen, errChanged
	case err != nil && held == nil:
		return seen, err
	case err == nil:
		defer x.release(lease, seen.ID)
	}
	is, err := x.Journal.Run(ctx, seen.ID)
	if err != nil {
		return seen, err
	}
	unchanged := func(r *Run) bool { return r.Attempts == seen.Attempts && r.Outcome == seen.Outcome }
	if !unchanged(&is) {
		return seen, errChanged
	}
	at := x.now()
	if _, err := x.Journal.Append(ctx, seen.ID, Event{Time: at, Level: LevelWarn, Type: RunEnd, Message: string(Aborted)}); err != nil {
		return seen, err
	}
	r, err := x.Journal.Update(ctx, seen.ID, func(r *Run) error {
		if !unchanged(r) {
			return errChanged
		}
		for i := range r.Steps {
			if r.Steps[i].State == Running {
				r.Steps[i].State, r.Steps[i].Error = Pending, "its process died"
			}
		}
		r.Outcome, r.Error, r.Ended = Aborted, "aborted", at
		return nil
	})
	if err != nil {
		return seen, err
	}
	return r, nil
}

func (x *Executor) askAbort(ctx context.Context, id string) error {
	at := x.now()
	_, err := x.Journal.Update(ctx, id, func(r *Run) error {
		if r.Outcome == "" {
			r.AbortAsked = at
		}
		return nil
	})
	return err
}

// pause waits for a part of the time in which a live run looks at the journal.
func (x *Executor) pause(ctx context.Context) error {
	return sleep(ctx, cmp.Or(x.WatchEvery, watchEvery)/4)
}

// watchEvery is how often a live run looks into the journal, unless an executor
// says otherwise.
const watchEvery = 400 * time.Millisecond

// watch cancels the steps when somebody asked for an abort, and hears orders.
func (e *execution) watch(ctx context.Context, cancel context.CancelCauseFunc) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(cmp.Or(e.WatchEvery, watchEvery))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			r, err := e.Journal.Run(ctx, e.id)
			switch {
			case err != nil:
			case !r.AbortAsked.IsZero():
				cancel(ErrAborted)
				return
			default:
				e.hear(ctx, r)
			}
		}
	}()
	return func() {
		end()
		<-done
	}
}
