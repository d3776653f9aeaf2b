package keeper

import (
	"context"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// consider decides what to do about a cluster for which nothing goes on, and
// when to look again. It is called with mu held and blocks on nothing.
func (k *Keeper) consider(ctx context.Context, c *kept, now time.Time) {
	if c.unseen && !now.Before(c.lookAt) {
		k.begin(ctx, c, &job{looking: true})
		return
	}
	d := c.wanted(now)
	if !d.Since.Equal(c.decision.Since) || d.State != c.decision.State || d.Reason != c.decision.Reason || d.Hold != c.decision.Hold {
		defer k.changed(c.Name)
	}
	c.decision = d
	c.due = orNever(d.Again)
	if c.unseen {
		c.due = earlier(c.due, c.lookAt)
	}
	if c.Drill != nil {
		k.considerDrill(ctx, c, now)
	}
	if d.Hold || c.job != nil {
		return
	}
	next, coming := c.after(d)
	if coming && c.memory.Done.is(next) {
		return // it was brought about ahead of its time
	}
	if !c.memory.Done.covers(d) {
		if t := c.memory.Try; t != nil && t.is(d) && now.Before(t.Next) {
			c.due = earlier(c.due, t.Next)
			return
		}
		k.begin(ctx, c, &job{to: d.State, since: d.Since, decision: d})
		return
	}
	if coming {
		k.considerNext(ctx, c, now, next)
	}
	if c.job == nil {
		k.considerMend(ctx, c, now)
	}
}

// considerNext prepares for a change that is to come: people are warned before
// a teardown, and a recreate begins early enough to be ready at its hour.
func (k *Keeper) considerNext(ctx context.Context, c *kept, now time.Time, next calendar.Decision) {
	switch next.State {
	case calendar.Asleep:
		if c.Warn == 0 || c.Protected || c.Borrowed || c.memory.Warned.Equal(next.Since) {
			return
		}
		if at := next.Since.Add(-c.Warn); now.Before(at) {
			c.due = earlier(c.due, at)
			return
		}
		k.begin(ctx, c, &job{warning: true, to: calendar.Asleep, since: next.Since, decision: next})
	case calendar.Awake:
		if at := next.Since.Add(-c.leadTime()); now.Before(at) {
			c.due = earlier(c.due, at)
			return
		}
		if t := c.memory.Try; t != nil && t.is(next) && now.Before(t.Next) {
			c.due = earlier(c.due, t.Next)
			return
		}
		k.begin(ctx, c, &job{to: calendar.Awake, since: next.Since, decision: next})
	}
}

// considerDrill rehearses when it is time. A drill that was missed by more than
// Late is left to the next one, and one that was due before it was declared is none.
func (k *Keeper) considerDrill(ctx context.Context, c *kept, now time.Time) {
	d := c.Drill.Decide(now, nil, calendar.Facts{})
	if next, ok := c.Drill.Next(now); ok {
		c.due = earlier(c.due, next.At)
	}
	if d.Since.IsZero() || d.Since.Before(c.drills) || !c.memory.Drilled.Before(d.Since) || now.Sub(d.Since) > c.Late {
		return
	}
	k.begin(ctx, c, &job{drill: true, since: d.Since, decision: d})
}

// wanted is the state that is wanted at an instant.
func (c *kept) wanted(at time.Time) calendar.Decision {
	return c.Calendar.Decide(at, c.words, c.facts())
}

// facts are what a time to live counts from.
func (c *kept) facts() calendar.Facts {
	facts := calendar.Facts{Expired: c.memory.Expired}
	if c.sight != nil && c.sight.There {
		facts.Made = c.sight.Made
	}
	return facts
}

// after is what is wanted when d has ended; false when nothing is known to come.
func (c *kept) after(d calendar.Decision) (calendar.Decision, bool) {
	if d.Until.IsZero() {
		return d, false
	}
	next := c.wanted(d.Until)
	return next, !next.Hold && next.State != d.State
}

// leadTime is how long before its hour a recreate begins.
func (c *kept) leadTime() time.Duration {
	if c.Lead > 0 {
		return c.Lead
	}
	return c.lead
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
