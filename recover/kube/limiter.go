package kube

import (
	"context"
	"sync"
	"time"
)

const (
	startInFlight = 16
	maxInFlight   = 64
	growBy        = 8
	// worthGrowing is the gain in throughput for which a step up is kept.
	worthGrowing = 1.05
	// holdWindows pass after a step up that brought nothing until the next one.
	holdWindows = 16
)

// limiter bounds the requests in flight to what the API server bears. It
// starts at 16, grows while growing brings throughput, and halves when the
// server pushes back; a Retry-After holds everybody. Unless the server pushes
// back it never goes below 16.
type limiter struct {
	now func() time.Time

	mu       sync.Mutex
	limit    int
	inFlight int
	waiting  []chan ticket // first come, first served
	resume   time.Time     // nobody starts before
	epoch    int           // grows with each halving

	window window
	// steady is what to go back to when growing brings nothing: a limit and
	// its throughput in requests per second.
	steady struct {
		limit int
		rate  float64
	}
	hold int // windows until the next try to grow
}

// window measures the throughput at one limit.
type window struct {
	began     time.Time
	completed int
	starved   bool // for a while there was less demand than the limit allows
}

// ticket is the permission to have one request in flight.
type ticket struct{ epoch int }

// verdict is what a request tells about the server's capacity.
type verdict int

const (
	served     verdict = iota // answered like any other
	overloaded                // 429, or no answer in time
	unmeasured                // tells nothing
)

func newLimiter(now func() time.Time) *limiter {
	l := &limiter{now: now, limit: startInFlight}
	l.steady.limit = startInFlight
	l.window.began = now()
	return l
}

// acquire waits for a place in flight. A ticket that it returns without an
// error has to be released.
func (l *limiter) acquire(ctx context.Context) (ticket, error) {
	t, err := l.queue(ctx)
	if err != nil {
		return ticket{}, err
	}
	for {
		l.mu.Lock()
		wait := l.resume.Sub(l.now())
		l.mu.Unlock()
		if wait <= 0 {
			return t, nil
		}
		if err := pause(ctx, wait); err != nil {
			l.release(t, unmeasured, 0)
			return ticket{}, err
		}
	}
}

func (l *limiter) queue(ctx context.Context) (ticket, error) {
	if err := ctx.Err(); err != nil {
		return ticket{}, err
	}
	l.mu.Lock()
	if l.inFlight < l.limit && len(l.waiting) == 0 {
		l.inFlight++
		t := ticket{epoch: l.epoch}
		l.mu.Unlock()
		return t, nil
	}
	turn := make(chan ticket, 1)
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case t := <-turn:
		return t, nil
	case <-ctx.Done():
		l.leave(turn)
		return ticket{}, ctx.Err()
	}
}

// leave takes turn out of the queue, or hands on the place it was just given.
func (l *limiter) leave(turn chan ticket) {
	l.mu.Lock()
	for i, w := range l.waiting {
		if w == turn {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			l.mu.Unlock()
			return
		}
	}
	l.mu.Unlock()
	l.release(<-turn, unmeasured, 0)
}

// release gives a place back. retryAfter is what the server asked for, 0 for
// nothing.
func (l *limiter) release(t ticket, v verdict, retryAfter time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	now := l.now()
	if until := now.Add(retryAfter); retryAfter > 0 && until.After(l.resume) {
		l.resume = until
	}
	switch {
	case v == overloaded && t.epoch == l.epoch:
		l.halve(now)
	case v == served:
		l.measure(now)
	}
	for l.inFlight < l.limit && len(l.waiting) > 0 {
		turn := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.inFlight++
		turn <- ticket{epoch: l.epoch}
	}
	if l.inFlight < l.limit {
		l.window.starved = true
	}
}

// halve answers a push back. Requests that were in flight already when it
// happened do not halve again: their tickets are of an older epoch.
func (l *limiter) halve(now time.Time) {
	l.epoch++
	l.limit = max(1, l.limit/2)
	l.steady.limit, l.steady.rate = l.limit, 0
	l.hold = 0
	l.window = window{began: now}
}

// measure counts a completed request and, at the end of a window, decides.
func (l *limiter) measure(now time.Time) {
	l.window.completed++
	if l.window.completed < 4*l.limit {
		return
	}
	w := l.window
	l.window = window{began: now}
	elapsed := now.Sub(w.began).Seconds()
	if w.starved || elapsed <= 0 {
		return
	}
	l.decide(float64(w.completed) / elapsed)
}

// decide takes a step of a hill climb over the throughput.
func (l *limiter) decide(rate float64) {
	switch {
	case l.limit < startInFlight: // recovering from a push back
		l.limit += 2
		l.steady.limit, l.steady.rate = l.limit, 0
	case l.limit > l.steady.limit && rate < l.steady.rate*worthGrowing:
		l.limit = l.steady.limit
		l.hold = holdWindows
	case l.hold > 0:
		l.hold--
		l.steady.rate = rate
	default:
		l.steady.limit, l.steady.rate = l.limit, rate
		l.limit = min(maxInFlight, l.limit+growBy)
	}
}

// outage remembers since when an API server has not answered at all.
type outage struct {
	now   func() time.Time
	mu    sync.Mutex
	since time.Time
}

func (o *outage) answered() {
	o.mu.Lock()
	o.since = time.Time{}
	o.mu.Unlock()
}

// silent notes a request without an answer and returns how long this has lasted.
func (o *outage) silent() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if o.since.IsZero() {
		o.since = now
	}
	return now.Sub(o.since)
}
