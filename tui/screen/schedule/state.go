package schedule

import (
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
)

// span is a time in which one thing is wanted of a cluster.
type span struct {
	from, to time.Time
	state    api.State // Unknown where nothing says what is wanted
	hold     bool
	word     *api.Word // who decided; nil: the calendar
	reason   string
	rest     bool // asleep because an exception empties the day
}

// spans are what is wanted of a cluster over the time of its schedule, without
// gaps, by what is known at now: the calendar's changes, people's words over them,
// and the daemon's own answer for as long as that holds.
func spans(s api.Schedule, words []api.Word, now time.Time) []span {
	if s.Decision == nil {
		return []span{{from: s.From, to: s.To, state: api.Unknown, reason: "no schedule"}}
	}
	var list []span
	cuts := cutsOf(s, words, now)
	for i := range cuts[:len(cuts)-1] {
		next := span{from: cuts[i], to: cuts[i+1]}
		next.fill(s, words, now)
		if n := len(list); n > 0 && list[n-1].like(next) {
			list[n-1].to = next.to
			continue
		}
		list = append(list, next)
	}
	return list
}

// cutsOf are the instants of the schedule at which something may change, in order,
// its ends among them.
func cutsOf(s api.Schedule, words []api.Word, now time.Time) []time.Time {
	cuts := []time.Time{s.From, s.To}
	add := func(t time.Time) {
		if t.After(s.From) && t.Before(s.To) {
			cuts = append(cuts, t)
		}
	}
	add(now)
	add(s.Decision.Since)
	add(s.Decision.Until)
	for _, e := range s.Events {
		add(e.At)
	}
	for _, r := range s.Rests {
		add(r.From)
		add(r.To)
	}
	for _, w := range words {
		add(begin(w))
		add(w.Until)
	}
	slices.SortFunc(cuts, time.Time.Compare)
	return slices.CompactFunc(cuts, time.Time.Equal)
}

// begin is when a word begins to hold.
func begin(w api.Word) time.Time {
	if w.From.IsZero() {
		return w.Said
	}
	return w.From
}

// fill says what is wanted in a span in which nothing changes.
func (p *span) fill(s api.Schedule, words []api.Word, now time.Time) {
	p.state, p.reason = byCalendar(s, p.from)
	if r := resting(s, p.from); r != nil && p.state == api.Asleep {
		p.reason, p.rest = "stays asleep: "+r.Reason, true
	}
	since := now
	if d := s.Decision; !d.Hold && d.Since.Before(now) {
		since = d.Since
	}
	if d := s.Decision; !p.from.Before(since) && p.from.Before(decided(s, now)) {
		if d.Word != nil || d.Hold || p.state != d.State || p.reason == "" {
			p.reason, p.rest = d.Reason, false // it knows better than the calendar's last change
		}
		p.state, p.hold, p.word = d.State, d.Hold, d.Word
		return
	}
	if w := newest(words, p.from); w != nil {
		p.word, p.reason, p.rest = w, w.Why, false
		switch w.Kind {
		case api.Pause:
			p.hold = true
		case api.Sleep:
			p.state = api.Asleep
		default:
			p.state = api.Awake
		}
	}
}

// decided is until when the daemon's answer about now holds. When it does not
// know, that is the next change of the calendar.
func decided(s api.Schedule, now time.Time) time.Time {
	if !s.Decision.Until.IsZero() {
		return s.Decision.Until
	}
	for _, e := range s.Events {
		if e.At.After(now) {
			return e.At
		}
	}
	return s.To
}

// byCalendar is what the calendar alone wants at t, and why.
func byCalendar(s api.Schedule, t time.Time) (api.State, string) {
	i, found := slices.BinarySearchFunc(s.Events, t, func(e api.Event, t time.Time) int { return e.At.Compare(t) })
	switch {
	case found:
		return s.Events[i].To, s.Events[i].Reason
	case i > 0:
		return s.Events[i-1].To, s.Events[i-1].Reason
	case len(s.Events) > 0 && s.Events[0].To == api.Awake:
		return api.Asleep, ""
	case len(s.Events) > 0:
		return api.Awake, ""
	case s.Decision.Word == nil:
		return s.Decision.State, s.Decision.Reason
	}
	return api.Unknown, ""
}

// resting is the rest that holds t, nil when none does.
func resting(s api.Schedule, t time.Time) *api.Rest {
	for i := range s.Rests {
		if r := &s.Rests[i]; !t.Before(r.From) && t.Before(r.To) {
			return r
		}
	}
	return nil
}

// newest is the word that decides at t: a pause before all others, or the newest;
// nil when none holds.
func newest(words []api.Word, t time.Time) *api.Word {
	var found *api.Word
	for i := range words {
		w := &words[i]
		if t.Before(begin(*w)) || !w.Until.IsZero() && !t.Before(w.Until) {
			continue
		}
		if w.Kind == api.Pause {
			return w
		}
		if found == nil || w.Said.After(found.Said) {
			found = w
		}
	}
	return found
}

func (p span) like(o span) bool {
	return p.state == o.state && p.hold == o.hold && p.reason == o.reason && p.rest == o.rest && sameWord(p.word, o.word)
}

func sameWord(a, b *api.Word) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Said.Equal(b.Said)
}

// at is the span that holds t; the last when none does. There is at least one.
func at(list []span, t time.Time) span {
	i, found := slices.BinarySearchFunc(list, t, func(p span, t time.Time) int { return p.from.Compare(t) })
	if !found && i > 0 {
		i--
	}
	return list[min(i, len(list)-1)]
}

// exceptional tells whether a calendar's reason is an exception: those begin with
// the day, as in "2026-11-28 awake: the release weekend".
func exceptional(reason string) bool {
	_, err := time.Parse(time.DateOnly, reason[:min(len(reason), len(time.DateOnly))])
	return err == nil
}

// Signs of cells. Each has one meaning, with and without colours.
const (
	signAwake   = '█'
	signAsleep  = '·'
	signKept    = '▓' // awake by a person's word
	signSent    = '░' // asleep by a person's word
	signExtra   = '▒' // awake by an exception
	signOff     = '-' // asleep by an exception
	signHeld    = '='
	signUp      = '/'
	signDown    = '\\'
	signTwice   = 'x' // up and down again, or down and up
	signDrill   = 'D'
	signUnknown = '?'
	signNone    = ' '
)

// sign is how a cell looks: what is wanted in all of it, or what changes.
func sign(list []span, c cell) rune {
	first, last := at(list, c.from), at(list, c.to.Add(-1))
	switch {
	case first.hold || last.hold:
		return signHeld
	case first.state == api.Unknown:
		return signNone
	case first.state != last.state && last.state == api.Awake:
		return signUp
	case first.state != last.state:
		return signDown
	}
	for _, p := range list {
		if p.from.After(c.from) && p.to.Before(c.to) && p.state != first.state {
			return signTwice
		}
	}
	switch {
	case first.word == nil && (first.rest || exceptional(first.reason)):
		return map[bool]rune{true: signExtra, false: signOff}[first.state == api.Awake]
	case first.state == api.Awake && first.word != nil:
		return signKept
	case first.state == api.Awake:
		return signAwake
	case first.word != nil:
		return signSent
	}
	return signAsleep
}
