package cli

import "github.com/spf13/cobra"

func (a *app) planCommand() *cobra.Command { return &cobra.Command{Use: "plan"} }
