package rebuild

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
)

// leave is the deletion of a borrowed cluster: what restores made in it goes, in
// the order of a prune; what they took over, and what others live in, is given
// back; the cluster stays.
type leave struct {
	*restore
	record ClusterRecord
}

// leaving checks what can be checked before anything is removed.
func (e *Engine) leaving(ctx context.Context, req DeleteRequest, found providers.Cluster, provider providers.Provider) (*leave, error) {
	var rec ClusterRecord
	known, err := run.Into(ctx, e.Journal, clusterRecord, recordKey(found.Provider, found.Name), &rec)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, &RefusedError{Reason: fmt.Sprintf("nothing was restored onto cluster %q from here, and the cluster itself is somebody else's", found.Name),
			Remedy: "to remove what a restore from elsewhere made, restore it once from here: that records which cluster it is"}
	case found.State == providers.StateDeleting: // only the record is left of it
		return nil, &RefusedError{Reason: fmt.Sprintf("cluster %q is not declared any more, so that what was restored onto it cannot be removed", found.Name),
			Remedy: fmt.Sprintf("declare it again, or leave everything there with: rekindle clusters forget %s", found.Name)}
	case found.State != providers.StateRunning:
		return nil, unreachable(found)
	}
	if err := e.refuseOther(ctx, found); err != nil {
		return nil, err
	}
	return &leave{record: rec, restore: &restore{
		e: e, provider: provider, found: &found, id: rec.ID, plan: &plan.Plan{}, emptying: true,
		req: Request{Cluster: found.Name, Provider: found.Provider, Wait: cmp.Or(req.Wait, defaultWait), AllowDataLoss: req.AllowDataLoss},
	}}, nil
}

// empty removes what restores made, and their inventory last. It lists what is
// there by its marks, so that it can be done again after it was cut off.
func (l *leave) empty(ctx context.Context, s *run.Scope) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	var err error
	if l.catalogue, err = l.cluster.Discover(ctx); err != nil {
		return err
	}
	ours, strangers, err := l.leftovers(ctx)
	if err != nil {
		return err
	}
	if err := l.refuseDataLoss(ours); err != nil {
		return err
	}
	if err := s.Made(ctx, removing{ID: l.id}); err != nil {
		return err
	}
	if err := l.sweep(ctx, s, ours, strangers); err != nil {
		return err
	}
	err = s.Result(ctx, &l.report)
	if why := l.unemptied(); why != "" {
		return errors.Join(err, &unemptiedError{cluster: l.req.Cluster, why: why})
	}
	return errors.Join(err, l.removeInventory(ctx))
}

// unemptied says what restores made and is there still, or may be.
func (l *leave) unemptied() string {
	var text string
	switch kept := l.report.Kept; {
	case len(kept) > 0:
		text = fmt.Sprintf("%s was not removed: %s", kept[0].ID, kept[0].Reason)
		if more := len(kept) - 1; more > 0 {
			text += fmt.Sprintf("; nor were %d more", more)
		}
	case len(l.catalogue.Failed) > 0:
		text = "what restores made of kinds that the cluster cannot describe may be left: " + l.undescribed()
	}
	return text
}

// refuseDataLoss keeps claims and volumes unless their loss was agreed to.
func (l *leave) refuseDataLoss(ours []leftover) error {
	n, such := 0, ""
	for _, o := range ours {
		if holdsData(o.id) {
			n, such = n+1, o.id.String()
		}
	}
	if n == 0 || l.req.AllowDataLoss {
		return nil
	}
	return &RefusedError{Reason: fmt.Sprintf("%d volume claims or volumes, such as %s, hold data that may exist nowhere else; nothing was removed", n, such),
		Remedy: "--allow-data-loss removes them as well"}
}

func (l *leave) removeInventory(ctx context.Context) error {
	parent, err := l.cluster.Get(ctx, configMaps, inventoryNamespace, inventoryName)
	if errors.Is(err, kube.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.cluster.Delete(ctx, configMaps, inventoryNamespace, inventoryName, parent.GetUID(), kube.DeleteOptions{})
}

// unemptiedError: not everything that restores made was removed, as far as is
// known.
type unemptiedError struct {
	cluster string
	why     string
}

func (e *unemptiedError) Error() string { return e.why }

// Hint says how it goes on.
func (e *unemptiedError) Hint() string {
	return "when that is mended, take it up again: rekindle clusters delete " + e.cluster
}

// Forget drops what is known of a borrowed cluster and leaves all that was
// restored onto it as it is, as a journaled run. ErrNotFound when nothing is
// known of one.
func (e *Engine) Forget(ctx context.Context, provider, name string) error {
	c, p, err := e.remains(ctx, provider, name, fmt.Errorf("cluster %q: %w: nothing is known of it", name, providers.ErrNotFound))
	if err != nil {
		return err
	}
	if !providers.Borrows(p) {
		return &RefusedError{Reason: fmt.Sprintf("cluster %q was made by rekindle (provider %s): forgotten, it would go on running", name, c.Provider),
			Remedy: "delete it with: rekindle clusters delete " + name}
	}
	journaled, err := json.Marshal(DeleteRequest{Cluster: name, Provider: c.Provider, Forget: true})
	if err != nil {
		return err
	}
	steps := []run.Def{{Name: "forget", Do: func(ctx context.Context, _ *run.Scope) error {
		return e.forget(ctx, c.Provider, name, c.ID)
	}}}
	_, err = e.executor(nil).Start(ctx, run.Run{Recipe: DeleteRecipe, Cluster: name, Provider: c.Provider, Request: journaled}, steps)
	return err
}
