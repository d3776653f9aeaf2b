package calendar

import (
	"strconv"
	"strings"
	"time"
)

// clock writes t for a person who reads it at now: "20:00" on the same day,
// "Fri 20:00" within a week, "Fri 18 Dec 20:00" or with its year beyond.
func (c *Calendar) read(t, now time.Time) string {
	t, now = t.In(c.zone), now.In(c.zone)
	switch days := dateOf(t) - dateOf(now); {
	case days == 0:
		return t.Format("15:04")
	case days > -7 && days < 7:
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("Mon 2 Jan 15:04")
	}
	return t.Format("Mon 2 Jan 2006 15:04")
}

// reason is the sentence for people.
func (q *question) reason(now time.Time, v verdict, d Decision, pause *held) string {
	if pause != nil {
		return q.quote("paused", *pause, now) + "; " + q.wanted(now, v, d)
	}
	return q.wanted(now, v, d)
}

func (q *question) wanted(now time.Time, v verdict, d Decision) string {
	switch {
	case v.idle && v.state == Asleep:
		return "no schedule: nothing brings it up"
	case v.idle:
		return "no schedule: it stays until somebody takes it down"
	case !v.expired.IsZero():
		return "asleep since " + q.read(d.Since, now) + ": its time to live of " + Length(q.ttl) + " is over"
	case v.word != nil:
		return q.quote(spoken(v.word.Kind), *v.word, now)
	case !q.scheduled && v.state == Asleep:
		return "asleep: nothing brings it up, there is a time to live of " + Length(q.ttl) + " and no schedule"
	case !q.scheduled:
		return "awake until " + q.read(d.Until, now) + ": time to live of " + Length(q.ttl)
	}
	return q.scheduledReason(now, v.state, d.Since)
}

// scheduledReason is that of the calendar: since when, and what made it so.
func (q *question) scheduledReason(now time.Time, s State, since time.Time) string {
	var b strings.Builder
	b.WriteString(string(s))
	ended := q.endedAt(since, s)
	if ended == nil {
		since = q.now.last // whatever was said of it meanwhile
	}
	if !since.IsZero() {
		b.WriteString(" since " + q.read(since, now))
	}
	if ended != nil {
		b.WriteString(", when the " + string(ended.Kind) + by(*ended) + " ended")
	}
	b.WriteString(": ")
	b.WriteString(q.now.cause)
	if r, ok := q.days.at(q.reached(now).date()); ok && s == Asleep && r.state == Asleep {
		if text := q.days.say(r); !strings.Contains(b.String(), text) {
			b.WriteString("; " + text)
		}
	}
	return b.String()
}

// always says why a calendar without events is what it is.
func (c *Calendar) always(s State) string {
	if p, ok := c.pattern.(*windows); ok && s == Awake {
		return p.texts() + " (" + c.zone.String() + ")"
	}
	return "the schedule never says otherwise (" + c.zone.String() + ")"
}

// endedAt is the word whose end let the calendar decide again at t.
func (q *question) endedAt(t time.Time, s State) *held {
	for i := range q.words {
		if h := &q.words[i]; h.until.Equal(t) && (h.Kind == Pause || h.wants() != s) {
			return h
		}
	}
	return nil
}

func spoken(k WordKind) string {
	switch k {
	case Keep:
		return "kept"
	case Wake:
		return "woken"
	case Sleep:
		return "put to sleep"
	case Pause:
		return "paused"
	}
	return "teardown skipped"
}

func by(h held) string {
	if h.By == "" {
		return ""
	}
	return " of " + h.By
}

// quote says who decided, until when, and why: "kept by ada until 23:00: demo".
func (q *question) quote(verb string, h held, now time.Time) string {
	var b strings.Builder
	b.WriteString(verb)
	if h.By != "" {
		b.WriteString(" by " + h.By)
	}
	if h.Kind == Wake || h.Kind == Sleep {
		b.WriteString(" " + q.read(h.Said, now))
	}
	if !h.until.IsZero() {
		b.WriteString(" until " + q.read(h.until, now))
	}
	if h.Why != "" {
		b.WriteString(": " + h.Why)
	}
	return b.String()
}

// Length writes a span as people do, without its zero parts: 8h, 1h30m, 14d.
func Length(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
