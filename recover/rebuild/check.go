package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// agreed is what the check step journals once a person agreed to a change in
// place, so that a resumed run does not ask again.
type agreed struct {
	InPlace bool `json:"inPlace"`
}

// check refuses what should not be begun: kinds that the target cannot serve,
// and changes to an existing cluster that nobody agreed to. Nothing has been
// made so far.
func (r *restore) check(ctx context.Context, s *run.Scope) error {
	var birth provisioned
	begun, err := s.RecallStep("provision", &birth)
	if err != nil {
		return err
	}
	if begun && r.found != nil && r.found.ID != birth.ID {
		return &providers.TakenError{Provider: r.req.Provider, Name: r.req.Cluster, Wanted: birth.ID, Have: r.found.ID}
	}
	inPlace := r.found != nil && !r.req.Fresh && (!begun || birth.InPlace)
	exists := plan.EmptyCluster
	if r.cluster != nil && !r.req.Fresh {
		if exists, err = r.existing(ctx); err != nil {
			return err
		}
	}
	if r.plan, err = r.planFor(r.catalogue, exists); err != nil {
		return err
	}
	if err := r.refuseUnserved(s); err != nil {
		return err
	}
	if err := r.chooseCarried(ctx, s, exists); err != nil {
		return err
	}
	if !inPlace {
		return nil
	}
	return r.agree(ctx, s)
}

// refuseUnserved stops a restore that would leave objects out without anybody
// knowing.
func (r *restore) refuseUnserved(s *run.Scope) error {
	unserved := r.plan.Unserved
	if len(unserved) == 0 {
		return nil
	}
	convertible := 0
	for _, u := range unserved {
		s.Event(run.Event{Level: run.LevelWarn, Type: "plan.unserved", Object: u.ID.String(),
			Message: strings.TrimSuffix(u.APIVersion+": "+u.Reason+": "+u.Remedy, ": ")})
		if strings.Contains(u.Remedy, "--convert") {
			convertible++
		}
	}
	if r.req.AllowUnserved {
		return nil
	}
	objects, _ := extent(r.plan)
	refusal := &RefusedError{
		Reason:   fmt.Sprintf("the target (Kubernetes %s) does not serve %d of %d objects; nothing was made", r.catalogue.Server, len(unserved), objects),
		Remedy:   "--allow-unserved goes on without them",
		Unserved: unserved,
	}
	if convertible > 0 {
		refusal.Remedy = fmt.Sprintf("--convert replaces the API version of %d of them; %s", convertible, refusal.Remedy)
	}
	return refusal
}

// agree shows what a restore in place would change, and asks.
func (r *restore) agree(ctx context.Context, s *run.Scope) error {
	var earlier agreed
	if asked, err := s.Recall(&earlier); err != nil || asked && earlier.InPlace {
		return err
	}
	if r.cluster == nil {
		return r.refuseStopped(ctx)
	}
	difference, err := r.compare(ctx, r.plan, r.catalogue)
	if err != nil {
		return err
	}
	d := InPlace{Cluster: *r.found, Commit: r.commit, Drift: difference, Prune: r.req.Prune,
		TakenOver: r.takeOvers(difference), GivenBack: r.givenUp}
	s.Eventf(run.LevelInfo, "check.difference", "in place: %d to create, %d to change, %d unexpected",
		len(difference.Missing), len(difference.Changed), len(difference.Unexpected))
	if d.Changes() {
		yes, err := r.consent(ctx, d)
		if err != nil {
			return err
		}
		if !yes {
			return &RefusedError{Reason: "not agreed: the cluster stays as it is"}
		}
	}
	return s.Made(ctx, agreed{InPlace: true})
}

// refuseStopped says what to do with a cluster that is there and does not run:
// start it, go on with the run that was making it, or make it anew.
func (r *restore) refuseStopped(ctx context.Context) error {
	next := "start it with: rekindle clusters start " + r.found.Name
	if r.found.State != providers.StateStopped {
		next = "make it anew with --fresh --confirm " + r.found.Name
		if _, can := r.provider.(providers.Hibernator); can && r.found.State == providers.StateBroken {
			next = "start it again with: rekindle clusters start " + r.found.Name + ", or " + next
		}
		unfinished, err := r.e.Journal.Runs(ctx, run.Filter{Cluster: r.found.Name, Recipe: Recipe, Unfinished: true})
		if err != nil {
			return err
		}
		for _, u := range unfinished {
			var p provisioned
			if step, ok := u.Step("provision"); ok && json.Unmarshal(step.Made, &p) == nil && p.ID == r.found.ID {
				next = "go on with the run that was making it: rekindle runs resume " + u.ID
			}
		}
	}
	return &RefusedError{Reason: fmt.Sprintf("cluster %q is %s, so that what a restore would change cannot be shown", r.found.Name, r.found.State), Remedy: next}
}

// compare compares the live cluster with a plan.
func (r *restore) compare(ctx context.Context, p *plan.Plan, catalogue *object.Catalogue) (*drift.Report, error) {
	baseline, err := r.e.baseline(ctx, r.clusterID())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.req.Wait)
	defer cancel()
	filter, err := capture.New(capture.Options{Birth: baseline})
	if err != nil {
		return nil, err
	}
	seen, err := r.sight(p)
	if err != nil {
		return nil, err
	}
	difference, err := drift.Compare(ctx, seen, expected(p, catalogue), drift.Options{
		Commit:    r.commit.SHA,
		Catalogue: catalogue,
		Capture:   filter,
		Restored:  r.ours,
	})
	if err == nil {
		r.theirs(difference, seen)
		r.account(difference, seen)
	}
	return difference, err
}

// clusterID is the unique id of the cluster, as far as it is known.
func (r *restore) clusterID() string {
	if r.id == "" && r.found != nil {
		return r.found.ID
	}
	return r.id
}

// expected are the objects of p that the target serves, or will.
func expected(p *plan.Plan, catalogue *object.Catalogue) []drift.Expected {
	list := make([]drift.Expected, 0, len(p.Nodes))
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Barrier || n.Removed || n.Awaited {
			continue
		}
		kind, served := catalogue.Lookup(n.Kind.GroupVersionKind)
		if !served {
			kind = n.Kind
		}
		list = append(list, drift.Expected{Object: n.Object, Kind: kind, Unserved: !served})
	}
	return list
}

// existingKinds are what a plan asks the target for.
var existingKinds = map[string]bool{
	"Namespace": true, "StorageClass.storage.k8s.io": true, "IngressClass.networking.k8s.io": true,
	"PriorityClass.scheduling.k8s.io": true, "RuntimeClass.node.k8s.io": true, "VolumeSnapshotClass.snapshot.storage.k8s.io": true,
	"GatewayClass.gateway.networking.k8s.io": true, "CustomResourceDefinition.apiextensions.k8s.io": true,
}

// existing lists what a plan asks the target for, namespaces, classes,
// definitions, as far as others made them. For who only looks, what may not be
// listed is taken to exist.
func (r *restore) existing(ctx context.Context) (func(object.ID) bool, error) {
	have, hidden := map[object.ID]bool{}, map[schema.GroupKind]bool{}
	for _, kind := range r.catalogue.Kinds() {
		if !existingKinds[kind.GroupKind().String()] {
			continue
		}
		err := live{r.cluster}.List(ctx, kind, true, func(u *unstructured.Unstructured) error {
			if r.ours(u) && !takenOver(u) { // what a restore made, this plan has to account for
				return nil
			}
			have[object.ID{Group: kind.Group, Kind: kind.Kind, Name: u.GetName()}] = true
			return nil
		})
		switch {
		case r.looking && apierrors.IsForbidden(err):
			hidden[kind.GroupKind()] = true
		case err != nil:
			return nil, fmt.Errorf("list %s: %w", kind.Resource, err)
		}
	}
	return func(id object.ID) bool { return have[id] || hidden[id.GroupKind()] }, nil
}
