package cli

import (
	"time"

	"github.com/rekindle-io/rekindle/schedule/moment"
)

// howTimes is how people write times.
const howTimes = `write 23:00, "tomorrow 09:00", "2026-12-24 09:00", 3h or 2d`

// zoneOf is the zone in which people mean their times: the schedule's, or this
// machine's.
func zoneOf(name string) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil && name != "" {
		return zone
	}
	return time.Local
}

// untilWhen reads the time of --until.
func untilWhen(text string, now time.Time, zone *time.Location) (time.Time, error) {
	at, err := moment.Read(text, now.In(zone))
	if err != nil {
		return time.Time{}, &usageError{message: "--until " + err.Error(), next: howTimes}
	}
	return at, nil
}
