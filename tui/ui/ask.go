package ui

import (
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Question is what Confirm asks.
type Question struct {
	// Title is what would be done: "put dev to sleep?".
	Title string
	// Lines say what follows from it; of a destructive step, exactly what is lost.
	Lines []string
	// Name has to be typed for a yes, when it is not empty: of what destroys
	// something. Otherwise y is enough.
	Name string
}

// Confirm asks a question before something is done. Destructive steps want a name
// typed.
type Confirm struct {
	q      Question
	st     Styles
	prompt Prompt
	wrong  bool
}

// NewConfirm makes one.
func NewConfirm(env Env, q Question) Confirm {
	return Confirm{q: q, st: env.Styles, prompt: NewPrompt(env, "> ", "")}
}

// Update takes a key: y or enter after the name is Given; n and esc are Cancelled.
func (c *Confirm) Update(msg tea.Msg) Answer {
	if c.q.Name == "" {
		switch {
		case Pressed(msg, Bind("", "y", "y", "Y")):
			return Given
		case Pressed(msg, Bind("", "n", "n", "N", "esc", "q")):
			return Cancelled
		}
		return Pending
	}
	if IsKey(msg) {
		c.wrong = false
	}
	switch c.prompt.Update(msg) {
	case Given:
		if c.prompt.Value() == c.q.Name {
			return Given
		}
		c.wrong = true
	case Cancelled:
		return Cancelled
	case Pending:
	}
	return Pending
}

// Typing tells that letters are an answer: all of them, as nothing else is to happen
// while a question is open.
func (c *Confirm) Typing() bool { return true }

// Box draws the question as a box of at most width cells, for Overlay.
func (c *Confirm) Box(width int) []string {
	inner := max(min(width, 76)-4, 1)
	var lines []string
	for _, text := range c.q.Lines {
		lines = append(lines, Wrap(text, inner)...)
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	if c.q.Name == "" {
		lines = append(lines, c.st.Key.Render("y")+" yes   "+c.st.Key.Render("n")+" no")
		return Boxed(c.st, safe.Line(c.q.Title), lines, width)
	}
	lines = append(lines, Wrap("Type "+c.q.Name+" and press enter to go on; esc goes back.", inner)...)
	lines = append(lines, c.prompt.View(inner))
	if c.wrong {
		lines = append(lines, c.st.Warn.Render("! that is not "+safe.Line(c.q.Name)))
	}
	return Boxed(c.st, safe.Line(c.q.Title), lines, width)
}

// Over draws the question over a screen of width x height cells.
func (c *Confirm) Over(screen string, width, height int) string {
	return Overlay(screen, c.Box(width), width, height)
}

// Choice is one line of a Menu.
type Choice struct {
	ID     string
	Text   string
	Detail string
	// Off says why it cannot be chosen; empty: it can.
	Off string
}

// Menu lets one of a few choices be chosen. Those that cannot be are greyed, with
// the reason.
type Menu struct {
	title   string
	env     Env
	choices []Choice
	scroll  scroll
	moves   Moves
}

// NewMenu makes a menu, with the cursor on the first that can be chosen.
func NewMenu(env Env, title string, choices ...Choice) Menu {
	m := Menu{title: title, env: env, choices: choices, moves: NewMoves()}
	m.scroll.set(len(choices), len(choices))
	for i, c := range choices {
		if c.Off == "" {
			m.scroll.to(i)
			break
		}
	}
	return m
}

// Selected is the choice under the cursor.
func (m *Menu) Selected() (Choice, bool) {
	if len(m.choices) == 0 {
		return Choice{}, false
	}
	return m.choices[m.scroll.cursor], true
}

// Select puts the cursor on a choice.
func (m *Menu) Select(id string) {
	for i, c := range m.choices {
		if c.ID == id {
			m.scroll.to(i)
		}
	}
}

// Update takes a key: enter on what can be chosen is Given, esc Cancelled.
func (m *Menu) Update(msg tea.Msg) Answer {
	switch {
	case Pressed(msg, Bind("", "enter")):
		if c, ok := m.Selected(); ok && c.Off == "" {
			return Given
		}
	case Pressed(msg, Bind("", "esc")):
		return Cancelled
	default:
		m.scroll.move(m.moves, msg)
	}
	return Pending
}

// Lines draws the choices in lines of exactly width cells, as many as fit in height,
// the one under the cursor among them.
func (m *Menu) Lines(width, height int) []string {
	s := m.scroll
	s.top = 0
	s.set(len(m.choices), height)
	st := m.env.Styles
	wide := 0
	for _, c := range m.choices {
		wide = max(wide, Width(safe.Line(c.Text)))
	}
	wide = min(wide, max(width*2/3, 8))
	var lines []string
	for i := s.top; i < min(s.top+s.height, len(m.choices)); i++ {
		c := m.choices[i]
		lead, name, rest := "  ", Cell{c.Text, st.Plain}, Cell{c.Detail, st.Dim}
		if c.Off != "" {
			lead, name.Style, rest = "- ", st.Dim, Cell{c.Off, st.Dim}
		}
		if i == s.cursor {
			lead, name.Style = ">"+lead[:1], st.Selected
		}
		name.Text = Fit(safe.Line(name.Text), wide)
		lines = append(lines, Line{{lead, st.Plain}, name, {"  ", st.Plain}, rest}.Draw(width))
	}
	return lines
}

// Box draws the menu as a box, for Overlay.
func (m *Menu) Box(width, height int) []string {
	text, detail := 0, 0
	for _, c := range m.choices {
		text = max(text, Width(safe.Line(c.Text)))
		detail = max(detail, Width(safe.Line(c.Detail)), Width(safe.Line(c.Off)))
	}
	inner := max(min(text+detail+4, width-4), 1)
	return Boxed(m.env.Styles, safe.Line(m.title), m.Lines(inner, max(height-2, 1)), width)
}

// Over draws the menu over a screen of width x height cells.
func (m *Menu) Over(screen string, width, height int) string {
	return Overlay(screen, m.Box(width, height), width, height)
}
