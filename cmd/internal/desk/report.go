package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// Report implements server.Questions. It tells of runs that are under way what is
// known so far.
func (d *Desk) Report(ctx context.Context, id string) (api.RunReport, error) {
	r, err := d.journal.Run(ctx, id)
	if err != nil {
		return api.RunReport{}, err
	}
	report := api.RunReport{Run: api.Run{Run: r}}
	if r.Recipe == teardown.Recipe {
		torn, err := teardown.ReportOf(r)
		if err != nil {
			return report, err
		}
		ofTeardown(&report, torn)
	}
	made, err := rebuild.ReportOf(r)
	if err != nil {
		return report, err
	}
	ofRestore(&report, made)
	report.Headline = headline(r, made)
	report.Next = d.next(r, made)
	if d.tell == nil {
		return report, nil
	}
	text, err := d.tell(ctx, r)
	if err != nil { // the report is whole without the text
		d.rebuild.Log.Debug("the report of a run cannot be shown as text", "run", r.ID, "error", err)
		return report, ctx.Err()
	}
	report.Text = text
	return report, nil
}

func ofRestore(to *api.RunReport, r *rebuild.Report) {
	if r.Commit.SHA != "" {
		commit := r.Commit
		to.Commit = &commit
	}
	to.Verified, to.Fingerprint = r.Verified, cmp.Or(r.Live, r.Fingerprint)
	for _, k := range r.Kinds {
		to.Kinds = append(to.Kinds, api.KindCount{Kind: k.Kind, Objects: k.Total, Created: k.Created, Changed: k.Changed, Unchanged: k.Unchanged, Failed: k.Failed})
	}
	skips := to.Run.Skips()
	for _, n := range r.NotApplied {
		f := api.Finding{What: "not applied", Object: n.ID.String(), From: n.From.String(), Text: n.Reason}
		if o, is := skips[f.Object]; is {
			f.What, f.Text = "skipped", skipped(o)
			delete(skips, f.Object)
		}
		to.Findings = append(to.Findings, f)
	}
	for _, s := range r.Unsettled {
		to.Findings = append(to.Findings, unsettled(s))
	}
	for _, object := range slices.Sorted(maps.Keys(skips)) {
		to.Findings = append(to.Findings, api.Finding{What: "skipped", Object: object, Text: skipped(skips[object])})
	}
	if r.Drift != nil {
		to.Findings = append(to.Findings, differing(r)...)
	}
	for _, k := range r.Kept {
		to.Findings = append(to.Findings, api.Finding{What: "kept", Object: k.ID.String(), From: k.From.String(), Text: k.Reason})
	}
	for _, n := range r.Notes {
		to.Notes = append(to.Notes, n.ID.String()+": "+n.Text)
	}
	for _, n := range r.RenderNotes {
		to.Notes = append(to.Notes, n.String())
	}
	to.Notes = slices.Concat(to.Notes, r.CarryNotes, r.Warnings, r.Recreated.Lines(r.Cluster))
	to.Estimate = estimate(r.Estimate)
	if r.Findings != nil {
		ofComparison(to, r.Findings)
	}
}

func skipped(o run.Order) string {
	return fmt.Sprintf("given up by %s: %s", cmp.Or(o.By, "somebody"), o.Why)
}

func unsettled(s kube.Status) api.Finding {
	f := api.Finding{What: "not settled", Object: s.ID.String(), Text: strings.Trim(s.Reason+": "+s.Message, ": "), Hint: s.Hint}
	if f.Text == "" {
		f.Text = string(s.State)
	}
	return f
}

// differing are the objects of a restored cluster that are not as the commit says,
// but for those that were not applied.
func differing(r *rebuild.Report) []api.Finding {
	var list []api.Finding
	for _, m := range r.Drift.Missing {
		if !slices.ContainsFunc(r.NotApplied, func(n rebuild.NotApplied) bool { return n.ID == m.ID }) {
			list = append(list, api.Finding{What: "missing", Object: m.ID.String(), From: m.From.String(), Text: m.Why})
		}
	}
	for _, c := range r.Drift.Changed {
		f := api.Finding{What: "changed", Object: c.ID.String(), From: c.From.String(), Text: "differs in " + paths(c.Fields)}
		if c.Refused != "" && !drift.Hides(c.ID) {
			f.Text += "; the server refuses to change it: " + c.Refused
		}
		list = append(list, f)
	}
	for _, u := range r.Drift.Unexpected {
		f := api.Finding{What: "unexpected", Object: u.ID.String(), Text: u.Why}
		if u.Restored {
			f.Text, f.Hint = "an earlier restore made it", "restore with prune to remove it"
		}
		list = append(list, f)
	}
	return list
}

// fewFields is how many fields of an object are named.
const fewFields = 5

func paths(fields []drift.Field) string {
	var names []string
	for _, f := range fields[:min(len(fields), fewFields)] {
		names = append(names, f.Path)
	}
	if more := len(fields) - fewFields; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

func ofComparison(to *api.RunReport, f *rebuild.Findings) {
	to.Notes = append(to.Notes, counted(f.Counts))
	if f.Score != nil {
		text := fmt.Sprintf("%d%% of the cluster could be recovered", f.Score.Score)
		if f.Score.AtMost {
			text = "at most " + text
		}
		to.Notes = append(to.Notes, text)
	}
	if a := f.Adoption; a != nil {
		to.Notes = append(to.Notes, fmt.Sprintf("%d changes adopted, %d not", a.Adopted, a.Refused))
	}
	if b := f.Branch; b != nil {
		state := "waits here to be pushed to"
		switch {
		case b.Unchanged:
			state = "is already on"
		case b.Pushed:
			state = "was pushed to"
		}
		to.Notes = append(to.Notes, fmt.Sprintf("commit %.12s %s branch %s", b.Commit, state, b.Name))
	}
}

func counted(c show.Counts) string {
	return fmt.Sprintf("%d changed, %d missing, %d unexpected, of %d compared", c.Changed, c.Missing, c.Unexpected, c.Compared)
}

func ofTeardown(to *api.RunReport, r *teardown.Report) {
	for _, l := range r.Losses {
		to.Findings = append(to.Findings, api.Finding{What: "lost", Object: l.Object.String(), Text: strings.TrimSpace(l.Size + " " + l.Why)})
	}
	for _, v := range r.Retained {
		to.Findings = append(to.Findings, api.Finding{What: "kept", Object: "PersistentVolume " + v.Volume, Text: strings.TrimSpace(v.Why + " " + v.Handle)})
	}
	for _, s := range r.Stuck {
		to.Findings = append(to.Findings, api.Finding{What: "stuck", Object: s.Object, Text: s.Why})
	}
	for _, l := range r.Leftovers {
		to.Findings = append(to.Findings, api.Finding{What: "leftover", Object: l.What, Text: l.Why})
	}
	for _, l := range r.Kept {
		to.Findings = append(to.Findings, api.Finding{What: "kept", Object: l.What, Text: l.Why})
	}
	if e := r.Export; e != nil {
		to.Notes = append(to.Notes, fmt.Sprintf("its state is commit %.12s of branch %s of %s", e.Commit, e.Branch, e.Repo))
	}
	if r.Silent != "" {
		to.Notes = append(to.Notes, "the API server was not asked: "+r.Silent)
	}
}

// headline is the outcome in a sentence.
func headline(r run.Run, made *rebuild.Report) string {
	name := cmp.Or(r.Cluster, r.Recipe)
	commit := fmt.Sprintf("%.12s", made.Commit.SHA)
	switch {
	case r.Outcome == "":
		return fmt.Sprintf("%s: the %s is under way", name, r.Recipe)
	case r.Outcome == run.Unverified && r.Recipe == rebuild.Recipe:
		return fmt.Sprintf("%s is not %s: %s", name, commit, made.Error)
	case r.Outcome != run.Done:
		return strings.TrimSuffix(fmt.Sprintf("%s: the %s %s: %s", name, r.Recipe, ended(r.Outcome), r.Error), ": ")
	case r.Recipe == rebuild.Recipe && made.Verified:
		return fmt.Sprintf("%s is %s, verified", name, commit)
	case r.Recipe == teardown.Recipe:
		return name + " is torn down"
	case made.Findings != nil:
		return name + ": " + counted(made.Counts)
	}
	return fmt.Sprintf("%s: the %s is done", name, r.Recipe)
}

// ended is an outcome as a predicate.
func ended(o run.Outcome) string {
	if o == run.Failed {
		return "failed"
	}
	return "was " + string(o)
}

func requestOf(r run.Run) (req rebuild.Request, err error) {
	if len(r.Request) > 0 {
		err = json.Unmarshal(r.Request, &req)
	}
	return req, err
}
