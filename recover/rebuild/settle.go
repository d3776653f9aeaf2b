package rebuild

import (
	"context"
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
	within, cancel := context.WithTimeout(ctx, r.req.Wait)
	defer cancel()
	if err := r.settleNodes(within, ctx, s.Event, r.settleable()); err != nil {
		return err
	}
	more, err := r.applyAwaited(within, ctx, s)
	if err != nil {
		return err
	}
	if more {
		r.report.Unsettled, r.report.Unjudged = nil, nil
		if err := r.settleNodes(within, ctx, s.Event, r.settleable()); err != nil {
			return err
		}
	}
	s.Eventf(run.LevelInfo, "settle.done", "%d not settled", len(r.report.Unsettled))
	return nil
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
		if !n.Barrier && !n.Awaited && !n.Removed && !failed[n.ID] {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// settleNodes waits for nodes until within ends. Only the end of outer, the
// context of the step, is an error: what has not settled is in the report.
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
		tell(run.Event{Level: run.LevelDebug, Type: "object." + string(st.State), Object: st.ID.String(), Message: st.Message})
	}})
	if outer.Err() != nil {
		return context.Cause(outer)
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
// again; more tells that it was. What is left is reported.
func (r *restore) applyAwaited(within, outer context.Context, s *run.Scope) (more bool, err error) {
	grace, cancel := context.WithTimeout(within, awaitGrace)
	defer cancel()
	for len(r.awaited) > 0 {
		catalogue, err := r.cluster.Discover(outer)
		if err != nil {
			return more, err
		}
		if slices.ContainsFunc(r.awaited, func(n *plan.Node) bool { _, served := catalogue.Lookup(n.Kind.GroupVersionKind); return served }) {
			if err := r.walkAgain(outer, s); err != nil {
				return more, err
			}
			more = true
			continue
		}
		select {
		case <-time.After(awaitedEvery):
			continue
		case <-grace.Done():
		}
		break
	}
	if outer.Err() != nil {
		return more, context.Cause(outer)
	}
	for _, n := range r.awaited {
		r.report.NotApplied = append(r.report.NotApplied, NotApplied{ID: n.ID, From: n.From,
			Reason: fmt.Sprintf("nobody serves %s %s: install what brings it, then restore again", n.Kind.GroupVersion(), n.ID.Kind)})
	}
	return more, nil
}

// walkAgain plans for what the cluster serves now, and applies what came of it.
func (r *restore) walkAgain(ctx context.Context, s *run.Scope) error {
	if err := r.makePlan(ctx, s); err != nil {
		return err
	}
	return r.applyPlan(ctx, s)
}
