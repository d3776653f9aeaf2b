package terminal

import (
	"fmt"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Lines makes text of several lines safe for Outf and Errf, which else write its
// line breaks as escapes.
func Lines(text string) Painted { return Painted{safe.Lines(text)} }

// safeArg formats any value with the verb and flags it is printed with, and
// then makes the outcome safe.
type safeArg struct{ value any }

func (a safeArg) Format(f fmt.State, verb rune) {
	text := safe.Line(fmt.Sprintf(fmt.FormatString(f, verb), a.value))
	_, _ = f.Write([]byte(text)) // a fmt.State never fails
}

// sprintf is fmt.Sprintf with every argument made safe, Painted ones excepted:
// they were made safe before they were painted.
func sprintf(format string, args []any) string {
	clean := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case Painted:
			clean[i] = a.text
		case int, int64, bool: // may also be a width: %*d
			clean[i] = a
		default:
			clean[i] = safeArg{a}
		}
	}
	return fmt.Sprintf(format, clean...)
}
