package daemon

import (
	"context"
	"errors"
	"slices"

	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/cmd/internal/desk"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/drill"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// backend is what the API serves: the daemon, and the desk for questions.
type backend struct {
	*daemon
	*desk.Desk
}

var _ server.Backend = backend{}

// Report implements server.Questions.
func (b backend) Report(ctx context.Context, id string) (api.RunReport, error) {
	report, err := b.Desk.Report(ctx, id)
	if err == nil {
		report.Run, err = b.alive(ctx, report.Run.Run)
	}
	return report, err
}

// Drift implements server.Questions. What a comparison with the commit that is there
// finds is how the cluster stands.
func (b backend) Drift(ctx context.Context, q api.DriftQuery) (api.DriftReport, error) {
	found, err := b.Desk.Drift(ctx, q)
	if err != nil || q.Against != "" {
		return found, err
	}
	seen := api.Drift{At: b.Now(), Commit: found.Commit.SHA, Changed: found.Counts.Changed, Missing: found.Counts.Missing, Unexpected: found.Counts.Unexpected}
	if found.Recoverability != nil {
		part := float64(found.Recoverability.Score) / 100
		seen.Recoverable = &part
	}
	b.facts.look(q.Cluster, seen)
	b.changes.touch(q.Cluster)
	return found, nil
}

// Ignore implements server.Questions: the rule is in force when it returns.
func (b backend) Ignore(ctx context.Context, cluster string, rule api.Ignore, by string) (api.Ignoring, error) {
	done, err := b.write(cluster, rule)
	if err != nil {
		return done, err
	}
	b.daemon.Log.Info("daemon: a rule was written", "cluster", cluster, "object", rule.Object, "pointer", rule.Pointer, "by", by, "why", rule.Reason)
	_, err = b.Reload(ctx, by)
	return done, err
}

// write keeps rekindle.yaml from being read while a rule is written into it.
func (d *daemon) write(cluster string, rule api.Ignore) (api.Ignoring, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if d.File == "" {
		return api.Ignoring{}, api.NewProblem(api.BadConfig, "there is no rekindle.yaml that could have the rule").WithHint("write one that declares the cluster")
	}
	return desk.AddRule(d.File, cluster, rule)
}

// Order implements server.Backend.
func (d *daemon) Order(ctx context.Context, id string, o api.Order, by string) error {
	_, err := d.Rebuild.Executor.Give(ctx, id, run.Order{Kind: o.Kind, Object: o.Object, Why: o.Why, By: by})
	var (
		wrong *run.InvalidOrderError
		still *run.NotLiveError
	)
	switch {
	case err == nil:
		d.Log.Info("daemon: a person steered a run", "run", id, "order", o.Kind, "object", o.Object, "by", by, "why", o.Why)
	case errors.As(err, &wrong):
		return api.NewProblem(api.Invalid, "%v", err)
	case errors.As(err, &still):
		return api.NewProblem(api.Refused, "%v", err).WithHint(still.Hint())
	}
	return err
}

// Resume implements server.Backend. What the run's asker had not agreed to yet is
// not agreed to by this.
func (d *daemon) Resume(ctx context.Context, id, by string) (api.Run, error) {
	r, err := d.Store.Run(ctx, id)
	if err != nil {
		return api.Run{}, err
	}
	if !r.Outcome.Resumable() {
		return api.Run{}, &run.EndedError{ID: id, Outcome: r.Outcome}
	}
	drilled, err := drill.Throwaways(ctx, d.Store)
	if err != nil {
		return api.Run{}, err
	}
	if slices.Contains(drilled, r.Cluster) {
		return api.Run{}, api.NewProblem(api.Refused, "run %s is part of a drill, whose cluster is thrown away", id).WithHint("begin another drill")
	}
	var resume job
	switch r.Recipe {
	case rebuild.Recipe:
		resume = func(ctx context.Context, observe func(run.Event)) error {
			_, err := d.as(r.By).Resume(ctx, id, consent(false), observe)
			return err
		}
	case teardown.Recipe:
		resume = func(ctx context.Context, observe func(run.Event)) error {
			_, err := d.teardowns(r.By).Resume(ctx, id, observe)
			return err
		}
	default:
		return api.Run{}, api.NewProblem(api.Refused, "run %s is a %s, which is not resumed", id, r.Recipe).WithHint("begin it anew: it finds what is there")
	}
	d.Log.Info("daemon: a person resumes a run", "run", id, "by", by)
	return d.begin(ctx, resume)
}
