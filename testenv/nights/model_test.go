package nights

import (
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// model is what one cluster should be: its calendars, each from an instant on,
// and what people said.
type model struct {
	name  string
	specs []dated
	words []calendar.Word
}

type dated struct {
	from     time.Time
	calendar *calendar.Calendar
}

func (m *model) declare(t *testing.T, from time.Time, spec calendar.Spec) {
	t.Helper()
	c, err := calendar.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	m.specs = append(m.specs, dated{from, c})
}

// calendar is the one in force at an instant.
func (m *model) calendar(at time.Time) *calendar.Calendar {
	for i := len(m.specs) - 1; i > 0; i-- {
		if !at.Before(m.specs[i].from) {
			return m.specs[i].calendar
		}
	}
	return m.specs[0].calendar
}

// decide is what was wanted at an instant, by what was known then.
func (m *model) decide(at time.Time) calendar.Decision {
	var known []calendar.Word
	for _, w := range m.words {
		if !w.Said.After(at) {
			known = append(known, w)
		}
	}
	return m.calendar(at).Decide(at, known, calendar.Facts{})
}

// span is a stretch of time in which one state was wanted, without a pause.
type span struct {
	from, to time.Time
	state    calendar.State
	reason   string
}

// spans are those of a life, to the second.
func (m *model) spans(from, to time.Time) []span {
	var list []span
	for at := from; at.Before(to); {
		d := m.decide(at)
		next := to
		for _, t := range append(m.changes(), d.Until, d.Again) {
			if t.After(at) && t.Before(next) {
				next = t
			}
		}
		n := len(list)
		switch {
		case d.Hold: // whatever it is
		case n > 0 && list[n-1].to.Equal(at) && list[n-1].state == d.State:
			list[n-1].to = next
		default:
			list = append(list, span{at, next, d.State, d.Reason})
		}
		at = next
	}
	return list
}

// changes are the instants at which something was said or declared.
func (m *model) changes() []time.Time {
	var list []time.Time
	for _, w := range m.words {
		list = append(list, w.Said)
		if !w.Until.IsZero() {
			list = append(list, w.Until)
		}
	}
	for _, s := range m.specs {
		list = append(list, s.from)
	}
	return list
}
