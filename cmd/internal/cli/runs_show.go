package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

func (a *app) runsShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show RUN", Short: "Show the report of a run", Args: exactly("RUN"), ValidArgsFunction: a.completeRuns,
		Long: `Show the report of a run. RUN is its ID, the beginning of it, or its last part.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			r, err := run.Resolve(ctx, a.store, args[0])
			if err != nil {
				return a.unknownRun(err)
			}
			report, err := rebuild.ReportOf(r)
			if err != nil {
				return err
			}
			if asJSON && r.Recipe == rebuild.TeardownRecipe {
				torn, err := teardown.ReportOf(r)
				if err != nil {
					return err
				}
				return a.Terminal.JSON(torn)
			}
			if asJSON {
				return a.Terminal.JSON(report)
			}
			return a.show(ctx, r, report)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// show prints the report of a run of any recipe, and what to do next.
func (a *app) show(ctx context.Context, r run.Run, report *rebuild.Report) error {
	state, err := a.stateOf(ctx, r)
	if err != nil {
		return err
	}
	if state == string(run.Interrupted) {
		report.Outcome = run.Interrupted
	}
	switch r.Recipe {
	case rebuild.DriftRecipe, rebuild.AdoptRecipe, rebuild.DeleteRecipe, rebuild.TeardownRecipe:
		return a.showOther(ctx, r, report)
	}
	a.printReport(report)
	a.printError(r)
	if next := a.afterRehearsal(r); next != nil && report.Outcome != "" {
		a.printCommands(next)
		return nil
	}
	return a.printEnding(ctx, r, report)
}

// account is what a run that is no restore tells about itself.
type account struct {
	// verdict is what it came to when it is done.
	verdict string
	// facts are names and values, in their order; empty ones are not printed.
	facts [][2]string
	// next are the commands that a person is likely to want now.
	next []string
}

// showOther prints a run that is no restore: an export, an adoption, a
// deletion, a teardown.
func (a *app) showOther(ctx context.Context, r run.Run, report *rebuild.Report) error {
	said, err := a.said(ctx, r)
	if err != nil {
		return err
	}
	var told account
	switch r.Recipe {
	case rebuild.DriftRecipe:
		told, err = a.exportAccount(r, report, said)
	case rebuild.AdoptRecipe:
		told, err = a.adoptAccount(r, report, said)
	case rebuild.TeardownRecipe:
		told, err = a.teardownAccount(ctx, r)
	default:
		told, err = a.deleteAccount(ctx, r, said)
	}
	if err != nil {
		return err
	}
	t := a.Terminal
	verdict := t.Paint(terminal.Good, told.verdict)
	switch report.Outcome {
	case run.Done:
	case "":
		verdict = t.Paint(terminal.Plain, r.Recipe+" under way")
	default:
		verdict = t.Paint(terminal.Bad, r.Recipe+" "+string(report.Outcome))
	}
	t.Outf("%s: %s\n", t.Paint(terminal.Strong, r.Cluster), verdict)
	for _, f := range told.facts {
		if f[1] != "" {
			a.fact(f[0], f[1])
		}
	}
	a.fact("run", r.ID)
	a.fact("began", r.Created.UTC().Format("2006-01-02 15:04Z")+", "+a.ago(r.Created))
	a.printTimes(report)
	a.printError(r)
	if report.Outcome == "" {
		return a.printEnding(ctx, r, report)
	}
	if next := a.afterRehearsal(r); next != nil {
		told.next = next
	}
	a.printCommands(told.next)
	return nil
}

// printCommands prints what a person is likely to do now.
func (a *app) printCommands(lines []string) {
	if len(lines) == 0 {
		return
	}
	a.Terminal.Outf("\n%s\n", a.Terminal.Paint(terminal.Strong, "Next"))
	for _, line := range lines { // not folded: they are pasted
		a.Terminal.Outf("  %s\n", line)
	}
}

// said returns the last message of each type of event of a run, and how many
// events of the type there are.
func (a *app) said(ctx context.Context, r run.Run) (map[string]saying, error) {
	const portion = 1000
	said := map[string]saying{}
	for since := uint64(0); ; {
		list, err := a.store.Events(ctx, r.ID, since, portion)
		if err != nil {
			return nil, err
		}
		for _, ev := range list {
			since = ev.Seq
			said[ev.Type] = saying{ev.Message, said[ev.Type].times + 1}
		}
		if len(list) < portion {
			return said, nil
		}
	}
}

// saying is the last message of the events of one type, and their number.
type saying struct {
	text  string
	times int
}

// comparedWith says what a run compared a cluster with: the commit when it came
// to that, and where it is from.
func comparedWith(req rebuild.Request, report *rebuild.Report) string {
	from := " of " + req.Source.Repo
	if req.Source.Path != "" {
		from += ", folder " + req.Source.Path
	}
	revision := cmp.Or(req.Source.Revision, "HEAD")
	if sha := report.Commit.SHA; sha != "" && !strings.HasPrefix(sha, revision) {
		revision = shortSHA(sha) + " (" + revision + ")"
	}
	return revision + from
}

// exportAccount tells about an export of live state.
func (a *app) exportAccount(r run.Run, report *rebuild.Report, said map[string]saying) (account, error) {
	var req rebuild.DriftRequest
	if err := json.Unmarshal(r.Request, &req); err != nil || req.Export == nil {
		return account{}, unreadable(r, err)
	}
	to := req.Export
	again := "rekindle drift" + a.againstWords(req.Request, req.Source.Revision) + exportWords(req)
	secrets := "digests, which show that one changed and cannot be restored"
	if n := len(to.Recipients); n > 0 {
		secrets = "encrypted for " + count(n, "recipient")
	}
	pushed := said["export.pushed"].text
	if pushed == "" && !to.Push {
		pushed = "no: it was not asked for"
	}
	commit := cmp.Or(said["export.commit"].text, said["export.unchanged"].text)
	if commit == "" {
		pushed, secrets = "", "" // it did not come to that
	}
	told := account{
		facts: [][2]string{
			{"compared", comparedWith(req.Request, report)},
			{"differs", said["drift.compared"].text},
			{"branch", to.Branch + " of " + to.Repo},
			{"commit", commit},
			{"pushed", pushed},
			{"secrets", secrets},
		},
	}
	switch told.verdict = "exported to " + to.Branch; {
	case report.Outcome == "":
	case report.Outcome != run.Done:
		words := "begin again: "
		if commit != "" {
			words = "begin again, what was committed is kept: "
		}
		if to.Push {
			again += " --push"
		}
		told.next = []string{words + again}
	case !to.Push:
		told.verdict = "exported here, and not pushed"
		told.next = []string{"bring it to " + to.Branch + ": " + again + " --push"}
	default:
		if said["export.commit"].text == "" {
			told.verdict = "exported before, nothing has changed"
		}
		told.next = []string{
			"make a cluster of it: rekindle restore --repo " + quote(to.Repo) + " --at " + quote(to.Branch) +
				" --path live --provider " + quote(r.Provider) + " --name " + quote(r.Cluster+"-again"),
			"export again: " + again + " --push",
		}
	}
	return told, nil
}

// exportWords are the flags that ask for the same export again.
func exportWords(req rebuild.DriftRequest) string {
	words := " --export"
	if req.Export.Repo != req.Source.Repo {
		words += " --export-repo " + quote(req.Export.Repo)
	}
	if req.Export.Branch != "rekindle/"+req.Cluster {
		words += " --export-branch " + quote(req.Export.Branch)
	}
	for _, key := range req.Export.Recipients {
		words += " --recipient " + quote(key)
	}
	return words
}

// adoptAccount tells about a proposal of live values.
func (a *app) adoptAccount(r run.Run, report *rebuild.Report, said map[string]saying) (account, error) {
	var req rebuild.AdoptRequest
	if err := json.Unmarshal(r.Request, &req); err != nil {
		return account{}, unreadable(r, err)
	}
	proposed := said["adopt.proposed"].text
	told := account{
		verdict: "adopted on " + req.Branch,
		facts: [][2]string{
			{"compared", comparedWith(req.Request, report)},
			{"differs", said["drift.compared"].text},
			{"only", strings.Join(req.Only, ", ")},
			{"adopted", said["adopt.made"].text},
			{"commit", proposed},
		},
	}
	again := "rekindle drift adopt" + a.adoptWords(req)
	switch {
	case report.Outcome == "":
	case report.Outcome != run.Done:
		told.next = []string{"begin again: " + again + " --branch " + quote(req.Branch)}
	case proposed == "":
		told.verdict = "nothing adopted"
		told.next = []string{"see what differs, and why it is not adopted: " + again}
	default:
		told.next = []string{
			"open a pull request for the branch " + req.Branch,
			"see what is left: rekindle drift" + a.againstWords(req.Request, req.Branch),
		}
	}
	return told, nil
}

// deleteAccount tells about a deletion, and how the cluster comes back.
func (a *app) deleteAccount(ctx context.Context, r run.Run, said map[string]saying) (account, error) {
	var req rebuild.DeleteRequest
	if err := json.Unmarshal(r.Request, &req); err != nil {
		return account{}, unreadable(r, err)
	}
	told := account{verdict: "deleted", facts: [][2]string{{"cluster", r.Cluster + " (" + r.Provider + ")"}}}
	removed, back := said["object.pruned"].times, said["object.given-back"].times
	if removed+back > 0 {
		told.verdict = "emptied of what restores made, and given back"
		told.facts = append(told.facts, [2]string{"objects", fmt.Sprintf("%d removed, %d given back", removed, back)})
	}
	if req.Forget {
		told.verdict = "forgotten, and left as it is"
	}
	switch {
	case r.Outcome == "":
	case r.Outcome != run.Done:
		told.next = []string{"begin again: rekindle clusters delete " + quote(r.Cluster)}
	default:
		last, err := a.lastRestore(ctx, r)
		if err != nil || last == "" {
			return told, err
		}
		told.next = []string{"make it again: " + last}
	}
	return told, nil
}

// lastRestore is the command that makes the cluster of a deletion as the last
// restore before it did; empty when there is none.
func (a *app) lastRestore(ctx context.Context, deleted run.Run) (string, error) {
	list, err := a.store.Runs(ctx, run.Filter{Cluster: deleted.Cluster, Recipe: rebuild.Recipe})
	if err != nil {
		return "", err
	}
	for _, r := range list { // newest first
		if r.Provider != deleted.Provider || r.Created.After(deleted.Created) {
			continue
		}
		report, err := rebuild.ReportOf(r)
		if err != nil {
			return "", err
		}
		req, err := requestOf(r)
		if err != nil || report.Commit.SHA == "" {
			return "", err
		}
		return a.restoring(report, req), nil
	}
	return "", nil
}

// unreadable: what a run was asked for is not what its recipe asks for.
func unreadable(r run.Run, err error) error {
	if err == nil {
		return fmt.Errorf("run %s: its request lacks something: it is of another version of rekindle", r.ID)
	}
	return fmt.Errorf("run %s: its request cannot be read: %w", r.ID, err)
}
