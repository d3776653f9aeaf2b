package kube

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fakeTime is a clock that the test moves.
type fakeTime struct{ at time.Time }

func (f *fakeTime) now() time.Time          { return f.at }
func (f *fakeTime) advance(d time.Duration) { f.at = f.at.Add(d) }

func newFakeTime() *fakeTime { return &fakeTime{at: time.Unix(1000, 0)} }

// crowd makes the limiter look as busy as with endless demand: a waiter that
// never comes to its turn.
func crowd(l *limiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) < 200 {
		l.waiting = append(l.waiting, make(chan ticket, 1))
	}
	for l.inFlight < l.limit {
		l.inFlight++
	}
}

// serve completes n requests of a full limiter, at a rate that depends on the
// limit.
func serve(l *limiter, clock *fakeTime, n int, rate func(limit int) float64) {
	for range n {
		crowd(l)
		clock.advance(time.Duration(float64(time.Second) / rate(l.limit)))
		l.release(ticket{epoch: l.epoch}, served, 0)
	}
}

func TestLimiterGrowsWhileItPays(t *testing.T) {
	clock := newFakeTime()
	l := newLimiter(clock.now)
	serve(l, clock, 5000, func(limit int) float64 { return 100 * float64(limit) })
	if l.limit != maxInFlight {
		t.Errorf("limit %d on a server that scales", l.limit)
	}
}

func TestLimiterStaysWhereGrowingDoesNotPay(t *testing.T) {
	clock := newFakeTime()
	l := newLimiter(clock.now)
	above := 0
	for range 20000 {
		serve(l, clock, 1, func(int) float64 { return 1000 })
		if l.limit > startInFlight {
			above++
		}
		if l.limit < startInFlight {
			t.Fatalf("limit %d without a push back", l.limit)
		}
	}
	if above > 20000/6 {
		t.Errorf("%d of 20000 requests above the limit that is enough", above)
	}
}

func TestLimiterHalvesOnceForOneMoment(t *testing.T) {
	clock := newFakeTime()
	l := newLimiter(clock.now)
	var tickets []ticket
	for range startInFlight {
		tk, err := l.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, tk)
	}
	for _, tk := range tickets {
		l.release(tk, overloaded, 0)
	}
	if l.limit != startInFlight/2 {
		t.Errorf("limit %d after one moment of push back", l.limit)
	}
	serve(l, clock, 2000, func(int) float64 { return 1000 })
	if l.limit < startInFlight {
		t.Errorf("limit %d long after", l.limit)
	}
}

func TestLimiterRetryAfterHoldsEverybody(t *testing.T) {
	l := newLimiter(time.Now)
	tk, err := l.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	l.release(tk, overloaded, 150*time.Millisecond)
	tk, err = l.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if spent := time.Since(began); spent < 140*time.Millisecond {
		t.Errorf("the next request started after %s", spent)
	}
	l.release(tk, overloaded, time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if l.inFlight != 0 {
		t.Errorf("%d in flight at the end", l.inFlight)
	}
}

// Whatever happens, no place is lost and none is given twice.
func TestLimiterKeepsItsBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := newFakeTime()
		l := newLimiter(clock.now)
		var held []ticket
		dead, cancel := context.WithCancel(context.Background())
		cancel()
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				if l.inFlight >= l.limit {
					t.Skip("full")
				}
				tk, err := l.acquire(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				held = append(held, tk)
			},
			"give up": func(t *rapid.T) {
				if _, err := l.acquire(dead); err == nil {
					t.Fatal("a place for a context that has ended")
				}
			},
			"release": func(t *rapid.T) {
				if len(held) == 0 {
					t.Skip("nothing held")
				}
				clock.advance(time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond)
				l.release(held[0], verdict(rapid.IntRange(0, 2).Draw(t, "verdict")), 0)
				held = held[1:]
			},
			"": func(t *rapid.T) {
				if l.inFlight != len(held) || l.limit < 1 || l.limit > maxInFlight || len(l.waiting) != 0 {
					t.Fatalf("%d in flight of %d held, limit %d, %d waiting", l.inFlight, len(held), l.limit, len(l.waiting))
				}
			},
		})
	})
}
