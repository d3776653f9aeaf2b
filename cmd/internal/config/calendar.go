package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// Calendar is what the schedule says; read reads the calendar files that it
// names. Errors are *calendar.InvalidError: see Config.ScheduleError.
func (s Schedule) Calendar(read func(file string) ([]byte, error)) (*calendar.Calendar, error) {
	spec := calendar.Spec{Zone: s.Zone, Awake: s.Awake, Teardown: s.Teardown, Recreate: s.Recreate, TTL: s.TTL.Duration}
	for i, e := range s.Except {
		x := calendar.Exception{State: calendar.State(e.State), Reason: e.Reason}
		switch {
		case e.File != "":
			content, err := read(e.File)
			if err != nil {
				return nil, &calendar.InvalidError{Problems: []calendar.Problem{{Field: fmt.Sprintf("except[%d].file", i), Message: err.Error()}}}
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

// ScheduleError says where in the file the schedule of a cluster is wrong: an error
// of Calendar or Drills with a line for each mistake.
func (c *Config) ScheduleError(name string, err error) error {
	var wrong *calendar.InvalidError
	if !errors.As(err, &wrong) {
		wrong = &calendar.InvalidError{Problems: []calendar.Problem{{Message: err.Error()}}}
	}
	var list []Problem
	for _, p := range wrong.Problems {
		path := append([]string{"clusters", name, "schedule"}, fieldPath(p.Field)...)
		list = append(list, Problem{Position: c.Position(path...), Field: joinPath(path...), Message: p.Message})
	}
	return invalid(list)
}

// fieldPath is where in the schedule of a file a field of a calendar stands.
func fieldPath(field string) []string {
	if field == "" {
		return nil
	}
	path := strings.Split(field, ".")
	if last := &path[len(path)-1]; *last == "ics" {
		*last = "file"
	}
	return path
}

// Hollow are the schedules that can never be carried out as they are written, each
// as a problem that is none of the file; borrows tells which providers only have
// clusters of others.
func (c *Config) Hollow(borrows func(provider string) bool) []Problem {
	var list []Problem
	for _, name := range c.Names() {
		cl := c.Clusters[name]
		if !cl.Schedule.Scheduled() {
			continue
		}
		why := ""
		switch {
		case borrows(cl.Provider):
			why = fmt.Sprintf("%s is somebody else's (provider %s) and never taken down, whatever the schedule says", name, cl.Provider)
		case cl.Protected:
			why = name + " is protected and never taken down, whatever the schedule says"
		default:
			continue
		}
		list = append(list, Problem{Position: c.Position("clusters", name, "schedule"), Field: joinPath("clusters", name, "schedule"), Message: why})
	}
	return list
}

// noEvents stands for calendar files, which Load does not read.
const noEvents = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//rekindle//EN\r\nEND:VCALENDAR\r\n"

var index = regexp.MustCompile(`\[[0-9]+\]$`)

// calendar reports what is wrong about a schedule.
func (k *checker) calendar(s Schedule) {
	_, err := s.Calendar(func(string) ([]byte, error) { return []byte(noEvents), nil })
	k.calendarProblems(err, func(field string) []string { return append([]string{"schedule"}, fieldPath(field)...) })
	if _, err := s.Drills(); err != nil {
		k.calendarProblems(err, func(field string) []string {
			if at := index.FindString(field); at != "" {
				return []string{"schedule", "drill", "at" + at}
			}
			return []string{"schedule", field}
		})
	}
	if _, given := k.positions[joinPath(k.base, "schedule", "ttl")]; given && s.TTL.Duration == 0 && !k.reported("schedule", "ttl") {
		k.fail("a cluster that lives for no time is never up: leave ttl out for none, or give it a minute at least", "schedule", "ttl")
	}
}

// reported tells whether something is known to be wrong at a place, or within it.
func (k *checker) reported(keys ...string) bool {
	field := joinPath(append([]string{k.base}, keys...)...)
	return slices.ContainsFunc(k.problems, func(p Problem) bool {
		return p.Field == field || strings.HasPrefix(p.Field, field+".") || strings.HasPrefix(p.Field, field+"[")
	})
}

func (k *checker) calendarProblems(err error, path func(field string) []string) {
	var invalid *calendar.InvalidError
	if !errors.As(err, &invalid) {
		return
	}
	for _, p := range invalid.Problems {
		at := path(p.Field)
		around := at
		if strings.HasPrefix(p.Field, "except[") {
			around = at[:2]
		}
		if k.reported(around...) { // one line a mistake
			continue
		}
		// One text alone stands where a list could be.
		if _, there := k.positions[joinPath(append([]string{k.base}, at...)...)]; !there {
			at[len(at)-1] = index.ReplaceAllString(at[len(at)-1], "")
		}
		k.fail(p.Message, at...)
	}
}
