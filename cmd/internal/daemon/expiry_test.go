package daemon

import (
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// TestWithExpiry: the end of a time to live is an event of the schedule, at its
// place and only within the span that was asked for.
func TestWithExpiry(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	events := func() []api.Event { return []api.Event{{At: noon}, {At: noon.Add(8 * time.Hour)}} }
	next := &calendar.Decision{State: calendar.Asleep, Expired: true, Since: noon.Add(time.Hour), Reason: "asleep since 13:00: its time to live of 8h is over"}
	have := withExpiry(events(), next, noon, noon.Add(24*time.Hour))
	if len(have) != 3 || have[1].To != api.Asleep || have[1].Reason != "its time to live of 8h is over" || !have[1].At.Equal(next.Since) {
		t.Errorf("have %+v", have)
	}
	byCalendar := *next
	byCalendar.Expired = false
	for name, have := range map[string][]api.Event{
		"nothing comes":      withExpiry(events(), nil, noon, noon.Add(24*time.Hour)),
		"the calendar's own": withExpiry(events(), &byCalendar, noon, noon.Add(24*time.Hour)),
		"after the span":     withExpiry(events(), next, noon, noon.Add(time.Hour)),
		"before it":          withExpiry(events(), next, noon.Add(2*time.Hour), noon.Add(24*time.Hour)),
	} {
		if len(have) != 2 {
			t.Errorf("%s: %+v", name, have)
		}
	}
}
