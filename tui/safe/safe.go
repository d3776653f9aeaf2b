// Package safe makes text from anywhere fit to be shown: commit messages, objects,
// errors of servers. What would make a terminal act, or hide something from the
// reader, is written as an escape.
package safe

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may follow one another: no language
// needs more, and more of them paint over the lines around.
const maxMarks = 4

// Line returns s as one line that a terminal shows and does not obey. What is
// not visible is written as an escape: control characters (line breaks and
// tabs too), ESC, C1, overrides of the writing direction, zero-width and
// private characters, bytes that are not UTF-8: "\x1b[2J", "\u202e"; and so is a
// combining mark that would join whatever stands before s. Text that is safe comes
// back unchanged.
func Line(s string) string { return escape(s, "") }

// Lines is Line for text of several lines: line breaks stay, tabs become
// four spaces.
func Lines(s string) string {
	return escape(strings.ReplaceAll(s, "\t", "    "), "\n")
}

// escape escapes what is unsafe except the characters in keep.
func escape(s, keep string) string {
	var b strings.Builder
	copied, marks := 0, maxMarks // at the beginning nothing of s can bear a mark
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case unicode.Is(unicode.M, r):
			marks++
		case strings.ContainsRune(keep, r):
			marks = maxMarks
		default:
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
