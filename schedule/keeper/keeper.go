// Package keeper keeps clusters in the states that their calendars and people
// want: in go declared clusters with their calendars, what people said, and the
// World in which clusters come and go; out come teardowns, recreates and drills,
// each at its time and once, and notices of what people should know.
//
// What it does follows from three things alone: the state that is wanted now,
// what was done about it (remembered in records that outlive the process), and
// what is there. So it may die at any instant, sleep through an event or see the
// clock jump: it looks again and goes on.
package keeper

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// Cluster is one that the keeper keeps.
type Cluster struct {
	Name     string
	Calendar *calendar.Calendar
	// Warn is how long before a teardown people are told; 0: not at all.
	Warn time.Duration
	// Late is how long after its time a teardown that was missed may still begin.
	Late time.Duration
	// Lead is how long before its time a recreate begins; 0: as long as the last
	// ones took, see World.Lead.
	Lead time.Duration
	// Fallback: after three failures the last commit that verified is restored.
	Fallback bool
	// Protected clusters are never torn down.
	Protected bool
	// Borrowed clusters are somebody else's, and never torn down either.
	Borrowed bool
	// Drill says when to rehearse, by the changes to calendar.Awake; nil: never.
	// DrillRule is what it was made of: drills that were due before a rule was
	// declared are none.
	Drill     *calendar.Calendar
	DrillRule string
}

// World is where clusters come and go. Bring, TakeDown and Drill return when
// their run has ended, and go on with a run of an earlier process that was cut
// off rather than begin another. Errors with an Outcome() run.Outcome say how
// the run ended; a *run.HeldError says that somebody else works on the cluster.
type World interface {
	Look(ctx context.Context, cluster string) (Sight, error)
	Bring(ctx context.Context, j Job) (Brought, error)
	TakeDown(ctx context.Context, j Job) (runID string, err error)
	Drill(ctx context.Context, j Job) (runID string, err error)
	// Mended tells of a cluster that fell back whether its declared revision is
	// another one by now than what failed.
	Mended(ctx context.Context, cluster string) (Mended, error)
	// Lead is how long before its hour a recreate has to begin, by how long the
	// last ones took.
	Lead(ctx context.Context, cluster string) (time.Duration, error)
}

// Brought is a recreate that was tried, whether or not it failed.
type Brought struct {
	Run string
	// Fallback is the commit that was to come back instead of the declared
	// revision, "" when the latter was.
	Fallback string
}

// Sight is what there is of a cluster.
type Sight struct {
	// There: something of it exists. Ready: its last restore came to its end, or
	// the cluster was never restored by us and answers.
	There, Ready bool
	// Leaving: a teardown has begun what cannot be undone, and has not come to its
	// end. It is brought there however late, also when nothing is there any more.
	Leaving bool
	// Made is when the cluster was made.
	Made time.Time
	// Person is what a person last did to it by hand, if anything.
	Person *Deed
}

// Deed is what a person did by hand: brought a cluster up, or took it down.
type Deed struct {
	To  calendar.State
	At  time.Time
	By  string
	Run string
}

// Job is one thing to do in the World.
type Job struct {
	Cluster string
	// Since is the instant from which the state is wanted.
	Since time.Time
	// Attempt counts from 1.
	Attempt int
	// Fallback: restore the last commit that verified.
	Fallback bool
	// Mends: the cluster fell back, is whole, and gets the declared revision.
	Mends bool
	// Warn: people were not told in time, so the teardown tells them and waits so
	// long before it destroys anything.
	Warn time.Duration
	// Reason says why, for people.
	Reason string
	// Proceed is asked right before the first thing that cannot be taken back; an
	// error ends the run, nothing was destroyed.
	Proceed func(context.Context) error
}

// Options are what a Keeper works with.
type Options struct {
	World   World
	Records run.Records
	Now     func() time.Time
	// Tick is the longest sleep, after which the clock is looked at again: clocks
	// jump, and machines are suspended. 1 s when 0.
	Tick time.Duration
	// MaxRuns and MaxTeardowns bound what goes on at once; 0: 4 and 2.
	MaxRuns, MaxTeardowns int
	// Notify is told what people should know. It may take some seconds, for which
	// nothing is done about that cluster. May be nil.
	Notify func(Notice)
	// Changed is called when a cluster's status is another one. It must not block
	// nor call the Keeper. May be nil.
	Changed func(cluster string)
	Log     *slog.Logger
}

// maxLooks is how many clusters are looked at at once.
const maxLooks = 16

// Keeper keeps clusters. Its methods may be called from any goroutine.
type Keeper struct {
	Options
	runs, teardowns, looks slots

	mu       sync.Mutex
	clusters map[string]*kept
	nudge    chan struct{}
	jobs     sync.WaitGroup
}

// kept is what the keeper knows of one cluster, guarded by Keeper.mu.
type kept struct {
	Cluster
	memory   memory
	words    []calendar.Word
	decision calendar.Decision
	lead     time.Duration
	// drills is since when its drills are declared.
	drills time.Time
	sight  *Sight
	// unseen: something may have happened to it since it was looked at; lookAt is
	// the earliest time to look again, after it could not be seen.
	unseen bool
	lookAt time.Time
	// mendAt is when to look next whether its source was mended.
	mendAt time.Time
	// job is what goes on, nil: nothing.
	job *job
	// due is when to look again.
	due time.Time
	// gone: no longer declared; dropped when its job has ended.
	gone bool
}

// New returns a keeper of no clusters; Set declares them.
func New(o Options) *Keeper {
	if o.Tick == 0 {
		o.Tick = time.Second
	}
	if o.MaxRuns == 0 {
		o.MaxRuns = 4
	}
	if o.MaxTeardowns == 0 {
		o.MaxTeardowns = 2
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{Options: o, clusters: map[string]*kept{}, nudge: make(chan struct{}, 1),
		runs: newSlots(o.MaxRuns), teardowns: newSlots(o.MaxTeardowns), looks: newSlots(maxLooks)}
}

// Set declares which clusters there are from now on. What is remembered of one
// is kept, also while it is not declared. A job that goes on is not disturbed.
func (k *Keeper) Set(ctx context.Context, declared []Cluster) error {
	fresh := make(map[string]*kept, len(declared))
	for _, c := range declared {
		fresh[c.Name] = &kept{Cluster: c, unseen: true}
	}
	if err := k.recallAll(ctx, fresh); err != nil {
		return err
	}
	if err := k.declareDrills(ctx, fresh); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, c := range fresh {
		if was := k.clusters[name]; was != nil {
			was.Cluster, was.drills, was.gone, was.due = c.Cluster, c.drills, false, time.Time{}
			continue
		}
		k.clusters[name] = c
	}
	for name, c := range k.clusters {
		if fresh[name] != nil {
			continue
		}
		if c.gone = true; c.job == nil {
			delete(k.clusters, name)
		}
	}
	k.wake()
	return nil
}

// Run keeps the clusters until ctx ends, and returns when all jobs have ended,
// which are cancelled with it.
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			k.jobs.Wait()
			return nil
		case <-k.nudge:
		case <-timer.C:
		}
		timer.Reset(k.look(ctx))
	}
}

// look considers every cluster that is due, and returns how long to sleep.
func (k *Keeper) look(ctx context.Context) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.Now()
	sleep := k.Tick
	for _, c := range k.clusters {
		if c.job != nil || c.gone {
			continue
		}
		if !now.Before(c.due) || c.clockWentBack(now) {
			k.consider(ctx, c, now)
		}
		if c.job == nil {
			sleep = min(sleep, max(0, c.due.Sub(now)))
		}
	}
	return sleep
}

// clockWentBack tells that the state which was decided lies in the future.
func (c *kept) clockWentBack(now time.Time) bool { return now.Before(c.decision.Since) }

// wake makes Run look again. It is called with mu held or not.
func (k *Keeper) wake() {
	select {
	case k.nudge <- struct{}{}:
	default:
	}
}

func (k *Keeper) changed(name string) {
	if k.Changed != nil {
		k.Changed(name)
	}
}

// never is when nothing is due.
var never = time.Unix(1<<40, 0) //nolint:gochecknoglobals // a constant

func orNever(t time.Time) time.Time {
	if t.IsZero() {
		return never
	}
	return t
}

// slots bound how many jobs there are at once.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

func (s slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s slots) free() { <-s }

// Touched tells that something may have happened to a cluster: it is looked at
// again. Unknown names are ignored.
func (k *Keeper) Touched(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.clusters[name]; c != nil {
		c.unseen, c.due = true, time.Time{}
		k.wake()
	}
}

// Names returns the declared clusters, sorted.
func (k *Keeper) Names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	for name, c := range k.clusters {
		if !c.gone {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
