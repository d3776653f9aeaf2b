package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// Days that an exception empties are told from midnight to midnight of the
// schedule's zone, also when the clock is changed on one of them.
func TestRests(t *testing.T) {
	c, err := calendar.Parse(calendar.Spec{Zone: "Europe/Berlin", Awake: []string{"daily 07:00-20:00"}, Except: []calendar.Exception{
		{From: "2026-10-24", To: "2026-10-25", Reason: "the move"}, {From: "2026-10-28"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	berlin := c.Zone()
	day := func(d int) time.Time { return time.Date(2026, 10, d, 0, 0, 0, 0, berlin) }
	want := []api.Rest{{From: day(24), To: day(26), Reason: "the move"}, {From: day(28), To: day(29), Reason: "an exception"}}
	if diff := cmp.Diff(want, restsOf(c, day(20), day(30))); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}
