package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

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
		detach bool
	)
	cmd := &cobra.Command{
		Use:   "restore [CLUSTER]",
		Short: "Stand a cluster up from a commit, verified",
		Long: `Stand a cluster up from a commit of a repository: make the cluster, apply every
object in the order in which it is needed, wait until all is healthy, and compare
the cluster with the commit.

A cluster that exists is restored in place: what would change is shown first, and
--yes agrees where nobody can be asked. --fresh deletes the cluster and makes it
anew, unless it is somebody else's (provider existing).

CLUSTER is declared in rekindle.yaml; flags win over what is declared there.`,
		Example: `  rekindle restore dev                      # as declared in rekindle.yaml
  rekindle restore dev --at v1.4
  rekindle restore dev --at v1.4 --name rehearsal
  rekindle restore dev --detach             # by the daemon, whoever goes home
  rekindle restore --repo https://git.example.com/deploy.git --at HEAD~3 \
      --path clusters/dev --provider local --name dev`,
		Args:              atMost(1),
		ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := a.request(cmd, args, &which, wants{target: true})
			if err != nil {
				return err
			}
			if q.Provider == "" {
				if q.Provider, err = a.providerOf(cmd.Context(), q.Cluster); err != nil {
					return err
				}
			}
			if err := apply.override(cmd.Flags(), &q); err != nil {
				return err
			}
			if detach {
				return a.detach(cmd, args, q, apply.yes, asJSON)
			}
			return a.restore(cmd.Context(), q, apply.yes, asJSON)
		},
	}
	cmd.Flags().SortFlags = false
	which.register(cmd.Flags())
	apply.register(cmd.Flags())
	cmd.Flags().BoolVar(&detach, "detach", false, "hand it to the daemon, and print the run's ID")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	a.completeRequest(cmd)
	return cmd
}

// providerOf is who made a cluster that is there already: whoever wants another
// one says who makes it.
func (a *app) providerOf(ctx context.Context, name string) (string, error) {
	c, err := a.locate(ctx, name, "")
	if err != nil && !errors.As(err, new(*rebuild.AmbiguousClusterError)) {
		return "", a.noProvider()
	}
	return c.Provider, err
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
	watch := a.watch(q.Request)
	defer watch.stop()
	report, err := engine.Restore(ctx, q.Request, a.consent(yes), watch.observe)
	return a.ended(ctx, report, err, q.Request, asJSON)
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
	case c.Borrowed:
		return q.Cluster, nil // the restore refuses, and says why
	}
	deed := fmt.Sprintf("--fresh deletes cluster %s (%s, made %s) and everything in it",
		c.Name, c.Provider, a.ago(c.Created))
	return c.Name, a.confirm(ctx, c.Name, deed)
}

// confirm has a name typed before something is deleted: deed says what, without
// a capital letter or a full stop.
func (a *app) confirm(ctx context.Context, name, deed string) error {
	return a.agreed(ctx, name, deed, "nothing was deleted")
}

// agreed is confirm for what deletes nothing: spared says what did not happen.
func (a *app) agreed(ctx context.Context, name, deed, spared string) error {
	flag := "--confirm " + name
	err := a.Terminal.Confirm(ctx, name, strings.ToUpper(deed[:1])+deed[1:]+".", flag)
	var nobody *terminal.NoTerminalError
	var other *terminal.NotConfirmedError
	switch {
	case errors.As(err, &nobody):
		return &refusedError{message: deed + ", and nobody can be asked here", next: "add " + flag}
	case errors.As(err, &other):
		return &refusedError{message: other.Error(), next: spared}
	}
	return err
}

// ended prints the report of a run and returns the error that decides the exit
// code.
func (a *app) ended(ctx context.Context, report *rebuild.Report, err error, req rebuild.Request, asJSON bool) error {
	a.Terminal.EndProgress()
	if report == nil {
		return err
	}
	if asJSON {
		return errors.Join(a.endOf(ctx, err, report, req), a.Terminal.JSON(report))
	}
	if report.Outcome == run.Done || reached(report, "provision") {
		a.printReport(report)
		a.printNext(ctx, report, req, a.resuming(ctx, report, req)...)
	}
	return a.endOf(ctx, err, report, req)
}

// resuming is the command to go on with a run that was cut short; empty for one
// that came to its end, or that has lost its cluster.
func (a *app) resuming(ctx context.Context, report *rebuild.Report, req rebuild.Request) []string {
	if report.Outcome != run.Interrupted && report.Outcome != run.Failed || a.lost(ctx, report) {
		return nil
	}
	return []string{cmp.Or(a.remaking(ctx, report, req), a.goOn(report, req))}
}

// endOf says in one error how a run ended and how it goes on.
func (a *app) endOf(ctx context.Context, err error, report *rebuild.Report, req rebuild.Request) error {
	var ended *run.EndError
	if err == nil || !errors.As(err, &ended) {
		return err
	}
	e := &endedError{EndError: ended, next: hintOf(ended.Err)}
	switch ended.Ending {
	case run.Interrupted, run.Failed, run.Unverified:
		e.next = a.afterwards(ctx, report, req, e.next)
	}
	return e
}

// afterwards says how a run goes on that can be taken up again; own is what its
// error says about that.
func (a *app) afterwards(ctx context.Context, report *rebuild.Report, req rebuild.Request, own string) string {
	switch {
	case a.lost(ctx, report):
		return "begin a new restore: " + a.restoring(report, req)
	case report.Outcome == run.Interrupted:
		return "go on with: " + a.goOn(report, req)
	case report.Outcome == run.Unverified:
		return lines(a.remedies(report, req))
	case own == "" && reached(report, "provision"):
		if anew := a.remaking(ctx, report, req); anew != "" {
			return "when that is mended, here or in the settings of rekindle.yaml: " + anew
		}
		return "try again where it stopped: " + a.goOn(report, req)
	}
	return own
}

// withoutRun says how a run ended that is begun anew and not resumed: what went
// wrong, and not in which run.
func withoutRun(err error) error {
	var ended *run.EndError
	if !errors.As(err, &ended) {
		return err
	}
	return &endedError{EndError: ended, next: hintOf(ended.Err)}
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
	return strings.TrimSuffix(text, ": begin a new restore") // which is the hint
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
