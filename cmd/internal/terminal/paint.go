package terminal

// Style is how a piece of text is painted.
type Style int

// The styles, by meaning and not by colour.
const (
	Strong Style = iota // what matters most in a line
	Faint               // what can be skipped
	Good                // done, healthy, equal
	Bad                 // failed, missing, different
	Warn                // look at this
	Mark                // where something is
	Plain               // nothing of these
)

// Painted is text that was made safe and may carry colour. Outf, Errf and
// tables print it as it is.
type Painted struct{ text string }

// String returns the text with its colour codes.
func (p Painted) String() string { return p.text }

// Paint makes value safe, formatted as with %v, and paints it where colours
// are allowed.
func (t *Terminal) Paint(style Style, value any) Painted {
	text := sprintf("%v", []any{value})
	if !t.Color || text == "" || style == Plain {
		return Painted{text}
	}
	return Painted{code(style) + text + reset}
}

const reset = "\x1b[0m"

func code(s Style) string {
	switch s {
	case Strong:
		return "\x1b[1m"
	case Faint:
		return "\x1b[2m"
	case Good:
		return "\x1b[32m"
	case Bad:
		return "\x1b[31m"
	case Warn:
		return "\x1b[33m"
	case Mark:
		return "\x1b[36m"
	}
	return ""
}
