package calendar

import "time"

// most is how many events Events returns: more than ten years of a schedule
// that changes every two hours.
const most = 50_000

// Next is the first event strictly after an instant; false when nothing ever
// changes. Events strictly increase, and alternate between the states, save
// that a calendar of teardowns alone, or of recreates alone, has one for each
// time of its cron lines.
func (c *Calendar) Next(after time.Time) (Event, bool) {
	at, ok := c.next(after)
	if !ok {
		return Event{}, false
	}
	return c.event(at), true
}

// Events are those from an instant on and before another, at most 50,000.
func (c *Calendar) Events(from, to time.Time) []Event {
	var list []Event
	at, ok := c.next(from.Add(-1))
	for ok && at.Before(to) && len(list) < most {
		list = append(list, c.event(at))
		at, ok = c.next(at)
	}
	return list
}

// Days are the exceptions that fall between two instants, for people who
// wonder why nothing happens: "2026-12-24 asleep: Christmas Eve".
func (c *Calendar) Days(from, to time.Time) []string {
	var list []string
	d, end := dateOf(from.In(c.zone)), dateOf(to.In(c.zone))
	for i := c.days.from(d); i < len(c.days.ranges) && c.days.ranges[i].from <= end; i++ {
		list = append(list, c.days.say(c.days.ranges[i]))
	}
	return list
}

// Rest is some days in a row on which an exception keeps a cluster asleep that
// would come up otherwise.
type Rest struct {
	// From and To are when the first and the last of the days begin, in the
	// calendar's zone.
	From, To time.Time
	Reason   string // "Christmas Eve (holidays.ics)", empty when none was given
}

// Rests are those between two instants that no event tells of: nothing happens on
// these days, and people wonder why.
func (c *Calendar) Rests(from, to time.Time) []Rest {
	if !c.scheduled {
		return nil
	}
	var list []Rest
	first, last := dateOf(from.In(c.zone)), dateOf(to.In(c.zone))
	for i := c.days.from(first); i < len(c.days.ranges) && c.days.ranges[i].from <= last; i++ {
		r := c.days.ranges[i]
		begin, end := max(r.from, first), min(r.to, last)
		for begin <= end && !c.opens(begin) {
			begin++
		}
		for begin <= end && !c.opens(end) {
			end--
		}
		told := c.awake(r.from.start()-1) && !c.awake(r.from.start()) // by an event
		if r.state == Awake || begin > end || told {
			continue
		}
		list = append(list, Rest{c.instant(begin.start()), c.instant(end.start()), c.days.reasons[r.reason]})
	}
	return list
}

func (c *Calendar) event(at time.Time) Event {
	return Event{At: at, To: c.state(at), Reason: c.cause(at)}
}

// state is what the calendar alone wants at t.
func (c *Calendar) state(t time.Time) State {
	if c.awake(c.reached(t)) {
		return Awake
	}
	return Asleep
}

// next is the instant of the first event strictly after t.
func (c *Calendar) next(t time.Time) (time.Time, bool) {
	flip, ok := c.flip(t)
	if fire, found := c.fire(t); found && (!ok || fire.Before(flip)) {
		return fire, true
	}
	return flip, ok
}

// flip is the first instant after t at which the state is not what it is at t.
// Several changes in wall time may fall on one instant, where the zone skips:
// together they may change nothing.
func (c *Calendar) flip(t time.Time) (time.Time, bool) {
	if !c.scheduled {
		return time.Time{}, false
	}
	w := c.reached(t)
	was := c.awake(w)
	for {
		change, ok := c.pattern.after(w)
		if !ok {
			return time.Time{}, false
		}
		at := c.instant(change)
		if w = c.reached(at); c.awake(w) != was {
			return at, true
		}
	}
}

// fire is the first instant after t at which a calendar of one kind of cron
// lines says its state anew.
func (c *Calendar) fire(t time.Time) (time.Time, bool) {
	if !c.scheduled {
		return time.Time{}, false
	}
	w := c.reached(t)
	for {
		fires, ok := c.fires(w)
		if !ok {
			return time.Time{}, false
		}
		at := c.instant(fires)
		if w = c.reached(at); c.awake(w) == c.awake(fires) {
			return at, true
		}
	}
}

// fired is the last such instant at or before t.
func (c *Calendar) fired(t time.Time) (time.Time, bool) {
	if !c.scheduled {
		return time.Time{}, false
	}
	w := c.reached(t)
	for {
		fired, ok := c.pattern.fired(w)
		if !ok {
			return time.Time{}, false
		}
		at := c.instant(fired)
		if c.awake(c.reached(at)) == c.awake(fired) {
			return at, true
		}
		w = fired - 1
	}
}

// last is the instant of the last event at or before t.
func (c *Calendar) last(t time.Time) (time.Time, bool) {
	flip, ok := c.flipped(t)
	if fired, found := c.fired(t); found && (!ok || fired.After(flip)) {
		return fired, true
	}
	return flip, ok
}

// flipped is the last instant at or before t at which the state became what it
// is at t.
func (c *Calendar) flipped(t time.Time) (time.Time, bool) {
	if !c.scheduled {
		return time.Time{}, false
	}
	w := c.reached(t)
	is := c.awake(w)
	for {
		change, ok := c.pattern.before(w)
		if !ok {
			return time.Time{}, false
		}
		at := c.instant(change)
		if w = c.reached(at.Add(-time.Second)); c.awake(w) != is {
			return at, true
		}
	}
}

// lastTo is the instant of the last event to s at or before t.
func (c *Calendar) lastTo(s State, t time.Time) (time.Time, bool) {
	if c.state(t) == s {
		return c.last(t)
	}
	at, ok := c.flipped(t)
	if !ok {
		return at, false
	}
	return c.last(at.Add(-time.Second))
}

// nextTo is the instant of the first event to s strictly after t.
func (c *Calendar) nextTo(s State, t time.Time) (time.Time, bool) {
	at, ok := c.next(t)
	if !ok || c.state(at) == s {
		return at, ok
	}
	return c.flip(at)
}

// cause says in words what made the event at an instant.
func (c *Calendar) cause(at time.Time) string {
	w := c.reached(at)
	if change, ok := c.pattern.before(w); ok && !c.instant(change).Before(at) {
		w = change
	} else if fire, ok := c.pattern.fired(w); ok {
		w = fire
	}
	return c.pattern.cause(w) + " (" + c.zone.String() + ")"
}
