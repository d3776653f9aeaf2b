package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// failed remembers that an attempt failed, and when to try again.
func (k *Keeper) failed(ctx context.Context, c *kept, j *job, m *memory, err error) error {
	var held *run.HeldError
	var ended interface{ Outcome() run.Outcome }
	t := m.Try
	switch {
	case errors.Is(err, errSuperseded):
		j.calm = true
		if m.Try = nil; t.Attempts == 0 {
			return nil // nothing was begun
		}
		return k.remember(ctx, c.Name, *m)
	case errors.As(err, &held):
		t.Attempts = max(0, t.Attempts-1)
		t.Next = k.Now().Add(busyPatience)
		t.Error = err.Error()
		return k.remember(ctx, c.Name, *m)
	case j.to == calendar.Asleep && errors.As(err, &ended) && ended.Outcome() == run.Refused && !passing(err):
		return k.refused(ctx, c, j, m, err)
	}
	known := t.Passing && t.Told // the night is long, and people were told
	t.Passing = j.to == calendar.Asleep && passing(err)
	if t.Error, t.Told = err.Error(), true; t.Fallback == "" {
		t.Cause = t.Error
	}
	if t.Next = k.Now().Add(backoff(t.Attempts)); t.Mends != "" && t.Attempts <= fallbackAfter {
		t.Next = k.Now() // what was whole is not any more
	}
	if err := k.remember(ctx, c.Name, *m); err != nil {
		return err
	}
	k.Log.Warn("schedule: failed", "cluster", c.Name, "state", j.to, "attempt", t.Attempts, "run", t.Run, "next", t.Next, "error", t.Error)
	if known && t.Passing {
		return nil
	}
	if t.Mends != "" && t.Attempts <= fallbackAfter {
		k.notify(Notice{Kind: NoticeFailure, Cluster: c.Name, At: j.since, Run: t.Run,
			Text: fmt.Sprintf("the declared revision failed again: %s; it falls back again at once", t.Error)})
		return nil
	}
	again := "again at " + j.cluster.clock(t.Next)
	if back, _ := k.backAt(c, j); t.Passing && !back.IsZero() {
		again += ", and on until it answers or is wanted up again at " + j.cluster.clock(back)
	}
	k.notify(Notice{Kind: NoticeFailure, Cluster: c.Name, At: j.since, Run: t.Run,
		Text: fmt.Sprintf("not %s, attempt %d: %s; %s", brought(j.to), t.Attempts, t.Error, again)})
	return nil
}

// recovery says that a change succeeded after all, and by what.
func (t *try) recovery() string {
	if t.Mends != "" && t.Fallback == "" {
		return "the declared revision is back: it had fallen back on " + t.Mends[:min(len(t.Mends), 12)]
	}
	text := fmt.Sprintf("%s after %d attempts", t.State, t.Attempts)
	if t.Fallback == "" {
		return text
	}
	return fmt.Sprintf("%s, %s: the declared revision could not be restored: %s", text, fellBack(t.Fallback), t.Cause)
}

// fellBack says what came back instead of the declared revision.
func fellBack(commit string) string {
	return "fell back on " + commit[:min(len(commit), 12)] + ", the last commit that verified"
}

// passing tells that what stands in the way of a teardown may go by itself: a
// cluster that does not answer, say.
func passing(err error) bool {
	var p interface{ Passing() bool }
	return errors.As(err, &p) && p.Passing()
}

// brought says what is done to bring a state about.
func brought(to calendar.State) string {
	if to == calendar.Asleep {
		return "taken down"
	}
	return "brought up"
}

// clock writes an instant as people of the cluster's zone read it.
func (c Cluster) clock(t time.Time) string { return t.In(c.Calendar.Zone()).Format("Mon 15:04 MST") }

// refused gives up a teardown that a guard stands in the way of: that is for
// people to decide. A recreate that is refused is tried again, like one that
// fails: the cluster is wanted however late, and the next commit may do.
func (k *Keeper) refused(ctx context.Context, c *kept, j *job, m *memory, err error) error {
	m.Done = &mark{State: j.to, Since: j.since, At: k.Now(), Ending: Refused, Run: m.Try.Run, Why: err.Error()}
	m.Try = nil
	if err := k.remember(ctx, c.Name, *m); err != nil {
		return err
	}
	k.notify(Notice{Kind: NoticeFailure, Cluster: c.Name, At: j.since, Run: m.Done.Run, Text: fmt.Sprintf("not %s, refused: %v", brought(j.to), err)})
	return nil
}

// backoff is how long to wait after the nth failure.
func backoff(n int) time.Duration {
	d := firstPatience
	for range min(n-1, 10) {
		d *= 2
	}
	return min(d, mostPatience)
}
