package calendar

import "time"

// moment is what the calendar alone has to say of an instant. It is the same
// from one event to the next, so that whoever asks every second gets it without
// any search.
type moment struct {
	state      State
	last, next time.Time // events, zero: none
	flip       time.Time // the next that changes the state, zero: none
	cause      string    // of the last
	from       int64     // in Unix seconds: since when all this holds
}

func (m *moment) holds(t time.Time) bool {
	return t.Unix() >= m.from && (m.next.IsZero() || t.Before(m.next))
}

// moment looks an instant up. The last one asked for is remembered.
func (c *Calendar) moment(t time.Time) *moment {
	if m := c.recent.Load(); m != nil && m.holds(t) {
		return m
	}
	m := &moment{state: c.state(t), from: t.Unix()}
	m.flip, _ = c.flip(t)
	m.next, _ = c.next(t)
	if last, ok := c.last(t); ok {
		m.last, m.from = last, last.Unix()
		m.cause = c.cause(last)
	} else {
		m.cause = c.always(m.state)
	}
	c.recent.Store(m)
	return m
}

// The following answer from the recent moment where they can.

func (c *Calendar) stateAt(t time.Time) State {
	if m := c.recent.Load(); m != nil && m.holds(t) {
		return m.state
	}
	return c.state(t)
}

func (c *Calendar) flipAfter(t time.Time) (time.Time, bool) {
	if m := c.recent.Load(); m != nil && m.holds(t) {
		return m.flip, !m.flip.IsZero()
	}
	return c.flip(t)
}

func (c *Calendar) lastToAt(s State, t time.Time) (time.Time, bool) {
	if m := c.recent.Load(); m != nil && m.holds(t) && m.state == s {
		return m.last, !m.last.IsZero()
	}
	return c.lastTo(s, t)
}
