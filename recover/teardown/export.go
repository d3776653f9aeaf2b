package teardown

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
)

// proof is what the prove step journals.
type proof struct {
	Export *Exported `json:"export,omitempty"`
	Losses []Loss    `json:"losses,omitempty"`
}

// exportSteps are the export's own, each within its deadline. They have nothing to
// do once the cluster is no more what it was.
func (t *teardown) exportSteps() []run.Def {
	if t.export == nil {
		return nil
	}
	var defs []run.Def
	for i, d := range t.export.Steps() {
		defs = append(defs, run.Def{Name: d.Name, Fresh: d.Fresh, Anew: i == 0, Together: i > 0, Do: func(ctx context.Context, s *run.Scope) error {
			if reason := t.unexported(s); reason != "" {
				s.Skip(reason)
				return nil
			}
			ctx, cancel := context.WithTimeout(ctx, t.req.Waits.Export)
			defer cancel()
			return d.Do(ctx, s)
		}})
	}
	return defs
}

// unexported says why there is nothing to export; empty when there is.
func (t *teardown) unexported(s *run.Scope) string {
	switch {
	case Begun(s.Run()):
		return "it was exported before it was taken apart"
	case t.target.Absent, t.target.Gone:
		return "there is no cluster of that name"
	case t.target.Throwaway:
		return "it was made for a trial"
	case t.target.Earlier != nil:
		return "run " + t.target.Earlier.Run + " has exported it"
	case t.target.Silent != "":
		return t.target.Silent
	}
	return ""
}

// prove makes sure, just before the cluster is taken apart, that its state is
// where it is needed to be: it asks the repository anew which commit the branch
// has. Nothing of the cluster has been touched so far.
func (t *teardown) prove(ctx context.Context, s *run.Scope) error {
	switch {
	case Begun(s.Run()):
		return nil // as it was journaled then
	case t.target.Absent, t.target.Gone:
		s.Skip("there is no cluster of that name")
		return nil
	case t.target.Throwaway:
		s.Skip("it was made for a trial")
		return nil
	case t.export == nil:
		s.Skip("the cluster is abandoned, as was decided")
		return nil
	}
	p, err := t.exported(ctx, s)
	if err != nil && len(p.Losses) > 0 { // what was refused is in the report, too
		err = errors.Join(err, s.Made(ctx, p))
	}
	if err != nil {
		return err
	}
	t.export.Close() // the branch is ours no longer than needed
	ctx, cancel := context.WithTimeout(ctx, t.req.Waits.Export)
	defer cancel()
	tip, err := t.e.Rebuild.Proven(ctx, t.req.Cluster, *t.req.Export)
	switch {
	case err != nil && t.target.Silent != "" && t.req.Silent == SilentAbandon:
		s.Eventf(run.LevelWarn, "export.unproved", "the last export cannot be asked for: %v", err)
		return nil
	case err != nil:
		return fmt.Errorf("whether %s has the export cannot be told: %w", p.Export.Branch, err)
	case t.target.Silent != "":
		return t.lastExport(ctx, s, p, tip)
	case tip != "" && tip != p.Export.Commit && t.target.Earlier != nil: // a person has exported it since, by force
		s.Eventf(run.LevelWarn, "export.moved", "the export was %.12s when it was begun to take the cluster apart, and is %.12s by now", p.Export.Commit, tip)
		p.Export.Commit = tip
	case tip != p.Export.Commit:
		return fmt.Errorf("branch %s is at %.12s, and not at the export %.12s: somebody else exports cluster %s, too; resume this run once that has ended",
			p.Export.Branch, tip, p.Export.Commit, t.req.Cluster)
	}
	s.Eventf(run.LevelInfo, "export.proved", "%s has %.12s", p.Export.Branch, tip)
	return s.Made(ctx, p)
}

// lastExport takes the branch's commit for the state of a cluster that does not
// answer.
func (t *teardown) lastExport(ctx context.Context, s *run.Scope, p proof, tip string) error {
	if tip == "" && t.req.Silent == SilentLastExport {
		return &rebuild.RefusedError{Reason: fmt.Sprintf("branch %s has no export of cluster %q, which does not answer", p.Export.Branch, t.req.Cluster),
			Remedy: "--silent abandon goes on without one"}
	}
	if p.Export.Commit = tip; tip == "" {
		p.Export = nil
	}
	return s.Made(ctx, p)
}

// exported is what is to be proved, and what it lacks.
func (t *teardown) exported(ctx context.Context, s *run.Scope) (proof, error) {
	to := &Exported{Repo: source.Redact(t.req.Export.Repo), Branch: t.req.Export.Branch}
	switch {
	case t.target.Silent != "":
		to.Earlier = true
		return proof{Export: to}, nil
	case t.target.Earlier != nil:
		if t.target.Earlier.Export == nil || t.target.Earlier.Export.Commit == "" {
			return proof{}, fmt.Errorf("run %s has begun to take cluster %s apart without an export: bring it to its end (rekindle runs resume %s), or restore the cluster",
				t.target.Earlier.Run, t.req.Cluster, t.target.Earlier.Run)
		}
		was := *t.target.Earlier.Export
		was.Run, was.Pushed = t.target.Earlier.Run, false
		return proof{Export: &was}, nil
	}
	result := t.export.Result()
	to.Commit, to.Pushed = result.Export.Commit, result.Pushed
	for _, u := range result.Unknown {
		to.Kept = append(to.Kept, u.Kind)
		s.Eventf(run.LevelWarn, "export.kept", "%s could not be read: %s", u.Kind, u.Reason)
	}
	if err := t.refuseUnread(result); err != nil {
		return proof{}, err
	}
	losses, err := t.lossesNow(ctx, s, result)
	return proof{Export: to, Losses: losses}, err
}

// lossesNow judges again what would be lost, as time has passed since the check,
// and now that it is known which Secrets the export lacks.
func (t *teardown) lossesNow(ctx context.Context, s *run.Scope, result *rebuild.Drift) ([]Loss, error) {
	cluster, err := t.living(ctx)
	if err != nil {
		return nil, err
	}
	losses, err := t.losses(ctx, s, cluster)
	if err != nil || len(t.req.Export.Recipients) > 0 { // with recipients, Secrets are in the export
		return losses, err
	}
	var secrets []recoverability.Finding
	for _, f := range result.Recoverability.Findings {
		if f.Category == recoverability.Secrets {
			secrets = append(secrets, f)
		}
	}
	more, err := t.acceptable(s, secrets, "Secrets that are in the cluster alone, and of which the export has digests only,",
		"name whom to encrypt for, so that the export holds them (drift.export.recipients in rekindle.yaml: the public key of an age key, age1…)")
	return append(losses, more...), err
}

// refuseUnread refuses to take down what could not be read, so that the export
// does not have it. An aggregated API that does not answer keeps its objects, if it
// has any, in a place of its own; those of metrics are none.
func (t *teardown) refuseUnread(result *rebuild.Drift) error {
	var unread []string
	for _, u := range result.Unknown {
		if undescribed := strings.Contains(u.Kind, "/"); !undescribed && !strings.HasSuffix(u.Kind, "metrics.k8s.io") {
			unread = append(unread, u.Kind+" ("+u.Reason+")")
		}
	}
	if len(unread) == 0 || t.req.Unread == Proceed {
		return nil
	}
	return &rebuild.RefusedError{
		Reason: "some kinds could not be read, so that the export may lack objects of them: " + few(unread),
		Remedy: "mend what serves them, or agree with --unread proceed",
	}
}
