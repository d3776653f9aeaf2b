package kube

import (
	"context"
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Glimpse is one live object as a person who wonders about it needs it.
type Glimpse struct {
	Status
	// Object is what the server has; nil when there is none.
	Object *unstructured.Unstructured
	// Events are Kubernetes' events of the object and of what it is made of,
	// "Warning Failed: …", oldest first.
	Events []string
}

// Look looks at one object: what it shows of itself and, when it is not settled,
// why, in the words of a settling. The error is about the request alone: an
// object that is not there is one that is missing.
func (c *Cluster) Look(ctx context.Context, t Target) (Glimpse, error) {
	e, err := c.gather(ctx, t)
	if errors.Is(err, ErrNotFound) {
		return Glimpse{Status: Status{ID: t.ID, State: StateMissing}}, nil
	}
	if err != nil {
		return Glimpse{}, err
	}
	g := Glimpse{Status: assess(e.subject), Object: e.subject, Events: e.told()}
	g.ID = t.ID
	if g.State == StateSettled {
		return g, nil
	}
	found := c.quote(ctx, explain(e))
	if found.fine {
		g.Status = Status{ID: t.ID, State: StateSettled}
		return g, nil
	}
	if found.Reason != "" {
		g.Reason, g.Message, g.Hint, g.Log = found.Reason, found.Message, found.Hint, found.Log
	}
	return g, nil
}

// told are the events as lines, without what looks like a secret; those of the
// subject come last.
func (e evidence) told() []string {
	var lines []string
	add := func(of object.ID, list []event) {
		for _, ev := range list {
			line := ev.Type + " " + ev.Reason + ": " + cleaned(strings.Join(strings.Fields(ev.Message), " "), nil)
			if of.Name != e.subject.GetName() || of.Kind != e.subject.GetKind() {
				line = of.Kind + " " + of.Name + ": " + line
			}
			lines = append(lines, line)
		}
	}
	for _, u := range append(e.sets, e.pods...) {
		if u.GetUID() != e.subject.GetUID() {
			add(object.IDOf(u), e.events[string(u.GetUID())])
		}
	}
	add(object.IDOf(e.subject), e.events[string(e.subject.GetUID())])
	return lines
}
