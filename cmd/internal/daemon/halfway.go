package daemon

import (
	"context"
	"errors"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// finishAttempts is how many attempts go on with a cluster that was left half
// made. After them it is made anew: what a provider failed at may stay so.
const finishAttempts = 2

// halfway deals with what earlier runs left in the middle of a cluster that is
// to be brought up. It returns the run to go on with, or that the cluster has to
// be made anew, because nothing is on it yet. A removal that had begun is brought
// to its end first: nothing can be restored onto what is being deleted.
func (w world) halfway(ctx context.Context, c config.Cluster, attempt int) (resume string, fresh bool, err error) {
	if resume, err = w.unfinished(ctx, c.Name, rebuild.Recipe); err != nil || resume != "" {
		return resume, false, err
	}
	p, err := w.d.Rebuild.Providers.Get(c.Provider)
	if err != nil {
		return "", false, err
	}
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := p.Find(bounded, c.Name)
	if errors.Is(err, providers.ErrNotFound) {
		return "", false, nil
	}
	if err != nil || found.State == providers.StateRunning {
		return "", false, err
	}
	runs, err := w.d.Store.Runs(ctx, run.Filter{Cluster: c.Name, Limit: 50})
	if err != nil {
		return "", false, err
	}
	if found.State != providers.StateCreating {
		return "", false, w.finishTeardown(ctx, runs)
	}
	for _, r := range runs {
		if !r.Outcome.Resumable() || !rebuild.MadeBy(r, found.ID) {
			continue
		}
		if attempt > finishAttempts {
			return "", true, nil
		}
		return r.ID, false, nil
	}
	return "", false, nil
}

// finishTeardown goes on with the teardown that had begun to delete the cluster,
// when that is what was last done to it: parts of it are gone, and what is left
// may look as if it were only broken.
func (w world) finishTeardown(ctx context.Context, runs []run.Run) error {
	for _, r := range runs {
		if !rebuild.Touched(r) {
			continue
		}
		if r.Recipe != teardown.Recipe || !r.Outcome.Resumable() || !teardown.Begun(r) {
			return nil
		}
		_, err := w.d.teardowns(bySchedule).Resume(ctx, r.ID, w.d.observe)
		w.d.ended(r.ID)
		return err
	}
	return nil
}
