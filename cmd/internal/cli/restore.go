package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

func (a *app) restoreCommand() *cobra.Command {
	var (
		which  requestFlags
		apply  applyFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "restore [CLUSTER]",
		Short: "Stand a cluster up from a commit, verified",
		Long: `Stand a cluster up from a commit of a repository: make the cluster, apply every
object in the order in which it is needed, wait until all is healthy, and compare
the cluster with the commit.

A cluster that exists is restored in place: what would change is shown first, and
--yes agrees where nobody can be asked. --fresh deletes the cluster and makes it
anew.

CLUSTER is declared in rekindle.yaml; flags win over what is declared there.`,
		Example: `  rekindle restore dev                      # as declared in rekindle.yaml
  rekindle restore dev --at v1.4
  rekindle restore dev --at v1.4 --name rehearsal
  rekindle restore --repo https://git.example.com/deploy.git --at HEAD~3 \
      --path clusters/dev --provider local --name dev`,
		Args:              atMost(1),
		ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := a.request(cmd, args, &which, wants{target: true})
			if err != nil {
				return err
			}
			if err := apply.override(cmd.Flags(), &q); err != nil {
				return err
			}
			return a.restore(cmd.Context(), q, apply.yes, asJSON)
		},
	}
	cmd.Flags().SortFlags = false
	which.register(cmd.Flags())
	apply.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	a.completeRequest(cmd)
	return cmd
}

func (a *app) restore(ctx context.Context, q asked, yes, asJSON bool) error {
	if err := a.store.Check(ctx); err != nil {
		return err
	}
	if q.Fresh && q.Confirm == "" {
		var err error
		if q.Confirm, err = a.confirmFresh(ctx, q); err != nil {
			return err
		}
	}
	engine := a.engine()
	watch := a.watch()
	report, err := engine.Restore(ctx, q.Request, a.consent(yes), watch.observe)
	return a.ended(report, err, q.Request, asJSON)
}

// confirmFresh has the cluster's name typed, when there is a cluster.
func (a *app) confirmFresh(ctx context.Context, q asked) (string, error) {
	p, err := a.providers.Get(q.Provider)
	if err != nil {
		return "", err
	}
	c, err := p.Find(ctx, q.Cluster)
	switch {
	case isGone(err):
		return q.Cluster, nil // there is nothing that could be lost
	case err != nil:
		return "", err
	}
	warning := fmt.Sprintf("--fresh deletes cluster %s (%s, made %s) and everything in it.",
		c.Name, c.Provider, a.ago(c.Created))
	return c.Name, a.confirm(ctx, c.Name, warning)
}

// confirm has a name typed before something is deleted.
func (a *app) confirm(ctx context.Context, name, warning string) error {
	flag := "--confirm " + name
	err := a.Terminal.Confirm(ctx, name, warning, flag)
	var nobody *terminal.NoTerminalError
	var other *terminal.NotConfirmedError
	switch {
	case errors.As(err, &nobody):
		return &refusedError{message: warning + " Nobody can be asked here", next: "add " + flag}
	case errors.As(err, &other):
		return &refusedError{message: other.Error(), next: "nothing was deleted"}
	}
	return err
}

// ended prints the report of a run and returns the error that decides the exit
// code.
func (a *app) ended(report *rebuild.Report, err error, req rebuild.Request, asJSON bool) error {
	a.Terminal.EndProgress()
	if report == nil {
		return err
	}
	if asJSON {
		return errors.Join(a.endOf(err, report), a.Terminal.JSON(report))
	}
	if report.Outcome == run.Done || reached(report, "provision") {
		a.printReport(report, req)
	}
	return a.endOf(err, report)
}

// endOf says in one error how a run ended and how it goes on.
func (a *app) endOf(err error, report *rebuild.Report) error {
	var ended *run.EndError
	if err == nil || !errors.As(err, &ended) {
		return err
	}
	e := &endedError{EndError: ended}
	switch ended.Ending {
	case run.Interrupted:
		e.next = "go on with: rekindle runs resume " + ended.Run
	case run.Failed, run.Unverified:
		e.next = hintOf(ended.Err)
		if e.next == "" && reached(report, "provision") {
			e.next = "try again where it stopped: rekindle runs resume " + ended.Run
		}
	default:
		e.next = hintOf(ended.Err)
	}
	return e
}

// endedError is the end of a run in the words of the command line: which step
// failed and why, without the run's id.
type endedError struct {
	*run.EndError
	next string
}

func (e *endedError) Error() string {
	switch {
	case e.Ending == run.Interrupted && e.Step != "":
		return "interrupted in step " + e.Step
	case e.Ending == run.Interrupted, e.Ending == run.Aborted:
		return string(e.Ending)
	case e.Err == nil:
		return "run " + e.Run + " " + string(e.Ending)
	}
	text, _ := splitHint(e.Err)
	return text
}

func (e *endedError) Unwrap() error { return e.EndError }
func (e *endedError) Hint() string  { return e.next }

// hintOf is what an error says about what to do next.
func hintOf(err error) string {
	if err == nil {
		return ""
	}
	_, hint := splitHint(err)
	return hint
}

// reached tells whether a step of the run was begun.
func reached(report *rebuild.Report, step string) bool {
	for _, s := range report.Steps {
		if s.Step == step {
			return s.Attempts > 0
		}
	}
	return false
}
