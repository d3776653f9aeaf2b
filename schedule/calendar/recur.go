package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// Bounds of what recurs.
const (
	// lastOccurrence is the last year of an event that recurs for ever.
	lastOccurrence = 2099
	// mostOccurrences and mostRecurring are those of one file.
	mostOccurrences = 20_000
	mostRecurring   = 200
	longestRule     = 500  // bytes
	longestInterval = 1000 // INTERVAL
)

// days adds the days of an event, with all that it recurs.
func (r *icsReader) days(e icsEvent) error {
	if e.cancelled {
		return nil
	}
	not := append([]icsTime(nil), e.not...)
	if !e.replaces {
		not = append(not, r.moved[e.uid]...)
	}
	skip := exclusions(not)
	if e.rule == "" {
		if err := r.occurrence(e, e.start, skip); err != nil {
			return err
		}
	} else if err := r.recur(e, skip); err != nil {
		return fmt.Errorf("RRULE: %w", err)
	}
	for _, at := range e.more {
		if err := r.occurrence(e, at, skip); err != nil {
			return err
		}
	}
	return nil
}

// excluded are the occurrences that do not take place: all of a day, or one at
// an instant (in Unix seconds).
type excluded struct {
	days     map[date]bool
	instants map[int64]bool
}

func exclusions(list []icsTime) excluded {
	x := excluded{map[date]bool{}, map[int64]bool{}}
	for _, t := range list {
		if t.allDay {
			x.days[t.date()] = true
		} else {
			x.instants[t.instant().Unix()] = true
		}
	}
	return x
}

// occurrence adds the days of e when it begins at at.
func (r *icsReader) occurrence(e icsEvent, at icsTime, skip excluded) error {
	if r.occurrences++; r.occurrences > mostOccurrences {
		return fmt.Errorf("more than %d occurrences in one file: give the rule an UNTIL", mostOccurrences)
	}
	if skip.days[at.date()] || len(skip.instants) > 0 && skip.instants[at.instant().Unix()] {
		return nil
	}
	s := stretch{at.date(), (at.wall + max(e.length-1, 0)).date(), e.summary}
	if !at.allDay && at.on != r.here {
		end := at.on.instant(at.wall + max(e.length-1, 0))
		s.from, s.to = r.here.reached(at.instant()).date(), r.here.reached(end).date()
	}
	if s.to.utc().Year() >= firstYear {
		r.out = append(r.out, s)
	}
	return nil
}

// recur adds what the rule of e yields.
func (r *icsReader) recur(e icsEvent, skip excluded) error {
	if r.recurring++; r.recurring > mostRecurring {
		return fmt.Errorf("more than %d recurring events in one file", mostRecurring)
	}
	option, err := parseRule(e)
	if err != nil {
		return err
	}
	if !option.Until.IsZero() && option.Until.Before(option.Dtstart) {
		return nil
	}
	found := false
	err = occurrences(option, func(w wall) error {
		found = true
		if w.date().utc().Year() < firstYear-1 {
			return nil
		}
		return r.occurrence(e, icsTime{w, e.start.on, e.start.allDay}, skip)
	})
	if err == nil && !found {
		return errors.New("it never happens")
	}
	return err
}

// parseRule reads the rule of an event, in wall time, and refuses what makes no
// sense for days, and what the library does not bear: it never returns from
// some rules within a day, and fails on weekdays counted beyond the month.
func parseRule(e icsEvent) (rrule.ROption, error) {
	if len(e.rule) > longestRule {
		return rrule.ROption{}, fmt.Errorf("of more than %d bytes", longestRule)
	}
	rule := strings.TrimSuffix(strings.ToUpper(e.rule), ";")
	parsed, err := rrule.StrToROptionInLocation(rule, time.UTC)
	if err != nil {
		return rrule.ROption{}, fmt.Errorf("%.100q: %w", e.rule, err)
	}
	o := *parsed
	switch {
	case o.Freq > rrule.DAILY:
		return o, fmt.Errorf("%s: days recur at most daily", o.Freq)
	case len(o.Byhour) > 1 || len(o.Byminute) > 1 || len(o.Bysecond) > 1:
		return o, errors.New("several times a day: days recur at most daily")
	case len(o.Byeaster) > 0:
		return o, errors.New("BYEASTER is no part of iCalendar")
	case o.Interval < 0 || o.Interval > longestInterval || strings.Contains(rule, "INTERVAL=0"):
		return o, fmt.Errorf("INTERVAL is from 1 to %d", longestInterval)
	}
	most := 5
	if o.Freq == rrule.YEARLY && len(o.Bymonth) == 0 {
		most = 53
	}
	for _, d := range o.Byweekday {
		if d.N() > most || d.N() < -most {
			return o, fmt.Errorf("BYDAY: there is no %s", d)
		}
	}
	o.Dtstart = asUTC(e.start.wall)
	o.Until = until(rule, e.start, o.Until)
	return o, nil
}

// asUTC is the wall time as if it were in UTC, which has no gaps.
func asUTC(w wall) time.Time { return time.Unix(int64(w), 0).UTC() }

// until brings UNTIL, that may be in UTC or a mere day, to the wall time of
// the event.
func until(rule string, start icsTime, parsed time.Time) time.Time {
	if parsed.IsZero() {
		return parsed
	}
	_, value, _ := strings.Cut(rule, "UNTIL=")
	value, _, _ = strings.Cut(value, ";")
	switch {
	case len(value) == len(rrule.DateFormat):
		return parsed.Add(24*time.Hour - time.Second)
	case strings.HasSuffix(value, "Z"):
		return asUTC(start.on.reached(parsed))
	}
	return parsed
}

// occurrences calls f for each time that a rule yields, until the end of
// lastOccurrence. A library that fails on a hostile rule must not end the
// daemon: that is an error of the rule.
func occurrences(o rrule.ROption, f func(wall) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not understood: %v", r)
		}
	}()
	rule, err := rrule.NewRRule(o)
	if err != nil {
		return err
	}
	next := rule.Iterator()
	for {
		t, ok := next()
		if !ok || t.Year() > lastOccurrence {
			return nil
		}
		if err := f(wallOf(t)); err != nil {
			return err
		}
	}
}
