package nights

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// The declared spans of all clusters here.
const (
	warn = 10 * time.Minute
	late = 2 * time.Hour
	// longestLead is how long before its hour a recreate may begin.
	longestLead = 3 * time.Hour
)

// life is that of a daemon and its clusters through simulated weeks.
type life struct {
	*house
	rng        *rand.Rand
	models     map[string]*model
	plan       []deed // in order
	begin, end time.Time
	// killed are the times without a daemon.
	killed   []absence
	kills    int // by SIGKILL
	killRate float64
	// broken: rekindle.yaml is, so that no other process can read it.
	broken bool
	// marked are the ConfigMaps made by hand, by cluster and the day it was made.
	marked map[string][]mark
}

type absence struct{ from, to time.Time }

// mark is an edit by hand: a ConfigMap that an export of the cluster must hold.
type mark struct {
	name string
	at   time.Time
}

// deed is what a person does at an instant.
type deed struct {
	at   time.Time
	what string
	do   func()
}

func (l *life) at(when time.Time, what string, do func()) {
	l.plan = append(l.plan, deed{when, what, do})
	slices.SortStableFunc(l.plan, func(a, b deed) int { return a.at.Compare(b.at) })
}

// live lives until the end.
func (l *life) live() {
	t := l.t
	began := time.Now()
	for l.clock.now().Before(l.end) {
		if l.daemon == nil {
			l.start()
		}
		views, err := l.clusters()
		if err != nil {
			t.Fatalf("%v\n%s", err, tail(l.log))
		}
		now := l.clock.now()
		switch {
		case busy(views):
			l.seeThrough()
		case len(l.plan) > 0 && !now.Before(l.plan[0].at):
			d := l.plan[0]
			l.plan = l.plan[1:]
			t.Logf("%s %s", now.Format(time.RFC3339), d.what)
			d.do()
		default:
			next := l.next(views, now)
			if next.Sub(now) < 1500*time.Millisecond {
				time.Sleep(50 * time.Millisecond)
				continue
			}
			if !l.asWanted() {
				continue
			}
			l.editByHand(now)
			if l.rng.Float64() < l.killRate/8 {
				l.die()
			}
			l.clock.set(next.Add(-time.Second))
		}
	}
	t.Logf("lived %.1f days in %s", l.end.Sub(l.begin).Hours()/24, time.Since(began).Round(time.Second))
}

func busy(views []view) bool {
	return slices.ContainsFunc(views, func(v view) bool { return v.Doing != "" || v.State == "unknown" })
}

// next is the earliest instant at which something is to happen.
func (l *life) next(views []view, now time.Time) time.Time {
	next := l.end
	soonest := func(at time.Time) {
		if at.After(now) && at.Before(next) {
			next = at
		}
	}
	if len(l.plan) > 0 {
		soonest(l.plan[0].at)
	}
	for _, v := range views {
		soonest(v.RetryAt)
		if v.Wanted != nil {
			soonest(v.Wanted.Until)
		}
		if v.Next == nil {
			continue
		}
		soonest(v.Next.At)
		soonest(v.Next.At.Add(-warn))
		if v.Next.To == "awake" {
			soonest(v.Next.At.Add(-time.Duration(v.LeadTimeMS) * time.Millisecond))
		}
	}
	return next
}

// seeThrough waits until what goes on has ended, or kills the daemon meanwhile.
func (l *life) seeThrough() {
	l.t.Helper()
	deadline, dies := time.Now().Add(limit), time.Time{}
	if l.rng.Float64() < l.killRate {
		dies = time.Now().Add(time.Duration(l.rng.Int64N(int64(7 * time.Second))))
	}
	for {
		if !dies.IsZero() && time.Now().After(dies) {
			l.die()
			return
		}
		views, err := l.clusters()
		if err != nil {
			l.t.Fatalf("%v\n%s", err, tail(l.log))
		}
		if !busy(views) {
			return
		}
		if until := l.warning(); !until.IsZero() {
			l.clock.set(until.Add(-500 * time.Millisecond))
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("it takes for ever: %+v\n%s", views, tail(l.log))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// warning is until when a teardown waits that warned people itself.
func (h *house) warning() time.Time {
	runs, err := h.journal.Runs(h.t.Context(), run.Filter{Recipe: teardown.Recipe, Unfinished: true, Limit: 1})
	if err != nil || len(runs) == 0 {
		return time.Time{}
	}
	s, ok := runs[0].Step("warn")
	if !ok || s.State != run.Running {
		return time.Time{}
	}
	var made struct {
		At   time.Time
		Sent bool
	}
	if json.Unmarshal(s.Made, &made) != nil || !made.Sent || made.At.Sub(h.clock.now()) < 2*time.Second {
		return time.Time{}
	}
	return made.At
}

// die ends the daemon, mostly by SIGKILL, and lets it be dead for a while.
func (l *life) die() {
	l.t.Helper()
	from := l.clock.now()
	how := "killed"
	if l.rng.IntN(5) == 0 {
		how = "stopped"
		if code := l.terminate(); code != 0 && code != 130 && code != 143 {
			l.t.Errorf("a daemon that was asked to stop ended with exit code %d:\n%s", code, tail(l.log))
		}
	} else {
		l.kill()
		l.kills++
	}
	var dead time.Duration
	switch l.rng.IntN(6) {
	case 0:
		dead = time.Duration(l.rng.Int64N(int64(20 * time.Minute)))
	case 1:
		dead = time.Duration(l.rng.Int64N(int64(4 * time.Hour)))
	}
	l.clock.pass(dead)
	l.t.Logf("%s %s, dead for %s", from.Format(time.RFC3339), how, dead.Round(time.Second))
	l.start()
	l.killed = append(l.killed, absence{from, l.clock.now()})
}

// say says a word by the API or, alone, by the command line.
func (l *life) say(name string, kind calendar.WordKind, until time.Duration) func() {
	return func() {
		l.t.Helper()
		now := l.clock.now()
		if d := l.models[name].decide(now); kind == calendar.Sleep && !d.Until.IsZero() && d.Until.Sub(now) < longestLead {
			return // too late to be down at all: it would be refused
		}
		args := []string{string(kind), name, "--json", "--why", "the simulation"}
		body := map[string]any{"kind": kind, "why": "the simulation"}
		if until > 0 {
			at := l.clock.now().Add(until).Truncate(time.Minute)
			args = append(args, "--until", at.Format(time.RFC3339))
			body["until"] = at
		}
		var said struct{ Word calendar.Word }
		if !l.broken && l.rng.IntN(2) == 0 {
			if err := json.Unmarshal([]byte(l.must(args...)), &said); err != nil {
				l.t.Fatal(err)
			}
		} else if err := l.ask("POST", "/v1/clusters/"+name+"/words", body, &said); err != nil {
			l.t.Fatal(err)
		}
		m := l.models[name]
		bound, err := m.calendar(said.Word.Said).Bind(calendar.Word{Kind: kind, Said: said.Word.Said, Until: said.Word.Until})
		if err != nil || kind != calendar.Pause && !bound.Until.Equal(said.Word.Until) {
			l.t.Errorf("%s %s ends %s, and by the calendar %s (%v)", kind, name, said.Word.Until, bound.Until, err)
		}
		m.words = append(m.words, bound)
	}
}

// unpause takes a pause back.
func (l *life) unpause(name string) func() {
	return func() {
		if err := l.ask("DELETE", "/v1/clusters/"+name+"/words/pause", nil, nil); err != nil {
			l.t.Fatal(err)
		}
		m, now := l.models[name], l.clock.now()
		for i, w := range m.words {
			if w.Kind == calendar.Pause && (w.Until.IsZero() || w.Until.After(now)) {
				m.words[i].Until = now
			}
		}
	}
}

// declare writes rekindle.yaml, and waits until the daemon has read it.
func (l *life) declare(text string) {
	l.write("rekindle.yaml", text)
	if l.daemon == nil {
		return
	}
	if err := l.ask("POST", "/v1/reload", struct{}{}, nil); err != nil {
		l.t.Fatal(err)
	}
}

// newLife moves in; nothing is declared yet.
func newLife(t *testing.T, begin, end time.Time, killRate float64) *life {
	seed := seedOf(t)
	l := &life{house: newHouse(t, begin), rng: rand.New(rand.NewPCG(seed, 7)), models: map[string]*model{}, begin: begin, end: end,
		killRate: killRate, marked: map[string][]mark{}}
	l.house.t.Logf("seed %d", seed)
	l.repo("repo", map[string]string{"shop.yaml": shop})
	l.bare("live.git")
	return l
}

const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {color: red}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.test/web:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

func (l *life) config(clusters string) string {
	return fmt.Sprintf("clusters:\n%snotify:\n  - on: [failure, recovery, teardown, missed, drill]\n    webhook: {url: %q}\n", clusters, l.hook.URL)
}
