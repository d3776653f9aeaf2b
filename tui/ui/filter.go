package ui

import (
	"regexp"
	"strings"
	"unicode"
)

// Filter chooses rows by their text. The zero value takes all.
type Filter struct {
	typed   string
	text    string // in lower case
	re      *regexp.Regexp
	inverse bool
}

// ParseFilter reads what a person types: a text that is looked for without case,
// /re/ a regular expression, ! before either takes what does not match. The error
// is for people; with it the filter is that of the text as it is.
func ParseFilter(typed string) (Filter, error) {
	f := Filter{typed: typed}
	rest, inverse := strings.CutPrefix(typed, "!")
	if rest == "" {
		return f, nil // a lone "!" takes all while one types on
	}
	f.inverse = inverse
	if expr, ok := strings.CutPrefix(rest, "/"); ok && expr != "" {
		expr = strings.TrimSuffix(expr, "/")
		re, err := regexp.Compile(anyCase(expr))
		if err != nil {
			f.text = strings.ToLower(rest)
			return f, err
		}
		f.re = re
		return f, nil
	}
	f.text = strings.ToLower(rest)
	return f, nil
}

// Empty tells whether the filter takes all.
func (f Filter) Empty() bool { return f.text == "" && f.re == nil }

// String is the filter as it was typed.
func (f Filter) String() string { return f.typed }

// Match tells whether the filter takes a text.
func (f Filter) Match(text string) bool { return f.matchLower(strings.ToLower(text)) }

// matchLower is Match for a text that is in lower case already.
func (f Filter) matchLower(text string) bool { return f.Empty() || f.finds(text) != f.inverse }

// finds tells whether what was typed is in a text, which is in lower case.
func (f Filter) finds(text string) bool {
	if f.re != nil {
		return f.re.MatchString(text)
	}
	return strings.Contains(text, f.text)
}

// anyCase is an expression that is matched against text in lower case. Without large
// letters it can stay as it is, which is several times as fast as to fold case.
func anyCase(expr string) string {
	escaped := false
	for _, r := range expr {
		if unicode.IsUpper(r) && !escaped {
			return "(?i)" + expr
		}
		escaped = r == '\\' && !escaped
	}
	return expr
}
