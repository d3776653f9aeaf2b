package rebuild

import (
	"context"
	"fmt"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// planned shows the plan, and takes the decisions about it.
type planned struct {
	s    *Screen
	wait ui.Wait
	of   api.Target // whose plan is shown
	tree ui.Tree[row]
	// objects is how many the plan has.
	objects int
	// told explains what was switched last.
	told string

	choose, reread, fresh, prune, convert, unserved key.Binding
	width, height                                   int
}

func newPlanned(s *Screen) *planned {
	st := s.env.Styles
	p := &planned{s: s, choose: ui.Bind("go on", "enter"), reread: ui.Bind("plan again", "ctrl+r"),
		fresh: ui.Bind("fresh / in place", "f"), prune: ui.Bind("prune", "p"), convert: ui.Bind("convert", "c"), unserved: ui.Bind("allow unserved", "u")}
	p.tree = ui.NewTree(s.env, func(r row) string { return r.key },
		ui.Column[row]{Title: "PLAN", Flex: 3, Min: 36, Cell: func(r row) ui.Cell { return ui.Cell{Text: r.label, Style: r.tone.style(st)} }},
		ui.Column[row]{Title: "WAITS FOR, WHY", Flex: 3, Min: 20, Drop: 1, Cell: func(r row) ui.Cell { return ui.Cell{Text: r.note, Style: st.Dim} }},
		ui.Column[row]{Title: "FROM", Flex: 1, Min: 24, Max: 50, Drop: 2, Cell: func(r row) ui.Cell { return ui.Cell{Text: r.from, Style: st.Dim} }},
	)
	p.tree.Empty = "the commit has no objects"
	return p
}

// drawn is the answer to a question for the plan.
type drawn struct {
	of   *planned
	gen  int
	plan api.Planned
	err  error
}

func (p *planned) enter() tea.Cmd {
	at := p.s.choices.at()
	if p.s.choices.planned != nil && p.of == at && p.wait.Err == nil {
		return nil
	}
	p.of, p.told = at, ""
	p.s.choices.planned = nil
	p.tree.SetRoots(nil)
	p.resize(p.width, p.height)
	return p.ask()
}

func (p *planned) ask() tea.Cmd {
	p.wait = p.wait.Begin("reading, rendering and planning "+ui.Short(p.of.Revision), p.s.env.Now())
	env, d, gen, of := p.s.env, p.s.daemon, p.wait.Gen, p.of
	return env.Ask(longTimeout, func(ctx context.Context) tea.Msg {
		have, err := d.Plan(ctx, of)
		return drawn{p, gen, have, err}
	})
}

func (p *planned) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.MouseMsg:
		if p.s.choices.planned != nil {
			p.tree.Update(ui.Shift(msg, 0, len(p.head())))
		}
	case drawn:
		next, ok := p.wait.End(msg.gen, msg.err)
		if msg.of != p || !ok {
			return nil
		}
		if p.wait = next; msg.err == nil && p.of == p.s.choices.at() { // else something else was chosen meanwhile
			p.s.choices.planned = &msg.plan
			p.objects = objectsOf(msg.plan)
			p.tree.SetRoots(outline(msg.plan))
			p.resize(p.width, p.height)
		}
	}
	return nil
}

func (p *planned) press(msg tea.KeyMsg) (tea.Cmd, bool) {
	c := &p.s.choices
	switch {
	case p.tree.Typing():
		p.tree.Update(msg)
	case ui.Pressed(msg, p.reread):
		p.wait = ui.Wait{Gen: p.wait.Gen}
		return p.ask(), true
	case c.planned == nil:
		return nil, false
	case ui.Pressed(msg, p.choose):
		return p.s.next(), true
	case ui.Pressed(msg, p.fresh, p.prune, p.convert, p.unserved):
		p.turn(msg)
		p.resize(p.width, p.height)
	case p.tree.Update(msg):
	default:
		return nil, false
	}
	return nil, true
}

// turn switches something, and explains it.
func (p *planned) turn(msg tea.KeyMsg) {
	c := &p.s.choices
	switch {
	case ui.Pressed(msg, p.fresh) && !c.exists():
		p.told = "there is no cluster " + c.name() + " yet: it is made in any case"
	case ui.Pressed(msg, p.fresh) && c.provider != nil && c.provider.Name == borrowing:
		p.told = "the cluster is somebody else's: it is not deleted, only restored in place"
	case ui.Pressed(msg, p.fresh):
		if c.fresh = !c.fresh; c.fresh {
			p.told = "fresh: cluster " + c.name() + " is deleted with everything in it, then made anew; its name has to be typed"
		} else {
			p.told = "in place: what differs is applied; what is as it should be is left alone"
		}
	case ui.Pressed(msg, p.prune):
		c.prune = c.prune.next(c.adhoc())
		p.told = "prune removes what an earlier restore made and this commit lacks; volume claims stay"
	case ui.Pressed(msg, p.convert):
		c.convert = c.convert.next(c.adhoc())
		p.told = "convert writes objects of removed API versions in the version that took their place, where that is mechanical"
	case ui.Pressed(msg, p.unserved):
		c.allowUnserved = c.allowUnserved.next(c.adhoc())
		p.told = "allow unserved goes on without objects whose kind the cluster does not serve; otherwise the restore is refused"
	}
}

// head is what stands above the tree.
func (p *planned) head() []string {
	st, c := p.s.env.Styles, &p.s.choices
	have := c.planned
	first := ui.Line{{Text: ui.Count(p.objects, "object"), Style: st.Strong}, {Text: " onto " + firstOf(have.For, c.name()), Style: st.Plain}}
	if n := len(have.Warnings); n > 0 {
		first = append(first, ui.Cell{Text: "  ! " + ui.Count(n, "warning"), Style: st.Warn})
	}
	if cost := have.Estimate.Cost(); cost != "" {
		first = append(first, ui.Cell{Text: "  " + cost, Style: st.Dim})
	}
	lines := []string{first.Draw(p.width), p.switches().Draw(p.width)}
	if p.told != "" && p.height > 8 {
		for _, l := range ui.Wrap("→ "+p.told, p.width) {
			lines = append(lines, st.Dim.Render(l))
		}
	}
	if len(lines) > p.height-2 {
		lines = lines[:max(1, min(len(lines), p.height-2))]
	}
	return lines
}

// switches are the decisions, each with its key.
func (p *planned) switches() ui.Line {
	st, c := p.s.env.Styles, &p.s.choices
	how, style := "made new", st.Plain
	switch {
	case c.exists() && c.fresh:
		how, style = "! fresh: deleted first", st.Bad
	case c.exists():
		how = "in place"
	}
	line := ui.Line{{Text: "f ", Style: st.Key}, {Text: how, Style: style}}
	for _, d := range []struct {
		key, name string
		is        decision
	}{{"p", "prune", c.prune}, {"c", "convert", c.convert}, {"u", "unserved", c.allowUnserved}} {
		words := d.is.words(c.adhoc())
		line = append(line, ui.Cell{Text: "  " + d.key + " ", Style: st.Key}, ui.Cell{Text: fmt.Sprintf("%s %s", d.name, words), Style: st.Plain})
	}
	return line
}

func (p *planned) resize(width, height int) {
	p.width, p.height = width, height
	head := 0
	if p.s.choices.planned != nil {
		head = len(p.head())
	}
	p.tree.Resize(width, max(height-head, 0))
}

func (p *planned) typing() bool { return p.tree.Typing() }

func (p *planned) keys() []ui.KeyGroup {
	return []ui.KeyGroup{{Name: "plan", Keys: []key.Binding{p.choose, p.fresh, p.prune, p.convert, p.unserved, p.reread}},
		{Name: "tree", Keys: append(p.tree.Keys(), p.tree.Moves()...)}}
}

func (p *planned) view() string {
	if p.s.choices.planned == nil {
		return p.wait.Block(p.s.env, "ctrl+r", p.width, p.height)
	}
	lines := p.head()
	if p.height > len(lines) {
		lines = append(lines, p.tree.View())
	}
	return ui.Block(splitAll(lines), p.width, p.height)
}
