package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// wordCommands are what a person decides about a cluster's schedule.
func (a *app) wordCommands() []*cobra.Command {
	return []*cobra.Command{
		a.wordCommand(calendar.Keep, "Keep a cluster up until a time, whatever its schedule says", `  rekindle keep dev --until 23:00 --why "demo for the board"
  rekindle keep dev --until "2026-12-24 09:00"
  rekindle keep dev --until 3h`),
		a.wordCommand(calendar.Skip, "Leave the next teardown of a cluster out", "  rekindle skip dev   # it stays up tonight"),
		a.wordCommand(calendar.Wake, "Bring a sleeping cluster up now, until its next teardown", "  rekindle wake dev"),
		a.wordCommand(calendar.Sleep, "Take a cluster down now, until its next recreate", "  rekindle sleep dev   # exported first, as every night"),
		a.wordCommand(calendar.Pause, "Let the schedule leave a cluster as it is, until a time or for good", `  rekindle pause dev --until tomorrow
  rekindle pause dev --end`),
	}
}

type wordFlags struct {
	until, why  string
	end, asJSON bool
}

func (a *app) wordCommand(kind calendar.WordKind, short, example string) *cobra.Command {
	var f wordFlags
	cmd := &cobra.Command{
		Use: string(kind) + " NAME", Short: short, Example: example, Args: exactly("NAME"), ValidArgsFunction: a.completeDeclared,
		Long: short + `.

A person's word wins over the schedule, and ends by itself. It is recorded with
who said it, when and why. The newest word wins over older ones; --end takes
words of this kind back.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.decide(cmd.Context(), args[0], kind, f) },
	}
	fs := cmd.Flags()
	if kind == calendar.Keep || kind == calendar.Pause {
		fs.StringVar(&f.until, "until", "", "`TIME` at which it ends: 23:00, \"tomorrow 09:00\", \"2026-12-24 09:00\", 3h, 2d")
	}
	fs.StringVar(&f.why, "why", "", "`REASON`, for those who see it later")
	fs.BoolVar(&f.end, "end", false, "take it back")
	fs.BoolVar(&f.asJSON, "json", false, "print as JSON")
	return cmd
}

// decide records a person's word, or takes it back: with the daemon, or alone
// when there is none.
func (a *app) decide(ctx context.Context, name string, kind calendar.WordKind, f wordFlags) error {
	if kind == calendar.Keep && f.until == "" && !f.end {
		return &usageError{message: "until when? --until is missing", next: "rekindle keep " + name + " --until 23:00"}
	}
	// A daemon goes by the rekindle.yaml that it read last, when the one that is
	// there now cannot be read.
	cluster, unreadable := a.declared(name)
	if errors.As(unreadable, new(*config.UnknownClusterError)) {
		return unreadable
	}
	speaker, done, err := a.speaker(ctx, func() (keeper.Alone, error) {
		if unreadable != nil {
			return keeper.Alone{}, unreadable
		}
		return a.speakAlone(ctx, cluster)
	})
	if err != nil {
		return err
	}
	defer done()
	zone := cluster.Schedule.Zone
	if d, ok := speaker.(*client.Client); ok && unreadable != nil {
		s, err := d.Schedule(ctx, name, a.Now(), a.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		zone = s.Zone
	}
	asked := api.WordRequest{Kind: api.WordKind(kind), Why: f.why}
	if f.until != "" {
		if asked.Until, err = untilWhen(f.until, a.Now(), zoneOf(zone)); err != nil {
			return err
		}
	}
	var said api.Said
	if f.end {
		said.Decision, err = speaker.Unsay(ctx, name, asked.Kind)
	} else {
		said, err = speaker.Say(ctx, name, asked)
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		return a.Terminal.JSON(said)
	}
	a.Terminal.Outf("%s: %s%s\n", name, said.Decision.Reason, afterwards(said, zoneOf(zone), a.Now()))
	if _, alone := speaker.(*alone); alone {
		a.Terminal.Errf("%s\n", "no daemon runs here: the next one goes by it (rekindle daemon)")
	}
	return nil
}

// afterwards says until when a cluster stays up, when that is not when the word
// ends.
func afterwards(said api.Said, zone *time.Location, now time.Time) string {
	w, d := said.Word, said.Decision
	switch {
	case w.Kind == "" || w.Kind == api.Pause || d.State != api.Awake || d.Hold || d.Until.Equal(w.Until):
		return ""
	case d.Until.IsZero():
		return "; it stays awake after that"
	}
	return "; it stays awake until " + soonAt(d.Until, zone, now)
}

// speakAlone is what a word goes by that is said while no daemon runs.
func (a *app) speakAlone(ctx context.Context, c config.Cluster) (keeper.Alone, error) {
	cal, err := a.calendarOf(c)
	if err != nil {
		return keeper.Alone{}, err
	}
	rec, _, err := a.engine().Recorded(ctx, c.Provider, c.Name)
	return keeper.Alone{Records: a.store, Calendar: cal, Cluster: c.Name, Lead: c.Schedule.Lead.Duration, Made: rec.Made}, err
}

// speaker takes people's words: the daemon's client, or the journal alone.
type speaker interface {
	Say(ctx context.Context, name string, word api.WordRequest) (api.Said, error)
	Unsay(ctx context.Context, name string, kind api.WordKind) (api.Decision, error)
}

// daemonClient is a client of this state directory's daemon; ErrNoDaemon comes
// with the first call.
func (a *app) daemonClient() (*client.Client, error) {
	return client.Dial(a.socketFile(), client.Options{Chance: a.Rand})
}

// speaker returns the daemon's client when there is a daemon. done is to be
// called at the end. declared is what who speaks alone goes by.
func (a *app) speaker(ctx context.Context, declared func() (keeper.Alone, error)) (s speaker, done func(), err error) {
	for try := 0; ; try++ {
		d, err := a.daemonClient()
		if err != nil {
			return nil, nil, err
		}
		_, err = d.Version(ctx)
		if err == nil {
			return d, d.Close, nil
		}
		if !errors.Is(err, client.ErrNoDaemon) {
			return nil, nil, err
		}
		by, err := declared()
		if err != nil {
			return nil, nil, err
		}
		lease, err := keeper.Hold(ctx, a.store.Leases(), a.Now())
		var held *run.HeldError
		if errors.As(err, &held) && try < 20 { // a daemon that is about to serve
			if err := sleep(ctx, 100*time.Millisecond); err != nil {
				return nil, nil, err
			}
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		return &alone{a, by}, func() { _ = lease.Release() }, nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// alone records words while no daemon runs.
type alone struct {
	a *app
	keeper.Alone
}

func (s *alone) Say(ctx context.Context, _ string, asked api.WordRequest) (api.Said, error) {
	w, d, err := s.Alone.Say(ctx, calendar.Word{Kind: calendar.WordKind(asked.Kind), Said: s.a.Now(), By: s.a.user(), Why: asked.Why, Until: asked.Until})
	if err != nil {
		text, hint := splitHint(err)
		return api.Said{}, &usageError{message: text, next: hint}
	}
	return api.Said{
		Word:     api.Word{Kind: asked.Kind, Said: w.Said, By: w.By, Why: w.Why, Until: w.Until},
		Decision: api.Decision{State: api.State(d.State), Hold: d.Hold, Since: d.Since, Until: d.Until, Reason: d.Reason},
	}, nil
}

func (s *alone) Unsay(ctx context.Context, _ string, kind api.WordKind) (api.Decision, error) {
	d, err := s.Alone.Unsay(ctx, calendar.WordKind(kind), s.a.Now())
	if errors.As(err, new(*keeper.UnsaidError)) {
		err = &usageError{message: err.Error()}
	}
	return api.Decision{State: api.State(d.State), Hold: d.Hold, Since: d.Since, Until: d.Until, Reason: d.Reason}, err
}
