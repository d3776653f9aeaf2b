package rebuild

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/safe"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// where asks who makes the cluster.
type where struct {
	s      *Screen
	wait   ui.Wait
	table  ui.Table[api.Provider]
	prompt *ui.Prompt // for the name of another cluster than the declared one
	wrong  string

	choose, reread key.Binding
	width, height  int
}

// borrowing is the provider that makes no clusters: it takes those of others, whose
// settings only a rekindle.yaml has.
const borrowing = "existing"

func newWhere(s *Screen) *where {
	st := s.env.Styles
	w := &where{s: s, choose: ui.Bind("choose", "enter"), reread: ui.Bind("read again", "ctrl+r")}
	dim := func(p api.Provider) (string, bool) { why, _ := w.off(p); return why, why != "" }
	cell := func(text func(api.Provider) string) func(api.Provider) ui.Cell {
		return func(p api.Provider) ui.Cell {
			if _, off := dim(p); off {
				return ui.Cell{Text: text(p), Style: st.Dim}
			}
			return ui.Cell{Text: text(p), Style: st.Plain}
		}
	}
	w.table = ui.NewTable(s.env, func(p api.Provider) string { return p.Name },
		ui.Column[api.Provider]{Title: "PROVIDER", Min: 10, Max: 20, Cell: func(p api.Provider) ui.Cell {
			if _, off := dim(p); off {
				return ui.Cell{Text: "- " + p.Name, Style: st.Dim}
			}
			return ui.Cell{Text: "● " + p.Name, Style: st.Strong}
		}},
		ui.Column[api.Provider]{Title: "TAKES", Width: 8, Right: true, Drop: 1, Cell: cell(func(p api.Provider) string {
			if p.TookMS == 0 {
				return "?"
			}
			return ui.Took(ui.Millis(p.TookMS))
		})},
		ui.Column[api.Provider]{Title: "AN HOUR", Width: 10, Right: true, Drop: 2, Cell: cell(func(p api.Provider) string {
			if p.Hourly == nil {
				return "?"
			}
			return fmt.Sprintf("%.2f %s", *p.Hourly, p.Currency)
		})},
		ui.Column[api.Provider]{Title: "WHAT IT MAKES, OR WHY NOT", Flex: 1, Min: 20, Cell: func(p api.Provider) ui.Cell {
			if why, off := dim(p); off {
				return ui.Cell{Text: why, Style: st.Dim}
			}
			if w.declared(p) {
				return ui.Cell{Text: "as declared: " + p.Summary, Style: st.Plain}
			}
			return ui.Cell{Text: p.Summary, Style: st.Plain}
		}},
	)
	w.table.Empty = "no providers"
	return w
}

// declared tells that the chosen cluster is declared with p.
func (w *where) declared(p api.Provider) bool {
	c := w.s.choices.cluster
	return c != nil && c.Provider == p.Name
}

// off says why p cannot be chosen, and what to do about it; empty when it can.
func (w *where) off(p api.Provider) (why, hint string) {
	switch {
	case p.Name == borrowing && !w.declared(p):
		return "which cluster it takes has to be declared in rekindle.yaml", "declare the cluster with provider existing, then choose it in the first step"
	case !p.Usable:
		return firstOf(p.Reason, "this machine cannot use it"), p.Hint
	}
	return "", ""
}

// offered is the answer to a question for the providers.
type offered struct {
	of   *where
	gen  int
	list []api.Provider
	err  error
}

func (w *where) enter() tea.Cmd {
	w.wait = w.wait.Begin("asking who can make clusters", w.s.env.Now())
	env, d, gen := w.s.env, w.s.daemon, w.wait.Gen
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		list, err := d.Providers(ctx)
		return offered{w, gen, list, err}
	})
}

func (w *where) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.MouseMsg:
		if w.prompt == nil {
			w.table.Update(ui.Shift(msg, 0, 1))
		}
	case offered:
		next, ok := w.wait.End(msg.gen, msg.err)
		if msg.of != w || !ok {
			return nil
		}
		if w.wait = next; msg.err == nil {
			w.show(msg.list)
		}
	}
	return nil
}

// show lists providers, usable ones first, with the cursor on the one that was
// chosen or is declared.
func (w *where) show(list []api.Provider) {
	list = slices.Clone(list)
	rank := func(p api.Provider) int {
		why, _ := w.off(p)
		switch {
		case w.declared(p):
			return 0
		case why == "":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b api.Provider) int { return cmp.Compare(rank(a), rank(b)) })
	w.table.SetRows(list)
	switch c := &w.s.choices; {
	case c.provider != nil:
		w.table.Select(c.provider.Name)
	case c.cluster != nil:
		w.table.Select(c.cluster.Provider)
	}
}

func (w *where) press(msg tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case w.prompt != nil:
		return w.named(msg), true
	case w.table.Update(msg):
		return nil, true
	case ui.Pressed(msg, w.reread):
		return w.enter(), true
	case ui.Pressed(msg, w.choose):
		return w.take(), true
	}
	return nil, false
}

func (w *where) take() tea.Cmd {
	p, ok := w.table.Selected()
	if !ok {
		return nil
	}
	if why, hint := w.off(p); why != "" {
		told := ui.Told{Level: ui.Warn, Text: p.Name + ": " + why, Hint: hint}
		return func() tea.Msg { return told }
	}
	c := &w.s.choices
	if c.cluster != nil && c.cluster.Provider != p.Name {
		if c.cluster.Source == nil {
			return ui.Tell(ui.Warn, c.cluster.Name+" is declared with "+c.cluster.Provider)
		}
		n := ui.NewPrompt(w.s.env, "name  ", c.cluster.Name+"-"+p.Name)
		w.prompt, w.wrong = &n, ""
		return nil
	}
	return w.chose(p)
}

func (w *where) chose(p api.Provider) tea.Cmd {
	c := &w.s.choices
	if c.provider == nil || c.provider.Name != p.Name {
		c.planned = nil
	}
	c.provider = &p
	return w.s.next()
}

// named takes the name of a cluster that another provider makes of what the declared
// one is made of.
func (w *where) named(msg tea.KeyMsg) tea.Cmd {
	w.wrong = ""
	switch w.prompt.Update(msg) {
	case ui.Given:
		name, c := w.prompt.Value(), &w.s.choices
		if !clusterName().MatchString(name) || name == c.cluster.Name {
			w.wrong = "another name is needed, of small letters, digits and hyphens, 40 at most"
			return nil
		}
		p, _ := w.table.Selected()
		w.prompt = nil
		src := c.cluster.Source
		c.target = api.Target{Cluster: name, Repo: src.Repo, Path: src.Path, Revision: c.target.Revision}
		c.cluster, c.planned = nil, nil
		return w.chose(p)
	case ui.Cancelled:
		w.prompt = nil
	case ui.Pending:
	}
	return nil
}

func (w *where) resize(width, height int) {
	w.width, w.height = width, height
	w.table.Resize(width, max(height-1, 0))
}

func (w *where) typing() bool { return w.prompt != nil || w.table.Typing() }

func (w *where) keys() []ui.KeyGroup {
	return []ui.KeyGroup{{Name: "where", Keys: []key.Binding{w.choose, w.reread}},
		{Name: "list", Keys: append(w.table.Keys(), w.table.Moves()...)}}
}

func (w *where) view() string {
	st := w.s.env.Styles
	if w.wait.Err != nil && len(w.table.Rows()) == 0 {
		return w.wait.Block(w.s.env, "ctrl+r", w.width, w.height)
	}
	view := w.s.asked("Where is it to be made?", w.wait, w.table.View(), w.width, w.height)
	if w.prompt == nil {
		return view
	}
	inner := max(min(w.width-4, 72), 1)
	c, p := w.s.choices.cluster, api.Provider{}
	if sel, ok := w.table.Selected(); ok {
		p = sel
	}
	lines := ui.Wrap(fmt.Sprintf("%s is declared with %s, and stays as it is. %s makes another cluster of the same repository and folder; "+
		"what else rekindle.yaml declares for %s does not hold for it.", c.Name, c.Provider, p.Name, c.Name), inner)
	lines = append(lines, "", w.prompt.View(inner))
	if w.wrong != "" {
		lines = append(lines, st.Warn.Render("! "+safe.Line(w.wrong)))
	}
	return ui.Overlay(view, ui.Boxed(st, "another cluster", lines, w.width), w.width, w.height)
}
