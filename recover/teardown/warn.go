package teardown

import (
	"context"
	"errors"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// warned is what the warn step journals.
type warned struct {
	// At is when the teardown goes on; Sent that people were told.
	At   time.Time `json:"at"`
	Sent bool      `json:"sent,omitempty"`
}

// warn tells people, and waits as long as it said. A run that is taken up within
// that time neither tells them again nor waits anew; one that is taken up much
// later does both, because nobody expects it any more.
func (t *teardown) warn(ctx context.Context, s *run.Scope) error {
	switch {
	case Begun(s.Run()), t.target.Absent, t.target.Gone:
		s.Skip("there is nobody to be warned any more")
		return nil
	case t.req.WarnBefore <= 0:
		s.Skip("not asked for")
		return nil
	}
	var w warned
	if _, err := s.Recall(&w); err != nil {
		return err
	}
	now := t.e.Rebuild.Now()
	if w.At.IsZero() || now.Sub(w.At) > t.req.WarnBefore {
		w = warned{At: now.Add(t.req.WarnBefore).Round(0).UTC()}
		if err := s.Made(ctx, w); err != nil {
			return err
		}
	}
	if !w.Sent {
		t.tell(ctx, s, w)
		w.Sent = true
		if err := s.Made(ctx, w); err != nil {
			return err
		}
	}
	if err := t.e.until(ctx, w.At); err != nil {
		return err
	}
	return t.lastWord(ctx, s) // somebody may have said keep meanwhile
}

func (t *teardown) tell(ctx context.Context, s *run.Scope, w warned) {
	s.Eventf(run.LevelWarn, "teardown.warning", "cluster %s will be torn down at %s", t.req.Cluster, w.At.Format(time.RFC3339))
	if t.e.Warn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.req.Waits.Answer)
	defer cancel()
	if err := t.e.Warn(ctx, t.warning(s, w.At)); err != nil {
		s.Eventf(run.LevelWarn, "teardown.warning-lost", "people may not have been warned: %v", err)
	}
}

func (t *teardown) warning(s *run.Scope, at time.Time) Warning {
	return Warning{Run: s.Run().ID, Cluster: t.req.Cluster, Provider: t.req.Provider, At: at, Losses: t.target.Losses}
}

// keptError: somebody wants the cluster to stay.
type keptError struct{ err error }

func (e *keptError) Error() string { return "the cluster stays as it is: " + e.err.Error() }
func (e *keptError) Unwrap() error { return e.err }

// Outcome makes a run that ends with e a refused one.
func (*keptError) Outcome() run.Outcome { return run.Refused }

// lastWord asks whether the teardown is still wanted, right before it does what
// cannot be undone.
func (t *teardown) lastWord(ctx context.Context, s *run.Scope) error {
	if Begun(s.Run()) || t.e.Proceed == nil || t.target.Gone || t.target.Absent {
		return nil
	}
	err := t.e.Proceed(ctx, t.warning(s, t.e.Rebuild.Now()))
	var chosen interface{ Outcome() run.Outcome }
	if err == nil || ctx.Err() != nil || errors.As(err, &chosen) {
		return err
	}
	return &keptError{err}
}
