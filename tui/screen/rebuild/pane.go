package rebuild

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// pane tells all about the commit under the cursor: its message, and what it makes
// differently from what runs now.
type pane struct {
	env     ui.Env
	sha     string
	wait    ui.Wait
	pager   ui.Pager
	focused bool
	width   int // 0 when it is below the log
	// known are comparisons by commit.
	known map[string]api.Comparison
}

func newPane(env ui.Env) pane {
	return pane{env: env, pager: ui.NewPager(env), known: map[string]api.Comparison{}}
}

// forget begins anew for another target.
func (p *pane) forget() {
	p.sha, p.known, p.wait, p.focused = "", map[string]api.Comparison{}, ui.Wait{Gen: p.wait.Gen + 1}, false
	p.pager.SetLines(nil)
}

func (p *pane) has(sha string) bool {
	_, ok := p.known[sha]
	return ok
}

// turn shows another commit; what was asked about the one before is not waited for.
func (p *pane) turn(sha string) {
	p.sha = sha
	p.wait = ui.Wait{Gen: p.wait.Gen + 1}
	p.pager.Home()
}

type (
	// rest: the cursor has stayed on a commit.
	rest struct {
		of  *commit
		gen int
		sha string
	}
	// compared is the answer to a comparison.
	compared struct {
		of   *commit
		gen  int
		sha  string
		have api.Comparison
		err  error
	}
)

// compare asks what the commit changes, unless the cursor has moved on.
func (c *commit) compare(due rest) tea.Cmd {
	p := &c.pane
	if due.of != c || due.gen != p.wait.Gen || due.sha != p.sha {
		return nil
	}
	p.wait = p.wait.Begin("comparing with what runs", c.s.env.Now())
	c.fill()
	q := api.CompareQuery{Target: c.s.choices.target}
	q.Revision = due.sha
	env, d, gen := c.s.env, c.s.daemon, p.wait.Gen
	return env.Ask(longTimeout, func(ctx context.Context) tea.Msg {
		have, err := d.Compare(ctx, q)
		return compared{c, gen, due.sha, have, err}
	})
}

func (p *pane) take(msg compared) {
	if msg.err == nil {
		p.known[msg.sha] = msg.have // worth keeping, wherever the cursor is by now
	}
	if next, ok := p.wait.End(msg.gen, msg.err); ok {
		p.wait = next
	}
}

// fill writes the pane.
func (c *commit) fill() {
	p := &c.pane
	e, ok := c.table.Selected()
	if !ok || e.SHA != p.sha {
		return
	}
	env, st := c.s.env, c.s.env.Styles
	about, details := c.difference(e)
	lines := []ui.Line{
		{{Text: "commit " + e.SHA, Style: st.Key}},
		ui.Text(refs(e)+e.Author+", "+env.Whole(e.Time)+" ("+ui.Ago(env.Now(), e.Time)+")", st.Plain),
		about,
	}
	if e.Verified != nil {
		lines = append(lines, ui.Text("✓ verified "+env.Whole(e.Verified.Ended)+" by "+e.Verified.ID, st.Good))
	}
	lines = append(lines, nil, ui.Text(e.Subject, st.Strong))
	if body := strings.TrimSpace(e.Body); body != "" {
		lines = append(lines, nil)
		for line := range strings.SplitSeq(body, "\n") {
			lines = append(lines, ui.Text(line, st.Plain))
		}
	}
	if len(details) > 0 {
		lines = append(append(lines, nil), details...)
	}
	p.pager.SetLines(lines)
}

// difference says what the commit changes: in a line, and by object.
func (c *commit) difference(e api.LogEntry) (about ui.Line, details []ui.Line) {
	st, p := c.s.env.Styles, &c.pane
	have, known := p.known[e.SHA]
	switch why := c.noComparison(e); {
	case why != "":
		return ui.Text(why, st.Dim), nil
	case p.wait.Err != nil && !known:
		return p.wait.Line(c.s.env), nil
	case !known:
		return ui.Text("… comparing with what was restored last", st.Dim), nil
	}
	all := differenceLines(have)
	for _, l := range all[1:] {
		details = append(details, l.draw(st))
	}
	return ui.Text(all[0].text, st.Changed), details
}

// draw is a line of a difference with its sign, in its colour.
func (l line) draw(st ui.Styles) ui.Line {
	switch l.sign {
	case added:
		return ui.Text("+ "+l.text, st.Added)
	case removed:
		return ui.Text("- "+l.text, st.Removed)
	case changed:
		return ui.Text("~ "+l.text, st.Changed)
	case remark:
		return ui.Text(l.text, st.Dim)
	}
	return ui.Text(l.text, st.Plain)
}
