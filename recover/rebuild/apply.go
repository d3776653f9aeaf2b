package rebuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
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
	if err := r.recordInventory(ctx, r.plan, false); err != nil {
		return fmt.Errorf("write the inventory of the restore: %w", err)
	}
	current, err := r.current(ctx)
	if err != nil {
		return err
	}
	tally := tally{}
	a := &applier{cluster: r.cluster, current: current, changed: r.changed, within: r.req.Wait}
	w := &walk{target: a, nodes: r.plan.Nodes, deadline: r.req.Wait, finished: func(f fate) { r.note(s, tally, f) }}
	awaited, err := w.run(ctx)
	r.report.Kinds = tally.counts()
	if err != nil {
		return err
	}
	r.awaited = awaited
	s.Eventf(run.LevelInfo, "apply.done", "%s", tally.words())
	return nil
}

// current returns the objects that need not be applied.
func (r *restore) current(ctx context.Context) (map[object.ID]bool, error) {
	difference, err := r.compare(ctx, r.plan, r.catalogue)
	if err != nil {
		return nil, err
	}
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

// note takes down what became of one node. The walk calls it from one goroutine.
func (r *restore) note(s *run.Scope, t tally, f fate) {
	n := f.node
	if n.Barrier {
		return
	}
	id := n.ID.String()
	if f.err != nil {
		t.add(n, failedToApply)
		reason := f.reason()
		r.mu.Lock()
		r.report.NotApplied = append(r.report.NotApplied, NotApplied{ID: n.ID, From: n.From, Reason: reason})
		r.mu.Unlock()
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
	t.add(n, what)
	s.Event(run.Event{Level: run.LevelDebug, Type: "object.applied", Object: id, Message: string(what)})
	for _, path := range f.applied.Dropped {
		r.warn(s, id, fmt.Sprintf("%s (%s): the server does not know %s, it was left out", n.ID, n.From, path))
	}
	for _, w := range f.applied.Warnings {
		r.warn(s, id, fmt.Sprintf("%s: %s", n.ID, w))
	}
}

func (r *restore) warn(s *run.Scope, object, text string) {
	r.mu.Lock()
	r.report.Warnings = append(r.report.Warnings, text)
	r.mu.Unlock()
	s.Event(run.Event{Level: run.LevelWarn, Type: "object.warning", Object: object, Message: text})
}

// applier is the target of a walk on a live cluster.
type applier struct {
	cluster *kube.Cluster
	current map[object.ID]bool // untouched
	changed map[object.ID]drift.Change
	within  time.Duration
}

var _ target = (*applier)(nil)

// patience is how long an object is tried again that the server refuses only
// because something that was just made has not come through: the kind of a
// definition just established, the service account of a new namespace.
const patience = 15 * time.Second

func (a *applier) apply(ctx context.Context, n *plan.Node) fate {
	if a.current[n.ID] {
		return fate{node: n, untouched: true}
	}
	ctx, cancel := context.WithTimeout(ctx, a.within)
	defer cancel()
	opts := kube.ApplyOptions{
		Labels:      map[string]string{partOfLabel: inventoryID},
		Annotations: map[string]string{object.AppliedAnnotation: object.DigestOf(object.Canonical(n.Object.Unstructured)).Short()},
	}
	if a.changed[n.ID].ByHand {
		if err := a.cluster.TakeOver(ctx, n.Kind, n.ID.Namespace, n.ID.Name, drift.ByPeople); err != nil {
			return fate{node: n, err: err}
		}
	}
	wait := 50 * time.Millisecond
	var waited time.Duration
	for {
		applied, err := a.cluster.Apply(ctx, n.Kind, n.Object.Unstructured, opts)
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
		return a.cluster.Await(ctx, to.Kind, to.ID.Namespace, to.ID.Name, completed)
	case plan.Settled:
		_, err := a.cluster.Settle(ctx, []kube.Target{{Kind: to.Kind, ID: to.ID}}, kube.SettleOptions{})
		return err
	}
	return fmt.Errorf("nothing is known of waiting until %q", until)
}

// completed tells whether a Job or a Pod ended well.
func completed(u *unstructured.Unstructured) (bool, string) {
	if u == nil {
		return false, "it does not exist"
	}
	if phase, _, _ := unstructured.NestedString(u.Object, "status", "phase"); phase == "Succeeded" {
		return true, ""
	}
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["status"] != "True" {
			continue
		}
		switch condition["type"] {
		case "Complete":
			return true, ""
		case "Failed":
			return false, fmt.Sprintf("it failed: %v", condition["message"])
		}
	}
	return false, "it has not completed"
}

// doing is what became of one object.
type doing string

const (
	wasCreated    doing = "created"
	wasChanged    doing = "changed"
	wasUnchanged  doing = "unchanged"
	failedToApply doing = "failed"
)

// tally counts objects by kind.
type tally map[string]*KindCount

func (t tally) add(n *plan.Node, d doing) {
	kind := n.ID.GroupKind().String()
	c := t[kind]
	if c == nil {
		c = &KindCount{Kind: kind}
		t[kind] = c
	}
	c.Total++
	switch d {
	case wasCreated:
		c.Created++
	case wasChanged:
		c.Changed++
	case wasUnchanged:
		c.Unchanged++
	case failedToApply:
		c.Failed++
	}
}

func (t tally) counts() []KindCount {
	counts := make([]KindCount, 0, len(t))
	for _, c := range t {
		counts = append(counts, *c)
	}
	slices.SortFunc(counts, func(a, b KindCount) int { return cmp.Compare(a.Kind, b.Kind) })
	return counts
}

func (t tally) words() string {
	var sum KindCount
	for _, c := range t {
		sum.Created += c.Created
		sum.Changed += c.Changed
		sum.Unchanged += c.Unchanged
		sum.Failed += c.Failed
	}
	text := fmt.Sprintf("%d created, %d changed, %d unchanged", sum.Created, sum.Changed, sum.Unchanged)
	if sum.Failed > 0 {
		text += fmt.Sprintf(", %d not applied", sum.Failed)
	}
	return text
}
