package config

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// Calendar is what the schedule says; read reads the calendar files that it
// names. Errors are *calendar.InvalidError, and those of read.
func (s Schedule) Calendar(read func(file string) ([]byte, error)) (*calendar.Calendar, error) {
	spec := calendar.Spec{Zone: s.Zone, Awake: s.Awake, Teardown: s.Teardown, Recreate: s.Recreate, TTL: s.TTL.Duration}
	for _, e := range s.Except {
		x := calendar.Exception{State: calendar.State(e.State), Reason: e.Reason}
		switch {
		case e.File != "":
			content, err := read(e.File)
			if err != nil {
				return nil, err
			}
			x.ICS, x.Name = content, filepath.Base(e.File)
		case !e.On.IsZero():
			x.From = e.On.Format(time.DateOnly)
		default:
			x.From, x.To = e.From.Format(time.DateOnly), e.To.Format(time.DateOnly)
		}
		spec.Except = append(spec.Except, x)
	}
	return calendar.Parse(spec)
}

// Drills is when drills are due, as the changes to awake; nil when there are
// none.
func (s Schedule) Drills() (*calendar.Calendar, error) {
	if s.Drill == nil {
		return nil, nil
	}
	return calendar.Parse(calendar.Spec{Zone: s.Zone, Recreate: s.Drill.At})
}

// DrillRule is what says when drills are due, "" when nothing does: another text
// is another rule.
func (s Schedule) DrillRule() string {
	if s.Drill == nil {
		return ""
	}
	return strings.Join(s.Drill.At, ", ") + " (" + s.Zone + ")"
}

// noEvents stands for calendar files, which Load does not read.
const noEvents = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//rekindle//EN\r\nEND:VCALENDAR\r\n"

var index = regexp.MustCompile(`\[[0-9]+\]$`)

// calendar reports what is wrong about a schedule.
func (k *checker) calendar(s Schedule) {
	_, err := s.Calendar(func(string) ([]byte, error) { return []byte(noEvents), nil })
	k.calendarProblems(err, func(field string) []string { return []string{"schedule", field} })
	if _, err := s.Drills(); err != nil {
		k.calendarProblems(err, func(field string) []string {
			if at := index.FindString(field); at != "" {
				return []string{"schedule", "drill", "at" + at}
			}
			return []string{"schedule", field}
		})
	}
}

func (k *checker) calendarProblems(err error, path func(field string) []string) {
	var invalid *calendar.InvalidError
	if !errors.As(err, &invalid) {
		return
	}
	for _, p := range invalid.Problems {
		at := path(p.Field)
		// One text alone stands where a list could be.
		if _, there := k.positions[joinPath(append([]string{k.base}, at...)...)]; !there {
			at[len(at)-1] = index.ReplaceAllString(at[len(at)-1], "")
		}
		k.fail(p.Message, at...)
	}
}
