package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/drill"
)

func (a *app) drillCommand() *cobra.Command {
	var (
		at, provider    string
		history, asJSON bool
	)
	cmd := &cobra.Command{
		Use: "drill NAME", Short: "Rehearse the disaster: restore a cluster's commit onto a throwaway cluster, and measure",
		Long: `Restore the commit of a declared cluster onto a throwaway cluster, verify it,
measure how long that takes, and remove the cluster again. The cluster itself is
not touched. --history shows what earlier drills came to.`,
		Example: `  rekindle drill prod --provider kind
  rekindle drill prod --history`,
		Args: exactly("NAME"), ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			if history {
				return a.drills(cmd, args[0], asJSON)
			}
			return a.drill(cmd, args[0], at, provider, asJSON)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&at, "at", "", "`REVISION` to restore instead of the declared one")
	fs.StringVar(&provider, "provider", "", "`PROVIDER` of the throwaway cluster instead of the declared one")
	fs.BoolVar(&history, "history", false, "show what earlier drills came to")
	fs.BoolVar(&asJSON, "json", false, "print as JSON")
	a.completeFlag(cmd, "provider", a.completeProviders)
	return cmd
}

func (a *app) drill(cmd *cobra.Command, name, at, provider string, asJSON bool) error {
	ctx := cmd.Context()
	c, err := a.declared(name)
	if err != nil {
		return err
	}
	if err := a.store.Check(ctx); err != nil {
		return err
	}
	file, err := a.config()
	if err != nil {
		return err
	}
	req := declared.Drill(file, c, provider)
	if at != "" {
		req.Restore.Source.Revision = at
	}
	watch := a.watch(req.Restore)
	report, err := (&drill.Engine{Rebuild: a.engine(), By: a.user()}).Drill(ctx, req, watch.observe)
	watch.stop()
	a.Terminal.EndProgress()
	if report == nil {
		return err
	}
	if asJSON {
		if jsonErr := a.Terminal.JSON(report); jsonErr != nil {
			return jsonErr
		}
		return err
	}
	t := a.Terminal
	if err == nil {
		t.Outf("%s %s would be back in %s\n", t.Paint(terminal.Good, "✓"), name, tookOf(*report))
	} else {
		t.Outf("%s %s would not be back: step %s failed\n", t.Paint(terminal.Bad, "✗"), name, report.Failed)
	}
	a.fact("commit", shortSHA(report.Commit))
	a.fact("provider", report.Provider)
	a.fact("recoverable", recoverable(*report))
	a.fact("run", report.Run)
	return err
}

func (a *app) drills(cmd *cobra.Command, name string, asJSON bool) error {
	list, err := drill.History(cmd.Context(), a.store, name)
	if err != nil {
		return err
	}
	if asJSON {
		return a.Terminal.JSON(list)
	}
	if len(list) == 0 {
		a.Terminal.Errf("no drill of %s yet: rekindle drill %s\n", name, name)
		return nil
	}
	var rows [][]string
	for _, r := range list {
		result := "verified"
		if !r.Verified {
			result = "failed in step " + r.Failed
		}
		rows = append(rows, []string{r.At.UTC().Format("2006-01-02 15:04Z"), r.Provider, shortSHA(r.Commit), tookOf(r), recoverable(r), result, r.Run})
	}
	a.Terminal.Table([]terminal.Column{{Title: "WHEN"}, {Title: "PROVIDER"}, {Title: "COMMIT", Whole: true}, {Title: "TOOK"}, {Title: "SCORE"}, {Title: "RESULT"}, {Title: "RUN", Whole: true}}, rows)
	return nil
}

// recoverable is how much of the live cluster would come back.
func recoverable(r drill.Report) string {
	if r.Recoverability == nil {
		return "-"
	}
	return fmt.Sprintf("%d/100", *r.Recoverability)
}

func tookOf(r drill.Report) string {
	if r.Seconds == 0 {
		return "-"
	}
	return fmt.Sprint((time.Duration(r.Seconds*1000) * time.Millisecond).Round(100 * time.Millisecond))
}
