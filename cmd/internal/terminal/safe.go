package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may follow one another: no language
// needs more, and more of them paint over the lines around.
const maxMarks = 4

// Safe returns s as one line that a terminal shows and does not obey. What is
// not visible is written as an escape: control characters (line breaks and
// tabs too), ESC, C1, overrides of the writing direction, zero-width and
// private characters, bytes that are not UTF-8: "\x1b[2J", "\u202e". Text that
// is safe comes back unchanged.
func Safe(s string) string { return escape(s, "") }

// SafeLines is Safe for text of several lines: line breaks stay, tabs become
// four spaces.
func SafeLines(s string) string {
	return escape(strings.ReplaceAll(s, "\t", "    "), "\n")
}

// Lines makes text of several lines safe for Outf and Errf, which else write its
// line breaks as escapes.
func Lines(text string) Painted { return Painted{SafeLines(text)} }

// escape escapes what is unsafe except the characters in keep.
func escape(s, keep string) string {
	var b strings.Builder
	copied, marks := 0, 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		safe := unicode.IsGraphic(r) && marks <= maxMarks && !(r == utf8.RuneError && size == 1)
		if !safe && !strings.ContainsRune(keep, r) {
			b.WriteString(s[copied:i])
			b.WriteString(escaped(r, s[i:i+size]))
			copied = i + size
		}
		i += size
	}
	if copied == 0 {
		return s
	}
	b.WriteString(s[copied:])
	return b.String()
}

// escaped writes one character, whose bytes are raw, as Go would in a string.
func escaped(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// safeArg formats any value with the verb and flags it is printed with, and
// then makes the outcome safe.
type safeArg struct{ value any }

func (a safeArg) Format(f fmt.State, verb rune) {
	text := Safe(fmt.Sprintf(fmt.FormatString(f, verb), a.value))
	_, _ = f.Write([]byte(text)) // a fmt.State never fails
}

// sprintf is fmt.Sprintf with every argument made safe, Painted ones excepted:
// they were made safe before they were painted.
func sprintf(format string, args []any) string {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case Painted:
			safe[i] = a.text
		case int, int64, bool: // may also be a width: %*d
			safe[i] = a
		default:
			safe[i] = safeArg{a}
		}
	}
	return fmt.Sprintf(format, safe...)
}
