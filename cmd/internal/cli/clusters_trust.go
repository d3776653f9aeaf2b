package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// trustView is what clusters trust prints as JSON.
type trustView struct {
	Cluster string `json:"cluster"`
	// Issuer signs for the cluster that is there, Earlier signed for those before it.
	Issuer  string            `json:"issuer"`
	Earlier []string          `json:"earlier"`
	Trusts  []providers.Trust `json:"trusts"`
}

type trustFlags struct {
	provider, confirm string
	update, asJSON    bool
}

func (a *app) clustersTrustCommand() *cobra.Command {
	var f trustFlags
	cmd := &cobra.Command{
		Use: "trust NAME", Short: "Tell who still trusts the earlier clusters of a name, and let them trust this one", Args: exactly("NAME"),
		Long: `Tell who trusts the service accounts of earlier clusters of that name and not those
of the cluster that is there: a cluster that was made anew signs with another issuer.
With --update they trust the new one in place of the earlier ones; the name has to be
typed once more, without a terminal --confirm NAME does that.

Pod identity associations need no trust in an issuer: they outlive a recreation as
they are declared, without this command.`,
		Example: `  rekindle clusters trust prod
  rekindle clusters trust prod --update --confirm prod`,
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.confirm != "" && !f.update {
				return &usageError{message: "--confirm means nothing without --update", next: "add --update to change whom others trust"}
			}
			if err := sameName(f.confirm, args[0], "nothing was changed"); err != nil {
				return err
			}
			return a.trust(cmd.Context(), args[0], f)
		},
	}
	cmd.Flags().BoolVar(&f.update, "update", false, "let them trust the cluster that is there")
	cmd.Flags().StringVar(&f.confirm, "confirm", "", "the `NAME` once more, where nobody can be asked")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print as JSON")
	a.providerFlag(cmd, &f.provider)
	return cmd
}

func (a *app) trust(ctx context.Context, name string, f trustFlags) error {
	c, err := a.locate(ctx, name, f.provider)
	if err != nil {
		return err
	}
	p, err := a.providers.Get(c.Provider)
	if err != nil {
		return err
	}
	truster, ok := p.(providers.Truster)
	if !ok {
		return &usageError{message: fmt.Sprintf("nobody outside trusts the service accounts of clusters of provider %s", c.Provider)}
	}
	known, err := a.engine().Identities(ctx, c.Provider, c.Name)
	if err != nil {
		return err
	}
	view := trustView{Cluster: c.Name, Issuer: c.Issuer, Earlier: append([]string{}, rebuild.EarlierIssuers(known, c.ID, c.Issuer)...), Trusts: []providers.Trust{}}
	if len(view.Earlier) > 0 {
		list, err := truster.Trusts(ctx, c.Name, c.ID, view.Earlier, false)
		if err != nil {
			return err
		}
		view.Trusts = append(view.Trusts, list...)
	}
	if f.update && len(view.Trusts) > 0 {
		if f.confirm == "" {
			if !f.asJSON {
				a.printTrusts(view)
			}
			deed := fmt.Sprintf("this lets %s trust cluster %s (%s) in place of the earlier one", count(len(view.Trusts), "role"), c.Name, c.Issuer)
			if err := a.agreed(ctx, c.Name, deed, "nothing was changed"); err != nil {
				return err
			}
		}
		if view.Trusts, err = truster.Trusts(ctx, c.Name, c.ID, view.Earlier, true); err != nil {
			return err
		}
	}
	if f.asJSON {
		return errors.Join(a.Terminal.JSON(view), view.verdict(f.update))
	}
	a.printTrusts(view)
	return view.verdict(f.update)
}

// verdict is an error when something was to be updated and is not.
func (v trustView) verdict(update bool) error {
	failed := 0
	for _, t := range v.Trusts {
		if update && !t.Updated {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return &hintedError{fmt.Errorf("%d of %d could not be updated", failed, len(v.Trusts)),
		"mend what stands there, and run the same again: what is updated stays so"}
}

func (a *app) printTrusts(v trustView) {
	t := a.Terminal
	switch {
	case len(v.Earlier) == 0:
		t.Outf("nothing is known of an earlier issuer of %s\n", v.Cluster)
		return
	case len(v.Trusts) == 0:
		t.Outf("nobody trusts the earlier issuers of %s any more\n", v.Cluster)
		return
	}
	t.Outf("%s signs as %s\n", t.Paint(terminal.Strong, v.Cluster), v.Issuer)
	for _, one := range v.Trusts {
		mark := t.Paint(terminal.Warn, "-")
		switch {
		case one.Updated:
			mark = t.Paint(terminal.Good, "✓")
		case one.Why != "":
			mark = t.Paint(terminal.Bad, "✗")
		}
		t.Outf("  %s %s\n", mark, one.What)
		if len(one.Accounts) > 0 {
			a.detail("for " + strings.Join(one.Accounts, ", "))
		}
		if one.Updated {
			a.detail("trusts it now")
		} else {
			a.detail("trusts " + one.Issuer)
		}
		if one.Why != "" {
			a.detail("not updated: " + one.Why)
		}
	}
}
