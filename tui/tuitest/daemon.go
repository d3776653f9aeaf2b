// Package tuitest is a world for tests of the terminal UI: a daemon in memory with
// scripted clusters, runs, plans and logs, into which a test pushes changes and
// faults, a driver that presses keys, and golden screens.
//
// Tests run in a bubble of testing/synctest, see Test: a command that waits for
// something is waited for exactly as long as it does something.
package tuitest

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Daemon is a daemon in memory. It implements tui.Daemon. All methods may be called
// from any goroutine; fields are set before it is used.
type Daemon struct {
	// Clock is the daemon's.
	Clock func() time.Time
	// Whom is what Address says.
	Whom string

	mu       sync.Mutex
	clusters map[string]api.Cluster
	runs     map[string]api.Run
	events   map[string][]run.Event
	reports  map[string]api.RunReport
	log      []api.LogEntry
	planned  api.Planned
	compared api.Comparison
	drift    map[string]api.DriftReport
	offers   []api.Provider
	looks    map[string]api.ObjectLook

	faults map[string]error
	hanged map[string]bool
	calls  []Call
	seq    uint64
	cut    error         // the feed is cut with this
	moved  chan struct{} // closed and replaced when anything changes
	feed   []api.Change
}

// Call is one call of a method with its argument.
type Call struct {
	Method string
	Arg    any
}

// Empty returns a daemon that knows nothing.
func Empty(clock func() time.Time) *Daemon {
	return &Daemon{
		Clock: clock, Whom: "unix:/run/rekindle.sock",
		clusters: map[string]api.Cluster{}, runs: map[string]api.Run{}, events: map[string][]run.Event{},
		reports: map[string]api.RunReport{}, drift: map[string]api.DriftReport{}, looks: map[string]api.ObjectLook{},
		faults: map[string]error{}, hanged: map[string]bool{}, moved: make(chan struct{}),
	}
}

// Fail lets a method, by its name, answer with an error; "" is every one of them.
// A nil error lets it answer again.
func (d *Daemon) Fail(method string, err error) {
	d.change(func() {
		if err == nil {
			delete(d.faults, method)
			return
		}
		d.faults[method] = err
	})
}

// Hang lets a method never answer, or answer again: calls that hang go on. "" is
// every one of them.
func (d *Daemon) Hang(method string, hang bool) { d.change(func() { d.hanged[method] = hang }) }

// Cut ends all feeds with an error and lets new ones fail; nil lets them be read
// again.
func (d *Daemon) Cut(err error) { d.change(func() { d.cut = err }) }

// Down is a daemon that is gone: Fail of everything and Cut; nil brings it back.
func (d *Daemon) Down(err error) {
	d.Fail("", err)
	d.Cut(err)
}

// Calls are the arguments of all calls of a method so far, in order.
func (d *Daemon) Calls(method string) []any {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []any
	for _, c := range d.calls {
		if c.Method == method {
			out = append(out, c.Arg)
		}
	}
	return out
}

// Push sends changes to all feeds.
func (d *Daemon) Push(changes ...api.Change) {
	d.change(func() {
		for _, c := range changes {
			d.push(c)
		}
	})
}

// SetCluster makes or changes a cluster, and tells the feeds.
func (d *Daemon) SetCluster(c api.Cluster) {
	d.change(func() {
		d.clusters[c.Name] = c
		d.push(api.Change{Kind: api.ClusterChanged, Name: c.Name, Cluster: &c})
	})
}

// ChangeCluster changes a cluster that is there, and tells the feeds.
func (d *Daemon) ChangeCluster(name string, with func(*api.Cluster)) {
	d.mu.Lock()
	c := d.clusters[name]
	d.mu.Unlock()
	with(&c)
	d.SetCluster(c)
}

// RemoveCluster lets a cluster be gone, and tells the feeds.
func (d *Daemon) RemoveCluster(name string) {
	d.change(func() {
		delete(d.clusters, name)
		d.push(api.Change{Kind: api.ClusterGone, Name: name})
	})
}

// SetRun makes or changes a run, and tells the feeds.
func (d *Daemon) SetRun(r api.Run) {
	d.change(func() {
		d.runs[r.ID] = r
		brief := r.Brief()
		d.push(api.Change{Kind: api.RunChanged, Name: r.ID, Run: &brief})
	})
}

// ChangeRun changes a run that is there, and tells the feeds.
func (d *Daemon) ChangeRun(id string, with func(*api.Run)) {
	d.mu.Lock()
	r := d.runs[id]
	d.mu.Unlock()
	with(&r)
	d.SetRun(r)
}

// Emit appends events to a run; they are numbered, and the feeds get them.
func (d *Daemon) Emit(id string, events ...run.Event) {
	d.change(func() {
		for _, ev := range events {
			ev.Run, ev.Seq = id, uint64(len(d.events[id])+1)
			if ev.Time.IsZero() {
				ev.Time = d.Clock()
			}
			if ev.Level == "" {
				ev.Level = run.LevelInfo
			}
			d.events[id] = append(d.events[id], ev)
			d.push(api.Change{Kind: api.RunEvent, Name: id, Event: &ev})
		}
	})
}

// SetReport, SetLog, SetPlan, SetComparison, SetDrift, SetProviders and SetLook say
// what the methods answer that ask for them.
func (d *Daemon) SetReport(r api.RunReport) { d.change(func() { d.reports[r.Run.ID] = r }) }

// SetLog is the history, newest first.
func (d *Daemon) SetLog(log []api.LogEntry) { d.change(func() { d.log = log }) }

// SetPlan is the plan of every target.
func (d *Daemon) SetPlan(p api.Planned) { d.change(func() { d.planned = p }) }

// SetComparison is the comparison of any two commits.
func (d *Daemon) SetComparison(c api.Comparison) { d.change(func() { d.compared = c }) }

// SetDrift is the drift of one cluster.
func (d *Daemon) SetDrift(cluster string, r api.DriftReport) {
	d.change(func() { d.drift[cluster] = r })
}

// SetProviders are all providers.
func (d *Daemon) SetProviders(p []api.Provider) { d.change(func() { d.offers = p }) }

// SetLook is what looking at an object shows, by what events call it.
func (d *Daemon) SetLook(l api.ObjectLook) { d.change(func() { d.looks[l.Object] = l }) }

// change changes something and wakes up all that wait for it.
func (d *Daemon) change(how func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	how()
	close(d.moved)
	d.moved = make(chan struct{})
}

func (d *Daemon) push(c api.Change) {
	d.seq++
	c.Feed, c.Seq = feedName, d.seq
	if c.Time.IsZero() {
		c.Time = d.Clock()
	}
	d.feed = append(d.feed, c)
}

const feedName = "life-1"

// enter is what every method begins with: it notes the call, hangs or fails.
func (d *Daemon) enter(ctx context.Context, method string, arg any) error {
	d.mu.Lock()
	d.calls = append(d.calls, Call{method, arg})
	d.mu.Unlock()
	for {
		d.mu.Lock()
		hang, err, moved := d.hanged[method] || d.hanged[""], d.faults[method], d.moved
		if err == nil {
			err = d.faults[""]
		}
		d.mu.Unlock()
		if !hang {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// find finds a run by what a person types. The lock is held.
func (d *Daemon) find(typed string) (api.Run, error) {
	var found []api.Run
	for _, r := range d.runs {
		if r.ID == typed {
			return r, nil
		}
		if (run.Filter{Typed: typed}).Match(r.Run) {
			found = append(found, r)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return api.Run{}, fmt.Errorf("no run %q", typed)
}

// newest are the runs that a filter takes. The lock is held.
func (d *Daemon) newest(f run.Filter) []api.Run {
	var out []api.Run
	for _, r := range d.runs {
		if f.Match(r.Run) {
			out = append(out, r.Brief())
		}
	}
	slices.SortFunc(out, func(a, b api.Run) int { return strings.Compare(b.ID, a.ID) })
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out
}

// sorted are all clusters by name. The lock is held.
func (d *Daemon) sorted() []api.Cluster {
	out := make([]api.Cluster, 0, len(d.clusters))
	for _, c := range d.clusters {
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
