package run

import (
	"time"

	journal "github.com/rekindle-io/rekindle/recover/run"
)

// state is what became of an object, in the order in which a person cares.
type state uint8

const (
	failed state = iota
	unsettled
	skipped
	kept
	waiting
	applied
	settled
	removed
	states // how many there are
)

func (s state) String() string {
	return [...]string{"failed", "unsettled", "skipped", "kept", "waiting", "applied", "settled", "removed"}[s]
}

// trouble tells that something is the matter with the object.
func (s state) trouble() bool { return s <= kept }

// stateOf is the state that an event brings its object into; false for events
// that tell something else.
func stateOf(ev journal.Event) (state, bool) {
	switch ev.Type {
	case "object.applied", "object.carried", "object.given-back":
		return applied, true
	case "object.waiting", "object.missing", "object.unknown", journal.ObjectRetried:
		return waiting, true
	case "object.settled":
		return settled, true
	case "object.failed", "teardown.stuck":
		return failed, true
	case "object.unsettled":
		return unsettled, true
	case journal.ObjectSkipped, journal.ObjectStillSkipped:
		return skipped, true
	case "object.kept":
		return kept, true
	case "object.pruned", "teardown.remove":
		return removed, true
	}
	return 0, false
}

// tailSize is how many events are kept to be looked at.
const tailSize = 500

// tail is the last events that are worth a line.
type tail struct {
	events []journal.Event
	first  int // of the ring
}

// add takes an event, unless it is one of the thousands that tell of objects for
// which all goes well.
func (t *tail) add(ev journal.Event) {
	if ev.Level == journal.LevelDebug {
		return
	}
	ev.Data = nil
	if len(t.events) < tailSize {
		t.events = append(t.events, ev)
		return
	}
	t.events[t.first] = ev
	t.first = (t.first + 1) % tailSize
}

func (t *tail) len() int { return len(t.events) }

// at is the i-th of the events, oldest first.
func (t *tail) at(i int) journal.Event { return t.events[(t.first+i)%len(t.events)] }

// paceSpan is over how many seconds the rate is taken.
const paceSpan = 10

// pace counts in which second how many objects came on.
type pace struct {
	second [paceSpan]int64
	number [paceSpan]int
}

func (p *pace) count(at time.Time) {
	s := at.Unix()
	i := int(((s % paceSpan) + paceSpan) % paceSpan)
	if p.second[i] != s {
		p.second[i], p.number[i] = s, 0
	}
	p.number[i]++
}

// rate is how many objects came on in a second, over the last ones before now.
func (p *pace) rate(now time.Time) float64 {
	n, s, oldest := 0, now.Unix(), now.Unix()
	for i := range p.second {
		if p.second[i] > s-paceSpan && p.second[i] <= s && p.number[i] > 0 {
			n += p.number[i]
			oldest = min(oldest, p.second[i])
		}
	}
	if n == 0 {
		return 0
	}
	return float64(n) / float64(s-oldest+1)
}
