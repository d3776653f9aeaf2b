package drift_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/tui/screen/drift"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

func routes() ui.Routes {
	return ui.Routes{
		Run:     func(id string) ui.Screen { return tuitest.Stand("run " + id) },
		Rebuild: func(t api.Target) ui.Screen { return tuitest.Stand("rebuild " + t.Cluster + " at " + t.Revision) },
	}
}

// full is a report with something in every group.
func full() api.DriftReport {
	r := tuitest.DriftOf("shop-dev", 12)
	secret := object.ID{Kind: "Secret", Namespace: "shop", Name: "db"}
	r.Objects = append(r.Objects, show.Object{Drift: show.Changed, ID: secret, From: object.Provenance{File: "clusters/dev/db.yaml", Line: 1}, Fields: []show.Field{
		{Path: "data.password", Want: "(hidden)", Have: "(hidden)", By: []show.Author{{Manager: "kubectl-edit", Subresource: "", Time: "2026-11-22T20:03:00Z"}}},
	}}, show.Object{
		Drift: show.Changed, ID: object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}, From: object.Provenance{File: "clusters/dev/settings.yaml", Line: 40},
		Fields: []show.Field{{
			Path: `data["app.conf"]`, Want: "listen 8080\ntimeout 30\nlevel info\n", Have: "listen 8080\ntimeout 300\nlevel info\nextra " + strings.Repeat("very-long ", 12) + "\n",
			By: []show.Author{{Manager: "kubectl-edit", Time: "2026-11-22T20:03:00Z"}},
		}},
	})
	r.Counts.Changed += 2
	r.Unknown = []show.Unknown{{Kind: "Widget.example.org", Reason: "the server refuses: forbidden"}}
	r.Ignored = []show.Ignored{
		{Drift: show.Changed, ID: object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Path: "spec.replicas", Why: "an autoscaler drives it"},
		{Drift: show.Unexpected, ID: object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "scratch"}, Why: "people try things there (until 2026-12-24)"},
	}
	r.Counts.Ignored = 2
	r.Recoverability = &recoverability.Report{Score: 64, Findings: []recoverability.Finding{
		{Category: recoverability.Data, Rule: "claim-unsaved", Subject: "PersistentVolumeClaim shop/data", What: "its 10Gi are nowhere else", Do: "let a backup save it", Points: 20},
		{Category: recoverability.Images, Rule: "floating", Subject: "nginx:latest", What: "the tag may move", Do: "pin it by digest", Points: 1},
	}}
	return r
}

func start(t *testing.T, ctx context.Context, width, height int) (*tuitest.Driver, *tuitest.Daemon, *tuitest.Clock) { //nolint:revive // t comes first
	clock := tuitest.NewClock()
	d := tuitest.World(clock.Now)
	d.SetDrift("shop-dev", full())
	return tuitest.Drive(t, clock, drift.New(tuitest.Env(ctx, clock), d, routes(), "shop-dev", ""), width, height), d, clock
}

func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 15}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			tuitest.Test(t, func(t *testing.T, ctx context.Context) {
				s, _, _ := start(t, ctx, size[0], size[1])
				tuitest.Golden(t, "tree-"+name, s.View())
				s.Keys("/").Type("settings").Keys("enter", "G", "enter")
				tuitest.Golden(t, "diff-"+name, s.View())
				s.Keys("v")
				tuitest.Golden(t, "split-"+name, s.View())
				s.Keys("esc", "esc", "x", "G")
				tuitest.Golden(t, "explain-"+name, s.View())
			})
		})
	}
}

func TestSecretsStayHidden(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, _, _ := start(t, ctx, 120, 40)
		s.Keys("/").Type("data.password").Keys("enter", "G")
		s.Sees("data.password", "what a Secret holds is not shown")
	})
}

func TestAFieldIsIgnored(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, _ := start(t, ctx, 80, 24)
		s.Keys("/").Type("settings").Keys("enter", "G", "i").Sees("this field", "the whole object")
		s.Keys("enter").Sees("why?").Keys("enter").Sees("a reason is needed")
		s.Type("ops tune it").Keys("enter").Sees("for good", "for 7 days", "until a day")
		s.Keys("j", "enter").Sees("rekindle.yaml has this rule now", "ops tune it")
		want := api.Ignore{Object: "ConfigMap shop/settings", Pointer: "/data/app.conf", Reason: "ops tune it", Expires: tuitest.Now().AddDate(0, 0, 7)}
		have, _ := d.Calls("Ignore")[0].(api.Ignore)
		if have.Object != want.Object || have.Pointer != want.Pointer || have.Reason != want.Reason || !have.Expires.Equal(want.Expires) {
			t.Errorf("asked for %+v, want %+v", have, want)
		}
		if n := len(d.Calls("Drift")); n != 2 {
			t.Errorf("compared %d times; a rule calls for another", n)
		}
		s.Keys("enter").SeesNot("has this rule now").Sees("settings")
	})
}

func TestAnIgnoredObjectUntilADay(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, _ := start(t, ctx, 80, 24)
		s.Keys("/").Type("part-1 ").Keys("enter", "G", "i").Sees("why?") // unexpected: just the whole object
		s.Type("mine").Keys("enter", "G", "enter").Sees("day:")
		s.Type("2026-11-01").Keys("enter").Sees("not to come")
		for range 10 {
			s.Keys("backspace")
		}
		s.Type("2026-12-24").Keys("enter")
		have, _ := d.Calls("Ignore")[0].(api.Ignore)
		if have.Pointer != "" || have.Expires.Format(time.DateOnly) != "2026-12-24" {
			t.Errorf("asked for %+v", have)
		}
	})
}

func TestMarkedObjectsAreAdopted(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, _ := start(t, ctx, 80, 24)
		s.Keys("/").Type("settings").Keys("enter", "G", "m", "esc").Sees("* 1 marked")
		s.Keys("r").Sees("* 1 marked") // a comparison keeps marks
		s.Keys("A").Sees("adopt ConfigMap shop/settings into git", "rekindle/adopt-shop-dev").Keys("enter")
		have, _ := d.Calls("Start")[0].(api.StartRequest)
		if have.Recipe != api.Adopt || have.Cluster != "shop-dev" || have.Branch != "rekindle/adopt-shop-dev" || len(have.Only) != 1 || have.Only[0] != "ConfigMap shop/settings" {
			t.Errorf("asked for %+v", have)
		}
		push, is := s.Last().(ui.Push)
		if !is || !strings.HasPrefix(push.Screen.Title(), "run 20261122") {
			t.Errorf("opened %#v", s.Last())
		}
		s.SeesNot("marked")
	})
}

func TestABranchIsMarkedAsFarAsItIsSeen(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, _, _ := start(t, ctx, 80, 24)
		s.Keys("/").Type("Deployment").Keys("enter", "g", "m")
		s.Sees("* 1 marked") // of eight that changed
		s.Keys("U", "esc", "g", "m").Sees("* 8 marked")
		s.Keys("U", "/").Type("!shop").Keys("enter", "g", "m").SeesNot("* 8 marked").Sees("marked")
	})
}

func TestExportAndRestore(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, _ := start(t, ctx, 80, 24)
		s.Keys("e").Sees("export shop-dev?").Keys("n")
		if len(d.Calls("Start")) > 0 {
			t.Fatal("an export began without a yes")
		}
		s.Keys("e", "y")
		have, _ := d.Calls("Start")[0].(api.StartRequest)
		if have.Recipe != api.Compare || !have.Export {
			t.Errorf("asked for %+v", have)
		}
		s.Keys("R")
		if push, is := s.Last().(ui.Push); !is || !strings.HasPrefix(push.Screen.Title(), "rebuild shop-dev at ") {
			t.Errorf("opened %#v", s.Last())
		}
	})
}

func TestARefreshKeepsCursorAndFolds(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, clock := start(t, ctx, 80, 24)
		s.Keys("j", "j", "j", "j", "h", "h", "j")
		before := s.View()
		d.Hang("Drift", true)
		s.Keys("r").Sees("comparing the cluster with git", "changed (8)") // the old one is there meanwhile
		d.Hang("Drift", false)
		s.Settle()
		if after := s.View(); after != before {
			t.Errorf("the screen is another:\n%s\n%s", before, after)
		}
		d.Fail("Drift", errors.New("the cluster does not answer"))
		s.Keys("r").Sees("the cluster does not answer", "changed (8)")
		d.Fail("Drift", nil)
		s.Keys("r").SeesNot("does not answer")
		ended := clock.Now().Add(time.Minute)
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.RunChanged, Run: &api.Run{Run: run.Run{Cluster: "shop-dev", Recipe: "restore", Outcome: run.Done, Ended: ended}}}}})
		s.Sees("a restore has ended since")
	})
}

func TestTheFirstComparisonFails(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		d.Fail("Drift", api.NewProblem(api.Unavailable, "the cluster sleeps").WithHint("rekindle wake shop-dev"))
		s := tuitest.Drive(t, clock, drift.New(tuitest.Env(ctx, clock), d, routes(), "shop-dev", ""), 60, 12)
		s.Sees("the cluster sleeps", "rekindle wake shop-dev", "tries again").Keys("A", "i", "m", "enter", "x")
		d.Fail("Drift", nil)
		s.Keys("r").Sees("changed")
	})
}

func TestReadOnly(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		env := tuitest.Env(ctx, clock)
		env.ReadOnly = true
		s := tuitest.Drive(t, clock, drift.New(env, d, routes(), "shop-dev", ""), 80, 24)
		s.Keys("j", "j", "j", "i", "enter", "A", "enter", "e", "y", "R")
		if n := len(d.Calls("Start")) + len(d.Calls("Ignore")) + len(s.Sent); n > 0 {
			t.Errorf("%d things were done: %v", n, s.Sent)
		}
	})
}

func TestNothingHostileGetsThrough(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		r := full()
		r.Unknown[0].Reason, r.Ignored[0].Why, r.Ignored[1].Path, r.Recoverability.Findings[0].What = tuitest.Hostile, tuitest.Hostile, tuitest.Hostile, tuitest.Hostile
		r.Objects[0].From.File, r.Commit.Subject, r.Objects[2].Fields[0].By[0].Manager = tuitest.Hostile, tuitest.Hostile, tuitest.Hostile
		r.Objects[3].Fields[0].Have = strings.Repeat(tuitest.Hostile+"\n", 3)
		d.SetDrift("shop-dev", r)
		d.MakeHostile()
		s := tuitest.Drive(t, clock, drift.New(tuitest.Coloured(tuitest.Env(ctx, clock)), d, routes(), "shop-dev", tuitest.Hostile), 100, 30)
		s.Keys("x", "v", "enter")
		for range 60 {
			s.Keys("j", "+", "tab").View()
			s.Keys("tab", "i").View()
			s.Keys("esc").View()
		}
	})
}

func TestAnyKeysAtAnySize(t *testing.T) {
	keys := []string{"j", "k", "h", "l", "g", "G", "enter", "esc", "tab", "v", "x", "m", "U", "i", "A", "e", "y", "R", "r", "space", "/", "+", "-", "n", "ctrl+d", "pgdown", "backspace", "ctrl+u", "w"}
	rapid.Check(t, func(rt *rapid.T) {
		tuitest.Bubble(t, func(ctx context.Context) {
			clock := tuitest.NewClock()
			d := tuitest.World(clock.Now)
			d.SetDrift("shop-dev", full())
			s := tuitest.Drive(rt, clock, drift.New(tuitest.Env(ctx, clock), d, routes(), "shop-dev", ""), 80, 24)
			s.AtRandom(rt, keys...)
		})
	})
}
