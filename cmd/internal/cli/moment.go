package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
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

// moment reads a time to come as people type it: 23:00 (the next one), tomorrow
// 09:00, a day with or without an hour, RFC 3339, or a span from now such as 3h or
// 2d. A time that the zone skips is the first instant after the gap.
func moment(text string, now time.Time, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if d, is := span(text); is {
		if d <= 0 {
			return time.Time{}, &usageError{message: fmt.Sprintf("--until %s is no time to come", text), next: "name a span from now on, such as 3h or 2d"}
		}
		return now.In(zone).Add(d), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		if at, err = onTheWall(text, now.In(zone)); err != nil {
			return time.Time{}, err
		}
	}
	if !at.After(now) {
		return time.Time{}, &usageError{message: fmt.Sprintf("--until %s is over already: it is %s", text, now.In(zone).Format("2006-01-02 15:04 MST")), next: howTimes}
	}
	return at, nil
}

var daysRule = regexp.MustCompile(`^(-?[0-9]{1,4})([dw])$`)

// span reads a length of time, which may be in days or weeks.
func span(text string) (time.Duration, bool) {
	if m := daysRule.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits only
		if m[2] == "w" {
			n *= 7
		}
		return time.Duration(n) * 24 * time.Hour, true
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// onTheWall reads a day, an hour, or both, as a clock on the wall of now's zone
// shows them.
func onTheWall(text string, now time.Time) (time.Time, error) {
	name, clock, _ := strings.Cut(strings.ToLower(text), " ")
	if day, hour, ok := strings.Cut(name, "t"); ok && clock == "" && strings.Contains(day, "-") { // 2026-12-24T09:00
		name, clock = day, hour
	}
	clock = strings.TrimSpace(clock)
	day, given := now, true
	switch date, err := time.Parse(time.DateOnly, name); {
	case err == nil:
		day = date
	case name == "today":
	case name == "tomorrow":
		day = now.AddDate(0, 0, 1)
	default:
		given = false
	}
	switch {
	case given && clock == "":
		clock = "00:00"
	case !given && clock == "":
		clock = name
	case !given:
		return time.Time{}, noTime(text)
	}
	hour, minute, ok := clockOf(clock)
	if !ok {
		return time.Time{}, noTime(text)
	}
	at := calendar.At(now.Location(), day.Year(), day.Month(), day.Day(), hour, minute)
	if !given && !at.After(now) {
		at = calendar.At(now.Location(), day.Year(), day.Month(), day.Day()+1, hour, minute)
	}
	return at, nil
}

// clockOf reads a time of day; 24:00 is the end of it.
func clockOf(text string) (hour, minute int, ok bool) {
	if text == "24:00" {
		return 24, 0, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour(), t.Minute(), err == nil
}

func noTime(text string) error {
	return &usageError{message: fmt.Sprintf("--until %q is no time", text), next: howTimes}
}
