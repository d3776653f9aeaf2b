package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

const (
	// shownOfValue is how many characters of a value are shown.
	shownOfValue = 60
	// shownBefore is how many of them stand before the first that differs,
	// shownAtEnd how many are kept of a long value's end: an image has its tag
	// there.
	shownBefore, shownAtEnd = 20, 20
)

// sides are the two values of a differing field as people compare them: each
// short enough for a line, and cut where they differ, not where they agree.
func sides(have, want any) (string, string) {
	x, y := valueText(have), valueText(want)
	if x == y && have != nil && want != nil { // "80" and 80
		x, y = jsonText(have), jsonText(want)
	}
	return contrast(x, y)
}

// contrast cuts two texts, leaving what differs and a little before it.
func contrast(x, y string) (string, string) {
	a, b := []rune(x), []rune(y)
	if len(a) <= shownOfValue && len(b) <= shownOfValue {
		return x, y
	}
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	from := max(0, same-shownBefore)
	if from <= 1 {
		return shorten(a, shownOfValue), shorten(b, shownOfValue)
	}
	return "…" + shorten(a[from:], shownOfValue-1), "…" + shorten(b[from:], shownOfValue-1)
}

// shorten cuts a text in its middle.
func shorten(text []rune, most int) string {
	if len(text) <= most {
		return string(text)
	}
	return string(text[:most-shownAtEnd-1]) + "…" + string(text[len(text)-shownAtEnd:])
}

// valueText is a value of a field: a text as it is, all else as compact JSON.
func valueText(v any) string {
	switch s := v.(type) {
	case nil:
		return "(none)"
	case string:
		if s == "" {
			return `""`
		}
		return s
	}
	return jsonText(v)
}

func jsonText(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// fieldText is one differing field: what the cluster has, and what the commit
// wants.
func fieldText(f drift.Field) string {
	have, want := sides(f.Have, f.Want)
	return f.Path + ": " + have + " → " + want
}

// plannedText is one field that two commits make differently.
func plannedText(f plan.Field) string {
	switch {
	case f.Hidden:
		return f.Path + ": differs (not shown)"
	case f.Old == "":
		return f.Path + ": + " + clip(f.New, shownOfValue)
	case f.New == "":
		return f.Path + ": - " + clip(f.Old, shownOfValue)
	}
	before, after := contrast(f.Old, f.New)
	return f.Path + ": " + before + " → " + after
}

// clip cuts a text of others to about n characters.
func clip(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return strings.TrimSpace(string(r[:n-1])) + "…"
	}
	return text
}
