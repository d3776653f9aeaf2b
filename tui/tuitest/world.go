package tuitest

import (
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Now is what time it is in World: a Sunday evening, 22:30 in Zone.
func Now() time.Time { return time.Date(2026, 11, 22, 21, 30, 0, 0, time.UTC) }

// Zone is where the people in World live.
func Zone() *time.Location { return time.FixedZone("CET", 3600) }

// SHA is a full SHA that begins with n in hex digits.
func SHA(n int) string { return fmt.Sprintf("%07x%033x", 0xa1c0000+n, n) }

// Commits of World, by how old they are.
func commitOf(n int) string { return SHA(n * 17) }

// World returns a daemon with seven clusters, one in each state, their runs with
// events, a history of 120 commits, a plan with warnings, a comparison, and the
// drift of "shop-dev".
func World(clock func() time.Time) *Daemon {
	d := Empty(clock)
	for _, c := range worldClusters(Now()) {
		d.clusters[c.Name] = c
	}
	for _, r := range worldRuns(Now()) {
		d.runs[r.ID] = r
	}
	for id, events := range worldEvents(Now()) {
		for i := range events {
			events[i].Run, events[i].Seq = id, uint64(i+1)
		}
		d.events[id] = events
	}
	d.log = Log(120)
	d.planned = Planned()
	d.compared = Comparison()
	d.drift["shop-dev"] = DriftOf("shop-dev", 12)
	d.offers = Providers()
	for _, l := range looks() {
		d.looks[l.Object] = l
	}
	for _, r := range reports(d.runs) {
		d.reports[r.Run.ID] = r
	}
	return d
}

func worldClusters(now time.Time) []api.Cluster {
	part := func(f float64) *float64 { return &f }
	source := func(path string) *api.Source {
		return &api.Source{Repo: "https://git.example.org/platform.git", Path: path, Revision: "main"}
	}
	morning := &api.Event{At: now.Add(8 * time.Hour), To: api.Awake, Reason: "work hours"}
	evening := &api.Event{At: now.Add(21*time.Hour + 30*time.Minute), To: api.Asleep, Reason: "after work"}
	restored := &api.RunRef{ID: "20261120-053002-q7xa", Recipe: "restore", Outcome: "done", Created: now.Add(-64 * time.Hour), Ended: now.Add(-64*time.Hour + 4*time.Minute)}
	return []api.Cluster{
		{
			Name: "shop-dev", Provider: "kind", Declared: true, Source: source("clusters/dev"), State: api.Awake,
			Labels: map[string]string{"team": "shop", "tier": "dev"}, Commit: commitOf(1), Made: now.Add(-64 * time.Hour), LastRun: restored,
			Wanted: &api.Decision{State: api.Awake, Since: now.Add(-3 * time.Hour), Until: evening.At, Reason: "ada said keep", Word: &api.Word{Kind: api.Keep, By: "ada"}},
			Words:  []api.Word{{Kind: api.Keep, Said: now.Add(-3 * time.Hour), By: "ada", Why: "load test over night", Until: evening.At}},
			Next:   evening, RTOs: rtos(now, 221, 240, 232, 251, 198, 204, 245),
			Drift: &api.Drift{Run: "20261122-180501-k7x2", At: now.Add(-4 * time.Hour), Commit: commitOf(1), Changed: 3, Missing: 1, Unexpected: 2, Recoverable: part(0.87)},
		},
		{
			Name: "shop-staging", Provider: "kind", Declared: true, Source: source("clusters/staging"), State: api.Restoring,
			Labels: map[string]string{"team": "shop", "tier": "staging"}, Commit: commitOf(4), Doing: "recreate",
			Run:    &api.RunRef{ID: LiveRun, Recipe: "restore", Created: now.Add(-95 * time.Second)},
			Wanted: &api.Decision{State: api.Awake, Since: now.Add(-2 * time.Minute), Reason: "grace said wake"}, Next: evening,
			RTOs: rtos(now, 301, 322, 318),
		},
		{
			Name: "data-lab", Provider: "local", Declared: true, Source: source("clusters/lab"), State: api.Asleep,
			Labels: map[string]string{"team": "data", "tier": "dev"}, Commit: commitOf(9),
			Wanted: &api.Decision{State: api.Asleep, Since: now.Add(-50 * time.Hour), Until: morning.At, Reason: "weekend"}, Next: morning, LeadTimeMS: 480_000,
			LastRun: &api.RunRef{ID: "20261120-190000-tear", Recipe: "teardown", Outcome: "done", Created: now.Add(-50*time.Hour - 30*time.Minute), Ended: now.Add(-50 * time.Hour)},
			RTOs:    rtos(now, 420, 398, 512, 431), Drift: &api.Drift{At: now.Add(-51 * time.Hour), Commit: commitOf(9), Recoverable: part(1)},
		},
		{
			Name: "edge", Provider: "existing", Declared: true, Source: source("clusters/edge"), State: api.Failed,
			Labels: map[string]string{"team": "edge", "tier": "prod"}, Commit: commitOf(12),
			Wanted:    &api.Decision{State: api.Awake, Reason: "always"},
			LastError: "apply: Deployment.apps/edge/router: image pull: registry.example.org/router:v3 not found", Attempts: 3, RetryAt: now.Add(12 * time.Minute),
			LastRun: &api.RunRef{ID: FailedRun, Recipe: "restore", Outcome: "failed", Created: now.Add(-40 * time.Minute), Ended: now.Add(-31 * time.Minute)},
		},
		{
			Name: "payments", Provider: "existing", Declared: true, Source: source("clusters/payments"), State: api.Awake, Protected: true,
			Labels: map[string]string{"team": "payments", "tier": "prod"}, Commit: commitOf(2), Made: now.Add(-90 * 24 * time.Hour),
			RTOs: rtos(now, 610), Drift: &api.Drift{At: now.Add(-20 * time.Minute), Commit: commitOf(2), Recoverable: part(0.42)},
		},
		{
			Name: "ml-night", Provider: "local", Declared: true, Source: source("clusters/ml"), State: api.TearingDown,
			Labels: map[string]string{"team": "data", "tier": "batch"}, Commit: commitOf(3), Doing: "teardown",
			Run:    &api.RunRef{ID: "20261122-212810-tml0", Recipe: "teardown", Created: now.Add(-110 * time.Second)},
			Wanted: &api.Decision{State: api.Asleep, Since: now.Add(-2 * time.Minute), Reason: "night"}, Next: morning, RTOs: rtos(now, 95, 90),
		},
		{Name: "old-demo", Provider: "kind", State: api.Unknown, Commit: commitOf(80), LastError: "the API server does not answer"},
	}
}

func rtos(now time.Time, seconds ...int64) []api.RTO {
	var out []api.RTO
	for i, s := range seconds {
		at := now.Add(-time.Duration(len(seconds)-i) * 24 * time.Hour)
		out = append(out, api.RTO{Run: at.Format("20060102-150405") + "-rto0", At: at, TookMS: s * 1000})
	}
	return out
}

// Runs of World that have events: one that is live, and one that failed.
const (
	LiveRun   = "20261122-212825-live"
	FailedRun = "20261122-205000-f4il"
)

func worldRuns(now time.Time) []api.Run {
	made := func(id, recipe, cluster, provider, by string, created time.Time, took time.Duration, outcome run.Outcome, why string) api.Run {
		r := run.Run{ID: id, Recipe: recipe, Cluster: cluster, Provider: provider, Created: created, Attempts: 1, By: by, Daemon: true, Outcome: outcome, Error: why, Steps: steps(recipe)}
		if outcome != "" {
			r.Ended = created.Add(took)
		}
		return api.Run{Run: r, Live: outcome == ""}
	}
	out := []api.Run{
		made("20261122-212810-tml0", "teardown", "ml-night", "local", "schedule", now.Add(-110*time.Second), 0, "", ""),
		made(LiveRun, "restore", "shop-staging", "kind", "grace", now.Add(-95*time.Second), 0, "", ""),
		made(FailedRun, "restore", "edge", "existing", "schedule", now.Add(-40*time.Minute), 9*time.Minute, run.Failed, "1 of 214 objects was not applied"),
		made("20261122-180501-k7x2", "drift", "shop-dev", "kind", "schedule", now.Add(-4*time.Hour), 11*time.Second, run.Done, ""),
		made("20261121-090000-dril", "drill", "shop-dev", "kind", "schedule", now.Add(-36*time.Hour), 6*time.Minute, run.Unverified, "2 objects did not settle"),
		made("20261120-190000-tear", "teardown", "data-lab", "local", "schedule", now.Add(-50*time.Hour-30*time.Minute), 30*time.Minute, run.Done, ""),
		made("20261120-053002-q7xa", "restore", "shop-dev", "kind", "schedule", now.Add(-64*time.Hour), 4*time.Minute, run.Done, ""),
		made("20261119-101500-refu", "teardown", "payments", "existing", "ada", now.Add(-83*time.Hour), 2*time.Second, run.Refused, "the cluster is protected"),
		made("20261118-060000-abrt", "restore", "shop-dev", "kind", "ada", now.Add(-111*time.Hour), time.Minute, run.Aborted, ""),
		made("20261117-060000-intr", "restore", "data-lab", "local", "ada", now.Add(-135*time.Hour), 3*time.Minute, run.Interrupted, "the process died"),
	}
	for i := range out {
		walk(&out[i])
	}
	return out
}

// walk gives the steps of a run states and times that fit how it ended.
func walk(r *api.Run) {
	n := len(r.Steps)
	reached := n
	if r.Outcome != run.Done && r.Outcome != run.Unverified {
		reached = n * 2 / 3
	}
	each := 10 * time.Second
	if !r.Ended.IsZero() {
		each = r.Ended.Sub(r.Created) / time.Duration(max(reached, 1))
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		s.Started = r.Created.Add(time.Duration(i) * each)
		switch {
		case i < reached:
			s.State, s.Ended, s.SpentMS, s.Attempts = run.StepDone, s.Started.Add(each), each.Milliseconds(), 1
		case i == reached && r.Outcome == "":
			s.State, s.Attempts = run.Running, 1
		case i == reached && r.Outcome == run.Failed:
			s.State, s.Ended, s.Error, s.Attempts = run.StepFailed, r.Ended, r.Error, 1
		default:
			s.State, s.Started = run.Pending, time.Time{}
		}
	}
}

// steps are the steps of a recipe, none of them begun.
func steps(recipe string) []run.Step {
	names := map[string][]string{
		"restore":  {"source", "target", "render", "check", "remove", "provision", "plan", "apply", "settle", "prune", "verify"},
		"drill":    {"source", "render", "check", "provision", "plan", "apply", "settle", "verify", "remove"},
		"teardown": {"reach", "look", "guard", "suspend", "clean", "delete", "leftovers"},
		"drift":    {"source", "render", "compare"},
	}[recipe]
	if names == nil {
		names = []string{"work"}
	}
	out := make([]run.Step, len(names))
	for i, name := range names {
		out[i] = run.Step{Name: name, State: run.Pending}
	}
	return out
}

// worldEvents are the events of runs, unnumbered.
func worldEvents(now time.Time) map[string][]run.Event {
	return map[string][]run.Event{
		LiveRun:   restoring(now.Add(-95*time.Second), 11, 40, false),
		FailedRun: restoring(now.Add(-40*time.Minute), 11, 40, true),
	}
}

func restoring(from time.Time, stepsIn, objects int, failed bool) []run.Event {
	at := from
	var out []run.Event
	add := func(level run.Level, typ, step, object, message string) {
		at = at.Add(time.Second)
		out = append(out, run.Event{Time: at, Level: level, Type: typ, Step: step, Object: object, Message: message})
	}
	add(run.LevelInfo, run.RunBegin, "", "", "")
	for _, s := range steps("restore")[:min(stepsIn, 7)] {
		add(run.LevelInfo, run.StepBegin, s.Name, "", "")
		add(run.LevelInfo, run.StepEnd, s.Name, "", "")
	}
	add(run.LevelInfo, run.StepBegin, "apply", "", "")
	for i := range objects {
		add(run.LevelDebug, "object.applied", "apply", ObjectName(i), "created")
		if i%2 == 0 {
			add(run.LevelDebug, "object.settled", "apply", ObjectName(i), "")
		}
	}
	add(run.LevelWarn, "object.unsettled", "apply", BadObject, "0 of 2 replicas are ready: image pull: registry.example.org/router:v3 not found")
	if failed {
		add(run.LevelError, "object.failed", "apply", BadObject, "image pull: registry.example.org/router:v3 not found")
		add(run.LevelError, run.StepEnd, "apply", "", "1 of 214 objects was not applied")
		add(run.LevelError, run.RunEnd, "", "", "failed")
	}
	return out
}

// BadObject is the object that fails in World.
const BadObject = "Deployment.apps/edge/router"

// ObjectName is what events call the nth object of World.
func ObjectName(n int) string { return objectID(n).String() }
