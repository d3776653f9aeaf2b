// Package calendar says in what state a cluster should be at an instant, why,
// and until when.
//
// In go the schedule that people wrote (a time zone with windows or cron lines,
// exceptions, a time to live), the words that persons have said since (keep,
// skip, wake, sleep, pause) and what is known of the cluster. Out come a
// Decision for an instant and the coming Events. It is pure: it has no clock,
// and reads nothing but the time zone database, in Parse.
//
// # Wall time
//
// Schedules are written in the time of a clock on the wall, and held against
// a clock that is never turned back. A time that the zone skips (the begin of
// summer time) counts as the first instant after the gap; a time that comes
// twice counts once, the first time. Windows, cron lines and exceptions share
// this rule, so that nothing is lost or happens twice in those nights.
//
// # Exceptions
//
// An exception is a whole day. On a day that is Awake the cluster is up from
// midnight to midnight, and longer where a window adjoins. On a day that is
// Asleep the windows that begin on it do not open; a window that began the
// evening before runs to its end, since people think of it as that evening.
// Cron lines have no such pairs: there the cluster is asleep from midnight to
// midnight, and what would have brought it up is put off (see jobs). Where
// exceptions contradict each other the later in the list holds.
package calendar

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// State is what a cluster should be.
type State string

// The states.
const (
	Awake  State = "awake"
	Asleep State = "asleep"
)

// Spec is a schedule as people write it. Awake and Teardown with Recreate are
// alternatives. Teardown alone takes the cluster down and leaves it to people
// to wake it; Recreate alone brings it up and leaves it to people to put it to
// sleep. With exceptions alone the cluster is awake on all other days.
type Spec struct {
	// Zone is an IANA name like "Europe/Berlin", required with anything
	// but TTL; "Local" is refused.
	Zone string
	// Awake are windows: "Mon-Fri 07:00-20:00", "Sat 10:00-02:00" (over
	// midnight), "Mon,Wed 9:00-17:00", "daily 08:00-24:00". Where they
	// overlap or adjoin they are one.
	Awake []string
	// Teardown and Recreate are cron lines of five fields, or @daily and
	// its like.
	Teardown []string
	Recreate []string
	// Except are days that are different.
	Except []Exception
	// TTL is how long a cluster lives, counted from when it was made or
	// when the calendar or a person last woke it since; 0: for ever.
	TTL time.Duration
}

// Exception are days on which the schedule does not hold.
type Exception struct {
	// From and To are days like "2026-12-24", To inclusive and empty when
	// it is one day.
	From, To string
	// ICS is the content of an iCalendar file: the days of its events; From
	// and To are empty then.
	ICS []byte
	// Name is that of the file, for errors and reasons.
	Name string
	// State is what the cluster is on those days, Asleep when empty.
	State State
	// Reason is for people.
	Reason string
}

// Event is a change of the wanted state by the calendar alone.
type Event struct {
	At     time.Time // in the calendar's zone
	To     State
	Reason string // what makes it: "Mon-Fri 07:00-20:00 (Europe/Berlin)"
}

// Problem is one mistake in a Spec.
type Problem struct {
	Field   string // like "zone", "awake[1]" or "except[0].from"
	Message string
}

// InvalidError lists all that is wrong in a Spec.
type InvalidError struct {
	Problems []Problem
}

func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Field + ": " + p.Message
	}
	return strings.Join(lines, "\n")
}

// Calendar is a Spec that was understood. Its answers do not change, and any
// number of goroutines may ask it. It must not be copied.
type Calendar struct {
	*clock
	pattern
	days days
	ttl  time.Duration
	// scheduled is false when nothing but a TTL was given.
	scheduled bool
	recent    atomic.Pointer[moment]
}

// Parse reads a Spec. The error is an *InvalidError.
func Parse(spec Spec) (*Calendar, error) {
	c := &Calendar{ttl: spec.TTL}
	zone := time.UTC
	var problems []Problem
	complain := func(field string, err error) {
		problems = append(problems, Problem{field, err.Error()})
	}
	c.scheduled = len(spec.Awake)+len(spec.Teardown)+len(spec.Recreate)+len(spec.Except) > 0
	if spec.Zone != "" || c.scheduled {
		named, err := parseZone(spec.Zone)
		if err != nil {
			complain("zone", err)
		} else {
			zone = named
		}
	}
	c.clock = newClock(zone)
	c.days = parseExceptions(spec.Except, c.clock, complain)
	if len(spec.Awake) > 0 || len(spec.Teardown)+len(spec.Recreate) == 0 {
		c.pattern = parseWindows(spec.Awake, &c.days, complain)
	}
	if len(spec.Teardown)+len(spec.Recreate) > 0 {
		if len(spec.Awake) > 0 {
			complain("awake", fmt.Errorf("windows and cron lines exclude each other: write either awake, or teardown and recreate"))
		}
		c.pattern = parseJobs(spec, &c.days, complain)
	}
	if spec.TTL < 0 || spec.TTL > 0 && spec.TTL < time.Minute {
		complain("ttl", fmt.Errorf("%s is too short to make a cluster: give it a minute at least", spec.TTL))
	}
	if len(problems) > 0 {
		return nil, &InvalidError{problems}
	}
	return c, nil
}

func parseZone(name string) (*time.Location, error) {
	switch {
	case name == "":
		return nil, fmt.Errorf("a schedule needs a time zone, like Europe/Berlin or UTC")
	case strings.EqualFold(name, "local"):
		return nil, fmt.Errorf("%q depends on the machine that reads it: name the zone, like Europe/Berlin", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q: use a name of the IANA database, like Europe/Berlin or UTC", name)
	}
	return zone, nil
}

func parseWindows(lines []string, x *days, complain func(string, error)) pattern {
	if len(lines) == 0 {
		return newWindows([]window{{text: "no schedule", days: [7]bool{true, true, true, true, true, true, true}, end: day}}, x)
	}
	list := make([]window, len(lines))
	for i, line := range lines {
		var err error
		if list[i], err = parseWindow(line); err != nil {
			complain(fmt.Sprintf("awake[%d]", i), err)
		}
	}
	return newWindows(list, x)
}

func parseJobs(spec Spec, x *days, complain func(string, error)) pattern {
	read := func(field string, lines []string) []job {
		list := make([]job, len(lines))
		for i, line := range lines {
			var err error
			if list[i], err = parseJob(line); err != nil {
				complain(fmt.Sprintf("%s[%d]", field, i), err)
			}
		}
		return list
	}
	good := true
	report := complain
	complain = func(field string, err error) { good = false; report(field, err) }
	p := &jobs{teardown: read("teardown", spec.Teardown), recreate: read("recreate", spec.Recreate), days: x}
	if !good {
		return p
	}
	if _, ok := p.contrary(0, true); !ok && len(p.teardown) > 0 {
		complain("teardown", fmt.Errorf("each falls on the minute of a recreate, which wins: the cluster never sleeps"))
	}
	return p
}

// Zone is the time zone of the calendar, UTC when it has none.
func (c *Calendar) Zone() *time.Location { return c.zone }

// Scheduled says whether the calendar wants anything of its own accord. One
// without windows, cron lines and exceptions does not: it never brings a
// cluster up, and takes down only what has outlived its TTL.
func (c *Calendar) Scheduled() bool { return c.scheduled }
