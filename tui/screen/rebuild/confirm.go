package rebuild

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	journal "github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// confirm sums up what was chosen, asks whether it is meant, and begins it.
type confirm struct {
	s     *Screen
	wait  ui.Wait
	pager ui.Pager
	ask   *ui.Confirm
	// req was sent; the same choices are sent again under the same key, so that a
	// run that did begin is not begun twice.
	req  *api.StartRequest
	line string // the command of req

	start, follow key.Binding
	width, height int
}

func newConfirm(s *Screen) *confirm {
	return &confirm{s: s, pager: ui.NewPager(s.env), start: s.env.Act("begin", "enter"), follow: ui.Bind("follow the run that is in the way", "F")}
}

func (c *confirm) enter() tea.Cmd {
	c.ask = nil
	if !c.wait.Busy() {
		c.wait = ui.Wait{Gen: c.wait.Gen + 1}
	}
	c.pager.SetLines(c.lines())
	c.pager.Home()
	return nil
}

// lines are the summary.
func (c *confirm) lines() []ui.Line {
	st, env, ch := c.s.env.Styles, c.s.env, &c.s.choices
	row := func(name, text string) ui.Line {
		return ui.Line{{Text: ui.Fit(name, 12), Style: st.Dim}, {Text: text, Style: st.Plain}}
	}
	source := ch.target.Repo + joined("  ", ch.target.Path)
	if !ch.adhoc() && ch.cluster.Source != nil {
		source = ch.cluster.Source.Repo + joined("  ", ch.cluster.Source.Path)
	}
	lines := []ui.Line{row("cluster", ch.name()), row("repository", source)}
	if e := ch.commit; e != nil {
		lines = append(lines, row("commit", fmt.Sprintf("%s  %s", e.SHA, e.Subject)), row("", fmt.Sprintf("%s, %s (%s)", e.Author, env.Whole(e.Time), ui.Since(env.Now(), e.Time))))
	}
	if p := ch.provider; p != nil {
		text := p.Name
		if p.TookMS > 0 {
			text += ", about " + ui.Took(ui.Millis(p.TookMS))
		}
		lines = append(lines, row("by", text))
	}
	if p := ch.planned; p != nil {
		lines = append(lines, row("plan", fmt.Sprintf("%s, %s", ui.Count(objectsOf(*p), "object"), ui.Count(len(p.Warnings), "warning"))))
		if cost := p.Estimate.Cost(); cost != "" {
			lines = append(lines, row("costs", cost))
		}
	}
	lines = append(lines, row("how", c.how()),
		row("switches", fmt.Sprintf("prune %s, convert %s, allow unserved %s", ch.prune.words(ch.adhoc()), ch.convert.words(ch.adhoc()), ch.allowUnserved.words(ch.adhoc()))))
	lines = append(lines, nil)
	if lost := ch.destroys(); len(lost) > 0 {
		for _, l := range lost {
			lines = append(lines, ui.Text("! "+l, st.Bad))
		}
	} else {
		lines = append(lines, ui.Text("✓ nothing is deleted", st.Good))
	}
	lines = append(lines, nil, ui.Text("The same as a command (P prints it):", st.Dim), ui.Text(ch.command(env.Command), st.Strong))
	return lines
}

// how is what becomes of the cluster.
func (c *confirm) how() string {
	ch := &c.s.choices
	switch {
	case !ch.exists():
		return "a new cluster is made"
	case ch.fresh:
		return "fresh: it is deleted, then made anew"
	}
	return "in place: what differs is changed"
}

// began is the answer to the start.
type began struct {
	of  *confirm
	gen int
	run api.Run
	err error
}

func (c *confirm) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.MouseMsg:
		c.pager.Update(ui.Shift(msg, 0, 1))
	case began:
		next, ok := c.wait.End(msg.gen, msg.err)
		if msg.of != c || !ok {
			return nil
		}
		if c.wait = next; msg.err == nil {
			c.req = nil
			return c.s.follow(msg.run.ID)
		}
	}
	return nil
}

func (c *confirm) press(msg tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case c.ask != nil:
		return c.answered(msg), true
	case c.wait.Busy():
		return nil, ui.Pressed(msg, c.s.back) // it is on its way
	case ui.Pressed(msg, c.follow) && c.holder() != "":
		return c.s.follow(c.holder()), true
	case ui.Pressed(msg, c.start):
		q := c.question()
		c.ask = &q
		return nil, true
	case ui.Pressed(msg, ui.Bind("", "enter")):
		return ui.Tell(ui.Warn, "this is --read-only: nothing is begun; P prints the command"), true
	}
	return nil, c.pager.Update(msg)
}

// question asks for a yes; for the name when something is destroyed.
func (c *confirm) question() ui.Confirm {
	ch := &c.s.choices
	q := ui.Question{Title: "rebuild " + ch.name() + "?", Lines: []string{"Restore " + ui.Short(ch.revision()) + "; " + c.how() + "."}}
	if lost := ch.destroys(); len(lost) > 0 {
		q.Lines, q.Name = append(q.Lines, lost...), ch.name()
	}
	return ui.NewConfirm(c.s.env, q)
}

func (c *confirm) answered(msg tea.KeyMsg) tea.Cmd {
	switch c.ask.Update(msg) {
	case ui.Given:
		c.ask = nil
		return c.begin()
	case ui.Cancelled:
		c.ask = nil
	case ui.Pending:
	}
	return nil
}

// begin sends the request; one that was sent before is sent again as it was.
func (c *confirm) begin() tea.Cmd {
	ch := &c.s.choices
	if line := ch.command(""); c.req == nil || c.line != line {
		req := ch.request(ch.name(), c.s.env.Now())
		c.req, c.line = &req, line
	}
	c.wait = c.wait.Begin("beginning the run", c.s.env.Now())
	env, d, gen, req := c.s.env, c.s.daemon, c.wait.Gen, *c.req
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		r, err := d.Start(ctx, req)
		return began{c, gen, r, err}
	})
}

// holder is the run that is in the way; empty when none is.
func (c *confirm) holder() string {
	var held *journal.HeldError
	if errors.As(c.wait.Err, &held) {
		return held.Holder.Run
	}
	return ""
}

func (c *confirm) resize(width, height int) {
	c.width, c.height = width, height
	c.pager.Resize(width, max(height-1, 0))
}

func (c *confirm) typing() bool { return c.ask != nil || c.pager.Typing() }

func (c *confirm) keys() []ui.KeyGroup {
	keys := []key.Binding{c.start}
	if c.holder() != "" {
		keys = append(keys, c.follow)
	}
	return []ui.KeyGroup{{Name: "confirm", Keys: keys}, {Name: "text", Keys: append(c.pager.Keys(), c.pager.Moves()...)}}
}

func (c *confirm) view() string {
	st := c.s.env.Styles
	head := ui.Line{{Text: "Is this what you want?", Style: st.Strong}, {Text: "  enter begins it", Style: st.Dim}}
	if c.wait.Busy() {
		head = c.wait.Line(c.s.env)
	}
	lines := []string{head.Draw(c.width)}
	if err := c.wait.Err; err != nil {
		text := "✗ " + err.Error()
		if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" { //nolint:errorlint // the outermost hint is the one that fits the text
			text += "\n→ " + h.Hint()
		}
		if c.holder() != "" {
			text += "\n→ F follows that run"
		}
		text += "\nenter tries again"
		for _, l := range ui.Wrap(text, c.width) {
			lines = append(lines, st.Bad.Render(l))
		}
		lines = append(lines, "")
	}
	lines = append(lines, c.pager.View())
	view := ui.Block(splitAll(lines), c.width, c.height)
	if c.ask != nil {
		return c.ask.Over(view, c.width, c.height)
	}
	return view
}

// splitAll makes single lines of texts of several.
func splitAll(texts []string) []string {
	var lines []string
	for _, t := range texts {
		lines = append(lines, strings.Split(t, "\n")...)
	}
	return lines
}
