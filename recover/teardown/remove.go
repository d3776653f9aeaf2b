package teardown

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
)

// remove has the provider delete the cluster of the journaled id, and tries again
// within the deadline: clouds refuse for a while what still hangs together.
func (t *teardown) remove(ctx context.Context, s *run.Scope) error {
	if t.target.Absent {
		s.Skip("there is no cluster of that name")
		return nil
	}
	if err := t.lastWord(ctx, s); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, t.req.Waits.Delete)
	defer cancel()
	s.Eventf(run.LevelInfo, "cluster.delete", "deleting cluster %s (%s)", t.req.Cluster, t.target.ID)
	err := t.again(within, s, "cluster.delete-failed", func() error {
		return t.e.Rebuild.RemoveCluster(within, s, t.provider, t.req.Cluster, t.target.ID)
	})
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return fmt.Errorf("cluster %s (%s) was not deleted within %s: %w", t.req.Cluster, t.target.ID, t.req.Waits.Delete, err)
	}
	return err
}

// again tries something until it succeeds, a guard refuses it, or ctx ends. It
// returns the last error that says more than that.
func (t *teardown) again(ctx context.Context, s *run.Scope, typ string, try func() error) error {
	first := cmp.Or(t.e.Retry, time.Second)
	var last error
	for wait := first; ; wait = min(2*wait, 30*first) {
		err := try()
		var chosen interface{ Outcome() run.Outcome }
		if err == nil || errors.As(err, &chosen) {
			return err
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if ctx.Err() != nil || pause(ctx, wait) != nil {
			return last
		}
		s.Eventf(run.LevelWarn, typ, "trying again: %v", err)
	}
}

// lasting is what the leftovers step journals: what should not be there any more, and
// what stays on purpose.
type lasting struct {
	Leftovers []providers.Leftover `json:"leftovers,omitempty"`
	Kept      []providers.Leftover `json:"kept,omitempty"`
}

// sorted tells what is kept on purpose from what is left.
func sorted(all []providers.Leftover) (l lasting) {
	for _, one := range all {
		if one.Kept {
			l.Kept = append(l.Kept, one)
		} else {
			l.Leftovers = append(l.Leftovers, one)
		}
	}
	return l
}

// LeftoversError: the cluster is gone, and something of it is still there.
type LeftoversError struct {
	Cluster string
	List    []providers.Leftover
}

func (e *LeftoversError) Error() string {
	var words []string
	for _, l := range e.List {
		words = append(words, named(l))
	}
	return fmt.Sprintf("cluster %q is deleted, but these are left of it: %s", e.Cluster, few(words))
}

// Hint says what to do about them.
func (e *LeftoversError) Hint() string {
	return "remove them by hand; rekindle clusters leftovers shows what is left"
}

// named is a leftover with why it is there.
func named(l providers.Leftover) string {
	if l.Why == "" {
		return l.What
	}
	return l.What + " (" + l.Why + ")"
}

// awaitNothingLeft asks the provider until the cluster is not there any more, nor
// anything of it that the provider can find, but for what stays on purpose.
func (t *teardown) awaitNothingLeft(ctx context.Context, s *run.Scope) error {
	if t.target.Absent {
		s.Skip("there is no cluster of that name")
		return nil
	}
	within, cancel := context.WithTimeout(ctx, t.req.Waits.Leftovers)
	defer cancel()
	var last lasting
	err := t.again(within, s, "leftovers", func() error {
		all, err := t.left(within)
		if err != nil {
			return fmt.Errorf("what is left of cluster %s cannot be told: %w", t.req.Cluster, err)
		}
		if last = sorted(all); len(last.Leftovers) > 0 {
			return &LeftoversError{Cluster: t.req.Cluster, List: last.Leftovers}
		}
		return nil
	})
	for _, l := range last.Kept {
		s.Eventf(run.LevelInfo, "leftovers.kept", "stays on purpose: %s", named(l))
	}
	return errors.Join(err, s.Made(ctx, last))
}

// left is what the provider still has of the cluster.
func (t *teardown) left(ctx context.Context) ([]providers.Leftover, error) {
	var left []providers.Leftover
	found, err := t.provider.Find(ctx, t.req.Cluster)
	switch {
	case err == nil && found.ID == t.target.ID:
		left = append(left, providers.Leftover{What: fmt.Sprintf("the cluster itself, which is %s", found.State), Cluster: found.Name, ID: found.ID})
	case err != nil && !errors.Is(err, providers.ErrNotFound) && !errors.As(err, new(*providers.ForeignError)):
		return nil, err // a name that somebody else has taken is not ours to mind
	}
	finder, can := t.provider.(providers.LeftoverFinder)
	if !can {
		return left, nil
	}
	all, err := finder.Leftovers(ctx)
	return append(left, t.ours(all)...), err
}

// ours are the leftovers of this cluster, as far as can be told.
func (t *teardown) ours(all []providers.Leftover) []providers.Leftover {
	var list []providers.Leftover
	for _, l := range all {
		if l.ID == t.target.ID || l.ID == "" && l.Cluster == t.req.Cluster {
			list = append(list, l)
		}
	}
	return list
}
