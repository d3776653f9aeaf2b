package rebuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// leftover is an object that an earlier restore made and this commit lacks.
type leftover struct {
	id   object.ID
	kind object.Kind
	uid  types.UID
}

// prune removes what earlier restores made and this commit does not have. It
// comes after everything else has been applied and has settled, and not at all
// when something failed: what is to be removed may still be needed. Only what
// bears the inventory's marks is touched, by uid; what every cluster has, what
// holds data and what others live in stays. What could not be removed is named,
// and never keeps the rest from being removed.
func (r *restore) prune(ctx context.Context, s *run.Scope) error {
	switch {
	case !r.req.Prune:
		s.Skip("not asked for")
		return nil
	case r.failed() > 0:
		s.Skip(fmt.Sprintf("%d objects were not applied, so that nothing is removed", r.failed()))
		return nil
	case len(r.given) > 0:
		s.Skip(fmt.Sprintf("%d objects were skipped, so that nothing is removed", len(r.given)))
		return nil
	}
	leftovers, strangers, err := r.leftovers(ctx)
	if err != nil {
		return err
	}
	if err := r.sweep(ctx, s, leftovers, strangers); err != nil {
		return err
	}
	if len(r.report.Kept) == 0 {
		return r.recordInventory(ctx, r.plan, true)
	}
	return nil
}

// sweep gives back what is to be, and removes the leftovers in their phases. Much
// time may pass before those that others live in: what is in them is looked up
// again just before, and so is everything once kinds can be listed that could
// not, perhaps because of an APIService that the first phase removed.
func (r *restore) sweep(ctx context.Context, s *run.Scope, found []leftover, strangers map[object.ID]int) error {
	r.giveBack(ctx, s, r.returned)
	for phase := range lastPhase + 1 {
		doomed := slices.ContainsFunc(found, func(l leftover) bool { return phaseOf(l.id) == phase && houses(l.id) })
		if doomed || phase > 0 && len(r.catalogue.Failed) > 0 {
			var err error
			if r.catalogue, err = r.cluster.Discover(ctx); err != nil {
				return err
			}
			if found, strangers, err = r.leftovers(ctx); err != nil {
				return err
			}
			r.giveBack(ctx, s, slices.DeleteFunc(r.returned, r.wasKept)) // what others live in since
		}
		r.prunePhase(ctx, s, phase, found, strangers)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// lastPhase is the highest phaseOf.
const lastPhase = 4

// phaseOf is when an object is removed: what could block a removal first, custom
// resources while their controllers live, and last what others live in.
func phaseOf(id object.ID) int {
	switch id.GroupKind().String() {
	case "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
		"MutatingWebhookConfiguration.admissionregistration.k8s.io",
		"APIService.apiregistration.k8s.io":
		return 0
	case "CustomResourceDefinition.apiextensions.k8s.io":
		return 3
	case "Namespace":
		return 4
	}
	if builtInGroup(id.Group) {
		return 2
	}
	return 1
}

func builtInGroup(group string) bool {
	switch group {
	case "", "apps", "batch", "autoscaling", "policy":
		return true
	}
	return strings.HasSuffix(group, ".k8s.io")
}

// leftovers lists what bears the inventory's mark and is not in the plan, and
// counts, for namespaces and definitions, what else is in them that nobody
// restored. What is to be given back of a borrowed cluster goes to r.returned.
func (r *restore) leftovers(ctx context.Context) ([]leftover, map[object.ID]int, error) {
	planned := make(map[object.ID]bool, len(r.plan.Nodes))
	for _, n := range r.plan.Nodes {
		planned[n.ID] = true
	}
	baseline, err := r.e.baseline(ctx, r.id)
	if err != nil {
		return nil, nil, err
	}
	strangers := map[object.ID]int{}
	var found []leftover
	r.returned = nil
	inhabited := map[object.ID]bool{} // by others, for good
	for _, kind := range r.catalogue.Kinds() {
		if !kind.Can("list") || !kind.Can("delete") {
			continue
		}
		definition := object.ID{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: kind.Resource + "." + kind.Group}
		err := live{r.cluster}.List(ctx, kind, true, func(u *unstructured.Unstructured) error {
			id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
			switch {
			case planned[id]:
				strangers[definition]++
				strangers[object.ID{Kind: "Namespace", Name: id.Namespace}]++
			case r.borrowed() && r.ours(u) && (takenOver(u) || capture.Every(id, u)):
				r.returned = append(r.returned, leftover{id: id, kind: kind, uid: u.GetUID()})
				inhabited[definition], inhabited[object.ID{Kind: "Namespace", Name: id.Namespace}] = true, true
			case capture.Every(id, u) || baseline.Has(id):
			case r.ours(u), r.emptying && isSecret(id) && u.GetAnnotations()[carriedAnnotation] != "":
				found = append(found, leftover{id: id, kind: kind, uid: u.GetUID()})
				if holdsData(id) && !r.req.AllowDataLoss {
					strangers[object.ID{Kind: "Namespace", Name: id.Namespace}]++
				}
			case capture.Made(id, u).Taken() || holdsData(id):
				strangers[definition]++
				strangers[object.ID{Kind: "Namespace", Name: id.Namespace}]++
				inhabited[definition], inhabited[object.ID{Kind: "Namespace", Name: id.Namespace}] = true, true
			}
			return nil
		})
		if err != nil && !errors.Is(err, drift.ErrNotServed) { // its definition went just now
			return nil, nil, fmt.Errorf("list %s to prune: %w", kind.Resource, err)
		}
	}
	if r.borrowed() { // what others live in is theirs by now
		found = slices.DeleteFunc(found, func(l leftover) bool {
			if inhabited[l.id] {
				r.returned = append(r.returned, l)
			}
			return inhabited[l.id]
		})
	}
	slices.SortFunc(found, func(a, b leftover) int { return a.id.Compare(b.id) })
	return found, strangers, nil
}

// houses tells whether other objects go with an object of that kind.
func houses(id object.ID) bool { return phaseOf(id) >= 3 }

func holdsData(id object.ID) bool {
	return id.Group == "" && (id.Kind == "PersistentVolumeClaim" || id.Kind == "PersistentVolume")
}

// prunePhase removes the leftovers of one phase, at once, and waits until they
// are gone. Each phase has a deadline of its own: what is stuck in one must not
// keep those of the next.
func (r *restore) prunePhase(ctx context.Context, s *run.Scope, phase int, all []leftover, strangers map[object.ID]int) {
	ctx, cancel := context.WithTimeout(ctx, r.req.Wait)
	defer cancel()
	var gone []leftover
	for _, l := range all {
		if phaseOf(l.id) != phase {
			continue
		}
		if why := r.keep(l, strangers); why != "" {
			r.kept(s, l, why)
			continue
		}
		gone = append(gone, l)
	}
	failures := make([]error, len(gone))
	var g errgroup.Group
	g.SetLimit(16)
	for i, l := range gone {
		g.Go(func() error {
			failures[i] = r.removeOne(ctx, l)
			return nil
		})
	}
	_ = g.Wait() // what failed is in failures
	for i, l := range gone {
		if failures[i] != nil {
			r.kept(s, l, failures[i].Error())
			continue
		}
		r.report.Pruned = append(r.report.Pruned, l.id)
		s.Event(run.Event{Type: "object.pruned", Object: l.id.String()})
	}
}

func (r *restore) removeOne(ctx context.Context, l leftover) error {
	if err := r.cluster.Delete(ctx, l.kind, l.id.Namespace, l.id.Name, l.uid, kube.DeleteOptions{}); err != nil {
		return err
	}
	return r.cluster.AwaitGone(ctx, l.kind, l.id.Namespace, l.id.Name, string(l.uid))
}

func (r *restore) kept(s *run.Scope, l leftover, why string) {
	r.report.Kept = append(r.report.Kept, NotApplied{ID: l.id, Reason: why})
	s.Event(run.Event{Level: run.LevelWarn, Type: "object.kept", Object: l.id.String(), Message: why})
}

func (r *restore) wasKept(l leftover) bool {
	return slices.ContainsFunc(r.report.Kept, func(k NotApplied) bool { return k.ID == l.id })
}

// keep says why a leftover has to stay; empty when it can go.
func (r *restore) keep(l leftover, strangers map[object.ID]int) string {
	if r.borrowed() && houses(l.id) && strangers[l.id] > 0 {
		return fmt.Sprintf("%d objects in it would go with it, which are to stay", strangers[l.id])
	}
	unknown := l.id.Kind == "Namespace" && len(r.catalogue.Failed) > 0
	if r.borrowed() && unknown {
		return "some kinds cannot be listed now, so that what of others is in it is unknown: " + r.undescribed()
	}
	if r.req.AllowDataLoss {
		return ""
	}
	if holdsData(l.id) {
		return "it holds data that may exist nowhere else: --allow-data-loss removes it"
	}
	if !houses(l.id) {
		return ""
	}
	if n := strangers[l.id]; n > 0 {
		return fmt.Sprintf("%d objects in it would go with it that no restore is to remove: --allow-data-loss removes them too", n)
	}
	if unknown {
		return "some kinds cannot be listed now, so that what else is in it is unknown: --allow-data-loss removes it all the same"
	}
	return ""
}

// undescribed names a group version that the server could not describe.
func (r *restore) undescribed() string {
	versions := slices.SortedFunc(maps.Keys(r.catalogue.Failed), func(a, b schema.GroupVersion) int {
		return strings.Compare(a.String(), b.String())
	})
	return fmt.Sprintf("%s (%s)", versions[0], r.catalogue.Failed[versions[0]])
}
