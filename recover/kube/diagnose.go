package kube

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

const (
	// diagnosesAtOnce is how many objects are looked into at the same time.
	diagnosesAtOnce = 6
	// podsToSee is how many Pods of a workload are looked at.
	podsToSee = 20
	// eventsToSee is how many Events of one object are looked at.
	eventsToSee = 50
)

// finding is the reason for which an object has not settled.
type finding struct {
	Reason, Message, Hint string
	// Log are the last lines of the container whose fault it is.
	Log string
	// said is what the container itself said, which belongs behind Message once
	// it is cleaned.
	said string
	// fine tells that there is nothing to wait for after all.
	fine bool
	// voice is the container whose log tells more; nil when none does.
	voice *voice
}

// evidence is what a diagnosis looks at.
type evidence struct {
	subject *unstructured.Unstructured
	now     time.Time
	// sets are the ReplicaSets of a Deployment.
	sets []*unstructured.Unstructured
	// pods are those of a workload, or the subject itself when it is a Pod.
	pods []*unstructured.Unstructured
	// events are those of all objects here, by uid, oldest first.
	events map[string][]event
	// claims are the PersistentVolumeClaims that are not bound, by name.
	claims map[string]*unstructured.Unstructured
	// classes are the StorageClasses; looked up only when there are claims.
	classes []*unstructured.Unstructured
	// nodes are those of Pods that have not started, by name.
	nodes map[string]*unstructured.Unstructured
	// claimUsed tells whether a Pod uses the subject, when that is a claim.
	claimUsed bool
}

// event is an Event, reduced.
type event struct {
	Type, Reason, Message string
	// field is the part of the object that it is about: "spec.containers{web}".
	field string
}

// about tells whether an event is about that container, or about none.
func (ev event) about(container string) bool {
	named := ev.container()
	return named == "" || named == container
}

// container is the one that an event is about; "" when it is about none.
func (ev event) container() string {
	_, named, _ := strings.Cut(ev.field, "{")
	return strings.TrimSuffix(named, "}")
}

// errEnough ends a list early.
var errEnough = errors.New("enough")

// patient is an object that is looked into.
type patient struct {
	p     *progress
	at    time.Time // when it last moved
	found finding
	err   error
}

// diagnose looks into those that have waited for longer than after without an
// explanation or with an old one, at most that many. Logs come last: a node
// that does not answer costs what its log would have said, and nothing else.
func (s *settling) diagnose(ctx context.Context, after time.Duration, most int) {
	patients := s.patients(after, most)
	atOnce(patients, func(x *patient) {
		var e evidence
		if e, x.err = s.cluster.gather(ctx, x.p.target); x.err != nil {
			return
		}
		if x.found = explain(e); x.found.voice == nil {
			s.explain(x.p, x.at, s.cluster.quote(ctx, x.found))
		}
	})
	atOnce(patients, func(x *patient) {
		if x.err == nil && x.found.voice != nil {
			s.explain(x.p, x.at, s.cluster.quote(ctx, x.found))
		}
	})
}

func (s *settling) patients(after time.Duration, most int) []*patient {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := min(after*5, explainAgain)
	now := s.cluster.opts.Now()
	var list []*patient
	for _, p := range s.all {
		unwell := p.status.State == StateWaiting || p.status.State == StateFailed
		stale := p.explained.IsZero() || now.Sub(p.explained) > again
		if unwell && stale && p.shown.State != "" && now.Sub(p.moved) >= after && len(list) < most {
			list = append(list, &patient{p: p, at: p.moved})
		}
	}
	return list
}

// atOnce does the same for each of a list, for diagnosesAtOnce at the same time.
func atOnce(list []*patient, do func(*patient)) {
	slots := make(chan struct{}, diagnosesAtOnce)
	var wg sync.WaitGroup
	for _, x := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(x)
		})
	}
	wg.Wait()
}

func coreKind(kind, resource string) object.Kind {
	return object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: kind}, Resource: resource, Namespaced: true}
}

func replicaSetKind() object.Kind {
	return object.Kind{GroupVersionKind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}, Resource: "replicasets", Namespaced: true}
}

func storageClassKind() object.Kind {
	return object.Kind{GroupVersionKind: schema.GroupVersionKind{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"}, Resource: "storageclasses"}
}

// gather reads the evidence about a target. What cannot be read besides the
// target itself is left out.
func (c *Cluster) gather(ctx context.Context, t Target) (evidence, error) {
	u, err := c.Get(ctx, t.Kind, t.ID.Namespace, t.ID.Name)
	if err != nil {
		return evidence{}, err
	}
	e := evidence{subject: u, now: c.opts.Now(), events: map[string][]event{}, claims: map[string]*unstructured.Unstructured{}, nodes: map[string]*unstructured.Unstructured{}}
	c.gatherEvents(ctx, e, u)
	switch {
	case u.GetKind() == "Pod":
		e.pods = append(e.pods, u)
	case u.GetKind() == "PersistentVolumeClaim":
		e.claims[u.GetName()] = u
		e.claimUsed = c.claimUsed(ctx, u)
	default:
		c.gatherOwned(ctx, &e)
	}
	for _, p := range e.pods {
		c.gatherClaims(ctx, e, p)
		c.gatherNode(ctx, e, p)
	}
	if len(e.claims) > 0 {
		_ = c.List(ctx, storageClassKind(), ListOptions{}, collect(&e.classes, podsToSee))
	}
	return e, nil
}

// gatherOwned reads the Pods and ReplicaSets that a workload's selector names,
// and the events of the ones that are not well.
func (c *Cluster) gatherOwned(ctx context.Context, e *evidence) {
	selector := selectorOf(e.subject)
	if selector == "" {
		return
	}
	opts := ListOptions{Namespace: e.subject.GetNamespace(), LabelSelector: selector}
	if e.subject.GetKind() == "Deployment" {
		_ = c.List(ctx, replicaSetKind(), opts, collect(&e.sets, podsToSee))
		for _, set := range e.sets {
			if number(set.Object, "status", "replicas") < number(set.Object, "spec", "replicas") {
				c.gatherEvents(ctx, *e, set)
			}
		}
	}
	_ = c.List(ctx, coreKind("Pod", "pods"), opts, collect(&e.pods, podsToSee))
	unwell := 0
	for _, p := range e.pods {
		if conditionOf(p, "Ready").Status == "True" && explainRestarts(*e, p).Reason == "" {
			continue
		}
		if unwell++; unwell > 3 {
			break
		}
		c.gatherEvents(ctx, *e, p)
	}
}

// selectorOf returns the label selector of a workload, "" when it has none.
func selectorOf(u *unstructured.Unstructured) string {
	raw, ok, _ := unstructured.NestedMap(u.Object, "spec", "selector")
	if !ok {
		return ""
	}
	if _, plain := raw["matchLabels"]; !plain && raw["matchExpressions"] == nil { // ReplicationController
		set, _, _ := unstructured.NestedStringMap(u.Object, "spec", "selector")
		return labels.SelectorFromSet(set).String()
	}
	var s metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &s); err != nil {
		return ""
	}
	selector, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		return ""
	}
	return selector.String()
}

// collect returns a receiver for List that keeps up to most objects.
func collect(into *[]*unstructured.Unstructured, most int) func(*unstructured.Unstructured) error {
	return func(u *unstructured.Unstructured) error {
		*into = append(*into, u)
		if len(*into) >= most {
			return errEnough
		}
		return nil
	}
}

func (c *Cluster) gatherEvents(ctx context.Context, e evidence, about *unstructured.Unstructured) {
	uid := string(about.GetUID())
	opts := ListOptions{Namespace: or(about.GetNamespace(), "default"), FieldSelector: "involvedObject.uid=" + uid}
	var found []*unstructured.Unstructured
	_ = c.List(ctx, coreKind("Event", "events"), opts, collect(&found, eventsToSee))
	e.events[uid] = reduced(found)
}

// reduced returns events oldest first.
func reduced(found []*unstructured.Unstructured) []event {
	sortByTime(found)
	var events []event
	for _, u := range found {
		events = append(events, event{Type: text(u.Object, "type"), Reason: text(u.Object, "reason"), Message: text(u.Object, "message"), field: text(u.Object, "involvedObject", "fieldPath")})
	}
	return events
}

// gatherClaims reads the claims of a Pod that waits, and keeps the unbound.
func (c *Cluster) gatherClaims(ctx context.Context, e evidence, pod *unstructured.Unstructured) {
	if text(pod.Object, "status", "phase") != "Pending" {
		return
	}
	for _, v := range entries(pod.Object, "spec", "volumes") {
		claim := text(v, "persistentVolumeClaim", "claimName")
		if claim == "" || e.claims[claim] != nil {
			continue
		}
		u, err := c.Get(ctx, coreKind("PersistentVolumeClaim", "persistentvolumeclaims"), pod.GetNamespace(), claim)
		if err == nil && text(u.Object, "status", "phase") != "Bound" {
			e.claims[claim] = u
			c.gatherEvents(ctx, e, u)
		}
	}
}

// gatherNode reads the node of a Pod that has one and has not started.
func (c *Cluster) gatherNode(ctx context.Context, e evidence, pod *unstructured.Unstructured) {
	node := text(pod.Object, "spec", "nodeName")
	if node == "" || text(pod.Object, "status", "phase") != "Pending" || e.nodes[node] != nil || len(e.nodes) >= 3 {
		return
	}
	nodes := object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Node"}, Resource: "nodes"}
	if u, err := c.Get(ctx, nodes, "", node); err == nil {
		e.nodes[node] = u
	}
}

// claimUsed tells whether a Pod uses the claim; also when that is not known.
func (c *Cluster) claimUsed(ctx context.Context, claim *unstructured.Unstructured) bool {
	err := c.List(ctx, coreKind("Pod", "pods"), ListOptions{Namespace: claim.GetNamespace()}, func(p *unstructured.Unstructured) error {
		for _, v := range entries(p.Object, "spec", "volumes") {
			if text(v, "persistentVolumeClaim", "claimName") == claim.GetName() {
				return errEnough
			}
		}
		return nil
	})
	return err != nil
}
