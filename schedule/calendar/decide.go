package calendar

import "time"

// Facts are what is known of the cluster.
type Facts struct {
	// Made is when the cluster that is there was made, zero: none is there.
	Made time.Time
	// Expired is when a TTL last made the cluster go: the Since of that
	// Decision. Zero: never. Without it a cluster that its TTL took away
	// would be wanted again at once.
	Expired time.Time
}

// Decision is what should be done with a cluster.
type Decision struct {
	State State
	// Hold (pause, or no schedule): leave the cluster as it is, whatever
	// State says.
	Hold bool
	// Since is the instant from which State is wanted, zero: always. With
	// State it identifies what was decided: it never goes back, and moves
	// on when State changes and when something says State anew: an event
	// of the calendar, a word, the end of a pause.
	Since time.Time
	// Until is when State or Hold ends by what is known now; zero: never.
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

// Decide says what the cluster should be at an instant, by the calendar, the
// words of persons and the facts. Words that ended still matter for Since: see
// Live for which can be forgotten. Words not said yet are ignored.
func (c *Calendar) Decide(now time.Time, words []Word, f Facts) Decision {
	q := question{c, c.hold(words), f}
	v := q.verdict(now)
	pause := newest(q.words, now, true)
	d := Decision{State: v.state, Hold: v.idle || pause != nil}
	d.Since = q.since(now, v)
	d.Until = q.until(now, d)
	d.Again = q.again(now)
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
	return t.In(c.zone)
}

// question is all that a Decision depends on but the instant.
type question struct {
	*Calendar
	words []held
	facts Facts
}

// verdict is what is wanted at an instant, pauses left aside.
type verdict struct {
	state State
	word  *held // that decided
	// expired is when the TTL ran out that decided, zero: it did not.
	expired time.Time
	// idle: there is no schedule, and nobody said anything.
	idle bool
	// end is when what decided ends, zero: never.
	end time.Time
}

func (q *question) verdict(t time.Time) verdict {
	v := verdict{word: newest(q.words, t, false)}
	switch {
	case v.word != nil:
		v.state, v.end = v.word.wants(), v.word.until
		if v.word.Kind != Wake {
			return v
		}
	case q.scheduled:
		v.state = q.state(t)
		v.end, _ = q.flip(t)
	case q.facts.Made.IsZero():
		return verdict{state: Asleep, idle: q.ttl == 0}
	default:
		v.state, v.idle = Awake, q.ttl == 0
	}
	if v.state == Awake && q.ttl > 0 {
		q.age(t, &v)
	}
	return v
}

// age applies the TTL to a verdict that the cluster should be up.
func (q *question) age(t time.Time, v *verdict) {
	var woken time.Time
	if at, ok := q.lastTo(Awake, t); ok && q.scheduled {
		woken = at
	}
	for _, h := range q.words {
		if h.Kind == Wake && !h.Said.After(t) && h.Said.After(woken) {
			woken = h.Said
		}
	}
	expiry := q.facts.Expired
	if made := q.facts.Made; !made.IsZero() {
		if woken.Before(made) {
			woken = made
		}
		expiry = woken.Add(q.ttl)
	} else if expiry.Before(woken) {
		return
	}
	switch {
	case expiry.IsZero():
	case t.Before(expiry):
		if v.end.IsZero() || expiry.Before(v.end) {
			v.end = expiry
		}
	default:
		v.state, v.expired = Asleep, expiry
		if at, ok := q.nextTo(Awake, t); ok && q.scheduled && (v.end.IsZero() || at.Before(v.end)) {
			v.end = at
		}
	}
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
	if q.scheduled {
		if at, ok := q.lastTo(v.state, now); ok {
			later(at)
		}
	}
	later(v.expired)
	for _, h := range q.words {
		switch {
		case h.Kind == Pause:
			later(h.until)
		case h.wants() == v.state:
			later(h.from)
		case h.until.After(since) && !h.until.After(now):
			if q.verdict(h.until.Add(-time.Second)).state != v.state {
				later(h.until)
			}
		}
	}
	return since
}

// patienceUntil bounds how many changes of what decides are followed.
const patienceUntil = 1000

// until is the first instant after now at which state or hold differ.
func (q *question) until(now time.Time, d Decision) time.Time {
	t := now
	for range patienceUntil {
		v := q.verdict(t)
		hold := newest(q.words, t, true)
		if v.state != d.State || (v.idle || hold != nil) != d.Hold {
			return t
		}
		next := v.end
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
	}
	return t
}

// again is the first instant after now at which anything may decide otherwise.
func (q *question) again(now time.Time) time.Time {
	var next time.Time
	soonest := func(at time.Time) {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if at, ok := q.next(now); ok {
		soonest(at)
	}
	soonest(q.verdict(now).end)
	for _, h := range q.words {
		soonest(h.from)
		soonest(h.until)
	}
	return next
}
