package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/screen/cluster"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

func routes() ui.Routes {
	return ui.Routes{
		Run:      func(id string) ui.Screen { return tuitest.Stand("run " + id) },
		Drift:    func(name string) ui.Screen { return tuitest.Stand("drift of " + name) },
		Schedule: func(name string) ui.Screen { return tuitest.Stand("schedule of " + name) },
		Rebuild:  func(t api.Target) ui.Screen { return tuitest.Stand("rebuild " + t.Cluster) },
	}
}

func look(t *testing.T, name string, f func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon), with ...func(*ui.Env, *tuitest.Daemon)) {
	t.Helper()
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d, e := tuitest.World(clock.Now), tuitest.Env(ctx, clock)
		for _, w := range with {
			w(&e, d)
		}
		f(t, tuitest.Drive(t, clock, cluster.New(e, d, routes(), name), 80, 21), d)
	})
}

func TestScreens(t *testing.T) {
	look(t, "shop-dev", func(t *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		for _, tab := range []string{"overview", "runs", "objects", "drift", "schedule"} {
			for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 15}} {
				tuitest.Golden(t, fmt.Sprintf("%s-%dx%d", tab, size[0], size[1]), s.Resize(size[0], size[1]).View())
			}
			s.Keys("tab")
		}
		s.Sees("[overview]").Keys("shift+tab").Sees("[schedule]")
	})
	look(t, "edge", func(t *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		tuitest.Golden(t, "failed-overview-80x24", s.Resize(80, 24).View())
		tuitest.Golden(t, "failed-objects-80x24", s.Keys("tab", "tab").View())
		tuitest.Golden(t, "failed-look-80x24", s.Keys("enter").View())
	})
}

func TestEnterOpensWhatTheTabIsAbout(t *testing.T) {
	for keys, want := range map[string]string{
		"enter": "run 20261120-053002-q7xa", "tab enter": "run 20261122-180501-k7x2", "tab j j enter": "run 20261120-053002-q7xa",
		"tab tab tab enter": "drift of shop-dev", "shift+tab enter": "schedule of shop-dev",
		"R": "rebuild shop-dev", "d": "drift of shop-dev", "s": "schedule of shop-dev", "tab / d r i f t enter enter": "run 20261122-180501-k7x2",
	} {
		look(t, "shop-dev", func(t *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
			s.Keys(strings.Fields(keys)...)
			if push, ok := s.Last().(ui.Push); !ok || push.Screen.Title() != want {
				t.Errorf("%s: %#v, want %s", keys, s.Last(), want)
			}
		})
	}
}

func TestObjectsFollowARestoreThatIsUnderWay(t *testing.T) {
	look(t, "shop-staging", func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		s.Keys("tab", "tab").Sees("41 objects, by restore", "… live", "! unsettled", "1 not well")
		d.Emit(tuitest.LiveRun, run.Event{Type: "object.settled", Object: tuitest.BadObject}, run.Event{Type: "object.failed", Level: run.LevelError, Object: "Pod/shop/broken", Message: "no node has room"})
		s.Settle().Keys("g").Sees("42 objects", "✗ failed", "no node has room").SeesNot("unsettled")
		if n := len(d.Calls("Follow")); n != 1 {
			t.Errorf("the run was followed %d times", n)
		}
		s.Keys("tab", "shift+tab")
		d.End(tuitest.LiveRun, run.Done, "")
		s.Settle().Sees("42 objects").SeesNot("… live")
	})
}

func TestANewRestoreIsFollowedInstead(t *testing.T) {
	look(t, "shop-dev", func(_ *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		s.Keys("tab", "tab").Sees("0 objects, by restore 20261120-053002-q7xa")
		r := api.Run{Live: true, Run: run.Run{ID: tuitest.LiveRun, Recipe: "restore", Cluster: "shop-dev", Created: tuitest.Now()}}
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.RunChanged, Name: r.ID, Run: &r}}}).Sees("by restore "+tuitest.LiveRun, "41 objects")
	})
}

func TestALookAtAnObjectCanFailAndBeTriedAgain(t *testing.T) {
	look(t, "edge", func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		d.Hang("Look", true)
		s.Keys("tab", "tab", "enter").Sees("looking at " + tuitest.BadObject)
		d.Fail("Look", errors.New("the API server does not answer"))
		d.Hang("Look", false)
		s.Settle().Sees("the API server does not answer", "r tries again")
		d.Fail("Look", nil)
		s.Keys("r").Sees("✗ failed", "push the image", "starting router").Keys("/", "l", "i", "s", "t", "e", "n", "enter").Sees("/listen  line")
		s.Keys("esc", "esc").Sees("[objects]").Keys("esc")
		if _, ok := s.Last().(ui.Pop); !ok {
			t.Errorf("esc does not go back: %#v", s.Last())
		}
	})
}

func TestItLivesByTheFeed(t *testing.T) {
	look(t, "shop-dev", func(t *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		c, err := d.Cluster(t.Context(), "shop-dev")
		if err != nil {
			t.Fatal(err)
		}
		c.State, c.LastError = api.Failed, "everything is on fire"
		other := api.Cluster{Name: "edge", LastError: "not of this one"}
		s.Send(ui.Changed{Changes: []api.Change{
			{Kind: api.ClusterChanged, Name: c.Name, Cluster: &c}, {Kind: api.ClusterChanged, Name: "edge", Cluster: &other},
		}}).Sees("✗ failed", "everything is on fire").SeesNot("not of this one")
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.ClusterGone, Name: "shop-dev"}}}).Sees("? unknown")
	})
}

func TestTroubleIsShown(t *testing.T) {
	look(t, "nobody", func(_ *testing.T, s *tuitest.Driver, _ *tuitest.Daemon) {
		s.Sees(`no cluster "nobody"`, "rekindle clusters lists them", "r tries again")
	})
	look(t, "shop-dev", func(_ *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		d.Fail("Runs", errors.New("the journal is locked"))
		s.Keys("tab").Sees("the journal is locked", "r tries again")
		d.Fail("Runs", nil)
		s.Keys("r").Sees("✓ done")
		s.Send(ui.Lost{Err: errors.New("gone")}).Sees("! as of 22:30", "✓ done").Send(ui.Found{}).SeesNot("as of")
	})
}

func TestStaleAnswersAreDropped(t *testing.T) {
	look(t, "shop-dev", func(_ *testing.T, s *tuitest.Driver, d *tuitest.Daemon) {
		d.Hang("Cluster", true)
		s.Keys("r", "r", "r")
		d.ChangeCluster("shop-dev", func(c *api.Cluster) { c.LastError = "new trouble" })
		d.Hang("Cluster", false)
		s.Settle().Sees("new trouble").SeesNot("reading")
	})
}

func TestNothingEscapesAndTheSizeIsKept(t *testing.T) {
	keys := []string{"tab", "shift+tab", "j", "k", "G", "g", "enter", "esc", "/", "a", "backspace", "o", "O", "r", "pgdown", "n", "ctrl+d", "漢"}
	rapid.Check(t, func(rt *rapid.T) {
		tuitest.Bubble(t, func(ctx context.Context) {
			clock := tuitest.NewClock()
			d := tuitest.World(clock.Now)
			d.MakeHostile()
			name := rapid.SampledFrom([]string{"shop-dev", "edge", "shop-staging", "old-demo"}).Draw(rt, "cluster")
			s := tuitest.Drive(rt, clock, cluster.New(tuitest.Coloured(tuitest.Env(ctx, clock)), d, routes(), name), 80, 21)
			s.AtRandom(rt, keys...)
		})
	})
}
