package ignore

import "github.com/rekindle-io/rekindle/recover/object"

// State is what came of a rule.
type State string

// The states of rules.
const (
	// Used: it ignored something.
	Used State = "used"
	// Idle: there are objects that it is about, but nothing of them to ignore.
	Idle State = "idle"
	// Unmatched: it is about no object that was met. It may be misspelt, or what
	// it was about is gone.
	Unmatched State = "unmatched"
	// Expired: its last day is over, and it ignores nothing any more.
	Expired State = "expired"
)

// Status is a rule with what came of it.
type Status struct {
	Rule
	State State `json:"state"`
	// Objects counts the objects of Met that the rule is about.
	Objects int `json:"objects"`
	// Ignored counts the differences that the rule ignored, or, when it expired,
	// would have.
	Ignored int `json:"ignored"`
}

// Met counts an object, live or missing, for the rules that are about it, so
// that a rule about none is found. Each object is met once.
func (s *Set) Met(id object.ID) {
	if s == nil || len(s.rules) == 0 {
		return
	}
	for _, c := range s.candidates(id) {
		if c.IsAbout(id) {
			c.objects.Add(1)
		}
	}
}

// Statuses returns all rules in the order in which they were given, with what
// has come of them so far.
func (s *Set) Statuses() []Status {
	if s == nil {
		return nil
	}
	list := make([]Status, len(s.rules))
	for i, c := range s.rules {
		st := Status{Rule: c.Rule, Objects: int(c.objects.Load()), Ignored: int(c.ignored.Load())}
		switch {
		case c.expired:
			st.State = Expired
		case st.Ignored > 0:
			st.State = Used
		case st.Objects > 0:
			st.State = Idle
		default:
			st.State = Unmatched
		}
		list[i] = st
	}
	return list
}
