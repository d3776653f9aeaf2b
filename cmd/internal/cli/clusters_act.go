package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
)

func (a *app) clustersKubeconfigCommand() *cobra.Command {
	var (
		provider, output string
		overwrite        bool
	)
	cmd := &cobra.Command{
		Use: "kubeconfig NAME", Short: "Print a kubeconfig for a cluster", Args: exactly("NAME"),
		Long: `Print a kubeconfig for a cluster. It holds a key: --output writes a file that only
its owner can read.`,
		Example: `  rekindle clusters kubeconfig dev --output dev.kubeconfig
  kubectl --kubeconfig dev.kubeconfig get pods -A`,
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.locate(cmd.Context(), args[0], provider)
			if err != nil {
				return err
			}
			if err := a.engine().Recognize(cmd.Context(), c); err != nil {
				return err
			}
			p, err := a.providers.Get(c.Provider)
			if err != nil {
				return err
			}
			kubeconfig, err := p.Connect(cmd.Context(), c.Name)
			if err != nil {
				return a.startHint(err, c)
			}
			if output == "" || output == "-" {
				return a.file(kubeconfig)
			}
			return a.writeKubeconfig(output, kubeconfig, overwrite)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write instead of stdout")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace a FILE that holds something else")
	a.providerFlag(cmd, &provider)
	return cmd
}

// file prints a file of our own making to stdout, byte by byte.
func (a *app) file(content []byte) error {
	if _, err := a.Terminal.Out.Write(content); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

// writeKubeconfig writes a file that only its owner can read. What is there
// already is somebody's kubeconfig, perhaps the only one: it stays unless it is
// the same, or overwrite was said.
func (a *app) writeKubeconfig(path string, kubeconfig []byte, overwrite bool) error {
	have, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("--output: %w", err)
	case bytes.Equal(have, kubeconfig):
		return nil
	case !overwrite:
		return &refusedError{message: path + " exists and holds something else", next: "add --overwrite, or name another file"}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	_, err = f.Write(kubeconfig)
	if err = errors.Join(err, f.Chmod(0o600), f.Close()); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	a.Terminal.Errf("wrote %s\n", path)
	return nil
}

// startHint adds to an error about a stopped cluster how to start it.
func (a *app) startHint(err error, c providers.Cluster) error {
	var stopped *providers.NotRunningError
	if errors.As(err, &stopped) && stopped.State == providers.StateStopped {
		return &hintedError{err, "start it with: rekindle clusters start " + c.Name}
	}
	return err
}

// hintedError is an error with a hint about what to do next.
type hintedError struct {
	error
	next string
}

func (e *hintedError) Unwrap() error { return e.error }
func (e *hintedError) Hint() string  { return e.next }

func (a *app) clustersStopCommand() *cobra.Command {
	return a.hibernation("stop NAME", "Stop a cluster, keeping its data", "stopping",
		func(h providers.Hibernator) func(context.Context, string, string, providers.Progress) error {
			return h.Stop
		})
}

func (a *app) clustersStartCommand() *cobra.Command {
	return a.hibernation("start NAME", "Start a stopped cluster", "starting",
		func(h providers.Hibernator) func(context.Context, string, string, providers.Progress) error {
			return h.Start
		})
}

// hibernation is the command that stops or starts, under the cluster's lease.
func (a *app) hibernation(use, short, doing string,
	act func(providers.Hibernator) func(context.Context, string, string, providers.Progress) error) *cobra.Command {
	var provider string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: exactly("NAME"), ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := a.locate(ctx, args[0], provider)
			if err != nil {
				return err
			}
			p, err := a.providers.Get(c.Provider)
			if err != nil {
				return err
			}
			h, ok := p.(providers.Hibernator)
			if !ok {
				return &usageError{message: fmt.Sprintf("provider %s cannot stop and start clusters", c.Provider)}
			}
			lease, err := run.AcquireLease(ctx, a.store.Leases(), c.Name, run.Holder{Process: run.Process{PID: os.Getpid(), Since: a.Now()}})
			if err != nil {
				return err
			}
			defer func() { _ = lease.Release() }() // the process's end releases it, too
			a.stage(doing+" "+c.Name, "")
			err = act(h)(ctx, c.Name, c.ID, func(message string) { a.stage(doing+" "+c.Name, message) })
			a.Terminal.EndProgress()
			if err == nil && !a.flags.quiet {
				a.Terminal.Errf("%s %s: done\n", doing, c.Name)
			}
			return err
		},
	}
	a.providerFlag(cmd, &provider)
	return cmd
}
