package keeper

import (
	"context"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// Status is how a cluster stands.
type Status struct {
	Cluster  string
	Decision calendar.Decision
	// Next is what is wanted when the decision ends, if that is known.
	Next *calendar.Decision
	// Words are those that decide or will; All with those that only once did, and
	// Facts: what a Decision goes by.
	Words, All []calendar.Word
	Facts      calendar.Facts
	// Sight is what was there when it was last looked at; nil: not yet.
	Sight *Sight
	// Doing says what goes on: "recreate", "teardown", "warning", "drill"; "" for
	// nothing. Waiting: it waits for its turn.
	Doing   string
	Waiting bool
	Lead    time.Duration
	// Last is what became of the last change; Attempts, Retry and Error tell of
	// one that fails.
	Last     *Last
	Attempts int
	Retry    time.Time
	Error    string

	declared Cluster
}

// Last is a change that was dealt with.
type Last struct {
	State     calendar.State
	Since, At time.Time
	Ending    Ending
	Run, Why  string
	// Fallback is the commit that came back instead of the declared revision.
	Fallback string
}

// Declared returns a cluster as it is kept, or an *UnknownError.
func (k *Keeper) Declared(name string) (Cluster, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.clusters[name]
	if c == nil || c.gone {
		return Cluster{}, &UnknownError{name}
	}
	return c.Cluster, nil
}

// Status returns how a cluster stands, or an *UnknownError.
func (k *Keeper) Status(name string) (Status, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.clusters[name]
	if c == nil || c.gone {
		return Status{}, &UnknownError{name}
	}
	return c.status(k.Now()), nil
}

// Recall is how a cluster stands by what is remembered of it, for who asks while no
// keeper runs, or beside one: nothing is seen of it, and made is when the cluster
// that is there was made (zero: none is).
func Recall(ctx context.Context, records run.Records, cluster Cluster, made, now time.Time) (Status, error) {
	c := &kept{Cluster: cluster, sight: &Sight{There: !made.IsZero(), Made: made}}
	for kind, into := range map[string]any{memoryRecord: &c.memory, wordsRecord: &c.words} {
		if _, err := run.Into(ctx, records, kind, cluster.Name, into); err != nil {
			return Status{}, err
		}
	}
	s := c.status(now)
	s.Sight = nil
	return s, nil
}

func (c *kept) status(now time.Time) Status {
	s := Status{Cluster: c.Name, Decision: c.wanted(now), Sight: c.sight, Lead: c.leadTime(), Facts: c.facts(), declared: c.Cluster}
	if next, coming := c.after(s.Decision); coming {
		s.Next = &next
	}
	s.Words, s.All = c.Calendar.Deciding(c.words, now), slices.Clone(c.words)
	if s.Decision.Expired { // the time to live has ended what woke the cluster
		s.Words = slices.DeleteFunc(s.Words, func(w calendar.Word) bool {
			return w.Kind == calendar.Wake && !w.Said.After(s.Decision.Since)
		})
	}
	if j := c.job; j != nil && !j.looking && !j.mending {
		s.Doing, s.Waiting = j.name(), !j.begun && !j.warning
	}
	if m := c.memory.Done; m != nil {
		s.Last = &Last{State: m.State, Since: m.Since, At: m.At, Ending: m.Ending, Run: m.Run, Why: m.Why, Fallback: m.Fallback}
	}
	if t := c.memory.Try; t != nil {
		s.Attempts, s.Retry, s.Error = t.Attempts, t.Next, t.Error
	}
	return s
}

func (j *job) name() string {
	switch {
	case j.warning:
		return "warning"
	case j.drill:
		return "drill"
	case j.to == calendar.Asleep:
		return "teardown"
	}
	return doingRecreate
}

const doingRecreate = "recreate"
