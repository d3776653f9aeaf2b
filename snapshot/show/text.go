package show

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
)

// visible returns text of which nothing is obeyed by what shows it: whatever is
// not visible is written as an escape, line breaks too. What breaks no line and
// is in keep stays.
func visible(text, keep string) string {
	if strings.IndexFunc(text, unseen) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unseen(r) && !strings.ContainsRune(keep, r):
			b.WriteString(strings.Trim(fmt.Sprintf("%+q", r), "'"))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func unseen(r rune) bool { return !unicode.IsGraphic(r) }

// clip cuts a text after n characters.
func clip(text string, n int) string {
	if len(text) <= n || utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n]) + "…"
}

// edit is one line of a difference between two values.
type edit struct {
	// sign is '-' for what the commit says, '+' for what the cluster holds, ' '
	// for what both have.
	sign byte
	text string
}

// maxValue bounds how much of one value is compared line by line, in bytes.
const maxValue = 256 << 10

// edits compares the two values of a field line by line, as YAML where they have
// a structure. A value that is absent has no lines.
func edits(f Field) []edit {
	want, have := lines(f.Want), lines(f.Have)
	if f.Want != nil && f.Have != nil && slices.Equal(want, have) && f.Want != hidden {
		want, have = []string{quoted(f.Want)}, []string{quoted(f.Have)} // the end of a line differs
	}
	if f.Want == nil || f.Have == nil || len(want) == 1 || len(have) == 1 || size(want)+size(have) > maxValue {
		return append(signed('-', want), signed('+', have)...)
	}
	text := func(list []string) []byte { return []byte(strings.Join(list, "\n") + "\n") }
	out := strings.Split(strings.TrimSuffix(string(diff.Diff("", text(want), "", text(have))), "\n"), "\n")
	if len(out) < 4 {
		return append(signed('-', want), signed('+', have)...)
	}
	var list []edit
	for i, line := range out[3:] { // after the names of files that there are none of
		switch {
		case strings.HasPrefix(line, "@@"):
			if i > 0 {
				list = append(list, edit{' ', "…"})
			}
		case line != "":
			list = append(list, edit{line[0], line[1:]})
		}
	}
	return list
}

func signed(sign byte, list []string) []edit {
	out := make([]edit, len(list))
	for i, line := range list {
		out[i] = edit{sign, line}
	}
	return out
}

func size(list []string) int {
	n := 0
	for _, line := range list {
		n += len(line) + 1
	}
	return n
}

// lines prints a value: a text as it is, all else as YAML.
func lines(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		if seemsNoText(v) {
			return []string{quoted(v)}
		}
		return strings.Split(strings.TrimSuffix(v, "\n"), "\n")
	case map[string]any, []any:
		raw, err := yaml.Marshal(v)
		if err != nil {
			return []string{fmt.Sprint(v)}
		}
		return strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	}
	return []string{quoted(value)}
}

// seemsNoText tells whether a short text would be taken for something else if it
// stood without quotes: a number, a truth value, nothing.
func seemsNoText(s string) bool {
	if len(s) > 32 {
		return false
	}
	var v any
	err := yaml.Unmarshal([]byte(s), &v)
	_, text := v.(string)
	return err == nil && !text && !strings.ContainsAny(s, "\n:")
}

// quoted prints a value as JSON, on one line.
func quoted(value any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// names lists who set a field.
func names(by []Author) string {
	list := make([]string, len(by))
	for i, a := range by {
		list[i] = a.String()
	}
	return strings.Join(list, ", ")
}

// String returns the manager with the subresource, and the time when known:
// "kubectl-edit/scale at 2026-11-22T14:03:00Z".
func (a Author) String() string {
	s := a.who()
	if a.Time != "" {
		s += " at " + a.Time
	}
	return s
}

// who is the field manager, with the subresource it went through.
func (a Author) who() string {
	if a.Subresource != "" {
		return a.Manager + "/" + a.Subresource
	}
	return a.Manager
}

// count is a number with its word: "1 object", "2 objects".
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// Verdict says in one line how much differs.
func (r *Report) Verdict() string {
	c := r.Counts
	var parts []string
	for _, p := range []struct {
		n    int
		word Kind
	}{{c.Changed, Changed}, {c.Missing, Missing}, {c.Unexpected, Unexpected}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ")
	case len(r.Unknown) > 0:
		return "no difference, as far as could be seen"
	}
	return "no difference"
}

// short is the beginning of a commit's SHA.
func short(sha string) string { return sha[:min(12, len(sha))] }

// label is an object as it is called in every format, on one line.
func label(id object.ID) string { return visible(id.String(), "") }
