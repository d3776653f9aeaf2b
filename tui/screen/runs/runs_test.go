package runs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	journal "github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/screen/runs"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

func routes() ui.Routes {
	return ui.Routes{
		Run:     func(id string) ui.Screen { return tuitest.Stand("run " + id) },
		Compare: func(a, b string) ui.Screen { return tuitest.Stand("compare " + a + " " + b) },
	}
}

func start(t *testing.T, ctx context.Context, f journal.Filter, width, height int) (*tuitest.Driver, *tuitest.Daemon, *tuitest.Clock) { //nolint:revive // t comes first
	clock := tuitest.NewClock()
	d := tuitest.World(clock.Now)
	return tuitest.Drive(t, clock, runs.New(tuitest.Env(ctx, clock), d, routes(), f), width, height), d, clock
}

// opens fails unless the last thing that a screen asked of the frame opens what is
// wanted.
func opens(t *testing.T, s *tuitest.Driver, want string) {
	t.Helper()
	if push, is := s.Last().(ui.Push); !is || push.Screen.Title() != want {
		t.Errorf("asked for %#v, want %s", s.Last(), want)
	}
}

func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 15}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			tuitest.Test(t, func(t *testing.T, ctx context.Context) {
				s, d, clock := start(t, ctx, journal.Filter{}, size[0], size[1])
				tuitest.Golden(t, "runs-"+name, s.View())
				c := tuitest.Drive(t, clock, runs.NewCompare(tuitest.Env(ctx, clock), d, routes(), "20261120-053002-q7xa", tuitest.FailedRun), size[0], size[1])
				tuitest.Golden(t, "compare-"+name, c.View())
				c.Keys("G")
				tuitest.Golden(t, "compare-end-"+name, c.View())
			})
		})
	}
}

func TestRunsAreChosen(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, _, _ := start(t, ctx, journal.Filter{Cluster: "shop-dev"}, 120, 30)
		s.Sees("4 runs", "only cluster shop-dev").SeesNot("data-lab", "payments")
		s.Keys("F").Sees("10 runs", "payments")
		s.Keys("f").Sees("show only", "cluster  shop-staging", "outcome  interrupted")
		s.Keys("G", "k", "k", "k", "k", "k", "enter").Sees("3 runs", "only outcome done").SeesNot("running")
	})
}

func TestFilterByText(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, _, _ := start(t, ctx, journal.Filter{}, 120, 30)
		s.Keys("/").Type("protected").Sees("1 of 10", "payments").SeesNot("data-lab")
		s.Keys("esc").Sees("data-lab")
	})
}

func TestTheFeedIsFollowed(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, clock := start(t, ctx, journal.Filter{}, 120, 30)
		s.Sees("2 running", "1m35s").Pass(time.Minute).Sees("2m35s")
		r, _ := d.Run(ctx, tuitest.LiveRun)
		r.Outcome, r.Live, r.Ended, r.Error = journal.Failed, false, clock.Now(), "apply: no such image\nmore"
		fresh := api.Run{Live: true, Run: journal.Run{ID: "20261122-213900-neww", Recipe: "restore", Cluster: "brand-new", Created: clock.Now(), By: "grace"}}
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.RunChanged, Name: r.ID, Run: &r}, {Kind: api.RunChanged, Name: fresh.ID, Run: &fresh}}})
		s.Sees("11 runs", "2 running", "brand-new", "apply: no such image").SeesNot("more")
		if lines := strings.Split(s.View(), "\n"); !strings.Contains(lines[2], "brand-new") {
			t.Errorf("the newest is not the first:\n%s", s.View())
		}
		asked := len(d.Calls("Runs"))
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.FeedReset}}})
		if len(d.Calls("Runs")) != asked+1 {
			t.Error("after a reset the runs are not read anew")
		}
	})
}

func TestOlderRunsComeWhenSomebodyScrolls(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.Empty(clock.Now)
		for i := range 450 {
			at := clock.Now().Add(-time.Duration(i) * time.Hour)
			d.SetRun(api.Run{Run: journal.Run{ID: at.Format("20060102-150405-") + "abcd", Recipe: "restore", Cluster: fmt.Sprintf("c%03d", i), Created: at, Ended: at, Outcome: journal.Done}})
		}
		s := tuitest.Drive(t, clock, runs.New(tuitest.Env(ctx, clock), d, routes(), journal.Filter{}), 80, 24)
		s.Sees("200 runs, the newest").Keys("G").Sees("400 runs, the newest", "> ✓ done").Keys("G").Sees("450 runs", "c399").SeesNot("the newest").Keys("G").Sees("c449")
		if n := len(d.Calls("Runs")); n != 3 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestOpenAndCompare(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, _, _ := start(t, ctx, journal.Filter{}, 100, 24)
		s.Keys("enter")
		opens(t, s, "run "+tuitest.LiveRun)
		s.Keys("c")
		if told, is := s.Last().(ui.Told); !is || !strings.Contains(told.Text, "mark two runs") {
			t.Errorf("told %#v", s.Last())
		}
		s.Keys("j", "j", "space", "g", "space").Sees("* 2 marked").Keys("c")
		opens(t, s, "compare "+tuitest.FailedRun+" "+tuitest.LiveRun) // the older first
	})
}

func TestAbortResumeAndPrint(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, _ := start(t, ctx, journal.Filter{}, 100, 24)
		s.Keys("r")
		if told, is := s.Last().(ui.Told); !is || !strings.Contains(told.Text, "at work already") {
			t.Errorf("told %#v", s.Last())
		}
		s.Keys("a").Sees("abort " + tuitest.LiveRun + "?").Keys("n")
		if len(d.Calls("Abort")) > 0 {
			t.Fatal("aborted without a yes")
		}
		s.Keys("a", "y").Sees("aborted")
		if have := d.Calls("Abort"); len(have) != 1 || have[0] != tuitest.LiveRun {
			t.Errorf("aborted %v", have)
		}
		s.Keys("j", "j", "r").Sees("resume " + tuitest.FailedRun + "?").Keys("y").Sees("2 running")
		s.Keys("p")
		print, is := s.Last().(ui.Print)
		if want := "rekindle runs show " + tuitest.FailedRun + "\nrekindle restore edge"; !is || print.Text != want {
			t.Errorf("printed %#v, want %q", s.Last(), want)
		}
		d.Fail("Abort", api.NewProblem(api.Ended, "it has ended"))
		s.Keys("a", "y")
		if told, is := s.Last().(ui.Told); !is || told.Text != "it has ended" {
			t.Errorf("told %#v", s.Last())
		}
	})
}

func TestReadOnly(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		env := tuitest.Env(ctx, clock)
		env.ReadOnly = true
		s := tuitest.Drive(t, clock, runs.New(env, d, routes(), journal.Filter{}), 80, 24)
		s.Keys("a", "y", "j", "j", "r", "y")
		if n := len(d.Calls("Abort")) + len(d.Calls("Resume")); n > 0 {
			t.Errorf("%d runs were touched", n)
		}
	})
}

func TestADaemonThatFails(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		d.Fail("", errors.New("nobody listens"))
		s := tuitest.Drive(t, clock, runs.New(tuitest.Env(ctx, clock), d, routes(), journal.Filter{}), 80, 24)
		s.Sees("nobody listens", "tries again").Keys("enter", "a", "r", "p", "f", "esc", "c")
		c := tuitest.Drive(t, clock, runs.NewCompare(tuitest.Env(ctx, clock), d, routes(), "a", "b"), 80, 24)
		c.Sees("nobody listens")
		d.Fail("", nil)
		s.Keys("ctrl+r").Sees("10 runs")
		s.Send(ui.Found{}).Sees("10 runs")
	})
}

func TestTheComparisonOpensBoth(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		c := tuitest.Drive(t, clock, runs.NewCompare(tuitest.Env(ctx, clock), d, routes(), tuitest.FailedRun, tuitest.LiveRun), 100, 40)
		c.Sees("◐ running", tuitest.BadObject, "push the image")
		c.Keys("1")
		opens(t, c, "run "+tuitest.FailedRun)
		c.Keys("2")
		opens(t, c, "run "+tuitest.LiveRun)
		r := d.End(tuitest.LiveRun, journal.Done, "")
		c.Send(ui.Changed{Changes: []api.Change{{Kind: api.RunChanged, Name: r.ID, Run: &r}}}).SeesNot("◐ running")
		if _, is := c.Keys("esc").Last().(ui.Pop); !is {
			t.Error("esc does not go back")
		}
	})
}

func TestAnyKeysAtAnySize(t *testing.T) {
	keys := []string{"j", "k", "g", "G", "enter", "esc", "c", "a", "r", "p", "f", "F", "y", "n", "space", "o", "O", "/", "x", "ctrl+r", "1", "2", "backspace"}
	rapid.Check(t, func(rt *rapid.T) {
		compare := rapid.Bool().Draw(rt, "compare")
		tuitest.Bubble(t, func(ctx context.Context) {
			clock := tuitest.NewClock()
			d := hostile(clock)
			var screen ui.Screen = runs.New(tuitest.Coloured(tuitest.Env(ctx, clock)), d, routes(), journal.Filter{})
			if compare {
				screen = runs.NewCompare(tuitest.Coloured(tuitest.Env(ctx, clock)), d, routes(), tuitest.FailedRun, tuitest.LiveRun)
			}
			s := tuitest.Drive(rt, clock, screen, 80, 24)
			s.AtRandom(rt, keys...)
		})
	})
}

// hostile is a world in which strangers chose every text.
func hostile(clock *tuitest.Clock) *tuitest.Daemon {
	d := tuitest.World(clock.Now)
	r, _ := d.Run(context.Background(), tuitest.FailedRun)
	r.Recipe, r.Cluster, r.Outcome, r.Steps[0].Name = tuitest.Hostile, tuitest.Hostile, tuitest.Hostile, tuitest.Hostile
	d.SetRun(r)
	d.MakeHostile()
	d.SetReport(api.RunReport{
		Run: r, Fingerprint: tuitest.Hostile, Kinds: []api.KindCount{{Kind: tuitest.Hostile, Objects: 3}},
		Findings: []api.Finding{{What: tuitest.Hostile, Object: tuitest.Hostile, Text: tuitest.Hostile, Hint: tuitest.Hostile}},
	})
	return d
}
