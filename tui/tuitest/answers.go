package tuitest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Address implements tui.Daemon.
func (d *Daemon) Address() string { return d.Whom }

// Version implements tui.Daemon.
func (d *Daemon) Version(ctx context.Context) (api.Version, error) {
	if err := d.enter(ctx, "Version", nil); err != nil {
		return api.Version{}, err
	}
	return api.Version{Version: "v1.0.0", API: api.V1, Feed: feedName, PID: 4711, Started: d.Clock().Add(-time.Hour), You: "ada"}, nil
}

// Clusters implements tui.Daemon.
func (d *Daemon) Clusters(ctx context.Context) (api.ClusterList, error) {
	if err := d.enter(ctx, "Clusters", nil); err != nil {
		return api.ClusterList{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return api.ClusterList{Clusters: d.sorted(), Feed: feedName, Seq: d.seq}, nil
}

// Cluster implements tui.Daemon.
func (d *Daemon) Cluster(ctx context.Context, name string) (api.Cluster, error) {
	if err := d.enter(ctx, "Cluster", name); err != nil {
		return api.Cluster{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.clusters[name]
	if !ok {
		return c, api.UnknownCluster(name)
	}
	return c, nil
}

// Schedule implements tui.Daemon: awake from 6:30 to 20:00 of the clock's zone on
// work days. shop-dev has a day off, and a drill at noon of each Wednesday.
func (d *Daemon) Schedule(ctx context.Context, name string, from, to time.Time) (api.Schedule, error) {
	if err := d.enter(ctx, "Schedule", name); err != nil {
		return api.Schedule{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.clusters[name]
	if !ok {
		return api.Schedule{}, api.UnknownCluster(name)
	}
	s := api.Schedule{Cluster: name, From: from, To: to, Decision: c.Wanted, Events: []api.Event{}}
	if c.Wanted == nil {
		return s, nil
	}
	s.Zone = "Europe/Berlin"
	local := from.In(Zone())
	dev := name == "shop-dev"
	off := time.Date(2026, 11, 26, 0, 0, 0, 0, Zone())
	if dev && off.Before(to) && off.AddDate(0, 0, 1).After(from) {
		s.Rests = []api.Rest{{From: off, To: off.AddDate(0, 0, 1), Reason: "Thanksgiving (holidays.ics)"}}
	}
	for day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, Zone()); day.Before(to); day = day.AddDate(0, 0, 1) {
		if noon := day.Add(12 * time.Hour); dev && day.Weekday() == time.Wednesday && !noon.Before(from) && noon.Before(to) {
			s.Drills = append(s.Drills, api.Due{At: noon, Reason: "recreate 0 12 * * 3 (Europe/Berlin)"})
		}
		if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday || dev && day.Equal(off) {
			continue
		}
		for _, ev := range []api.Event{
			{At: day.Add(6*time.Hour + 30*time.Minute), To: api.Awake, Reason: "work hours"},
			{At: day.Add(20 * time.Hour), To: api.Asleep, Reason: "after work"},
		} {
			if !ev.At.Before(from) && ev.At.Before(to) {
				s.Events = append(s.Events, ev)
			}
		}
	}
	return s, nil
}

// Runs implements tui.Daemon.
func (d *Daemon) Runs(ctx context.Context, f run.Filter) (api.RunList, error) {
	if err := d.enter(ctx, "Runs", f); err != nil {
		return api.RunList{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return api.RunList{Runs: d.newest(f), Feed: feedName, Seq: d.seq}, nil
}

// Run implements tui.Daemon.
func (d *Daemon) Run(ctx context.Context, typed string) (api.Run, error) {
	if err := d.enter(ctx, "Run", typed); err != nil {
		return api.Run{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.find(typed)
}

// Report implements tui.Daemon.
func (d *Daemon) Report(ctx context.Context, typed string) (api.RunReport, error) {
	if err := d.enter(ctx, "Report", typed); err != nil {
		return api.RunReport{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.find(typed)
	if err != nil {
		return api.RunReport{}, err
	}
	if rep, ok := d.reports[r.ID]; ok {
		return rep, nil
	}
	return api.RunReport{Run: r, Headline: fmt.Sprintf("The %s of %s is %s", r.Recipe, r.Cluster, r.Outcome)}, nil
}

// Follow implements tui.Daemon. It ends when the run has an outcome and all its
// events were handed over, or when the feed is cut.
func (d *Daemon) Follow(ctx context.Context, typed string, since uint64, each func(run.Event) error) error {
	if err := d.enter(ctx, "Follow", typed); err != nil {
		return err
	}
	for {
		d.mu.Lock()
		r, err := d.find(typed)
		events, moved, cut := d.events[r.ID], d.moved, d.cut
		d.mu.Unlock()
		if err = errors.Join(err, cut); err != nil {
			return err
		}
		for _, ev := range events[min(since, uint64(len(events))):] {
			if err := each(ev); err != nil {
				return err
			}
			since = ev.Seq
		}
		if r.Outcome != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// Changes implements tui.Daemon.
func (d *Daemon) Changes(ctx context.Context, each func(api.Change) error) error {
	if err := d.enter(ctx, "Changes", nil); err != nil {
		return err
	}
	d.mu.Lock()
	at := len(d.feed)
	begin := api.Change{Kind: api.FeedBegin, Feed: feedName, Seq: d.seq, Time: d.Clock()}
	d.mu.Unlock()
	if err := each(begin); err != nil {
		return err
	}
	for {
		d.mu.Lock()
		news, moved, cut := slices.Clone(d.feed[at:]), d.moved, d.cut
		at = len(d.feed)
		d.mu.Unlock()
		if cut != nil {
			return cut
		}
		for _, c := range news {
			if err := each(c); err != nil {
				return err
			}
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// Log implements tui.Daemon. Next is the number of the first commit of the page.
func (d *Daemon) Log(ctx context.Context, q api.LogQuery) (api.Log, error) {
	if err := d.enter(ctx, "Log", q); err != nil {
		return api.Log{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []api.LogEntry
	for _, e := range d.log {
		text := strings.ToLower(strings.Join(append([]string{e.Subject, e.Body, e.Author, e.SHA}, e.Tags...), " "))
		if strings.Contains(text, strings.ToLower(q.Search)) {
			all = append(all, e)
		}
	}
	var from int
	if q.After != "" {
		if _, err := fmt.Sscanf(q.After, "%d", &from); err != nil || from > len(all) {
			return api.Log{}, fmt.Errorf("no page begins at %q", q.After)
		}
	}
	limit := q.Limit
	if limit == 0 {
		limit = 50
	}
	out := api.Log{Commits: all[from:min(from+limit, len(all))]}
	if from+limit < len(all) {
		out.Next = fmt.Sprint(from + limit)
	}
	if from == 0 {
		out.Branches = []string{"main", "next"}
		for _, e := range d.log {
			out.Tags = append(out.Tags, e.Tags...)
		}
	}
	return out, nil
}

// Compare implements tui.Daemon.
func (d *Daemon) Compare(ctx context.Context, q api.CompareQuery) (api.Comparison, error) {
	if err := d.enter(ctx, "Compare", q); err != nil {
		return api.Comparison{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.compared, nil
}

// Providers implements tui.Daemon.
func (d *Daemon) Providers(ctx context.Context) ([]api.Provider, error) {
	if err := d.enter(ctx, "Providers", nil); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.offers, nil
}

// Plan implements tui.Daemon.
func (d *Daemon) Plan(ctx context.Context, t api.Target) (api.Planned, error) {
	if err := d.enter(ctx, "Plan", t); err != nil {
		return api.Planned{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.planned, nil
}

// Drift implements tui.Daemon.
func (d *Daemon) Drift(ctx context.Context, q api.DriftQuery) (api.DriftReport, error) {
	if err := d.enter(ctx, "Drift", q); err != nil {
		return api.DriftReport{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.drift[q.Cluster]
	if !ok {
		return r, api.UnknownCluster(q.Cluster)
	}
	return r, nil
}

// Look implements tui.Daemon.
func (d *Daemon) Look(ctx context.Context, cluster, object string) (api.ObjectLook, error) {
	if err := d.enter(ctx, "Look", [2]string{cluster, object}); err != nil {
		return api.ObjectLook{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if l, ok := d.looks[object]; ok {
		return l, nil
	}
	return api.ObjectLook{Object: object, State: "settled", YAML: "kind: ConfigMap\nmetadata:\n  name: looked-at\n"}, nil
}
