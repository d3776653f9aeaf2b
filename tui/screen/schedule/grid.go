package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// column is one column of the grid: a cell, the line of now, or a gap between two
// days.
type column struct {
	cell
	kind columnKind
	day  int
}

type columnKind byte

const (
	ofCell columnKind = iota
	ofNow
	ofGap
)

// columnsOf lays days out. The line of now stands before or behind the cell that
// holds now, whichever is nearer.
func columnsOf(days []day, now time.Time) []column {
	var list []column
	for i, d := range days {
		if i > 0 {
			list = append(list, column{kind: ofGap, day: i})
		}
		for _, c := range d.cells {
			holds := c.holds(now)
			behind := holds && now.Sub(c.from) > c.to.Sub(now)
			if holds && !behind {
				list = append(list, column{kind: ofNow, day: i})
			}
			list = append(list, column{cell: c, day: i})
			if behind {
				list = append(list, column{kind: ofNow, day: i})
			}
		}
	}
	return list
}

func (c cell) holds(t time.Time) bool { return !t.Before(c.from) && t.Before(c.to) }

// headings are the lines above the grid: days, hours, and where now and the cursor
// are.
func headings(days []day, columns []column, cursor time.Time) (names, hours, marks string) {
	widths := make([]int, len(days))
	for _, c := range columns {
		widths[c.day]++
	}
	var name strings.Builder
	for i, d := range days {
		gap := 0
		if i > 0 {
			gap = 1
		}
		name.WriteString(strings.Repeat(" ", gap) + ui.Fit(dayName(d, widths[i]-gap), widths[i]-gap))
	}
	hour, mark := make([]rune, len(columns)), make([]rune, len(columns))
	free := 0 // where the next hour may stand
	for i, c := range columns {
		if hour[i] == 0 {
			hour[i] = ' '
		}
		switch mark[i] = ' '; {
		case c.kind == ofNow:
			mark[i] = '▼'
		case c.kind == ofCell && c.holds(cursor):
			mark[i] = '^'
		}
		label := c.from.Format("15")
		room := i+1 < len(columns) && columns[i+1].day == c.day
		if c.kind == ofCell && i >= free && room && c.from.Minute() == 0 && c.from.Hour()%6 == 0 {
			hour[i], hour[i+1] = rune(label[0]), rune(label[1])
			free = i + 4
		}
	}
	return name.String(), string(hour), string(mark)
}

// dayName is a day in at most width cells; its length is told when it is not 24
// hours.
func dayName(d day, width int) string {
	odd := ""
	if h := d.hours(); h != 24*time.Hour {
		odd = fmt.Sprintf(" %gh", h.Hours())
	}
	noon := d.from.Add(d.hours() / 2)
	for _, name := range []string{noon.Format("Mon 2 Jan") + odd, noon.Format("Mon 2") + odd, noon.Format("Mon 2"), noon.Format("Mon"), noon.Format("2")} {
		if ui.Width(name) <= width {
			return name
		}
	}
	return noon.Format("Mon")[:min(2, max(width, 0))]
}

// painter draws rows of the grid.
type painter struct {
	ui.Styles
	columns []column
	// cursor is the chosen time; zero in rows that are not chosen.
	cursor time.Time
	// now parts what was from what comes.
	now time.Time
}

// row draws what is wanted of one cluster; nil when that is not known yet. drills
// are when rehearsals began.
func (p painter) row(list []span, drills []time.Time) string {
	var b strings.Builder
	var held strings.Builder
	style := p.Plain
	flush := func() {
		if held.Len() > 0 {
			b.WriteString(style.Render(held.String()))
			held.Reset()
		}
	}
	was := byte(0)
	for _, c := range p.columns {
		text, look, id := p.column(c, list, drills)
		if id != was {
			flush()
			style, was = look, id
		}
		held.WriteRune(text)
	}
	flush()
	return b.String()
}

// column draws one column of a row, in a style that has a number of its own.
func (p painter) column(c column, list []span, drills []time.Time) (text rune, look lipgloss.Style, id byte) {
	switch {
	case c.kind == ofNow:
		return '│', p.Strong, 1
	case c.kind == ofGap:
		return ' ', p.Plain, 2
	case len(list) == 0:
		text = signUnknown
	default:
		text = sign(list, c.cell)
	}
	for _, d := range drills {
		if c.holds(d) {
			text = signDrill
		}
	}
	if c.holds(p.cursor) {
		return text, p.Selected, 3
	}
	switch text {
	case signAwake, signKept, signExtra:
		if c.to.Before(p.now) {
			return text, p.Dim, 4
		}
		return text, p.Good, 5
	case signUp, signDown, signTwice, signDrill:
		return text, p.Busy, 6
	case signHeld:
		return text, p.Warn, 7
	case signAsleep, signSent, signOff:
		return text, p.Asleep, 8
	}
	return text, p.Dim, 4
}

// legend says what the signs mean, as many as fit into lines of width.
func legend(st ui.Styles, width int) []ui.Line {
	lines := []ui.Line{nil}
	used := 0
	for _, entry := range []struct {
		sign rune
		word string
		look lipgloss.Style
	}{
		{signAwake, "awake", st.Good}, {signAsleep, "asleep", st.Asleep}, {signUp, "comes up", st.Busy}, {signDown, "goes down", st.Busy},
		{signKept, "awake by a word", st.Good}, {signSent, "asleep by a word", st.Asleep}, {signHeld, "left as it is", st.Warn},
		{signExtra, "awake by an exception", st.Good}, {signOff, "asleep by an exception", st.Asleep},
		{signTwice, "several changes", st.Busy}, {signDrill, "drill", st.Busy}, {'▼', "now", st.Strong},
	} {
		text := " " + entry.word + "  "
		if used += 1 + len(text); used > width+2 && used > 1+len(text) {
			lines, used = append(lines, nil), 1+len(text)
		}
		last := len(lines) - 1
		lines[last] = append(lines[last], ui.Cell{Text: string(entry.sign), Style: entry.look}, ui.Cell{Text: text, Style: st.Dim})
	}
	return lines
}

// stateWord is a wanted state with its sign.
func stateWord(st ui.Styles, p span) ui.Cell {
	switch {
	case p.hold:
		return ui.Cell{Text: "= left as it is", Style: st.Warn}
	case p.state == api.Unknown:
		return ui.Cell{Text: "nothing is said", Style: st.Dim}
	}
	return st.State(p.state)
}
