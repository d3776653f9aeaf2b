package teardown

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/run"
)

// drained is what the drain step journals, before it deletes: Removed may still be
// on its way.
type drained struct {
	Removed  []object.ID `json:"removed,omitempty"`
	Retained []Retained  `json:"retained,omitempty"`
	Stuck    []Stuck     `json:"stuck,omitempty"`
}

// wave is how long deleted objects are waited for before what came back, or could
// not be deleted, is deleted again.
const wave = 3 * time.Second

// draining is the removal of what stands for things outside of the cluster.
type draining struct {
	*session

	mu   sync.Mutex
	made drained
	// found is what was there to be deleted in this pass.
	found []*unstructured.Unstructured
}

// class are objects of one kind that stand for something outside.
type class struct {
	kind   object.Kind
	counts func(u *unstructured.Unstructured) bool
	// kept are only waited for, not deleted.
	kept bool
	// before is done before each wave of deletions, after each once.
	before, after func(ctx context.Context, list []*unstructured.Unstructured) error
	// why says more about what is stuck; nil for nothing.
	why func(ctx context.Context, u *unstructured.Unstructured) string
}

// drain removes load balancers and then volumes, while the controllers live that
// clean up behind them. What is retained by a policy is named, and stays.
func (t *teardown) drain(ctx context.Context, s *run.Scope) error {
	c, err := t.alive(ctx, s)
	if c == nil {
		return err
	}
	d := &draining{session: c}
	if _, err := s.Recall(&d.made); err != nil {
		return err
	}
	d.made.Stuck = nil
	if err := d.retained(ctx); err != nil {
		return err
	}
	if err := d.untilStill(ctx); err != nil {
		return err
	}
	if err := s.Made(ctx, d.made); err != nil {
		return err
	}
	return c.stand(d.made.Stuck)
}

// passes is how often everything is gone through when things come back, and
// stillness how long it has to be quiet before the next look.
const (
	passes    = 5
	stillness = time.Second
)

// untilStill goes through the phases until there is nothing to remove any more:
// whoever makes things again is often a little late.
func (d *draining) untilStill(ctx context.Context) error {
	for pass := 1; ; pass++ {
		d.found = nil
		for _, phase := range [][]class{d.doors(), d.claims(), d.volumes(), d.machines()} {
			if err := d.empty(ctx, phase); err != nil {
				return err
			}
		}
		if len(d.found) == 0 || len(d.made.Stuck) > 0 {
			return nil
		}
		if pass == passes {
			for _, u := range d.found {
				d.made.Stuck = append(d.made.Stuck, Stuck{Object: object.IDOf(u).String(), Why: comesBack(u)})
			}
			return nil
		}
		if err := pause(ctx, stillness); err != nil {
			return err
		}
	}
}

// doors are what others outside of the cluster make load balancers and DNS records
// of. Gateways and Ingresses may have made Services, so that all go at once, as
// often as it takes.
func (d *draining) doors() []class {
	var list []class
	for _, c := range []struct {
		group, kind string
		counts      func(u *unstructured.Unstructured) bool
	}{
		{"gateway.networking.k8s.io", "Gateway", every},
		{"networking.k8s.io", "Ingress", every},
		{"", "Service", func(u *unstructured.Unstructured) bool { return field.Text(u.Object, "spec", "type") == "LoadBalancer" }},
	} {
		if kind, served := d.kind(c.group, c.kind); served {
			list = append(list, class{kind: kind, counts: c.counts})
		}
	}
	return list
}

// machines are what Karpenter makes nodes of; the provider knows nothing of them.
// They go last: the controllers that clean up behind everything else run on them.
func (d *draining) machines() []class {
	var list []class
	for _, name := range []string{"NodePool", "NodeClaim"} {
		if kind, served := d.kind("karpenter.sh", name); served {
			list = append(list, class{kind: kind, counts: every})
		}
	}
	return list
}

func every(*unstructured.Unstructured) bool { return true }

// empty removes the classes of a phase, all at once, within one deadline.
func (d *draining) empty(ctx context.Context, phase []class) error {
	within, cancel := context.WithTimeout(ctx, d.t.req.Waits.Drain)
	defer cancel()
	errs := make([]error, len(phase))
	var wg sync.WaitGroup
	for i, c := range phase {
		wg.Go(func() { errs[i] = d.emptyOne(within, c) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}

// emptyOne deletes the objects of a class and waits until there are none. What is
// there when the deadline ends is stuck.
func (d *draining) emptyOne(ctx context.Context, c class) error {
	for {
		list, err := d.list(ctx, c.kind, kube.ListOptions{}, c.counts)
		if err == nil {
			err = d.deleteAll(ctx, c, list)
		}
		var left []*unstructured.Unstructured
		if err == nil {
			short, cancel := context.WithTimeout(ctx, wave)
			left, err = d.cluster.AwaitNone(short, c.kind, kube.ListOptions{}, c.counts)
			cancel()
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			d.getStuck(ctx, c, left, err)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("what is there of %s cannot be told: %w", c.kind.Resource, err)
		}
	}
}

// deleteAll journals what it deletes, and then does. What has gone since the list
// was made is no error.
func (d *draining) deleteAll(ctx context.Context, c class, list []*unstructured.Unstructured) error {
	if c.kept || len(list) == 0 {
		return nil
	}
	if c.before != nil {
		if err := c.before(ctx, list); err != nil {
			return err
		}
	}
	doomed := slices.DeleteFunc(slices.Clone(list), func(u *unstructured.Unstructured) bool { return u.GetDeletionTimestamp() != nil })
	if err := d.announce(ctx, doomed); err != nil {
		return err
	}
	d.each(ctx, doomed, func(ctx context.Context, u *unstructured.Unstructured) error {
		return d.cluster.Delete(ctx, c.kind, u.GetNamespace(), u.GetName(), u.GetUID(), kube.DeleteOptions{})
	})
	if c.after != nil {
		return c.after(ctx, list)
	}
	return nil
}

// announce journals what is about to be removed.
func (d *draining) announce(ctx context.Context, doomed []*unstructured.Unstructured) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found = append(d.found, doomed...)
	grown := false
	for _, u := range doomed {
		id := object.IDOf(u)
		if slices.Contains(d.made.Removed, id) {
			continue
		}
		grown = true
		d.made.Removed = append(d.made.Removed, id)
		d.s.Event(run.Event{Type: "teardown.remove", Object: id.String(), Message: "deleting it, with what it stands for outside of the cluster"})
	}
	if !grown {
		return nil
	}
	slices.SortFunc(d.made.Removed, object.ID.Compare)
	return d.s.Made(ctx, d.made)
}

// getStuck notes what there is of a class when its deadline has ended, as it is by
// now; left is what there was a moment ago.
func (d *draining) getStuck(ctx context.Context, c class, left []*unstructured.Unstructured, err error) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), wave)
	defer cancel()
	if now, listErr := d.list(last, c.kind, kube.ListOptions{}, c.counts); listErr == nil {
		left, err = now, nil
	}
	list := d.stuck(left)
	for i := range list {
		if c.kept {
			list[i].Why = kube.WhyHeld(left[i])
		}
		if c.why != nil {
			list[i].Why += c.why(last, left[i])
		}
	}
	if len(list) == 0 && err != nil {
		list = []Stuck{{Object: c.kind.GroupKind().String(), Why: fmt.Sprintf("what is there of it could not be told in time: %v", err)}}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made.Stuck = append(d.made.Stuck, list...)
}
