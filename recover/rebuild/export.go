package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// DriftCompared is the type of the event that tells how a cluster differs; its
// data are show.Counts.
const DriftCompared = "drift.compared"

// Files of an export beside those of the objects.
const (
	summaryFile = "README.md"
	reportFile  = "report.json"
	patchFolder = "patches"
)

// open brings the branch here and takes it, and refuses an export that could
// destroy a good one.
func (d *drifting) open(ctx context.Context, s *run.Scope) error {
	if err := d.refuseUnproved(ctx); err != nil {
		return err
	}
	opts := d.e.exportOptions()
	opts.Anew = d.req.Export.Force
	var err error
	d.branch, err = export.Open(ctx, export.Target{Repo: d.req.Export.Repo, Branch: d.req.Export.Branch, Cluster: d.req.Cluster}, opts)
	if err == nil && d.branch.Lost() != "" {
		s.Eventf(run.LevelWarn, "export.anew", "%s was at %.12s and is not there any more: it begins anew", d.req.Export.Branch, d.branch.Lost())
	}
	return refusedExport(err)
}

// refuseUnproved keeps a cluster that a restore has not brought back whole from
// replacing the last export of it.
func (d *drifting) refuseUnproved(ctx context.Context) error {
	if d.req.Export.Force {
		return nil
	}
	if err := d.e.refuseDismantled(ctx, d.req.Provider, d.req.Cluster); err != nil {
		return err
	}
	restores, err := d.e.Journal.Runs(ctx, run.Filter{Cluster: d.req.Cluster, Recipe: Recipe})
	if err != nil {
		return err
	}
	for _, last := range restores { // newest first
		if last.Provider != d.req.Provider || !Touched(last) {
			continue
		}
		if last.Outcome == run.Done || broughtAll(last) {
			return nil
		}
		return &RefusedError{
			Reason: fmt.Sprintf("the last restore of cluster %s (run %s) has not brought everything back: what is missing would look deleted", d.req.Cluster, last.ID),
			Remedy: "bring it to an end (rekindle runs resume " + last.ID + ", or another restore), or say that the cluster is right as it is with --force",
		}
	}
	return nil
}

// broughtAll tells whether a restore that was not verified lacks nothing all the
// same: something unexpected or unhealthy is no reason to keep no record of it.
func broughtAll(r run.Run) bool {
	report, err := ReportOf(r)
	return err == nil && r.Outcome == run.Unverified && report.Drift != nil &&
		len(report.Drift.Missing)+len(report.NotApplied) == 0
}

func (d *drifting) closeBranch() {
	if d.branch != nil {
		_ = d.branch.Close() // what was committed is kept
	}
}

// compareAndWrite compares, and writes every live object as it comes.
func (d *drifting) compareAndWrite(ctx context.Context, s *run.Scope) error {
	files, err := d.liveFiles()
	if err != nil {
		return err
	}
	d.files = files
	if err := d.compare(ctx, files); err != nil {
		return err
	}
	c := d.result.Counts
	counts, err := json.Marshal(c)
	if err != nil {
		return err
	}
	s.Event(run.Event{Type: DriftCompared, Data: counts,
		Message: fmt.Sprintf("%d changed, %d missing, %d unexpected; %d live objects taken", c.Changed, c.Missing, c.Unexpected, d.result.LeftOut.Taken)})
	d.report.Commit = d.commit
	if err := d.journal(ctx, s); err != nil {
		return err
	}
	// Secrets would let everybody who can read the branch try passwords.
	d.result.Fingerprint = object.FingerprintOf(files.digests)
	d.result.NotExported = files.notExported()
	for _, gap := range d.result.NotExported {
		s.Eventf(run.LevelWarn, "export.gap", "%s is not exported: %s", gap.ID, gap.Reason)
	}
	return d.writeReport(ctx, files)
}

// commitFiles makes the commit, unless nothing has changed.
func (d *drifting) commitFiles(ctx context.Context, s *run.Scope) error {
	unknown := unknownFiles(d.result.raw, d.files.listed)
	c := d.result.Counts
	r, err := d.branch.Commit(export.Message{
		Subject: "Export of " + d.req.Cluster + ": " + summary(c),
		Trailers: []export.Trailer{
			{Key: export.TrailerSourceCommit, Value: d.commit.SHA},
			{Key: export.TrailerDrift, Value: fmt.Sprintf("changed=%d missing=%d unexpected=%d unknown=%d", c.Changed, c.Missing, c.Unexpected, c.Unknown)},
			{Key: export.TrailerFingerprint, Value: d.result.Fingerprint},
		},
		Keep:    func(path string) bool { return unknown(path) || d.files.isGap(path) },
		Replace: d.files.replace,
		Force:   d.req.Export.Force,
	})
	if err != nil {
		return refusedExport(err)
	}
	d.result.Export = &r
	if d.result.Notes = d.files.notes(); len(d.result.Notes) > 0 {
		s.Eventf(run.LevelWarn, "export.keys", "%s", strings.Join(d.result.Notes, "; "))
	}
	if r.Unchanged {
		s.Eventf(run.LevelInfo, "export.unchanged", "nothing has changed since %.12s", r.Commit)
	} else {
		s.Eventf(run.LevelInfo, "export.commit", "%.12s on %s: %d added, %d changed, %d deleted", r.Commit, d.req.Export.Branch, r.Added, r.Changed, r.Deleted)
	}
	return d.journal(ctx, s)
}

func summary(c show.Counts) string {
	if c.Changed+c.Missing+c.Unexpected == 0 {
		return "no drift"
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.Changed, "changed"}, {c.Missing, "missing"}, {c.Unexpected, "unexpected"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// push brings the commit onto the branch.
func (d *drifting) push(ctx context.Context, s *run.Scope) error {
	if !d.req.Export.Push {
		s.Skip("not asked for")
		return nil
	}
	waited := d.result.Export.Waiting
	r, err := d.branch.Push(ctx)
	if err != nil {
		return refusedExport(err)
	}
	d.result.Export, d.result.Pushed, d.result.Notes = &r, waited, d.files.notes()
	s.Eventf(run.LevelInfo, "export.pushed", "%s is at %.12s", d.req.Export.Branch, r.Commit)
	return d.journal(ctx, s)
}
