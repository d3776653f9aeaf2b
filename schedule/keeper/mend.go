package keeper

import (
	"context"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// mendEvery is how often a cluster that fell back is looked at for a mended
// source.
const mendEvery = 5 * time.Minute

// Mended is what became of the source of a cluster that fell back.
type Mended struct {
	// Commit is what the declared revision is by now, "" while that is one that
	// failed.
	Commit string
	// Why says why it is not to be tried by itself, "" when it is.
	Why string
}

// considerMend looks from time to time whether the source of a cluster that fell
// back was mended: the fallback is a stopgap, and what is declared is wanted. It is
// called with mu held.
func (k *Keeper) considerMend(ctx context.Context, c *kept, now time.Time) {
	d, m := c.decision, c.memory.Done
	if !c.Fallback || d.State != calendar.Awake || m == nil || m.State != calendar.Awake || m.Fallback == "" {
		return
	}
	if p := c.sight; p == nil || p.Person != nil && p.Person.At.After(m.At) {
		return // somebody took it into their hands
	}
	if next, coming := c.after(d); coming && next.Since.Sub(now) < c.leadTime()+c.Warn {
		return // it is about to go, and comes back from the declared revision
	}
	if now.Before(c.mendAt) {
		c.due = earlier(c.due, c.mendAt)
		return
	}
	c.mendAt = now.Add(mendEvery)
	k.begin(ctx, c, &job{mending: true, to: calendar.Awake, since: d.Since, decision: d})
}

// mend takes the change up again when the source was mended: the declared revision
// is tried once, and when it fails the fallback comes back at once.
func (k *Keeper) mend(ctx context.Context, c *kept, j *job, m *memory) error {
	if err := k.looks.take(ctx); err != nil {
		return err
	}
	found, err := k.World.Mended(ctx, c.Name)
	k.looks.free()
	if err != nil {
		if ctx.Err() == nil {
			k.Log.Warn("schedule: cannot see whether the source was mended", "cluster", c.Name, "error", err)
		}
		return nil
	}
	done := *m.Done
	switch {
	case found.Commit == "", found.Why != "" && done.Passed == found.Commit:
		return nil
	case found.Why != "":
		done.Passed, m.Done = found.Commit, &done
		if err := k.remember(ctx, c.Name, *m); err != nil {
			return err
		}
		k.notify(Notice{Kind: NoticeFailure, Cluster: c.Name, At: j.since,
			Text: fmt.Sprintf("left on its fallback: the declared revision is %.12s by now and was not tried: %s", found.Commit, found.Why)})
		return nil
	}
	m.Done = nil
	m.Try = &try{State: j.to, Since: j.since, Attempts: fallbackAfter - 1, Mends: done.Fallback, Told: true}
	return k.remember(ctx, c.Name, *m)
}
