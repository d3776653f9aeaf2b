package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/safe"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// headLines are the lines above the grid's rows.
const headLines = 4

// widths are those of a cluster's name and of the grid.
func (s Screen) widths() (name, grid int) {
	const most, around = 24, 5 // cursor, gaps and the state's sign
	for _, c := range s.clusters {
		name = max(name, ui.Width(safe.Line(c.Name)))
	}
	name = max(min(name, most, s.width/4), 1)
	return name, max(s.width-name-around, 0)
}

// rows is how many clusters are seen at once.
func (s Screen) rows() int {
	left := s.height - headLines
	details := min(left/2, 9)
	return max(min(left-details, max(len(s.clusters), 1)), 1)
}

// View draws the screen.
func (s Screen) View() string {
	view := ui.Block(s.lines(), s.width, s.height)
	if s.ask == nil {
		return view
	}
	switch d := s.ask; {
	case d.menu != nil:
		return d.menu.Over(view, s.width, s.height)
	case d.confirm != nil:
		return d.confirm.Over(view, s.width, s.height)
	default:
		inner := max(min(s.width, 72)-4, 1)
		lines := []string{d.prompt.View(inner)}
		if d.wrong != "" {
			for _, line := range ui.Wrap("! "+d.wrong, inner) {
				lines = append(lines, s.env.Styles.Warn.Render(line))
			}
		}
		return ui.Overlay(view, ui.Boxed(s.env.Styles, "times in "+s.env.Now().In(s.env.Zone).Format("MST"), lines, s.width), s.width, s.height)
	}
}

func (s Screen) lines() []string {
	st := s.env.Styles
	if len(s.clusters) == 0 {
		if s.wait.What != "" {
			return strings.Split(s.wait.Block(s.env, "r", s.width, s.height), "\n")
		}
		return []string{"", "  " + st.Dim.Render("no clusters are known: rekindle.yaml declares them")}
	}
	now := s.env.Now()
	days := s.days()
	nameWidth, grid := s.widths()
	p := painter{Styles: st, columns: columnsOf(days, now), now: now}
	names, hours, marks := headings(days, p.columns, s.cursor)
	margin := strings.Repeat(" ", nameWidth+5)
	lines := []string{
		s.head(days).Draw(s.width),
		margin + st.Strong.Render(ui.Clip(names, grid)),
		margin + st.Dim.Render(ui.Clip(hours, grid)),
		margin + st.Strong.Render(ui.Clip(marks, grid)),
	}
	for i := s.top; i < min(s.top+s.rows(), len(s.clusters)); i++ {
		lines = append(lines, s.line(p, i, nameWidth))
	}
	return append(lines, s.details(s.height-len(lines))...)
}

// head is the first line: which week, in which zone, and what is on its way.
func (s Screen) head(days []day) ui.Line {
	st := s.env.Styles
	from, to := days[0].from, days[len(days)-1].from.Add(12*time.Hour)
	zone := s.env.Zone.String()
	if short, _ := s.cursor.In(s.env.Zone).Zone(); short != zone {
		zone += " (" + short + ")"
	}
	line := ui.Line{
		{Text: from.Format("Mon 2 Jan") + " to " + to.Format("Mon 2 Jan 2006"), Style: st.Strong},
		{Text: "  times in " + zone, Style: st.Dim},
	}
	if wait := s.wait.Line(s.env); len(wait) > 0 {
		return append(append(line, ui.Cell{Text: "  "}), wait...)
	}
	_, grid := s.widths()
	if step := stepFor(grid); step > 1 {
		line = append(line, ui.Cell{Text: fmt.Sprintf("  a cell is %d hours", step), Style: st.Dim})
	}
	return line
}

// line draws one cluster's row.
func (s Screen) line(p painter, i, nameWidth int) string {
	st, c := s.env.Styles, s.clusters[i]
	lead, look := "  ", st.Plain
	if i == s.row {
		lead, look = "> ", st.Selected
		p.cursor = s.cursor
	}
	state := st.State(c.State)
	sign := string([]rune(state.Text)[:1])
	line := lead + look.Render(ui.Fit(safe.Line(c.Name), nameWidth)) + " " + state.Style.Render(sign) + " "
	k := s.known[c.Name]
	switch {
	case k == nil || k.spans == nil && k.err == nil:
		return line + st.Dim.Render("… reading its schedule")
	case k.spans == nil:
		return line + st.Bad.Render("✗ "+safe.Line(k.err.Error()))
	case k.schedule.Decision == nil:
		return line + st.Dim.Render("no schedule: it is left to people")
	}
	return line + p.row(k.spans, s.rehearsals(c.Name))
}

// details are the lines below the grid: what holds for the chosen cluster now and at
// the chosen time, why, and what people said.
func (s Screen) details(room int) []string {
	if room < 1 {
		return nil
	}
	c, is := s.selected()
	if !is {
		return nil
	}
	st := s.env.Styles
	lines := []ui.Line{nil, s.nowLine(c)}
	k := s.known[c.Name]
	if k != nil && k.err != nil {
		lines = append(lines, ui.Line{{Text: "✗ ", Style: st.Bad}, {Text: k.err.Error(), Style: st.Bad}, {Text: "  r tries again", Style: st.Dim}})
	}
	if s.answer.cluster == c.Name && s.answer.text != "" {
		lines = append(lines, ui.Line{{Text: "✓ ", Style: st.Good}, {Text: s.answer.text, Style: st.Plain}})
	}
	if k != nil && len(k.spans) > 0 && k.schedule.Decision != nil {
		lines = append(append(lines, s.cursorLine(k)), s.drillLines(k)...)
	}
	for _, w := range c.Words {
		lines = append(lines, ui.Line{{Text: "  " + string(w.Kind), Style: st.Warn}, {Text: " " + s.wordLine(w), Style: st.Plain}})
	}
	var out []string
	for _, line := range lines {
		for _, part := range line.Wrap(s.width) {
			out = append(out, part.Draw(s.width))
		}
	}
	if signs := legend(st, s.width); len(out)+len(signs) < room {
		for len(out)+len(signs) < room {
			out = append(out, "")
		}
		for _, line := range signs {
			out = append(out, line.Draw(s.width))
		}
	}
	return out[:min(len(out), room)]
}

// nowLine says what the cluster is and should be now, and why.
func (s Screen) nowLine(c api.Cluster) ui.Line {
	st := s.env.Styles
	line := ui.Line{{Text: c.Name, Style: st.Strong}, {Text: " is "}, st.State(c.State)}
	if c.Doing != "" {
		line = append(line, ui.Cell{Text: " (" + c.Doing + ")", Style: st.Busy})
	}
	if c.Protected {
		line = append(line, ui.Cell{Text: ", protected", Style: st.Warn})
	}
	d := c.Wanted
	if d == nil {
		return append(line, ui.Cell{Text: "; no schedule", Style: st.Dim})
	}
	line = append(line, ui.Cell{Text: "; now: "}, stateWord(st, span{state: d.State, hold: d.Hold}))
	if !d.Until.IsZero() {
		line = append(line, ui.Cell{Text: fmt.Sprintf(" until %s, %s", s.env.At(d.Until), ui.In(s.env.Now(), d.Until))})
	}
	return append(line, ui.Cell{Text: "  " + d.Reason, Style: st.Dim})
}

// cursorLine says what is wanted at the chosen time.
func (s Screen) cursorLine(k *known) ui.Line {
	st := s.env.Styles
	p := at(k.spans, s.cursor)
	local := s.cursor.In(s.env.Zone)
	line := ui.Line{{Text: "^ " + local.Format("Mon 2 Jan 15:04 MST"), Style: st.Strong}}
	if k.zone != nil {
		if there := s.cursor.In(k.zone); there.Format(time.DateTime) != local.Format(time.DateTime) {
			line = append(line, ui.Cell{Text: fmt.Sprintf(" (%s in %s)", there.Format("Mon 15:04"), k.schedule.Zone), Style: st.Dim})
		}
	}
	line = append(line, ui.Cell{Text: ": "}, stateWord(st, p))
	if p.from.After(k.schedule.From) {
		line = append(line, ui.Cell{Text: " since " + s.env.At(p.from)})
	}
	if p.to.Before(k.schedule.To) {
		line = append(line, ui.Cell{Text: " until " + s.env.At(p.to)})
	}
	return append(line, ui.Cell{Text: "  " + p.reason, Style: st.Dim})
}

// rehearsals are when drills of a cluster began, and when they are due.
func (s Screen) rehearsals(name string) []time.Time {
	list := slices.Clone(s.drills[name])
	for _, d := range s.coming(s.known[name]) {
		list = append(list, d.At)
	}
	return list
}

// coming are the drills that are still due; those that were are runs.
func (s Screen) coming(k *known) []api.Due {
	if k == nil {
		return nil
	}
	now := s.env.Now()
	return slices.DeleteFunc(slices.Clone(k.schedule.Drills), func(d api.Due) bool { return !d.At.After(now) })
}

// drillLines tell of the drills that are due in the chosen cell.
func (s Screen) drillLines(k *known) []ui.Line {
	var lines []ui.Line
	for _, d := range s.days() {
		for _, c := range d.cells {
			if !c.holds(s.cursor) {
				continue
			}
			for _, due := range s.coming(k) {
				if c.holds(due.At) {
					lines = append(lines, ui.Line{{Text: "  drill", Style: s.env.Styles.Busy}, {Text: " at " + s.env.At(due.At)}, {Text: "  " + due.Reason, Style: s.env.Styles.Dim}})
				}
			}
		}
	}
	return lines
}

// wordLine says who said a word, when, until when and why.
func (s Screen) wordLine(w api.Word) string {
	text := fmt.Sprintf("by %s at %s", w.By, s.env.At(w.Said))
	if !w.From.IsZero() && w.From.After(s.env.Now()) {
		text += ", from " + s.env.At(w.From)
	}
	if w.Until.IsZero() {
		text += ", until it is taken back"
	} else {
		text += ", until " + s.env.At(w.Until)
	}
	if w.Why != "" {
		text += ": " + w.Why
	}
	return text
}
