package rebuild

import (
	"cmp"
	"context"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
)

// How long a cluster whose API server does not answer is given to come back by
// itself before a restore is refused, and how often it is looked at: who
// restarted the server a moment ago need not begin again.
const (
	backGrace = 15 * time.Second
	backEvery = 500 * time.Millisecond
)

// find looks for the target. One that is broken is looked at again for a while,
// no longer than the request's Wait, unless this restore removes it or mends what
// it has made itself: then there is nothing to wait for. Errors are those of the
// provider's Find.
func (r *restore) find(ctx context.Context, s *run.Scope) (providers.Cluster, error) {
	found, err := r.provider.Find(ctx, r.req.Cluster)
	if err != nil || found.State != providers.StateBroken || r.req.Fresh {
		return found, err
	}
	var birth provisioned
	begun, err := s.RecallStep("provision", &birth)
	if err != nil || begun && !birth.InPlace {
		return found, err
	}
	grace := min(r.req.Wait, backGrace)
	s.Eventf(run.LevelWarn, "target.wait", "cluster %s is broken: %s: looking again for up to %s",
		found.Name, cmp.Or(found.Detail["reason"], "its API server does not answer"), grace)
	return r.untilBack(ctx, s, found, grace)
}

// untilBack looks at a broken cluster until it is something else or grace is
// over, and returns what it is then.
func (r *restore) untilBack(ctx context.Context, s *run.Scope, found providers.Cluster, grace time.Duration) (providers.Cluster, error) {
	begun := r.e.Now()
	within, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	tick := time.NewTicker(backEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-within.Done():
			return found, context.Cause(ctx)
		}
		now, err := r.provider.Find(within, r.req.Cluster)
		switch {
		case err != nil && within.Err() != nil: // the look was cut off
			return found, context.Cause(ctx)
		case err != nil:
			return now, err
		case now.State != providers.StateBroken:
			s.Eventf(run.LevelInfo, "target.back", "cluster %s is %s after %s", now.Name, now.State, r.e.Now().Sub(begun).Round(100*time.Millisecond))
			return now, nil
		}
		found = now
	}
}
