package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// detachable are the flags of restore that the daemon is told; all else is as its
// own rekindle.yaml declares it.
func detachable() []string {
	return []string{"detach", "at", "convert", "wait", "prune", "fresh", "confirm", "allow-unserved", "allow-data-loss", "hold", "yes", "json"}
}

// detach hands a restore to the daemon, and says how to follow it.
func (a *app) detach(cmd *cobra.Command, args []string, q asked, yes, asJSON bool) error {
	ctx := cmd.Context()
	if len(args) == 0 {
		return &usageError{message: "--detach hands a declared cluster to the daemon: which one?", next: "rekindle restore NAME --detach"}
	}
	var others []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if cmd.InheritedFlags().Lookup(f.Name) == nil && !slices.Contains(detachable(), f.Name) {
			others = append(others, "--"+f.Name)
		}
	})
	if len(others) > 0 {
		return &usageError{message: "--detach restores what the daemon's rekindle.yaml declares: " + strings.Join(others, ", ") + " cannot be handed over",
			next: "leave --detach out, or declare it there"}
	}
	d, err := a.daemonClient()
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := d.Version(ctx); err != nil { // before anybody is asked anything
		return withoutDaemon(err)
	}
	if q.Fresh && q.Confirm == "" {
		if q.Confirm, err = a.confirmFresh(ctx, q); err != nil {
			return err
		}
	}
	if err := a.agreeBeforehand(ctx, q, yes); err != nil {
		return err
	}
	begun, err := d.Start(ctx, detached(cmd.Flags(), args[0], q, yes))
	if err != nil {
		return withoutDaemon(err)
	}
	if asJSON {
		return a.Terminal.JSON(begun)
	}
	a.Terminal.Outf("%s\n", begun.ID)
	a.Terminal.Errf("the daemon restores %s; follow it with: rekindle runs events %s --follow\n", begun.Cluster, begun.ID)
	return nil
}

// detached is what the daemon is asked for.
func detached(fs *pflag.FlagSet, name string, q asked, yes bool) api.StartRequest {
	req := api.StartRequest{Recipe: api.Restore, Cluster: name, Agree: yes, Fresh: q.Fresh, Confirm: q.Confirm, AllowDataLoss: q.AllowDataLoss, Hold: q.Hold}
	if fs.Changed("at") {
		req.Revision = q.Source.Revision
	}
	if fs.Changed("wait") {
		req.WaitMS = q.Wait.Milliseconds()
	}
	for flag, to := range map[string]struct {
		field **bool
		value bool
	}{"prune": {&req.Prune, q.Prune}, "convert": {&req.Convert, q.Convert}, "allow-unserved": {&req.AllowUnserved, q.AllowUnserved}} {
		if fs.Changed(flag) {
			*to.field = &to.value
		}
	}
	return req
}

// agreeBeforehand refuses what nobody could be asked about later.
func (a *app) agreeBeforehand(ctx context.Context, q asked, yes bool) error {
	if yes || q.Fresh {
		return nil
	}
	p, err := a.providers.Get(q.Provider)
	if err != nil {
		return err
	}
	_, err = p.Find(ctx, q.Cluster)
	switch {
	case errors.Is(err, providers.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return &rebuild.RefusedError{Reason: "cluster " + q.Cluster + " exists and would be changed, and the daemon can ask nobody",
		Remedy: "look at the difference (rekindle drift " + q.Cluster + "), then agree with --yes"}
}

// withoutDaemon adds to the error of a missing daemon what works without one.
func withoutDaemon(err error) error {
	if errors.Is(err, client.ErrNoDaemon) {
		text, _ := splitHint(err)
		return &usageError{message: text, next: "start one: rekindle daemon, or leave --detach out"}
	}
	return err
}
