package drift

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/tui/safe"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// dialog is a question of one or several steps. Just one of menu, prompt, confirm
// and notes is there: what is asked now, or what is told until a key is pressed.
type dialog struct {
	title   string
	menu    *ui.Menu
	prompt  *ui.Prompt
	confirm *ui.Confirm
	notes   []string
	wrong   string // what is the matter with what was typed
	// next goes on with what was chosen or typed: another dialog, or a command.
	// With an error the question stays open.
	next func(Screen, string) (Screen, tea.Cmd, error)
}

// over draws the dialog over a screen.
func (d *dialog) over(st ui.Styles, view string, width, height int) string {
	switch {
	case d.menu != nil:
		return d.menu.Over(view, width, height)
	case d.confirm != nil:
		return d.confirm.Over(view, width, height)
	}
	const most = 76
	inner := max(min(width, most)-4, 1)
	var lines []string
	for _, note := range d.notes {
		lines = append(lines, ui.Wrap(note, inner)...)
	}
	if d.prompt != nil {
		lines = append(lines, d.prompt.View(inner))
	}
	if d.wrong != "" {
		for _, line := range ui.Wrap("! "+d.wrong, inner) {
			lines = append(lines, st.Warn.Render(line))
		}
	}
	return ui.Overlay(view, ui.Boxed(st, safe.Line(d.title), lines, width), width, height)
}

// answered hands a key to the dialog that is open.
func (s Screen) answered(msg tea.KeyMsg) (Screen, tea.Cmd) {
	d := *s.ask
	answer, given := ui.Given, ""
	switch {
	case d.menu != nil:
		m := *d.menu
		answer, d.menu = m.Update(msg), &m
		picked, _ := m.Selected()
		given = picked.ID
	case d.prompt != nil:
		p := *d.prompt
		answer, d.prompt, d.wrong = p.Update(msg), &p, ""
		given = strings.TrimSpace(p.Value())
	case d.confirm != nil:
		c := *d.confirm
		answer, d.confirm = c.Update(msg), &c
	}
	s.ask = nil
	switch {
	case answer == ui.Pending:
		s.ask = &d
	case answer == ui.Given && d.next != nil:
		next, cmd, err := d.next(s, given)
		if err != nil {
			d.wrong = err.Error()
			s.ask = &d
			return s, nil
		}
		return next, cmd
	}
	return s, nil
}

// prompted asks for a line.
func (s Screen) prompted(title, label, value, hint string, next func(Screen, string) (Screen, tea.Cmd, error)) Screen {
	p := ui.NewPrompt(s.env, label, value)
	p.Hint = hint
	s.ask = &dialog{title: title, prompt: &p, next: next}
	return s
}

// chosen asks for one of a few.
func (s Screen) chosen(title string, next func(Screen, string) (Screen, tea.Cmd, error), choices ...ui.Choice) Screen {
	m := ui.NewMenu(s.env, title, choices...)
	s.ask = &dialog{title: title, menu: &m, next: next}
	return s
}

// pointer is the JSON pointer (RFC 6901) of a field as reports print it.
func pointer(path string) string {
	var b strings.Builder
	for _, step := range ignore.Steps(path) {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(step, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// expiry is the instant at which a rule ends that somebody wants for some days, or
// until a day; zero for always. The error is for people.
func expiry(typed string, now time.Time) (time.Time, error) {
	switch typed {
	case "":
		return time.Time{}, nil
	case "7d":
		return now.AddDate(0, 0, 7), nil
	case "30d":
		return now.AddDate(0, 0, 30), nil
	}
	day, err := time.ParseInLocation(time.DateOnly, typed, now.Location())
	switch {
	case err != nil:
		return day, errNoDay
	case !day.After(now):
		return day, errPast
	}
	return day, nil
}

// rule is what is asked for step by step.
func rule(e *entry, path, reason string, expires time.Time) api.Ignore {
	out := api.Ignore{Object: e.object.String(), Reason: reason, Expires: expires}
	if path != "" {
		out.Pointer = pointer(path)
	}
	return out
}
