package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// job is what goes on for a cluster: a change of its state, a warning of one,
// or a drill.
type job struct {
	cluster                 Cluster // as declared when it began
	to                      calendar.State
	since                   time.Time
	decision                calendar.Decision
	looking, warning, drill bool
	mending                 bool

	began time.Time
	// begun: it has its place among those that go on at once.
	begun bool
	// calm: nothing was done, so there is no hurry to look again.
	calm bool
}

// superseded: what was wanted when the job began is wanted no more.
var errSuperseded = errors.New("no longer wanted")

// patience is how long to wait before the next attempt: for whoever works on
// the cluster, and after a failure.
const (
	busyPatience  = 30 * time.Second
	firstPatience = time.Minute
	mostPatience  = 30 * time.Minute
	// fallbackAfter is how many failures make the fallback be tried.
	fallbackAfter = 3
)

// begin starts a job. It is called with mu held.
func (k *Keeper) begin(ctx context.Context, c *kept, j *job) {
	j.began, j.cluster = k.Now(), c.Cluster
	c.job = j
	k.jobs.Add(1)
	memory := c.memory
	if memory.Try != nil { // the job writes it, and others read the one that was
		attempt := *memory.Try
		memory.Try = &attempt
	}
	go func() {
		defer k.jobs.Done()
		k.do(ctx, c, j, &memory)
		k.end(c, j, memory)
	}()
	k.changed(c.Name)
}

// end takes over what the job left, and looks at the cluster again.
func (k *Keeper) end(c *kept, j *job, m memory) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.memory, c.job, c.due = m, nil, time.Time{}
	if j.calm {
		c.due = k.Now().Add(k.Tick)
	}
	if c.gone {
		delete(k.clusters, c.Name)
	}
	k.changed(c.Name)
	k.wake()
}

// do does the job. m is what is remembered of the cluster; only one job at a
// time writes it. A job that ctx cuts off is done again at the next start.
func (k *Keeper) do(ctx context.Context, c *kept, j *job, m *memory) {
	var err error
	switch {
	case j.looking:
		err = k.lookAt(ctx, c)
	case j.warning:
		err = k.warn(ctx, c, j, m)
	case j.drill:
		err = k.rehearse(ctx, c, j, m)
	case j.mending:
		err = k.mend(ctx, c, j, m)
	default:
		err = k.bringAbout(ctx, c, j, m)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	// Not the cluster but the keeper's own memory failed (the disk is full):
	// nothing was begun, and it is tried again.
	k.Log.Error("schedule", "cluster", c.Name, "error", err)
	select {
	case <-time.After(k.Tick):
	case <-ctx.Done():
	}
}

// lookAt looks at a cluster to which something may have happened. One that
// cannot be seen is looked at again after a while; whatever is to be done with
// it meanwhile looks itself, and says so.
func (k *Keeper) lookAt(ctx context.Context, c *kept) error {
	if err := k.looks.take(ctx); err != nil {
		return err
	}
	defer k.looks.free()
	if _, err := k.see(ctx, c); err != nil && ctx.Err() == nil {
		k.Log.Warn("schedule: cannot see", "cluster", c.Name, "error", err)
		k.mu.Lock()
		c.lookAt = k.Now().Add(busyPatience)
		k.mu.Unlock()
	}
	return nil
}

// warn tells people of a teardown that is to come, when there is a cluster.
func (k *Keeper) warn(ctx context.Context, c *kept, j *job, m *memory) error {
	sight, err := k.see(ctx, c)
	if err != nil {
		return nil //nolint:nilerr // the teardown looks again, and says so
	}
	if m.Warned = j.since; sight.There { // better told twice than not at all
		k.notify(Notice{Kind: NoticeTeardown, Cluster: c.Name, At: j.since, Text: j.decision.Cause()})
	}
	return k.remember(ctx, c.Name, *m)
}

// bringAbout brings a cluster into the state that is wanted of it.
func (k *Keeper) bringAbout(ctx context.Context, c *kept, j *job, m *memory) error {
	if m.Try == nil || m.Try.State != j.to || !m.Try.Since.Equal(j.since) {
		m.Try = &try{State: j.to, Since: j.since}
	}
	free, err := k.slot(ctx, j)
	if err != nil {
		return err
	}
	defer free()
	ending, why, err := k.settledAlready(ctx, c, j, m.Try)
	if err == nil && ending == "" {
		m.Try.Attempts++
		if err := k.remember(ctx, c.Name, *m); err != nil { // before the run, so that it is found again
			return err
		}
		m.Try.Run, err = k.act(ctx, c, j, m)
		ending = Done
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return k.failed(ctx, c, j, m, err)
	}
	return k.settled(ctx, c, j, m, ending, why)
}

// act has the World do it.
func (k *Keeper) act(ctx context.Context, c *kept, j *job, m *memory) (string, error) {
	order := Job{Cluster: c.Name, Since: j.since, Attempt: m.Try.Attempts, Reason: j.decision.Reason,
		Proceed: func(context.Context) error { return k.stillWanted(c, j) }}
	if j.to == calendar.Awake {
		order.Fallback = j.cluster.Fallback && m.Try.Attempts > fallbackAfter
		order.Mends = m.Try.Mends != "" && !order.Fallback
		b, err := k.World.Bring(ctx, order)
		m.Try.Fallback = b.Fallback
		return b.Run, err
	}
	asked := j.decision.Word != nil && j.decision.Word.Kind == calendar.Sleep // who says now means now
	if late := k.Now().Sub(j.since) > j.cluster.Late; !asked && (late || !m.Warned.Equal(j.since)) {
		order.Warn = j.cluster.Warn
	}
	return k.World.TakeDown(ctx, order)
}

// slot waits until the job may begin. free gives its place to another one.
func (k *Keeper) slot(ctx context.Context, j *job) (free func(), err error) {
	places := []slots{k.runs}
	if j.to == calendar.Asleep {
		places = []slots{k.teardowns, k.runs}
	}
	for n, p := range places {
		if err := p.take(ctx); err != nil {
			for _, taken := range places[:n] {
				taken.free()
			}
			return nil, err
		}
	}
	k.mu.Lock()
	j.begun = true
	k.mu.Unlock()
	return func() {
		for _, p := range places {
			p.free()
		}
	}, nil
}

// settledAlready tells why nothing has to be done, "" when something has.
func (k *Keeper) settledAlready(ctx context.Context, c *kept, j *job, t *try) (Ending, string, error) {
	if err := k.stillWanted(c, j); err != nil {
		return "", "", err
	}
	sight, err := k.see(ctx, c)
	if err != nil {
		return "", "", err
	}
	if p := sight.Person; p != nil && p.To != j.to && p.At.After(j.since) {
		return Left, fmt.Sprintf("%s made it %s by hand (run %s)", p.By, p.To, p.Run), nil
	}
	if j.to == calendar.Awake {
		if sight.There && sight.Ready && t.Mends == "" {
			return Done, "it was there already", nil
		}
		return "", "", nil
	}
	now := k.Now()
	back, lead := k.backAt(c, j)
	switch {
	case sight.Leaving:
		return "", "", nil
	case !sight.There:
		return Done, "it was not there", nil
	case j.cluster.Protected:
		return Refused, "it is protected", nil
	case j.cluster.Borrowed:
		return Refused, "it is somebody else's", nil
	case !back.IsZero() && back.Sub(now) < lead:
		return Missed, "it is to be up again at " + j.cluster.clock(back) + ", which is too soon", nil
	case t.Passing && !back.IsZero(): // it was begun in time, and is over in time
	case now.Sub(j.since) > j.cluster.Late:
		return Missed, fmt.Sprintf("its time was %s, and it may begin at most %s late", j.cluster.clock(j.since), calendar.Length(j.cluster.Late)), nil
	}
	return "", "", nil
}

// backAt is when a cluster that goes to sleep is wanted awake again, and how
// long before that it is begun.
func (k *Keeper) backAt(c *kept, j *job) (time.Time, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if next, coming := c.after(j.decision); coming {
		return next.Since, c.leadTime()
	}
	return time.Time{}, 0
}

// stillWanted tells whether the state that a job brings about is still the one
// that is wanted: people may have said another word meanwhile.
func (k *Keeper) stillWanted(c *kept, j *job) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := c.wanted(k.Now())
	if j.since.After(k.Now()) { // ahead of its time
		if next, coming := c.after(d); coming {
			d = next
		}
	}
	if !c.gone && !d.Hold && d.State == j.to {
		return nil
	}
	reason := d.Reason
	if c.gone {
		reason = "the cluster is declared no more"
	}
	return fmt.Errorf("%w: %s", errSuperseded, reason)
}

// see looks at a cluster, and remembers the sight.
func (k *Keeper) see(ctx context.Context, c *kept) (Sight, error) {
	k.mu.Lock()
	c.unseen = false // what happens from now on makes it so again
	k.mu.Unlock()
	sight, err := k.World.Look(ctx, c.Name)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		c.unseen = true
		return sight, err
	}
	c.sight = &sight
	return sight, nil
}

// settled remembers that a change was dealt with.
func (k *Keeper) settled(ctx context.Context, c *kept, j *job, m *memory, ending Ending, why string) error {
	t, id := m.Try, m.Try.Run
	m.Done = &mark{State: j.to, Since: j.since, At: k.Now(), Ending: ending, Run: id, Why: why, Fallback: t.Fallback}
	if m.Try = nil; j.decision.Expired && ending == Done {
		m.Expired = j.since
	}
	if err := k.remember(ctx, c.Name, *m); err != nil {
		return err
	}
	if id != "" { // a run changed what there is, and how long the next one takes
		_, _ = k.see(ctx, c) // it is looked at again before anything is done
		if lead, err := k.World.Lead(ctx, c.Name); err == nil {
			k.mu.Lock()
			c.lead = lead
			k.mu.Unlock()
		}
	}
	switch {
	case ending == Missed, ending == Refused:
		k.notify(Notice{Kind: NoticeMissed, Cluster: c.Name, At: j.since, Text: "not taken down: " + why})
	case t.Told:
		k.notify(Notice{Kind: NoticeRecovery, Cluster: c.Name, At: j.since, Run: id, Text: t.recovery()})
	}
	return nil
}
