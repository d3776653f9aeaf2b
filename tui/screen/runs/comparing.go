package runs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// Compare is the screen that shows two runs side by side.
type Compare struct {
	env    ui.Env
	daemon Daemon
	routes ui.Routes
	keys   compareKeys
	self   *byte

	ids   [2]string
	found [2]*api.RunReport
	wait  ui.Wait
	pager ui.Pager

	width, height int
}

type compareKeys struct{ first, second, reread key.Binding }

// NewCompare makes the screen for the runs a and b.
func NewCompare(env ui.Env, d Daemon, routes ui.Routes, a, b string) Compare {
	c := Compare{env: env, daemon: d, routes: routes, self: new(byte), ids: [2]string{a, b}, pager: ui.NewPager(env)}
	c.keys = compareKeys{ui.Bind("open the first", "1"), ui.Bind("open the second", "2"), ui.Bind("read again", "ctrl+r", "ctrl+r", "f5")}
	c.wait = c.wait.Begin(comparing, env.Now())
	return c
}

const comparing = "reading the reports of both runs"

// Title is the screen's part of the path.
func (c Compare) Title() string { return "compare" }

// Typing tells that letters are text just now.
func (c Compare) Typing() bool { return c.pager.Typing() }

// Keys are the keys that work now.
func (c Compare) Keys() []ui.KeyGroup {
	return []ui.KeyGroup{
		{Name: "runs", Keys: []key.Binding{c.keys.first, c.keys.second, c.keys.reread}},
		{Name: "text", Keys: c.pager.Keys()}, {Name: "move", Keys: c.pager.Moves()},
	}
}

// reports is the answer to the question for both.
type reports struct {
	self  *byte
	gen   int
	found [2]*api.RunReport
	err   error
}

// Init asks for the reports.
func (c Compare) Init() tea.Cmd {
	self, gen, env, d, ids := c.self, c.wait.Gen, c.env, c.daemon, c.ids
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		out := reports{self: self, gen: gen}
		for i, id := range ids {
			r, err := d.Report(ctx, id)
			if err != nil {
				out.err = err
				break
			}
			out.found[i] = &r
		}
		return out
	})
}

// Update obeys a message.
func (c Compare) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch msg := msg.(type) {
	case ui.Resized:
		c.width, c.height = msg.Width, msg.Height
		c.pager.Resize(c.width, c.height)
		c.show()
	case ui.Changed:
		if slices.ContainsFunc(msg.Changes, c.concerned) {
			return c.read()
		}
	case ui.Found:
		return c.read()
	case reports:
		if msg.self != c.self {
			return c, nil
		}
		if wait, current := c.wait.End(msg.gen, msg.err); current {
			c.wait = wait
			if msg.err == nil {
				c.found = msg.found
				c.show()
			}
		}
	case tea.KeyMsg, tea.MouseMsg:
		return c.pressed(msg)
	}
	return c, nil
}

// concerned tells whether a change ends one of the runs.
func (c Compare) concerned(change api.Change) bool {
	return change.Kind == api.RunChanged && slices.Contains(c.ids[:], change.Name) && change.Run != nil && change.Run.Outcome != ""
}

func (c Compare) read() (ui.Screen, tea.Cmd) {
	c.wait = c.wait.Begin(comparing, c.env.Now())
	return c, c.Init()
}

func (c Compare) pressed(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch {
	case c.pager.Update(msg):
	case ui.Pressed(msg, c.keys.reread):
		return c.read()
	case c.routes.Run != nil && ui.Pressed(msg, c.keys.first):
		return c, ui.Open(c.routes.Run(c.ids[0]))
	case c.routes.Run != nil && ui.Pressed(msg, c.keys.second):
		return c, ui.Open(c.routes.Run(c.ids[1]))
	case ui.Pressed(msg, ui.Bind("", "esc")):
		return c, ui.Back()
	}
	return c, nil
}

// View draws the screen.
func (c Compare) View() string {
	if c.found[0] == nil {
		return c.wait.Block(c.env, "ctrl+r", c.width, c.height)
	}
	return c.pager.View()
}

// show writes the comparison for the width that there is.
func (c *Compare) show() {
	if a, b := c.found[0], c.found[1]; a != nil && b != nil {
		p := sheet{env: c.env, width: c.width}
		p.facts(a, b)
		p.steps(stepsOf(a.Run.Run, b.Run.Run))
		p.kinds(kindsOf(a.Kinds, b.Kinds))
		onlyA := only(a.Findings, b.Findings)
		p.findings("only in 1", onlyA)
		p.findings("only in 2", only(b.Findings, a.Findings))
		if n := len(a.Findings) - len(onlyA); n > 0 {
			p.lines = append(p.lines, nil, ui.Text(ui.Count(n, "finding")+" in both", p.env.Styles.Dim))
		}
		c.pager.SetLines(p.lines)
	}
}

// sheet is a comparison as lines: a name, both sides, and the difference.
type sheet struct {
	env   ui.Env
	width int
	lines []ui.Line
}

// widths are those of the name, of each side and of the difference.
func (p *sheet) widths() (name, side, difference int) {
	name = min(16, max(p.width/4, 1))
	difference = min(11, max(p.width/6, 1))
	return name, max((p.width-name-difference-6)/2, 1), difference
}

func (p *sheet) row(name string, a, b, difference ui.Cell) {
	n, side, d := p.widths()
	fit := func(c ui.Cell, width int) ui.Cell {
		return ui.Cell{Text: ui.Fit(ui.Line{c}.Plain(), width), Style: c.Style}
	}
	dim := p.env.Styles.Dim
	p.lines = append(p.lines, ui.Line{
		fit(ui.Cell{Text: name, Style: dim}, n), {Text: "  "}, fit(a, side), {Text: "  "}, fit(b, side), {Text: "  "}, fit(difference, d),
	})
}

func (p *sheet) section(title string) {
	p.lines = append(p.lines, nil, ui.Text(title, p.env.Styles.Title))
}

// same is the cell that says whether two texts are equal.
func (p *sheet) same(a, b string) ui.Cell {
	if a == b {
		return ui.Cell{Text: "= same", Style: p.env.Styles.Dim}
	}
	return ui.Cell{Text: "~ differs", Style: p.env.Styles.Changed}
}

func (p *sheet) facts(a, b *api.RunReport) {
	st := p.env.Styles
	plain := func(text string) ui.Cell { return ui.Cell{Text: text, Style: st.Plain} }
	p.row("", ui.Cell{Text: "1: " + a.Run.ID, Style: st.Strong}, ui.Cell{Text: "2: " + b.Run.ID, Style: st.Strong}, ui.Cell{})
	both := func(name string, of func(*api.RunReport) string) {
		x, y := of(a), of(b)
		if x != "" || y != "" {
			p.row(name, plain(dashed(x)), plain(dashed(y)), p.same(x, y))
		}
	}
	both("recipe", func(r *api.RunReport) string { return r.Run.Recipe })
	both("cluster", func(r *api.RunReport) string { return r.Run.Cluster })
	both("provider", func(r *api.RunReport) string { return r.Run.Provider })
	p.row("outcome", st.Outcome(a.Run.Outcome, a.Run.Live), st.Outcome(b.Run.Outcome, b.Run.Live), p.same(outcome(a.Run), outcome(b.Run)))
	both("verified", func(r *api.RunReport) string { return map[bool]string{true: "yes", false: "no"}[r.Verified] })
	both("commit", commit)
	both("fingerprint", func(r *api.RunReport) string { return r.Fingerprint[:min(len(r.Fingerprint), 12)] })
	both("asked by", func(r *api.RunReport) string { return r.Run.By })
	p.row("began", plain(p.env.At(a.Run.Created)), plain(p.env.At(b.Run.Created)), ui.Cell{})
	x, known := took(a.Run, p.env.Now())
	y, knownToo := took(b.Run, p.env.Now())
	p.row("took", plain(length(x, known)), plain(length(y, knownToo)), p.longer(y-x, known && knownToo))
	both("error", func(r *api.RunReport) string { return gist(r.Run.Error) })
}

func commit(r *api.RunReport) string {
	if r.Commit == nil {
		return ""
	}
	return fmt.Sprintf("%s %s", ui.Short(r.Commit.SHA), r.Commit.Subject)
}

func dashed(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func length(d time.Duration, known bool) string {
	if !known {
		return "-"
	}
	return ui.Took(d)
}

// longer says how much longer something took the second time.
func (p *sheet) longer(d time.Duration, known bool) ui.Cell {
	st := p.env.Styles
	switch {
	case !known:
		return ui.Cell{}
	case d.Abs() < 100*time.Millisecond:
		return ui.Cell{Text: "= same", Style: st.Dim}
	case d < 0:
		return ui.Cell{Text: "-" + ui.Took(-d), Style: st.Good}
	}
	return ui.Cell{Text: "+" + ui.Took(d), Style: st.Warn}
}

func (p *sheet) steps(list []stepPair) {
	if len(list) == 0 {
		return
	}
	p.section("Steps")
	for _, s := range list {
		d, known := s.difference()
		p.row(s.name, p.step(s.a), p.step(s.b), p.longer(d, known))
	}
}

// step is how a step went, in one run.
func (p *sheet) step(s *run.Step) ui.Cell {
	st := p.env.Styles
	d, known := spent(s)
	switch {
	case s == nil:
		return ui.Cell{Text: "-", Style: st.Dim}
	case s.State == run.StepDone:
		return ui.Cell{Text: "✓ " + length(d, known), Style: st.Plain}
	case s.State == run.StepFailed:
		return ui.Cell{Text: "✗ failed after " + length(d, known), Style: st.Bad}
	case s.State == run.Skipped:
		return ui.Cell{Text: "· skipped", Style: st.Dim}
	case s.State == run.Running:
		return ui.Cell{Text: "◐ running", Style: st.Busy}
	}
	return ui.Cell{Text: "not begun", Style: st.Dim}
}

func (p *sheet) kinds(list []kindPair) {
	if len(list) == 0 {
		return
	}
	p.section("Objects by kind")
	var a, b int
	plain := p.env.Styles.Plain
	number := func(k api.KindCount) ui.Cell {
		text := fmt.Sprint(k.Objects)
		for _, n := range []struct {
			n    int
			word string
		}{{k.Created, "made"}, {k.Changed, "changed"}, {k.Failed, "failed"}} {
			if n.n > 0 {
				text += fmt.Sprintf(", %d %s", n.n, n.word)
			}
		}
		return ui.Cell{Text: text, Style: plain}
	}
	for _, k := range list {
		a, b = a+k.a.Objects, b+k.b.Objects
		by := p.more(k.b.Objects - k.a.Objects)
		if k.a != k.b && k.a.Objects == k.b.Objects {
			by = p.same("", "not")
		}
		p.row(k.kind, number(k.a), number(k.b), by)
	}
	strong := p.env.Styles.Strong
	p.row("all", ui.Cell{Text: fmt.Sprint(a), Style: strong}, ui.Cell{Text: fmt.Sprint(b), Style: strong}, p.more(b-a))
}

func (p *sheet) more(n int) ui.Cell {
	if n == 0 {
		return ui.Cell{Text: "= same", Style: p.env.Styles.Dim}
	}
	return ui.Cell{Text: fmt.Sprintf("%+d", n), Style: p.env.Styles.Changed}
}

func (p *sheet) findings(where string, list []api.Finding) {
	if len(list) == 0 {
		return
	}
	st := p.env.Styles
	p.section(fmt.Sprintf("What is the matter %s (%d)", where, len(list)))
	for _, f := range list {
		p.lines = append(p.lines, ui.Line{{Text: "  ! " + f.What + " ", Style: st.Warn}, {Text: f.Object, Style: st.Strong}, {Text: "  " + gist(f.Text), Style: st.Plain}})
		if f.Hint != "" {
			p.lines = append(p.lines, ui.Text("    "+gist(f.Hint), st.Dim))
		}
	}
}
