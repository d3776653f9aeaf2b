package daemon

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// bySchedule is who asks for the runs that the schedule begins.
const bySchedule = "schedule"

// lookTimeout bounds how long a provider may take to say what there is.
const lookTimeout = time.Minute

// world lets the keeper make and remove real clusters.
type world struct{ d *daemon }

var _ keeper.World = world{}

// Look implements keeper.World.
func (w world) Look(ctx context.Context, name string) (keeper.Sight, error) {
	_, c, err := w.d.declared(name)
	if err != nil {
		return keeper.Sight{}, err
	}
	p, err := w.d.Rebuild.Providers.Get(c.Provider)
	if err != nil {
		return keeper.Sight{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := p.Find(bounded, name)
	last := w.d.facts.of(name).changed[c.Provider]
	if errors.Is(err, providers.ErrNotFound) {
		return keeper.Sight{Leaving: last.leaving, Person: last.byHand()}, nil
	}
	if err != nil {
		return keeper.Sight{}, err
	}
	return keeper.Sight{There: true, Ready: found.State == providers.StateRunning && last.restored(), Leaving: last.leaving,
		Made: found.Created, Person: last.byHand()}, nil
}

// restored tells whether the change brought the cluster up whole.
func (c change) restored() bool { return c.recipe == rebuild.Recipe && c.outcome == run.Done }

// byHand is the change as a person's deed: nil when the schedule made it, or
// nobody.
func (c change) byHand() *keeper.Deed {
	if c.run == "" || c.by == bySchedule {
		return nil
	}
	d := &keeper.Deed{To: calendar.Awake, At: c.at, By: cmp.Or(c.by, "somebody"), Run: c.run}
	if c.recipe != rebuild.Recipe {
		d.To = calendar.Asleep
	}
	return d
}

// Bring implements keeper.World: it restores the cluster from its source.
func (w world) Bring(ctx context.Context, j keeper.Job) (b keeper.Brought, err error) {
	defer func() { w.d.ended(b.Run) }()
	_, c, err := w.d.declared(j.Cluster)
	if err != nil {
		return b, err
	}
	engine := w.d.as(bySchedule)
	cut, fresh, err := w.halfway(ctx, c, j.Attempt)
	if err != nil {
		return b, err
	}
	req := declared.Request(c)
	if j.Fallback {
		if b.Fallback, err = w.fallback(ctx, c); err != nil {
			return b, err
		}
	}
	if cut != "" {
		report, err := engine.Resume(ctx, cut, agreed, w.d.observe)
		if !startAnew(err) {
			if b.Run = runOf(report); report == nil || report.Commit.SHA != b.Fallback {
				b.Fallback = ""
			}
			return b, err
		}
	}
	if b.Fallback != "" {
		half, err := w.neverWhole(ctx, c)
		if err != nil {
			return b, err
		}
		fresh, req.Prune, req.Source.Revision = fresh || half, true, b.Fallback
	}
	if j.Mends {
		req.Prune = true // what only the fallback had
	}
	if fresh {
		req.Fresh, req.Confirm = true, c.Name
	}
	report, err := engine.Restore(ctx, req, agreed, w.d.observe)
	b.Run = runOf(report)
	return b, err
}

// TakeDown implements keeper.World: it exports the cluster and tears it down.
func (w world) TakeDown(ctx context.Context, j keeper.Job) (id string, err error) {
	defer func() { w.d.ended(id) }()
	file, c, err := w.d.declared(j.Cluster)
	if err != nil {
		return "", err
	}
	engine := w.d.teardowns(bySchedule)
	engine.Proceed = func(ctx context.Context, _ teardown.Warning) error { return j.Proceed(ctx) }
	engine.Until = func(ctx context.Context, at time.Time) error { return w.d.untilDropped(ctx, at, j.Proceed) }
	if cut, err := w.unfinished(ctx, j.Cluster, teardown.Recipe); err != nil {
		return "", err
	} else if cut != "" {
		report, err := engine.Resume(ctx, cut, w.d.observe)
		if !startAnew(err) {
			w.d.outlived(report)
			return tornDown(report), err
		}
	}
	req := declared.Teardown(file, c)
	req.WarnBefore = j.Warn
	report, err := engine.Teardown(ctx, req, w.d.observe)
	w.d.outlived(report)
	return tornDown(report), err
}

// startAnew tells that a run cannot be taken up again, so that another one is
// the way on.
func startAnew(err error) bool {
	return errors.As(err, new(*run.EndedError)) || errors.As(err, new(*rebuild.WithheldError))
}

// agreed is the schedule's consent to changes on a cluster of its own that is
// there already: it is one that a run was cut off at.
func agreed(context.Context, rebuild.InPlace) (bool, error) { return true, nil }

func runOf(r *rebuild.Report) string {
	if r == nil {
		return ""
	}
	return r.Run
}

func tornDown(r *teardown.Report) string {
	if r == nil {
		return ""
	}
	return r.Run
}

// unfinished is the schedule's run of a recipe on a cluster that was cut off, when
// nothing else has worked on the cluster since.
func (w world) unfinished(ctx context.Context, cluster, recipe string) (string, error) {
	runs, err := w.d.Store.Runs(ctx, run.Filter{Cluster: cluster, Limit: 50})
	if err != nil {
		return "", err
	}
	for _, r := range runs {
		switch {
		case r.Recipe == recipe && r.By == bySchedule && r.Outcome.Unfinished():
			return r.ID, nil
		case rebuild.Touched(r):
			return "", nil
		}
	}
	return "", nil
}

// How long before its hour a recreate begins: as long as the slowest of the last
// ones took, and a quarter more.
const (
	lookedBack  = 5
	unknownLead = 15 * time.Minute
	leastLead   = 2 * time.Minute
	mostLead    = 3 * time.Hour
)

// Lead implements keeper.World.
func (w world) Lead(_ context.Context, name string) (time.Duration, error) {
	took := w.d.facts.of(name).rtos
	if len(took) == 0 {
		return unknownLead, nil
	}
	took = took[max(0, len(took)-lookedBack):]
	slowest := slices.MaxFunc(took, func(a, b rto) int { return cmp.Compare(a.took, b.took) })
	return min(max(slowest.took*5/4+time.Minute, leastLead), mostLead), nil
}

// Drill implements keeper.World.
func (w world) Drill(ctx context.Context, j keeper.Job) (string, error) {
	file, c, err := w.d.declared(j.Cluster)
	if err != nil {
		return "", err
	}
	return w.d.drill(ctx, file, c)
}
