package rebuild

import (
	"context"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// verify lists the cluster back and compares it with the commit.
func (r *restore) verify(ctx context.Context, s *run.Scope) error {
	if err := r.judge(ctx); err != nil {
		return err
	}
	r.report.Skipped = r.skippedObjects()
	r.report.failed = r.failed()
	if !r.req.AllowUnserved {
		r.report.failed = len(r.report.NotApplied)
	}
	reason := r.report.shortcomings()
	r.report.Verified = reason == ""
	if err := r.tellOthers(ctx, s.Run()); err != nil {
		return err
	}
	// Before the run's outcome: whoever dies between the two leaves a report.
	if err := r.journal(ctx, s); err != nil {
		return err
	}
	if reason != "" {
		return &UnverifiedError{Reason: reason}
	}
	s.Eventf(run.LevelInfo, "verify.done", "%d objects are what the commit says, fingerprint %.16s", r.report.Drift.Compared, r.report.Live)
	return nil
}

// journal stores the report as it is now.
func (r *restore) journal(ctx context.Context, s *run.Scope) error {
	return s.Result(ctx, &r.report)
}

// judge compares and fills in the report.
func (r *restore) judge(ctx context.Context) error {
	var err error
	if r.catalogue, err = r.cluster.Discover(ctx); err != nil { // definitions were restored since
		return err
	}
	difference, err := r.compare(ctx, r.plan, r.catalogue)
	if err != nil {
		return err
	}
	r.report.Drift, r.report.Live = difference, difference.Fingerprint
	return nil
}

// shortcomings says in one line why a cluster is not the commit; empty when it
// is. Objects that were left out with the person's agreement do not count.
func (report *Report) shortcomings() string {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	d := report.Drift
	if d == nil {
		d = &drift.Report{}
	}
	add(len(d.Missing), "missing")
	add(len(d.Changed), "different")
	add(len(d.Unexpected), "unexpected")
	add(len(report.Unsettled), "not healthy")
	add(report.failed, "not applied")
	if n := len(report.Skipped); n > 0 {
		parts = append(parts, counted(n, "object")+" skipped")
	}
	return strings.Join(parts, ", ")
}
