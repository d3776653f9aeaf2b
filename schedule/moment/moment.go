// Package moment reads times to come as people type them, for everybody who asks
// them: the command line and the terminal UI. In goes what was typed and the time
// as a clock on the wall shows it; out comes an instant that lies ahead, or why
// there is none. It is pure and imports nothing of ours.
package moment

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// UnreadableError: what was typed is no time.
type UnreadableError struct{ Text string }

func (e *UnreadableError) Error() string { return fmt.Sprintf("%q is no time", e.Text) }

// PastError: what was typed is a time, but none to come.
type PastError struct {
	Text string
	// Span: it was a length of time, which leads nowhere or back.
	Span bool
	// Now is when it was typed, in the zone in which it was read.
	Now time.Time
}

func (e *PastError) Error() string {
	if e.Span {
		return e.Text + " is no time to come"
	}
	return fmt.Sprintf("%s is over already: it is %s", e.Text, e.Now.Format("2006-01-02 15:04 MST"))
}

// Read reads a time to come, in now's zone:
//
//	3h, 90m            so long from now
//	2d, 1w             so many days on, when the clock shows what it shows now:
//	                   where it is changed meanwhile, that is an hour more or less
//	23:00, 24:00       the next time that the clock shows it
//	tomorrow, 2026-12-24, each alone (as the day begins) or with a time of day;
//	today              with one
//	2026-12-24T08:00:00Z, as of RFC 3339
//
// Where the zone skips a time, it is the first instant after the gap; one that
// comes twice is the first. Errors are *UnreadableError and *PastError.
func Read(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	typed := strings.ToLower(text)
	at, is := later(typed, now)
	if !is {
		var err error
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			if at, is = shown(typed, now); !is {
				return time.Time{}, &UnreadableError{text}
			}
		}
	}
	if !at.After(now) {
		return time.Time{}, &PastError{Text: text, Span: is && span(typed), Now: now}
	}
	return at, nil
}

var daysRule = regexp.MustCompile(`^(-?[0-9]{1,4})([dw])$`)

// later reads a length of time from now on.
func later(typed string, now time.Time) (time.Time, bool) {
	if m := daysRule.FindStringSubmatch(typed); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits only
		if m[2] == "w" {
			n *= 7
		}
		return first(now.Location(), asUTC(now).AddDate(0, 0, n)), true
	}
	d, err := time.ParseDuration(typed)
	return now.Add(d), err == nil
}

func span(typed string) bool {
	_, err := time.ParseDuration(typed)
	return err == nil || daysRule.MatchString(typed)
}

// shown reads a day, a time of day, or both, as the clock of now's zone shows
// them.
func shown(typed string, now time.Time) (time.Time, bool) {
	name, clock, _ := strings.Cut(typed, " ")
	if date, hour, ok := strings.Cut(name, "t"); ok && clock == "" && strings.Contains(date, "-") { // 2026-12-24t09:00
		name, clock = date, hour
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
		return time.Time{}, false
	}
	hour, minute, ok := clockOf(clock)
	if !ok {
		return time.Time{}, false
	}
	y, m, d := day.Date()
	at := At(now.Location(), y, m, d, hour, minute)
	if !given && !at.After(now) {
		at = At(now.Location(), y, m, d+1, hour, minute)
	}
	return at, true
}

// clockOf reads a time of day; 24:00 is the end of it.
func clockOf(text string) (hour, minute int, ok bool) {
	if text == "24:00" {
		return 24, 0, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour(), t.Minute(), err == nil
}
