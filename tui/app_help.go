package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// overlay is a text that is shown instead of the uppermost screen: help, messages.
type overlay struct {
	title string
	pager ui.Pager
}

func (a *App) open(title string, lines []ui.Line) {
	a.overlay = &overlay{title: title, pager: ui.NewPager(a.env)}
	a.overlay.pager.Resize(a.bodySize())
	a.overlay.pager.SetLines(lines)
}

func (a *App) inOverlay(m tea.KeyMsg) tea.Cmd {
	if a.overlay.pager.Update(m) {
		return nil
	}
	if ui.Pressed(m, ui.Bind("", "esc", "esc", "q", "?", "M", "enter")) {
		a.overlay = nil
	}
	return nil
}

// openHelp shows all keys that work now, as the bindings have them.
func (a *App) openHelp() {
	st := a.env.Styles
	var lines []ui.Line
	wide := 0
	groups := append(a.top().Keys(), a.keys.groups()...)
	for _, g := range groups {
		for _, k := range g.Keys {
			wide = max(wide, ui.Width(k.Help().Key))
		}
	}
	for _, g := range groups {
		if len(g.Keys) == 0 {
			continue
		}
		lines = append(lines, nil, ui.Text("  "+g.Name, st.Strong))
		for _, k := range g.Keys {
			h := k.Help()
			if h.Key == "" {
				continue
			}
			name, does := ui.Cell{Text: "    " + ui.Fit(h.Key, wide), Style: st.Key}, ui.Cell{Text: "  " + h.Desc, Style: st.Plain}
			if !k.Enabled() {
				name.Style, does.Style = st.Dim, st.Dim
				does.Text += a.whyOff()
			}
			lines = append(lines, ui.Line{name, does})
		}
	}
	a.open("help", append(lines, nil, ui.Text("  esc goes back, / searches", st.Dim)))
}

func (a *App) whyOff() string {
	if a.env.ReadOnly {
		return " (not with --read-only)"
	}
	return " (not here)"
}

// openMessages shows all news, newest first.
func (a *App) openMessages() {
	st := a.env.Styles
	lines := []ui.Line{nil}
	for i := len(a.news) - 1; i >= 0; i-- {
		p := a.news[i]
		lines = append(lines, append(ui.Text("  "+a.env.At(p.at)+"  ", st.Dim), newsOf(st, p)...))
	}
	if len(a.news) == 0 {
		lines = append(lines, ui.Text("  nothing was said yet", st.Dim))
	}
	a.open("messages", lines)
}

func allRuns() run.Filter { return run.Filter{} }
