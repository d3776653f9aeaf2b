package calendar

import (
	"strings"
	"time"
)

// Facts are what is known of the cluster.
type Facts struct {
	// Made is when the cluster that is there was made, zero: none is there.
	Made time.Time
	// Expired is when a TTL last made the cluster go: the Since of that
	// Decision, one with Expired. Zero: never. Without it a cluster that
	// its TTL took away would be wanted again at once.
	Expired time.Time
}

// Decision is what should be done with a cluster.
type Decision struct {
	State State
	// Hold (pause, or no schedule): leave the cluster as it is, whatever
	// State says.
	Hold bool
	// Expired: it is the TTL that lets the cluster sleep. Once it is gone,
	// Since belongs into Facts.Expired.
	Expired bool
	// Since is the instant from which State is wanted, zero: always. With
	// State it identifies what was decided: it never goes back, and moves
	// on when State changes and when something says State anew: an event
	// of the calendar, a word, the end of a pause.
	Since time.Time
	// Until is when State or Hold ends by what is known now; zero: never, or
	// too far away to tell (a TTL that each recreate prolongs).
	Until time.Time
	// Again is the first instant at which State, Hold, Since or Word may
	// differ from these: until then nobody needs to ask; zero: never.
	Again time.Time
	// Reason is for people: "awake since Mon 07:00: Mon-Fri 07:00-20:00
	// (Europe/Berlin)", "kept by ada until 23:00: demo".
	Reason string
	// Word is what a person said that decided, nil: the calendar or TTL.
	Word *Word
}

// Cause is Reason for who looks ahead to d: without since when.
func (d Decision) Cause() string {
	rest, ok := strings.CutPrefix(d.Reason, string(d.State)+" since ")
	since, cause, cut := strings.Cut(rest, ": ")
	if !ok || !cut || d.Word != nil {
		return d.Reason
	}
	if _, when, ok := strings.Cut(since, ", when "); ok {
		return "when " + when + ": " + cause
	}
	return cause
}

// Decide says what the cluster should be at an instant, by the calendar, the
// words of persons and the facts. Words that ended still matter for Since: see
// Live for which can be forgotten. Words not said yet are ignored.
func (c *Calendar) Decide(now time.Time, words []Word, f Facts) Decision {
	q := question{c, c.hold(words), f, c.moment(now)}
	v := q.verdict(now)
	pause := newest(q.words, now, true)
	d := Decision{State: v.state, Hold: v.idle || pause != nil}
	d.Expired = !v.expired.IsZero()
	d.Since = q.since(now, v)
	d.Until = q.until(now, v, d.Hold)
	d.Again = q.again(now, v)
	d.Reason = q.reason(now, v, d, pause)
	if pause != nil {
		d.Word = &words[pause.index]
	} else if v.word != nil {
		d.Word = &words[v.word.index]
	}
	d.Since, d.Until, d.Again = c.local(d.Since), c.local(d.Until), c.local(d.Again)
	return d
}

func (c *Calendar) local(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Round(0).In(c.zone) // without what the clock of the process adds
}

// question is all that a Decision depends on but the instant.
type question struct {
	*Calendar
	words []held
	facts Facts
	now   *moment
}

// verdict is what is wanted at an instant, pauses left aside.
type verdict struct {
	state State
	word  *held // that decided
	// expired is when the TTL ran out that decided, zero: it did not.
	expired time.Time
	// idle: there is no schedule, and nobody said anything.
	idle bool
}

func (q *question) verdict(t time.Time) verdict {
	v := verdict{word: newest(q.words, t, false)}
	switch {
	case v.word != nil:
		if v.state = v.word.wants(); v.word.Kind != Wake {
			return v
		}
	case q.scheduled:
		v.state = q.stateAt(t)
	case q.facts.Made.IsZero():
		return verdict{state: Asleep, idle: q.ttl == 0}
	default:
		v.state, v.idle = Awake, q.ttl == 0
	}
	if v.state == Awake {
		if expiry := q.expiry(t); !expiry.IsZero() && !t.Before(expiry) {
			v.state, v.expired = Asleep, expiry
		}
	}
	return v
}

// expiry is when the TTL of a cluster that should be up at t runs out or ran
// out, zero: not by what is known.
func (q *question) expiry(t time.Time) time.Time {
	if q.ttl == 0 {
		return time.Time{}
	}
	woken, _ := q.lastToAt(Awake, t)
	for _, h := range q.words {
		if h.Kind == Wake && !h.Said.After(t) && h.Said.After(woken) {
			woken = h.Said
		}
	}
	made := q.facts.Made
	switch {
	case made.IsZero() && !q.facts.Expired.After(woken):
		return time.Time{}
	case made.IsZero():
		return q.facts.Expired
	case woken.Before(made):
		woken = made
	}
	return woken.Add(q.ttl)
}

// end is when what decided v ends, zero: never.
func (q *question) end(t time.Time, v verdict) time.Time {
	var end time.Time
	if v.word != nil {
		end = v.word.until
	} else if q.scheduled {
		end, _ = q.flipAfter(t)
	}
	soonest := func(at time.Time) {
		if at.After(t) && (end.IsZero() || at.Before(end)) {
			end = at
		}
	}
	switch {
	case !v.expired.IsZero():
		if at, ok := q.nextTo(Awake, t); ok {
			soonest(at)
		}
	case v.state == Awake && (v.word == nil || v.word.Kind == Wake):
		soonest(q.expiry(t))
	}
	return end
}

// since is the last time at or before now at which the verdict's state was
// wanted anew.
func (q *question) since(now time.Time, v verdict) time.Time {
	var since time.Time
	later := func(t time.Time) {
		if t.After(since) && !t.After(now) {
			since = t
		}
	}
	if at, ok := q.lastToAt(v.state, now); ok {
		later(at)
	}
	// changed also asks whether it was another state until then.
	changed := func(t time.Time) verdict {
		before := v
		if t.After(since) && !t.After(now) {
			if before = q.verdict(t.Add(-time.Second)); before.state != v.state {
				since = t
			}
		}
		return before
	}
	changed(v.expired)
	for _, h := range q.words {
		switch {
		case h.Kind == Pause:
			if !h.replaced {
				later(h.until)
			}
			continue
		case h.wants() == v.state && !h.never():
			later(h.from)
		}
		if before := changed(h.until); before.state == v.state {
			changed(before.expired) // the TTL ended it before its time
		}
	}
	return since
}

// furthest bounds how many changes of what decides are followed.
const furthest = 200

// until is the first instant after now at which state or hold differ.
func (q *question) until(now time.Time, is verdict, hold bool) time.Time {
	t, v := now, is
	for range furthest {
		next := q.end(t, v)
		soonest := func(at time.Time) {
			if at.After(t) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		for _, h := range q.words {
			soonest(h.from)
			if h.Kind == Pause {
				soonest(h.until)
			}
		}
		if next.IsZero() {
			return next
		}
		t = next
		v = q.verdict(t)
		if v.state != is.state || (v.idle || newest(q.words, t, true) != nil) != hold {
			return t
		}
	}
	return time.Time{}
}

// again is the first instant after now at which anything may decide otherwise.
func (q *question) again(now time.Time, v verdict) time.Time {
	next := q.now.next
	soonest := func(at time.Time) {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	soonest(q.end(now, v))
	for _, h := range q.words {
		soonest(h.from)
		soonest(h.until)
	}
	return next
}
