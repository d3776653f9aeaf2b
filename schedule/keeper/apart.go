package keeper

import (
	"fmt"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// Apart says why a cluster that is up, or not, is not in the state that is wanted
// of it, "" when it is or nothing is known. It is a line for people.
func (s Status) Apart(up bool) string {
	if s.Decision.Hold {
		return ""
	}
	if s.Error != "" {
		return s.trying()
	}
	asleep := s.Decision.State == calendar.Asleep
	switch {
	case up != asleep:
		return s.fallback()
	case s.Waiting:
		return "waits for its turn"
	case asleep && s.Doing == doingRecreate && !s.Decision.Until.IsZero():
		return "ahead of its hour, to be ready at " + s.clock(s.Decision.Until)
	case asleep && s.declared.Protected:
		return "protected: never taken down"
	case asleep && s.declared.Borrowed:
		return "somebody else's: never taken down"
	}
	if why := s.ended(); why != "" {
		return why
	}
	if p := s.person(); p != nil && (p.To == calendar.Awake) == up {
		return fmt.Sprintf("%s by %s by hand (run %s)", brought(p.To), p.By, p.Run)
	}
	return ""
}

// fallback says that the cluster is up, but not as declared: until somebody
// restores it by hand.
func (s Status) fallback() string {
	l, p := s.Last, s.person()
	if l == nil || l.Fallback == "" || l.State != calendar.Awake || s.Decision.State != calendar.Awake || p != nil && p.At.After(l.At) {
		return ""
	}
	return fellBack(l.Fallback)
}

// ended says what became of the change, when that is why.
func (s Status) ended() string {
	l, d := s.Last, s.Decision
	switch {
	case l == nil:
		return ""
	case l.State == calendar.Awake && d.State == calendar.Asleep && l.Ending == Done && !d.Until.IsZero() && l.Since.Equal(d.Until):
		return "ahead of its hour, to be ready at " + s.clock(d.Until)
	case l.State != d.State || !l.Since.Equal(d.Since):
		return ""
	case l.Ending == Missed:
		return "left up: " + l.Why
	case l.Ending == Refused:
		return "refused: " + l.Why
	case l.Ending == Left:
		return l.Why
	}
	return ""
}

func (s Status) person() *Deed {
	if s.Sight == nil {
		return nil
	}
	return s.Sight.Person
}

// trying tells of a change that fails.
func (s Status) trying() string {
	text := fmt.Sprintf("attempt %d failed", s.Attempts)
	if s.Attempts == 0 { // it waits for somebody else
		text = "waits"
	}
	if !s.Retry.IsZero() {
		text += ", again at " + s.clock(s.Retry)
	}
	first, _, _ := strings.Cut(s.Error, "\n")
	return text + ": " + first
}

func (s Status) clock(t time.Time) string {
	return t.In(s.declared.Calendar.Zone()).Format("15:04")
}
