package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/drill"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// teardownAccount tells about a teardown: where the cluster's state is, what was
// lost and what is left, and how it comes back.
func (a *app) teardownAccount(ctx context.Context, r run.Run) (account, error) {
	report, err := teardown.ReportOf(r)
	if err != nil {
		return account{}, err
	}
	told := account{verdict: "down, and nothing is left of it", facts: [][2]string{{"cluster", r.Cluster + " (" + r.Provider + ")"}}}
	add := func(name, value string) { told.facts = append(told.facts, [2]string{name, value}) }
	if e := report.Export; e != nil {
		words := fmt.Sprintf("%s, branch %s, commit %s", e.Repo, e.Branch, shortSHA(e.Commit))
		if e.Earlier {
			words += ", which is an earlier one"
		}
		add("exported", words)
		if len(e.Kept) > 0 {
			add("unread", strings.Join(e.Kept, ", ")+": as in an earlier export")
		}
	}
	if report.Silent != "" {
		add("silent", report.Silent)
	}
	for _, l := range report.Losses {
		add(lossWord(report, l), fmt.Sprintf("%s: %s", l.Object, l.Why))
	}
	if n := len(report.Suspended); n > 0 {
		add("suspended", count(n, "object")+" that would have made things again")
	}
	if n := len(report.Removed); n > 0 {
		add("removed", count(n, "object")+" that stood for load balancers and volumes")
	}
	for _, words := range report.Stays() {
		add("retained", words)
	}
	for _, s := range report.Stuck {
		add("stuck", s.String())
	}
	for _, l := range report.Leftovers {
		add("left", strings.TrimSuffix(l.What+": "+l.Why, ": "))
	}
	switch {
	case report.Absent:
		told.verdict = "there was no cluster of that name"
	case len(report.Stuck)+len(report.Leftovers) > 0:
		told.verdict = "down, and something of it may be left"
	}
	told.next, err = a.afterTeardown(ctx, r, report)
	return told, err
}

// afterTeardown are the commands that a person is likely to want now.
func (a *app) afterTeardown(ctx context.Context, r run.Run, report *teardown.Report) ([]string, error) {
	if r.Outcome == run.Done {
		last, err := a.lastRestore(ctx, r)
		if err != nil || last == "" || report.Absent {
			return nil, err
		}
		return []string{"make it again: " + last}, nil
	}
	if r.Outcome == "" && report.Outcome == "" {
		if state, err := a.stateOf(ctx, r); err != nil || state == running {
			return nil, err
		}
	}
	newer, err := a.superseded(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case newer != "":
		return []string{"run " + newer + " has worked on the cluster since: rekindle runs show " + newer}, nil
	case r.Outcome == "" || r.Outcome.Resumable():
		return []string{"go on: rekindle runs resume " + r.ID}, nil
	}
	return []string{"begin again: rekindle teardown " + quote(r.Cluster)}, nil
}

// resumeTeardown goes on with a teardown where it stopped. It needs nobody's word
// again: who began it has confirmed it.
func (a *app) resumeTeardown(ctx context.Context, r run.Run, asJSON bool) error {
	if err := a.store.Check(ctx); err != nil {
		return err
	}
	var req teardown.Request
	if err := json.Unmarshal(r.Request, &req); err != nil {
		return unreadable(r, err)
	}
	watch := a.watch(req.Request)
	report, err := (&teardown.Engine{Rebuild: a.engine()}).Resume(ctx, r.ID, watch.observe)
	watch.stop()
	a.Terminal.EndProgress()
	switch {
	case report == nil:
		return err
	case !asJSON:
		a.printTeardown(report)
	default:
		if jsonErr := a.Terminal.JSON(report); jsonErr != nil {
			return jsonErr
		}
	}
	return a.tornDownErr(err)
}

// afterAbort says how the cluster of a run stands that was ended for good, and what
// a person is likely to want now; nothing when there is no cluster.
func (a *app) afterAbort(ctx context.Context, r run.Run) []string {
	c, err := a.locate(ctx, r.Cluster, r.Provider)
	if err != nil {
		return nil
	}
	name := quote(c.Name)
	switch {
	case r.Recipe != teardown.Recipe:
		return []string{fmt.Sprintf("cluster %s stays (%s); remove it with: rekindle clusters delete %s", c.Name, c.State, name)}
	case !teardown.Begun(r):
		return []string{fmt.Sprintf("cluster %s stays as it was (%s)", c.Name, c.State)}
	}
	return []string{
		fmt.Sprintf("cluster %s is half taken apart (%s)", c.Name, c.State),
		"finish it: rekindle teardown " + name,
		"bring it back: rekindle restore " + name,
	}
}

// rehearsed is the declared cluster whose drills use a throwaway cluster of that
// name; empty when there is none.
func (a *app) rehearsed(throwaway string) string {
	c, err := a.readConfig()
	if err != nil {
		return ""
	}
	for _, name := range c.Names() {
		if drill.Name(name) == throwaway && c.Clusters[throwaway].Name == "" {
			return name
		}
	}
	return ""
}

// afterRehearsal are the commands behind a run that is part of a drill; nil for any
// other. Its cluster was made to be removed.
func (a *app) afterRehearsal(r run.Run) []string {
	of := a.rehearsed(r.Cluster)
	if of == "" {
		return nil
	}
	return []string{"it is part of a drill; what drills came to: rekindle drill " + quote(of) + " --history"}
}

// unresumable says what is done instead with a run that cannot be resumed; nil when
// it can.
func (a *app) unresumable(r run.Run) error {
	if again := repeatable(r); again != "" {
		return &usageError{message: fmt.Sprintf("run %s is a %s, which is not resumed but repeated", r.ID, r.Recipe), next: again}
	}
	if of := a.rehearsed(r.Cluster); of != "" && r.Recipe == rebuild.Recipe {
		return &usageError{message: fmt.Sprintf("run %s is part of a drill of %s, which is not resumed but repeated", r.ID, of), next: "rekindle drill " + of}
	}
	return nil
}
