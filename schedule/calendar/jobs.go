package calendar

import (
	"math"
	"slices"
)

// jobs is the pattern of Spec.Teardown and Spec.Recreate: what the last of
// them said holds. When both fall on one minute, the cluster is awake.
//
// On a day of sleep the cluster is asleep from midnight to midnight. What
// would have brought it up, on that day or before, is put off to the same hour
// of the first day after the sleep, unless a teardown comes first: a cluster
// that is up from Monday 07:00 to Friday 20:00 comes back on Tuesday at 07:00
// when Monday is a holiday.
//
// With one of the two alone the state hardly ever changes, but each time that
// the jobs say it anew is an event too: the cluster that a person brought up
// goes down at the next teardown.
type jobs struct {
	teardown, recreate []job
	days               *days
}

// patience bounds how many teardowns in a row may fall on the minute of a
// recreate, and so change nothing.
const patience = 5000

func next(list []job, w wall) (at wall, ok bool) {
	for _, j := range list {
		if n, found := j.next(w); found && (!ok || n < at) {
			at, ok = n, true
		}
	}
	return at, ok
}

func last(list []job, w wall) (at wall, ok bool) {
	for _, j := range list {
		if n, found := j.last(w); found && (!ok || n > at) {
			at, ok = n, true
		}
	}
	return at, ok
}

// said is the last thing that the jobs said at or before w.
func (p *jobs) said(w wall) (at wall, awake bool) {
	down, haveDown := last(p.teardown, w)
	up, haveUp := last(p.recreate, w)
	if haveUp && (!haveDown || up >= down) {
		return up, true
	}
	return down, !haveDown
}

// putOff is when a recreate that days of sleep have put off takes place, as
// seen from w, a day without exception; false when none is.
func (p *jobs) putOff(w wall) (wall, bool) {
	at, awake := p.said(w)
	if !awake {
		return 0, false
	}
	asleep, ok := p.days.lastAsleep(w.date() - 1)
	if !ok || asleep < at.date() {
		return 0, false
	}
	return (asleep + 1).start() + at.clock(), true
}

func (p *jobs) awake(w wall) bool {
	if r, ok := p.days.at(w.date()); ok {
		return r.state == Awake
	}
	if _, awake := p.said(w); !awake {
		return false
	}
	at, ok := p.putOff(w)
	return !ok || at <= w
}

func (p *jobs) after(w wall) (wall, bool) {
	was := p.awake(w)
	for range patience {
		at, ok := p.candidate(w, was)
		if !ok {
			return 0, false
		}
		if p.awake(at) != was {
			return at, true
		}
		w = at
	}
	return 0, false
}

// candidate is the first time later than w at which something could end the
// state.
func (p *jobs) candidate(w wall, awake bool) (at wall, ok bool) {
	if r, ok := p.days.at(w.date()); ok {
		return (r.to + 1).start(), true
	}
	if awake {
		at, ok = next(p.teardown, w)
	} else {
		at, ok = next(p.recreate, w)
		if put, found := p.putOff(w); found && put > w && (!ok || put < at) {
			at, ok = put, true
		}
	}
	if r, found := p.days.next(w.date()); found && (!ok || r.from.start() < at) {
		at, ok = r.from.start(), true
	}
	return at, ok
}

func (p *jobs) before(w wall) (wall, bool) {
	is := p.awake(w)
	for {
		r, ok := p.days.at(w.date())
		if !ok {
			end := wall(math.MinInt64)
			if r, ok = p.days.last(w.date()); ok {
				end = (r.to + 1).start()
			}
			if at, found := p.turn(w, is, end); found {
				return at, true
			}
			if !ok || (r.state == Awake) != is {
				return end, ok
			}
		}
		// The state at w is that of all of r.
		w = r.from.start() - 1
		if p.awake(w) != is {
			return w + 1, true
		}
	}
}

// turn is the last change at or before w and later than end, when the last
// exception before w ended.
func (p *jobs) turn(w wall, is bool, end wall) (wall, bool) {
	at, ok := p.contrary(w, is)
	if !ok || at < end {
		// Nothing was said since: what did the exception leave behind?
		if end == math.MinInt64 {
			return 0, false
		}
		at = end
		if put, found := p.putOff(end); found && !is && put <= w {
			at = max(put, end)
		}
		if p.awake(at) == is {
			return 0, false
		}
	}
	return p.after(at)
}

// contrary is the last time at or before w at which the jobs said the
// contrary of the state there.
func (p *jobs) contrary(w wall, awake bool) (wall, bool) {
	if !awake {
		return last(p.recreate, w)
	}
	for range patience {
		at, ok := last(p.teardown, w)
		if !ok || !p.recreates(at) {
			return at, ok
		}
		w = at - 1
	}
	return 0, false
}

func (p *jobs) recreates(w wall) bool {
	return slices.ContainsFunc(p.recreate, func(j job) bool { return j.matches(w) })
}

func (p *jobs) opens(d date) bool {
	return slices.ContainsFunc(p.recreate, func(j job) bool { return j.on(d) })
}

// single are the jobs of a calendar that has only one kind of them.
func (p *jobs) single() ([]job, bool) {
	switch {
	case len(p.teardown) == 0:
		return p.recreate, true
	case len(p.recreate) == 0:
		return p.teardown, false
	}
	return nil, false
}

func (p *jobs) fires(w wall) (wall, bool) {
	list, awake := p.single()
	for range patience {
		at, ok := next(list, w)
		if !ok || p.awake(at) == awake {
			return at, ok
		}
		w = p.through(at, 1)
	}
	return 0, false
}

func (p *jobs) fired(w wall) (wall, bool) {
	list, awake := p.single()
	for range patience {
		at, ok := last(list, w)
		if !ok || p.awake(at) == awake {
			return at, ok
		}
		w = p.through(at, -1)
	}
	return 0, false
}

// through is the last wall time in the direction of by that the exception on
// the day of w still covers.
func (p *jobs) through(w wall, by int) wall {
	r, ok := p.days.at(w.date())
	switch {
	case ok && by > 0:
		return (r.to + 1).start() - 1
	case by > 0:
		return w
	case ok:
		return r.from.start() - 1
	}
	return w - 1
}

func (p *jobs) cause(w wall) string {
	if r, ok := p.days.at(w.date()); ok {
		return p.days.say(r)
	}
	at, awake := p.said(w)
	kind, list := "teardown ", p.teardown
	if awake {
		kind, list = "recreate ", p.recreate
	}
	for _, j := range list {
		if !j.matches(at) {
			continue
		}
		if at == w {
			return kind + j.text
		}
		if r, ok := p.days.last(w.date()); ok {
			return kind + j.text + " after " + p.days.say(r)
		}
	}
	return ""
}
