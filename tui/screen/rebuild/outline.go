package rebuild

import (
	"fmt"

	"github.com/charmbracelet/lipgloss"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// row is one line of the plan's tree.
type row struct {
	key   string
	label string
	tone  tone
	// note is what it waits for, or what a warning says; from is file and line.
	note, from string
}

// tone is in which style a row is drawn: there are many rows, and styles are large.
type tone uint8

const (
	plainTone tone = iota
	dimTone
	strongTone
	warnTone
	badTone
)

func (t tone) style(st ui.Styles) lipgloss.Style {
	return [...]lipgloss.Style{st.Plain, st.Dim, st.Strong, st.Warn, st.Bad}[t]
}

// outline is the plan as a tree: first what to mind, then wave by wave, namespace
// and kind, each object, and below it what it waits for and why.
func outline(p api.Planned) []ui.Branch[row] {
	var roots []ui.Branch[row]
	if len(p.Warnings) > 0 {
		roots = append(roots, warnings(p.Warnings))
	}
	if p.Estimate != nil {
		roots = append(roots, costs(p.Estimate))
	}
	if p.Plan != nil {
		roots = append(roots, waves(p.Plan)...)
	}
	if notes := remarks(p); len(notes.Children) > 0 {
		roots = append(roots, notes)
	}
	return roots
}

func warnings(list []api.Warning) ui.Branch[row] {
	top := ui.Branch[row]{Value: row{key: "!", label: "! " + ui.Count(len(list), "warning"), tone: warnTone}}
	for i, w := range list {
		one := ui.Branch[row]{Value: row{key: fmt.Sprintf("!%d", i), label: "! " + words(w.Kind) + joined(" ", w.Object), tone: warnTone, note: w.Text, from: w.From}}
		if w.Hint != "" {
			one.Children = []ui.Branch[row]{{Value: row{key: fmt.Sprintf("!%d→", i), label: "→ " + w.Hint, tone: plainTone}}}
		}
		top.Children = append(top.Children, one)
	}
	return top
}

// costs is what the provider makes, part by part with what an hour of it costs.
func costs(e *api.Estimate) ui.Branch[row] {
	top := ui.Branch[row]{Value: row{key: "$", label: "the provider makes " + ui.Count(len(e.Parts), "part"), tone: strongTone, note: e.Cost()}}
	add := func(label, note string, t tone) {
		top.Children = append(top.Children, ui.Branch[row]{Value: row{key: fmt.Sprintf("$%d", len(top.Children)), label: label, tone: t, note: note}})
	}
	for _, p := range e.Parts {
		price := "its price is not known"
		if p.Hourly != nil {
			price = fmt.Sprintf("%.3f %s an hour", *p.Hourly, e.Currency)
		}
		add(p.What, price, plainTone)
	}
	for _, what := range e.Unpriced {
		add("not in the price: "+what, "", dimTone)
	}
	return top
}

// words are what a warning is about.
func words(k api.WarningKind) string {
	switch k {
	case api.Unserved:
		return "nobody serves"
	case api.RemovedAPI:
		return "removed API"
	case api.FloatingImage:
		return "floating image"
	case api.MissingClass:
		return "missing class"
	}
	return "note"
}

func remarks(p api.Planned) ui.Branch[row] {
	top := ui.Branch[row]{Value: row{key: "#", tone: dimTone}}
	add := func(text, from string) {
		top.Children = append(top.Children, ui.Branch[row]{Value: row{key: fmt.Sprintf("#%d", len(top.Children)), label: text, tone: dimTone, from: from}})
	}
	if p.Plan != nil {
		for _, n := range p.Plan.Notes {
			add(string(n.Kind)+": "+n.Text, n.From.String())
		}
	}
	for _, n := range p.Notes {
		add(n.Code+": "+n.Text, object.Provenance{File: n.File, Line: n.Line}.String())
	}
	top.Value.label = ui.Count(len(top.Children), "note")
	return top
}

// grower builds a tree whose groups come in the order in which they are met first.
type grower struct {
	row  row
	list []*grower
	by   map[string]*grower
	n    int // objects below
}

func (g *grower) below(name string, r row) *grower {
	if g.by == nil {
		g.by = map[string]*grower{}
	}
	if c, ok := g.by[name]; ok {
		return c
	}
	r.key = g.row.key + "/" + name
	c := &grower{row: r}
	g.by[name] = c
	g.list = append(g.list, c)
	return c
}

func (g *grower) branch() ui.Branch[row] {
	b := ui.Branch[row]{Value: g.row}
	if g.n > 0 {
		b.Value.note = ui.Count(g.n, "object")
	}
	for _, c := range g.list {
		b.Children = append(b.Children, c.branch())
	}
	return b
}

// waves are the objects of a plan by wave, namespace and kind.
func waves(p *plan.Plan) []ui.Branch[row] {
	top := &grower{}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		wave := top.below(fmt.Sprint(n.Wave), row{label: fmt.Sprintf("wave %d", n.Wave), tone: strongTone})
		space := wave.below(n.ID.Namespace, row{label: firstOf(n.ID.Namespace, "the whole cluster"), tone: plainTone})
		kind := space.below(n.ID.GroupKind().String(), row{label: n.ID.GroupKind().String(), tone: dimTone})
		one := kind.below(n.ID.Name, row{label: n.ID.Name, tone: plainTone, from: n.From.String()})
		for _, g := range []*grower{wave, space, kind} {
			if !n.Barrier {
				g.n++
			}
		}
		mark(one, n)
		for k, e := range n.Edges {
			one.below(fmt.Sprint(k), row{label: "waits for " + e.To.String(), tone: dimTone, note: edge(e)})
		}
	}
	out := make([]ui.Branch[row], 0, len(top.list))
	for _, w := range top.list {
		out = append(out, w.branch())
	}
	return out
}

// objectsOf is how many objects are planned.
func objectsOf(p api.Planned) int {
	n := 0
	if p.Plan != nil {
		for i := range p.Plan.Nodes {
			if !p.Plan.Nodes[i].Barrier {
				n++
			}
		}
	}
	return n
}

// mark says what is special about a node, and how many others it waits for.
func mark(g *grower, n *plan.Node) {
	switch {
	case n.Removed:
		g.row.label, g.row.tone, g.row.note = "✗ "+g.row.label, badTone, "not served: it is not applied"
	case n.Awaited:
		g.row.label, g.row.tone, g.row.note = "! "+g.row.label, warnTone, "not served yet: tried again while others come up"
	case n.Barrier:
		g.row.label, g.row.note = "· "+g.row.label, "stands for all that it waits for"
	case n.Hook != nil:
		g.row.note = "hook " + n.Hook.Phase
	case len(n.Edges) == 1:
		g.row.note = "waits for " + n.Edges[0].To.String()
	case len(n.Edges) > 1:
		g.row.note = fmt.Sprintf("waits for %s and %d more", n.Edges[0].To, len(n.Edges)-1)
	}
}

// edge says how and why a node waits.
func edge(e plan.Edge) string {
	return fmt.Sprintf("%s, until %s: %s", e.Strength, e.Until, e.Why)
}

func joined(blank, text string) string {
	if text == "" {
		return ""
	}
	return blank + text
}
