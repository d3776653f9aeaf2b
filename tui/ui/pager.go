package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Pager shows lines that scroll, broken at its width, with a search.
type Pager struct {
	// Follow keeps the end in sight when lines are added while it is.
	Follow bool

	env           Env
	moves         Moves
	lines         []Line // as given
	folded        []Line // as drawn
	top           int
	width, height int

	prompt Prompt
	typing bool
	needle string // in lower case
	at     int    // the line of folded that was found
}

// NewPager makes an empty pager.
func NewPager(env Env) Pager { return Pager{env: env, moves: NewMoves(), at: -1} }

// SetText replaces the lines with those of a text, which may come from anywhere.
func (p *Pager) SetText(text string) {
	var lines []Line
	for line := range strings.SplitSeq(strings.TrimRight(safe.Lines(text), "\n"), "\n") {
		lines = append(lines, Text(line, p.env.Styles.Plain))
	}
	p.SetLines(lines)
}

// SetLines replaces the lines, which then belong to the pager.
func (p *Pager) SetLines(lines []Line) {
	end := p.AtEnd()
	p.lines = lines
	p.fold()
	if p.Follow && end {
		p.top = p.last()
	}
}

// Resize tells how many cells View fills.
func (p *Pager) Resize(width, height int) {
	end := p.AtEnd()
	again := width != p.width
	p.width, p.height = max(width, 0), max(height, 0)
	if again {
		p.fold()
	}
	if p.Follow && end {
		p.top = p.last()
	}
	p.top = max(0, min(p.top, p.last()))
}

func (p *Pager) fold() {
	p.folded = make([]Line, 0, len(p.lines))
	for _, line := range p.lines {
		p.folded = append(p.folded, indented(line, p.width)...)
	}
	p.at = -1
	p.top = max(0, min(p.top, p.last()))
}

// indented breaks a line so that all of it is indented as its beginning is.
func indented(line Line, width int) []Line {
	plain := line.Plain()
	in := len(plain) - len(strings.TrimLeft(plain, " "))
	if in == 0 || in > width/2 || Width(plain) <= width {
		return line.Wrap(width)
	}
	indent, rest := line.split(in)
	var out []Line
	for _, part := range rest.Wrap(width - in) {
		out = append(out, append(slices.Clone(indent), part...))
	}
	return out
}

// last is the largest top.
func (p *Pager) last() int { return max(len(p.folded)-p.body(), 0) }

func (p *Pager) body() int {
	if p.height > 1 && (p.typing || p.needle != "") {
		return p.height - 1
	}
	return p.height
}

// AtEnd tells whether the last line is in sight.
func (p *Pager) AtEnd() bool { return p.top >= p.last() }

// Home shows the first line.
func (p *Pager) Home() { p.top = 0 }

// Typing tells that letters are the search's just now.
func (p *Pager) Typing() bool { return p.typing }

// Keys are the keys that the pager obeys, those for moving aside.
func (p *Pager) Keys() []key.Binding {
	return []key.Binding{Bind("search", "/"), Bind("next found", "n"), Bind("found before", "N")}
}

// Moves are the keys for moving.
func (p *Pager) Moves() []key.Binding { return p.moves.Keys() }

// Update obeys a message, and tells whether it was one for the pager.
func (p *Pager) Update(msg tea.Msg) bool {
	switch {
	case p.typing && IsKey(msg):
		p.search(msg)
	case Pressed(msg, Bind("", "/")):
		p.typing, p.prompt = true, NewPrompt(p.env, "/", "")
	case p.needle != "" && Pressed(msg, Bind("", "esc")):
		p.needle, p.at = "", -1
	case p.needle != "" && Pressed(msg, Bind("", "n")):
		p.next(1)
	case p.needle != "" && Pressed(msg, Bind("", "N")):
		p.next(-1)
	default:
		return p.move(msg)
	}
	p.top = max(0, min(p.top, p.last()))
	return true
}

// move scrolls: the cursor is the first line.
func (p *Pager) move(msg tea.Msg) bool {
	s := scroll{cursor: p.top, top: p.top, height: p.body(), n: p.last() + 1}
	if !s.move(p.moves, msg) {
		return false
	}
	p.top = s.cursor
	return true
}

func (p *Pager) search(msg tea.Msg) {
	switch p.prompt.Update(msg) {
	case Given:
		p.typing = false
		p.needle = strings.ToLower(p.prompt.Value())
		p.at = p.top - 1
		p.next(1)
	case Cancelled:
		p.typing = false
	case Pending:
	}
}

// next goes to the next line that has what is searched, round the end.
func (p *Pager) next(by int) {
	n := len(p.folded)
	for i := 1; i <= n && p.needle != ""; i++ {
		at := ((p.at+by*i)%n + n) % n
		if strings.Contains(strings.ToLower(p.folded[at].Plain()), p.needle) {
			p.at = at
			if at < p.top || at >= p.top+p.body() {
				p.top = max(0, min(at-p.body()/3, p.last()))
			}
			return
		}
	}
	p.at = -1
}

// View draws the pager.
func (p *Pager) View() string {
	var lines []string
	for i := p.top; i < min(p.top+p.body(), len(p.folded)); i++ {
		line := p.folded[i]
		if i == p.at {
			line = Text(line.Plain(), p.env.Styles.Selected)
		}
		lines = append(lines, line.Draw(p.width))
	}
	for len(lines) < p.body() {
		lines = append(lines, "")
	}
	switch {
	case p.body() == p.height:
	case p.typing:
		lines = append(lines, p.prompt.View(p.width))
	case p.at < 0:
		lines = append(lines, p.env.Styles.Warn.Render("/"+safe.Line(p.needle)+"  not found"))
	default:
		found := fmt.Sprintf("/%s  line %d of %d", safe.Line(p.needle), p.at+1, len(p.folded))
		lines = append(lines, p.env.Styles.Dim.Render(found))
	}
	return Block(lines, p.width, p.height)
}
