package calendar

import (
	"math"
	"slices"
	"time"
)

// wall is a time of day on a date as a clock on the wall shows it, in seconds
// since 1970-01-01 00:00 of that clock. It bears no zone: schedules are written
// and evaluated in wall time, and only their results are mapped to instants.
//
// The mapping is that of a clock which is never turned back: where the zone
// turns it back (the end of summer time), ours stands still until the zone has
// caught up; where the zone skips, so does ours. Thus every wall time has one
// instant, the first at which the zone's clock shows it or a later one, and
// the order of wall times is the order of their instants.
type wall int64

const (
	minute = wall(60)
	day    = 24 * 60 * minute
	// farthest is more than any zone was ever away from UTC, in seconds.
	farthest = 26 * 3600
)

// date is a day, counted from 1970-01-01.
type date int

func (w wall) date() date {
	d := w / day
	if w%day < 0 {
		d--
	}
	return date(d)
}

// clock is the time of day, in seconds.
func (w wall) clock() wall { return w - w.date().start() }

func (d date) start() wall { return wall(d) * day }

// utc is midnight of the day in UTC, for reading its year, month and day.
func (d date) utc() time.Time { return time.Unix(int64(d.start()), 0).UTC() }

func (d date) weekday() time.Weekday {
	// 1970-01-01 was a Thursday.
	return time.Weekday(((int(d)+4)%7 + 7) % 7)
}

func (d date) String() string { return d.utc().Format(time.DateOnly) }

// dateOf is the date that t shows in its own location.
func dateOf(t time.Time) date { return wallOf(t).date() }

// wallOf is the wall time that t shows in its own location, to the second.
func wallOf(t time.Time) wall {
	_, offset := t.Zone()
	return wall(t.Unix() + int64(offset))
}

// clock is the clock of a zone. The offsets of many years lie ready in it:
// working them out takes longer than all the rest.
type clock struct {
	zone    *time.Location
	periods []period // one after the other, without a gap
}

// period is a time, in Unix seconds, in which the zone keeps one offset.
type period struct {
	start, end int64
	offset     int64
}

func newClock(zone *time.Location) *clock {
	c := &clock{zone: zone}
	end := time.Date(lastOccurrence+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix(); at < end; {
		p := c.find(at)
		if n := len(c.periods); n > 0 && c.periods[n-1].offset == p.offset {
			c.periods[n-1].end = p.end
		} else {
			c.periods = append(c.periods, p)
		}
		at = p.end
	}
	c.periods = slices.Clip(c.periods)
	return c
}

// find works out the period that holds t.
func (c *clock) find(t int64) period {
	at := time.Unix(t, 0).In(c.zone)
	_, offset := at.Zone()
	p := period{math.MinInt64, math.MaxInt64, int64(offset)}
	start, end := at.ZoneBounds()
	if !start.IsZero() {
		p.start = start.Unix()
	}
	if !end.IsZero() {
		p.end = end.Unix()
	}
	if p.end <= t {
		// On 31 December of a leap year beyond the table of the zone,
		// ZoneBounds of Go 1.26 says that the period has ended the day
		// before: it takes every year to have 365 days.
		p.end = int64((wall(t).date() + 1).start())
	}
	return p
}

// at is the period that holds t.
func (c *clock) at(t int64) period {
	n := len(c.periods)
	if t < c.periods[0].start || t >= c.periods[n-1].end {
		return c.find(t)
	}
	i, _ := slices.BinarySearchFunc(c.periods, t, func(p period, t int64) int {
		if p.end <= t {
			return -1
		}
		return 1
	})
	return c.periods[i]
}

// reached is the latest wall time that the clock has shown up to t.
func (c *clock) reached(t time.Time) wall {
	now := t.Unix()
	p := c.at(now)
	w := wall(now + p.offset)
	for p.start > now-2*farthest {
		before := p.start - 1
		p = c.at(before)
		w = max(w, wall(before+p.offset))
	}
	return w
}

// instant is the first instant at which the clock shows w or later.
func (c *clock) instant(w wall) time.Time {
	from := int64(w) - farthest // surely before it
	for {
		p := c.at(from)
		if at := max(int64(w)-p.offset, from); at < p.end {
			return time.Unix(at, 0).In(c.zone)
		}
		from = p.end
	}
}
