package clusters_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/screen/clusters"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

func routes() ui.Routes {
	return ui.Routes{
		Cluster:  func(name string) ui.Screen { return tuitest.Stand("cluster " + name) },
		Runs:     func(f run.Filter) ui.Screen { return tuitest.Stand("runs of " + f.Cluster) },
		Run:      func(id string) ui.Screen { return tuitest.Stand("run " + id) },
		Drift:    func(name string) ui.Screen { return tuitest.Stand("drift of " + name) },
		Schedule: func(name string) ui.Screen { return tuitest.Stand("schedule of " + name) },
		Rebuild:  func(t api.Target) ui.Screen { return tuitest.Stand("rebuild " + t.Cluster) },
	}
}

func dashboard(t *testing.T, f func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon), with ...func(*ui.Env, *tuitest.Daemon)) {
	t.Helper()
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d, e := tuitest.World(clock.Now), tuitest.Env(ctx, clock)
		for _, w := range with {
			w(&e, d)
		}
		f(t, tuitest.Drive(t, clock, clusters.New(e, d, routes()), 80, 21), d)
	})
}

func TestScreens(t *testing.T) {
	dashboard(t, func(t *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 15}} {
			tuitest.Golden(t, fmt.Sprintf("all-%dx%d", size[0], size[1]), s.Resize(size[0], size[1]).View())
		}
		s.Keys("b", "b", "b")
		for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 15}} {
			tuitest.Golden(t, fmt.Sprintf("by-tier-%dx%d", size[0], size[1]), s.Resize(size[0], size[1]).View())
		}
		s.Resize(80, 24).Keys("j", "z")
		tuitest.Golden(t, "sleep-80x24", s.View())
		s.Resize(80, 24).Keys("esc", "K")
		tuitest.Golden(t, "keep-80x24", s.View())
	})
}

func TestItLivesByTheFeed(t *testing.T) {
	dashboard(t, func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		s.Keys("G").Sees("> shop-staging")
		c := api.Cluster{Name: "a-new-one", State: api.Awake}
		s.Send(ui.Changed{Changes: []api.Change{
			{Feed: "life-1", Seq: 1000, Kind: api.ClusterChanged, Name: c.Name, Cluster: &c},
			{Feed: "life-1", Seq: 1001, Kind: api.ClusterGone, Name: "edge"},
		}}).Sees("a-new-one", "7 clusters", "> shop-staging").SeesNot("edge")
		if n := len(d.Calls("Clusters")); n != 1 {
			t.Errorf("the list was read %d times", n)
		}
	})
}

func TestChangesThatTheListHasAreNotUndone(t *testing.T) {
	dashboard(t, func(_ *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		for range 5 {
			d.Push(api.Change{Kind: api.ConfigChanged})
		}
		d.Hang("Clusters", true)
		s.Keys("r").Sees("reading clusters")
		old := api.Cluster{Name: "shop-dev", State: api.Failed, LastError: "of long ago"}
		late := api.Cluster{Name: "late", State: api.Awake}
		s.Send(ui.Changed{Changes: []api.Change{
			{Feed: "life-1", Seq: 2, Kind: api.ClusterChanged, Name: old.Name, Cluster: &old},
			{Feed: "life-1", Seq: 99, Kind: api.ClusterChanged, Name: late.Name, Cluster: &late},
		}})
		d.Hang("Clusters", false)
		s.Settle().Sees("late", "2 failed, 1 unknown"[2:]).SeesNot("2 failed", "reading")
	})
}

func TestSortFilterAndGroup(t *testing.T) {
	dashboard(t, func(_ *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		s.Keys("/").Type("!/^(shop|edge)").Keys("enter").Sees("data-lab", "4 of 7").SeesNot("shop-dev", "edge  ")
		s.Keys("esc").Sees("shop-dev")
		s.Keys("o", "o", "g").Sees("> edge") // by state: what needs a person first
		s.Keys("b").Sees("by provider", "kind (3)", "existing (2)")
		s.Keys("g", "enter").Sees("▸ existing").SeesNot("payments")
		s.Keys("enter").Sees("▾ existing", "payments")
		s.Keys("b", "b", "b").Sees("7 clusters: ")
	})
}

func TestKeysOpenScreensOfTheClusterUnderTheCursor(t *testing.T) {
	for keys, want := range map[string]string{
		"enter": "cluster data-lab", "d": "drift of data-lab", "s": "schedule of data-lab", "R": "rebuild data-lab", "v": "runs of data-lab",
		"f": "run 20261120-190000-tear", "G f": "run " + tuitest.LiveRun, "b b b enter": "cluster data-lab", "K G enter": "schedule of data-lab",
	} {
		dashboard(t, func(t *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
			s.Keys(strings.Fields(keys)...)
			if push, ok := s.Last().(ui.Push); !ok || push.Screen.Title() != want {
				t.Errorf("%s: %#v, want %s", keys, s.Last(), want)
			}
		})
	}
}

func TestWordsAreSaidAfterAQuestion(t *testing.T) {
	for keys, want := range map[string]api.WordRequest{
		"w y":                     {Kind: api.Wake},
		"z d a t a - l a b enter": {Kind: api.Sleep},
		"K j enter":               {Kind: api.Keep, Until: tuitest.Now().Add(3 * time.Hour)},
		"K j j j enter":           {Kind: api.Keep, Until: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)},
		"w n":                     {},
		"z y":                     {},
		"z e d g e enter esc":     {},
		"K esc":                   {},
	} {
		dashboard(t, func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
			s.Keys(strings.Fields(keys)...)
			calls := d.Calls("Say")
			if want.Kind == "" {
				if len(calls) > 0 {
					t.Errorf("%s: said %v", keys, calls)
				}
				return
			}
			if len(calls) != 1 {
				t.Fatalf("%s: said %v", keys, calls)
			}
			if got, _ := calls[0].(api.WordRequest); got.Kind != want.Kind || !got.Until.Equal(want.Until) {
				t.Errorf("%s: said %+v, want %+v", keys, got, want)
			}
			if told, ok := s.Last().(ui.Told); !ok || told.Level != ui.Good || !strings.Contains(told.Text, "data-lab") {
				t.Errorf("%s: told %#v", keys, s.Last())
			}
		})
	}
}

func TestARefusedWordIsTold(t *testing.T) {
	dashboard(t, func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		d.Fail("Say", api.NewProblem(api.Refused, "the cluster is protected").WithHint("unprotect it in rekindle.yaml"))
		s.Keys("w", "y")
		if told, ok := s.Last().(ui.Told); !ok || told.Level != ui.Bad || told.Hint == "" {
			t.Errorf("told %#v", s.Last())
		}
	})
}

func TestReadOnlySaysNoWord(t *testing.T) {
	dashboard(t, func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		s.Keys("w", "y", "K", "enter", "R")
		if len(d.Calls("Say")) > 0 || s.Last() != nil && strings.HasPrefix(fmt.Sprint(s.Last()), "rebuild") {
			t.Errorf("it changed something: %v, %v", d.Calls("Say"), s.Last())
		}
	}, func(e *ui.Env, _ *tuitest.Daemon) { e.ReadOnly = true })
}

func TestWhyAClusterIsFailed(t *testing.T) {
	dashboard(t, func(_ *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		d.SetCluster(api.Cluster{Name: "aaa", State: api.Failed, LastRun: &api.RunRef{ID: "x", Recipe: "restore", Outcome: "unverified", Ended: tuitest.Now().Add(-time.Minute)}})
		s.Send(ui.Found{}).Keys("g").Sees("aaa: ✗ the last restore, 1m ago, is unverified: f shows it")
	})
}

func TestTroubleIsShownAndTriedAgain(t *testing.T) {
	dashboard(t, func(_ *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		s.Sees("the journal cannot be used", "free some space", "r tries again")
		d.Fail("Clusters", nil)
		s.Keys("r").Sees("shop-dev")
		d.Fail("Clusters", errors.New("it broke"))
		s.Keys("r").Sees("it broke", "shop-dev")
		s.Send(ui.Lost{Err: errors.New("gone")}).Sees("! as of 22:30", "shop-dev")
		d.Fail("Clusters", nil)
		s.Send(ui.Found{}).SeesNot("as of", "it broke").Sees("shop-dev")
	}, func(_ *ui.Env, d *tuitest.Daemon) {
		d.Fail("Clusters", api.NewProblem(api.Storage, "the journal cannot be used").WithHint("free some space"))
	})
}

func TestWhileItLoadsItSaysSinceWhen(t *testing.T) {
	dashboard(t, func(_ *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		s.Sees("… reading clusters").Pass(7 * time.Second).Sees("reading clusters, 7.0s so far")
	}, func(_ *ui.Env, d *tuitest.Daemon) { d.Hang("Clusters", true) })
}

func TestNothingDeclaredIsNotABlankScreen(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		s := tuitest.Drive(t, clock, clusters.New(tuitest.Env(ctx, clock), tuitest.Empty(clock.Now), routes()), 80, 21)
		s.Sees("0 clusters", "no cluster is declared").Keys("enter", "d", "z", "b", "enter", "j", "G").Sees("0 clusters")
	})
}

func TestCountdownsMove(t *testing.T) {
	dashboard(t, func(_ *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		s.Sees("retry 22:42 12m").Pass(11*time.Minute + 30*time.Second).Sees("retry 22:42 30s").Pass(time.Minute).Sees("retry 22:42 due")
	})
}

func TestHostileTextStaysText(t *testing.T) {
	dashboard(t, func(_ *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		for _, keys := range []string{"", "b", "b", "b", "j z", "esc K", "esc / x enter"} {
			s.Keys(strings.Fields(keys)...)
			for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 15}, {1, 1}, {7, 3}} {
				s.Resize(size[0], size[1]).View()
			}
		}
	}, func(e *ui.Env, d *tuitest.Daemon) {
		*e = tuitest.Coloured(*e)
		d.MakeHostile()
		d.SetCluster(api.Cluster{Name: tuitest.Hostile, State: "\x1b[31m"})
	})
}

// BenchmarkChange is one change among 2,000 clusters, drawn.
func BenchmarkChange(b *testing.B) {
	clock := tuitest.NewClock()
	d := tuitest.Empty(clock.Now)
	for i := range 2_000 {
		d.SetCluster(api.Cluster{Name: fmt.Sprintf("cluster-%d", i), State: api.Awake})
	}
	var s ui.Screen = clusters.New(tuitest.Env(b.Context(), clock), d, routes())
	s, _ = s.Update(ui.Resized{Width: 120, Height: 40})
	s, _ = s.Update(s.Init()())
	c := api.Cluster{Name: "cluster-17", State: api.Failed}
	for i := 0; b.Loop(); i++ {
		s, _ = s.Update(ui.Changed{Changes: []api.Change{{Feed: "life-1", Seq: uint64(100_000 + i), Kind: api.ClusterChanged, Cluster: &c}}})
		_ = s.View()
	}
}
