package cli

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/run"
)

// followEvery is how often the journal is asked for new events.
const followEvery = 250 * time.Millisecond

func (a *app) runsEventsCommand() *cobra.Command {
	var (
		since          uint64
		follow, asJSON bool
	)
	cmd := &cobra.Command{
		Use: "events RUN", Short: "Print what happened in a run", Args: exactly("RUN"), ValidArgsFunction: a.completeRuns,
		Long: `Print the events of a run. They are numbered without holes: with --since N a reader
that comes back goes on behind the event N. --json prints one event a line.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := run.Resolve(cmd.Context(), a.store, args[0])
			if err != nil {
				return a.unknownRun(err)
			}
			return a.events(cmd.Context(), r, since, follow, asJSON)
		},
	}
	cmd.Flags().Uint64Var(&since, "since", 0, "only events behind the `NUMBER`")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more until the run ends")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON, one event a line")
	return cmd
}

// events prints events in portions. With follow it ends when the run has ended,
// or when its process is gone.
func (a *app) events(ctx context.Context, r run.Run, since uint64, follow, asJSON bool) error {
	const portion = 1000
	var words wording
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		// Whether it goes on is asked before its events are: none is missed.
		state, err := a.stateOf(ctx, r)
		if err != nil {
			return err
		}
		list, err := a.store.Events(ctx, r.ID, since, portion)
		if err != nil {
			return err
		}
		for _, ev := range list {
			since = ev.Seq
			words.learn(ev)
			if err := a.printEvent(ev, &words, asJSON); err != nil {
				return err
			}
		}
		switch {
		case len(list) == portion:
			continue
		case !follow || state != "running":
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if r, err = a.store.Run(ctx, r.ID); err != nil {
			return err
		}
	}
}

func (a *app) printEvent(ev run.Event, words *wording, asJSON bool) error {
	t := a.Terminal
	if asJSON {
		line, err := json.Marshal(ev)
		if err != nil {
			return err
		}
		t.Outf("%s\n", line)
		return t.Failed()
	}
	text := ev.Message
	if ev.Object != "" {
		text = ev.Object + ": " + ev.Message
	}
	if text == "" {
		text = words.doing(ev.Step)
	}
	style, level := terminal.Faint, string(ev.Level)
	switch ev.Level {
	case run.LevelWarn:
		style = terminal.Warn
	case run.LevelError:
		style = terminal.Bad
	}
	t.Outf("%5d  %s  %s %-9s %-16s %s\n", int64(ev.Seq), ev.Time.UTC().Format("15:04:05.000"),
		t.Paint(style, level+"     "[:max(0, 5-len(level))]), ev.Step, ev.Type, clip(text, 300))
	return t.Failed()
}
