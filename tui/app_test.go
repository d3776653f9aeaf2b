package tui_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

var _ tui.Daemon = (*tuitest.Daemon)(nil)

var errGone = errors.New("dial unix /run/rekindle.sock: connect: connection refused")

// open opens the UI on a world.
func open(ctx context.Context, t tuitest.T, o tui.Options, with ...func(*ui.Env, *tuitest.Daemon)) (*tuitest.Driver, *tuitest.Daemon, *tui.App) {
	clock := tuitest.NewClock()
	d, e := tuitest.World(clock.Now), tuitest.Env(ctx, clock)
	for _, w := range with {
		w(&e, d)
	}
	app := tui.New(e, d, o)
	return tuitest.DriveModel(t, clock, app, 80, 24), d, app
}

func TestTheDashboardOpensAndKeysGoAround(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, _, _ := open(ctx, t, tui.Options{})
		app.Sees("rekindle › clusters", "unix:/run/rekindle.sock · 22:30", "shop-dev", "? help")
		tuitest.Golden(t, "dashboard-80x24", app.View())
		app.Keys("enter").Sees("clusters › data-lab", "[overview]")
		app.Keys("tab").Sees("[runs]").Keys("esc").SeesNot("› data-lab")
		app.Keys("2").Sees("clusters › runs").Keys("1").SeesNot("› runs")
		app.Keys("enter", "q").SeesNot("› data-lab")
		app.Keys("q")
		if !app.Quit {
			t.Error("q at the lowest screen does not quit")
		}
	})
}

func TestHelpIsMadeOfTheBindings(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, _, _ := open(ctx, t, tui.Options{})
		app.Keys("?").Sees("clusters › help", "keep up until")
		tuitest.Golden(t, "help-80x24", app.View())
		app.Keys("G").Sees("look for a lost daemon now").Keys("esc").SeesNot("› help")
		app.Keys("/", "?").Sees("/?_").Keys("esc")
	})
}

func TestReadOnlyChangesNothing(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, d, _ := open(ctx, t, tui.Options{}, func(e *ui.Env, _ *tuitest.Daemon) { e.ReadOnly = true })
		app.Sees("read-only").Keys("w", "y", "K", "enter", "R").Keys("1", "?").Sees("wake (not with --read-only)")
		if n := len(d.Calls("Say")); n > 0 {
			t.Errorf("%d words were said", n)
		}
	})
}

func TestLettersThatComeAtOnceAreKeysOneByOne(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, _, _ := open(ctx, t, tui.Options{})
		app.Send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jj?")}).Sees("› help").Keys("esc").Sees("> ml-night")
	})
}

func TestALostDaemonShowsAndIsFoundAgain(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, d, _ := open(ctx, t, tui.Options{})
		d.Down(errGone)
		app.Settle().Sees("✗ no daemon since 22:30; next try in 1s", "! as of 22:30", "shop-dev")
		tuitest.Golden(t, "lost-80x24", app.View())
		app.Pass(20*time.Second).Sees("no daemon since 22:30", "next try in")
		app.Keys("enter").Sees("data-lab", "connection refused")
		d.Down(nil)
		d.SetCluster(api.Cluster{Name: "brand-new", State: api.Awake})
		app.Pass(16*time.Second).Sees("answers again", "[overview]", "wanted").SeesNot("no daemon")
		app.Keys("esc").Sees("brand-new").SeesNot("as of")
		if n := len(d.Calls("Changes")); n != 2 {
			t.Errorf("the feed was read %d times", n)
		}
	})
}

func TestADaemonThatHangsIsLostAndRetriedByHand(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, d, _ := open(ctx, t, tui.Options{})
		d.Hang("Version", true)
		app.Pass(10 * time.Second)
		app.Sees("no answer within 4.0s")
		d.Hang("Version", false)
		app.Settle().Pass(5 * time.Second).Keys("ctrl+r").Sees("answers again")
	})
}

func TestWithoutADaemonTheFirstScreenSaysSo(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, d, _ := open(ctx, t, tui.Options{}, func(_ *ui.Env, d *tuitest.Daemon) { d.Down(errGone) })
		app.Settle().Sees("no daemon since", "connection refused", "tries again")
		d.Down(nil)
		app.Keys("ctrl+r").Sees("shop-dev", "answers again")
	})
}

func TestAFeedThatMissedSomethingIsReadAnew(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, d, _ := open(ctx, t, tui.Options{})
		before := len(d.Calls("Clusters"))
		if before != 1 {
			t.Errorf("at the start clusters are read %d times", before)
		}
		d.Push(api.Change{Kind: api.FeedReset})
		app.Settle()
		if n := len(d.Calls("Clusters")); n != before+1 {
			t.Errorf("clusters were read %d times after a reset", n-before)
		}
	})
}

// parrot is a screen that repeats what its commands answer.
type parrot struct {
	name   string
	cmd    tea.Cmd
	heard  string
	w, h   int
	closed *int
}

func (p parrot) Init() tea.Cmd { return p.cmd }

func (p parrot) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch m := msg.(type) {
	case ui.Resized:
		p.w, p.h = m.Width, m.Height
	case string:
		p.heard += m
	case ui.Shown:
		p.heard += "!"
	}
	return p, nil
}

func (p parrot) View() string      { return ui.Block([]string{p.name + " heard " + p.heard}, p.w, p.h) }
func (p parrot) Title() string     { return p.name }
func (parrot) Keys() []ui.KeyGroup { return nil }
func (p parrot) Close()            { *p.closed++ }

func TestAnswersComeBackToWhoAsked(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		closed, late := 0, make(chan string, 1)
		lower := parrot{name: "lower", closed: &closed, cmd: tea.Batch(
			func() tea.Msg { return <-late },
			tea.Sequence(func() tea.Msg { return "one " }, func() tea.Msg { return "two " }),
		)}
		app, _, a := open(ctx, t, tui.Options{First: func(ui.Routes) ui.Screen { return lower }})
		app.Sees("lower heard one two")
		app.Send(ui.Push{Screen: parrot{name: "upper", closed: &closed}}).Sees("clusters › lower › upper", "upper heard")
		late <- "three "
		app.Settle().Sees("upper heard").SeesNot("three")
		app.Keys("q").Sees("lower heard one two three !")
		app.Send(ui.Replace{Screen: parrot{name: "other", closed: &closed}}).Sees("clusters › other")
		app.Send(ui.Print{Text: "rekindle restore --cluster x"}, ui.Told{Level: ui.Warn, Text: "careful", Hint: "look"}).Sees("! careful  → look")
		app.Keys("M").Sees("careful", "it will be printed").Keys("esc", "1")
		if closed != 3 || strings.Join(a.Printed(), "") != "rekindle restore --cluster x" {
			t.Errorf("%d screens were closed; printed: %q", closed, a.Printed())
		}
		app.Pass(20 * time.Second).SeesNot("careful")
	})
}

func TestLeavingWhileARunOfThisProcessIsLiveIsAsked(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, d, _ := open(ctx, t, tui.Options{InProcess: true})
		if _, err := d.Start(ctx, api.StartRequest{Recipe: api.Restore, Cluster: "data-lab"}); err != nil {
			t.Fatal(err)
		}
		app.Settle().Keys("q").Sees("quit?", "1 run of this process").Keys("n").SeesNot("quit?")
		if app.Quit {
			t.Fatal("it quit after a no")
		}
		app.Keys("q", "y")
		if !app.Quit {
			t.Error("it did not quit after a yes")
		}
	})
}

func TestEveryScreenKeepsItsSizeAndLetsNothingEscape(t *testing.T) {
	sizes := [][2]int{{80, 24}, {120, 40}, {40, 15}, {1, 1}, {19, 4}, {200, 3}}
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		app, d, _ := open(ctx, t, tui.Options{}, func(e *ui.Env, d *tuitest.Daemon) {
			*e = tuitest.Coloured(*e)
			d.MakeHostile()
		})
		d.Push(api.Change{Kind: api.ConfigChanged, Message: tuitest.Hostile})
		app.Send(ui.Told{Level: ui.Bad, Text: tuitest.Hostile, Hint: tuitest.Hostile})
		for _, keys := range []string{"", "b", "j b", "enter", "tab", "tab", "tab", "tab", "?", "esc M", "esc esc 2", "1 K", "esc z", "esc j w", "esc 3"} {
			app.Keys(strings.Fields(keys)...)
			for _, size := range sizes {
				app.Resize(size[0], size[1]).View()
			}
		}
	})
}

func TestKeysAtRandomNeverBreakTheFrame(t *testing.T) {
	keys := rapid.SampledFrom([]string{
		"j", "k", "enter", "esc", "tab", "/", "a", "?", "M", "1", "b", "o", "O", "space", "r", "w", "z", "K", "y", "n", "G", "g", "ctrl+d", "backspace", "漢", "ctrl+r", "q",
	})
	rapid.Check(t, func(rt *rapid.T) {
		tuitest.Bubble(t, func(ctx context.Context) {
			app, d, _ := open(ctx, rt, tui.Options{})
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				switch rapid.IntRange(0, 9).Draw(rt, "what") {
				case 0:
					app.Resize(rapid.IntRange(1, 140).Draw(rt, "width"), rapid.IntRange(1, 45).Draw(rt, "height"))
				case 1:
					d.Down(rapid.SampledFrom([]error{nil, errGone}).Draw(rt, "down"))
					app.Pass(2 * time.Second)
				case 2:
					d.Emit(tuitest.LiveRun, run.Event{Type: "object.applied", Object: tuitest.Hostile})
					d.ChangeCluster("shop-dev", func(c *api.Cluster) { c.LastError += "x" })
					app.Settle()
				default:
					app.Keys(keys.Draw(rt, "key"))
				}
				app.View()
			}
		})
	})
}
