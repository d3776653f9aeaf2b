package runs

import (
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// View draws the screen.
func (s Screen) View() string {
	if s.width < 1 || s.height < 1 {
		return ui.Block(nil, s.width, s.height)
	}
	body := s.table.View()
	if s.wait.Err != nil && len(s.history.list) == 0 {
		body = s.wait.Block(s.env, "ctrl+r", s.width, s.height-1)
	}
	view := s.head().Draw(s.width)
	if s.height > 1 {
		view += "\n" + body
	}
	switch {
	case s.confirm != nil:
		view = s.confirm.Over(view, s.width, s.height)
	case s.menu != nil:
		view = s.menu.Over(view, s.width, s.height)
	}
	return view
}

// head is the first line: how many runs, of what choice, and what is on its way.
func (s Screen) head() ui.Line {
	st := s.env.Styles
	live := 0
	for _, r := range s.table.Rows() {
		if r.Live && r.Outcome == "" {
			live++
		}
	}
	line := ui.Line{{Text: ui.Count(len(s.table.Rows()), "run"), Style: st.Strong}}
	if len(s.history.list) >= s.limit {
		text := ", the newest"
		if s.limit >= api.MaxList {
			text = fmt.Sprintf(" of the newest %d: choose by cluster or recipe to see older ones", api.MaxList)
		}
		line = append(line, ui.Cell{Text: text, Style: st.Dim})
	}
	if live > 0 {
		line = append(line, ui.Cell{Text: fmt.Sprintf("  ◐ %d running", live), Style: st.Busy})
	}
	if words := s.choice.words(); words != "" {
		line = append(line, ui.Cell{Text: "  only " + words, Style: st.Warn}, ui.Cell{Text: " (F shows all)", Style: st.Dim})
	}
	if n := len(s.table.Marked()); n > 0 {
		line = append(line, ui.Cell{Text: fmt.Sprintf("  * %d marked", n), Style: st.Strong})
	}
	if wait := s.wait.Line(s.env); len(wait) > 0 {
		line = append(append(line, ui.Cell{Text: "  "}), wait...)
	}
	return line
}

// words say what is chosen; empty for all.
func (c choice) words() string {
	var parts []string
	for _, p := range [][2]string{{"cluster", c.cluster}, {"recipe", c.recipe}, {"outcome", c.outcome}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	return strings.Join(parts, ", ")
}
