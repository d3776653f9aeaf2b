package ui

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// find is the filter of a list: what is typed, live, in the list's last line.
type find struct {
	filter Filter
	err    error
	prompt Prompt
	typing bool
	before string // the filter when typing began
}

// update takes a key, and tells whether it was one for it, and whether the filter is
// another now.
func (f *find) update(env Env, msg tea.Msg) (used, changed bool) {
	old := f.filter.String()
	switch {
	case f.typing && IsKey(msg):
		switch f.prompt.Update(msg) {
		case Pending:
			f.set(f.prompt.Value())
		case Given:
			f.typing = false
		case Cancelled:
			f.typing = false
			f.set(f.before)
		}
	case Pressed(msg, Bind("", "/")):
		f.typing, f.before = true, old
		f.prompt = NewPrompt(env, "/", old)
		f.prompt.Hint = "text, /regular expression/, ! before it for all others"
	case Pressed(msg, Bind("", "esc")) && old != "":
		f.set("")
	default:
		return false, false
	}
	return true, f.filter.String() != old
}

func (f *find) set(typed string) { f.filter, f.err = ParseFilter(typed) }

// active tells whether the filter has a line of its own.
func (f find) active() bool { return f.typing || f.filter.String() != "" }

// view draws the line: the filter, and how many of all rows it takes.
func (f find) view(st Styles, shown, all, width int) string {
	tail := fmt.Sprintf("  %d of %d", shown, all)
	if f.err != nil {
		tail = "  ! no regular expression" + tail
	}
	room := max(width-Width(tail), 0)
	if f.typing {
		return Fit(f.prompt.View(room)+st.Dim.Render(tail), width)
	}
	line := st.Key.Render("/") + safe.Line(f.filter.String()) + st.Dim.Render(tail)
	if w := Width(line); w < width {
		line += st.Dim.Render(Clip("  esc shows all", width-w))
	}
	return Fit(line, width)
}
