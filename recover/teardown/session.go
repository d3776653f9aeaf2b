package teardown

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
)

// manager owns the fields that a teardown changes. It bears the name of a tool of
// people, so that a restore in place undoes what a teardown that did not come to
// its end has left behind.
const manager = "kubectl-rekindle-teardown"

// atOnce is how many requests are under way.
const atOnce = 16

// session is one step's connection to the living cluster.
type session struct {
	t         *teardown
	s         *run.Scope
	cluster   *kube.Cluster
	catalogue *object.Catalogue

	mu sync.Mutex
	// troubles are why things could not be changed or deleted when that was last
	// tried.
	troubles map[object.ID]string
}

// kind is what the server serves of a group and kind, in the version it prefers.
func (c *session) kind(group, kind string) (object.Kind, bool) {
	return c.catalogue.Preferred(schema.GroupKind{Group: group, Kind: kind})
}

// list returns the objects of a kind that count.
func (c *session) list(ctx context.Context, kind object.Kind, opts kube.ListOptions, counts func(*unstructured.Unstructured) bool) ([]*unstructured.Unstructured, error) {
	var found []*unstructured.Unstructured
	err := c.cluster.List(ctx, kind, opts, func(u *unstructured.Unstructured) error {
		if counts == nil || counts(u) {
			found = append(found, u)
		}
		return nil
	})
	return found, err
}

// each does something about each object, many at once, and remembers of which it
// failed and why.
func (c *session) each(ctx context.Context, list []*unstructured.Unstructured, do func(context.Context, *unstructured.Unstructured) error) {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, u := range list {
		g.Go(func() error {
			err := do(ctx, u)
			if errors.Is(err, kube.ErrNotFound) || errors.As(err, new(*kube.UIDMismatchError)) {
				err = nil
			}
			c.note(object.IDOf(u), err)
			return nil
		})
	}
	_ = g.Wait() // what failed is noted
}

func (c *session) note(id object.ID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.troubles, id)
		return
	}
	if c.troubles == nil {
		c.troubles = map[object.ID]string{}
	}
	c.troubles[id] = err.Error()
}

func (c *session) trouble(id object.ID) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.troubles[id]
}

// stuck says of each object why it is still there.
func (c *session) stuck(left []*unstructured.Unstructured) []Stuck {
	var list []Stuck
	for _, u := range left {
		id := object.IDOf(u)
		why := c.trouble(id)
		if why == "" || u.GetDeletionTimestamp() != nil {
			why = kube.WhyHeld(u)
		}
		if u.GetDeletionTimestamp() == nil && c.trouble(id) == "" {
			why = comesBack(u)
		}
		list = append(list, Stuck{Object: id.String(), Finalizers: u.GetFinalizers(), Why: why})
	}
	return list
}

func comesBack(u *unstructured.Unstructured) string {
	return "it comes back when it is deleted: " + madeBy(u)
}

// madeBy names who makes an object, for people.
func madeBy(u *unstructured.Unstructured) string {
	for _, o := range u.GetOwnerReferences() {
		return "it is " + o.Kind + " " + o.Name + "'s"
	}
	var names []string
	for _, e := range u.GetManagedFields() {
		if e.Subresource == "" && e.Manager != "" {
			names = append(names, e.Manager)
		}
	}
	slices.Sort(names)
	return "made by " + strings.Join(slices.Compact(names), ", ")
}

// stand decides whether the run goes on although something is stuck.
func (c *session) stand(list []Stuck) error {
	for _, st := range list {
		c.s.Event(run.Event{Level: run.LevelWarn, Type: "teardown.stuck", Object: st.Object, Message: st.Why})
	}
	if len(list) == 0 || c.t.req.Stuck == Proceed {
		return nil
	}
	return &StuckError{Cluster: c.t.req.Cluster, Run: c.s.Run().ID, List: list}
}

// StuckError: something could not be suspended or removed in time. The cluster is
// still there.
type StuckError struct {
	Cluster, Run string
	List         []Stuck
}

func (e *StuckError) Error() string {
	var words []string
	for _, st := range e.List {
		words = append(words, st.String())
	}
	const most = 5
	if more := len(words) - most; more > 0 {
		words = append(words[:most], fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("cluster %q is not deleted, because what is left would go on outside of it: %s", e.Cluster, strings.Join(words, "; "))
}

// Hint says how it goes on.
func (e *StuckError) Hint() string {
	return fmt.Sprintf("when that is mended: rekindle runs resume %s; to go on all the same: rekindle teardown %s --proceed-when-stuck", e.Run, e.Cluster)
}
