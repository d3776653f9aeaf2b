package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
	"github.com/rekindle-io/rekindle/cmd/internal/daemon"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/tui"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// uiFlags say whom the terminal UI talks to, and what it may do.
type uiFlags struct {
	connect  string
	files    socket.Files
	readOnly bool
}

func (a *app) uiCommand() *cobra.Command {
	var f uiFlags
	cmd := &cobra.Command{
		Use: "tui", Short: "Open the terminal UI: all clusters at a glance, and a rebuild step by step", Args: exactly(),
		Long: `Open the terminal UI, as rekindle alone does on a terminal: all clusters and what
is due, a rebuild step by step, drift, schedules and runs. ? shows the keys.

It talks to the daemon of this state directory, or to another one with --connect.
Where no daemon runs, it does the work itself: runs then live in this process.`,
		Example: `  rekindle tui --read-only
  rekindle tui --connect https://rekindle.example.com:7443 --cert me.crt --key me.key --ca ca.crt`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.openUI(cmd.Context(), f) },
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.BoolVar(&f.readOnly, "read-only", false, "change nothing: keys that would are off")
	fs.StringVar(&f.connect, "connect", "", "talk to the daemon at this `ADDRESS`: the path of a socket, or an https URL")
	fs.StringVar(&f.files.Cert, "cert", "", "for an https URL: client certificate `FILE`")
	fs.StringVar(&f.files.Key, "key", "", "for an https URL: its key `FILE`")
	fs.StringVar(&f.files.CA, "ca", "", "for an https URL: `FILE` of the authorities to trust")
	return cmd
}

// drawsScreens tells whether this is a terminal that a UI can be drawn on.
func (a *app) drawsScreens() bool {
	t := a.Terminal
	return t.In != nil && t.Width > 0 && t.Redraws()
}

// openUI runs the terminal UI until the person leaves it.
func (a *app) openUI(ctx context.Context, f uiFlags) error {
	if !a.drawsScreens() {
		return &usageError{message: "the terminal UI needs a terminal, for input and output, that can move its cursor",
			next: "without one: rekindle clusters list, rekindle schedule list, rekindle restore NAME, rekindle runs show; or rekindle --help"}
	}
	// What would be printed in between belongs on no screen.
	a.flags.quiet = true
	a.log = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d, leave, err := a.uiDaemon(ctx, f)
	if err != nil {
		return err
	}
	_, inside := d.(*daemon.Inner)
	look := lipgloss.NewRenderer(a.Terminal.Out)
	if !a.Terminal.Color {
		look.SetColorProfile(termenv.Ascii)
	}
	look.HasDarkBackground() // asked now: the answer would be taken for keys later
	app := tui.New(ui.Env{
		Life: ctx, Now: a.Now, Zone: a.Now().Location(), Styles: ui.NewStyles(look), ReadOnly: f.readOnly, Command: "rekindle",
	}, d, tui.Options{InProcess: inside})
	_, err = tea.NewProgram(app, tea.WithContext(ctx), tea.WithInput(a.Terminal.In), tea.WithOutput(a.Terminal.Out),
		tea.WithAltScreen(), tea.WithMouseCellMotion(), tea.WithoutSignalHandler()).Run()
	for _, text := range app.Printed() {
		a.Terminal.Outf("%s\n", terminal.Lines(text))
	}
	if left := leave(); err == nil {
		err = left
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// uiDaemon returns whom the UI talks to, and how it is left: the daemon that is
// named, the one of this state directory, or an engine inside of this process.
func (a *app) uiDaemon(ctx context.Context, f uiFlags) (tui.Daemon, func() error, error) {
	of := func(d *client.Client) (tui.Daemon, func() error, error) {
		return d, func() error { d.Close(); return nil }, nil
	}
	if f.connect != "" {
		d, err := dialNamed(f, a.Rand)
		if err != nil {
			return nil, nil, err
		}
		return of(d)
	}
	if f.files != (socket.Files{}) {
		return nil, nil, &usageError{message: "--cert, --key and --ca are for a daemon elsewhere", next: "name it with --connect https://HOST:PORT"}
	}
	d, err := a.daemonClient()
	if err != nil {
		return nil, nil, err
	}
	_, err = d.Version(ctx)
	if err == nil {
		return of(d)
	}
	d.Close()
	if !errors.Is(err, client.ErrNoDaemon) {
		return nil, nil, err
	}
	in, err := a.inside(ctx)
	if err != nil {
		return nil, nil, err
	}
	return in, in.Leave, nil
}

func dialNamed(f uiFlags, chance io.Reader) (*client.Client, error) {
	opts := client.Options{Chance: chance}
	if u, err := url.Parse(f.connect); err == nil && strings.EqualFold(u.Scheme, "https") {
		conf, err := socket.ClientTLS(f.files)
		if err != nil {
			return nil, &usageError{message: err.Error(), next: "a daemon elsewhere wants to see a certificate: --cert, --key and --ca"}
		}
		opts.TLS = conf
	}
	d, err := client.Dial(f.connect, opts)
	if err != nil {
		return nil, &usageError{message: "--connect: " + err.Error()}
	}
	return d, nil
}

// inside is an engine in this process, which keeps no schedule.
func (a *app) inside(ctx context.Context) (*daemon.Inner, error) {
	file, err := config.Discover(a.flags.config, a.Getenv)
	if err != nil && !errors.Is(err, config.ErrNone) {
		return nil, err
	}
	return daemon.Inside(ctx, daemon.Options{
		Rebuild: a.engine(), Store: a.store, Load: a.reload, File: file,
		Now: a.Now, Tick: a.Tick, Rand: a.Rand, Log: a.log, Version: programVersion().Version,
		ExitCode: func(err error) int { return exitCode(ctx, err) },
	})
}
