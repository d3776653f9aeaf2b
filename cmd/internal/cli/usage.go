package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

// group returns a command that only has subcommands.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: onlySubcommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(commands...)
	return c
}

// onlySubcommands refuses every argument: what stands there is no subcommand.
func onlySubcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(append(names, c.Name()), c.Aliases...)
		}
	}
	e := &usageError{message: fmt.Sprintf("unknown command %q for %s", args[0], cmd.CommandPath())}
	if near := nearest.Name(args[0], names); near != "" {
		e.next = fmt.Sprintf("did you mean %s %s?", cmd.CommandPath(), near)
	} else {
		e.next = "see " + cmd.CommandPath() + " --help"
	}
	return e
}

// atMost and exactly say how many arguments a command takes, in its own words.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return tooMany(cmd, args[n])
	}
}

func exactly(what ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(what):
			return &usageError{
				message: fmt.Sprintf("%s: %s is missing", cmd.CommandPath(), what[len(args)]),
				next:    cmd.UseLine(),
			}
		case len(args) > len(what):
			return tooMany(cmd, args[len(what)])
		}
		return nil
	}
}

func tooMany(cmd *cobra.Command, arg string) error {
	return &usageError{message: fmt.Sprintf("%s: unexpected argument %q", cmd.CommandPath(), arg), next: cmd.UseLine()}
}

// flagError turns an error of the flag parser into a usage error that suggests
// the nearest flag.
func flagError(cmd *cobra.Command, err error) error {
	e := &usageError{message: err.Error(), next: "see " + cmd.CommandPath() + " --help"}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return e
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := nearest.Name(strings.TrimLeft(unknown.GetSpecifiedName(), "-"), names); near != "" {
		e.next = fmt.Sprintf("did you mean --%s?", near)
	}
	return e
}

// didYouMean is a hint, or empty when nothing is near.
func didYouMean(typed string, known []string) string {
	if near := nearest.Name(typed, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}
