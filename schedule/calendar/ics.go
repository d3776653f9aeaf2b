package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	ics "github.com/arran4/golang-ical"
)

const (
	// longestEvent bounds one event, in days.
	longestEvent = 366
	// mostZones bounds the names of time zones that are looked up.
	mostZones = 50
	// longestSummary bounds what an event is called, in letters.
	longestSummary = 100
)

// parseICS reads the days of the events in an iCalendar file (RFC 5545). An
// event of whole days means those days, one with hours each day of here that
// it touches. Times without a zone, and with one that is not in the IANA
// database (as some programs write), are taken to be in the zone of here. Cancelled events
// are left out; recurring ones are followed to the end of lastOccurrence.
func parseICS(content []byte, here *clock) ([]stretch, error) {
	e, err := extract(content)
	if err != nil {
		return nil, err
	}
	parsed, err := ics.ParseCalendar(&e.text)
	if err != nil {
		return nil, fmt.Errorf("no readable iCalendar file: %w", err)
	}
	r := &icsReader{here: here, zones: map[string]*clock{}, moved: map[string][]icsTime{}}
	components := parsed.Events()
	events := make([]icsEvent, len(components))
	for i, c := range components {
		if events[i], err = r.event(c); err != nil {
			return nil, fmt.Errorf("line %d: event %q: %w", e.lines[min(i, len(e.lines)-1)], summary(c), err)
		}
	}
	for i, ev := range events {
		if err := r.days(ev); err != nil {
			return nil, fmt.Errorf("line %d: event %q: %w", e.lines[min(i, len(e.lines)-1)], ev.summary, err)
		}
	}
	return r.out, nil
}

// icsTime is a date or a time as an iCalendar file has it.
type icsTime struct {
	wall
	on     *clock // by which it is meant
	allDay bool
}

func (t icsTime) instant() time.Time { return t.on.instant(t.wall) }

// icsEvent is what is read of an event.
type icsEvent struct {
	summary string
	uid     string
	start   icsTime
	length  wall
	rule    string
	more    []icsTime // RDATE
	not     []icsTime // EXDATE
	// replaces: it is one occurrence of a recurring event, at another time
	// or called off.
	replaces, cancelled bool
}

// icsReader collects the days of a file.
type icsReader struct {
	here  *clock
	zones map[string]*clock
	moved map[string][]icsTime // occurrences, by UID, that other events replace
	// recurring and occurrences are counted over the whole file.
	recurring, occurrences int
	out                    []stretch
}

func (r *icsReader) event(c *ics.VEvent) (icsEvent, error) {
	e := icsEvent{summary: summary(c)}
	if p := c.GetProperty(ics.ComponentPropertyUniqueId); p != nil {
		e.uid = p.Value
	}
	for i := range c.Properties {
		p := &c.Properties[i].BaseProperty
		var err error
		switch p.IANAToken {
		case "STATUS":
			e.cancelled = strings.EqualFold(p.Value, "CANCELLED")
		case "DTSTART":
			e.start, err = r.time(p, p.Value)
		case "RRULE":
			if e.rule != "" {
				err = errors.New("given twice")
			}
			e.rule = p.Value
		case "RDATE":
			err = r.times(p, &e.more)
		case "EXDATE":
			err = r.times(p, &e.not)
		case "RECURRENCE-ID":
			e.replaces = true
			var moved icsTime
			moved, err = r.time(p, p.Value)
			r.moved[e.uid] = append(r.moved[e.uid], moved)
		}
		if err != nil {
			return e, fmt.Errorf("%s: %w", p.IANAToken, err)
		}
	}
	if e.start.on == nil {
		return e, errors.New("DTSTART is missing")
	}
	return e, r.measure(c, &e)
}

// measure finds how long an event lasts.
func (r *icsReader) measure(c *ics.VEvent, e *icsEvent) error {
	if e.start.allDay {
		e.length = day
	}
	if p := c.GetProperty(ics.ComponentPropertyDtEnd); p != nil {
		end, err := r.time(&p.BaseProperty, p.Value)
		if err != nil {
			return fmt.Errorf("DTEND: %w", err)
		}
		if end.on != e.start.on {
			end.wall = e.start.on.reached(end.instant())
		}
		e.length = max(e.length, end.wall-e.start.wall)
	} else if p := c.GetProperty(ics.ComponentPropertyDuration); p != nil {
		length, err := parseDuration(p.Value)
		if err != nil {
			return fmt.Errorf("DURATION: %w", err)
		}
		e.length = max(e.length, length)
	}
	if e.length > longestEvent*day {
		return fmt.Errorf("lasts more than %d days", longestEvent)
	}
	return nil
}

// times reads a list, of RDATE or EXDATE.
func (r *icsReader) times(p *ics.BaseProperty, to *[]icsTime) error {
	for _, text := range strings.Split(p.Value, ",") {
		// Of a period, its start.
		text, _, _ = strings.Cut(text, "/")
		t, err := r.time(p, text)
		if err != nil {
			return err
		}
		*to = append(*to, t)
	}
	return nil
}

func (r *icsReader) time(p *ics.BaseProperty, text string) (icsTime, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	t := icsTime{on: r.here}
	layout := "20060102T150405"
	switch {
	case len(text) == len("20060102"):
		layout, t.allDay = "20060102", true
	case strings.HasSuffix(text, "Z"):
		text, t.on = strings.TrimSuffix(text, "Z"), r.named("UTC")
	default:
		t.on = r.zoneOf(p)
	}
	parsed, err := time.Parse(layout, text)
	if err != nil {
		return t, fmt.Errorf("%.40q is no date or time", text)
	}
	if parsed.Year() < 1600 || parsed.Year() > lastYear {
		return t, fmt.Errorf("the year %d is out of reach", parsed.Year())
	}
	t.wall = wallOf(parsed)
	return t, nil
}

// zoneOf is that of the parameter TZID, that of the calendar without one.
func (r *icsReader) zoneOf(p *ics.BaseProperty) *clock {
	for key, values := range p.ICalParameters {
		if strings.EqualFold(key, "TZID") && len(values) == 1 {
			return r.named(values[0])
		}
	}
	return r.here
}

// named is the clock of a zone, that of the calendar when there is no such.
func (r *icsReader) named(name string) *clock {
	known, ok := r.zones[name]
	switch {
	case ok:
		return known
	case len(r.zones) == mostZones:
		return r.here
	}
	zone, err := parseZone(name)
	// Some programs write /example.org/20250101/Europe/Berlin.
	for rest := name; err != nil && strings.Contains(rest, "/"); {
		_, rest, _ = strings.Cut(rest, "/")
		zone, err = parseZone(rest)
	}
	c := r.here
	if err == nil && zone.String() != c.zone.String() {
		c = newClock(zone)
	}
	r.zones[name] = c
	return c
}

// summary is what an event is called: one line of a sensible length.
func summary(c *ics.VEvent) string {
	p := c.GetProperty(ics.ComponentPropertySummary)
	if p == nil {
		return ""
	}
	line := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(p.Value, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if letters := []rune(line); len(letters) > longestSummary {
		line = string(letters[:longestSummary]) + "…"
	}
	return line
}

// parseDuration reads an iCalendar duration like P1D, PT8H or P1DT12H.
func parseDuration(text string) (wall, error) {
	wrong := fmt.Errorf("%.40q is no duration", text)
	rest, ok := strings.CutPrefix(strings.ToUpper(strings.TrimPrefix(text, "+")), "P")
	if !ok || rest == "" {
		return 0, wrong
	}
	units := map[byte]wall{'W': 7 * day, 'D': day}
	var total wall
	for rest != "" {
		if rest[0] == 'T' {
			units, rest = map[byte]wall{'H': 60 * minute, 'M': minute, 'S': 1}, rest[1:]
			continue
		}
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits > 8 || digits == len(rest) {
			return 0, wrong
		}
		unit, ok := units[rest[digits]]
		if !ok {
			return 0, wrong
		}
		total += wall(number(rest[:digits])) * unit
		rest = rest[digits+1:]
	}
	return total, nil
}
