package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/tui/safe"
)

// shortfall is why a cluster is not the commit, sorted by what helps.
type shortfall struct {
	// invalid are the places of objects that the server refused as wrong.
	invalid []string
	// refused were not applied for another reason of their own.
	refused int
	// differing are missing or different, stuck those of them that the server
	// would not change in place.
	differing, stuck int
	unhealthy        int
	// leftovers are of an earlier restore, strangers of others.
	leftovers, strangers int
}

func shortfallOf(r *rebuild.Report) shortfall {
	var s shortfall
	for _, n := range r.NotApplied {
		switch reason := strings.TrimPrefix(withoutName(n), "("); {
		case strings.HasPrefix(reason, string(kube.ReasonInvalid)):
			s.invalid = append(s.invalid, n.From.String())
		case !strings.HasPrefix(reason, "skipped: "):
			s.refused++
		}
	}
	s.unhealthy = len(r.Unsettled)
	d := r.Drift
	if d == nil {
		return s
	}
	s.differing = len(absent(r)) + len(d.Changed)
	for _, c := range d.Changed {
		if c.Refused != "" {
			s.stuck++
		}
	}
	for _, u := range d.Unexpected {
		if u.Restored {
			s.leftovers++
		} else {
			s.strangers++
		}
	}
	return s
}

// withoutName is why an object was not applied, without its name before it.
func withoutName(n rebuild.NotApplied) string {
	return strings.TrimPrefix(n.Reason, n.ID.String()+" was not applied ")
}

// absent are the objects that are missing although they were applied.
func absent(r *rebuild.Report) []drift.Missing {
	return slices.DeleteFunc(slices.Clone(r.Drift.Missing), func(m drift.Missing) bool {
		return slices.ContainsFunc(r.NotApplied, func(n rebuild.NotApplied) bool { return n.ID == m.ID })
	})
}

// remedies say for each reason why a restored cluster is not the commit what
// to do about it.
func (a *app) remedies(r *rebuild.Report, req rebuild.Request) []string {
	s := shortfallOf(r)
	var next []string
	add := func(is bool, text string) {
		if is {
			next = append(next, text)
		}
	}
	again := a.goOn(r, req)
	add(len(s.invalid) > 0, correct(s.invalid))
	add(s.refused > 0, "see why under Not applied; when that is mended: "+again)
	add(s.stuck > 0, a.anew(r, "--fresh --confirm "+r.Cluster))
	add(s.differing > s.stuck, "try again where it stopped: "+again)
	add(s.unhealthy > 0, "see why under Not healthy; when that is mended: "+again)
	switch {
	case s.leftovers > 0 && len(r.Kept) > 0:
		add(true, "see why under Kept what an earlier restore made is still there")
	case !req.Prune:
		add(s.leftovers > 0, "--prune removes what an earlier restore made: "+a.restoring(r, req)+" --prune")
	}
	add(s.strangers > 0, madeByOthers(r.Cluster))
	return next
}

// corrections say what to do about a cluster that a verification found not to
// be the commit.
func (a *app) corrections(r *rebuild.Report, req rebuild.Request) []string {
	s := shortfallOf(r)
	var next []string
	prune := ""
	if s.leftovers > 0 {
		prune = " --prune"
	}
	if len(r.NotApplied) > 0 {
		next = append(next, "--convert converts what the cluster does not serve where it can, --allow-unserved does not count it")
	}
	switch {
	case s.stuck > 0 && s.stuck == s.differing:
		next = append(next, a.anew(r, a.restoring(r, req)+" --fresh --confirm "+quote(r.Cluster)))
	case s.differing > 0:
		next = append(next, "bring it there with: "+a.restoring(r, req)+prune)
	case s.leftovers > 0:
		next = append(next, "--prune removes what an earlier restore made: "+a.restoring(r, req)+prune)
	}
	if s.unhealthy > 0 {
		next = append(next, "see why under Not healthy; when that is mended, verify again")
	}
	if s.strangers > 0 {
		next = append(next, madeByOthers(r.Cluster))
	}
	return next
}

// anew says what to do about objects that the server does not let change in
// place. A cluster that is somebody else's is not made anew.
func (a *app) anew(r *rebuild.Report, fresh string) string {
	if p, err := a.providers.Get(r.Provider); err == nil && providers.Borrows(p) {
		return "what the server does not let change in place: delete those objects by hand, then restore again"
	}
	return "what the server does not let change in place needs a cluster made anew: " + fresh
}

// lines makes one hint of several, a line each. They name files and addresses
// of others, which must not look like another line.
func lines(hints []string) string {
	clean := make([]string, len(hints))
	for i, h := range hints {
		clean[i] = safe.Line(h)
	}
	return strings.Join(clean, "\n")
}

func madeByOthers(cluster string) string {
	return "what others made: delete it, or make the cluster anew with --fresh --confirm " + quote(cluster)
}

// correct names the manifests that a server refused, if there are any.
func correct(places []string) string {
	if len(places) == 0 {
		return ""
	}
	text := "correct " + places[0]
	switch more := len(places) - 1; {
	case places[0] == "":
		text = "correct the manifests that are invalid"
	case more > 0:
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + ", and restore the new commit"
}

// goOn is the command that takes a run up again. One that was given Helm values
// cannot be: they are not kept.
func (a *app) goOn(r *rebuild.Report, req rebuild.Request) string {
	if req.Withheld || len(req.Source.Helm.Set) > 0 {
		return a.restoring(r, req)
	}
	return "rekindle runs resume " + r.Run
}

// remaking is the command that makes the cluster of a run anew, when the run may
// have failed because of the settings that it was to be made with: taken up again
// it would keep them. Empty for any other run.
func (a *app) remaking(ctx context.Context, r *rebuild.Report, req rebuild.Request) string {
	failed := slices.ContainsFunc(r.Steps, func(s rebuild.Timing) bool { return s.Step == "provision" && s.State == run.StepFailed })
	if !failed || len(req.Settings) == 0 {
		return ""
	}
	found, err := a.find(ctx, r)
	switch {
	case isGone(err):
		return a.restoring(r, req)
	case err == nil && !found.Borrowed && found.State == providers.StateCreating && (r.ID == "" || found.ID == r.ID):
		return a.restoring(r, req) + " --fresh --confirm " + quote(r.Cluster) // nobody has had it yet
	}
	return ""
}

// find looks for the cluster of a report, also when ctx has ended: an
// interrupted run says as well how it goes on.
func (a *app) find(ctx context.Context, r *rebuild.Report) (providers.Cluster, error) {
	p, err := a.providers.Get(r.Provider)
	if err != nil {
		return providers.Cluster{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return p.Find(ctx, r.Cluster)
}

// restoring is the command that restores the commit of a report.
func (a *app) restoring(r *rebuild.Report, req rebuild.Request) string {
	if req.Source.Repo == "" {
		return "rekindle restore"
	}
	text := "rekindle restore" + a.words(req, r.Commit.SHA)
	if req.Withheld {
		text += " --set …"
	}
	return text
}

// lost tells whether the cluster that a run has made is there no more, or
// another one has its name.
func (a *app) lost(ctx context.Context, r *rebuild.Report) bool {
	if !slices.ContainsFunc(r.Steps, func(s rebuild.Timing) bool { return s.Step == "provision" && s.State == run.StepDone }) {
		return false
	}
	c, err := a.find(ctx, r)
	if err == nil && c.Borrowed && c.ID == "" { // it does not answer now
		return false
	}
	return isGone(err) || err == nil && (r.ID != "" && c.ID != r.ID || c.State == providers.StateDeleting)
}

// superseded returns the newer run that worked on the same cluster since, if
// there is one: after it a run is not resumed.
func (a *app) superseded(ctx context.Context, r run.Run) (newer string, err error) {
	list, err := a.store.Runs(ctx, run.Filter{Cluster: r.Cluster})
	if err != nil {
		return "", err
	}
	for _, n := range list {
		if rebuild.Touched(n) && n.Provider == r.Provider && n.Created.After(r.Created) {
			return n.ID, nil
		}
	}
	return "", nil
}

// printNext prints the commands that a person is likely to want now, first.
func (a *app) printNext(ctx context.Context, r *rebuild.Report, req rebuild.Request, first ...string) {
	t := a.Terminal
	there := reached(r, "apply") && !a.lost(ctx, r)
	if !there && len(first) == 0 {
		return
	}
	t.Outf("\n%s\n", t.Paint(terminal.Strong, "Next"))
	for _, line := range first { // not folded: they are pasted
		t.Outf("  %s\n", line)
	}
	if !there {
		return
	}
	switch r.Outcome {
	case run.Done, run.Unverified:
		kubeconfig := r.Cluster + ".kubeconfig"
		t.Outf("  rekindle clusters kubeconfig %s --output %s\n", quote(r.Cluster), quote(kubeconfig))
		t.Outf("  kubectl --kubeconfig %s get all -A\n", quote(kubeconfig))
		if req.Source.Repo != "" && r.Commit.SHA != "" {
			t.Outf("  rekindle verify%s\n", a.words(verifying(req), r.Commit.SHA))
		}
	}
	t.Outf("  rekindle clusters delete %s\n", quote(r.Cluster))
}
