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
		w, err = bind(c.Calendar, w, name, c.leadTime())
		return append(slices.Clone(c.words), w), err
	})
	return w, d, err
}

// bind is Calendar.Bind, and refuses a sleep that would come to nothing.
func bind(c *calendar.Calendar, w calendar.Word, cluster string, lead time.Duration) (calendar.Word, error) {
	w, err := c.Bind(w)
	if err == nil && w.Kind == calendar.Sleep && !w.Until.IsZero() && w.Until.Sub(w.Said) <= lead {
		err = &TooLateError{cluster, w.Said, w.Until.In(c.Zone()), lead}
	}
	return w, err
}

// TooLateError: a cluster would have to be brought up before it was down.
type TooLateError struct {
	Cluster string
	// Now is when it was said, Back when the cluster is wanted up again.
	Now, Back time.Time
	Lead      time.Duration
}

func (e *TooLateError) Error() string {
	return fmt.Sprintf("sleep: %s is to be up again at %s, in %s, and its recreate begins %s ahead: it would not be down at all",
		e.Cluster, e.Back.Format("Mon 15:04"), calendar.Length(e.Back.Sub(e.Now).Round(time.Minute)), calendar.Length(e.Lead.Round(time.Minute)))
}

// Hint says what to do next.
func (e *TooLateError) Hint() string {
	return fmt.Sprintf("after %s it sleeps until the next recreate: rekindle sleep %s; or leave it as it is: rekindle pause %s --until TIME",
		e.Back.Format("15:04"), e.Cluster, e.Cluster)
}

// goesDown tells that a teardown is on its way: it may still warn, and wait.
func (c *kept) goesDown() bool {
	return c.job != nil && c.job.to == calendar.Asleep && !c.job.warning
}

// Unsay ends what was said of a kind. An *UnsaidError tells that nothing was.
func (k *Keeper) Unsay(ctx context.Context, name string, kind calendar.WordKind) (calendar.Decision, error) {
	return k.change(ctx, name, func(c *kept) ([]calendar.Word, error) {
		words, n := ended(c.Calendar, c.words, kind, k.Now())
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
func ended(c *calendar.Calendar, words []calendar.Word, kind calendar.WordKind, now time.Time) ([]calendar.Word, int) {
	n := 0
	for _, w := range c.Open(words, now) {
		if w.Kind == kind {
			n++
		}
	}
	words = slices.Clone(words)
	for i, w := range words {
		if w.Kind == kind && (w.Until.IsZero() || now.Before(w.Until)) {
			words[i].Until = now
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
	// Lead is how long before its hour a recreate begins; 0: not known.
	Lead time.Duration
	// Made is when the cluster that is there was made, zero: none is.
	Made time.Time
}

// Say is Keeper.Say.
func (a Alone) Say(ctx context.Context, w calendar.Word) (calendar.Word, calendar.Decision, error) {
	w, err := bind(a.Calendar, w, a.Cluster, a.Lead)
	if err != nil {
		return w, calendar.Decision{}, err
	}
	d, err := a.change(ctx, w.Said, func(words []calendar.Word) ([]calendar.Word, error) { return append(words, w), nil })
	return w, d, err
}

// Unsay is Keeper.Unsay.
func (a Alone) Unsay(ctx context.Context, kind calendar.WordKind, now time.Time) (calendar.Decision, error) {
	return a.change(ctx, now, func(words []calendar.Word) ([]calendar.Word, error) {
		words, n := ended(a.Calendar, words, kind, now)
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
	var m memory
	if _, err := run.Into(ctx, a.Records, memoryRecord, a.Cluster, &m); err != nil {
		return calendar.Decision{}, err
	}
	words = a.Calendar.Live(words, now)
	return a.Calendar.Decide(now, words, calendar.Facts{Made: a.Made, Expired: m.Expired}), put(ctx, a.Records, wordsRecord, a.Cluster, words)
}

// Words returns what people said of the cluster; some may have ended.
func (a Alone) Words(ctx context.Context) ([]calendar.Word, error) {
	var words []calendar.Word
	_, err := run.Into(ctx, a.Records, wordsRecord, a.Cluster, &words)
	return words, err
}
