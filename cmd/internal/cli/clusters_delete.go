package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// deleteFlags are the flags of clusters delete.
type deleteFlags struct {
	provider, confirm string
	allowDataLoss     bool
	wait              time.Duration
}

func (a *app) clustersDeleteCommand() *cobra.Command {
	var f deleteFlags
	cmd := &cobra.Command{
		Use: "delete NAME", Aliases: []string{"rm"}, Short: "Delete a cluster and everything in it", Args: exactly("NAME"),
		Long: `Delete a cluster, everything in it, and everything that was made for it. The name
has to be typed once more; without a terminal --confirm NAME does that.

A cluster that is somebody else's (provider existing) stays. Of it goes what
restores made; what they took over from others is given back as it is, and so are
namespaces in which others have objects. Volume claims stay unless
--allow-data-loss is given.`,
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.wait <= 0 {
				return &usageError{message: fmt.Sprintf("--wait %s is not a time to wait", f.wait), next: "give a duration such as 90s or 10m"}
			}
			return a.deleteCluster(cmd.Context(), args[0], f)
		},
	}
	cmd.Flags().StringVar(&f.confirm, "confirm", "", "the `NAME` once more, where nobody can be asked")
	cmd.Flags().BoolVar(&f.allowDataLoss, "allow-data-loss", false, "provider existing: remove volume claims that restores made")
	cmd.Flags().DurationVar(&f.wait, "wait", 10*time.Minute, "provider existing: how long objects may take to go")
	a.providerFlag(cmd, &f.provider)
	return cmd
}

func (a *app) deleteCluster(ctx context.Context, name string, f deleteFlags) error {
	if err := matches(f.confirm, name); err != nil {
		return err
	}
	c, err := a.locate(ctx, name, f.provider)
	if err != nil && !errors.As(err, new(*rebuild.AmbiguousClusterError)) {
		// A delete that was cut off may have left something, also when another
		// provider is away.
		if rest, restErr := a.engine().Remains(ctx, f.provider, name); !errors.Is(restErr, providers.ErrNotFound) {
			c, err = rest, restErr
		}
	}
	if err != nil {
		return err
	}
	if f.confirm == "" {
		if err := a.confirm(ctx, c.Name, a.deed(c)); err != nil {
			return err
		}
	}
	a.stage("deleting "+c.Name, "")
	var t deletions
	req := rebuild.DeleteRequest{Provider: c.Provider, Cluster: c.Name, Confirm: c.Name, AllowDataLoss: f.allowDataLoss, Wait: f.wait}
	err = a.engine().Delete(ctx, req, func(ev run.Event) {
		t.count(ev)
		if ev.Message != "" && ev.Level != run.LevelDebug {
			a.stage("deleting "+c.Name, ev.Message)
		}
	})
	a.Terminal.EndProgress()
	if err == nil && !a.flags.quiet {
		a.printDeleted(c, t)
		a.printStaying(ctx, c)
	}
	return err
}

// printStaying names what the provider keeps of a cluster that was deleted, as far as it
// can be asked.
func (a *app) printStaying(ctx context.Context, c providers.Cluster) {
	p, err := a.providers.Get(c.Provider)
	if err != nil {
		return
	}
	finder, ok := p.(providers.LeftoverFinder)
	if !ok {
		return
	}
	list, _ := finder.Leftovers(ctx) // the cluster is deleted; clusters leftovers says what is wrong
	for _, l := range list {
		if l.Kept && l.ID == c.ID {
			a.Terminal.Errf("  stays on purpose: %s\n", strings.TrimSuffix(l.What+": "+l.Why, ": "))
		}
	}
}

// matches refuses a --confirm that is another name.
func matches(confirm, name string) error { return sameName(confirm, name, "nothing was deleted") }

// sameName refuses a --confirm that is another name, and says what did not happen.
func sameName(confirm, name, spared string) error {
	if confirm != "" && confirm != name {
		return &refusedError{message: fmt.Sprintf("--confirm %s is not the name of the cluster, %s", confirm, name), next: spared}
	}
	return nil
}

// deed says what deleting c does.
func (a *app) deed(c providers.Cluster) string {
	if c.Borrowed {
		return fmt.Sprintf("this removes from cluster %s (%s, somebody else's) everything that restores made, gives back what they took over, and leaves the cluster",
			c.Name, c.Provider)
	}
	return fmt.Sprintf("this deletes cluster %s (%s, made %s) and everything in it", c.Name, c.Provider, a.ago(c.Created))
}

// deletions counts what became of the objects of a borrowed cluster.
type deletions struct{ removed, givenBack int }

func (d *deletions) count(ev run.Event) {
	switch ev.Type {
	case "object.pruned":
		d.removed++
	case "object.given-back":
		d.givenBack++
	}
}

func (a *app) printDeleted(c providers.Cluster, d deletions) {
	t := a.Terminal
	if !c.Borrowed {
		t.Errf("%s deleted %s (%s)\n", t.Paint(terminal.Good, "✓"), c.Name, c.Provider)
		return
	}
	t.Errf("%s removed %s from %s (%s), gave back %d; the cluster stays\n", t.Paint(terminal.Good, "✓"),
		count(d.removed, "object"), c.Name, c.Provider, d.givenBack)
}

func (a *app) clustersForgetCommand() *cobra.Command {
	var provider, confirm string
	cmd := &cobra.Command{
		Use: "forget NAME", Short: "Forget a cluster that is somebody else's", Args: exactly("NAME"),
		Long: `Drop what is known of a cluster that is somebody else's (provider existing), and
leave everything that was restored onto it as it is. It is for a cluster that its
owner made anew or took away; to remove what was restored use delete. The name has
to be typed once more; without a terminal --confirm NAME does that.`,
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, name := cmd.Context(), args[0]
			if err := matches(confirm, name); err != nil {
				return err
			}
			if confirm == "" {
				deed := "this forgets which cluster " + name + " is, and leaves everything in it"
				if err := a.confirm(ctx, name, deed); err != nil {
					return err
				}
			}
			err := a.engine().Forget(ctx, provider, name)
			if err == nil && !a.flags.quiet {
				a.Terminal.Errf("%s forgot %s; what is in it stays\n", a.Terminal.Paint(terminal.Good, "✓"), name)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&confirm, "confirm", "", "the `NAME` once more, where nobody can be asked")
	a.providerFlag(cmd, &provider)
	return cmd
}
