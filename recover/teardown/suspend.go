package teardown

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/run"
)

// suspended is what the suspend step journals; that it journaled anything says
// that the cluster is no more what it was.
type suspended struct {
	Objects []object.ID `json:"objects"`
	Stuck   []Stuck     `json:"stuck,omitempty"`
}

// suspend keeps Flux and Argo CD from making again what is removed. Argo CD's
// controllers are stopped, because an Application's own settings are put back by
// whatever made the Application; then its automation is taken out, too, lest
// somebody starts them again.
func (t *teardown) suspend(ctx context.Context, s *run.Scope) error {
	if err := t.lastWord(ctx, s); err != nil {
		return err
	}
	c, err := t.alive(ctx, s)
	if c == nil {
		return err
	}
	var made suspended
	if _, err := s.Recall(&made); err != nil {
		return err
	}
	made.Stuck = nil
	if err := s.Made(ctx, made); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, t.req.Waits.Suspend)
	defer cancel()
	for _, q := range quiets() {
		stuck, err := c.quieten(ctx, q, &made)
		if err != nil {
			return err
		}
		made.Stuck = append(made.Stuck, stuck...)
	}
	if err := s.Made(ctx, made); err != nil {
		return err
	}
	return c.stand(made.Stuck)
}

// quiet is how one kind is kept from acting.
type quiet struct {
	group, kind string
	opts        kube.ListOptions
	// active tells whether there is something to be done about an object.
	active func(u *unstructured.Unstructured) bool
	patch  map[string]any
	// stopped tells that it has come to rest; nil: as soon as it was changed.
	stopped func(u *unstructured.Unstructured) (bool, string)
}

// argoControllers are the labels that Argo CD's manifests and its chart put on
// what acts by itself.
const argoControllers = "app.kubernetes.io/name in (argocd-application-controller,argocd-applicationset-controller)"

// quiets come in this order: what makes Applications before these.
func quiets() []quiet {
	flux := quiet{
		active: func(u *unstructured.Unstructured) bool { return field.Map(u.Object, "spec")["suspend"] != true },
		patch:  map[string]any{"spec": map[string]any{"suspend": true}},
	}
	scaled := quiet{
		group: "apps", opts: kube.ListOptions{LabelSelector: argoControllers},
		active: runs, patch: scaleToZero(), stopped: rests,
	}
	of := func(q quiet, group, kind string) quiet {
		q.group, q.kind = group, kind
		return q
	}
	return []quiet{
		of(flux, "kustomize.toolkit.fluxcd.io", "Kustomization"),
		of(flux, "helm.toolkit.fluxcd.io", "HelmRelease"),
		of(scaled, "apps", "Deployment"),
		of(scaled, "apps", "StatefulSet"),
		{
			group: "argoproj.io", kind: "Application",
			active: func(u *unstructured.Unstructured) bool {
				return field.Map(u.Object, "spec", "syncPolicy")["automated"] != nil || u.Object["operation"] != nil
			},
			patch: map[string]any{"spec": map[string]any{"syncPolicy": map[string]any{"automated": nil}}, "operation": nil},
		},
	}
}

func scaleToZero() map[string]any {
	return map[string]any{"spec": map[string]any{"replicas": 0}}
}

// runs tells whether a workload is to have Pods.
func runs(u *unstructured.Unstructured) bool {
	n, set := field.Number(u.Object, "spec", "replicas")
	return !set || n > 0
}

// rests tells whether a workload has none any more.
func rests(u *unstructured.Unstructured) (bool, string) {
	if u == nil {
		return true, ""
	}
	n, _ := field.Number(u.Object, "status", "replicas")
	seen, _ := field.Number(u.Object, "status", "observedGeneration")
	if n == 0 && seen >= u.GetGeneration() {
		return true, ""
	}
	return false, fmt.Sprintf("it still has %d Pods", n)
}

// quieten changes the active objects of a kind, and waits until they rest.
func (c *session) quieten(ctx context.Context, q quiet, made *suspended) ([]Stuck, error) {
	kind, served := c.kind(q.group, q.kind)
	if !served {
		return nil, nil
	}
	list, err := c.list(ctx, kind, q.opts, func(u *unstructured.Unstructured) bool {
		return q.active(u) || q.stopped != nil
	})
	if err != nil {
		return nil, err
	}
	for _, u := range list {
		if !q.active(u) {
			continue
		}
		if id := object.IDOf(u); !slices.Contains(made.Objects, id) {
			made.Objects = append(made.Objects, id)
		}
		c.s.Event(run.Event{Type: "teardown.suspend", Object: object.IDOf(u).String()})
	}
	if err := c.s.Made(ctx, made); err != nil {
		return nil, err
	}
	var stuck []Stuck
	c.each(ctx, list, func(ctx context.Context, u *unstructured.Unstructured) error {
		if !q.active(u) {
			return nil
		}
		return c.cluster.Merge(ctx, kind, u.GetNamespace(), u.GetName(), u.GetUID(), manager, q.patch)
	})
	for _, u := range list {
		id := object.IDOf(u)
		why := c.trouble(id)
		if why == "" && q.stopped != nil {
			if err := c.cluster.Await(ctx, kind, id.Namespace, id.Name, q.stopped); err != nil {
				why = err.Error()
			}
		}
		if why != "" {
			stuck = append(stuck, Stuck{Object: id.String(), Why: why})
		}
	}
	return stuck, nil
}
