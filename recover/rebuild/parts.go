package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// What other recipes are made of: an export and a delete as steps of their runs,
// and the guards in front of them.

// TeardownRecipe is the name under which teardowns are journaled.
const TeardownRecipe = "teardown"

// Dismantling is the step of a teardown with which it begins to take a cluster
// apart: once it has journaled anything, the cluster is not what it was.
const Dismantling = "suspend"

// Exporting is the export of a cluster's live state as steps of another recipe's
// run. It is used by one run at a time, and closed.
type Exporting struct{ d *drifting }

// Exporting prepares an export, and touches nothing yet. req.Export must be set.
func (e *Engine) Exporting(req DriftRequest) (*Exporting, error) {
	r, err := e.prepare(req.Request, nil)
	if err != nil {
		return nil, err
	}
	d := &drifting{restore: r, req: req}
	// Before anything is journaled: people paste secret keys there by mistake.
	if d.recipients, err = sops.ParseRecipients(req.Export.Recipients); err != nil {
		return nil, fmt.Errorf("recipients of the export: %w", err)
	}
	return &Exporting{d: d}, nil
}

// Steps open the branch, compare and write, commit, and push. They hand on to each
// other in memory, so they are all done again when a run is resumed among them.
func (x *Exporting) Steps() []run.Def { return x.d.steps() }

// Result is what came of it, nil before the comparison.
func (x *Exporting) Result() *Drift { return x.d.result }

// Close gives the branch back, so that others can export to it. What was
// committed is kept. Closing twice is fine.
func (x *Exporting) Close() {
	x.d.closeBranch()
	x.d.branch = nil
	x.d.close()
}

// Proven asks the repository anew which commit the branch has, and makes sure
// that it is an export of this cluster; empty when there is no such branch. It
// waits for others that export to it.
func (e *Engine) Proven(ctx context.Context, cluster string, target ExportTarget) (commit string, err error) {
	tip, err := export.Last(ctx, export.Target{Repo: target.Repo, Branch: target.Branch, Cluster: cluster}, e.exportOptions())
	return tip, refusedExport(err)
}

func (e *Engine) exportOptions() export.Options {
	return export.Options{
		CacheDir: e.ExportDir, Getenv: e.Source.Getenv, Now: e.Now, Progress: e.Source.Progress,
		Contents: true, // what the branch has of Secrets decides what becomes of them
	}
}

// RefuseUnproved keeps a cluster that a restore has not brought back whole, or
// that a teardown has begun to take apart, from replacing the last export of it.
// The error is a *RefusedError; req.Export.Force overrules it.
func (e *Engine) RefuseUnproved(ctx context.Context, req DriftRequest) error {
	return (&drifting{restore: &restore{e: e}, req: req}).refuseUnproved(ctx)
}

// refuseDismantled is RefuseUnproved's word about a teardown that has begun to
// take the cluster apart since the last restore.
func (e *Engine) refuseDismantled(ctx context.Context, provider, cluster string) error {
	runs, err := e.Journal.Runs(ctx, run.Filter{Cluster: cluster})
	if err != nil {
		return err
	}
	for _, r := range runs { // newest first
		if r.Provider != provider {
			continue
		}
		if r.Recipe == Recipe && Touched(r) {
			return nil
		}
		if r.Recipe == TeardownRecipe && Dismantled(r) {
			return &RefusedError{
				Reason: fmt.Sprintf("run %s has begun to take cluster %s apart: what it removed would look deleted", r.ID, cluster),
				Remedy: "bring it to its end (rekindle runs resume " + r.ID + "), or restore the cluster",
			}
		}
	}
	return nil
}

// Dismantled tells whether a teardown has begun to take its cluster apart.
func Dismantled(r run.Run) bool {
	step, ok := r.Step(Dismantling)
	return ok && len(step.Made) > 0
}

// MadeBy tells whether a restore has made the cluster of that id itself, rather
// than found it.
func MadeBy(r run.Run, id string) bool {
	var p provisioned
	step, ok := r.Step("provision")
	return r.Recipe == Recipe && ok && json.Unmarshal(step.Made, &p) == nil && p.ID == id && !p.InPlace
}

// Recorded returns what the journal knows of a provider's cluster.
func (e *Engine) Recorded(ctx context.Context, provider, name string) (rec ClusterRecord, known bool, err error) {
	known, err = run.Into(ctx, e.Journal, clusterRecord, recordKey(provider, name), &rec)
	return rec, known, err
}

// RemoveCluster deletes the cluster of that very id and what is known of it. The
// id is journaled by s first, so that a resumed run never deletes another. A
// cluster that is gone is no error; one that is not ours is a refusal.
func (e *Engine) RemoveCluster(ctx context.Context, s *run.Scope, p providers.Provider, name, id string) error {
	if err := s.Made(ctx, removing{ID: id}); err != nil {
		return err
	}
	if err := p.Delete(ctx, name, id, progress(s)); err != nil {
		return Guarded(err)
	}
	return e.forgetCluster(ctx, p.Name(), name, id)
}

// forgetCluster is forget, unless the record is about another cluster of that
// name by now.
func (e *Engine) forgetCluster(ctx context.Context, provider, name, id string) error {
	rec, known, err := e.Recorded(ctx, provider, name)
	if err != nil {
		return err
	}
	if known && rec.ID != id {
		return e.Journal.DeleteRecord(ctx, baselineRecord, id)
	}
	return e.forget(ctx, provider, name, id)
}

// Reach opens a connection to a cluster that its provider has found; nothing is
// sent yet. Where the provider makes short-lived tokens it is asked for them by this
// process, for as long as the connection is used.
func (e *Engine) Reach(ctx context.Context, p providers.Provider, name string) (*kube.Cluster, error) {
	kubeconfig, err := p.Connect(ctx, name)
	if err != nil {
		return nil, err
	}
	opts := kube.Options{UserAgent: "rekindle/" + e.Version, Log: e.Log, Now: e.Now}
	if makes, ok := p.(providers.Tokener); ok {
		opts.Token = func(ctx context.Context) (kube.Credential, error) {
			t, err := makes.Token(ctx, name)
			return kube.Credential{Value: t.Value, Expires: t.Expires}, err
		}
	}
	return kube.Connect(kubeconfig, "", opts)
}

// StepsOf are the steps of a run with what each of them took.
func StepsOf(r run.Run) (steps []Timing, total float64) {
	var report Report
	report.take(r)
	return report.Steps, report.Seconds
}

// WithheldError: a run was given what is not kept, so that it cannot be resumed.
type WithheldError struct{ Run, Recipe, Cluster string }

func (e *WithheldError) Error() string {
	return fmt.Sprintf("run %s was given Helm values, which are not kept", e.Run)
}

// Hint says what to do instead.
func (e *WithheldError) Hint() string {
	return fmt.Sprintf("begin the %s of %s again with the same flags: what was done stays", e.Recipe, e.Cluster)
}

// Conclude journals the report of a run that has ended.
func (e *Engine) Conclude(ctx context.Context, id string, report any) error {
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err = e.Journal.Update(last, id, func(j *run.Run) error {
		j.Result = raw
		return nil
	})
	return err
}
