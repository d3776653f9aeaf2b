package rebuild

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// makePlan makes the plan again, for the cluster as it is now.
func (r *restore) makePlan(ctx context.Context, s *run.Scope) error {
	if r.cluster == nil { // a resumed run passes over provision
		var p provisioned
		if _, err := s.RecallStep("provision", &p); err != nil {
			return err
		}
		r.id = p.ID
		if err := r.revive(ctx, s); err != nil {
			return err
		}
		if err := r.connect(ctx); err != nil {
			return err
		}
	}
	r.id = r.clusterID()
	var err error
	if r.catalogue, err = r.cluster.Discover(ctx); err != nil {
		return err
	}
	if r.rendered.Kind == render.KindHelm { // a chart may ask what the server serves
		if err := r.renderFor(ctx, r.catalogue); err != nil {
			return err
		}
	}
	exists, err := r.existing(ctx)
	if err != nil {
		return err
	}
	if r.plan, err = r.planFor(r.catalogue, exists); err != nil {
		return err
	}
	r.report.ID, r.report.Server = r.id, r.catalogue.Server
	r.report.Fingerprint, r.report.Notes = r.plan.Fingerprint, r.plan.Notes
	objects, waves := extent(r.plan)
	s.Eventf(run.LevelInfo, "plan.made", "%d objects in %d waves", objects, waves)
	return nil
}

// extent is how many objects a plan has, and how many waves deep it is.
func extent(p *plan.Plan) (objects, waves int) {
	for i := range p.Nodes {
		if !p.Nodes[i].Barrier {
			objects++
		}
		waves = max(waves, p.Nodes[i].Wave+1)
	}
	return objects, waves
}

// apply brings the plan onto the cluster. What is there already just as this
// commit has it, from an earlier restore or from the attempt that was cut off,
// is left untouched.
func (r *restore) apply(ctx context.Context, s *run.Scope) error {
	r.fates = map[object.ID]made{}
	r.recallSkips(s)
	r.enter(s)
	if err := r.applyPlan(ctx, s); err != nil {
		return err
	}
	for {
		again, err := r.hold(ctx, s)
		if err != nil {
			return err
		}
		if !again {
			break
		}
		if err := r.proceed(ctx); err != nil { // it begins with the orders
			return err
		}
	}
	s.Eventf(run.LevelInfo, "apply.done", "%s", tallyOf(r.fates).words())
	return nil
}

// applyPlan walks the plan once.
func (r *restore) applyPlan(ctx context.Context, s *run.Scope) error {
	if err := s.Unpaused(ctx); err != nil {
		return err
	}
	if err := r.recordInventory(ctx, r.plan, false); err != nil {
		return fmt.Errorf("write the inventory of the restore: %w", err)
	}
	current, err := r.current(ctx)
	if err != nil {
		return err
	}
	r.report.NotApplied, r.failures = nil, map[object.ID]error{}
	r.applier = &applier{cluster: r.cluster, current: current, changed: r.changed, replicas: r.difference.Replicas, within: r.req.Wait,
		others: r.marksOfOthers(), steering: s}
	if err := r.bring(ctx, s, r.applier); err != nil {
		return err
	}
	r.walk = &walk{target: r.applier, nodes: r.plan.Nodes, deadline: r.req.Wait, steering: s, given: r.given,
		finished: func(f fate) { r.note(r.scope, f) }, followed: r.followed, unwell: r.unwell}
	r.walk.prepare()
	return r.proceed(ctx)
}

// proceed walks on where something is left.
func (r *restore) proceed(ctx context.Context) error {
	var err error
	r.awaited, err = r.walk.proceed(ctx)
	r.report.Kinds = tallyOf(r.fates).counts()
	return err
}

// current returns the objects that need not be applied.
func (r *restore) current(ctx context.Context) (map[object.ID]bool, error) {
	difference, err := r.compare(ctx, r.plan, r.catalogue)
	if err != nil {
		return nil, err
	}
	r.difference = difference
	stale := make(map[object.ID]bool, len(difference.Unstamped))
	for _, id := range difference.Unstamped {
		stale[id] = true
	}
	for _, m := range difference.Missing {
		stale[m.ID] = true
	}
	r.changed = make(map[object.ID]drift.Change, len(difference.Changed))
	for _, c := range difference.Changed {
		stale[c.ID] = true
		r.changed[c.ID] = c
	}
	current := map[object.ID]bool{}
	for _, n := range r.plan.Nodes {
		if !n.Barrier && !stale[n.ID] {
			current[n.ID] = true
		}
	}
	return current, nil
}

// note takes down what became of one node, instead of what was taken down of it
// before. The walk calls it from one goroutine.
func (r *restore) note(s *run.Scope, f fate) {
	n := f.node
	if n.Barrier {
		return
	}
	r.forget(n.ID)
	id := n.ID.String()
	if isGiven := r.given[n.ID] != nil; isGiven && f.err != nil { // told already
		if r.fates[n.ID] == "" {
			r.fates[n.ID] = failedToApply
		}
		return
	}
	if f.err != nil {
		reason := f.reason()
		r.fates[n.ID], r.failures[n.ID] = failedToApply, f.err
		r.report.NotApplied = append(r.report.NotApplied, NotApplied{ID: n.ID, From: n.From, Reason: reason})
		s.Event(run.Event{Level: run.LevelError, Type: "object.failed", Object: id, Message: reason})
		return
	}
	what := wasUnchanged
	_, differed := r.changed[n.ID]
	switch {
	case f.applied.Created:
		what = wasCreated
	case differed:
		what = wasChanged
	}
	if before := r.fates[n.ID]; before == "" || before == failedToApply || what != wasUnchanged {
		r.fates[n.ID] = what
	}
	s.Event(run.Event{Level: run.LevelDebug, Type: "object.applied", Object: id, Message: string(what)})
	for _, path := range f.applied.Dropped {
		r.warn(s, id, fmt.Sprintf("%s (%s): the server does not know %s, it was left out", n.ID, n.From, path))
	}
	for _, w := range f.applied.Warnings {
		r.warn(s, id, fmt.Sprintf("%s: %s", n.ID, w))
	}
}

func (r *restore) warn(s *run.Scope, object, text string) {
	r.report.Warnings = append(r.report.Warnings, text)
	s.Event(run.Event{Level: run.LevelWarn, Type: "object.warning", Object: object, Message: text})
}

// applier is the target of a walk on a live cluster.
type applier struct {
	cluster *kube.Cluster
	mu      sync.Mutex         // guards current
	current map[object.ID]bool // untouched
	changed map[object.ID]drift.Change
	// replicas are what autoscalers have chosen, and keep.
	replicas map[object.ID]int64
	within   time.Duration
	// others are who had what is not ours to remove, which is marked so.
	others   map[object.ID]string
	steering steering
}

var _ target = (*applier)(nil)

// patience is how long an object is tried again that the server refuses only
// because something that was just made has not come through: the kind of a
// definition just established, the service account of a new namespace.
const patience = 15 * time.Second

// renew has the next apply of a node be for real, whatever is there.
func (a *applier) renew(n *plan.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.current, n.ID)
}

func (a *applier) untouched(n *plan.Node) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current[n.ID]
}

func (a *applier) apply(ctx context.Context, n *plan.Node) fate {
	if a.untouched(n) {
		return fate{node: n}
	}
	ctx, cancel := a.steering.Within(ctx, a.within)
	defer cancel()
	opts := kube.ApplyOptions{
		Labels:      map[string]string{partOfLabel: inventoryID},
		Annotations: map[string]string{object.AppliedAnnotation: object.DigestOf(object.Canonical(n.Object.Unstructured)).Short()},
	}
	if from := a.others[n.ID]; from != "" {
		opts.Annotations[takenOverAnnotation] = from
	}
	if a.changed[n.ID].Terminating {
		if err := a.cluster.AwaitGone(ctx, n.Kind, n.ID.Namespace, n.ID.Name, ""); err != nil {
			return fate{node: n, err: err}
		}
	}
	if added := a.changed[n.ID].Added; len(added) > 0 {
		if err := a.cluster.TakeOver(ctx, n.Kind, n.ID.Namespace, n.ID.Name, added); err != nil {
			return fate{node: n, err: err}
		}
	}
	wait := 50 * time.Millisecond
	var waited time.Duration
	for {
		applied, err := a.cluster.Apply(ctx, n.Kind, a.content(n), opts)
		if err == nil || waited >= patience || !comes(err) {
			return fate{node: n, applied: applied, err: err}
		}
		select {
		case <-ctx.Done():
			return fate{node: n, err: err}
		case <-time.After(wait):
		}
		waited += wait
		wait = min(2*wait, time.Second)
	}
}

// content is what to apply for a node: the commit's object, with the replicas
// that an autoscaler has chosen. To leave them out would give them up.
func (a *applier) content(n *plan.Node) *unstructured.Unstructured {
	replicas, chosen := a.replicas[n.ID]
	spec, ok := n.Object.Object["spec"].(map[string]any)
	if _, written := spec["replicas"]; !chosen || !ok || !written {
		return n.Object.Unstructured
	}
	u := n.Object.DeepCopy()
	_ = unstructured.SetNestedField(u.Object, replicas, "spec", "replicas") // spec is a map, as seen above
	return u
}

// comes tells whether what the server lacks may be on its way.
func comes(err error) bool {
	var refused *kube.ApplyError
	if !errors.As(err, &refused) {
		return false
	}
	return refused.Reason == kube.ReasonKindNotServed || refused.Reason == kube.ReasonNamespaceMissing ||
		refused.Reason == kube.ReasonForbidden && strings.Contains(refused.Message, "error looking up service account")
}

func (a *applier) reach(ctx context.Context, to *plan.Node, until plan.Until) error {
	switch until {
	case plan.Established:
		return a.cluster.Established(ctx, to.ID.Name)
	case plan.Endpoints:
		return a.cluster.EndpointsReady(ctx, to.ID.Namespace, to.ID.Name, 0)
	case plan.Completed:
		if to.ID.Kind == "Pod" {
			return a.cluster.Await(ctx, to.Kind, to.ID.Namespace, to.ID.Name, succeeded)
		}
		return a.settled(ctx, to) // a Job has settled when it has completed, and gives up when it failed
	case plan.Settled:
		return a.settled(ctx, to)
	}
	return fmt.Errorf("nothing is known of waiting until %q", until)
}

func (a *applier) settled(ctx context.Context, to *plan.Node) error {
	_, err := a.cluster.Settle(ctx, []kube.Target{{Kind: to.Kind, ID: to.ID}}, kube.SettleOptions{})
	return err
}

// succeeded tells whether a Pod ended well.
func succeeded(u *unstructured.Unstructured) (bool, string) {
	if u == nil {
		return false, "it does not exist"
	}
	phase := field.Text(u.Object, "status", "phase")
	return phase == "Succeeded", "its phase is " + phase
}
