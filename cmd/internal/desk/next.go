package desk

import (
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// next are the sensible next things after a run, most sensible first.
func (d *Desk) next(r run.Run, made *rebuild.Report) []api.NextStep {
	req, err := requestOf(r)
	if err != nil || r.Outcome == "" {
		return nil // under way, or of another version of rekindle: nothing can be proposed
	}
	var list []api.NextStep
	add := func(text, command string) { list = append(list, api.NextStep{Text: text, Command: command}) }
	name := declared.Quote(r.Cluster)
	resume := func(text string) {
		if !req.Withheld {
			add(text, "rekindle runs resume "+r.ID)
		}
	}
	restore := "rekindle restore" + declared.Words(req, made.Commit.SHA, declared.Declares(d.config(), req))
	switch {
	case r.Recipe == rebuild.Recipe && r.Outcome == run.Done:
		add("use the cluster", "rekindle clusters kubeconfig "+name)
		add("see whether it still is the commit", "rekindle drift "+name)
	case r.Recipe == rebuild.Recipe && r.Outcome == run.Unverified:
		resume("mend what is named, then try again where it stopped")
		if made.Drift != nil && leftovers(made) && !req.Prune {
			add("remove what an earlier restore made", restore+" --prune")
		}
		add("make the cluster anew", restore+" --fresh --confirm "+name)
	case r.Recipe == rebuild.Recipe && r.Outcome == run.Refused:
		add("mend what stands in the way, then restore again", restore)
	case r.Recipe == rebuild.Recipe && r.Outcome.Resumable():
		resume("go on where it stopped")
		add("give it up", "rekindle runs abort "+r.ID)
	case r.Recipe == rebuild.Recipe:
		add("restore again", restore)
	case r.Recipe == teardown.Recipe && r.Outcome == run.Done:
		add("bring it back", "rekindle restore "+name)
	case r.Recipe == teardown.Recipe && r.Outcome.Resumable():
		resume("go on where it stopped")
	case r.Recipe == rebuild.AdoptRecipe && made.Findings != nil && made.Branch != nil:
		add("open a pull request for the branch "+made.Branch.Name, "")
	case r.Recipe == rebuild.DriftRecipe:
		add("see how the cluster differs", "rekindle drift "+name)
	}
	return list
}

func leftovers(r *rebuild.Report) bool {
	for _, u := range r.Drift.Unexpected {
		if u.Restored {
			return true
		}
	}
	return false
}
