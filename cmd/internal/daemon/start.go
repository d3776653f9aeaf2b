package daemon

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/drill"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// Start implements server.Backend. The run is the daemon's: it outlives the
// request, and a later daemon takes it up when this one dies.
func (d *daemon) Start(ctx context.Context, req api.StartRequest) (api.Run, error) {
	file, c, err := d.declared(req.Cluster)
	if err != nil {
		return api.Run{}, unknown(err, req.Cluster)
	}
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
	d.work.Go(func() {
		err := d.execute(d.life, req, file, c, observe)
		for _, id := range ids {
			d.ended(id)
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

// execute does what a client asked for.
func (d *daemon) execute(ctx context.Context, req api.StartRequest, file *config.Config, c config.Cluster, observe func(run.Event)) error {
	switch req.Recipe {
	case api.Restore:
		_, err := d.as(req.By).Restore(ctx, restoreOf(req, c), consent(req.Agree), observe)
		return err
	case api.Teardown:
		_, err := d.teardowns(req.By).Teardown(ctx, teardownOf(req, file, c), observe)
		return err
	case api.Compare:
		return d.compare(ctx, req, file, c, observe)
	case api.Drill:
		_, err := d.rehearse(ctx, req, c, observe)
		return err
	}
	return api.NewProblem(api.Invalid, "recipe %q cannot be started", req.Recipe)
}

func restoreOf(req api.StartRequest, c config.Cluster) rebuild.Request {
	r := declared.Request(c)
	r.Source.Revision = cmp.Or(req.Revision, r.Source.Revision)
	r.Fresh, r.Confirm, r.AllowDataLoss = req.Fresh, req.Confirm, req.AllowDataLoss
	for field, value := range map[*bool]*bool{&r.Prune: req.Prune, &r.Convert: req.Convert, &r.AllowUnserved: req.AllowUnserved} {
		if value != nil {
			*field = *value
		}
	}
	if req.WaitMS > 0 {
		r.Wait = time.Duration(req.WaitMS) * time.Millisecond
	}
	return r
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

func (d *daemon) compare(ctx context.Context, req api.StartRequest, file *config.Config, c config.Cluster, observe func(run.Event)) error {
	q := declared.Export(file, c)
	q.Source.Revision = cmp.Or(req.Revision, q.Source.Revision)
	if !req.Export {
		return api.NewProblem(api.Invalid, "a comparison without an export is no run").WithHint("rekindle drift " + c.Name + " shows it; with export it is journaled and pushed")
	}
	_, err := d.as(req.By).Drift(ctx, q, observe)
	return err
}

func (d *daemon) rehearse(ctx context.Context, req api.StartRequest, c config.Cluster, observe func(run.Event)) (*drill.Report, error) {
	q := declared.Drill(d.config.Load(), c, req.Provider)
	over := restoreOf(req, c)
	q.Restore.Source.Revision, q.Restore.Wait, q.Restore.Convert, q.Restore.AllowUnserved = over.Source.Revision, over.Wait, over.Convert, over.AllowUnserved
	return (&drill.Engine{Rebuild: d.as(req.By), By: req.By}).Drill(ctx, q, observe)
}

// drill rehearses for the schedule.
func (d *daemon) drill(ctx context.Context, c config.Cluster) (string, error) {
	report, err := d.rehearse(ctx, api.StartRequest{Recipe: api.Drill, Cluster: c.Name, By: bySchedule}, c, d.observe)
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
			d.ended(r.ID)
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
