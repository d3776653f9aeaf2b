package safe_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rekindle-io/rekindle/tui/safe"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"web-1":                      "web-1",
		"größe 漢字 🚀":                 "größe 漢字 🚀",
		`C:\x`:                       `C:\x`,
		"\x1b[2Jgone":                `\x1b[2Jgone`,
		"\x1b]0;title\a":             `\x1b]0;title\x07`,
		"a\r\nb\tc":                  `a\r\nb\tc`,
		"c1\u009b31m":                `c1\u009b31m`,
		"\x9b31m":                    `\x9b31m`,
		"evil\u202etxt.exe":          `evil\u202etxt.exe`,
		"a\u200bb\u2066c\ufeff":      `a\u200bb\u2066c\ufeff`,
		"\u2028\u2029":               `\u2028\u2029`,
		"\U000e0041tag":              `\U000e0041tag`,
		"\xff\xfeok\xc3":             `\xff\xfeok\xc3`,
		"\x00\x7f":                   `\x00\x7f`,
		"e\u0301":                    "e\u0301",
		"e" + strings.Repeat("̀", 6): "e" + strings.Repeat("̀", 4) + `\u0300\u0300`,
		"\u0301e":                    `\u0301e`,
		"\ufffd":                     "\ufffd",
	} {
		if have := safe.Line(in); have != want {
			t.Errorf("Line(%q) = %q, want %q", in, have, want)
		}
	}
	if have, want := safe.Lines("a\n\tb\x1b\r\n"), "a\n    b\\x1b\\r\n"; have != want {
		t.Errorf("Lines = %q, want %q", have, want)
	}
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", "web", "\x1b[2J", "\u202e", "\xff\n", "e\u0301\u0301\u0301\u0301\u0301", "\U0010ffff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := safe.Line(s)
		if !utf8.ValidString(out) {
			t.Fatalf("Line(%q) is not UTF-8", s)
		}
		for _, r := range out {
			if !unicode.IsGraphic(r) {
				t.Fatalf("Line(%q) holds %U", s, r)
			}
		}
		if safe.Line(out) != out {
			t.Fatalf("Line(%q) is escaped again: %q", s, safe.Line(out))
		}
	})
}
