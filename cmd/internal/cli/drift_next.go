package cli

import (
	"slices"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// longReport is how many lines scroll the beginning of a report away.
const longReport = 20

// printDriftNext ends a report of drift with what a person looks for when the
// rest has scrolled away: how much differs, and what mends it.
// lines is how many were printed before.
func (a *app) printDriftNext(d *rebuild.Drift, req rebuild.DriftRequest, lines int) {
	t := a.Terminal
	if lines > longReport {
		style := terminal.Bad
		if d.Clean() {
			style = terminal.Good
		}
		t.Outf("\n%s: %s", t.Paint(terminal.Strong, d.Cluster), t.Paint(style, d.Verdict()))
		if d.Recoverability != nil {
			t.Outf("; score %d of 100", d.Recoverability.Score)
		}
		t.Outf("\n")
	}
	if d.Clean() && len(d.Unknown) == 0 {
		return
	}
	t.Outf("\n%s\n", t.Paint(terminal.Strong, "Next"))
	for _, line := range a.driftNext(d, req) { // not folded: they are pasted
		t.Outf("  %s\n", line)
	}
}

// driftNext are the ways on: what a restore mends, and the two into git.
func (a *app) driftNext(d *rebuild.Drift, req rebuild.DriftRequest) []string {
	prune := ""
	if slices.ContainsFunc(d.Objects, func(o show.Object) bool { return o.Restored }) {
		prune = " --prune"
	}
	var next []string
	if len(d.Unknown) > 0 {
		next = append(next, "see all: give the account permission to list it, mend its API, or leave it out with drift.exclude in rekindle.yaml")
	}
	if d.Clean() {
		return next
	}
	if d.Counts.Changed+d.Counts.Missing > 0 || prune != "" { // what others made is not for a restore to remove
		next = append(next, "bring back what the commit says: rekindle restore"+a.words(req.Request, d.Commit.SHA)+prune)
	}
	next = append(next, "write what the cluster has into git: rekindle drift adopt"+a.againstWords(req.Request, req.Source.Revision))
	if req.Export == nil {
		next = append(next, "keep its state on a branch: rekindle drift"+a.againstWords(req.Request, req.Source.Revision)+" --export --push")
	}
	return next
}
