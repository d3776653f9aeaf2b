package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// AwaitError: what was waited for did not come in time.
type AwaitError struct {
	ID object.ID
	// Why is what was lacking when the wait ended, in words.
	Why string
	// Cause is context.DeadlineExceeded or context.Canceled.
	Cause error
}

func (e *AwaitError) Error() string {
	how := "in time"
	if errors.Is(e.Cause, context.Canceled) {
		how = "before the wait was given up"
	}
	return fmt.Sprintf("%s: %s (not there %s)", e.ID, e.Why, how)
}

func (e *AwaitError) Unwrap() error { return e.Cause }

// errDone ends a following whose follower has what it wants.
var errDone = errors.New("done")

// Await watches one object until done says ok, across expired watches and
// restarts of the API server. done is called with each state, nil while the
// object is absent, by one goroutine; why says what is lacking. When ctx ends
// first the error is an *AwaitError with the last why.
func (c *Cluster) Await(ctx context.Context, kind object.Kind, namespace, name string, done func(u *unstructured.Unstructured) (ok bool, why string)) error {
	id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace, Name: name}
	why, broken, present := "nothing is known yet", "", false
	judge := func(u *unstructured.Unstructured) error {
		broken = ""
		ok, reason := done(u)
		if ok {
			return errDone
		}
		why = reason
		return nil
	}
	err := c.follow(ctx, kind, ListOptions{Namespace: namespace, FieldSelector: "metadata.name=" + name}, follower{
		begin: func() { present = false },
		seen:  func(u *unstructured.Unstructured) error { present = true; return judge(u) },
		gone:  func(*unstructured.Unstructured) error { present = false; return judge(nil) },
		listed: func() error {
			if present {
				return nil
			}
			return judge(nil)
		},
		lost: func(err error) { broken = err.Error() },
	})
	switch {
	case errors.Is(err, errDone):
		return nil
	case ctx.Err() != nil:
		if broken != "" {
			why += "; " + broken
		}
		return &AwaitError{ID: id, Why: why, Cause: ctx.Err()}
	}
	return fmt.Errorf("waiting for %s: %w", id, err)
}

// AwaitGone waits until an object is gone, or, with a uid, until that very
// object is. When ctx ends first the error names the finalizers that hold it.
func (c *Cluster) AwaitGone(ctx context.Context, kind object.Kind, namespace, name string, uid string) error {
	return c.Await(ctx, kind, namespace, name, func(u *unstructured.Unstructured) (bool, string) {
		if u == nil || uid != "" && string(u.GetUID()) != uid {
			return true, ""
		}
		return false, whyHeld(u)
	})
}

// whyHeld says why an object is still there.
func whyHeld(u *unstructured.Unstructured) string {
	if u.GetDeletionTimestamp() == nil {
		return "it is still there and nobody deletes it"
	}
	holders := slices.Clone(u.GetFinalizers())
	spec, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "finalizers") // namespaces
	holders = append(holders, spec...)
	why := "it is being deleted"
	if len(holders) > 0 {
		why += ", held by the finalizers " + strings.Join(holders, ", ")
	}
	for _, cond := range conditionsOf(u) {
		if u.GetKind() == "Namespace" && cond.Status == "True" && cond.Message != "" {
			why += "; " + cond.Message
		}
	}
	return why
}

func crdKind() object.Kind {
	return object.Kind{GroupVersionKind: schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, Resource: "customresourcedefinitions"}
}

// RefusedError: what is waited for will not come by waiting.
type RefusedError struct {
	ID  object.ID
	Why string
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %s", e.ID, e.Why) }

// Established waits until the API server serves the kind that a CRD defines. A
// CRD whose names are taken by another one is a *RefusedError at once.
func (c *Cluster) Established(ctx context.Context, crdName string) error {
	var refused error
	err := c.Await(ctx, crdKind(), "", crdName, func(u *unstructured.Unstructured) (bool, string) {
		if u == nil {
			return false, "the CRD does not exist"
		}
		for _, cond := range conditionsOf(u) {
			switch {
			case cond.Type == "Established" && cond.Status == "True":
				return true, ""
			case cond.Type == "NamesAccepted" && cond.Status == "False":
				refused = &RefusedError{ID: object.IDOf(u), Why: "its names are not accepted: " + cond.Message}
				return true, ""
			}
		}
		return false, "the API server has not established the CRD yet"
	})
	return errors.Join(err, refused)
}

// EndpointsReady waits until a Service has an endpoint that is ready. port is
// the Service's port by number, 0 for any.
func (c *Cluster) EndpointsReady(ctx context.Context, namespace, service string, port int32) error {
	portName, err := c.portName(ctx, namespace, service, port)
	if err != nil {
		return err
	}
	ready := map[string]bool{} // by EndpointSlice
	broken := ""
	judge := func() error {
		broken = ""
		for _, ok := range ready {
			if ok {
				return errDone
			}
		}
		return nil
	}
	endpointSlices := object.Kind{GroupVersionKind: schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}, Resource: "endpointslices", Namespaced: true}
	opts := ListOptions{Namespace: namespace, LabelSelector: "kubernetes.io/service-name=" + service}
	err = c.follow(ctx, endpointSlices, opts, follower{
		begin: func() { clear(ready) },
		seen: func(u *unstructured.Unstructured) error {
			ready[u.GetName()] = hasReady(u, portName)
			return judge()
		},
		gone:   func(u *unstructured.Unstructured) error { delete(ready, u.GetName()); return judge() },
		listed: judge,
		lost:   func(err error) { broken = "; " + err.Error() },
	})
	id := object.ID{Kind: "Service", Namespace: namespace, Name: service}
	switch {
	case errors.Is(err, errDone):
		return nil
	case ctx.Err() != nil:
		return &AwaitError{ID: id, Why: "it has no ready endpoint" + broken, Cause: ctx.Err()}
	}
	return fmt.Errorf("waiting for the endpoints of %s: %w", id, err)
}

// portName waits for a Service and returns the name under which EndpointSlices
// list its port; nil for any port.
func (c *Cluster) portName(ctx context.Context, namespace, service string, port int32) (*string, error) {
	if port == 0 {
		return nil, nil
	}
	services := object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Service"}, Resource: "services", Namespaced: true}
	var name string
	err := c.Await(ctx, services, namespace, service, func(u *unstructured.Unstructured) (bool, string) {
		if u == nil {
			return false, "the Service does not exist"
		}
		for _, p := range entries(u.Object, "spec", "ports") {
			if p["port"] == int64(port) {
				name, _ = p["name"].(string)
				return true, ""
			}
		}
		return false, fmt.Sprintf("the Service has no port %d", port)
	})
	return &name, err
}

// hasReady tells whether a slice has a ready endpoint, at the port of that name.
func hasReady(slice *unstructured.Unstructured, portName *string) bool {
	if portName != nil && !slices.ContainsFunc(entries(slice.Object, "ports"), func(p map[string]any) bool {
		name, _ := p["name"].(string)
		return name == *portName
	}) {
		return false
	}
	return slices.ContainsFunc(entries(slice.Object, "endpoints"), func(e map[string]any) bool {
		ready, set, _ := unstructured.NestedBool(e, "conditions", "ready")
		return ready || !set // unknown counts as ready, says the API
	})
}
