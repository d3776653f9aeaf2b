package daemon

import (
	"cmp"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// withExpiry adds to the calendar's events that a time to live runs out, when that
// is what comes next.
func withExpiry(events []api.Event, next *calendar.Decision, from, to time.Time) []api.Event {
	if next == nil || !next.Expired || next.Since.Before(from) || !next.Since.Before(to) {
		return events
	}
	e := api.Event{At: next.Since, To: api.State(next.State), Reason: next.Cause()}
	i, _ := slices.BinarySearchFunc(events, e, func(x, y api.Event) int { return cmp.Compare(x.At.UnixNano(), y.At.UnixNano()) })
	return slices.Insert(events, i, e)
}
