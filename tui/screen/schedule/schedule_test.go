package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/screen/schedule"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

func start(t *testing.T, ctx context.Context, width, height int) (*tuitest.Driver, *tuitest.Daemon, *tuitest.Clock) { //nolint:revive // t comes first
	clock := tuitest.NewClock()
	d := tuitest.World(clock.Now)
	return tuitest.Drive(t, clock, schedule.New(tuitest.Env(ctx, clock), d, ui.Routes{}, "shop-dev"), width, height), d, clock
}

func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 40}, {40, 15}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			tuitest.Test(t, func(t *testing.T, ctx context.Context) {
				s, _, _ := start(t, ctx, size[0], size[1])
				tuitest.Golden(t, "week-"+name, s.View())
				s.Keys("K")
				tuitest.Golden(t, "keep-"+name, s.View())
			})
		})
	}
}

// TestTheWeekInWhichTheClockIsChanged looks at both weeks of Berlin: one with a day
// of 25 hours, one with a day of 23.
func TestTheWeekInWhichTheClockIsChanged(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, now := range map[string]time.Time{
		"autumn": time.Date(2026, 10, 22, 10, 0, 0, 0, berlin),
		"spring": time.Date(2026, 3, 26, 10, 0, 0, 0, berlin),
	} {
		t.Run(name, func(t *testing.T) {
			tuitest.Test(t, func(t *testing.T, ctx context.Context) {
				clock := tuitest.NewClock()
				d := tuitest.Empty(clock.Now)
				d.SetCluster(api.Cluster{Name: "dev", State: api.Awake, Wanted: &api.Decision{State: api.Asleep, Reason: "the schedule"}})
				env := tuitest.Env(ctx, clock)
				env.Zone, env.Now = berlin, func() time.Time { return now }
				s := tuitest.Drive(t, clock, schedule.New(env, d, ui.Routes{}, ""), 200, 14)
				tuitest.Golden(t, name, s.View())
				s.Sees(map[string]string{"autumn": "Sun 25 Oct 25h", "spring": "Sun 29 Mar 23h"}[name])
				s.Keys("L", "L", "L") // the same hour, three days on: Sunday
				s.Sees(map[string]string{"autumn": "^ Sun 25 Oct 10:00 CET", "spring": "^ Sun 29 Mar 10:00 CEST"}[name])
				for range 8 {
					s.Keys("h")
				}
				s.Sees(map[string]string{"autumn": "^ Sun 25 Oct 02:00 CET", "spring": "^ Sun 29 Mar 01:00 CET"}[name])
				s.Keys("h").Sees(map[string]string{"autumn": "^ Sun 25 Oct 02:00 CEST", "spring": "^ Sun 29 Mar 00:00 CET"}[name])
				for range 6 {
					s.Keys("l")
				}
				s.Sees(map[string]string{"autumn": "^ Sun 25 Oct 07:00 CET", "spring": "^ Sun 29 Mar 07:00 CEST"}[name])
			})
		})
	}
}

func TestMovingThroughTime(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, _ := start(t, ctx, 120, 30)
		asked := len(d.Calls("Schedule"))
		s.Sees("Sun 22 Nov to Sat 28 Nov 2026").Keys("]").Sees("Sun 29 Nov to Sat 5 Dec 2026")
		if n := len(d.Calls("Schedule")); n != asked {
			t.Errorf("%d questions more for a week that was read with the first", n-asked)
		}
		s.Keys("]", "]").Sees("Sun 13 Dec")
		if n := len(d.Calls("Schedule")); n == asked {
			t.Error("weeks that are not known were not asked for")
		}
		s.Keys("t").Sees("Sun 22 Nov to", "^ Sun 22 Nov 22:30 CET")
		s.Keys("H").Sees("Sat 21 Nov to", "^ Sat 21 Nov 22:30 CET")
		s.Keys("[").Sees("Sat 14 Nov to")
	})
}

// TestWhatDoesNotHappenIsShown: drills that are due, and the days that an exception
// empties, with their reasons.
func TestWhatDoesNotHappenIsShown(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, _, _ := start(t, ctx, 200, 30)
		s.Sees("D", "----")
		s.Keys("L", "L", "L", "L").Sees("^ Thu 26 Nov 22:30 CET: ○ asleep since Thu 00:00 until Fri 00:00", "stays asleep: Thanksgiving (holidays.ics)")
		s.Keys("H")
		for range 10 { // from 22:30 back to noon
			s.Keys("h")
		}
		s.Sees("^ Wed 25 Nov 12:00 CET", "drill at Wed 12:00", "recreate 0 12 * * 3")
	})
}

func TestWordsAreSaidAndTakenBack(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, _ := start(t, ctx, 100, 30)
		s.Keys("K").Sees("keep shop-dev until").Keys("enter").Sees("until when?")
		s.Type("soon").Keys("enter").Sees("is no time")
		for range 4 {
			s.Keys("backspace")
		}
		s.Type("23:45").Keys("enter").Sees("✓ ada said keep")
		word, _ := d.Calls("Say")[0].(api.WordRequest)
		if want := time.Date(2026, 11, 22, 22, 45, 0, 0, time.UTC); word.Kind != api.Keep || !word.Until.Equal(want) {
			t.Errorf("said %+v, want keep until %s", word, want)
		}
		for key, want := range map[string]api.WordKind{"w": api.Wake, "S": api.Skip} {
			n := len(d.Calls("Say"))
			s.Keys(key, "n")
			if len(d.Calls("Say")) > n {
				t.Fatalf("%s was said without a yes", want)
			}
			s.Keys(key, "y")
			if word, _ := d.Calls("Say")[n].(api.WordRequest); word.Kind != want {
				t.Errorf("%s says %+v", key, word)
			}
		}
		n := len(d.Calls("Say"))
		s.Keys("z").Sees("put shop-dev to sleep?", "3 changed, 1 missing, 2 unexpected", "87%").Type("shop").Keys("enter").Sees("that is not shop-dev")
		if len(d.Calls("Say")) > n {
			t.Fatal("a cluster is put to sleep without its name")
		}
		s.Type("-dev").Keys("enter")
		if word, _ := d.Calls("Say")[n].(api.WordRequest); word.Kind != api.Sleep {
			t.Errorf("z says %+v", word)
		}
		n++
		s.Keys("p", "enter")
		if word, _ := d.Calls("Say")[n].(api.WordRequest); word.Kind != api.Pause || !word.Until.IsZero() {
			t.Errorf("p says %+v", word)
		}
		feed(s, d)
		s.Keys("u").Sees("take back what was said of shop-dev", "keep").Keys("enter").Sees("✓ work hours")
		if n := len(d.Calls("Unsay")); n != 1 {
			t.Errorf("%d words were taken back", n)
		}
	})
}

// feed hands over how the daemon's clusters stand now.
func feed(s *tuitest.Driver, d *tuitest.Daemon) {
	list, _ := d.Clusters(context.Background())
	for _, c := range list.Clusters {
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.ClusterChanged, Name: c.Name, Cluster: &c}}})
	}
}

func TestAWordIsRefused(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, _ := start(t, ctx, 100, 30)
		d.Fail("Say", api.NewProblem(api.Refused, "skip: the schedule has no teardown to come"))
		s.Keys("S", "y")
		if told, is := s.Last().(ui.Told); !is || told.Level != ui.Bad || told.Text != "skip: the schedule has no teardown to come" {
			t.Errorf("told %#v", s.Last())
		}
	})
}

func TestChangesAreShown(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, d, clock := start(t, ctx, 100, 30)
		asked := len(d.Calls("Schedule"))
		c, _ := d.Cluster(ctx, "shop-dev")
		c.State = api.TearingDown
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.ClusterChanged, Name: c.Name, Cluster: &c}}})
		s.Sees("shop-dev is ◑ tearing down")
		if len(d.Calls("Schedule")) != asked {
			t.Error("a schedule was read again although nothing else is wanted")
		}
		c.Words = append(c.Words, api.Word{Kind: api.Pause, Said: clock.Now(), By: "grace"})
		c.Wanted = &api.Decision{State: api.Awake, Hold: true, Reason: "paused by grace"}
		d.SetCluster(c)
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.ClusterChanged, Name: c.Name, Cluster: &c}}})
		s.Sees("left as it is", "paused by grace", "by grace at 22:30, until it is taken back", "====")
		if n := len(d.Calls("Schedule")); n != asked+1 {
			t.Errorf("%d schedules were read, want one", n-asked)
		}
		s.Send(ui.Changed{Changes: []api.Change{{Kind: api.ClusterGone, Name: "shop-dev"}}}).SeesNot("shop-dev")
	})
}

func TestADaemonThatFails(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		d.Fail("Clusters", errors.New("nobody listens"))
		d.Fail("Schedule", errors.New("the calendar cannot be read"))
		s := tuitest.Drive(t, clock, schedule.New(tuitest.Env(ctx, clock), d, ui.Routes{}, ""), 80, 24)
		s.Sees("nobody listens", "tries again").Keys("K", "j", "enter")
		d.Fail("Clusters", nil)
		s.Keys("r").Sees("data-lab", "the calendar cannot be read", "r tries again")
		asked := len(d.Calls("Schedule"))
		s.Pass(time.Minute)
		if len(d.Calls("Schedule")) != asked {
			t.Error("what failed is asked for again and again")
		}
		d.Fail("Schedule", nil)
		s.Send(ui.Found{}).SeesNot("cannot be read")
	})
}

func TestReadOnly(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		env := tuitest.Env(ctx, clock)
		env.ReadOnly = true
		s := tuitest.Drive(t, clock, schedule.New(env, d, ui.Routes{}, "shop-dev"), 80, 24)
		s.Keys("K", "S", "y", "w", "y", "z", "y", "p", "enter", "u", "enter")
		if n := len(d.Calls("Say")) + len(d.Calls("Unsay")); n > 0 {
			t.Errorf("%d words were said", n)
		}
	})
}

func TestAnyKeysAtAnySize(t *testing.T) {
	keys := []string{"j", "k", "h", "l", "H", "L", "[", "]", "t", "g", "G", "K", "S", "w", "z", "p", "u", "r", "enter", "esc", "y", "n", "3", "backspace", "q"}
	rapid.Check(t, func(rt *rapid.T) {
		hostile := rapid.Bool().Draw(rt, "hostile")
		tuitest.Bubble(t, func(ctx context.Context) {
			clock := tuitest.NewClock()
			d := tuitest.World(clock.Now)
			if hostile {
				d.SetCluster(api.Cluster{Name: tuitest.Hostile, State: tuitest.Hostile, Doing: tuitest.Hostile, Wanted: &api.Decision{}})
				d.MakeHostile()
			}
			s := tuitest.Drive(rt, clock, schedule.New(tuitest.Coloured(tuitest.Env(ctx, clock)), d, ui.Routes{}, ""), 80, 24)
			s.AtRandom(rt, keys...)
		})
	})
}

func TestTheMouse(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		s, _, _ := start(t, ctx, 100, 30)
		s.Send(tea.MouseMsg{X: 3, Y: 4, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress}).Sees("> data-lab")
		s.Send(tea.MouseMsg{Button: tea.MouseButtonWheelDown}).Sees("> edge")
		s.Send(tea.MouseMsg{X: 3, Y: 25, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress}).Sees("> edge")
	})
}
