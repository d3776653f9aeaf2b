package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

type teardownFlags struct {
	confirm        string
	silent, unread string
	acceptLoss     []string
	allowDataLoss  bool
	proceed        bool
	wait           time.Duration
	asJSON         bool
}

func (a *app) teardownCommand() *cobra.Command {
	var f teardownFlags
	cmd := &cobra.Command{
		Use: "teardown NAME", Short: "Export a declared cluster into git, and take it down so that nothing is left",
		Long: `Export a declared cluster's live state into git and push it, suspend what would
recreate things, remove load balancers and volumes while their controllers live,
delete the cluster, and look for what is left of it.

Whatever is in doubt is refused: a cluster that is protected or not ours, an
export that cannot be pushed, volumes whose data nothing saves.`,
		Example: `  rekindle teardown dev
  rekindle teardown dev --confirm dev                  # where nobody can be asked
  rekindle teardown dev --accept-loss 'shop/cache-*'   # these volumes may go`,
		Args: exactly("NAME"), ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error { return a.teardown(cmd, args[0], f) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.confirm, "confirm", "", "the `NAME` once more, where nobody can be asked")
	fs.StringArrayVar(&f.acceptLoss, "accept-loss", nil, "`GLOB` (namespace/name) of volume claims and Secrets that may be lost (repeatable)")
	fs.BoolVar(&f.allowDataLoss, "allow-data-loss", false, "everything may be lost that nothing saves")
	fs.StringVar(&f.silent, "silent", "", "when the cluster does not answer: fail, last-export (an earlier export is enough) or abandon")
	fs.StringVar(&f.unread, "unread", "", "when a part of the cluster cannot be read, so that the export keeps what it had of it: fail or proceed")
	fs.BoolVar(&f.proceed, "proceed-when-stuck", false, "delete the cluster although something outside of it could not be removed")
	fs.DurationVar(&f.wait, "wait", 10*time.Minute, "how long each wait may take")
	fs.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	a.completeFlag(cmd, "silent", func(context.Context) []string { return []string{"fail", "last-export", "abandon"} })
	return cmd
}

func (a *app) teardown(cmd *cobra.Command, name string, f teardownFlags) error {
	ctx := cmd.Context()
	if err := matches(f.confirm, name); err != nil {
		return err
	}
	req, err := a.teardownRequest(cmd, name, f)
	if err != nil {
		return err
	}
	if err := a.store.Check(ctx); err != nil {
		return err
	}
	if f.confirm == "" {
		if err := req.RefuseProtected(); err != nil {
			return err
		}
		deed := fmt.Sprintf("cluster %s (%s) is exported to %s, branch %s, and then deleted with everything in it", name, req.Provider, req.Export.Repo, req.Export.Branch)
		if err := a.confirm(ctx, name, deed); err != nil {
			return err
		}
	}
	req.Confirm = name
	watch := a.watch(req.Request)
	report, err := (&teardown.Engine{Rebuild: a.engine()}).Teardown(ctx, req, watch.observe)
	watch.stop()
	a.Terminal.EndProgress()
	if report == nil {
		return err
	}
	if f.asJSON {
		return errors.Join(a.tornDownErr(err), a.Terminal.JSON(report))
	}
	a.printTeardown(report)
	return a.tornDownErr(err)
}

func (a *app) teardownRequest(cmd *cobra.Command, name string, f teardownFlags) (teardown.Request, error) {
	cluster, err := a.declared(name)
	if err != nil {
		return teardown.Request{}, err
	}
	c, err := a.config()
	if err != nil {
		return teardown.Request{}, err
	}
	req := declared.Teardown(c, cluster)
	req.AcceptLoss = append(req.AcceptLoss, f.acceptLoss...)
	req.AllowDataLoss = req.AllowDataLoss || f.allowDataLoss
	if f.silent != "" {
		req.Silent = teardown.SilentDecision(f.silent)
	}
	if f.unread != "" {
		req.Unread = teardown.Decision(f.unread)
	}
	if f.proceed {
		req.Stuck = teardown.Proceed
	}
	if cmd.Flags().Changed("wait") {
		if f.wait <= 0 {
			return req, &usageError{message: fmt.Sprintf("--wait %s is not a time to wait", f.wait), next: "give a duration such as 90s or 10m"}
		}
		req.Waits.Drain, req.Waits.Leftovers, req.Waits.Delete = f.wait, f.wait, 3*f.wait
	}
	return req, nil
}

// tornDownErr is the error of a teardown without its run's id in front.
func (a *app) tornDownErr(err error) error {
	var ended *run.EndError
	if err == nil || !errors.As(err, &ended) || ended.Err == nil {
		return err
	}
	next := hintOf(ended.Err)
	if next == "" && ended.Ending.Resumable() {
		next = "when that is mended: rekindle runs resume " + ended.Run
	}
	return &endedError{EndError: ended, next: next}
}

// lossWord says whether something is lost, or only would be.
func lossWord(r *teardown.Report, l teardown.Loss) string {
	if r.Lost(l) {
		return "lost"
	}
	return "would be lost"
}

func (a *app) printTeardown(r *teardown.Report) {
	t := a.Terminal
	switch {
	case r.Absent:
		t.Outf("%s: there was no cluster of that name\n", r.Cluster)
	case r.Outcome == run.Done:
		t.Outf("%s %s is down (%.0f s)\n", t.Paint(terminal.Good, "✓"), r.Cluster, r.Seconds)
	default:
		t.Outf("%s %s is not down\n", t.Paint(terminal.Bad, "✗"), r.Cluster)
	}
	if e := r.Export; e != nil {
		a.fact("exported", fmt.Sprintf("%s, branch %s, commit %s", e.Repo, e.Branch, shortSHA(e.Commit)))
	}
	for _, l := range r.Losses {
		a.fact(lossWord(r, l), fmt.Sprintf("%s: %s", l.Object, l.Why))
	}
	for _, words := range r.Stays() {
		a.fact("retained", words)
	}
	for _, s := range r.Stuck {
		a.fact("stuck", fmt.Sprint(s))
	}
	for _, l := range r.Leftovers {
		a.fact("left", strings.TrimSuffix(l.What+": "+l.Why, ": "))
	}
	a.fact("run", r.Run)
}
