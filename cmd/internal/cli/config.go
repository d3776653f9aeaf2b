package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "Check and show rekindle.yaml, and describe it for editors", a.configValidateCommand(), a.configShowCommand(), a.configSchemaCommand())
}

func (a *app) configValidateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "validate [FILE]", Short: "Tell all that is wrong with rekindle.yaml", Args: atMost(1),
		Long: `Tell all that is wrong with rekindle.yaml, with line and suggestion. Without FILE it
is --config, $REKINDLE_CONFIG, ./rekindle.yaml or
$XDG_CONFIG_HOME/rekindle/rekindle.yaml, whichever comes first.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				a.flags.config = args[0]
			}
			c, err := a.config()
			if err != nil {
				return err
			}
			for _, name := range c.Names() { // what their calendar files say
				if _, err := a.calendarOf(c.Clusters[name]); err != nil {
					return err
				}
			}
			for _, p := range c.Hollow(a.borrows) {
				a.Terminal.Errf("%s %s\n", a.Terminal.Paint(terminal.Warn, "warning:"), p)
			}
			names := "no clusters"
			if len(c.Clusters) > 0 {
				names = count(len(c.Clusters), "cluster") + ": " + strings.Join(c.Names(), ", ")
			}
			a.Terminal.Outf("%s is valid: %s\n", c.File, names)
			return nil
		},
	}
}

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of rekindle.yaml", Args: exactly(),
		Long: `Print the JSON Schema of rekindle.yaml. With it an editor completes and checks:

  rekindle config schema > rekindle.schema.json
  # yaml-language-server: $schema=rekindle.schema.json   (first line of rekindle.yaml)`,
		RunE: func(*cobra.Command, []string) error {
			return a.file(config.Schema())
		},
	}
}
