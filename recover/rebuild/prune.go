package rebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// leftover is an object that an earlier restore made and this commit lacks.
type leftover struct {
	id   object.ID
	kind object.Kind
	uid  types.UID
}

// prune removes what earlier restores made and this commit does not have. Only
// what bears the inventory's mark is touched, by uid; what holds data or what
// others made stays unless the person said that the loss is fine.
func (r *restore) prune(ctx context.Context, s *run.Scope) error {
	if !r.req.Prune {
		s.Skip("not asked for")
		return nil
	}
	leftovers, strangers, err := r.leftovers(ctx)
	if err != nil {
		return err
	}
	for phase := range lastPhase + 1 {
		if err := r.prunePhase(ctx, s, phase, leftovers, strangers); err != nil {
			return err
		}
	}
	if len(r.report.Kept) == 0 {
		return r.recordInventory(ctx, r.plan, true)
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
// restored.
func (r *restore) leftovers(ctx context.Context) ([]leftover, map[object.ID]int, error) {
	planned := make(map[object.ID]bool, len(r.plan.Nodes))
	for _, n := range r.plan.Nodes {
		planned[n.ID] = true
	}
	strangers := map[object.ID]int{}
	var found []leftover
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
			case restored(u):
				found = append(found, leftover{id: id, kind: kind, uid: u.GetUID()})
				if holdsData(id) {
					strangers[object.ID{Kind: "Namespace", Name: id.Namespace}]++
				}
			case !drift.Derived(id, u) || holdsData(id):
				strangers[definition]++
				strangers[object.ID{Kind: "Namespace", Name: id.Namespace}]++
			}
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("list %s to prune: %w", kind.Resource, err)
		}
	}
	slices.SortFunc(found, func(a, b leftover) int { return a.id.Compare(b.id) })
	return found, strangers, nil
}

func holdsData(id object.ID) bool {
	return id.Group == "" && (id.Kind == "PersistentVolumeClaim" || id.Kind == "PersistentVolume")
}

func (r *restore) prunePhase(ctx context.Context, s *run.Scope, phase int, all []leftover, strangers map[object.ID]int) error {
	var gone []leftover
	for _, l := range all {
		if phaseOf(l.id) != phase {
			continue
		}
		if why := r.keep(l, strangers); why != "" {
			r.report.Kept = append(r.report.Kept, NotApplied{ID: l.id, Reason: why})
			s.Event(run.Event{Level: run.LevelWarn, Type: "object.kept", Object: l.id.String(), Message: why})
			continue
		}
		gone = append(gone, l)
	}
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, l := range gone {
		g.Go(func() error {
			return r.cluster.Delete(within, l.kind, l.id.Namespace, l.id.Name, l.uid, kube.DeleteOptions{})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.awaitGone(ctx, s, gone)
}

// keep says why a leftover has to stay; empty when it can go.
func (r *restore) keep(l leftover, strangers map[object.ID]int) string {
	if r.req.AllowDataLoss {
		return ""
	}
	if holdsData(l.id) {
		return "it holds data that may exist nowhere else: --allow-data-loss removes it"
	}
	if n := strangers[l.id]; n > 0 && (l.id.Kind == "Namespace" || l.id.Kind == "CustomResourceDefinition") {
		return fmt.Sprintf("%d objects in it would go with it that no restore is to remove: --allow-data-loss removes them too", n)
	}
	return ""
}

func (r *restore) awaitGone(ctx context.Context, s *run.Scope, gone []leftover) error {
	within, cancel := context.WithTimeout(ctx, r.req.Wait)
	defer cancel()
	g, within := errgroup.WithContext(within)
	g.SetLimit(16)
	for _, l := range gone {
		g.Go(func() error {
			if err := r.cluster.AwaitGone(within, l.kind, l.id.Namespace, l.id.Name, string(l.uid)); err != nil {
				return fmt.Errorf("prune %s: %w", l.id, err)
			}
			r.mu.Lock()
			r.report.Pruned = append(r.report.Pruned, l.id)
			r.mu.Unlock()
			s.Event(run.Event{Level: run.LevelInfo, Type: "object.pruned", Object: l.id.String()})
			return nil
		})
	}
	return g.Wait()
}
