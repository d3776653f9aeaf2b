// Package cli is the command line: in go arguments, streams and environment of
// a process; out come results on stdout, progress on stderr and an exit code.
// It decides nothing about clusters: each command turns flags and rekindle.yaml
// into a request for the recipes, and their reports into text or JSON.
//
// One file for each command. exit.go is the only table of errors to exit
// codes; wire.go is the only place where the parts are put together.
package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Process is what belongs to the process: main hands it over, and tests make
// their own. All fields but Signals and Exit are required.
type Process struct {
	// Args are the arguments without the program's name.
	Args     []string
	Terminal *terminal.Terminal
	Getenv   func(string) string
	Now      func() time.Time
	Rand     io.Reader
	// Executable is the path of the running program, "" when unknown: what is
	// shipped with it lies beside it.
	Executable string
	// Signals: the first one ends the work in an orderly way, the second one
	// calls Exit at once.
	Signals <-chan os.Signal
	Exit    func(code int)
	// Hangups, if set, catches SIGHUP from its call on: a daemon reads its file
	// again. Tick is how often a daemon looks at the clock; 0: each second.
	Hangups func() <-chan os.Signal
	Tick    time.Duration
	// Providers make clusters, too: those of tests.
	Providers []providers.Provider
}

// app is one invocation: the process, the global flags, and the parts that the
// commands work with, made when first asked for.
type app struct {
	Process
	flags     globalFlags
	providers *providers.Registry
	store     *run.Store
	log       *slog.Logger

	loaded *config.Config
	// current is what a daemon has read last, loaded what any other command has.
	current atomic.Pointer[config.Config]
	// asking: a question is on the screen, and nothing may be drawn over it.
	asking atomic.Bool
}

type globalFlags struct {
	config, stateDir, cacheDir string
	logLevel                   string
	noColor, quiet             bool
}

// Main runs one command line and returns its exit code.
func Main(ctx context.Context, p Process) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &app{Process: p}
	a.Terminal.Now = p.Now
	go a.obey(ctx, cancel)

	root := a.root() //nolint:contextcheck // the commands have it from cobra
	root.SetArgs(p.Args)
	err := root.ExecuteContext(ctx)
	a.Terminal.EndProgress()
	if err == nil {
		err = a.Terminal.Failed()
	}
	if err != nil && !errors.As(err, new(*driftError)) {
		a.explain(ctx, err)
	}
	return exitCode(ctx, err)
}

// obey waits for signals: the first ends ctx, the second the process.
func (a *app) obey(ctx context.Context, cancel context.CancelCauseFunc) {
	select {
	case s := <-a.Signals:
		cancel(&interruptError{signal: s.String()})
		a.Terminal.Errf("stopping in an orderly way; once more to stop at once\n")
	case <-ctx.Done():
		return
	}
	<-a.Signals
	if a.Exit != nil {
		a.Exit(exitInterrupted)
	}
}

// config reads rekindle.yaml once. The error is config.ErrNone when there is
// none.
func (a *app) config() (*config.Config, error) {
	if a.loaded != nil {
		return a.loaded, nil
	}
	c, err := a.readConfig()
	a.loaded = c
	return c, err
}

// readConfig is config for who only wants to know what is declared: a command
// that goes by its flags stays one.
func (a *app) readConfig() (*config.Config, error) {
	if c := cmp.Or(a.current.Load(), a.loaded); c != nil {
		return c, nil
	}
	return a.readFile()
}

// readFile reads and checks rekindle.yaml.
func (a *app) readFile() (*config.Config, error) {
	path, err := config.Discover(a.flags.config, a.Getenv)
	if err != nil && !errors.Is(err, config.ErrNone) {
		return nil, &usageError{message: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	c, err := config.Read(path)
	if err != nil && !errors.As(err, new(*config.InvalidError)) {
		return nil, &usageError{message: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	if err := a.locateSettings(c); err != nil {
		return nil, err
	}
	if err := c.CheckProviders(a.providers); err != nil {
		return nil, err
	}
	return c, nil
}

// locateSettings makes the paths in providers' settings absolute, which are
// relative to the file like all others in it.
func (a *app) locateSettings(c *config.Config) error {
	file, err := filepath.Abs(c.File)
	if err != nil {
		return err
	}
	locate := func(provider string, s providers.Settings) providers.Settings {
		p, err := a.providers.Get(provider)
		if err != nil {
			return s // CheckProviders says so, with the line
		}
		if located, ok := p.(interface {
			Absolute(dir string, s providers.Settings) providers.Settings
		}); ok {
			return located.Absolute(filepath.Dir(file), s)
		}
		return s
	}
	for name, s := range c.Providers {
		c.Providers[name] = locate(name, s)
	}
	for name, cl := range c.Clusters {
		cl.Settings = locate(cl.Provider, cl.Settings)
		if d := cl.Schedule.Drill; d != nil && d.Provider != "" {
			d.Settings = locate(d.Provider, d.Settings)
		}
		c.Clusters[name] = cl
	}
	return nil
}

// root is the command without a name: help and the global flags.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "rekindle",
		Short: "Rebuild a Kubernetes cluster from any commit of a git repository",
		Long: `Rekindle stands a Kubernetes cluster up from any commit of a git repository,
and proves that the cluster is that commit.`,
		Example: `  rekindle restore --repo ./deploy --at v1.4 --provider local --name dev
  rekindle restore dev --at HEAD~3        # dev is declared in rekindle.yaml
  rekindle plan --repo ./deploy --at main # what would be made, without a cluster
  rekindle verify dev                     # is the cluster that commit?
  rekindle drift dev --export --push      # what differs, and the live state into git`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          onlySubcommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !a.drawsScreens() {
				return cmd.Help()
			}
			return a.openUI(cmd.Context(), uiFlags{})
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.wire(cmd)
		},
	}
	root.SetOut(a.Terminal.Out)
	root.SetErr(a.Terminal.Err)
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	fs := root.PersistentFlags()
	fs.SortFlags = false
	fs.StringVar(&a.flags.config, "config", "", "`FILE` to read instead of rekindle.yaml")
	fs.StringVar(&a.flags.stateDir, "state-dir", "", "`DIR` of journal and clusters (default $XDG_STATE_HOME/rekindle)")
	fs.StringVar(&a.flags.cacheDir, "cache-dir", "", "`DIR` of repository mirrors (default $XDG_CACHE_HOME/rekindle)")
	fs.StringVar(&a.flags.logLevel, "log-level", "warn", "log to stderr from this `LEVEL` on: debug, info, warn, error")
	fs.BoolVar(&a.flags.noColor, "no-color", false, "no colours")
	fs.BoolVarP(&a.flags.quiet, "quiet", "q", false, "no progress, only results and errors")

	root.AddGroup(
		&cobra.Group{ID: "jobs", Title: "Jobs:"},
		&cobra.Group{ID: "nights", Title: "Nights off:"},
		&cobra.Group{ID: "look", Title: "Clusters and runs:"},
		&cobra.Group{ID: "setup", Title: "Set up:"},
	)
	root.SetHelpCommandGroupID("setup") // or help has a heading with nothing below
	for group, commands := range map[string][]*cobra.Command{
		"jobs":   {a.restoreCommand(), a.planCommand(), a.verifyCommand(), a.driftCommand(), a.teardownCommand(), a.drillCommand()},
		"nights": append([]*cobra.Command{a.scheduleCommand()}, a.wordCommands()...),
		"look":   {a.uiCommand(), a.clustersCommand(), a.runsCommand()},
		"setup":  {a.daemonCommand(), a.doctorCommand(), a.configCommand(), a.providersCommand(), a.completionCommand(), a.versionCommand()},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	return root
}
