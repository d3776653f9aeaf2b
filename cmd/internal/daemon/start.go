package daemon

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/drill"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// job is what a client asked for, ready to be done; observe gets the events of its
// runs.
type job func(ctx context.Context, observe func(run.Event)) error

// Start implements server.Backend. The run is the daemon's: it outlives the
// request, and a later daemon takes it up when this one dies.
func (d *daemon) Start(ctx context.Context, req api.StartRequest) (api.Run, error) {
	do, err := d.jobOf(req)
	if err != nil {
		return api.Run{}, err
	}
	return d.begin(ctx, do)
}

// begin does a job as long as the daemon lives, and returns its first run once that
// has begun.
func (d *daemon) begin(ctx context.Context, do job) (api.Run, error) {
	if err := d.life.Err(); err != nil {
		return api.Run{}, api.NewProblem(api.Unavailable, "the daemon is stopping")
	}
	begun, ended := make(chan string, 1), make(chan error, 1)
	var ids []string // of one run, or of the several that a drill is made of
	observe := func(ev run.Event) {
		d.observe(ev)
		if slices.Contains(ids, ev.Run) {
			return
		}
		if ids = append(ids, ev.Run); len(ids) == 1 {
			begun <- ev.Run
		}
	}
	d.jobs.Add(1)
	d.work.Go(func() {
		defer d.jobs.Done()
		err := do(d.life, observe)
		for _, id := range ids {
			d.over(id)
		}
		ended <- err
	})
	select {
	case id := <-begun:
		return d.Run(ctx, id)
	case err := <-ended:
		select { // it may have begun and ended at once
		case id := <-begun:
			return d.Run(ctx, id)
		default:
		}
		return api.Run{}, cmp.Or(err, errors.New("nothing was begun"))
	case <-ctx.Done():
		return api.Run{}, context.Cause(ctx)
	}
}

// jobOf is what a client asked for; errors are the client's.
func (d *daemon) jobOf(req api.StartRequest) (job, error) {
	if req.Repo != "" {
		return d.elsewhere(req)
	}
	if req.Recipe == api.Delete {
		return d.deleting(req)
	}
	file, c, err := d.declared(req.Cluster)
	if err != nil {
		return nil, unknown(err, req.Cluster)
	}
	switch req.Recipe {
	case api.Restore:
		return d.restoring(req, overlaid(req, declared.Request(c))), nil
	case api.Teardown:
		return func(ctx context.Context, observe func(run.Event)) error {
			_, err := d.teardowns(req.By).Teardown(ctx, teardownOf(req, file, c), observe)
			return err
		}, nil
	case api.Compare:
		return d.compare(req, file, c)
	case api.Drill:
		return func(ctx context.Context, observe func(run.Event)) error {
			_, err := d.rehearse(ctx, req, file, c, observe)
			return err
		}, nil
	case api.Adopt:
		return d.adopt(req, file, c)
	}
	return nil, api.NewProblem(api.Invalid, "recipe %q cannot be started", req.Recipe)
}

func (d *daemon) restoring(req api.StartRequest, r rebuild.Request) job {
	return func(ctx context.Context, observe func(run.Event)) error {
		_, err := d.as(req.By).Restore(ctx, r, consent(req.Agree), observe)
		return err
	}
}

// elsewhere restores a repository onto a cluster that is not declared, by a
// provider that makes clusters.
func (d *daemon) elsewhere(req api.StartRequest) (job, error) {
	r, err := declared.Target(d.config.Load(), api.Target{Cluster: req.Cluster, Repo: req.Repo, Path: req.Path, Revision: req.Revision, Provider: req.Provider})
	if err != nil {
		return nil, err
	}
	p, err := d.Rebuild.Providers.Get(r.Provider)
	refusal := api.NewProblem(api.Invalid, "provider: %v", err)
	refusal.Field = "provider"
	switch {
	case err != nil:
		return nil, refusal
	case providers.Borrows(p) && !declared.Declares(d.config.Load(), r):
		refusal.Detail = "provider: " + r.Provider + " makes no clusters"
		return nil, refusal.WithHint("declare the cluster in rekindle.yaml, or choose another provider")
	}
	return d.restoring(req, overlaid(req, r)), nil
}

// deleting removes a cluster of ours, declared or not, as it is.
func (d *daemon) deleting(req api.StartRequest) (job, error) {
	if c, is := d.config.Load().Clusters[req.Cluster]; is && c.Protected {
		return nil, api.NewProblem(api.Refused, "cluster %s is protected", req.Cluster).WithHint("take protected out of rekindle.yaml first")
	}
	q := rebuild.DeleteRequest{Cluster: req.Cluster, Provider: req.Provider, Confirm: req.Confirm}
	return func(ctx context.Context, observe func(run.Event)) error {
		return d.as(req.By).Delete(ctx, q, observe)
	}, nil
}

// adopt writes what a cluster has into its manifests, on a branch of its own.
func (d *daemon) adopt(req api.StartRequest, file *config.Config, c config.Cluster) (job, error) {
	for _, only := range req.Only {
		if _, err := rebuild.ParseSelector(only); err != nil {
			p := api.NewProblem(api.Invalid, "only: %v", err)
			p.Field = "only"
			return nil, p
		}
	}
	q := declared.Adoption(file, c, req.Only, req.Branch)
	q.Source.Revision = cmp.Or(req.Revision, q.Source.Revision)
	return func(ctx context.Context, observe func(run.Event)) error {
		_, err := d.as(req.By).Adopt(ctx, q, observe)
		return err
	}, nil
}

// overlaid is a restore with what a client wants otherwise.
func overlaid(req api.StartRequest, r rebuild.Request) rebuild.Request {
	r.Fresh, r.Confirm, r.AllowDataLoss, r.Hold = req.Fresh, req.Confirm, req.AllowDataLoss, req.Hold
	r.Source.Revision = cmp.Or(req.Revision, r.Source.Revision)
	r.Prune, r.Convert, r.AllowUnserved = said(req.Prune, r.Prune), said(req.Convert, r.Convert), said(req.AllowUnserved, r.AllowUnserved)
	if req.WaitMS > 0 {
		r.Wait = time.Duration(req.WaitMS) * time.Millisecond
	}
	return r
}

// said is what a client said, or else what is declared.
func said(value *bool, otherwise bool) bool {
	if value != nil {
		return *value
	}
	return otherwise
}

func teardownOf(req api.StartRequest, file *config.Config, c config.Cluster) teardown.Request {
	t := declared.Teardown(file, c)
	t.Confirm, t.AllowDataLoss = req.Confirm, t.AllowDataLoss || req.AllowDataLoss
	t.AcceptLoss = append(t.AcceptLoss, req.AcceptLoss...)
	t.Unread = teardown.Decision(req.Unread)
	t.Stuck = cmp.Or(teardown.Decision(req.Stuck), t.Stuck)
	t.Silent = cmp.Or(teardown.SilentDecision(req.Silent), t.Silent)
	t.WarnBefore = time.Duration(req.WarnMS) * time.Millisecond
	return t
}

// consent answers for a client that nobody can ask any more.
func consent(agree bool) rebuild.Consent {
	return func(context.Context, rebuild.InPlace) (bool, error) {
		if agree {
			return true, nil
		}
		return false, &rebuild.RefusedError{Reason: "the cluster exists and would be changed", Remedy: "look at the difference (rekindle plan), then agree"}
	}
}

func (d *daemon) compare(req api.StartRequest, file *config.Config, c config.Cluster) (job, error) {
	if !req.Export {
		return nil, api.NewProblem(api.Invalid, "a comparison without an export is no run").WithHint("GET /v1/clusters/" + c.Name + "/drift, or rekindle drift " + c.Name + ", shows it; with export it is journaled and pushed")
	}
	q := declared.Export(file, c)
	q.Source.Revision = cmp.Or(req.Revision, q.Source.Revision)
	return func(ctx context.Context, observe func(run.Event)) error {
		_, err := d.as(req.By).Drift(ctx, q, observe)
		return err
	}, nil
}

func (d *daemon) rehearse(ctx context.Context, req api.StartRequest, file *config.Config, c config.Cluster, observe func(run.Event)) (*drill.Report, error) {
	q := declared.Drill(file, c, req.Provider)
	q.Restore = overlaid(req, q.Restore)
	return (&drill.Engine{Rebuild: d.as(req.By), By: req.By}).Drill(ctx, q, observe)
}

// drill rehearses for the schedule.
func (d *daemon) drill(ctx context.Context, file *config.Config, c config.Cluster) (string, error) {
	report, err := d.rehearse(ctx, api.StartRequest{Recipe: api.Drill, Cluster: c.Name, By: bySchedule}, file, c, d.observe)
	if report == nil {
		return "", err
	}
	return report.Run, err
}

// Abort implements server.Backend.
func (d *daemon) Abort(ctx context.Context, id, by string) (api.Run, error) {
	r, err := d.Rebuild.Executor.Abort(ctx, id)
	if err != nil {
		return api.Run{}, err
	}
	d.Log.Info("daemon: a run was aborted", "run", id, "by", by)
	return api.Run{Run: r}, nil
}

// resumeLost takes up the runs of clients that an earlier daemon was cut off at.
// Those of the schedule the keeper takes up, when they are still wanted.
func (d *daemon) resumeLost() {
	runs, err := d.Store.Runs(d.life, run.Filter{Unfinished: true})
	if err != nil {
		d.Log.Error("daemon: runs that were cut off cannot be read", "error", err)
		return
	}
	drilled, err := drill.Throwaways(d.life, d.Store)
	if err != nil {
		d.Log.Error("daemon: the clusters of drills cannot be read", "error", err)
		return
	}
	for _, r := range runs {
		if !r.Daemon || r.By == bySchedule || !r.AbortAsked.IsZero() || slices.Contains(drilled, r.Cluster) {
			continue
		}
		if _, alive, err := run.Alive(d.life, d.Store.Leases(), r); err != nil || alive {
			continue
		}
		d.work.Go(func() {
			d.Log.Info("daemon: takes up a run that was cut off", "run", r.ID, "recipe", r.Recipe, "cluster", r.Cluster)
			err := d.resume(r)
			d.over(r.ID)
			if err != nil && d.life.Err() == nil {
				d.Log.Warn("daemon: a run that was cut off has not come to its end", "run", r.ID, "error", err)
			}
		})
	}
	d.work.Go(func() {
		if err := (&drill.Engine{Rebuild: d.as("drill")}).Sweep(d.life, d.observe); err != nil && d.life.Err() == nil {
			d.Log.Warn("daemon: what a drill left is still there", "error", err)
		}
	})
}

func (d *daemon) resume(r run.Run) error {
	switch r.Recipe {
	case rebuild.Recipe:
		_, err := d.as(r.By).Resume(d.life, r.ID, agreed, d.observe)
		return err
	case teardown.Recipe:
		_, err := d.teardowns(r.By).Resume(d.life, r.ID, d.observe)
		return err
	}
	return nil // exports are done anew when somebody asks
}
