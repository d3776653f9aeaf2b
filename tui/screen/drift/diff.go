package drift

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/tui/safe"
)

// sign is which side of a difference a line is on.
type sign byte

const (
	both   sign = ' '
	inGit  sign = '-'
	inLive sign = '+'
	// apart stands between lines that are not next to each other, hid for
	// values that nobody is shown.
	apart sign = '.'
	hid   sign = '~'
)

// edit is one line of a difference; its text is safe to show.
type edit struct {
	sign sign
	text string
}

// What is compared line by line and what is shown of one value is bounded: a
// ConfigMap may hold a megabyte of one-letter lines.
const (
	maxCompared = 256 << 10
	maxShown    = 64 << 10
)

// hidden is what a report has in place of a Secret's values.
const hidden = "(hidden)"

// edits compares what git says with what the cluster holds, line by line where
// both have several lines.
func edits(f show.Field) []edit {
	if f.Want == any(hidden) && f.Have == any(hidden) {
		return []edit{{hid, "differs; what a Secret holds is not shown"}}
	}
	git, live := printed(f.Want), printed(f.Have)
	if git == live && !reflect.DeepEqual(f.Want, f.Have) {
		git, live = exact(f.Want), exact(f.Have) // 1 and "1" differ, and so do ends of lines
	}
	if f.Want == nil || f.Have == nil || len(git)+len(live) > maxCompared || !severalLines(git) || !severalLines(live) {
		return append(side(inGit, f.Want, git), side(inLive, f.Have, live)...)
	}
	return lineByLine(git, live)
}

func severalLines(text string) bool { return strings.Count(text, "\n") > 1 }

// side has all lines of a value on one side.
func side(s sign, value any, text string) []edit {
	if value == nil {
		return nil
	}
	cut := len(text) > maxShown
	if cut {
		text = text[:maxShown]
	}
	var list []edit
	for line := range strings.Lines(text) {
		list = append(list, edit{s, safe.Line(strings.TrimSuffix(line, "\n"))})
	}
	if cut {
		list = append(list, edit{apart, "the rest is too long to be shown"})
	}
	return list
}

// lineByLine is the difference of two texts, with some lines around each change.
func lineByLine(git, live string) []edit {
	var list []edit
	head := 3 // names of files that there are none of
	for line := range strings.Lines(string(diff.Diff("", []byte(git), "", []byte(live)))) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case head > 0:
			head--
		case strings.HasPrefix(line, "@@"):
			if len(list) > 0 {
				list = append(list, edit{apart, ""})
			}
		case line != "":
			list = append(list, edit{sign(line[0]), safe.Line(line[1:])})
		}
	}
	return list
}

// printed is a value as people read it: a text as it is, what has parts as YAML,
// all else as JSON. It ends with a line's end, and is empty for nothing.
func printed(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		if misread(v) {
			return exact(v)
		}
		return strings.ReplaceAll(strings.TrimSuffix(v, "\n"), "\t", "    ") + "\n"
	case map[string]any, []any:
		if raw, err := yaml.Marshal(v); err == nil {
			return string(raw)
		}
	}
	return exact(value)
}

// misread tells whether a text would be taken for a number, a truth value or
// nothing if it stood there as it is.
func misread(text string) bool {
	const longest = 40 // of a number that anybody writes
	if strings.TrimSpace(text) == "" {
		return true
	}
	if len(text) > longest || strings.ContainsAny(text, "\n:#{}[]") {
		return false
	}
	var as any
	if err := yaml.Unmarshal([]byte(text), &as); err != nil {
		return false
	}
	_, is := as.(string)
	return !is
}

// exact is a value as JSON.
func exact(value any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Sprintln(value)
	}
	return b.String()
}

// cells is one row of a difference side by side: of each side a sign and a text
// that fits. A side that has nothing there has the sign 0.
type cells struct {
	git, live edit
}

// folded breaks a text into parts of at most width cells; there is at least one.
func folded(text string, width int) []string {
	if width < 2 {
		width = 2 // a wide character
	}
	return strings.Split(ansi.Hardwrap(text, width, true), "\n")
}

// unified lays edits out below each other. A line that is broken goes on below,
// behind the same sign.
func unified(list []edit, width int) []edit {
	var rows []edit
	for _, e := range list {
		for _, part := range folded(e.text, width) {
			rows = append(rows, edit{e.sign, part})
		}
	}
	return rows
}

// beside lays edits out in two columns: what is in git alone beside what is in
// the cluster in its place.
func beside(list []edit, width int) []cells {
	var rows []cells
	for i := 0; i < len(list); {
		var git, live []edit
		for ; i < len(list) && list[i].sign == inGit; i++ {
			git = append(git, list[i])
		}
		for ; i < len(list) && list[i].sign == inLive; i++ {
			live = append(live, list[i])
		}
		if len(git)+len(live) == 0 {
			git, live = list[i:i+1], list[i:i+1]
			i++
		}
		rows = append(rows, zipped(git, live, width)...)
	}
	return rows
}

// zipped puts lines of both sides beside each other; each pair begins on one row.
func zipped(git, live []edit, width int) []cells {
	var rows []cells
	for i := range max(len(git), len(live)) {
		var left, right []edit
		if i < len(git) {
			left = unified(git[i:i+1], width)
		}
		if i < len(live) {
			right = unified(live[i:i+1], width)
		}
		for n := range max(len(left), len(right)) {
			var row cells
			if n < len(left) {
				row.git = left[n]
			}
			if n < len(right) {
				row.live = right[n]
			}
			rows = append(rows, row)
		}
	}
	return rows
}
