package rebuild

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

const (
	pageSize = 100
	// nearEnd is how many rows before the end more of them are asked for.
	nearEnd = 20
	// restFor is how long the cursor stays on a commit before it is compared.
	restFor = 300 * time.Millisecond
	// besideFrom is from which width on the pane is beside the log.
	besideFrom = 120
	// tableFrom is how wide the log is at least beside the pane: its dates are seen.
	tableFrom = 79
)

// commit asks which commit is to be restored.
type commit struct {
	s     *Screen
	wait  ui.Wait
	of    api.Target // whose log is shown, from which revision
	found string     // what was searched for
	log   []api.LogEntry
	more  string // where the next page begins
	table ui.Table[api.LogEntry]

	prompt  *ui.Prompt
	jumping bool // what is typed is a revision, not a search
	pane    pane

	choose, search, jump, focus, reread key.Binding
	width, height                       int
}

func newCommit(s *Screen) *commit {
	c := &commit{s: s, pane: newPane(s.env),
		choose: ui.Bind("choose", "enter"), search: ui.Bind("search all of it", "s"), jump: ui.Bind("go to a revision or time", ":"),
		focus: ui.Bind("read the pane", "tab"), reread: ui.Bind("read again", "ctrl+r")}
	c.table = ui.NewTable(s.env, func(e api.LogEntry) string { return e.SHA }, c.columns()...)
	c.table.Empty = "no commits"
	return c
}

func (c *commit) columns() []ui.Column[api.LogEntry] {
	st, env := c.s.env.Styles, c.s.env
	return []ui.Column[api.LogEntry]{
		{Title: "COMMIT", Width: 7, Cell: func(e api.LogEntry) ui.Cell { return ui.Cell{Text: ui.Short(e.SHA), Style: st.Key} }},
		{Title: "WHEN", Width: 18, Drop: 3, Cell: func(e api.LogEntry) ui.Cell {
			return ui.Cell{Text: fmt.Sprintf("%-12s %5s", env.At(e.Time), ui.Ago(env.Now(), e.Time)), Style: st.Plain}
		}},
		{Title: "KNOWN", Width: 17, Drop: 2, Cell: c.mark},
		{Title: "SUBJECT", Flex: 5, Min: 30, Cell: func(e api.LogEntry) ui.Cell { return ui.Cell{Text: refs(e) + e.Subject, Style: st.Plain} }},
		{Title: "AUTHOR", Flex: 1, Min: 12, Max: 20, Drop: 4, Cell: func(e api.LogEntry) ui.Cell { return ui.Cell{Text: e.Author, Style: st.Dim} }},
	}
}

// refs are the tags and branches of a commit, before its subject.
func refs(e api.LogEntry) string {
	if names := append(append([]string(nil), e.Tags...), e.Branches...); len(names) > 0 {
		return "(" + strings.Join(names, ", ") + ") "
	}
	return ""
}

// mark says what is known of a commit.
func (c *commit) mark(e api.LogEntry) ui.Cell {
	st := c.s.env.Styles
	cluster := c.s.choices.cluster
	switch {
	case cluster != nil && cluster.Commit == e.SHA && cluster.State == api.Awake:
		return ui.Cell{Text: "● runs now", Style: st.Good}
	case e.Verified != nil:
		return ui.Cell{Text: "✓ verified " + ui.Ago(c.s.env.Now(), e.Verified.Ended), Style: st.Good}
	case e.Restored != nil && e.Restored.Outcome != "":
		return ui.Cell{Text: "! " + e.Restored.Outcome + " " + ui.Ago(c.s.env.Now(), e.Restored.Created), Style: st.Warn}
	}
	return ui.Cell{}
}

// logged is a page of the log.
type logged struct {
	of  *commit
	gen int
	on  bool // it follows what is there
	log api.Log
	err error
}

func (c *commit) enter() tea.Cmd {
	if c.of == c.s.choices.target && len(c.log) > 0 && c.wait.Err == nil {
		return c.rested()
	}
	c.of, c.found = c.s.choices.target, ""
	c.log, c.more = nil, ""
	c.table.SetRows(nil)
	c.pane.forget()
	return c.ask("")
}

// ask asks for the page that begins after something, or for the first.
func (c *commit) ask(after string) tea.Cmd {
	c.wait = c.wait.Begin("reading the log", c.s.env.Now())
	q := api.LogQuery{Target: c.of, Search: c.found, After: after, Limit: pageSize}
	env, d, gen := c.s.env, c.s.daemon, c.wait.Gen
	return env.Ask(longTimeout, func(ctx context.Context) tea.Msg {
		log, err := d.Log(ctx, q)
		return logged{c, gen, after != "", log, err}
	})
}

func (c *commit) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case logged:
		return c.read(msg)
	case rest:
		return c.compare(msg)
	case compared:
		if msg.of == c {
			c.pane.take(msg)
			c.fill()
		}
	case tea.MouseMsg:
		if c.prompt == nil && c.table.Update(ui.Shift(msg, 0, 1)) {
			return c.moved()
		}
	}
	return nil
}

func (c *commit) read(msg logged) tea.Cmd {
	next, ok := c.wait.End(msg.gen, msg.err)
	if msg.of != c || !ok {
		return nil
	}
	c.wait = next
	if msg.err != nil {
		return nil
	}
	if !msg.on {
		c.log = nil
	}
	c.log = append(c.log[:len(c.log):len(c.log)], msg.log.Commits...)
	c.more = msg.log.Next
	c.table.SetRows(c.log)
	if chosen := c.s.choices.commit; chosen != nil && !msg.on {
		c.table.Select(chosen.SHA)
	}
	return c.rested()
}

func (c *commit) press(msg tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case c.prompt != nil:
		return c.typed(msg), true
	case c.pane.focused:
		return c.reading(msg), true
	case ui.Pressed(msg, c.focus):
		c.pane.focused = true
		return nil, true
	case c.table.Typing():
		c.table.Update(msg)
		return c.moved(), true
	case ui.Pressed(msg, c.search):
		c.read1("search  ", c.found, "a word of subject, message, author, SHA or tag", false)
		return nil, true
	case ui.Pressed(msg, c.jump):
		c.read1("revision  ", "", "a SHA, tag, branch, HEAD~3, or a time: main@2026-11-20T18:00Z", true)
		return nil, true
	case ui.Pressed(msg, c.reread):
		return c.ask(""), true
	case ui.Pressed(msg, c.choose):
		return c.take(), true
	case c.table.Update(msg):
		return c.moved(), true
	case ui.Pressed(msg, c.s.back) && c.found != "":
		c.found = ""
		return c.ask(""), true
	}
	return nil, false
}

// read1 asks for a line.
func (c *commit) read1(label, value, hint string, jumping bool) {
	p := ui.NewPrompt(c.s.env, label, value)
	p.Hint = hint
	c.prompt, c.jumping = &p, jumping
}

func (c *commit) typed(msg tea.KeyMsg) tea.Cmd {
	switch c.prompt.Update(msg) {
	case ui.Given:
		text := strings.TrimSpace(c.prompt.Value())
		c.prompt = nil
		if !c.jumping {
			c.found = text
			return c.ask("")
		}
		c.of.Revision, c.found = text, ""
		c.s.choices.target.Revision = text
		c.s.choices.commit = nil
		return c.ask("")
	case ui.Cancelled:
		c.prompt = nil
	case ui.Pending:
	}
	return nil
}

// reading gives a key to the pane.
func (c *commit) reading(msg tea.KeyMsg) tea.Cmd {
	switch {
	case c.pane.pager.Update(msg):
	case ui.Pressed(msg, c.choose):
		return c.take()
	case ui.Pressed(msg, c.focus), ui.Pressed(msg, c.s.back):
		c.pane.focused = false
	}
	return nil
}

// take chooses the commit under the cursor.
func (c *commit) take() tea.Cmd {
	e, ok := c.table.Selected()
	if !ok {
		return nil
	}
	if had := c.s.choices.commit; had == nil || had.SHA != e.SHA {
		c.s.choices.planned = nil
	}
	c.s.choices.commit = &e
	return c.s.next()
}

// moved follows the cursor: the pane, and more of the log near its end.
func (c *commit) moved() tea.Cmd {
	var more tea.Cmd
	if c.more != "" && !c.wait.Busy() && c.table.Cursor() >= c.table.Len()-nearEnd {
		more = c.ask(c.more)
	}
	return tea.Batch(more, c.rested())
}

// rested shows the commit under the cursor, which is compared when the cursor stays.
func (c *commit) rested() tea.Cmd {
	e, ok := c.table.Selected()
	if !ok || e.SHA == c.pane.sha {
		return nil
	}
	c.pane.turn(e.SHA)
	c.fill()
	if c.noComparison(e) != "" || c.pane.has(e.SHA) {
		return nil
	}
	due := rest{c, c.pane.wait.Gen, e.SHA}
	return tea.Tick(restFor, func(time.Time) tea.Msg { return due })
}

// noComparison says why a commit is not compared with what runs; empty when it is.
func (c *commit) noComparison(e api.LogEntry) string {
	cluster := c.s.choices.cluster
	switch {
	case cluster == nil || cluster.Commit == "":
		return "nothing was restored here so far: there is nothing to compare with"
	case cluster.Commit == e.SHA:
		return "this is what was restored last"
	}
	return ""
}

func (c *commit) resize(width, height int) {
	c.width, c.height = width, height
	body := max(height-1, 0)
	if width >= besideFrom {
		c.pane.width = min(width*2/5, width-tableFrom)
		c.table.Resize(width-c.pane.width-1, body)
		c.pane.pager.Resize(c.pane.width, body)
		return
	}
	c.pane.width = 0
	below := body / 3
	c.table.Resize(width, body-below)
	c.pane.pager.Resize(width, max(below-1, 0))
}

func (c *commit) typing() bool {
	return c.prompt != nil || c.table.Typing() || c.pane.pager.Typing()
}

func (c *commit) keys() []ui.KeyGroup {
	return []ui.KeyGroup{{Name: "commit", Keys: []key.Binding{c.choose, c.search, c.jump, c.focus, c.reread}},
		{Name: "list", Keys: append(c.table.Keys(), c.table.Moves()...)}}
}

// head says what is shown.
func (c *commit) head() string {
	st := c.s.env.Styles
	if c.prompt != nil {
		return c.prompt.View(c.width)
	}
	line := ui.Line{{Text: "Which commit?", Style: st.Strong}, {Text: "  from " + firstOf(c.of.Revision, c.declared(), "the newest"), Style: st.Dim}}
	if c.found != "" {
		line = append(line, ui.Cell{Text: "  with " + c.found + " (esc shows all)", Style: st.Warn})
	}
	if l := c.wait.Line(c.s.env); len(l) > 0 {
		line = append(append(line, ui.Cell{Text: "  "}), l...)
	} else if c.more != "" {
		line = append(line, ui.Cell{Text: "  more below", Style: st.Dim})
	}
	return line.Draw(c.width)
}

// declared is the revision that rekindle.yaml names.
func (c *commit) declared() string {
	if d := c.s.choices.cluster; d != nil && d.Source != nil {
		return d.Source.Revision
	}
	return ""
}

func (c *commit) view() string {
	if c.wait.Err != nil && len(c.log) == 0 && c.prompt == nil {
		return c.wait.Block(c.s.env, "ctrl+r", c.width, c.height)
	}
	lines := []string{c.head()}
	st := c.s.env.Styles
	table, pager := strings.Split(c.table.View(), "\n"), strings.Split(c.pane.pager.View(), "\n")
	if c.pane.width > 0 {
		for i := range min(len(table), len(pager)) {
			lines = append(lines, table[i]+st.Border.Render("│")+pager[i])
		}
		return ui.Block(lines, c.width, c.height)
	}
	lines = append(lines, table...)
	if len(lines) < c.height {
		title := "─ tab reads on here "
		if c.pane.focused {
			title = "─ tab goes back to the log "
		}
		lines = append(lines, st.Border.Render(ui.Clip(title+strings.Repeat("─", max(c.width-ui.Width(title), 0)), c.width)))
		lines = append(lines, pager...)
	}
	return ui.Block(lines, c.width, c.height)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
