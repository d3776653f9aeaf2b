package keeper

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// UnknownError: no cluster of that name is declared.
type UnknownError struct{ Cluster string }

func (e *UnknownError) Error() string { return fmt.Sprintf("no cluster %q is declared", e.Cluster) }

// Say records what a person decided, and returns what is wanted of the cluster
// now. It wins over what was said before.
func (k *Keeper) Say(ctx context.Context, name string, w calendar.Word) (calendar.Word, calendar.Decision, error) {
	d, err := k.change(ctx, name, func(c *kept) ([]calendar.Word, error) {
		if w.Kind == calendar.Skip && c.goesDown() {
			w.Kind = calendar.Wake // the teardown that people were told of is not a next one any more
		}
		var err error
		w, err = c.Calendar.Bind(w)
		return append(slices.Clone(c.words), w), err
	})
	return w, d, err
}

// goesDown tells that a teardown is on its way: it may still warn, and wait.
func (c *kept) goesDown() bool {
	return c.job != nil && c.job.to == calendar.Asleep && !c.job.warning
}

// Unsay ends what was said of a kind. An *UnsaidError tells that nothing was.
func (k *Keeper) Unsay(ctx context.Context, name string, kind calendar.WordKind) (calendar.Decision, error) {
	return k.change(ctx, name, func(c *kept) ([]calendar.Word, error) {
		words, n := ended(c.words, kind, k.Now())
		if n == 0 {
			return nil, &UnsaidError{name, kind}
		}
		return words, nil
	})
}

func (k *Keeper) change(ctx context.Context, name string, change func(*kept) ([]calendar.Word, error)) (calendar.Decision, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.clusters[name]
	if c == nil || c.gone {
		return calendar.Decision{}, &UnknownError{name}
	}
	words, err := change(c)
	if err != nil {
		return calendar.Decision{}, err
	}
	now := k.Now()
	words = c.Calendar.Live(words, now)
	if err := put(ctx, k.Records, wordsRecord, name, words); err != nil {
		return calendar.Decision{}, err
	}
	c.words, c.due = words, time.Time{}
	k.changed(name)
	k.wake()
	return c.wanted(now), nil
}

// UnsaidError: nobody has said a word of that kind that still holds.
type UnsaidError struct {
	Cluster string
	Kind    calendar.WordKind
}

func (e *UnsaidError) Error() string {
	return fmt.Sprintf("nobody has said %s of cluster %s", e.Kind, e.Cluster)
}

// ended ends the words of a kind that hold, or are to hold, at now.
func ended(words []calendar.Word, kind calendar.WordKind, now time.Time) ([]calendar.Word, int) {
	words, n := slices.Clone(words), 0
	for i, w := range words {
		if w.Kind == kind && (w.Until.IsZero() || now.Before(w.Until)) {
			words[i].Until = now
			n++
		}
	}
	return words, n
}

// leaseKey is what whoever decides about the schedule holds.
const leaseKey = "schedule"

// Hold sees to it that one process at a time decides about the schedule of a
// journal: a keeper for its life, or somebody who speaks while none runs. The
// error is a *run.HeldError when somebody does.
func Hold(ctx context.Context, leases run.Leases, now time.Time) (run.Lease, error) {
	host, _ := os.Hostname() // "" tells less
	return leases.Acquire(ctx, leaseKey, run.Holder{Process: run.Process{Host: host, PID: os.Getpid(), Since: now}})
}

// Alone is what can be said while no keeper runs: the next one finds it. Callers
// hold the schedule (Hold) meanwhile.
type Alone struct {
	Records  run.Records
	Calendar *calendar.Calendar
	Cluster  string
}

// Say is Keeper.Say.
func (a Alone) Say(ctx context.Context, w calendar.Word) (calendar.Word, calendar.Decision, error) {
	w, err := a.Calendar.Bind(w)
	if err != nil {
		return w, calendar.Decision{}, err
	}
	d, err := a.change(ctx, w.Said, func(words []calendar.Word) ([]calendar.Word, error) { return append(words, w), nil })
	return w, d, err
}

// Unsay is Keeper.Unsay.
func (a Alone) Unsay(ctx context.Context, kind calendar.WordKind, now time.Time) (calendar.Decision, error) {
	return a.change(ctx, now, func(words []calendar.Word) ([]calendar.Word, error) {
		words, n := ended(words, kind, now)
		if n == 0 {
			return nil, &UnsaidError{a.Cluster, kind}
		}
		return words, nil
	})
}

func (a Alone) change(ctx context.Context, now time.Time, change func([]calendar.Word) ([]calendar.Word, error)) (calendar.Decision, error) {
	words, err := a.Words(ctx)
	if err != nil {
		return calendar.Decision{}, err
	}
	if words, err = change(words); err != nil {
		return calendar.Decision{}, err
	}
	words = a.Calendar.Live(words, now)
	return a.Calendar.Decide(now, words, calendar.Facts{}), put(ctx, a.Records, wordsRecord, a.Cluster, words)
}

// Words returns what people said of the cluster; some may have ended.
func (a Alone) Words(ctx context.Context) ([]calendar.Word, error) {
	var words []calendar.Word
	_, err := run.Into(ctx, a.Records, wordsRecord, a.Cluster, &words)
	return words, err
}
