package cli

import (
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
)

// Days that an exception empties read the same, whether the daemon tells of them or
// this process works them out: the last day is named, not the one after it.
func TestRestOfTheDaemon(t *testing.T) {
	berlin := zoneOf("Europe/Berlin")
	day := func(d int) time.Time { return time.Date(2026, 10, d, 0, 0, 0, 0, berlin) }
	for want, r := range map[string]api.Rest{
		"stays asleep Sun 2026-10-25: the move":                   {From: day(25), To: day(26), Reason: "the move"}, // of 25 hours
		"stays asleep Sat 2026-10-24 to Sun 2026-10-25: the move": {From: day(24), To: day(26).UTC(), Reason: "the move"},
	} {
		if have := restView("dev", r, berlin).said(berlin); have != want {
			t.Errorf("%q, want %q", have, want)
		}
	}
}
