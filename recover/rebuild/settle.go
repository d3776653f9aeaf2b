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
	if err := r.settleNodes(within, ctx, s, r.settleable()); err != nil {
		return err
	}
	late, err := r.applyAwaited(within, ctx, s)
	if err != nil {
		return err
	}
	if err := r.settleNodes(within, ctx, s, late); err != nil {
		return err
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
func (r *restore) settleNodes(within, outer context.Context, s *run.Scope, nodes []*plan.Node) error {
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
	statuses, err := r.cluster.Settle(within, judged, kube.SettleOptions{LabelSelector: partOfLabel + "=" + inventoryID, OnStatus: func(st kube.Status) {
		s.Event(run.Event{Level: run.LevelDebug, Type: "object." + string(st.State), Object: st.ID.String(), Message: st.Message})
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
		s.Event(run.Event{Level: run.LevelWarn, Type: "object.unsettled", Object: st.ID.String(), Message: words(st)})
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

// applyAwaited tries the objects of kinds that nobody served when they were
// planned, as discovery grows, until a grace period after everything else has
// settled. It returns those that were applied; the others are reported.
func (r *restore) applyAwaited(within, outer context.Context, s *run.Scope) ([]*plan.Node, error) {
	if len(r.awaited) == 0 {
		return nil, nil
	}
	grace, cancel := context.WithTimeout(within, awaitGrace)
	defer cancel()
	a := &applier{cluster: r.cluster, within: awaitGrace}
	var applied []*plan.Node
	for {
		catalogue, err := r.cluster.Discover(outer)
		if err != nil {
			return nil, err
		}
		r.catalogue = catalogue
		r.awaited = slices.DeleteFunc(r.awaited, func(n *plan.Node) bool {
			kind, served := catalogue.Lookup(n.Kind.GroupVersionKind)
			if !served {
				return false
			}
			n.Kind = kind
			n.Awaited = false
			f := a.apply(outer, n)
			if f.err == nil {
				applied = append(applied, n)
			}
			t := tallyOf(r.report.Kinds)
			r.note(s, t, f)
			r.report.Kinds = t.counts()
			return true
		})
		if len(r.awaited) == 0 {
			return applied, nil
		}
		select {
		case <-time.After(awaitedEvery):
			continue
		case <-grace.Done():
		}
		if outer.Err() != nil {
			return nil, context.Cause(outer)
		}
		break
	}
	for _, n := range r.awaited {
		r.report.NotApplied = append(r.report.NotApplied, NotApplied{ID: n.ID, From: n.From,
			Reason: fmt.Sprintf("nobody serves %s: install what brings it, then restore again", n.Kind.GroupVersionKind.GroupVersion().WithKind(n.ID.Kind))})
	}
	return applied, nil
}

func tallyOf(counts []KindCount) tally {
	t := tally{}
	for _, c := range counts {
		t[c.Kind] = &c
	}
	return t
}
