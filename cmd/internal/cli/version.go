package cli

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/providers/local"
)

// versions is what rekindle version prints.
type versions struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	// Modified: the tree that it was built from had changes.
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Client is the version of the Kubernetes client library.
	Client string `json:"kubernetesClient,omitempty"`
	// ControlPlane is the Kubernetes version of local clusters.
	ControlPlane string `json:"localControlPlane"`
}

// programVersion reads what the Go toolchain stamped into the program.
func programVersion() versions {
	v := versions{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, ControlPlane: local.Version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "(devel)" {
		v.Version = cmp.Or(info.Main.Version, v.Version)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	for _, d := range info.Deps {
		if d.Path == "k8s.io/client-go" {
			v.Client = d.Version
		}
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the versions of rekindle and what it is made of", Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			v := programVersion()
			if asJSON {
				return a.Terminal.JSON(v)
			}
			t := a.Terminal
			t.Outf("rekindle %s\n", v.Version)
			if v.Commit != "" {
				commit := v.Commit
				if v.Modified {
					commit += " (modified)"
				}
				a.fact("commit", commit)
			}
			a.fact("go", v.Go+" "+v.Platform)
			a.fact("client-go", cmp.Or(v.Client, "unknown"))
			a.fact("local", "Kubernetes "+v.ControlPlane)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
