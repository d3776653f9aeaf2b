package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/source"
)

// shownInLists is how many names a list of the tree shows on a terminal.
const shownInLists = 8

// planFlags are the flags of plan alone.
type planFlags struct {
	against          string
	asJSON, exitCode bool
}

func (a *app) planCommand() *cobra.Command {
	var (
		which requestFlags
		f     planFlags
	)
	cmd := &cobra.Command{
		Use:   "plan [CLUSTER]",
		Short: "Show what a restore would make, in which order and why",
		Long: `Show what a restore would make, in which order and why, and what the target does
not serve. Nothing is changed. Without --provider no cluster is needed: the plan
is for an empty one. With the name of a cluster that runs it is for that one.

With --against it shows instead what the commit makes differently from another.

CLUSTER is declared in rekindle.yaml; flags win over what is declared there.`,
		Example: `  rekindle plan --repo ./deploy --at v1.4
  rekindle plan dev --at v1.4 --against v1.3
  rekindle plan --repo ./deploy --json | jq '.plan.unserved'`,
		Args:              atMost(1),
		ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := a.request(cmd, args, &which, wants{})
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("against") {
				if f.against == "" {
					return &usageError{message: "--against is empty", next: "give the revision to compare with"}
				}
				return a.planAgainst(cmd.Context(), q, f)
			}
			if f.exitCode {
				return &usageError{message: "--exit-code means nothing without --against", next: "add --against REVISION"}
			}
			return a.plan(cmd.Context(), q, f)
		},
	}
	cmd.Flags().SortFlags = false
	which.register(cmd.Flags())
	cmd.Flags().StringVar(&f.against, "against", "", "show what differs from this `REVISION`")
	cmd.Flags().BoolVar(&f.exitCode, "exit-code", false, "with --against: exit with 3 when something differs")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print as JSON")
	a.completeRequest(cmd)
	a.completeFlag(cmd, "against", nil)
	return cmd
}

func (a *app) plan(ctx context.Context, q asked, f planFlags) error {
	planned, err := a.planned(ctx, q)
	if err != nil {
		return err
	}
	t := a.Terminal
	if f.asJSON {
		return t.JSON(planned)
	}
	t.Outf("%s: %s\n", shortSHA(planned.Commit.SHA), clip(planned.Commit.Subject, 60))
	t.Outf("for %s\n", planned.Target)
	a.printEstimate(planned.Estimate)
	a.printTree(planned.Plan)
	if len(planned.Notes) > 0 {
		t.Outf("\nFrom the rendering\n")
	}
	for _, n := range planned.Notes {
		a.item(n.String())
	}
	t.Outf("\nFingerprint %s\n", planned.Plan.Fingerprint)
	return t.Failed()
}

// printTree prints the waves of a plan, on a terminal with long lists shortened
// and long lines folded. Its commit and its target were printed before.
func (a *app) printTree(p *plan.Plan) {
	head := *p
	head.Commit, head.Server = "", ""
	t := a.Terminal
	if t.Width <= 0 {
		head.WriteTree(t.Out)
		return
	}
	var tree bytes.Buffer
	head.WriteTree(&tree, plan.Shorten(shownInLists))
	for line := range strings.Lines(tree.String()) {
		line = strings.TrimSuffix(line, "\n")
		text := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(text)]
		if len([]rune(line)) <= t.Width {
			t.Outf("%s\n", line)
			continue
		}
		for i, part := range fold(text, max(t.Width-len(indent)-4, 20)) {
			if i == 1 {
				indent += "    "
			}
			t.Outf("%s%s\n", indent, part)
		}
	}
}

func (a *app) planned(ctx context.Context, q asked) (*rebuild.Planned, error) {
	if a.Terminal.IsTTY {
		a.stage("planning", "")
	}
	defer a.Terminal.EndProgress()
	return a.engine().Plan(ctx, q.Request)
}

// difference is what plan --against prints as JSON.
type difference struct {
	Commit  source.Commit `json:"commit"`
	Against source.Commit `json:"against"`
	Target  string        `json:"target"`
	plan.Difference
}

func (a *app) planAgainst(ctx context.Context, q asked, f planFlags) error {
	to, err := a.planned(ctx, q)
	if err != nil {
		return err
	}
	q.Source.Revision = f.against
	from, err := a.planned(ctx, q)
	if err != nil {
		return err
	}
	d := difference{Commit: to.Commit, Against: from.Commit, Target: to.Target, Difference: plan.Diff(from.Plan, to.Plan)}
	t := a.Terminal
	switch {
	case f.asJSON:
		err = t.JSON(d)
	case d.Empty():
		t.Outf("%s makes the same objects as %s\n", shortSHA(d.Commit.SHA), shortSHA(d.Against.SHA))
	default:
		t.Outf("from %s  %s\n", shortSHA(d.Against.SHA), clip(d.Against.Subject, 60))
		t.Outf("to   %s  %s\n\n", shortSHA(d.Commit.SHA), clip(d.Commit.Subject, 60))
		a.printDifference(d.Difference)
	}
	if err = errors.Join(err, t.Failed()); err != nil {
		return err
	}
	if f.exitCode && !d.Empty() {
		return &driftError{}
	}
	return nil
}

// printDifference prints what two commits make differently: + added, - removed,
// ~ changed with the fields below.
func (a *app) printDifference(d plan.Difference) {
	t := a.Terminal
	for _, part := range []struct {
		style terminal.Style
		mark  string
		list  []plan.Change
	}{{terminal.Good, "+", d.Added}, {terminal.Bad, "-", d.Removed}, {terminal.Warn, "~", d.Changed}} {
		for _, c := range part.list {
			t.Outf("%s %s (%s)\n", t.Paint(part.style, part.mark), c.ID, c.From)
			for _, f := range c.Fields {
				t.Outf("    %s\n", plannedText(f))
			}
		}
	}
	t.Outf("%d added, %d removed, %d changed\n", len(d.Added), len(d.Removed), len(d.Changed))
}
