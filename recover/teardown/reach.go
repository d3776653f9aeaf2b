package teardown

import (
	"context"
	"errors"
	"fmt"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// silentError: the API server cannot be asked.
type silentError struct {
	cluster string
	state   providers.State
	reason  string
	err     error
}

func (e *silentError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("cluster %q is %s%s", e.cluster, e.state, prefixed(": ", e.reason))
	}
	return fmt.Sprintf("cluster %q does not answer: %v", e.cluster, e.err)
}

func (e *silentError) Unwrap() error { return e.err }

// unansweredError: the teardown is refused because the cluster does not answer, and
// may not be when it does again.
type unansweredError struct{ refused *rebuild.RefusedError }

func (e *unansweredError) Error() string { return e.refused.Error() }
func (e *unansweredError) Unwrap() error { return e.refused }

// Passing tells a schedule to try again.
func (*unansweredError) Passing() bool { return true }

// reach connects to the cluster and waits until it answers. The error is a
// *silentError when it does not.
func (t *teardown) reach(ctx context.Context, found providers.Cluster) (*kube.Cluster, error) {
	if found.State != providers.StateRunning {
		return nil, &silentError{cluster: found.Name, state: found.State, reason: found.Detail["reason"]}
	}
	cluster, err := t.e.Rebuild.Reach(ctx, t.provider, found.Name)
	var stopped *providers.NotRunningError
	if errors.As(err, &stopped) {
		return nil, &silentError{cluster: found.Name, state: stopped.State, reason: stopped.Reason}
	}
	if err != nil {
		return nil, err
	}
	answering, cancel := context.WithTimeout(ctx, t.req.Waits.Answer)
	defer cancel()
	if _, err := cluster.Version(answering); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &silentError{cluster: found.Name, state: found.State, err: err}
	}
	return cluster, nil
}

// living connects to the cluster, which must be the very one that was found. The
// error is a *silentError when it does not answer.
func (t *teardown) living(ctx context.Context) (*kube.Cluster, error) {
	found, err := t.provider.Find(ctx, t.req.Cluster)
	if err != nil {
		return nil, rebuild.Guarded(err)
	}
	if found.ID != t.target.ID {
		return nil, rebuild.Guarded(&providers.TakenError{Provider: t.req.Provider, Name: t.req.Cluster, Wanted: t.target.ID, Have: found.ID})
	}
	return t.reach(ctx, found)
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
	cluster, err := t.living(ctx)
	var silent *silentError
	if errors.As(err, &silent) {
		if t.req.Silent != SilentLastExport && t.req.Silent != SilentAbandon && !t.target.Throwaway {
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
