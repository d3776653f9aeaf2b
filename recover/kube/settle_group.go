package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// fewNamespaces is up to how many namespaces are watched one by one; for more,
// one watch over all of them is cheaper.
const fewNamespaces = 3

// group is the targets that one list and watch covers.
type group struct {
	s       *settling
	kind    object.Kind
	opts    ListOptions
	passive bool // settled by existing: a list of metadata is enough
	targets map[name]*progress
	listed  map[name]bool
}

type name struct{ namespace, name string }

func groupsOf(s *settling) []*group {
	byKind := map[schema.GroupVersionResource][]*progress{}
	for _, p := range s.all {
		gvr := p.target.Kind.GroupVersionResource()
		byKind[gvr] = append(byKind[gvr], p)
	}
	var groups []*group
	for _, members := range byKind {
		groups = append(groups, split(s, members)...)
	}
	return groups
}

// split makes one group of members, which are of one kind, or one for each
// namespace when there are few.
func split(s *settling, members []*progress) []*group {
	kind := members[0].target.Kind
	var namespaces []string
	for _, p := range members {
		if ns := p.target.ID.Namespace; kind.Namespaced && !slices.Contains(namespaces, ns) {
			namespaces = append(namespaces, ns)
		}
		if len(namespaces) > fewNamespaces {
			break
		}
	}
	if len(namespaces) > fewNamespaces || !kind.Namespaced {
		namespaces = []string{""}
	}
	byNamespace := map[string]*group{}
	var groups []*group
	for _, ns := range namespaces {
		g := &group{s: s, kind: kind, passive: passive(kind.GroupKind()), targets: map[name]*progress{},
			opts: ListOptions{Namespace: ns, LabelSelector: s.opts.LabelSelector}}
		g.opts.MetadataOnly = g.passive
		byNamespace[ns] = g
		groups = append(groups, g)
	}
	for _, p := range members {
		key := name{p.target.ID.Namespace, p.target.ID.Name}
		if !kind.Namespaced {
			key.namespace = ""
		}
		g := byNamespace[key.namespace]
		if g == nil {
			g = byNamespace[""]
		}
		g.targets[key] = p
	}
	return groups
}

// run follows the objects of the group until ctx ends; of a passive one only
// until all of them were listed once.
func (g *group) run(ctx context.Context) {
	err := g.s.cluster.follow(ctx, g.kind, g.opts, follower{
		begin:  func() { g.listed = make(map[name]bool, len(g.targets)) },
		seen:   g.seen,
		gone:   g.gone,
		listed: g.complete,
		lost:   func(error) {},
	})
	if ctx.Err() != nil || errors.Is(err, errDone) {
		return
	}
	for _, p := range g.targets {
		g.s.report(p, Status{State: StateUnknown, Reason: "Unreadable", Message: err.Error(),
			Hint: fmt.Sprintf("the credentials need list and watch on %s", nameOf(g.kind))}, "")
	}
}

func (g *group) find(u *unstructured.Unstructured) (name, *progress) {
	key := name{u.GetNamespace(), u.GetName()}
	return key, g.targets[key]
}

func (g *group) seen(u *unstructured.Unstructured) error {
	key, p := g.find(u)
	if p == nil {
		return nil
	}
	g.listed[key] = true
	if g.passive {
		g.s.report(p, existing(u), "")
	} else {
		g.s.report(p, assess(u), selectorOf(u))
	}
	return nil
}

// gone: what ran to its end may be cleaned up; everything else is missing.
func (g *group) gone(u *unstructured.Unstructured) error {
	_, p := g.find(u)
	if p == nil || runsToEnd(g.kind) && g.s.isSettled(p) {
		return nil
	}
	g.s.report(p, missingStatus(), "")
	return nil
}

func (g *group) complete() error {
	for key, p := range g.targets {
		if !g.listed[key] && !(runsToEnd(g.kind) && g.s.isSettled(p)) {
			g.s.report(p, missingStatus(), "")
		}
	}
	if g.passive {
		return errDone
	}
	return nil
}

func (s *settling) isSettled(p *progress) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.status.State == StateSettled
}

func missingStatus() Status {
	return Status{State: StateMissing, Reason: "Missing", Message: "it does not exist", Hint: "somebody or some controller has deleted it: apply it again"}
}

// runsToEnd tells the kinds whose objects may be deleted after they succeeded.
func runsToEnd(kind object.Kind) bool {
	return kind.Group == "batch" && kind.Kind == "Job" || kind.Group == "" && kind.Kind == "Pod"
}

// passive tells the kinds of Kubernetes itself that have nothing to wait for.
func passive(gk schema.GroupKind) bool {
	if !builtIn(gk.Group) {
		return false
	}
	switch gk.Kind {
	case "Pod", "PersistentVolumeClaim", "ReplicationController", "Node",
		"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet",
		"Job", "PodDisruptionBudget", "CustomResourceDefinition", "APIService":
		return false
	}
	return true
}
