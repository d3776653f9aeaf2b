package calendar

import "time"

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

// reached is the latest wall time that the clock of loc has shown up to t.
func reached(t time.Time, loc *time.Location) wall {
	t = t.In(loc)
	w := wallOf(t)
	for since := t; ; {
		start, _ := since.ZoneBounds()
		if start.IsZero() || t.Unix()-start.Unix() > 2*farthest {
			return w
		}
		before := start.Add(-time.Second)
		w = max(w, wallOf(before))
		since = before
	}
}

// instant is the first instant at which the clock of loc shows w or later.
func (w wall) instant(loc *time.Location) time.Time {
	period := time.Unix(int64(w)-farthest, 0).In(loc) // surely before it
	for {
		_, offset := period.Zone()
		_, end := period.ZoneBounds()
		at := max(int64(w)-int64(offset), period.Unix())
		if end.IsZero() || at < end.Unix() {
			return time.Unix(at, 0).In(loc)
		}
		period = end.In(loc)
	}
}
