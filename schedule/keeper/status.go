package keeper

import (
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// Status is how a cluster stands.
type Status struct {
	Cluster  string
	Decision calendar.Decision
	// Next is what is wanted when the decision ends, if that is known.
	Next  *calendar.Decision
	Words []calendar.Word
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
}

// Last is a change that was dealt with.
type Last struct {
	State     calendar.State
	Since, At time.Time
	Ending    Ending
	Run, Why  string
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
	return k.status(c), nil
}

func (k *Keeper) status(c *kept) Status {
	now := k.Now()
	s := Status{Cluster: c.Name, Decision: c.wanted(now), Sight: c.sight, Lead: c.leadTime()}
	if next, coming := c.after(s.Decision); coming {
		s.Next = &next
	}
	for _, w := range c.words {
		if w.Until.IsZero() || now.Before(w.Until) {
			s.Words = append(s.Words, w)
		}
	}
	if j := c.job; j != nil && !j.looking {
		s.Doing, s.Waiting = j.name(), !j.begun && !j.warning
	}
	if m := c.memory.Done; m != nil {
		s.Last = &Last{State: m.State, Since: m.Since, At: m.At, Ending: m.Ending, Run: m.Run, Why: m.Why}
	}
	if t := c.memory.Try; t != nil {
		s.Attempts, s.Retry, s.Error = t.Attempts, t.Next, t.Error
	}
	s.Words = slices.Clip(s.Words)
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
	return "recreate"
}
