package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

// newestCatalogue is the version that a plan without a provider is made for.
const newestCatalogue = "v1.36.3"

// Plan says what a restore of req would make, and changes nothing. Without a
// provider it needs no cluster: the plan is for an empty one. With the name of
// a cluster that runs it is for that one.
func (e *Engine) Plan(ctx context.Context, req Request) (*Planned, error) {
	if req.Source.Repo == "" {
		return nil, errNoRepository
	}
	r := &restore{e: e, req: req}
	defer r.close()
	if err := r.openCommit(ctx, ""); err != nil {
		return nil, err
	}
	target, exists, err := r.planTarget(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.renderFor(ctx, r.catalogue); err != nil {
		return nil, err
	}
	p, err := r.planFor(r.catalogue, exists)
	if err != nil {
		return nil, err
	}
	planned := &Planned{Plan: p, Commit: r.commit, Target: target, Notes: r.rendered.Notes}
	if r.provider != nil && r.found == nil {
		planned.Estimate = e.Estimate(r.provider, r.req.Settings)
	}
	return planned, nil
}

var errNoRepository = errors.New("no repository: name one with --repo or in rekindle.yaml")

// planTarget chooses what a plan is made for, and says it in words.
func (r *restore) planTarget(ctx context.Context) (target string, exists func(object.ID) bool, err error) {
	if r.req.Provider == "" {
		var ok bool
		if r.catalogue, ok = plan.Builtin(newestCatalogue); !ok {
			return "", nil, fmt.Errorf("the built-in catalogue of Kubernetes %s is missing", newestCatalogue)
		}
		return "an empty cluster, Kubernetes " + r.catalogue.Server, plan.EmptyCluster, nil
	}
	if r.provider, err = r.e.Providers.Get(r.req.Provider); err != nil {
		return "", nil, err
	}
	if r.req.Cluster != "" {
		found, err := r.provider.Find(ctx, r.req.Cluster)
		if err == nil && found.State == providers.StateRunning {
			return r.liveTarget(ctx, found)
		}
		if err == nil && found.Borrowed {
			return "", nil, unreachable(found)
		}
		if err != nil && (!errors.Is(err, providers.ErrNotFound) || providers.Borrows(r.provider)) {
			return "", nil, err
		}
	}
	if r.catalogue, err = r.planned(); err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("a new cluster of provider %s, Kubernetes %s", r.provider.Name(), r.catalogue.Server), plan.EmptyCluster, nil
}

func (r *restore) liveTarget(ctx context.Context, found providers.Cluster) (string, func(object.ID) bool, error) {
	r.found = &found
	if found.Borrowed {
		if err := r.e.refuseOther(ctx, found); err != nil {
			return "", nil, err
		}
	}
	if err := r.connect(ctx); err != nil {
		return "", nil, err
	}
	var err error
	if r.catalogue, err = r.cluster.Discover(ctx); err != nil {
		return "", nil, err
	}
	exists, err := r.existing(ctx)
	return fmt.Sprintf("cluster %s, Kubernetes %s", found.Name, r.catalogue.Server), exists, err
}

// Verify tells whether a cluster is a commit, and changes nothing. The report's
// Verified says so; its Drift lists what differs, its Unsettled what is not
// healthy now.
func (e *Engine) Verify(ctx context.Context, req Request) (*Report, error) {
	begun := e.Now()
	r, err := e.prepare(req, nil)
	if err != nil {
		return nil, err
	}
	defer r.close()
	found, err := r.meetCommit(ctx, "verified")
	if err != nil {
		return nil, err
	}
	r.leaveOutUnserved()
	if err := r.judge(ctx); err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, verifyPatience)
	defer cancel()
	if err := r.settleNodes(within, ctx, func(run.Event) {}, r.present()); err != nil {
		return nil, err
	}
	return r.verdict(found, seconds(e.Now().Sub(begun))), nil
}

// meetCommit reaches the running cluster of the request and plans its commit for
// it, without changing anything. verb says what only a running cluster can be.
func (r *restore) meetCommit(ctx context.Context, verb string) (providers.Cluster, error) {
	found, err := r.provider.Find(ctx, r.req.Cluster)
	if err != nil {
		return found, fmt.Errorf("cluster %q: %w", r.req.Cluster, err)
	}
	if found.Borrowed && found.State != providers.StateRunning {
		return found, unreachable(found)
	}
	if found.State != providers.StateRunning {
		return found, &providers.NotRunningError{Provider: r.req.Provider, Name: r.req.Cluster, State: found.State, Reason: "only a running cluster can be " + verb}
	}
	if err := r.openCommit(ctx, ""); err != nil {
		return found, err
	}
	_, exists, err := r.liveTarget(ctx, found)
	if err != nil {
		return found, err
	}
	if err := r.renderFor(ctx, r.catalogue); err != nil {
		return found, err
	}
	r.plan, err = r.planFor(r.catalogue, exists)
	return found, err
}

// verifyPatience is how long a verification waits for what is about to become
// healthy.
const verifyPatience = 5 * time.Second

// present are the nodes of the plan that the cluster has.
func (r *restore) present() []*plan.Node {
	missing := make(map[object.ID]bool, len(r.report.Drift.Missing))
	for _, m := range r.report.Drift.Missing {
		missing[m.ID] = true
	}
	return slices.DeleteFunc(r.settleable(), func(n *plan.Node) bool { return missing[n.ID] })
}

// leaveOutUnserved names what the cluster does not serve: missing, unless the
// person allows that.
func (r *restore) leaveOutUnserved() {
	for _, u := range r.plan.Unserved {
		r.report.NotApplied = append(r.report.NotApplied, NotApplied{ID: u.ID, From: u.From, Reason: u.APIVersion + ": " + u.Reason})
	}
}

func (r *restore) verdict(found providers.Cluster, took float64) *Report {
	report := &r.report
	report.Cluster, report.Provider, report.ID = found.Name, found.Provider, found.ID
	report.Server, report.Commit, report.Seconds = r.catalogue.Server, r.commit, took
	report.Fingerprint, report.Notes, report.RenderNotes = r.plan.Fingerprint, r.plan.Notes, r.rendered.Notes
	report.Outcome = run.Done
	if !r.req.AllowUnserved {
		report.failed = len(report.NotApplied)
	}
	report.Error = report.shortcomings()
	if report.Error != "" {
		report.Outcome = run.Unverified
	}
	report.Verified = report.Error == ""
	return report
}

// Resolve returns the commit that a revision of a source names.
func (e *Engine) Resolve(ctx context.Context, from Source) (source.Commit, error) {
	r := &restore{e: e, req: Request{Source: from}}
	defer r.close()
	err := r.openCommit(ctx, "")
	return r.commit, err
}
