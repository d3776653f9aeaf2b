package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

func (a *app) runsPauseCommand() *cobra.Command {
	return a.orderCommand(run.PauseRun, &cobra.Command{
		Use: "pause RUN", Short: "Hold a run that is under way before the next thing that it does", Args: exactly("RUN"),
		Long: `Hold a run that is under way: a restore before its next object, everything else
before its next step. What is under way is finished, and deadlines do not run
meanwhile. It holds until it is continued, also when its process dies and the run is
resumed.`,
		ValidArgsFunction: a.completeUnfinished,
	})
}

func (a *app) runsContinueCommand() *cobra.Command {
	return a.orderCommand(run.ContinueRun, &cobra.Command{
		Use: "continue RUN", Short: "Let a run go on that is paused, or that holds because it would fail", Args: exactly("RUN"),
		ValidArgsFunction: a.completeUnfinished,
	})
}

func (a *app) runsRetryCommand() *cobra.Command {
	return a.orderCommand(run.RetryObject, &cobra.Command{
		Use: "retry RUN OBJECT", Short: "Have a run try an object again that failed or does not become healthy", Args: objectArgs,
		Long: `Have a run that is under way try an object again: one that could not be applied is
applied again, and with it what was skipped because of it; one that does not become
healthy is applied again and given its time anew; a kind that nobody serves yet is
looked for at once. What was skipped is taken up again.`,
		Example: `  rekindle runs retry k7x2 Deployment.apps shop/web
  rekindle runs retry k7x2 Deployment.apps/shop/web`,
		ValidArgsFunction: a.completeObjects(run.RetryObject),
	})
}

func (a *app) runsSkipCommand() *cobra.Command {
	return a.orderCommand(run.SkipObject, &cobra.Command{
		Use: "skip RUN OBJECT", Short: "Have a run give an object up, for a reason", Args: objectArgs,
		Long: `Have a run that is under way give an object up: it is not waited for, and what needs
it fails for that reason. The run ends unverified and its report names who skipped what
and why. Also a resumed run skips it, until it is retried; a new restore tries it.`,
		Example:           `  rekindle runs skip k7x2 Job.batch shop/migrate --why 'the old database is gone'`,
		ValidArgsFunction: a.completeObjects(run.SkipObject),
	})
}

// objectArgs wants a run and an object, which may be given as two words.
func objectArgs(_ *cobra.Command, args []string) error {
	if len(args) == 2 || len(args) == 3 {
		return nil
	}
	return &usageError{message: fmt.Sprintf("want RUN and OBJECT, not %d arguments", len(args)), next: "name the object as the run's events do: Deployment.apps shop/web"}
}

// objectOf is the object that a person named: "Kind.group ns/name" as events have
// it, in one word or two, or with a slash instead of the space.
func objectOf(words []string) string {
	name := strings.Join(words, " ")
	if !strings.Contains(name, " ") {
		name = strings.Replace(name, "/", " ", 1)
	}
	return name
}

// orderCommand completes a command that gives an order.
func (a *app) orderCommand(kind run.OrderKind, cmd *cobra.Command) *cobra.Command {
	var (
		why    string
		asJSON bool
	)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if kind == run.SkipObject && strings.TrimSpace(why) == "" {
			return &usageError{message: "skip what, and why? --why is missing", next: "add --why 'REASON': the report names it"}
		}
		r, err := run.Resolve(ctx, a.store, args[0])
		if err != nil {
			return a.unknownRun(err)
		}
		o, err := a.executor().Give(ctx, r.ID, run.Order{Kind: kind, Object: objectOf(args[1:]), Why: why})
		var invalid *run.InvalidOrderError
		switch {
		case errors.As(err, &invalid):
			return &usageError{message: invalid.Reason}
		case err != nil:
			return err
		case asJSON:
			return a.Terminal.JSON(o)
		}
		a.Terminal.Errf("%s\n", given(r.ID, o))
		return nil
	}
	if kind != run.ContinueRun && kind != run.RetryObject {
		cmd.Flags().StringVar(&why, "why", "", "the `REASON`, for the run's events and its report")
		a.completeFlag(cmd, "why", nil)
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the order as JSON")
	return cmd
}

// given says what came of an order.
func given(id string, o run.Order) string {
	switch {
	case o.Answered.IsZero():
		return fmt.Sprintf("told %s to %s; it has not come to it yet: rekindle runs events %s --follow", id, o, id)
	case o.Kind == run.PauseRun:
		return fmt.Sprintf("paused %s; it goes on with: rekindle runs continue %s", id, id)
	case o.Kind == run.ContinueRun:
		return "continued " + id
	case o.Kind == run.SkipObject:
		return fmt.Sprintf("%s skips %s", id, o.Object)
	}
	return fmt.Sprintf("%s tries %s again", id, o.Object)
}

// completeObjects completes the objects of a run about which an order makes sense.
func (a *app) completeObjects(kind run.OrderKind) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return a.completeUnfinished(cmd, args, typed)
		case 1:
			return a.complete(cmd, func(ctx context.Context) []string { return a.troubled(ctx, args[0], kind) }, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// troubled are the objects of a run that failed or are not healthy, by the last of
// their events, in one word.
func (a *app) troubled(ctx context.Context, typed string, kind run.OrderKind) []string {
	r, err := run.Resolve(ctx, a.store, typed)
	if err != nil {
		return nil
	}
	events, err := a.store.Events(ctx, r.ID, 0, 0)
	if err != nil {
		return nil
	}
	last := map[string]string{}
	for _, ev := range events {
		if ev.Object != "" && ev.Type != "object.warning" && ev.Type != run.OrderRefused {
			last[ev.Object] = ev.Type
		}
	}
	var list []string
	for name, what := range last {
		switch what {
		case "object.applied", "object." + string(kube.StateSettled), run.ObjectRetried:
			continue
		case run.ObjectSkipped, run.ObjectStillSkipped:
			if kind == run.SkipObject {
				continue
			}
		}
		list = append(list, strings.Replace(name, " ", "/", 1))
	}
	slices.Sort(list)
	return list
}

// halted is "running", or that people or the run itself hold it.
func halted(r run.Run) string {
	switch {
	case r.Paused != nil:
		return "paused"
	case r.Held != nil:
		return "held"
	}
	return running
}

// printHalt says why a run that is under way does not go on.
func (a *app) printHalt(r run.Run) {
	if h := r.Paused; h != nil {
		text := "Paused since " + h.Since.UTC().Format("15:04Z")
		if h.By != "" {
			text += " by " + h.By
		}
		if h.Why != "" {
			text += ": " + h.Why
		}
		a.Terminal.Outf("\n")
		a.item(text)
		a.item("it goes on with: rekindle runs continue " + r.ID)
	}
	if h := r.Held; h != nil {
		a.Terminal.Outf("\n")
		a.item("It holds until " + h.Until.UTC().Format("15:04Z") + ": " + h.Why)
		for _, word := range []string{"retry %s OBJECT", "skip %s OBJECT --why REASON", "continue %s", "abort %s"} {
			a.item("rekindle runs " + fmt.Sprintf(word, r.ID))
		}
	}
}

// printSkipped prints what somebody gave up.
func (a *app) printSkipped(list []rebuild.SkippedObject) {
	a.section("Skipped", len(list), func(i int) {
		s := list[i]
		a.Terminal.Outf("  %s\n", s.ID)
		why := s.Why
		if s.By != "" {
			why = "by " + s.By + ": " + why
		}
		a.detail(why)
		if from := s.From.String(); from != "" {
			a.detail("from " + from)
		}
	})
}

// said prints, as it happens, that somebody told the run something.
func (w *watcher) said(ev run.Event) {
	t := w.a.Terminal
	text := ev.Message
	if ev.Object != "" {
		text = ev.Object + ": " + text
	}
	t.Errf("  %s %s\n", t.Paint(terminal.Faint, "•"), clip(text, 160))
}
