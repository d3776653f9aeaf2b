package teardown

import (
	"context"
	"errors"
	"fmt"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// target is what the check step journals: the cluster that this run is about, and
// no other of its name.
type target struct {
	ID string `json:"id,omitempty"`
	// Absent: there was none, and nothing was known of one.
	Absent bool `json:"absent,omitempty"`
	// Gone: the provider has none of that name any more, but the journal knows of
	// one; parts may be left.
	Gone bool `json:"gone,omitempty"`
	// Silent is why the API server cannot be asked; the request proceeds.
	Silent string `json:"silent,omitempty"`
	// Earlier is the teardown that had begun to take this cluster apart.
	Earlier *earlier `json:"earlier,omitempty"`
	// Throwaway: the cluster was made for a trial.
	Throwaway bool `json:"throwaway,omitempty"`
	// Losses are accepted.
	Losses []Loss `json:"losses,omitempty"`
}

// earlier is what a teardown before this one has done.
type earlier struct {
	Run     string    `json:"run"`
	Export  *Exported `json:"export"`
	Drained bool      `json:"drained,omitempty"`
	Losses  []Loss    `json:"losses,omitempty"`
}

// check is where every guard but those of the export stands. Nothing has been
// touched so far. Once this run has begun to take the cluster apart, it only
// recalls which one.
func (t *teardown) check(ctx context.Context, s *run.Scope) error {
	known, err := s.Recall(&t.target)
	if err != nil {
		return err
	}
	if known && Begun(s.Run()) {
		return nil
	}
	if err := t.req.RefuseProtected(); err != nil {
		return err
	}
	was := t.target.ID
	t.target = target{}
	found, err := t.find(ctx, was)
	if err != nil {
		return err
	}
	if found != nil {
		err = t.judge(ctx, s, *found)
	}
	return errors.Join(err, s.Made(ctx, t.target)) // what was refused is in the report, too
}

// RefuseProtected refuses the teardown of a cluster that is not to be torn down at
// all: there is nothing to be confirmed then. The error is a *rebuild.RefusedError.
func (req Request) RefuseProtected() error {
	if !req.Protected {
		return nil
	}
	return &rebuild.RefusedError{Reason: fmt.Sprintf("cluster %q is protected", req.Cluster), Remedy: "take protected: true out of rekindle.yaml"}
}

// find looks for the cluster, and fills in which one it is. It returns nil when the
// provider has none.
func (t *teardown) find(ctx context.Context, was string) (*providers.Cluster, error) {
	if providers.Borrows(t.provider) {
		return nil, &rebuild.RefusedError{
			Reason: fmt.Sprintf("cluster %q is somebody else's (provider %s) and is never deleted", t.req.Cluster, t.req.Provider),
			Remedy: "rekindle clusters delete " + t.req.Cluster + " removes what restores made in it, and gives it back",
		}
	}
	rec, recorded, err := t.e.Rebuild.Recorded(ctx, t.req.Provider, t.req.Cluster)
	if err != nil {
		return nil, err
	}
	found, err := t.provider.Find(ctx, t.req.Cluster)
	switch {
	case errors.Is(err, providers.ErrNotFound) && was != "":
		t.target.ID, t.target.Gone = was, true
		return nil, nil
	case errors.Is(err, providers.ErrNotFound) && recorded:
		t.target.ID, t.target.Gone = rec.ID, true
		return nil, nil
	case errors.Is(err, providers.ErrNotFound):
		t.target.Absent = true
		return nil, nil
	case err != nil:
		return nil, rebuild.Guarded(err)
	case was != "" && was != found.ID:
		return nil, rebuild.Guarded(&providers.TakenError{Provider: t.req.Provider, Name: t.req.Cluster, Wanted: was, Have: found.ID})
	case !recorded:
		return nil, &rebuild.RefusedError{
			Reason: fmt.Sprintf("cluster %q was not restored from here: what is in it is not known", t.req.Cluster),
			Remedy: "restore it once from here, or remove it with: rekindle clusters delete " + t.req.Cluster,
		}
	case rec.ID != found.ID:
		return nil, rebuild.Guarded(&providers.TakenError{Provider: t.req.Provider, Name: t.req.Cluster, Wanted: rec.ID, Have: found.ID})
	}
	t.target.ID = found.ID
	return &found, nil
}

// judge asks the guards about a cluster that is there and is ours.
func (t *teardown) judge(ctx context.Context, s *run.Scope, found providers.Cluster) error {
	if t.req.Throwaway != "" {
		return t.tried(ctx)
	}
	var err error
	if t.target.Earlier, err = t.dismantled(ctx, s.Run().ID); err != nil {
		return err
	}
	if t.target.Earlier != nil {
		s.Eventf(run.LevelInfo, "check.earlier", "run %s has begun to take this cluster apart: its export holds what it was", t.target.Earlier.Run)
		t.target.Losses = t.target.Earlier.Losses // they were accepted then
		return nil
	}
	if t.export == nil && t.req.Silent != SilentAbandon {
		return &rebuild.RefusedError{Reason: fmt.Sprintf("the state of cluster %q would be lost: there is no branch to export it to", t.req.Cluster),
			Remedy: "name one in rekindle.yaml (drift.export)"}
	}
	cluster, err := t.reach(ctx, found)
	var silent *silentError
	switch {
	case errors.As(err, &silent):
		return t.withoutAnswer(s, silent)
	case err != nil:
		return err
	case t.export == nil:
		return &rebuild.RefusedError{Reason: fmt.Sprintf("cluster %q answers, and its state would be lost: there is no branch to export it to", t.req.Cluster),
			Remedy: "name one in rekindle.yaml (drift.export)"}
	}
	if err := t.e.Rebuild.RefuseUnproved(ctx, t.req.DriftRequest); err != nil {
		return err
	}
	t.target.Losses, err = t.losses(ctx, s, cluster)
	return err
}

// tried refuses a cluster that was not made by the trial that the request names.
func (t *teardown) tried(ctx context.Context) error {
	trial, err := t.e.Rebuild.Journal.Run(ctx, t.req.Throwaway)
	if err != nil {
		return err
	}
	if !rebuild.MadeBy(trial, t.target.ID) {
		return &rebuild.RefusedError{Reason: fmt.Sprintf("cluster %q (%s) was not made by run %s: it is no throwaway", t.req.Cluster, t.target.ID, trial.ID),
			Remedy: "tear it down with its state exported"}
	}
	t.target.Throwaway = true
	return nil
}

// dismantled finds the teardown that had begun to take this very cluster apart,
// unless a restore has brought it back since.
func (t *teardown) dismantled(ctx context.Context, self string) (*earlier, error) {
	runs, err := t.e.Rebuild.Journal.Runs(ctx, run.Filter{Cluster: t.req.Cluster})
	if err != nil {
		return nil, err
	}
	for _, r := range runs { // newest first
		if r.ID == self || r.Provider != t.req.Provider {
			continue
		}
		if r.Recipe == rebuild.Recipe && rebuild.Touched(r) {
			return nil, nil
		}
		if r.Recipe != Recipe || !rebuild.Dismantled(r) {
			continue
		}
		report, err := ReportOf(r)
		if err != nil {
			return nil, err
		}
		if report.ID != t.target.ID {
			return nil, nil
		}
		drain, _ := r.Step(stepDrain)
		return &earlier{Run: r.ID, Export: report.Export, Drained: drain.State == run.StepDone, Losses: report.Losses}, nil
	}
	return nil, nil
}

// withoutAnswer decides what becomes of a cluster that cannot be asked.
func (t *teardown) withoutAnswer(s *run.Scope, silent *silentError) error {
	if t.req.Silent != SilentLastExport && t.req.Silent != SilentAbandon {
		refused := &rebuild.RefusedError{Reason: silent.Error() + ": its state cannot be exported"}
		switch silent.state {
		case providers.StateStopped:
			refused.Remedy = "start it with: rekindle clusters start " + t.req.Cluster
		case providers.StateCreating, providers.StateDeleting:
			refused.Remedy = "remove it with: rekindle clusters delete " + t.req.Cluster
		default:
			refused.Remedy = "mend it, or agree with --silent last-export (what was exported last suffices) or --silent abandon"
			return &unansweredError{refused}
		}
		return refused
	}
	if !t.acceptsAll() {
		return &rebuild.RefusedError{Reason: silent.Error() + ": whether its volumes hold data that nothing saves is not known",
			Remedy: "--allow-data-loss goes on all the same"}
	}
	t.target.Silent = silent.Error()
	s.Eventf(run.LevelWarn, "check.silent", "%s: going on without it, as was decided (%s)", silent, t.req.Silent)
	return nil
}
