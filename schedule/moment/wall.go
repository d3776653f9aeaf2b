package moment

import "time"

// At is the first instant at which the clock of a zone shows a time of a day, or a
// later one where the zone skips that. Days and hours that a month or a day does
// not have lead on: an hour of 24 is midnight of the day after.
func At(zone *time.Location, year int, month time.Month, day, hour, minute int) time.Time {
	return first(zone, time.Date(year, month, day, hour, minute, 0, 0, time.UTC))
}

// asUTC is what the clock shows at t, as if it were UTC.
func asUTC(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// farthest is more than any zone was ever away from UTC.
const farthest = 26 * time.Hour

// first is the first instant at which the clock of a zone shows meant, whose UTC
// is what the clock shows, or later. It goes through the spans of time in which
// the zone keeps one offset, from one that surely is too early.
func first(zone *time.Location, meant time.Time) time.Time {
	for from := meant.Add(-farthest).In(zone); ; {
		_, offset := from.Zone()
		at := meant.Add(-time.Duration(offset) * time.Second).In(zone)
		if at.Before(from) {
			at = from // skipped: the span begins with more
		}
		_, end := from.ZoneBounds()
		if !end.IsZero() && !end.After(from) {
			// On 31 December of a leap year beyond the table of the zone, Go 1.26
			// says that the span has ended the day before.
			end = from.Truncate(24 * time.Hour).Add(24 * time.Hour)
		}
		if end.IsZero() || at.Before(end) {
			return at
		}
		from = end.In(zone)
	}
}
