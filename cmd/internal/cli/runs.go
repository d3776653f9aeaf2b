package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

func (a *app) runsCommand() *cobra.Command {
	c := group("runs", "List, show, steer, resume and abort runs",
		a.runsListCommand(), a.runsShowCommand(), a.runsEventsCommand(), a.runsResumeCommand(), a.runsAbortCommand(),
		a.runsPauseCommand(), a.runsContinueCommand(), a.runsRetryCommand(), a.runsSkipCommand())
	c.Aliases = []string{"run"}
	return c
}

func (a *app) runsListCommand() *cobra.Command {
	var (
		which  runFilter
		asJSON bool
	)
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List runs, newest first", Args: exactly(),
		Example: `  rekindle runs list --recipe teardown --outcome failed,refused --since 7d
  rekindle runs list --cluster dev --by schedule`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.runs(cmd.Context(), which)
			if err != nil {
				return err
			}
			if asJSON {
				return a.Terminal.JSON(list)
			}
			return a.printRuns(cmd.Context(), list)
		},
	}
	which.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	a.completeFlag(cmd, "cluster", a.completeClusterNames)
	a.completeFlag(cmd, "recipe", func(context.Context) []string { return recipes() })
	a.completeFlag(cmd, "outcome", func(context.Context) []string { return outcomes() })
	a.completeFlag(cmd, "by", a.askers)
	a.completeFlag(cmd, "since", nil)
	return cmd
}

func (a *app) printRuns(ctx context.Context, list []run.Run) error {
	if len(list) == 0 {
		a.Terminal.Errf("no runs\n")
		return nil
	}
	var rows [][]string
	for _, r := range list {
		state, err := a.stateOf(ctx, r)
		if err != nil {
			return err
		}
		if state == running {
			state = halted(r)
		}
		length := "-"
		if !r.Ended.IsZero() {
			length = took(r.Ended.Sub(r.Created))
		}
		rows = append(rows, []string{r.ID, r.Recipe, cmp.Or(r.Cluster, "-"), state, a.ago(r.Created), length, cmp.Or(r.By, "-")})
	}
	a.Terminal.Table([]terminal.Column{{Title: "RUN", Whole: true}, {Title: "RECIPE"}, {Title: "CLUSTER"},
		{Title: "OUTCOME"}, {Title: "BEGAN"}, {Title: "TOOK", Right: true}, {Title: "BY"}}, rows)
	return nil
}

// stateOf is a run's outcome, or whether a process is at it.
func (a *app) stateOf(ctx context.Context, r run.Run) (string, error) {
	if r.Outcome != "" {
		return string(r.Outcome), nil
	}
	_, live, err := run.Alive(ctx, a.store.Leases(), r)
	switch {
	case err != nil:
		return "", err
	case live:
		return "running", nil
	}
	return string(run.Interrupted), nil // its process is gone
}

// requestOf is what a restore was asked for.
func requestOf(r run.Run) (rebuild.Request, error) {
	var req rebuild.Request
	if r.Recipe != rebuild.Recipe {
		return req, nil
	}
	if err := json.Unmarshal(r.Request, &req); err != nil {
		return req, fmt.Errorf("run %s: its request cannot be read: %w", r.ID, err)
	}
	return req, nil
}

// printError prints why a run ended as it did, and why nothing was pruned.
func (a *app) printError(r run.Run) {
	t := a.Terminal
	if req, err := requestOf(r); err == nil && req.Prune {
		if step, ok := r.Step("prune"); ok && step.State == run.Skipped && step.Note != "" {
			t.Outf("\n%s\n", t.Paint(terminal.Strong, "Not pruned"))
			a.item(step.Note)
		}
	}
	if r.Error != "" {
		t.Outf("\n%s\n", t.Paint(terminal.Strong, "Error"))
		for line := range strings.SplitSeq(r.Error, "\n") {
			a.item(line)
		}
	}
}

// printEnding says how a run stands that is not done, and how it goes on.
func (a *app) printEnding(ctx context.Context, r run.Run, report *rebuild.Report) error {
	if report.Outcome == "" {
		a.Terminal.Outf("\nUnder way in process %d on %s: rekindle runs events %s --follow\n", r.Process.PID, r.Process.Host, r.ID)
		a.printHalt(r)
		return nil
	}
	req, err := requestOf(r)
	if err != nil || r.Recipe != rebuild.Recipe {
		return err
	}
	newer, err := a.superseded(ctx, r)
	if err != nil {
		return err
	}
	if newer != "" {
		a.Terminal.Outf("\nRun %s has worked on cluster %s since.\n", newer, r.Cluster)
		return nil
	}
	a.printNext(ctx, report, req, a.onwards(ctx, report, req)...)
	return nil
}

// onwards are the first of the commands behind a report that is looked at
// later, when no error says them.
func (a *app) onwards(ctx context.Context, report *rebuild.Report, req rebuild.Request) []string {
	switch {
	case !report.Outcome.Resumable():
		return nil
	case a.lost(ctx, report):
		return []string{"begin a new restore: " + a.restoring(report, req)}
	case report.Outcome == run.Unverified:
		return a.remedies(report, req)
	}
	return []string{cmp.Or(a.remaking(ctx, report, req), a.goOn(report, req))}
}

// unknownRun adds to the error for a run that is not there how to find it.
func (a *app) unknownRun(err error) error {
	if run.IsNotFound(err) {
		return &hintedError{err, "rekindle runs list --limit 0 shows all"}
	}
	return err
}

func (a *app) runsResumeCommand() *cobra.Command {
	var (
		yes, detach, asJSON bool
	)
	cmd := &cobra.Command{
		Use: "resume [RUN]", Short: "Go on with a run where it stopped", Args: atMost(1), ValidArgsFunction: a.completeUnfinished,
		Long: `Go on with a run where it stopped: the same commit onto the same cluster. What is
made already is not made again. Without RUN it is the only one that is unfinished.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			r, err := a.resumable(ctx, args)
			if err != nil {
				return err
			}
			if r.Outcome == run.Done {
				return a.already(r, asJSON)
			}
			if err := a.unresumable(r); err != nil {
				return err
			}
			switch {
			case detach && yes:
				return &usageError{message: "--detach and --yes do not go together: the daemon resumes a run with what it was allowed before", next: "leave one out"}
			case detach:
				return a.resumeThere(ctx, r.ID, asJSON)
			case r.Recipe == rebuild.TeardownRecipe:
				return a.resumeTeardown(ctx, r, asJSON)
			}
			req, err := requestOf(r)
			if err != nil {
				return err
			}
			if err := a.store.Check(ctx); err != nil {
				return err
			}
			watch := a.watch(req)
			defer watch.stop()
			report, err := a.engine().Resume(ctx, r.ID, a.consent(yes), watch.observe)
			return a.ended(ctx, report, err, req, asJSON)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "agree to the changes on a cluster that exists")
	cmd.Flags().BoolVar(&detach, "detach", false, "have the daemon go on with it, and do not wait")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// repeatable is the command that begins a run anew which cannot be resumed; empty
// when it can.
func repeatable(r run.Run) string {
	switch r.Recipe {
	case rebuild.DeleteRecipe:
		return "rekindle clusters delete " + quote(r.Cluster)
	case rebuild.DriftRecipe:
		return "rekindle drift " + quote(r.Cluster) + " --export, with the same flags: what it committed is kept"
	case rebuild.AdoptRecipe:
		return "rekindle drift adopt " + quote(r.Cluster) + ", with the same flags"
	}
	return ""
}

// already says that there is nothing to resume.
func (a *app) already(r run.Run, asJSON bool) error {
	a.Terminal.Errf("run %s is done already\n", r.ID)
	if !asJSON {
		return nil
	}
	if r.Recipe == rebuild.TeardownRecipe {
		report, err := teardown.ReportOf(r)
		if err != nil {
			return err
		}
		return a.Terminal.JSON(report)
	}
	report, err := rebuild.ReportOf(r)
	if err != nil {
		return err
	}
	return a.Terminal.JSON(report)
}

// resumable is the run that is named, or the only one that is unfinished.
func (a *app) resumable(ctx context.Context, args []string) (run.Run, error) {
	if len(args) > 0 {
		r, err := run.Resolve(ctx, a.store, args[0])
		return r, a.unknownRun(err)
	}
	list, err := a.store.Runs(ctx, run.Filter{Unfinished: true})
	if err != nil {
		return run.Run{}, err
	}
	list = slices.DeleteFunc(list, func(r run.Run) bool {
		return r.Recipe != rebuild.Recipe && r.Recipe != rebuild.TeardownRecipe || a.unresumable(r) != nil
	})
	switch len(list) {
	case 0:
		return run.Run{}, &usageError{message: "no run is unfinished", next: "name one: rekindle runs list"}
	case 1:
		return list[0], nil
	}
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID+" ("+r.Cluster+")")
	}
	return run.Run{}, &usageError{message: fmt.Sprintf("%d runs are unfinished: which one?", len(list)), next: strings.Join(ids, ", ")}
}

func (a *app) runsAbortCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "abort RUN", Short: "End a run for good", Args: exactly("RUN"), ValidArgsFunction: a.completeUnfinished,
		Long: `End a run for good: one that is under way stops, one that was interrupted can no
longer be resumed. What it has made stays.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait <= 0 {
				return &usageError{message: fmt.Sprintf("--wait %s is not a time to wait", wait)}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			r, err := run.Resolve(ctx, a.store, args[0])
			if err != nil {
				return a.unknownRun(err)
			}
			a.stage("aborting "+r.ID, "")
			r, err = a.executor().Abort(ctx, r.ID)
			a.Terminal.EndProgress()
			if err != nil {
				return err
			}
			a.Terminal.Errf("aborted %s\n", r.ID)
			for _, line := range a.afterAbort(ctx, r) {
				a.Terminal.Errf("%s\n", line)
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", time.Minute, "how long to wait for a run that is under way")
	return cmd
}
