package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
)

// settle waits until what was applied is healthy, tries again what nobody
// served so far, and takes down what does not come up and why. What has not
// settled makes the run unverified at the end; first verify has its say.
func (r *restore) settle(ctx context.Context, s *run.Scope) error {
	r.settling = true
	r.enter(s)
	defer func() { r.settling = false }()
	for {
		if err := r.settleAll(ctx, s); err != nil {
			return err
		}
		again, err := r.hold(ctx, s)
		if err != nil {
			return err
		}
		if !again {
			break
		}
	}
	s.Eventf(run.LevelInfo, "settle.done", "%d not settled", len(r.report.Unsettled))
	return nil
}

// settleAll waits once for everything, and for kinds that nobody serves.
func (r *restore) settleAll(ctx context.Context, s *run.Scope) error {
	r.window = newWindow(ctx, s, r.req.Wait)
	defer func() {
		r.window.cancel()
		r.window = nil
	}()
	for await := true; ; {
		if err := r.settleSteered(ctx, s); err != nil || !await {
			return err
		}
		more, ordered, err := r.applyAwaited(ctx, s)
		if err != nil || !more && !ordered {
			return err
		}
		await = ordered
	}
}

// settleSteered waits for what was applied, and begins anew when it was told
// something about an object, or was paused: how things are then is what counts.
func (r *restore) settleSteered(ctx context.Context, s *run.Scope) error {
	for {
		if err := r.obey(ctx, s); err != nil {
			return err
		}
		r.report.Unsettled, r.report.Unjudged = nil, nil
		within, cancel := untilOrdered(r.window.now, s)
		err := r.settleNodes(within, ctx, func(ev run.Event) { s.Event(ev) }, r.settleable())
		cancel()
		switch open, _ := s.Orders(); {
		case err != nil && !errors.Is(err, errOrdered):
			return err
		case len(open) > 0:
		case s.Paused():
			if err := s.Unpaused(ctx); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// obey follows the orders that wait, looks at once for kinds that nobody served,
// and applies what is to be applied for it.
func (r *restore) obey(ctx context.Context, s *run.Scope) error {
	open, _ := s.Orders()
	if len(open) == 0 {
		return nil
	}
	for _, o := range open {
		r.walk.obey(ctx, o)
	}
	if err := r.proceed(ctx); err != nil {
		return err
	}
	_, err := r.applyServed(ctx, s)
	return err
}

// settleable are the nodes that were applied.
func (r *restore) settleable() []*plan.Node {
	failed := make(map[object.ID]bool, len(r.report.NotApplied))
	for _, n := range r.report.NotApplied {
		failed[n.ID] = true
	}
	var nodes []*plan.Node
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		if !n.Barrier && !n.Awaited && !n.Removed && !failed[n.ID] && r.given[n.ID] == nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// errOrdered ends a waiting because somebody gave an order.
var errOrdered = errors.New("somebody gave an order")

// settleNodes waits for nodes until within ends. Only the end of outer, the
// context of the step, is an error, and an errOrdered when within was cancelled:
// what has not settled is in the report.
func (r *restore) settleNodes(within, outer context.Context, tell func(run.Event), nodes []*plan.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	targets := make([]kube.Target, len(nodes))
	for i, n := range nodes {
		targets[i] = kube.Target{Kind: n.Kind, ID: n.ID}
	}
	simulated := r.simulated(outer)
	judged := targets
	var unjudged []kube.Target
	if simulated {
		judged, unjudged = divide(targets, func(t kube.Target) bool { return needsContainers[t.ID.GroupKind().String()] })
	}
	statuses, err := r.cluster.Settle(within, judged, kube.SettleOptions{OnStatus: func(st kube.Status) {
		r.takeHealth(st)
		tell(run.Event{Level: run.LevelDebug, Type: "object." + string(st.State), Object: st.ID.String(), Message: st.Message})
	}})
	switch {
	case outer.Err() != nil:
		return context.Cause(outer)
	case errors.Is(within.Err(), context.Canceled):
		return errOrdered
	}
	unsettled := 0
	for _, st := range statuses {
		if st.State == kube.StateSettled {
			continue
		}
		unsettled++
		r.report.Unsettled = append(r.report.Unsettled, st)
		tell(run.Event{Level: run.LevelWarn, Type: "object.unsettled", Object: st.ID.String(), Message: words(st)})
	}
	for _, t := range unjudged {
		r.report.Unjudged = append(r.report.Unjudged, kube.Status{ID: t.ID, State: kube.StateUnknown,
			Message: "needs a container behind it, and on this provider pods only seem to run"})
	}
	if err != nil && unsettled == 0 {
		return fmt.Errorf("wait until the objects are healthy: %w", err)
	}
	return nil
}

// needsContainers are kinds whose health is the answer of a real container.
var needsContainers = map[string]bool{"APIService.apiregistration.k8s.io": true}

// simulated tells whether the pods of the cluster only seem to run.
func (r *restore) simulated(ctx context.Context) bool {
	found, err := r.provider.Find(ctx, r.req.Cluster)
	return err == nil && found.Simulated
}

func divide(all []kube.Target, apart func(kube.Target) bool) (rest, taken []kube.Target) {
	for _, t := range all {
		if apart(t) {
			taken = append(taken, t)
		} else {
			rest = append(rest, t)
		}
	}
	return rest, taken
}

func words(st kube.Status) string {
	text := fmt.Sprintf("%s: %s", st.Reason, st.Message)
	if st.Hint != "" {
		text += ": " + st.Hint
	}
	return text
}

// How long kinds that nobody serves are waited for once everything else has
// settled, by then their operators run, and how often discovery is asked.
const (
	awaitGrace   = 20 * time.Second
	awaitedEvery = time.Second
)

// applyAwaited waits for kinds that nobody served when the plan was made, as
// discovery grows, until a while after everything else has settled. When some
// come, the plan is made again for what the cluster serves now and walked
// again; more tells that it was, ordered that somebody gave an order meanwhile.
// What is left is reported.
func (r *restore) applyAwaited(ctx context.Context, s *run.Scope) (more, ordered bool, err error) {
	grace, cancel := s.Within(r.window.now, awaitGrace)
	defer cancel()
	for len(r.awaited) > 0 && grace.Err() == nil {
		served, err := r.applyServed(ctx, s)
		if err != nil {
			return more, false, err
		}
		if served {
			more = true
			continue
		}
		open, changed := s.Orders()
		if len(open) > 0 {
			return more, true, nil
		}
		select {
		case <-time.After(awaitedEvery):
		case <-changed:
		case <-grace.Done():
		}
	}
	if ctx.Err() != nil {
		return more, false, context.Cause(ctx)
	}
	for _, n := range r.awaited {
		r.forget(n.ID)
		r.failures[n.ID] = errAwaited
		r.report.NotApplied = append(r.report.NotApplied, NotApplied{ID: n.ID, From: n.From,
			Reason: fmt.Sprintf("nobody serves %s %s: install what brings it, then restore again", n.Kind.GroupVersion(), n.ID.Kind)})
	}
	return more, false, nil
}

// applyServed plans for what the cluster serves now, and applies what came of it,
// when it serves a kind that it did not before.
func (r *restore) applyServed(ctx context.Context, s *run.Scope) (served bool, err error) {
	if len(r.awaited) == 0 {
		return false, nil
	}
	catalogue, err := r.cluster.Discover(ctx)
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(r.awaited, func(n *plan.Node) bool { _, served := catalogue.Lookup(n.Kind.GroupVersionKind); return served }) {
		return false, nil
	}
	if err := r.makePlan(ctx, s); err != nil {
		return false, err
	}
	return true, r.applyPlan(ctx, s)
}
