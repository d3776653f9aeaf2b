package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
)

// declaredView is a declared cluster with the settings that count for it.
type declaredView struct {
	Name     string             `json:"name"`
	Provider string             `json:"provider"`
	Repo     string             `json:"repo"`
	Path     string             `json:"path,omitempty"`
	Revision string             `json:"revision,omitempty"`
	Settings providers.Settings `json:"settings,omitempty"`
	// From is where each setting stands, by its first key: file:line:column.
	From map[string]string `json:"from,omitempty"`
	// shared are the keys that all clusters of the provider share.
	shared map[string]bool
}

// configView is what config show prints as JSON.
type configView struct {
	File     string         `json:"file"`
	Clusters []declaredView `json:"clusters"`
}

func (a *app) configShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show [CLUSTER]", Short: "Show the settings that count for each cluster, and where they stand", Args: atMost(1),
		Long: `Show the settings that count for each declared cluster: its own, and what all
clusters of its provider share (providers: in rekindle.yaml), with file and line.`,
		ValidArgsFunction: a.completeDeclared,
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			names := c.Names()
			if len(args) > 0 {
				if _, err := c.Cluster(args[0]); err != nil {
					return err
				}
				names = args[:1]
			}
			view := configView{File: c.File, Clusters: []declaredView{}}
			for _, name := range names {
				view.Clusters = append(view.Clusters, viewOf(c, name))
			}
			if asJSON {
				return a.Terminal.JSON(view)
			}
			return a.printConfig(view)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func viewOf(c *config.Config, name string) declaredView {
	cl := c.Clusters[name]
	v := declaredView{Name: name, Provider: cl.Provider, Repo: cl.Source.Repo, Path: cl.Source.Path, Revision: cl.Source.Revision,
		Settings: cl.Settings, From: map[string]string{}, shared: map[string]bool{}}
	for key := range cl.Settings {
		field, at := c.SettingAt(name, key)
		v.From[key], v.shared[key] = at.String(), strings.HasPrefix(field, "providers.")
	}
	return v
}

func (a *app) printConfig(view configView) error {
	t := a.Terminal
	for i, c := range view.Clusters {
		if i > 0 {
			t.Outf("\n")
		}
		t.Outf("%s (%s)\n", t.Paint(terminal.Strong, c.Name), c.Provider)
		source := c.Repo
		if c.Path != "" {
			source += ", " + c.Path
		}
		a.fact("source", source)
		a.fact("revision", c.Revision)
		for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
			if err := a.printSetting(c, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// printSetting prints one setting as YAML, with where it stands behind its first line.
func (a *app) printSetting(c declaredView, key string) error {
	raw, err := yaml.Marshal(map[string]any{key: c.Settings[key]})
	if err != nil {
		return fmt.Errorf("setting %s of cluster %s: %w", key, c.Name, err)
	}
	from := c.From[key]
	if c.shared[key] {
		from += ", shared"
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		if i == 0 {
			line = fmt.Sprintf("%-32s %s", line, a.Terminal.Paint(terminal.Faint, "# "+from))
		}
		a.Terminal.Outf("    %s\n", line)
	}
	return nil
}
