package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// carriedAnnotation says on a Secret from which export it was carried over. Such a
// Secret is neither the commit's nor one of the inventory: it belongs to whoever
// would have made it anew, so that no restore changes or removes it.
const carriedAnnotation = "rekindle.io/carried-over"

// bring makes the Secrets that are carried over, with the namespaces of the plan
// that they need, before anything else that may issue them anew. One that is there
// is left as it is.
func (r *restore) bring(ctx context.Context, s *run.Scope, a *applier) error {
	for _, secret := range r.carry.sorted() {
		id := secret.ID()
		if slices.ContainsFunc(r.report.Carried, func(c Carried) bool { return c.ID == id }) {
			continue // before a kind came that nobody served
		}
		if !secret.there {
			made, err := r.bringOne(ctx, s, a, secret)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				reason := fate{err: err}.reason()
				r.report.NotApplied = append(r.report.NotApplied, NotApplied{ID: id, From: secret.From, Reason: reason})
				r.failures[id] = err
				s.Event(run.Event{Level: run.LevelError, Type: "object.failed", Object: id.String(), Message: reason})
				continue
			}
			if !made {
				continue
			}
		}
		r.report.Carried = append(r.report.Carried, Carried{ID: id, From: secret.From, Expires: secret.expires})
		s.Event(run.Event{Level: run.LevelInfo, Type: "object.carried", Object: id.String(), Message: secret.From.String()})
	}
	return nil
}

// bringOne makes one Secret; false when somebody else has made it meanwhile.
func (r *restore) bringOne(ctx context.Context, s *run.Scope, a *applier, secret carriedSecret) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, r.req.Wait)
	defer cancel()
	id := secret.ID()
	if n := inPlan(r.plan, id.Namespace); n != nil && !a.current[n.ID] {
		f := a.apply(ctx, n)
		if f.err != nil {
			return false, fmt.Errorf("its namespace: %w", f.err)
		}
		r.note(s, f)
		a.current[n.ID] = true // the walk passes over it
	}
	err := r.cluster.Create(ctx, secretKind, secret.Unstructured, kube.ApplyOptions{Annotations: map[string]string{carriedAnnotation: r.carry.export}})
	if !errors.Is(err, kube.ErrExists) {
		return err == nil, err
	}
	have, err := r.cluster.Get(ctx, secretKind, id.Namespace, id.Name)
	if err != nil {
		return false, err
	}
	if have.GetAnnotations()[carriedAnnotation] == r.carry.export {
		return true, nil // we did, and the answer was lost
	}
	r.noteCarried(s, id.String(), "it is not carried over: somebody has made it meanwhile")
	delete(r.carry.wanted, id)
	return false, nil
}

// account puts what is carried over into a comparison: those that are to come and
// are not there are missing; those that came, in this restore or an earlier one, or
// that somebody else made whom the rules name, are not unexpected.
func (r *restore) account(d *drift.Report, s *sighting) {
	for _, secret := range r.carry.sorted() {
		if id := secret.ID(); !s.secrets[id] && !s.planned[id] {
			d.Missing = append(d.Missing, drift.Missing{ID: id, From: secret.From})
		}
	}
	slices.SortFunc(d.Missing, func(a, b drift.Missing) int { return a.ID.Compare(b.ID) })
	d.Unexpected = slices.DeleteFunc(d.Unexpected, func(u drift.Unexpected) bool {
		_, wanted := r.carry.wanted[u.ID]
		if !isSecret(u.ID) || u.Restored || !wanted && !s.carried[u.ID] {
			return false
		}
		d.Carried = append(d.Carried, u.ID)
		return true
	})
	slices.SortFunc(d.Carried, object.ID.Compare)
}
