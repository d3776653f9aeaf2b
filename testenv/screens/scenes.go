package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
)

// scene is keys, what stands on the screen after them and what does not, and the name
// of the picture that is then taken; empty: none.
type scene struct {
	keys    string
	texts   []string
	without string
	picture string
}

func (s *studio) play(ctx context.Context, scenes ...scene) error {
	for _, one := range scenes {
		if err := s.act(ctx, one); err != nil {
			return err
		}
		if one.picture == "" {
			continue
		}
		if err := s.take(one.picture); err != nil {
			return err
		}
	}
	return nil
}

// rebuild walks through a rebuild.
func (s *studio) rebuild(ctx context.Context) error {
	return s.play(ctx,
		scene{texts: []string{"3 clusters", "● awake"}},
		scene{keys: "j", texts: []string{"> shop"}},
		scene{keys: "R", texts: []string{"[2 commit]", "(v1.2)"}},
		scene{texts: []string{"> cac8a08", "against what was restored last"}},
		scene{keys: "\tG", texts: []string{"- CronJob.batch"}, picture: "commits"},
		scene{keys: "\t\r", texts: []string{"[3 where]", "as declared"}},
		scene{keys: "\r", texts: []string{"[4 plan]", "objects onto"}},
		scene{keys: "pjjjjjjl", texts: []string{"prune on", "Service"}, picture: "plan"},
		scene{keys: "\r", texts: []string{"[5 confirm]"}},
		scene{keys: "\r", texts: []string{"Type shop"}},
		scene{keys: "shop\r", texts: []string{"[6 run]", "◐ settle", "settled"}, picture: "run"},
		scene{texts: []string{"[7 report]", "✓ verified"}},
		scene{keys: "q", texts: []string{"rekindle › clusters "}},
	)
}

// drift looks at what a person has changed since.
func (s *studio) drift(ctx context.Context) error {
	if err := s.edit(ctx); err != nil {
		return err
	}
	return s.play(ctx,
		scene{keys: "d", texts: []string{"clusters › drift", "Deployment", "ConfigMap"}},
		scene{keys: "jjj\r", texts: []string{"EUR", "USD"}, picture: "drift"},
		scene{keys: "1", texts: []string{"rekindle › clusters "}},
	)
}

// rest looks at what is left.
func (s *studio) rest(ctx context.Context) error {
	if err := run(s.command(ctx, "keep", "shop", "--until", "2h", "--why", "the demo goes on")); err != nil {
		return err
	}
	if err := run(s.command(ctx, "drift", "shop", "--export")); err != nil {
		return err
	}
	return s.play(ctx,
		scene{texts: []string{"3 clusters", "~3"}, picture: "clusters"},
		scene{keys: "3", texts: []string{"clusters › schedule", "staging"}, without: "reading"},
		scene{keys: "j", texts: []string{"> shop"}, picture: "schedule"},
	)
}

// edit does to the cluster what people do when they are in a hurry.
func (s *studio) edit(ctx context.Context) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	kubeconfig, err := p.Connect(ctx, "shop")
	if err != nil {
		return err
	}
	c, err := kube.Connect(kubeconfig, "", kube.Options{UserAgent: "screens", FieldManager: "kubectl-create", Now: time.Now})
	if err != nil {
		return err
	}
	kinds := map[string]object.Kind{}
	catalogue, err := c.Discover(ctx)
	if err != nil {
		return err
	}
	for _, gvk := range []schema.GroupVersionKind{{Version: "v1", Kind: "ConfigMap"}, {Version: "v1", Kind: "Service"}, {Group: "apps", Version: "v1", Kind: "Deployment"}} {
		kind, ok := catalogue.Lookup(gvk)
		if !ok {
			return fmt.Errorf("the cluster serves no %s", gvk.Kind)
		}
		kinds[gvk.Kind] = kind
	}
	container := map[string]any{"name": "web", "image": "registry.example.com/shop/web:1.2-hotfix"}
	spec := map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{container}}}}
	if err := c.Merge(ctx, kinds["Deployment"], "shop", "worker", "", "kubectl-edit", map[string]any{"spec": map[string]any{"replicas": 5}}); err != nil {
		return err
	}
	if err := c.Merge(ctx, kinds["Deployment"], "shop", "web", "", "kubectl-edit", map[string]any{"spec": spec}); err != nil {
		return err
	}
	if err := c.Merge(ctx, kinds["ConfigMap"], "shop", "web", "", "kubectl-edit", map[string]any{"data": map[string]any{"currency": "USD"}}); err != nil {
		return err
	}
	if err := c.Delete(ctx, kinds["Service"], "shop", "web", "", kube.DeleteOptions{}); err != nil {
		return err
	}
	notes := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "notes", "namespace": "shop"}, "data": map[string]any{"todo": "undo all of this"}}}
	return c.Create(ctx, kinds["ConfigMap"], notes, kube.ApplyOptions{})
}
