package rebuild_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	journal "github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/screen/rebuild"
	"github.com/rekindle-io/rekindle/tui/screen/run"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// walk is a walkthrough that is driven.
type walk struct {
	*tuitest.Driver
	d     *tuitest.Daemon
	clock *tuitest.Clock
}

func (w walk) Keys(names ...string) walk {
	w.Driver.Keys(names...)
	return w
}

func (w walk) Type(text string) walk {
	w.Driver.Type(text)
	return w
}

func (w walk) Sees(texts ...string) walk {
	w.Driver.Sees(texts...)
	return w
}

// soon lets what comes within a second come.
func (w walk) soon() walk {
	time.Sleep(time.Second)
	w.Settle()
	return w
}

func start(t tuitest.T, env ui.Env, clock *tuitest.Clock, d *tuitest.Daemon, of api.Target, width, height int) walk {
	routes := ui.Routes{}
	routes.Run = func(id string) ui.Screen { return run.New(env, d, routes, id) }
	return walk{tuitest.Drive(t, clock, rebuild.New(env, d, routes, of), width, height), d, clock}
}

func begin(t *testing.T, ctx context.Context, width, height int, with ...func(*tuitest.Daemon)) walk { //nolint:revive // t comes first in tests
	t.Helper()
	clock := tuitest.NewClock()
	d := tuitest.World(clock.Now)
	for _, w := range with {
		w(d)
	}
	return start(t, tuitest.Env(ctx, clock), clock, d, api.Target{}, width, height)
}

// choose puts the cursor of the first step on a cluster and chooses it.
func (w walk) choose(name string) walk {
	return w.Keys("/").Type(name).Keys("enter", "enter")
}

func sent[M tea.Msg](w walk) bool {
	return slices.ContainsFunc(w.Sent, func(m tea.Msg) bool { _, ok := m.(M); return ok })
}

func TestStepsLookLikeThis(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 15}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			tuitest.Test(t, func(t *testing.T, ctx context.Context) {
				w := begin(t, ctx, size[0], size[1])
				tuitest.Golden(t, "1-cluster-"+name, w.View())
				w.choose("shop-dev").soon()
				tuitest.Golden(t, "2-commit-"+name, w.View())
				w.Keys("enter")
				tuitest.Golden(t, "3-where-"+name, w.View())
				w.Keys("enter")
				tuitest.Golden(t, "4-plan-"+name, w.View())
				w.Keys("f", "enter")
				tuitest.Golden(t, "5-confirm-"+name, w.View())
				w.Keys("enter")
				tuitest.Golden(t, "5-name-"+name, w.View())
				w.Type("shop-dev").Keys("enter").soon()
				tuitest.Golden(t, "6-run-"+name, w.View())
				w.Screen.(ui.Closer).Close()
			})
		})
	}
}

func TestWholeWalk(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 120, 40)
		w.choose("shop-dev").Sees("Which commit?", "[2 commit]")
		w.Keys("j", "j").soon().Sees("spec.replicas: 2 → 5", "data.password: differs (hidden)", "~ ", "+ ", "- ")
		w.Keys("enter").Sees("[3 where]", "as declared").Keys("enter").Sees("[4 plan]", "5 warnings", "wave 1", "in place")
		w.Keys("f").Sees("deleted first").Keys("c", "u", "u").Keys("enter").Sees("[5 confirm]", "--fresh --confirm shop-dev", "--convert --allow-unserved=false", "deleted with everything")
		w.Keys("enter").Type("shop").Keys("enter").Sees("that is not shop-dev").Type("-dev").Keys("enter").soon()
		starts := w.d.Calls("Start")
		if len(starts) != 1 {
			t.Fatalf("started %v", starts)
		}
		req := starts[0].(api.StartRequest)
		if req.Cluster != "shop-dev" || req.Revision != tuitest.SHA(2*17) || !req.Fresh || req.Confirm != "shop-dev" || req.Convert == nil || *req.AllowUnserved || req.Prune != nil {
			t.Errorf("started %+v", req)
		}
		w.Sees("[6 run]", "restore of shop-dev", "running")
		w.Keys("q").Sees("detach from the run?").Keys("n").SeesNot("detach from the run?")
		id := strings.TrimPrefix(w.Screen.Title(), "run ")
		w.d.End(id, journal.Done, "")
		w.soon().Sees("[7 report]")
		w.Keys("q")
		if !sent[ui.Pop](w) {
			t.Error("q does not leave a run that has ended")
		}
	})
}

func TestGoingBackKeepsChoices(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 100, 30)
		w.choose("shop-dev").Keys("j", "j", "j", "enter", "enter", "p", "enter").Sees("prune on")
		w.Keys("esc").Sees("prune on").Keys("esc", "esc").soon().Sees("> " + tuitest.SHA(3 * 17)[:7])
		w.Keys("enter", "enter").Sees("prune on")
		if n := len(w.d.Calls("Plan")); n != 1 {
			t.Errorf("the same plan was asked for %d times", n)
		}
		w.Keys("esc", "esc", "k", "enter", "enter").Sees("prune on")
		if n := len(w.d.Calls("Plan")); n != 2 {
			t.Errorf("plans were asked for %d times, want another one for another commit", n)
		}
		w.Keys("q").Sees("leave the walkthrough?").Keys("y")
		if !sent[ui.Pop](w) {
			t.Error("y does not leave")
		}
	})
}

func TestRunUnderWayIsOffered(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 100, 30)
		w.choose("shop-staging").Sees("follow it").Keys("enter").Sees("restore of shop-staging", "[6 run]")
		if len(w.d.Calls("Start")) != 0 {
			t.Error("following starts something")
		}
	})
}

func TestRepositoryByHand(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 100, 30, func(d *tuitest.Daemon) { d.SetPlan(api.Planned{Plan: tuitest.PlanOf(3)}) })
		w.Keys("G", "enter").Sees("a repository")
		w.Type("https://ada:secret@git.example.org/x.git").Keys("tab").Type("../up").Keys("tab").Type("Not a name").Keys("enter").Sees("password")
		w.Keys("ctrl+u").Type("https://git.example.org/x.git").Keys("enter", "enter", "enter").Sees("has to be in the repository")
		w.Keys("ctrl+u").Type("clusters/x").Keys("enter", "enter").Sees("small letters")
		w.Keys("ctrl+u").Type("mine").Keys("enter").soon().Sees("[2 commit]", "nothing was restored here so far")
		w.Keys("enter").Sees("has to be declared in rekindle.yaml")
		w.Keys("enter", "enter", "enter", "enter").Sees("rebuild mine?").Keys("y").soon()
		starts := w.d.Calls("Start")
		if len(starts) != 1 {
			t.Fatalf("started %v:\n%s", starts, w.View())
		}
		if req := starts[0].(api.StartRequest); req.Repo != "https://git.example.org/x.git" || req.Path != "clusters/x" || req.Cluster != "mine" || req.Provider == "" || req.Fresh {
			t.Errorf("started %+v", req)
		}
	})
}

func TestUnusableProviderSaysWhy(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 100, 30, func(d *tuitest.Daemon) {
			d.SetProviders([]api.Provider{{Name: "cloud", Reason: "no credentials", Hint: "log in"}, {Name: "kind", Usable: true, Summary: "containers"}, {Name: "local", Usable: true}})
		})
		w.choose("shop-dev").Keys("enter").Sees("> ● kind", "- cloud", "no credentials")
		w.Keys("G", "enter")
		if told, ok := w.Last().(ui.Told); !ok || told.Hint != "log in" {
			t.Errorf("told %#v", w.Last())
		}
		w.Keys("k", "enter").Sees("another cluster", "shop-dev-local").Keys("enter").Sees("[4 plan]")
		want := api.Target{Cluster: "shop-dev-local", Repo: "https://git.example.org/platform.git", Path: "clusters/dev", Revision: tuitest.SHA(0), Provider: "local"}
		if have := w.d.Calls("Plan"); len(have) != 1 || have[0] != want {
			t.Errorf("planned %+v, want %+v", have, want)
		}
	})
}

// What a provider makes and what that costs is told before anything is begun.
func TestCostsAreTold(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 80, 24, func(d *tuitest.Daemon) {
			price := 0.35
			d.SetProviders([]api.Provider{{Name: "kind", Usable: true, Summary: "a cluster in the cloud", Hourly: &price, Currency: "USD", AsOf: "2026-11-01"}})
			p := tuitest.Planned()
			p.Exists, p.Warnings = false, nil
			plane, node := 0.1, 0.25
			p.Estimate = &api.Estimate{Parts: []api.EstimatedPart{{What: "control plane", Hourly: &plane}, {What: "1 x m6i.large", Hourly: &node}, {What: "network"}},
				Hourly: 0.35, Currency: "USD", AsOf: "2026-11-01", Unpriced: []string{"traffic"}}
			d.SetPlan(p)
		})
		w.choose("shop-dev").Keys("enter").Sees("0.35 USD")
		w.Keys("enter").Sees("[4 plan]", "at least 0.35 USD an hour (2026-11-01)", "the provider makes 3 parts")
		w.Keys("l", "j").Sees("control plane", "0.100 USD an hour", "its price is not known", "not in the price: traffic")
		w.Keys("enter").Sees("[5 confirm]", "costs", "at least 0.35 USD an hour (2026-11-01)")
	})
}

func TestStartIsTriedAgainUnderTheSameKey(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 100, 30)
		w.d.Fail("Start", errors.New("connection reset"))
		w.choose("shop-dev").Keys("enter", "enter", "enter", "enter", "y").Sees("connection reset", "enter tries again")
		w.d.Fail("Start", &journal.HeldError{Key: "cluster/shop-dev", Holder: journal.Holder{Run: tuitest.LiveRun}})
		w.Pass(time.Minute)
		w.Keys("enter", "y").Sees("F follows that run")
		starts := w.d.Calls("Start")
		if len(starts) != 2 || starts[0].(api.StartRequest).Key != starts[1].(api.StartRequest).Key {
			t.Errorf("started %+v", starts)
		}
		w.Keys("F").Sees("restore of shop-staging")
	})
}

func TestLogIsSearchedAndPaged(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 100, 30)
		w.choose("shop-dev").Sees("more below").Keys("G").soon()
		if n := len(w.d.Calls("Log")); n != 2 {
			t.Errorf("%d pages were asked for", n)
		}
		w.Keys("s").Type("dashboard").Keys("enter").Sees("with dashboard", "Add a dashboard").SeesNot("Pin images by digest")
		w.Keys("esc").SeesNot("with dashboard")
		w.Keys(":").Type("v1.4").Keys("enter").Sees("from v1.4")
		logs := w.d.Calls("Log")
		if q := logs[len(logs)-1].(api.LogQuery); q.Revision != "v1.4" || q.Cluster != "shop-dev" {
			t.Errorf("asked for %+v", q)
		}
	})
}

func TestComparisonWaitsForTheCursor(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 120, 40)
		w.choose("shop-dev").Keys("j", "j", "j", "k", "j").soon()
		if n := len(w.d.Calls("Compare")); n != 1 {
			t.Errorf("%d comparisons while the cursor moved", n)
		}
		w.Keys("k", "j").soon()
		if n := len(w.d.Calls("Compare")); n != 1 {
			t.Errorf("%d comparisons; what is known is not asked again", n)
		}
	})
}

func TestTroubleIsShownAndTriedAgain(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		w := begin(t, ctx, 80, 24, func(d *tuitest.Daemon) { d.Fail("", errors.New("no route to host")) })
		w.Sees("no route to host", "tries again")
		w.d.Fail("", nil)
		w.Keys("ctrl+r").Sees("shop-dev")
		for _, step := range []struct{ method, sees string }{{"Log", "Which commit?"}, {"Providers", "[3 where]"}, {"Plan", "warnings"}} {
			w.d.Fail(step.method, errors.New(step.method+" is out of order"))
			if step.method == "Log" {
				w.choose("shop-dev")
			} else {
				w.Keys("enter")
			}
			w.soon().Sees(step.method+" is out of order", "tries again")
			w.d.Fail(step.method, nil)
			w.Keys("ctrl+r").soon().Sees(step.sees).SeesNot("out of order")
		}
	})
}

func TestReadOnlyBeginsNothing(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		env := tuitest.Env(ctx, clock)
		env.ReadOnly = true
		w := start(t, env, clock, tuitest.World(clock.Now), api.Target{Cluster: "shop-dev"}, 100, 30)
		w.Sees("[2 commit]").Keys("enter", "enter", "enter", "enter", "y")
		if len(w.d.Calls("Start")) > 0 {
			t.Error("it was begun")
		}
		w.Keys("P")
		if p, ok := w.Last().(ui.Print); !ok || !strings.HasPrefix(p.Text, "rekindle restore") {
			t.Errorf("printed %#v", w.Last())
		}
		w.soon()
	})
}

func TestAnyKeysAtAnySize(t *testing.T) {
	names := []string{"j", "k", "enter", "enter", "enter", "esc", "tab", "p", "c", "u", "f", "P", "/", "g", "G", "y", "n", "space", "o", "s", ":", "F", "l", "h", "+", "-", "up", "down", "ctrl+r", "q", "x"}
	rapid.Check(t, func(rt *rapid.T) {
		tuitest.Bubble(t, func(ctx context.Context) {
			clock := tuitest.NewClock()
			w := start(t, tuitest.Coloured(tuitest.Env(ctx, clock)), clock, hostileWorld(clock), api.Target{}, 80, 24)
			w.AtRandom(rt, names...)
		})
	})
}

// hostileWorld has texts in it that a terminal must not see as they are.
func hostileWorld(clock *tuitest.Clock) *tuitest.Daemon {
	d := tuitest.World(clock.Now)
	hostile := "\x1b[2J/\u202eevil" + strings.Repeat("\u0301", 9) + "漢字\nsecond\x9b31m"
	d.SetCluster(api.Cluster{Name: "aaa" + hostile, Declared: true, Provider: hostile, Commit: hostile, Source: &api.Source{Repo: hostile, Path: hostile}})
	log := tuitest.Log(30)
	log[0].Subject, log[0].Body, log[0].Author, log[0].Tags = hostile, hostile, hostile, []string{hostile}
	d.SetLog(log)
	d.SetProviders([]api.Provider{{Name: hostile, Usable: true, Summary: hostile}, {Name: hostile + "2", Reason: hostile, Hint: hostile}})
	p := tuitest.Planned()
	p.For, p.Command, p.Warnings[0].Text, p.Warnings[0].Object, p.Plan.Nodes[2].ID.Name = hostile, hostile, hostile, hostile, hostile
	d.SetPlan(p)
	c := tuitest.Comparison()
	c.Changed[0].ID.Name, c.Changed[0].Fields[0].New, c.From.SHA = hostile, hostile, hostile
	d.SetComparison(c)
	return d
}

func BenchmarkPlanOf30000(b *testing.B) {
	clock := tuitest.NewClock()
	d := tuitest.World(clock.Now)
	d.SetPlan(api.Planned{Plan: tuitest.PlanOf(30000)})
	for _, what := range []string{"first", "filter"} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := rebuild.AtPlan(tuitest.Env(b.Context(), clock), d)
				s.Update(ui.Resized{Width: 120, Height: 40})
				answer := rebuild.PlanAnswer(s, tuitest.PlanOf(30000))
				if what == "filter" {
					s.Update(answer)
					s.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("/")})
					answer = tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("9")}
				}
				b.StartTimer()
				s.Update(answer)
				_ = s.View()
			}
		})
	}
}
