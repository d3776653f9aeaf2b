package run

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/lipgloss"

	journal "github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// layout is how many cells the parts have. head lies above all; below it left for
// the steps, and beside them tabs, table, look and tail from top to bottom.
type layout struct {
	head, left, tabs, table, look, tail int
}

// Sizes of parts.
const (
	stepsWidth = 24 // of the column of steps
	wideEnough = 76 // for that column
	highEnough = 18
	tailMost   = 6
)

func (s *Screen) layout() layout {
	l := layout{head: len(s.head()), tabs: 1}
	body := max(s.height-l.head, 0)
	if s.page == objectsPage && !s.look.whole && s.width >= wideEnough && s.height >= highEnough {
		l.left = stepsWidth
	}
	if s.page == reportPage {
		l.tabs = 0
	}
	rest := max(body-l.tabs, 0)
	switch {
	case s.look.whole:
		l.tabs, l.look = 0, body
		return l
	case s.look.open:
		l.look = max(rest*3/5, min(rest-3, 6), 0)
	case s.page == objectsPage && s.height >= highEnough:
		l.tail = min(tailMost, rest/3)
	}
	l.table = max(rest-l.look-l.tail, 0)
	return l
}

// arrange gives the parts their sizes.
func (s *Screen) arrange() {
	l := s.layout()
	wide := s.width - l.left
	s.table.Resize(wide, l.table)
	s.look.pager.Resize(wide, max(l.look-1, 0))
	s.events.Resize(s.width, max(s.height-l.head-1, 0))
	text, findings := s.report.divide(l.table)
	s.report.text.Resize(s.width, text)
	s.report.table.Resize(s.width, max(findings-1, 0))
}

// divide says how much of height is for the text of the report, and how much for
// its findings.
func (r *report) divide(height int) (text, findings int) {
	switch {
	case len(r.have.Findings) == 0 || r.whole:
		return height, 0
	case height < 10:
		return 0, height
	}
	findings = min(len(r.have.Findings)+3, height/2)
	return height - findings, findings
}

// View draws the screen.
func (s *Screen) View() string {
	if s.width < 1 || s.height < 1 {
		return ui.Block(nil, s.width, s.height)
	}
	if !s.known {
		return ui.Block(split(s.wait.Block(s.env, "ctrl+r", s.width, s.height)), s.width, s.height)
	}
	l := s.layout()
	lines := s.head()
	var body []string
	switch {
	case s.look.whole:
		body = split(s.look.view(s.width, l.look))
	case s.page == eventsPage:
		body = append([]string{rule(s.env.Styles, "─ events ─ e shows the objects ", s.width)}, split(s.events.View())...)
	case s.page == reportPage:
		body = s.drawReport(l)
	default:
		body = s.drawObjects(l)
	}
	view := ui.Block(append(lines, body...), s.width, s.height)
	return s.dialog.over(s.env, view, s.width, s.height)
}

// head is what stands above all: how the run stands, how far it is, and what a
// person has to know at once.
func (s *Screen) head() []string {
	st, now := s.env.Styles, s.env.Now()
	first := ui.Line{s.outcome(), {Text: fmt.Sprintf("  %s of %s", s.run.Recipe, firstOf(s.run.Cluster, "no cluster")), Style: st.Strong},
		{Text: "  " + ui.Took(s.p.elapsed(now)), Style: st.Plain}, {Text: s.ahead(), Style: st.Dim}}
	if s.run.By != "" {
		first = append(first, ui.Cell{Text: "  by " + s.run.By, Style: st.Dim})
	}
	lines := []string{first.Draw(s.width)}
	if s.height < 4 {
		return lines[:min(len(lines), s.height)]
	}
	lines = append(lines, s.bar())
	if s.width < wideEnough || s.height < highEnough {
		lines = append(lines, s.stepsLine())
	}
	for _, n := range s.notices() {
		lines = append(lines, n.Draw(s.width))
	}
	return lines[:min(len(lines), max(s.height-2, 1))]
}

// ahead says how long it will take yet.
func (s *Screen) ahead() string {
	left, late, ok := s.usual.remaining(s.p, s.env.Now())
	switch {
	case s.p.outcome != "":
		return ""
	case !ok:
		return ", no earlier run to go by"
	case late > 0:
		return fmt.Sprintf(", about %s left, %s later than usual", ui.Took(left), ui.Took(late))
	}
	return fmt.Sprintf(", about %s left", ui.Took(left))
}

// bar is how far the run is, by objects.
func (s *Screen) bar() string {
	st, p := s.env.Styles, s.p
	words := ""
	if r := p.pace.rate(s.env.Now()); r > 0 && p.outcome == "" {
		words = fmt.Sprintf("  %.1f/s", r)
	}
	total := max(p.total, len(p.objects))
	room := min(s.width-ui.Width(words), 60)
	return ui.Fit(ui.Bar(st, p.done(), total, max(room, 1))+st.Dim.Render(words), s.width)
}

// notices are what a person has to know at once.
func (s *Screen) notices() []ui.Line {
	st := s.env.Styles
	var lines []ui.Line
	live := s.p.outcome == "" && s.run.Live
	switch {
	case live && s.p.held != nil:
		text := "! it would fail and waits: r tries the object again, x skips it, p goes on. " + s.p.held.Why
		if !s.p.held.Until.IsZero() {
			text = fmt.Sprintf("! it waits for you until %s: r tries again, x skips, p goes on. %s", s.env.At(s.p.held.Until), s.p.held.Why)
		}
		lines = append(lines, ui.Text(text, st.Warn))
	case live && s.p.paused:
		lines = append(lines, ui.Text("= paused: p goes on", st.Warn))
	case live && !s.run.AbortAsked.IsZero():
		lines = append(lines, ui.Text("! it is being aborted", st.Warn))
	case s.resumable():
		lines = append(lines, ui.Text("! it stopped and can go on: R resumes it, a gives it up. "+s.p.failure, st.Warn))
	case s.p.failure != "":
		lines = append(lines, ui.Text("✗ "+s.p.failure, st.Bad))
	}
	switch {
	case s.lost:
		lines = append(lines, ui.Text("! the daemon does not answer; this is how it was", st.Warn))
	case s.broken != nil:
		lines = append(lines, ui.Text("✗ its events cannot be read (ctrl+r tries again): "+s.broken.Error(), st.Bad))
	case s.wait.Err != nil:
		lines = append(lines, s.wait.Line(s.env))
	}
	return lines
}

// stepCell is a step's sign and its style.
func stepCell(st ui.Styles, state journal.StepState) (string, lipgloss.Style) {
	switch state {
	case journal.StepDone:
		return "✓", st.Good
	case journal.StepFailed:
		return "✗", st.Bad
	case journal.Running:
		return "◐", st.Busy
	case journal.Skipped:
		return "-", st.Dim
	}
	return "○", st.Dim
}

// stepsLine is all steps in one line, where there is no room for a column: how many
// are done, and what is under way.
func (s *Screen) stepsLine() string {
	st, done := s.env.Styles, 0
	now := s.p.running()
	for i := range s.p.steps {
		one := &s.p.steps[i]
		if one.state == journal.StepDone || one.state == journal.Skipped {
			done++
		}
		if now == nil && one.state == journal.StepFailed {
			now = one
		}
	}
	line := ui.Line{{Text: fmt.Sprintf("step %d of %d", min(done+1, len(s.p.steps)), len(s.p.steps)), Style: st.Dim}}
	if now != nil {
		sign, style := stepCell(st, now.state)
		line = append(line, ui.Cell{Text: fmt.Sprintf("  %s %s %s", sign, now.name, ui.Took(now.took(s.env.Now()))), Style: style})
	}
	return line.Draw(s.width)
}

// drawSteps is the column of steps.
func (s *Screen) drawSteps(height int) []string {
	st := s.env.Styles
	lines := make([]string, 0, height)
	from := 0
	for i := range s.p.steps { // what is under way is always in sight
		if s.p.steps[i].state == journal.Running && i >= height {
			from = i - height + 1
		}
	}
	for i := from; i < min(from+height, len(s.p.steps)); i++ {
		one := s.p.steps[i]
		sign, style := stepCell(st, one.state)
		took := ""
		if one.spent > 0 || one.state == journal.Running {
			took = ui.Took(one.took(s.env.Now()))
		}
		name := one.name
		if one.attempts > 1 {
			name += fmt.Sprintf(" (%d.)", one.attempts)
		}
		lines = append(lines, ui.Line{{Text: " " + sign + " ", Style: style}, {Text: ui.Fit(name, stepsWidth-13), Style: st.Plain},
			{Text: ui.Right(took, 8), Style: st.Dim}, {Text: "  ", Style: st.Plain}}.Draw(stepsWidth))
	}
	for len(lines) < height {
		lines = append(lines, strings.Repeat(" ", stepsWidth))
	}
	return lines
}

// drawObjects draws steps, objects, the pane and the last events.
func (s *Screen) drawObjects(l layout) []string {
	wide := s.width - l.left
	right := []string{s.drawTabs(wide)}
	if l.table > 0 {
		right = append(right, split(s.table.View())...)
	}
	if l.look > 0 {
		right = append(right, split(s.look.view(wide, l.look))...)
	}
	if l.tail > 0 {
		right = append(right, s.drawTail(wide, l.tail)...)
	}
	if l.left == 0 {
		return right
	}
	steps := s.drawSteps(len(right))
	for i := range right {
		right[i] = steps[i] + right[i]
	}
	return right
}

// drawTail draws the last events.
func (s *Screen) drawTail(width, height int) []string {
	lines := []string{rule(s.env.Styles, "─ events ─ e shows all ", width)}
	n := s.p.tail.len()
	for i := max(0, n-height+1); i < n; i++ {
		lines = append(lines, s.eventLine(s.p.tail.at(i)).Draw(width))
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines
}

// eventLine is an event for people.
func (s *Screen) eventLine(ev journal.Event) ui.Line {
	st := s.env.Styles
	sign, style := " ", st.Plain
	switch ev.Level {
	case journal.LevelError:
		sign, style = "✗", st.Bad
	case journal.LevelWarn:
		sign, style = "!", st.Warn
	}
	text := ev.Type
	if strings.HasPrefix(ev.Type, "step.") {
		text = ev.Step + strings.TrimPrefix(ev.Type, "step")
	}
	return ui.Line{{Text: ev.Time.In(s.env.Zone).Format("15:04:05 "), Style: st.Dim}, {Text: sign + " " + text, Style: style},
		{Text: joined(" ", ev.Object), Style: st.Strong}, {Text: joined(" ", ev.Message), Style: st.Plain}}
}

// showEvents fills the page of events.
func (s *Screen) showEvents() {
	lines := make([]ui.Line, s.p.tail.len())
	for i := range lines {
		lines[i] = s.eventLine(s.p.tail.at(i))
	}
	s.events.SetLines(lines)
}

// drawReport draws the report: its text, its findings, and the pane.
func (s *Screen) drawReport(l layout) []string {
	text, findings := s.report.divide(l.table)
	var lines []string
	if text > 0 {
		lines = append(lines, split(s.report.text.View())...)
	}
	if findings > 0 {
		title := fmt.Sprintf("─ %s ─ enter looks at one, tab shows all the text ", ui.Count(len(s.report.have.Findings), "finding"))
		lines = append(lines, rule(s.env.Styles, title, s.width))
		if findings > 1 {
			lines = append(lines, split(s.report.table.View())...)
		}
	}
	if l.look > 0 {
		lines = append(lines, split(s.look.view(s.width, l.look))...)
	}
	return lines
}

// rule is a line that parts two parts, with words in it.
func rule(st ui.Styles, words string, width int) string {
	return st.Border.Render(ui.Clip(words+strings.Repeat("─", max(width-ui.Width(words), 0)), width))
}

func split(view string) []string { return strings.Split(view, "\n") }

func joined(blank, text string) string {
	if text == "" {
		return ""
	}
	return blank + text
}

// short is the beginning of a text.
func short(text string, n int) string { return ui.Clip(text, n) }
