package rebuild

import (
	"fmt"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/plan"
)

// sign is how a line of a difference is marked.
type sign byte

const (
	none    sign = ' '
	added   sign = '+'
	removed sign = '-'
	changed sign = '~'
	remark  sign = '#'
)

// line is one line of a difference; its text is as it came, to be made safe when
// it is drawn.
type line struct {
	sign sign
	text string
}

// fieldsShown is how many fields of one object are listed.
const fieldsShown = 12

// differenceLines are what a commit changes, by object: first how much, then what
// comes, what goes, and what changes with its fields.
func differenceLines(c api.Comparison) []line {
	if c.Empty() {
		return []line{{none, "the same objects as " + what(c)}}
	}
	lines := []line{{none, fmt.Sprintf("against %s: +%d added, -%d removed, ~%d changed",
		what(c), len(c.Added), len(c.Removed), len(c.Changed))}}
	for _, o := range c.Changed {
		lines = append(lines, line{changed, o.ID.String()})
		lines = append(lines, fieldLines(o)...)
	}
	for _, o := range c.Added {
		lines = append(lines, line{added, o.ID.String()})
	}
	for _, o := range c.Removed {
		lines = append(lines, line{removed, o.ID.String()})
	}
	return lines
}

func fieldLines(o plan.Change) []line {
	var lines []line
	for i, f := range o.Fields {
		if i == fieldsShown {
			return append(lines, line{remark, fmt.Sprintf("    … and %d more fields", len(o.Fields)-i)})
		}
		lines = append(lines, line{none, "    " + fieldWords(f)})
	}
	return lines
}

// fieldWords is a changed field in words; what a Secret holds is never among them.
func fieldWords(f plan.Field) string {
	switch {
	case f.Hidden:
		return f.Path + ": differs (hidden)"
	case f.Old == "":
		return f.Path + ": + " + f.New
	case f.New == "":
		return f.Path + ": - " + f.Old
	}
	return f.Path + ": " + f.Old + " → " + f.New
}

// what names the commit that a comparison is with.
func what(c api.Comparison) string {
	return "what was restored last (" + short(c.From.SHA) + ")"
}

// short is a SHA as people read it.
func short(sha string) string { return sha[:min(len(sha), 8)] }
