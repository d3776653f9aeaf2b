package cli

import (
	"cmp"
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/daemon"
)

func (a *app) daemonCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "daemon", Short: "Run the schedules of rekindle.yaml, and serve the API", Args: exactly(),
		Long: `Run the schedules of rekindle.yaml: clusters are exported and torn down in the
evening, and recreated from git in the morning. It runs until it is told to stop,
and whatever it was doing is taken up by the next one, also after it was killed.

It listens on a socket in the state directory, which the other commands find by
themselves, and reads rekindle.yaml again when it changes or on SIGHUP. A file
that is wrong is reported, and the one before stays in force.`,
		Example: `  rekindle daemon --config /etc/rekindle/rekindle.yaml --log-level info
  rekindle schedule list     # what it will do, and why
  rekindle keep dev --until 23:00`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDaemon(cmd.Context()) },
	}
	cmd.AddCommand(a.daemonReadyCommand())
	return cmd
}

// daemonReadyCommand is a probe for those who watch over the daemon and have
// nothing but this program.
func (a *app) daemonReadyCommand() *cobra.Command {
	var alive bool
	cmd := &cobra.Command{
		Use: "ready", Short: "Ask the daemon of this state directory whether it can work", Args: exactly(),
		Example: `  rekindle daemon ready           # 0: its schedule and its journal work
  rekindle daemon ready --alive   # 0: it answers`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.daemonClient()
			if err != nil {
				return err
			}
			defer d.Close()
			v, err := d.Version(cmd.Context())
			if err == nil && !alive {
				err = d.Ready(cmd.Context())
			}
			if err != nil {
				return err
			}
			a.Terminal.Outf("process %d, version %s, since %s\n", v.PID, v.Version, v.Started.UTC().Format("2006-01-02 15:04Z"))
			return nil
		},
	}
	cmd.Flags().BoolVar(&alive, "alive", false, "be content when it answers")
	return cmd
}

// socketFile is where the daemon of this state directory listens.
func (a *app) socketFile() string {
	return cmp.Or(a.Getenv("REKINDLE_SOCKET"), filepath.Join(a.flags.stateDir, "daemon", "api.sock"))
}

func (a *app) runDaemon(ctx context.Context) error {
	file, err := config.Discover(a.flags.config, a.Getenv)
	if err != nil {
		return err
	}
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	a.flags.config, a.flags.quiet = file, true // progress is for people who watch
	var hangups <-chan os.Signal
	if a.Hangups != nil {
		hangups = a.Hangups()
	}
	return daemon.Run(ctx, daemon.Options{
		Rebuild: a.engine(), Store: a.store, Load: a.reload, File: file, Socket: a.socketFile(), Hangups: hangups,
		Now: a.Now, Tick: a.Tick, Rand: a.Rand, Log: a.log, Version: programVersion().Version,
		ExitCode: func(err error) int { return exitCode(ctx, err) }, Getenv: a.Getenv, Tell: a.tell,
	})
}

// reload reads rekindle.yaml anew. What is declared is known to all from then on.
func (a *app) reload() (*config.Config, error) {
	c, err := a.readFile()
	if err != nil {
		return nil, err
	}
	a.current.Store(c)
	return c, nil
}
