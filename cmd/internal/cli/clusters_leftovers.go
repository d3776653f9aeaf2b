package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// leftoverView is something that was left, and by whose clusters.
type leftoverView struct {
	Provider string `json:"provider"`
	providers.Leftover
}

// unaskedView is a provider that could not be asked.
type unaskedView struct {
	Provider string `json:"provider"`
	Reason   string `json:"reason"`
	Hint     string `json:"hint,omitempty"`
	// Concerned: it has, or had, a cluster that was asked about.
	Concerned bool `json:"concerned,omitempty"`
}

// leftoverList is what clusters leftovers prints as JSON.
type leftoverList struct {
	Leftovers []leftoverView `json:"leftovers"`
	// Unasked: of these nobody knows what is left.
	Unasked []unaskedView `json:"unasked,omitempty"`
}

func (a *app) clustersLeftoversCommand() *cobra.Command {
	var (
		asJSON   bool
		provider string
	)
	cmd := &cobra.Command{
		Use: "leftovers [NAME]", Short: "Tell what is left of clusters that are gone", Args: atMost(1),
		Long: `Ask the providers what is left of clusters that are gone, or of the one that is
named: load balancers, disks, networks, processes. What stays on purpose, such as a
volume that is to outlive its cluster, is marked as kept.

Exit code 1 when something is left that is not kept, or when that cannot be told of a
provider that is declared or has made clusters.`,
		Example: `  rekindle clusters leftovers
  rekindle clusters leftovers prod --json | jq '.leftovers[] | select(.kept | not)'`,
		ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			list, err := a.leftovers(cmd.Context(), name, provider)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.Terminal.JSON(list)
			} else {
				a.printLeftovers(list)
			}
			return errors.Join(err, list.verdict())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().StringVar(&provider, "provider", "", "ask this `PROVIDER` alone")
	a.completeFlag(cmd, "provider", a.completeProviders)
	return cmd
}

// leftovers asks the provider that is named, or all, about the cluster that is named,
// or all. A machine that lacks what a provider needs has nothing of it, unless the
// provider was named.
func (a *app) leftovers(ctx context.Context, name, provider string) (leftoverList, error) {
	list := leftoverList{Leftovers: []leftoverView{}}
	asked := a.providers.Names()
	if provider != "" {
		asked = []string{provider}
	}
	for _, n := range asked {
		p, err := a.providers.Get(n)
		if err != nil {
			return list, err
		}
		finder, ok := p.(providers.LeftoverFinder)
		if !ok {
			continue
		}
		id, err := a.recordedID(ctx, n, name)
		if err != nil {
			return list, err
		}
		found, err := finder.Leftovers(ctx)
		if ctx.Err() != nil {
			return list, context.Cause(ctx)
		}
		if err != nil && (provider != "" || !errors.As(err, new(*providers.MissingError))) {
			u := unaskedView{Provider: n}
			u.Reason, u.Hint = splitHint(err)
			if u.Concerned, err = a.concerned(ctx, n, name); err != nil {
				return list, err
			}
			u.Concerned = u.Concerned || provider != ""
			list.Unasked = append(list.Unasked, u)
		}
		for _, l := range found { // what was found before it failed is left, too
			if name == "" || l.Cluster == name || id != "" && l.ID == id {
				list.Leftovers = append(list.Leftovers, leftoverView{n, l})
			}
		}
	}
	slices.SortStableFunc(list.Leftovers, func(x, y leftoverView) int {
		return cmp.Or(cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.Cluster, y.Cluster), compareBool(x.Kept, y.Kept))
	})
	return list, nil
}

// concerned tells whether a provider has, or had, the cluster of that name, or any for
// an empty one, as far as rekindle.yaml and the journal know.
func (a *app) concerned(ctx context.Context, provider, name string) (bool, error) {
	if c, err := a.readConfig(); err == nil {
		for _, cl := range c.Clusters {
			if cl.Provider == provider && (name == "" || cl.Name == name) {
				return true, nil
			}
		}
	}
	records, err := a.engine().ClusterRecords(ctx)
	return slices.ContainsFunc(records, func(r rebuild.ClusterRecord) bool {
		return r.Provider == provider && (name == "" || r.Name == name)
	}), err
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// recordedID is the id of the cluster of that name which the journal knows last.
func (a *app) recordedID(ctx context.Context, provider, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	rec, _, err := a.engine().Recorded(ctx, provider, name)
	return rec.ID, err
}

// verdict is an error unless it is sure that nothing is left but what is kept.
func (l leftoverList) verdict() error {
	left := 0
	for _, one := range l.Leftovers {
		if !one.Kept {
			left++
		}
	}
	switch {
	case left == 1:
		return &hintedError{errors.New("1 thing is left"), "remove it by hand, or delete its cluster again where that is known: rekindle clusters delete NAME"}
	case left > 1:
		return &hintedError{fmt.Errorf("%d things are left", left), "remove them by hand, or delete their cluster again where that is known: rekindle clusters delete NAME"}
	}
	for _, u := range l.Unasked {
		if u.Concerned {
			return &hintedError{fmt.Errorf("what is left cannot be told of provider %s", u.Provider), u.Hint}
		}
	}
	return nil
}

func (a *app) printLeftovers(list leftoverList) {
	t := a.Terminal
	for _, u := range list.Unasked {
		t.Errf("%s provider %s could not be asked: %s\n", t.Paint(terminal.Warn, "warning:"), u.Provider, u.Reason)
	}
	if len(list.Leftovers) == 0 {
		if list.verdict() == nil {
			t.Outf("nothing is left\n")
		}
		return
	}
	whose := ""
	for i, l := range list.Leftovers {
		if head := cmp.Or(l.Cluster, "of no known cluster") + " (" + l.Provider + ")"; head != whose {
			whose = head
			if i > 0 {
				t.Outf("\n")
			}
			t.Outf("%s\n", t.Paint(terminal.Strong, head))
		}
		state := t.Paint(terminal.Bad, "left")
		if l.Kept {
			state = t.Paint(terminal.Faint, "kept")
		}
		for i, line := range append(a.folded(l.What), a.folded(l.Why)...) {
			if i == 0 {
				t.Outf("  %s  %s\n", state, line)
			} else {
				t.Outf("        %s\n", line)
			}
		}
	}
}

// folded is a text in lines that fit behind a mark.
func (a *app) folded(text string) []string {
	if a.Terminal.Width <= 20 {
		return fold(text, 4096) // a pipe takes lines of any length
	}
	return fold(text, a.Terminal.Width-8)
}
