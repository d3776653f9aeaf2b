package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
)

// completeWithin bounds what a press of the tab key may take.
const completeWithin = time.Second

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print the completion script of a shell", Args: exactly("SHELL"), ValidArgs: shells,
		Long: `Print the completion script of a shell: bash, zsh, fish or powershell.
That of bash needs the package bash-completion.

  source <(rekindle completion bash)                       # this shell
  rekindle completion zsh  > "${fpath[1]}/_rekindle"        # every zsh
  rekindle completion fish > ~/.config/fish/completions/rekindle.fish`,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), a.Terminal.Out
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return &usageError{message: "unknown shell " + quote(args[0]), next: "one of " + strings.Join(shells, ", ")}
		},
	}
}

// completer lists words for the shell; what it cannot find out it leaves out.
type completer func(ctx context.Context) []string

// words of a completer, those that begin with what was typed.
func (a *app) complete(cmd *cobra.Command, list completer, typed string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	if err := a.wire(cmd); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for _, w := range list(ctx) {
		if strings.HasPrefix(w, typed) && !strings.ContainsFunc(w, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			words = append(words, w)
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// argument completes the one argument of a command.
func (a *app) argument(cmd *cobra.Command, args []string, typed string, list completer) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(cmd, list, typed)
}

func (a *app) completeDeclared(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.argument(cmd, args, typed, func(context.Context) []string {
		c, err := a.config()
		if err != nil {
			return nil
		}
		return c.Names()
	})
}

func (a *app) completeClusters(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.argument(cmd, args, typed, a.completeClusterNames)
}

func (a *app) completeClusterNames(ctx context.Context) []string { return a.clusterNames(ctx) }

func (a *app) completeProviders(context.Context) []string { return a.providers.Names() }

func (a *app) completeRuns(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.argument(cmd, args, typed, a.runIDs(run.Filter{Limit: 50}))
}

func (a *app) completeUnfinished(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.argument(cmd, args, typed, a.runIDs(run.Filter{Unfinished: true, Limit: 50}))
}

func (a *app) runIDs(f run.Filter) completer {
	return func(ctx context.Context) []string {
		list, err := a.store.Runs(ctx, f)
		if err != nil {
			return nil
		}
		var ids []string
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		return ids
	}
}

// completeFlag completes the value of a flag; without a list it offers nothing,
// not even files.
func (a *app) completeFlag(cmd *cobra.Command, flag string, list completer) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		if list == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.complete(cmd, list, typed)
	})
	if err != nil {
		panic("cli: completion of --" + flag + ": " + err.Error()) // a flag that the command does not have
	}
}

// completeRequest completes the flags that restore, plan and verify share.
func (a *app) completeRequest(cmd *cobra.Command) {
	a.completeFlag(cmd, "provider", a.completeProviders)
	a.completeFlag(cmd, "name", a.completeClusterNames)
	a.completeFlag(cmd, "kind", func(context.Context) []string {
		return []string{string(render.KindAuto), string(render.KindPlain), string(render.KindKustomize), string(render.KindHelm)}
	})
	for _, flag := range []string{"at", "path"} {
		a.completeFlag(cmd, flag, nil)
	}
}
