package run_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	journal "github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/screen/run"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// world is a daemon in memory, and a screen of one of its runs that is driven.
type world struct {
	*tuitest.Driver
	d     *tuitest.Daemon
	clock *tuitest.Clock
}

func open(t *testing.T, ctx context.Context, id string, width, height int, with ...func(*tuitest.Daemon)) world { //nolint:revive // t comes first in tests
	t.Helper()
	clock := tuitest.NewClock()
	d := tuitest.World(clock.Now)
	for _, w := range with {
		w(d)
	}
	env := tuitest.Env(ctx, clock)
	routes := ui.Routes{}
	routes.Run = func(id string) ui.Screen { return run.New(env, d, routes, id) }
	// All events have come: the first message has those that were there at once.
	return world{tuitest.Drive(t, clock, run.New(env, d, routes, id), width, height), d, clock}.soon()
}

// soon lets what comes within a second come: one message may follow from another.
func (w world) soon() world {
	for range 10 {
		time.Sleep(100 * time.Millisecond)
		w.Settle()
	}
	return w
}

func (w world) Keys(names ...string) world {
	w.Driver.Keys(names...)
	return w
}

func (w world) Type(text string) world {
	w.Driver.Type(text)
	return w
}

// ordered are the orders that the daemon got.
func ordered(d *tuitest.Daemon) []string {
	var out []string
	for _, o := range d.Calls("Order") {
		o := o.(api.Order)
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", o.Kind, o.Object, o.Why)))
	}
	return out
}

func TestScreensLookLikeThis(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 15}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			tuitest.Test(t, func(t *testing.T, ctx context.Context) {
				w := open(t, ctx, tuitest.LiveRun, size[0], size[1])
				tuitest.Golden(t, "live-"+name, w.View())
				w.Keys("enter").soon()
				tuitest.Golden(t, "look-"+name, w.View())
				w.Keys("esc", "a")
				tuitest.Golden(t, "abort-"+name, w.View())
				w.Keys("esc", "e")
				tuitest.Golden(t, "events-"+name, w.View())
				ended := open(t, ctx, tuitest.FailedRun, size[0], size[1])
				tuitest.Golden(t, "report-"+name, ended.View())
			})
		})
	}
}

func TestOrdersAreGivenByKeys(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 120, 40)
		w.Sees("running", "restore of shop-staging", "unsettled", tuitest.BadObject)
		w.Keys("p")
		w.d.Emit(tuitest.LiveRun, journal.Event{Type: journal.RunPaused, Level: journal.LevelWarn})
		w.soon().Sees("paused", "p goes on")
		w.Keys("p")
		w.d.Emit(tuitest.LiveRun, journal.Event{Type: journal.RunContinued})
		w.soon().SeesNot("= paused: p goes on")
		w.Keys("r", "x").Sees("skip "+tuitest.BadObject, "why?")
		w.Keys("enter").Sees("why?") // a reason is needed
		w.Type("not today").Keys("enter")
		want := []string{"pause", "continue", "retry " + tuitest.BadObject, "skip " + tuitest.BadObject + " not today"}
		if have := ordered(w.d); fmt.Sprint(have) != fmt.Sprint(want) {
			t.Errorf("orders %q, want %q", have, want)
		}
	})
}

func TestRefusedOrderIsTold(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 80, 24, func(d *tuitest.Daemon) { d.Fail("Order", &journal.NotLiveError{ID: tuitest.LiveRun}) })
		w.Keys("p")
		if told, ok := w.Last().(ui.Told); !ok || told.Level != ui.Bad || !strings.Contains(told.Hint, "runs resume") {
			t.Errorf("told %#v", w.Last())
		}
	})
}

func TestObjectIsLookedAt(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 120, 40, func(d *tuitest.Daemon) {
			d.SetLook(api.ObjectLook{Object: tuitest.BadObject, State: "failed", Reason: "ImagePull", Hint: "correct the image",
				Events: []string{"Failed: pull access denied"}, Log: []string{"panic: no config", "\x1b[2Jgone"}})
		})
		w.Keys("enter").Sees("failed: ImagePull", "→ correct the image", "panic: no config", `\x1b[2Jgone`, "pull access denied")
		w.Keys("j", "j", "j").soon().Sees("settled")
		if n := len(w.d.Calls("Look")); n != 2 {
			t.Errorf("%d looks, want one for each object on which the cursor rested", n)
		}
		w.Keys("enter", "esc", "esc").SeesNot("enter makes it larger")
	})
}

func TestAbortKeepsOrCleansUp(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 80, 24)
		w.Keys("a", "enter") // the first choice does nothing
		if n := len(w.d.Calls("Abort")); n != 0 {
			t.Fatalf("aborted %d times by letting it go on", n)
		}
		w.Keys("a", "j", "j", "enter").Sees("shop-staging", "deleted with everything")
		w.Type("wrong").Keys("enter").Sees("that is not shop-staging")
		w.Keys("ctrl+u").Type("shop-staging").Keys("enter").soon()
		if n := len(w.d.Calls("Abort")); n != 1 {
			t.Errorf("aborted %d times", n)
		}
		starts := w.d.Calls("Start")
		if len(starts) != 1 {
			t.Fatalf("started %v", starts)
		}
		if req := starts[0].(api.StartRequest); req.Recipe != api.Delete || req.Confirm != "shop-staging" || req.Key == "" {
			t.Errorf("started %+v", req)
		}
		if !slices.ContainsFunc(w.Sent, func(m tea.Msg) bool { _, ok := m.(ui.Replace); return ok }) {
			t.Errorf("the teardown is not shown: %#v", w.Sent)
		}
	})
}

func TestAbortAloneTakesNothingDown(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 80, 24)
		w.Keys("a", "j", "enter").soon().Sees("aborted")
		if len(w.d.Calls("Abort")) != 1 || len(w.d.Calls("Start")) != 0 {
			t.Errorf("aborts %v, starts %v", w.d.Calls("Abort"), w.d.Calls("Start"))
		}
	})
}

func TestDetachAndComeBack(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 100, 30)
		before := w.View()
		w.Keys("D")
		if !slices.ContainsFunc(w.Sent, func(m tea.Msg) bool { _, ok := m.(ui.Pop); return ok }) {
			t.Errorf("D does not go back: %#v", w.Sent)
		}
		w.Screen.(ui.Closer).Close()
		env := tuitest.Env(ctx, w.clock)
		again := world{tuitest.Drive(t, w.clock, run.New(env, w.d, ui.Routes{}, tuitest.LiveRun), 100, 30), w.d, w.clock}.soon()
		if after := again.View(); after != before {
			t.Errorf("the run looks otherwise:\n%s\n--- before\n%s", after, before)
		}
	})
}

func TestEndBringsTheReport(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 100, 30)
		w.d.SetReport(api.RunReport{Run: api.Run{Run: journal.Run{ID: tuitest.LiveRun, Recipe: "restore"}}, Headline: "All is back", Verified: true,
			Next: []api.NextStep{{Text: "look around", Command: "rekindle clusters kubeconfig shop-staging"}}, Text: "the whole report"})
		w.d.End(tuitest.LiveRun, journal.Done, "")
		w.soon().Sees("All is back", "verified", "look around", "rekindle clusters kubeconfig shop-staging")
		if r := w.Screen.(*run.Screen); !r.Reporting() || r.Live() {
			t.Error("the screen does not know that it reports")
		}
		w.Keys("P")
		if p, ok := w.Last().(ui.Print); !ok || !strings.Contains(p.Text, "rekindle clusters kubeconfig shop-staging") {
			t.Errorf("printed %#v", w.Last())
		}
		file := filepath.Join(t.TempDir(), "report.txt")
		w.Keys("s", "ctrl+u").Type(file).Keys("enter")
		if text, err := os.ReadFile(file); err != nil || string(text) != "the whole report\n" {
			t.Errorf("saved %q, %v", text, err)
		}
		w.Keys("s", "ctrl+u").Type(file).Keys("enter")
		if told, ok := w.Last().(ui.Told); !ok || told.Level != ui.Bad {
			t.Errorf("a file that is there is overwritten: %#v", w.Last())
		}
	})
}

func TestStoppedRunIsResumed(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.FailedRun, 100, 30)
		w.Sees("R resumes")
		w.Keys("R", "y").soon().Sees("running")
		if n := len(w.d.Calls("Resume")); n != 1 {
			t.Errorf("resumed %d times", n)
		}
	})
}

func TestTroubleWithTheDaemonIsShown(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 80, 24, func(d *tuitest.Daemon) { d.Down(errors.New("connection refused")) })
		w.Sees("connection refused", "tries again")
		w.d.Down(nil)
		w.Keys("ctrl+r").soon().Sees("restore of shop-staging")
		w.d.Cut(errors.New("the socket is gone"))
		w.soon().Sees("the socket is gone")
		w.Send(ui.Lost{Err: errors.New("gone")}).Sees("does not answer")
		w.d.Cut(nil)
		w.Send(ui.Found{}).SeesNot("the socket is gone", "does not answer")
		w.d.Emit(tuitest.LiveRun, journal.Event{Type: "object.failed", Level: journal.LevelError, Object: "Service late/one", Message: "no"})
		w.soon().Sees("Service late/one")
	})
}

func TestReadOnlyChangesNothing(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		env := tuitest.Env(ctx, clock)
		env.ReadOnly = true
		w := tuitest.Drive(t, clock, run.New(env, d, ui.Routes{}, tuitest.LiveRun), 80, 24)
		w.Keys("p", "r", "x", "a", "R", "enter", "y")
		for _, m := range []string{"Order", "Abort", "Resume", "Start"} {
			if n := len(d.Calls(m)); n > 0 {
				t.Errorf("%s was called %d times", m, n)
			}
		}
	})
}

func TestAnyKeysAtAnySize(t *testing.T) {
	names := []string{"j", "k", "enter", "esc", "tab", "p", "r", "x", "a", "R", "D", "e", "v", "P", "/", "g", "G", "y", "n", "space", "o", "s", "up", "down", "ctrl+r", "q"}
	t.Chdir(t.TempDir()) // a report may be saved
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.SampledFrom([]string{tuitest.LiveRun, tuitest.FailedRun}).Draw(rt, "run")
		tuitest.Bubble(t, func(ctx context.Context) {
			clock := tuitest.NewClock()
			d := hostileWorld(clock)
			w := tuitest.Drive(rt, clock, run.New(tuitest.Coloured(tuitest.Env(ctx, clock)), d, ui.Routes{}, id), 80, 24)
			w.AtRandom(rt, names...)
		})
	})
}

// hostileWorld has texts in it that a terminal must not see as they are.
func hostileWorld(clock *tuitest.Clock) *tuitest.Daemon {
	d := tuitest.World(clock.Now)
	hostile := "Pod \x1b[2J/\u202eevil" + strings.Repeat("\u0301", 9) + "漢字\nsecond"
	d.Emit(tuitest.LiveRun, journal.Event{Type: "object.failed", Level: journal.LevelError, Object: hostile, Message: hostile})
	d.SetLook(api.ObjectLook{Object: hostile, State: hostile, Reason: hostile, Hint: hostile, Events: []string{hostile}, Log: []string{hostile}, YAML: hostile})
	d.SetReport(api.RunReport{Run: api.Run{Run: journal.Run{Recipe: "restore", ID: tuitest.FailedRun, Error: hostile}}, Headline: hostile, Notes: []string{hostile},
		Findings: []api.Finding{{What: hostile, Object: hostile, From: hostile, Text: hostile}}, Next: []api.NextStep{{Text: hostile, Command: hostile}}})
	return d
}

func TestThirtyThousandObjects(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := open(t, ctx, tuitest.LiveRun, 80, 24)
		events := make([]journal.Event, 30000)
		for i := range events {
			events[i] = journal.Event{Type: "object.applied", Level: journal.LevelDebug, Object: fmt.Sprintf("ConfigMap many/object-%d", i), Message: "created"}
		}
		w.d.Emit(tuitest.LiveRun, events...)
		w.soon()
		w.Sees("all 30041").Keys("G")
		w.Keys("/").Type("object-29999").Sees("object-29999", "1 of 30041")
	})
}

// replayed is the screen of a run of 30,000 objects.
func replayed(b *testing.B) *run.Screen {
	b.Helper()
	clock := tuitest.NewClock()
	d := tuitest.World(clock.Now)
	for i := range 30000 {
		d.Emit(tuitest.LiveRun, journal.Event{Type: "object.applied", Level: journal.LevelDebug, Object: fmt.Sprintf("ConfigMap many/object-%d", i)})
	}
	d.End(tuitest.LiveRun, journal.Done, "")
	s, err := run.Replayed(b.Context(), tuitest.Env(b.Context(), clock), d, tuitest.LiveRun)
	if err != nil {
		b.Fatal(err)
	}
	s.Update(ui.Resized{Width: 120, Height: 40})
	return s
}

func BenchmarkView(b *testing.B) {
	s := replayed(b)
	for b.Loop() {
		_ = s.View()
	}
}

func BenchmarkBatch(b *testing.B) {
	s := replayed(b)
	for b.Loop() {
		s.Show()
	}
}
