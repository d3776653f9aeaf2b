package drift

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// row is one line of the tree: a group, a branch or an entry.
type row struct {
	key   string
	label string
	group group
	count int    // entries below
	entry *entry // nil for what has something below it
}

// marks are the entries that are marked, by key. The set is replaced, not changed.
type marks struct{ set map[string]bool }

func (m *marks) has(key string) bool { return m.set[key] }

// turn marks entries, or takes their marks away when all have them.
func (m *marks) turn(list []*entry) {
	next := make(map[string]bool, len(m.set)+len(list))
	for k := range m.set {
		next[k] = true
	}
	all := !slices.ContainsFunc(list, func(e *entry) bool { return !m.set[e.id] })
	for _, e := range list {
		if all {
			delete(next, e.id)
		} else {
			next[e.id] = true
		}
	}
	m.set = next
}

// keep leaves just the marks of entries that are there.
func (m *marks) keep(list []*entry) {
	next := map[string]bool{}
	for _, e := range list {
		if m.set[e.id] {
			next[e.id] = true
		}
	}
	m.set = next
}

// rootsOf is the tree of entries, which are in its order. With explain those that do
// not count are in it.
func rootsOf(entries []*entry, explain bool) []ui.Branch[row] {
	var roots []ui.Branch[row]
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].group == entries[0].group {
			n++
		}
		if g := entries[0].group; g != ignored || explain {
			roots = append(roots, branchOf(row{key: fmt.Sprint(int(g)), label: g.String(), group: g}, entries[:n], 0))
		}
		entries = entries[n:]
	}
	return roots
}

// branchOf is a branch with entries below it, which agree in their first depth
// branches.
func branchOf(r row, entries []*entry, depth int) ui.Branch[row] {
	r.count = len(entries)
	b := ui.Branch[row]{Value: r}
	for len(entries) > 0 {
		e := entries[0]
		if depth >= len(e.branches) {
			b.Children = append(b.Children, ui.Branch[row]{Value: row{key: e.id, label: e.name, group: e.group, entry: e}})
			entries = entries[1:]
			continue
		}
		n := 1
		for n < len(entries) && entries[n].branches[depth] == e.branches[depth] {
			n++
		}
		below := row{key: r.key + "\x00" + e.branches[depth], label: e.branches[depth], group: r.group}
		b.Children = append(b.Children, branchOf(below, entries[:n], depth+1))
		entries = entries[n:]
	}
	return b
}

// columns are those of the tree.
func columns(env ui.Env, m *marks) []ui.Column[row] {
	st := env.Styles
	return []ui.Column[row]{
		{Title: "OBJECT", Flex: 3, Min: 24, Cell: func(r row) ui.Cell {
			if r.entry == nil {
				look := st.Plain
				if !strings.Contains(r.key, "\x00") {
					look = groupStyle(st, r.group)
				}
				return ui.Cell{Text: fmt.Sprintf("%s (%d)", r.label, r.count), Style: look}
			}
			if m.has(r.key) {
				return ui.Cell{Text: "* " + r.label, Style: st.Strong}
			}
			return ui.Cell{Text: r.label, Style: st.Plain}
		}},
		{Title: "WHAT", Flex: 3, Min: 20, Drop: 3, Cell: func(r row) ui.Cell {
			if r.entry == nil {
				return ui.Cell{}
			}
			return ui.Cell{Text: r.entry.facts, Style: st.Dim}
		}},
		{Title: "BY", Width: 14, Drop: 2, Cell: func(r row) ui.Cell {
			if r.entry == nil || !r.entry.touched {
				return ui.Cell{}
			}
			return ui.Cell{Text: who(r.entry.by), Style: st.Plain}
		}},
		{Title: "WHEN", Width: 5, Right: true, Drop: 1, Cell: func(r row) ui.Cell {
			if r.entry == nil {
				return ui.Cell{}
			}
			return ui.Cell{Text: ui.Ago(env.Now(), r.entry.when), Style: st.Dim}
		}},
	}
}

// when reads a time as reports write it; zero when there is none.
func when(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}
