package teardown

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/run"
)

// stops says how a workload is kept from making Pods. Objects of operators are not
// among them and are never deleted either: their operators may take that for the
// wish to delete what they stand for, such as a database somewhere else.
func stops(gk schema.GroupKind) (active func(*unstructured.Unstructured) bool, patch map[string]any) {
	suspend := map[string]any{"spec": map[string]any{"suspend": true}}
	awake := func(u *unstructured.Unstructured) bool { return field.Map(u.Object, "spec")["suspend"] != true }
	switch gk.String() {
	case "Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps", "ReplicationController":
		return runs, scaleToZero()
	case "Job.batch", "CronJob.batch":
		return awake, suspend
	case "DaemonSet.apps":
		const nowhere = "rekindle.io/torn-down"
		return func(u *unstructured.Unstructured) bool {
				return field.Text(u.Object, "spec", "template", "spec", "nodeSelector", nowhere) == ""
			}, map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
				"nodeSelector": map[string]any{nowhere: "true"}}}}}
	}
	return nil, nil
}

// stopHolders stops what makes Pods that use claims, and every StatefulSet that
// makes claims.
func (d *draining) stopHolders(ctx context.Context, _ []*unstructured.Unstructured) error {
	_, pods, err := d.holders(ctx)
	if err != nil {
		return err
	}
	makers := map[object.ID]bool{}
	for _, p := range pods {
		if err := d.makersOf(ctx, p, makers, 0); err != nil {
			return err
		}
	}
	if kind, served := d.kind("apps", "StatefulSet"); served {
		sets, err := d.list(ctx, kind, kube.ListOptions{}, func(u *unstructured.Unstructured) bool {
			return len(field.List(u.Object, "spec", "volumeClaimTemplates")) > 0
		})
		if err != nil {
			return err
		}
		for _, u := range sets {
			makers[object.IDOf(u)] = true
		}
	}
	for id := range makers {
		if err := d.stop(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// makersOf collects who controls an object, and who controls that one.
func (d *draining) makersOf(ctx context.Context, u *unstructured.Unstructured, makers map[object.ID]bool, depth int) error {
	const deepest = 4
	for _, o := range u.GetOwnerReferences() {
		gv, err := schema.ParseGroupVersion(o.APIVersion)
		id := object.ID{Group: gv.Group, Kind: o.Kind, Namespace: u.GetNamespace(), Name: o.Name}
		if err != nil || o.Controller == nil || !*o.Controller || makers[id] || depth == deepest {
			continue
		}
		kind, served := d.kind(id.Group, id.Kind)
		if active, _ := stops(id.GroupKind()); active == nil || !served {
			continue
		}
		makers[id] = true
		owner, err := d.cluster.Get(ctx, kind, id.Namespace, id.Name)
		if errors.Is(err, kube.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := d.makersOf(ctx, owner, makers, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// stop keeps one workload from making Pods. What cannot be changed shows in what is
// stuck behind it.
func (d *draining) stop(ctx context.Context, id object.ID) error {
	kind, _ := d.kind(id.Group, id.Kind)
	u, err := d.cluster.Get(ctx, kind, id.Namespace, id.Name)
	if errors.Is(err, kube.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	active, patch := stops(id.GroupKind())
	if !active(u) {
		return nil
	}
	err = d.cluster.Merge(ctx, kind, id.Namespace, id.Name, u.GetUID(), manager, patch)
	if err != nil && !errors.Is(err, kube.ErrNotFound) {
		if ctx.Err() != nil {
			return err
		}
		d.s.Event(run.Event{Level: run.LevelWarn, Type: "teardown.not-stopped", Object: id.String(), Message: err.Error()})
		return nil
	}
	d.s.Event(run.Event{Type: "teardown.stop", Object: id.String()})
	return nil
}
