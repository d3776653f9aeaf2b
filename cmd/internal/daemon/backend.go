package daemon

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
	"github.com/rekindle-io/rekindle/schedule/moment"
)

// Clusters implements server.Backend.
func (d *daemon) Clusters(context.Context) ([]api.Cluster, error) {
	names := map[string]bool{}
	for name := range d.config.Load().Clusters {
		names[name] = true
	}
	for _, name := range d.facts.names() {
		names[name] = true
	}
	list := make([]api.Cluster, 0, len(names))
	for name := range names {
		if c, ok := d.cluster(name); ok {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b api.Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Cluster implements server.Backend.
func (d *daemon) Cluster(_ context.Context, name string) (api.Cluster, error) {
	c, ok := d.cluster(name)
	if !ok {
		return c, api.UnknownCluster(name)
	}
	return c, nil
}

// cluster is how a cluster stands, from memory; false when nothing is known of
// one.
func (d *daemon) cluster(name string) (api.Cluster, bool) {
	f := d.facts.of(name)
	if f.now != nil && !d.works(name, f.now.ID) {
		f.now = nil // it was cut off
	}
	c := api.Cluster{Name: name, Provider: f.provider, State: api.Unknown, Commit: f.commit, Run: f.now, LastRun: f.last, Drift: f.drift}
	for _, r := range f.rtos {
		c.RTOs = append(c.RTOs, api.RTO{Run: r.run, At: r.at, TookMS: r.took.Milliseconds()})
	}
	spec, is := d.config.Load().Clusters[name]
	if !is {
		return c, f.last != nil || f.now != nil
	}
	c.Declared, c.Provider, c.Protected, c.Labels = true, spec.Provider, spec.Protected, spec.Labels
	c.Source = &api.Source{Repo: source.Redact(spec.Source.Repo), Path: spec.Source.Path, Revision: spec.Source.Revision}
	s, err := d.keeper.Status(name)
	if err != nil {
		return c, true // declared this very moment
	}
	d.schedule(&c, s)
	c.State = state(s, f)
	return c, true
}

// works tells whether a process works on a run; what cannot be told counts.
func (d *daemon) works(cluster, id string) bool {
	_, alive, err := run.Alive(d.life, d.Store.Leases(), run.Run{ID: id, Cluster: cluster})
	return alive || err != nil
}

// schedule fills in what the schedule says.
func (*daemon) schedule(c *api.Cluster, s keeper.Status) {
	c.LeadTimeMS, c.LastError = s.Lead.Milliseconds(), s.Error
	c.Doing, c.Waiting, c.Attempts, c.RetryAt = s.Doing, s.Waiting, s.Attempts, s.Retry
	if s.Sight != nil && s.Sight.There {
		c.Made = s.Sight.Made
	}
	for _, w := range slices.Backward(s.Words) {
		c.Words = append(c.Words, wordOf(w))
	}
	if s.Decision.Hold && s.Decision.Word == nil {
		return // there is no schedule
	}
	wanted := decisionOf(s.Decision)
	c.Wanted = &wanted
	if n := s.Next; n != nil {
		c.Next = &api.Event{At: n.Since, To: api.State(n.State), Reason: n.Reason}
	}
}

// state is what a cluster is, as last seen.
func state(s keeper.Status, f fact) api.State {
	if f.now != nil {
		switch f.now.Recipe {
		case rebuild.Recipe:
			return api.Restoring
		case teardown.Recipe, rebuild.DeleteRecipe:
			return api.TearingDown
		}
	}
	switch {
	case s.Error != "":
		return api.Failed
	case s.Sight == nil:
		return api.Unknown
	case !s.Sight.There:
		return api.Asleep
	case s.Sight.Ready:
		return api.Awake
	}
	return api.Failed
}

// Schedule implements server.Backend.
func (d *daemon) Schedule(_ context.Context, name string, from, to time.Time) (api.Schedule, error) {
	_, c, err := d.declared(name)
	if err != nil {
		return api.Schedule{}, unknown(err, name)
	}
	k, err := d.keeper.Declared(name)
	if err != nil {
		return api.Schedule{}, unsaid(err, name)
	}
	s := api.Schedule{Cluster: name, Zone: c.Schedule.Zone, From: from, To: to, Events: []api.Event{}}
	for _, e := range k.Calendar.Events(from, to) {
		s.Events = append(s.Events, api.Event{At: e.At, To: api.State(e.To), Reason: e.Reason})
	}
	s.Rests = restsOf(k.Calendar, from, to)
	if k.Drill != nil {
		for _, e := range k.Drill.Events(from, to) {
			s.Drills = append(s.Drills, api.Due{At: e.At, Reason: e.Reason})
		}
	}
	if status, err := d.keeper.Status(name); err == nil && c.Schedule.Scheduled() {
		now := decisionOf(status.Decision)
		s.Decision = &now
		s.Events = withExpiry(s.Events, status.Next, from, to)
	}
	return s, nil
}

// restsOf are the days that an exception empties, each rest until the day after it.
func restsOf(c *calendar.Calendar, from, to time.Time) []api.Rest {
	var list []api.Rest
	for _, r := range c.Rests(from, to) {
		y, m, d := r.To.Date()
		list = append(list, api.Rest{From: r.From, To: moment.At(c.Zone(), y, m, d+1, 0, 0), Reason: cmp.Or(r.Reason, "an exception")})
	}
	return list
}

// Say implements server.Backend.
func (d *daemon) Say(ctx context.Context, name string, asked api.WordRequest, by string) (api.Said, error) {
	w, decision, err := d.keeper.Say(ctx, name, calendar.Word{
		Kind: calendar.WordKind(asked.Kind), Said: d.Now(), By: by, Why: asked.Why, Until: asked.Until,
	})
	if err != nil {
		return api.Said{}, unsaid(err, name)
	}
	attrs := []any{"cluster", name, "word", w.Kind, "by", by}
	if !w.Until.IsZero() {
		attrs = append(attrs, "until", w.Until)
	}
	d.Log.Info("daemon: a person decided", append(attrs, "why", w.Why)...)
	return api.Said{Word: wordOf(w), Decision: decisionOf(decision)}, nil
}

// Unsay implements server.Backend.
func (d *daemon) Unsay(ctx context.Context, name string, kind api.WordKind, by string) (api.Decision, error) {
	decision, err := d.keeper.Unsay(ctx, name, calendar.WordKind(kind))
	if errors.As(err, new(*keeper.UnsaidError)) {
		return api.Decision{}, api.UnknownWord(name, kind)
	}
	if err != nil {
		return api.Decision{}, unsaid(err, name)
	}
	d.Log.Info("daemon: a person took back", "cluster", name, "word", kind, "by", by)
	return decisionOf(decision), nil
}

// unsaid is what a client is told of a word that was not recorded.
func unsaid(err error, name string) error {
	var storage *run.StorageError
	switch {
	case errors.As(err, new(*keeper.UnknownError)):
		return api.UnknownCluster(name)
	case errors.As(err, &storage), errors.As(err, new(*api.Problem)):
		return err
	}
	p := api.NewProblem(api.Invalid, "%v", err)
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return p.WithHint(hinted.Hint())
	}
	return p
}

func unknown(err error, name string) error {
	if errors.As(err, new(*config.UnknownClusterError)) {
		return api.UnknownCluster(name)
	}
	return err
}

// Runs implements server.Backend.
func (d *daemon) Runs(ctx context.Context, f run.Filter) ([]api.Run, error) {
	runs, err := d.Store.Runs(ctx, f)
	list := make([]api.Run, 0, len(runs))
	for _, r := range runs {
		one, err := d.alive(ctx, r)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, err
}

// Run implements server.Backend.
func (d *daemon) Run(ctx context.Context, typed string) (api.Run, error) {
	r, err := d.Store.Run(ctx, typed) // most have the whole ID, and ask often
	if run.IsNotFound(err) {
		r, err = run.Resolve(ctx, d.Store, typed)
	}
	if err != nil {
		return api.Run{}, err
	}
	return d.alive(ctx, r)
}

// alive adds to a run whether a process works on it.
func (d *daemon) alive(ctx context.Context, r run.Run) (api.Run, error) {
	_, alive, err := run.Alive(ctx, d.Store.Leases(), r)
	return api.Run{Run: r, Live: alive}, err
}

// Events implements server.Backend.
func (d *daemon) Events(ctx context.Context, id string, since uint64, limit int) ([]run.Event, error) {
	return d.Store.Events(ctx, id, since, limit)
}

// Ready implements server.Backend.
func (d *daemon) Ready(ctx context.Context) error {
	if err := d.life.Err(); err != nil {
		return api.NewProblem(api.Unavailable, "the daemon is stopping")
	}
	d.keeper.Names() // its lock is not stuck
	return d.Store.Check(ctx)
}

func wordOf(w calendar.Word) api.Word {
	return api.Word{Kind: api.WordKind(w.Kind), Said: w.Said, By: w.By, Why: w.Why, Until: w.Until}
}

func decisionOf(d calendar.Decision) api.Decision {
	out := api.Decision{State: api.State(d.State), Hold: d.Hold, Since: d.Since, Until: d.Until, Reason: d.Reason}
	if d.Word != nil {
		w := wordOf(*d.Word)
		out.Word = &w
	}
	return out
}

// touched are the clusters that are to be told anew to those who watch.
type touched struct {
	mu    sync.Mutex
	names map[string]bool
	more  chan struct{}
}

func newTouched() *touched { return &touched{names: map[string]bool{}, more: make(chan struct{}, 1)} }

// touch never waits.
func (t *touched) touch(name string) {
	t.mu.Lock()
	t.names[name] = true
	t.mu.Unlock()
	select {
	case t.more <- struct{}{}:
	default:
	}
}

func (t *touched) take() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := t.names
	t.names = map[string]bool{}
	return names
}
