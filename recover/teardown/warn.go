package teardown

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/recover/rebuild"
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
	case begun(s.Run()), t.target.Absent, t.target.Gone:
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
	return t.e.until(ctx, w.At)
}

func (t *teardown) tell(ctx context.Context, s *run.Scope, w warned) {
	s.Eventf(run.LevelWarn, "teardown.warning", "cluster %s will be torn down at %s", t.req.Cluster, w.At.Format(time.RFC3339))
	if t.e.Warn == nil {
		return
	}
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
	if begun(s.Run()) || t.e.Proceed == nil || t.target.Gone || t.target.Absent {
		return nil
	}
	err := t.e.Proceed(ctx, t.warning(s, t.e.Rebuild.Now()))
	var chosen interface{ Outcome() run.Outcome }
	if err == nil || ctx.Err() != nil || errors.As(err, &chosen) {
		return err
	}
	return &keptError{err}
}

// alive connects to the cluster for the steps that take it apart. It returns nil
// when the cluster need not be asked (again), having said why.
func (t *teardown) alive(ctx context.Context, s *run.Scope) (*session, error) {
	switch {
	case t.target.Absent, t.target.Gone:
		s.Skip("there is no cluster of that name")
		return nil, nil
	case t.target.Silent != "":
		s.Skip(t.target.Silent)
		return nil, nil
	case t.target.Earlier != nil && t.target.Earlier.Drained:
		s.Skip("run " + t.target.Earlier.Run + " has done it")
		return nil, nil
	}
	found, err := t.provider.Find(ctx, t.req.Cluster)
	if err != nil {
		return nil, rebuild.Guarded(err)
	}
	if found.ID != t.target.ID {
		return nil, t.taken(found.ID)
	}
	cluster, err := t.reach(ctx, found)
	var silent *silentError
	if errors.As(err, &silent) {
		if t.req.Silent != SilentLastExport && t.req.Silent != SilentAbandon {
			return nil, fmt.Errorf("%w: what is left of it outside cannot be removed (agree with --silent last-export)", err)
		}
		s.Eventf(run.LevelWarn, "teardown.silent", "%s: going on without it, as was decided", silent)
		s.Skip(silent.Error())
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	catalogue, err := cluster.Discover(ctx)
	if err != nil {
		return nil, err
	}
	return &session{t: t, s: s, cluster: cluster, catalogue: catalogue}, nil
}
