package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"

	"github.com/rekindle-io/rekindle/tui/safe"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// headLines stand above a screen, footLines below: news and key hints.
const headLines, footLines = 1, 2

// minWidth and minHeight are the least that anything can be shown in.
const minWidth, minHeight = 20, 5

// piece is one line of news.
type piece struct {
	ui.Told
	at time.Time
}

// maxNews is how many lines of news are kept.
const maxNews = 200

func (a *App) tell(t ui.Told) {
	a.news = append(a.news, piece{t, a.env.Now()})
	if len(a.news) > maxNews {
		a.news = append([]piece(nil), a.news[len(a.news)-maxNews:]...)
	}
}

// lasts is how long news is shown: what went wrong takes longer to read.
func lasts(l ui.Level) time.Duration {
	if l >= ui.Warn {
		return 15 * time.Second
	}
	return 6 * time.Second
}

func (a *App) bodySize() (width, height int) {
	return max(a.width, 1), max(a.height-headLines-footLines, 1)
}

// View implements tea.Model.
func (a *App) View() string {
	switch {
	case a.width <= 0 || a.height <= 0:
		return ""
	case a.width < minWidth || a.height < minHeight:
		text := fmt.Sprintf("%dx%d is too small: %dx%d is needed", a.width, a.height, minWidth, minHeight)
		return ui.Block(ui.Wrap(text, a.width), a.width, a.height)
	}
	w, h := a.bodySize()
	var body string
	switch {
	case len(a.stack) == 0:
		body = ui.Block([]string{"", "  … asking " + safe.Line(a.daemon.Address())}, w, h)
	case a.overlay != nil:
		body = a.overlay.pager.View()
	default:
		body = a.top().View()
	}
	if a.leaving != nil {
		body = a.leaving.Over(body, w, h)
	}
	return strings.Join([]string{a.head(), body, a.newsLine(), a.hints()}, "\n")
}

// head is the first line: the way to the screen, whom the UI talks to, the time.
func (a *App) head() string {
	st := a.env.Styles
	var way []string
	for _, e := range a.stack {
		way = append(way, safe.Line(e.screen.Title()))
	}
	if a.overlay != nil {
		way = append(way, a.overlay.title)
	}
	clock := a.env.Now().In(a.env.Zone).Format("15:04")
	who := safe.Line(a.daemon.Address())
	if a.env.ReadOnly {
		who = "read-only · " + who
	}
	right := " " + who + " · " + clock
	if ui.Width(right) > a.width/2 {
		right = " " + ui.Clip(who, max(a.width/2-ui.Width(clock)-4, 0)) + " · " + clock
	}
	left := st.Title.Render("rekindle")
	room := a.width - ui.Width(right) - ui.Width("rekindle")
	path := ""
	for i := range way { // what lies far below gives way first
		path = " › " + strings.Join(way[i:], " › ")
		if ui.Width(path) <= room {
			break
		}
	}
	return ui.Fit(left+ui.Fit(path, room)+st.Dim.Render(right), a.width)
}

// newsLine is a lost daemon, or the newest news as long as they last.
func (a *App) newsLine() string {
	st, now := a.env.Styles, a.env.Now()
	if a.link.lost() {
		when := "looking for it …"
		if !a.link.probing && a.link.retryAt.After(now) {
			when = "next try " + ui.In(now, a.link.retryAt) + " (ctrl+r: now)"
		}
		return ui.Line{
			{Text: "✗ no daemon since " + a.env.At(a.link.since) + "; " + when + ": ", Style: st.Bad},
			{Text: a.link.err.Error(), Style: st.Plain},
		}.Draw(a.width)
	}
	if len(a.news) == 0 {
		return ui.Fit("", a.width)
	}
	p := a.news[len(a.news)-1]
	if now.Sub(p.at) > lasts(p.Level) {
		return ui.Fit("", a.width)
	}
	return newsOf(st, p).Draw(a.width)
}

func newsOf(st ui.Styles, p piece) ui.Line {
	sign := map[ui.Level]ui.Cell{
		ui.Info: {Text: "· ", Style: st.Dim}, ui.Good: {Text: "✓ ", Style: st.Good},
		ui.Warn: {Text: "! ", Style: st.Warn}, ui.Bad: {Text: "✗ ", Style: st.Bad},
	}[p.Level]
	line := ui.Line{sign, {Text: p.Text, Style: sign.Style}}
	if p.Hint != "" {
		line = append(line, ui.Cell{Text: "  → " + p.Hint, Style: st.Plain})
	}
	return line
}

// hints is the last line: the keys of the uppermost screen's first group, and help.
func (a *App) hints() string {
	var keys []key.Binding
	switch {
	case a.leaving != nil:
	case a.overlay != nil:
		keys = append(keys, ui.Bind("search", "/"), ui.Bind("back", "esc"))
	case len(a.stack) > 0:
		if groups := a.top().Keys(); len(groups) > 0 {
			keys = groups[0].Keys
		}
	}
	// The last cell stays blank: Bubble Tea erases it when the window gets lower.
	tail := hint(a.env.Styles, a.keys.help) + " "
	room := a.width - ui.Width(tail) - 2
	line := ""
	for _, k := range keys {
		if !k.Enabled() || k.Help().Key == "" {
			continue
		}
		part := hint(a.env.Styles, k)
		if line != "" {
			part = "  " + part
		}
		if ui.Width(line)+ui.Width(part) > room {
			break
		}
		line += part
	}
	return ui.Fit(line, max(room, 0)) + "  " + tail
}

func hint(st ui.Styles, k key.Binding) string {
	return st.Key.Render(k.Help().Key) + " " + st.KeyText.Render(k.Help().Desc)
}
