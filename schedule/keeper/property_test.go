package keeper

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// daemon is a keeper that lives, dies and lives again in simulated time.
type daemon struct {
	t        testing.TB
	world    *simulation
	records  *records
	clusters []Cluster
	notices  []Notice

	keeper *Keeper
	stop   func()
}

func (d *daemon) start() {
	ctx, cancel := context.WithCancel(context.Background())
	d.keeper = New(Options{World: d.world, Records: d.records, Now: time.Now, Tick: 48 * time.Hour, MaxRuns: 8, MaxTeardowns: 4,
		Notify: func(n Notice) { d.world.mu.Lock(); d.notices = append(d.notices, n); d.world.mu.Unlock() }})
	if err := d.keeper.Set(ctx, d.clusters); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = d.keeper.Run(ctx)
		close(ended)
	}()
	d.stop = func() {
		cancel()
		<-ended
		d.keeper = nil
	}
}

func drawSpec(t *rapid.T) calendar.Spec {
	s := calendar.Spec{Zone: rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
		"America/Sao_Paulo", "Asia/Kolkata", "Africa/Casablanca"}).Draw(t, "zone")}
	hour := rapid.IntRange(0, 23)
	minute := rapid.SampledFrom([]int{0, 0, 15, 30, 59})
	days := rapid.SampledFrom([]string{"Mon-Fri", "daily", "Sat,Sun", "Mon,Wed,Fri", "Fri-Mon", "weekdays"})
	if rapid.Bool().Draw(t, "windows") {
		for range rapid.IntRange(1, 2).Draw(t, "n") {
			from, to := hour.Draw(t, "from"), hour.Draw(t, "to")
			if from == to {
				to = (to + 8) % 24
			}
			s.Awake = append(s.Awake, fmt.Sprintf("%s %02d:%02d-%02d:%02d", days.Draw(t, "days"), from, minute.Draw(t, "m"), to, minute.Draw(t, "m")))
		}
	} else {
		s.Recreate = []string{fmt.Sprintf("%d %d * * 1-5", minute.Draw(t, "m"), hour.Draw(t, "up"))}
		s.Teardown = []string{fmt.Sprintf("%d %d * * *", minute.Draw(t, "m"), hour.Draw(t, "down"))}
	}
	if rapid.Bool().Draw(t, "exceptions") {
		day := time.Date(2000, 1, rapid.IntRange(1, 28).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		s.Except = []calendar.Exception{{From: day.Format(time.DateOnly), To: day.AddDate(0, 0, 2).Format(time.DateOnly)}}
	}
	return s
}

// Whatever schedule, zone, downtime of the daemon, words of people, deeds by hand,
// failures and deaths: nothing is done twice or in the wrong state, nothing is torn
// down late or against a person's word, and when all is quiet for long enough
// each cluster is as it is wanted. The calendar itself has its own model.
func TestKeeperAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		specs := []calendar.Spec{drawSpec(rt), drawSpec(rt)}
		seed := rapid.Uint64().Draw(rt, "seed")
		troubles := rapid.Bool().Draw(rt, "troubles")
		var faults []string
		synctest.Test(t, func(t *testing.T) { faults = live(t, specs, seed, troubles) })
		if len(faults) > 0 {
			rt.Fatalf("%s", strings.Join(faults, "\n"))
		}
	})
}

const (
	late = 2 * time.Hour
	warn = 10 * time.Minute
)

// live lets clusters live for some months, and returns what went wrong.
func live(t *testing.T, specs []calendar.Spec, seed uint64, troubles bool) []string {
	rng := rand.New(rand.NewPCG(seed, 1))
	d := &daemon{t: t, records: newRecords()}
	var names []string
	for i, spec := range specs {
		c, err := calendar.Parse(spec)
		if err != nil {
			return nil // windows that contradict each other
		}
		names = append(names, fmt.Sprintf("c%d", i))
		d.clusters = append(d.clusters, Cluster{Name: names[i], Calendar: c, Warn: warn, Late: late})
	}
	d.world = newSimulation(names...)
	var mu sync.Mutex
	chance := rand.New(rand.NewPCG(seed, 2)) // the world's own
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return chance.IntN(n)
	}
	d.world.slow = func() time.Duration { return time.Duration(1+roll(8)) * time.Minute }
	if troubles {
		d.world.fail = func(calendar.State, Job) error {
			if roll(4) == 0 {
				return errors.New("no capacity")
			}
			return nil
		}
	}
	d.world.wanted = func(to calendar.State, j Job) error { return d.rightful(to, j) }
	d.start()
	end := time.Now().AddDate(0, 4, 0)
	for time.Now().Before(end) && len(d.world.faults) == 0 {
		time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Hour))))
		d.happen(rng, names[rng.IntN(len(names))], troubles)
	}
	if d.keeper == nil {
		d.start()
	}
	// All is quiet now: no deeds, no deaths, no failures.
	d.world.mu.Lock()
	d.world.fail = nil
	d.world.mu.Unlock()
	d.settle(names)
	d.stop()
	return d.world.faults
}

// happen is what a day brings.
func (d *daemon) happen(rng *rand.Rand, name string, troubles bool) {
	switch what := rng.IntN(10); {
	case what == 0 && d.keeper != nil:
		d.stop()
	case d.keeper == nil:
		if troubles && rng.IntN(2) == 0 {
			d.world.byHand(name, []calendar.State{calendar.Awake, calendar.Asleep}[rng.IntN(2)])
		}
		time.Sleep(time.Duration(rng.Int64N(int64(3 * time.Hour))))
		d.start()
	case what < 6:
		w := calendar.Word{Kind: []calendar.WordKind{calendar.Keep, calendar.Skip, calendar.Wake, calendar.Sleep, calendar.Pause}[rng.IntN(5)],
			Said: time.Now(), By: "ada"}
		if w.Kind == calendar.Keep || w.Kind == calendar.Pause {
			w.Until = w.Said.Add(time.Duration(1 + rng.Int64N(int64(48*time.Hour))))
		}
		_, _, _ = d.keeper.Say(d.t.Context(), name, w) // some make no sense, and are refused
	case what < 7 && troubles:
		d.world.byHand(name, []calendar.State{calendar.Awake, calendar.Asleep}[rng.IntN(2)])
		d.keeper.Touched(name)
	}
}

// rightful checks a deed at the moment in which it begins: it is called with the
// world's mutex held.
func (d *daemon) rightful(to calendar.State, j Job) error {
	i := slices.IndexFunc(d.clusters, func(c Cluster) bool { return c.Name == j.Cluster })
	words, err := (Alone{Records: d.records, Calendar: d.clusters[i].Calendar, Cluster: j.Cluster}).Words(d.t.Context())
	if err != nil {
		return err
	}
	if p := d.world.clusters[j.Cluster].person; p != nil && p.To != to && p.At.After(j.Since) {
		return fmt.Errorf("but %s made it %s by hand at %s", p.By, p.To, p.At.Format(time.RFC3339))
	}
	now := time.Now()
	decision := d.clusters[i].Calendar.Decide(now, words, calendar.Facts{})
	switch to {
	case calendar.Asleep:
		if decision.State != calendar.Asleep || decision.Hold {
			return fmt.Errorf("but it is wanted %s (hold %v): %s", decision.State, decision.Hold, decision.Reason)
		}
		if by := now.Sub(j.Since); by > late+warn {
			return fmt.Errorf("%s late", by)
		}
	case calendar.Awake:
		soon := !decision.Until.IsZero() && decision.Until.Sub(now) <= 10*time.Minute &&
			d.clusters[i].Calendar.Decide(decision.Until, words, calendar.Facts{}).State == calendar.Awake
		if decision.State != calendar.Awake && !soon || decision.Hold {
			return fmt.Errorf("but it is wanted %s (hold %v): %s", decision.State, decision.Hold, decision.Reason)
		}
	}
	return nil
}

// settle gives every cluster some days, and then looks at each in the middle of
// each of its states for two weeks.
func (d *daemon) settle(names []string) {
	time.Sleep(4 * 24 * time.Hour)
	for range 28 {
		for i, name := range names {
			status, err := d.keeper.Status(name)
			if err != nil {
				d.world.fault("%v", err)
				return
			}
			decision := status.Decision
			there, busy := d.world.is(name)
			young := !decision.Since.IsZero() && time.Since(decision.Since) < 30*time.Minute
			soon := !decision.Until.IsZero() && time.Until(decision.Until) < 30*time.Minute
			if decision.Hold || busy || young || soon {
				continue
			}
			given := status.Last != nil && status.Last.Ending != Done // it was too late, say
			if p := d.world.clusters[name].person; p != nil && p.To != decision.State && p.At.After(decision.Since) {
				given = true // a person decided otherwise since
			}
			if there != (decision.State == calendar.Awake) && !given {
				d.world.fault("%s is there: %v, but it is wanted %s (%s), doing %q, last %+v\n%+v\n%s", name, there, decision.State, decision.Reason,
					status.Doing, status.Last, d.clusters[i].Calendar.Events(time.Now().Add(-48*time.Hour), time.Now().Add(24*time.Hour)),
					strings.Join(d.world.clusters[name].log[max(0, len(d.world.clusters[name].log)-6):], "\n"))
			}
		}
		time.Sleep(12*time.Hour + 13*time.Minute)
	}
}
