package show

import (
	"fmt"
	"strings"
	"unicode"
)

// code writes a text as a code span, in which Markdown reads nothing. Tables are
// split at bars before spans are read, and hosts differ in what escapes one, so
// that none is written.
func code(s string) string {
	s = clip(visible(s, ""), maxText)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		pad = " "
	}
	return fence + pad + strings.ReplaceAll(s, "|", `\x7c`) + pad + fence
}

// longestRun is the length of the longest run of c in s.
func longestRun(s string, c byte) int {
	longest, n := 0, 0
	for i := range len(s) {
		if s[i] != c {
			n = 0
			continue
		}
		if n++; n > longest {
			longest = n
		}
	}
	return longest
}

// text writes prose. All that could mean something to Markdown or HTML becomes
// a reference to the character, which both take for the character alone. A
// joiner keeps hosts from making links of addresses.
func text(s string) string {
	s = strings.TrimSpace(clip(visible(s, ""), maxText))
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '.' && strings.Trim(s[:i], "0123456789") == "": // a list's number
			b.WriteString("&#46;")
		case unicode.IsLetter(r), unicode.IsDigit(r), r > unicode.MaxASCII, r == ' ', r == ',', r == ';', r == '\'', r == '/':
			b.WriteRune(r)
		case r == '.' && !strings.HasSuffix(strings.ToLower(s[:i]), "www"), r == '-' && i > 0, r == ':' && !strings.HasPrefix(s[i:], "://"):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}

// link writes a path as the target of a relative link: each byte that is not
// plain is percent-encoded.
func link(path string) string {
	var b strings.Builder
	path = strings.TrimLeft(path, "/") // two slashes would name a host
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/._~-", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
