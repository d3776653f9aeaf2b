package calendar

import (
	"fmt"
	"time"
)

// WordKind is what a person can say of a cluster.
type WordKind string

// The words. The newest that still holds wins; Pause beats all. A word takes the
// place of older ones of its kind from when it begins to hold: they do not hold
// again when it has ended.
const (
	// Keep: the cluster stays up until Until, whatever the calendar and
	// its TTL say.
	Keep WordKind = "keep"
	// Skip: the next teardown does not happen. Up until the event after it,
	// which is to Awake, or where there are only teardowns the next of them.
	// Said of a cluster that sleeps it does not wake it.
	Skip WordKind = "skip"
	// Wake: up from now on, until the first event to Asleep after that; the
	// TTL counts anew.
	Wake WordKind = "wake"
	// Sleep: down from now on, until the first event to Awake after that.
	Sleep WordKind = "sleep"
	// Pause: nothing is done until Until; for ever when it is zero. A pause
	// is ended by setting its Until.
	Pause WordKind = "pause"
)

// Word is what a person decided.
type Word struct {
	Kind WordKind  `json:"kind"`
	Said time.Time `json:"said"`
	By   string    `json:"by,omitempty"`
	Why  string    `json:"why,omitempty"`
	// From is when it begins to hold, zero: when it was said. Bind sets it
	// for a Skip: the hour of the teardown that does not happen, unless the
	// cluster was up anyway.
	From time.Time `json:"from,omitzero"`
	// Until is when it ends. Zero: for a Pause, when it is lifted; for
	// others, when the calendar as it is asked says so, or another word.
	Until time.Time `json:"until,omitzero"`
}

// Bind fills in From and Until by the calendar as it is now, so that the word
// ends when the person was told it would, also when the schedule is changed
// meanwhile. It refuses what makes no sense: a Keep that ends before it was
// said, a Skip where no teardown comes.
func (c *Calendar) Bind(w Word) (Word, error) {
	if w.Said.IsZero() {
		return w, fmt.Errorf("%s: the time at which it was said is missing", w.Kind)
	}
	switch w.Kind {
	case Keep:
		return w, c.bindKeep(w)
	case Pause:
		if !w.Until.IsZero() && !w.Until.After(w.Said) {
			return w, fmt.Errorf("pause until %s: that is over already", c.read(w.Until, w.Said))
		}
		return w, nil
	case Wake, Sleep, Skip:
		w.From, w.Until = c.bounds(w)
		if w.Kind == Skip && w.From.IsZero() {
			return w, fmt.Errorf("skip: the schedule has no teardown to come; say keep with a time instead")
		}
		if w.From.Equal(w.Said) {
			w.From = time.Time{}
		}
		return w, nil
	}
	return w, fmt.Errorf("unknown word %q: use %s, %s, %s, %s or %s", w.Kind, Keep, Skip, Wake, Sleep, Pause)
}

func (c *Calendar) bindKeep(w Word) error {
	switch {
	case w.Until.IsZero():
		return fmt.Errorf("keep: until when? Name a time")
	case !w.Until.After(w.Said):
		return fmt.Errorf("keep until %s: that is over already", c.read(w.Until, w.Said))
	}
	return nil
}

// bounds is from when until when w holds by the calendar: until zero is for
// ever, from zero not at all.
func (c *Calendar) bounds(w Word) (from, until time.Time) {
	switch w.Kind {
	case Wake:
		until, _ = c.nextTo(Asleep, w.Said)
	case Sleep:
		until, _ = c.nextTo(Awake, w.Said)
	case Skip:
		teardown, ok := c.nextTo(Asleep, w.Said)
		if !ok {
			return time.Time{}, time.Time{}
		}
		until, _ = c.next(teardown)
		if c.state(w.Said) == Asleep {
			return teardown, until
		}
	}
	return w.Said, until
}

// held is a word with the bounds it has.
type held struct {
	Word
	index       int
	from, until time.Time // until zero: for ever
	// replaced: until is when a newer word of the kind took its place.
	replaced bool
}

// hold fills in the bounds that a word does not bear itself.
func (c *Calendar) hold(words []Word) []held {
	list := make([]held, len(words))
	for i, w := range words {
		h := held{Word: w, index: i, from: w.From, until: w.Until}
		if h.until.IsZero() && w.Kind != Pause && w.Kind != Keep {
			from, until := c.bounds(w)
			if h.until = until; w.Kind == Skip && h.from.IsZero() {
				h.from = from
			}
		}
		if h.from.IsZero() {
			h.from = w.Said
		}
		list[i] = h
	}
	for i := range list {
		list[i].giveWay(list)
	}
	return list
}

// giveWay ends h where a newer word of its kind begins to hold.
func (h *held) giveWay(list []held) {
	for i := range list {
		n := &list[i]
		if n.Kind == h.Kind && n.newer(h) && !n.never() && (h.until.IsZero() || n.from.Before(h.until)) {
			h.until, h.replaced = n.from, true
		}
	}
}

func (h *held) newer(than *held) bool {
	return h.Said.After(than.Said) || h.Said.Equal(than.Said) && h.index > than.index
}

// wants is the state that the word asks for.
func (h held) wants() State {
	if h.Kind == Sleep {
		return Asleep
	}
	return Awake
}

func (h held) at(t time.Time) bool {
	return !t.Before(h.from) && !h.over(t)
}

func (h held) over(t time.Time) bool {
	return !h.until.IsZero() && !t.Before(h.until) || h.until.IsZero() && h.Kind == Keep
}

// never says whether the word was taken back before it came to hold.
func (h held) never() bool {
	return !h.until.IsZero() && !h.until.After(h.from) || h.until.IsZero() && h.Kind == Keep
}

// newest is the word that holds at t, nil when none does: the one said last,
// or standing last of those said at once.
func newest(words []held, t time.Time, pauses bool) *held {
	var found *held
	for i := range words {
		h := &words[i]
		if (h.Kind == Pause) == pauses && h.at(t) && (found == nil || !h.Said.Before(found.Said)) {
			found = h
		}
	}
	return found
}

// Open are the words that hold at an instant or will, in their order and with the
// bounds that they have.
func (c *Calendar) Open(words []Word, now time.Time) []Word { return c.open(words, now, false) }

// Deciding are those of them that decide, as things stand: not the ones that newer
// words cover to their end.
func (c *Calendar) Deciding(words []Word, now time.Time) []Word { return c.open(words, now, true) }

func (c *Calendar) open(words []Word, now time.Time, deciding bool) []Word {
	var list []Word
	all := c.hold(words)
	for i := range all {
		h := &all[i]
		if h.over(now) || h.never() || deciding && h.covered(all, now) {
			continue
		}
		w := h.Word
		if w.Until = h.until; !h.from.Equal(h.Said) {
			w.From = h.from
		}
		list = append(list, w)
	}
	return list
}

// covered tells whether a newer word decides all that h could from now on.
func (h *held) covered(list []held, now time.Time) bool {
	from := h.from
	if from.Before(now) {
		from = now
	}
	for i := range list {
		n := &list[i]
		if (n.Kind == Pause) != (h.Kind == Pause) || !n.newer(h) || !n.at(from) {
			continue
		}
		if n.until.IsZero() || !h.until.IsZero() && !n.until.Before(h.until) {
			return true
		}
	}
	return false
}

// Live are the words that still matter at an instant or later, in their order:
// those that hold or will, and those that ended so short a time ago that the
// calendar has had no event since. The others can be forgotten: without them
// every Decision from that instant on is the same.
func (c *Calendar) Live(words []Word, now time.Time) []Word {
	var live []Word
	list := c.hold(words)
	event, known := c.last(now)
	for i, h := range list {
		if !c.spent(h, list, now, event, known) {
			live = append(live, words[i])
		}
	}
	return live
}

// longestEcho is how long after its end a word is remembered by a calendar
// without events.
const longestEcho = 31 * 24 * time.Hour

func (c *Calendar) spent(h held, list []held, now, event time.Time, known bool) bool {
	if !h.over(now) {
		return false
	}
	for _, other := range list {
		// A word that it interrupted goes on from the end of this one.
		if !other.over(now) && other.from.Before(h.until) {
			return false
		}
	}
	if known {
		return !event.Before(h.until)
	}
	return now.Sub(h.until) > longestEcho
}
