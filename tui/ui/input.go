package ui

import (
	"slices"
	"unicode"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Answer is what came of a question so far.
type Answer int

// Answers: none yet, given, and that somebody went back.
const (
	Pending Answer = iota
	Given
	Cancelled
)

// Prompt is one line that somebody types, with a label before it.
type Prompt struct {
	// Hint stands where nothing is typed yet.
	Hint  string
	st    Styles
	label string
	typed []rune // replaced as a whole, never written to
	at    int    // the cursor: before which rune
}

// maxTyped is the most letters of a line.
const maxTyped = 1024

// NewPrompt makes a prompt that begins with value.
func NewPrompt(env Env, label, value string) Prompt {
	p := Prompt{st: env.Styles, label: label}
	p.SetValue(value)
	return p
}

// Update takes a key: enter gives the answer, esc cancels, all else edits.
func (p *Prompt) Update(msg tea.Msg) Answer {
	k, ok := msg.(tea.KeyMsg)
	switch {
	case !ok:
	case k.Type == tea.KeyEnter:
		return Given
	case k.Type == tea.KeyEsc:
		return Cancelled
	case k.Type == tea.KeyRunes || k.Type == tea.KeySpace:
		p.insert(k.Runes)
	default:
		p.edit(k.String())
	}
	return Pending
}

func (p *Prompt) insert(runes []rune) {
	var clean []rune
	for _, r := range runes {
		if !unicode.IsControl(r) {
			clean = append(clean, r)
		}
	}
	clean = clean[:min(len(clean), maxTyped-len(p.typed))]
	p.typed = slices.Concat(p.typed[:p.at], clean, p.typed[p.at:])
	p.at += len(clean)
}

func (p *Prompt) edit(name string) {
	end := len(p.typed)
	switch name {
	case "left", "ctrl+b":
		p.at = max(p.at-1, 0)
	case "right", "ctrl+f":
		p.at = min(p.at+1, end)
	case "home", "ctrl+a":
		p.at = 0
	case "end", "ctrl+e":
		p.at = end
	case "backspace", "ctrl+h":
		p.cut(max(p.at-1, 0), p.at)
	case "delete", "ctrl+d":
		p.cut(p.at, min(p.at+1, end))
	case "ctrl+u":
		p.cut(0, p.at)
	case "ctrl+k":
		p.cut(p.at, end)
	case "ctrl+w", "alt+backspace":
		from := p.at
		for from > 0 && p.typed[from-1] == ' ' {
			from--
		}
		for from > 0 && p.typed[from-1] != ' ' {
			from--
		}
		p.cut(from, p.at)
	}
}

func (p *Prompt) cut(from, to int) {
	p.typed = slices.Concat(p.typed[:from], p.typed[to:])
	p.at = from
}

// Value is what is typed.
func (p Prompt) Value() string { return string(p.typed) }

// SetValue replaces what is typed.
func (p *Prompt) SetValue(s string) {
	p.typed, p.at = nil, 0
	p.insert([]rune(s))
}

// View draws the prompt in exactly width cells. What is before the cursor gives way
// when it does not fit.
func (p Prompt) View(width int) string {
	label := p.st.Key.Render(safe.Line(p.label))
	room := width - Width(label)
	if room < 2 {
		return Fit(label, width)
	}
	typed, at := p.typed, p.at
	before, under, after := safe.Line(string(typed[:at])), "_", ""
	if at < len(typed) {
		under, after = safe.Line(string(typed[at:at+1])), safe.Line(string(typed[at+1:]))
	}
	for Width(before)+Width(under) > room {
		r := []rune(before)
		if len(r) == 0 {
			break
		}
		before = string(r[1:])
	}
	line := label + before + p.st.Selected.Render(under) + after
	if len(typed) == 0 && p.Hint != "" {
		line = label + p.st.Selected.Render("_") + p.st.Dim.Render(" "+safe.Line(p.Hint))
	}
	return Fit(line, width)
}
