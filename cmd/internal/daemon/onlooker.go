package daemon

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// onlooker knows the schedule and keeps nothing: it looks at the clusters, and
// records words for the keeper that comes next. A daemon may run beside it.
type onlooker struct {
	d *daemon

	mu       sync.Mutex
	clusters map[string]*watched
	more     chan struct{}
}

var _ keeping = (*onlooker)(nil)

// watched is what an onlooker knows of one cluster.
type watched struct {
	keeper.Cluster
	status keeper.Status
	// touched: it is to be looked at again; seen is when it was last.
	touched bool
	seen    time.Time
}

const (
	// lookEvery is how often an onlooker looks at each cluster without a cause.
	lookEvery = 15 * time.Second
	// looksAtOnce is how many providers it asks at once.
	looksAtOnce = 8
)

func newOnlooker(d *daemon) *onlooker {
	return &onlooker{d: d, clusters: map[string]*watched{}, more: make(chan struct{}, 1)}
}

// Set implements keeping.
func (o *onlooker) Set(ctx context.Context, declared []keeper.Cluster) error {
	fresh := make(map[string]*watched, len(declared))
	for _, c := range declared {
		w := &watched{Cluster: c, touched: true}
		var err error
		if w.status, err = keeper.Recall(ctx, o.d.Store, c, time.Time{}, o.d.Now()); err != nil {
			return err
		}
		fresh[c.Name] = w
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, w := range fresh {
		if was := o.clusters[name]; was != nil {
			w.status.Sight = was.status.Sight
		}
	}
	o.clusters = fresh
	o.wake()
	return nil
}

func (o *onlooker) wake() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// Names implements keeping.
func (o *onlooker) Names() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.clusters))
}

// Declared implements keeping.
func (o *onlooker) Declared(name string) (keeper.Cluster, error) {
	w, err := o.of(name)
	return w.Cluster, err
}

// Status implements keeping: it is as of the last look.
func (o *onlooker) Status(name string) (keeper.Status, error) {
	w, err := o.of(name)
	return w.status, err
}

func (o *onlooker) of(name string) (watched, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.clusters[name]; w != nil {
		return *w, nil
	}
	return watched{}, &keeper.UnknownError{Cluster: name}
}

// Touched implements keeping.
func (o *onlooker) Touched(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.clusters[name]; w != nil {
		w.touched = true
		o.wake()
	}
}

// Run implements keeping: it looks at the clusters until ctx ends.
func (o *onlooker) Run(ctx context.Context) error {
	ticker := time.NewTicker(o.d.Tick)
	defer ticker.Stop()
	for {
		o.lookAround(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-o.more:
		case <-ticker.C:
		}
	}
}

// lookAround looks at the clusters of which something may be new.
func (o *onlooker) lookAround(ctx context.Context) {
	now := o.d.Now()
	var due []string
	o.mu.Lock()
	for name, w := range o.clusters {
		if w.touched || now.Sub(w.seen) >= lookEvery || now.Before(w.seen) || w.changes(now) {
			w.touched, w.seen = false, now
			due = append(due, name)
		}
	}
	o.mu.Unlock()
	slots := make(chan struct{}, looksAtOnce)
	var all sync.WaitGroup
	for _, name := range due {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			o.look(ctx, name)
		})
	}
	all.Wait()
}

// changes tells that what is wanted is another state by now.
func (w *watched) changes(now time.Time) bool {
	until := w.status.Decision.Until
	return !until.IsZero() && !now.Before(until)
}

// look looks at one cluster, and tells those who watch when it is otherwise.
func (o *onlooker) look(ctx context.Context, name string) {
	sight, err := world{o.d}.Look(ctx, name)
	seen := &sight
	if err != nil {
		o.d.Log.Debug("a cluster cannot be looked at", "cluster", name, "error", err)
		seen = nil
	}
	o.remember(ctx, name, seen)
}

// remember takes over what the records say of a cluster, and what was seen of it.
func (o *onlooker) remember(ctx context.Context, name string, seen *keeper.Sight) {
	w, err := o.of(name)
	if err != nil {
		return
	}
	var made time.Time
	if seen != nil && seen.There {
		made = seen.Made
	}
	now, err := keeper.Recall(ctx, o.d.Store, w.Cluster, made, o.d.Now())
	if err != nil {
		o.d.Log.Debug("what is known of a cluster cannot be read", "cluster", name, "error", err)
		return
	}
	now.Sight = seen
	o.mu.Lock()
	is := o.clusters[name]
	if is != nil {
		is.status = now
	}
	o.mu.Unlock()
	if is != nil && differs(w.status, now) {
		o.d.changes.touch(name)
	}
}

// differs tells whether people would see a difference.
func differs(a, b keeper.Status) bool {
	sight := func(s keeper.Status) keeper.Sight {
		if s.Sight == nil {
			return keeper.Sight{}
		}
		is := *s.Sight
		is.Person = nil
		return is
	}
	return (a.Sight == nil) != (b.Sight == nil) || sight(a) != sight(b) || a.Error != b.Error || a.Attempts != b.Attempts ||
		a.Decision.Reason != b.Decision.Reason || !a.Decision.Since.Equal(b.Decision.Since) || len(a.Words) != len(b.Words)
}

// Say implements keeping: the word is recorded for the next keeper.
func (o *onlooker) Say(ctx context.Context, name string, w calendar.Word) (calendar.Word, calendar.Decision, error) {
	var said calendar.Word
	var decided calendar.Decision
	err := o.alone(ctx, name, func(a keeper.Alone) (err error) {
		said, decided, err = a.Say(ctx, w)
		return err
	})
	return said, decided, err
}

// Unsay implements keeping.
func (o *onlooker) Unsay(ctx context.Context, name string, kind calendar.WordKind) (calendar.Decision, error) {
	var decided calendar.Decision
	err := o.alone(ctx, name, func(a keeper.Alone) (err error) {
		decided, err = a.Unsay(ctx, kind, o.d.Now())
		return err
	})
	return decided, err
}

// alone speaks while no keeper runs.
func (o *onlooker) alone(ctx context.Context, name string, speak func(keeper.Alone) error) (err error) {
	w, err := o.of(name)
	if err != nil {
		return err
	}
	lease, err := keeper.Hold(ctx, o.d.Store.Leases(), o.d.Now())
	var held *run.HeldError
	if errors.As(err, &held) {
		return api.NewProblem(api.Refused, "a daemon keeps the schedule (process %d)", held.Holder.PID).WithHint("say it to the daemon: begin again, and it is found")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	a := keeper.Alone{Records: o.d.Store, Calendar: w.Calendar, Cluster: name, Lead: cmp.Or(w.Lead, w.status.Lead)}
	if w.status.Sight != nil && w.status.Sight.There {
		a.Made = w.status.Sight.Made
	}
	if err := speak(a); err != nil {
		return err
	}
	o.remember(ctx, name, w.status.Sight)
	return nil
}
