package run

import (
	"fmt"

	"github.com/charmbracelet/lipgloss"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// tab is which objects are shown: all, those with trouble, or those in one state.
type tab int

const (
	allTab tab = iota
	troubleTab
	stateTabs // the first of them; one for each state follows
)

// tabs are those that have objects, with their names; all is always there.
func (s *Screen) tabs() (tabs []tab, names []string) {
	p := s.p
	add := func(t tab, name string, n int) {
		if n > 0 || t == allTab || t == s.tab {
			tabs = append(tabs, t)
			names = append(names, fmt.Sprintf("%s %d", name, n))
		}
	}
	trouble := 0
	for st := range states {
		if st.trouble() {
			trouble += p.counts[st]
		}
	}
	add(allTab, "all", len(p.objects))
	add(troubleTab, "trouble", trouble)
	for st := range states {
		add(stateTabs+tab(st), st.String(), p.counts[st])
	}
	return tabs, names
}

// move chooses another tab.
func (s *Screen) move(by int) {
	tabs, _ := s.tabs()
	at := 0
	for i, t := range tabs {
		if t == s.tab {
			at = i
		}
	}
	s.tab = tabs[((at+by)%len(tabs)+len(tabs))%len(tabs)]
	s.show()
}

// drawTabs draws how many objects are in which state.
func (s *Screen) drawTabs(width int) string {
	tabs, names := s.tabs()
	t := ui.Tabs{Names: names}
	for i := range tabs {
		if tabs[i] == s.tab {
			t.Active = i
		}
	}
	return t.View(s.env.Styles, width)
}

// show puts the objects of the tab into the table, trouble first.
func (s *Screen) show() {
	s.table.SetRows(s.p.chosen(s.tab))
	s.arrange()
	if s.page == eventsPage {
		s.showEvents()
	}
}

// chosen are the places of a tab's objects, by state and as they came.
func (p *progress) chosen(t tab) []int {
	var takes [states]bool
	n := 0
	for st := range states {
		takes[st] = t == allTab || t == troubleTab && st.trouble() || t == stateTabs+tab(st)
		if takes[st] {
			n += p.counts[st]
		}
	}
	var next [states]int // where the next one of a state goes
	for st, at := state(0), 0; st < states; st++ {
		if next[st] = at; takes[st] {
			at += p.counts[st]
		}
	}
	out := make([]int, n)
	for i := range p.objects {
		if st := p.objects[i].state; takes[st] {
			out[next[st]] = i
			next[st]++
		}
	}
	return out
}

func newTable(env ui.Env, s *Screen) ui.Table[int] {
	st := env.Styles
	at := func(i int) entry {
		if i < len(s.p.objects) {
			return s.p.objects[i]
		}
		return entry{}
	}
	t := ui.NewTable(env, func(i int) string { return at(i).name },
		ui.Column[int]{Title: "STATE", Width: 11, Cell: func(i int) ui.Cell { return stateCell(st, at(i).state) },
			Less: func(a, b int) bool { return at(a).state < at(b).state }},
		ui.Column[int]{Title: "OBJECT", Flex: 3, Min: 30, Cell: func(i int) ui.Cell { return ui.Cell{Text: at(i).name, Style: st.Plain} },
			Less: func(a, b int) bool { return at(a).name < at(b).name }},
		ui.Column[int]{Title: "WHY", Flex: 4, Min: 18, Drop: 1, Cell: func(i int) ui.Cell { return ui.Cell{Text: at(i).words(), Style: st.Dim} }},
	)
	t.Empty, t.Leading = "no objects so far", true // what is the matter comes first

	return t
}

// words are what is to be said of an object.
func (e entry) words() string {
	if e.warnings > 0 {
		return fmt.Sprintf("%s (%s)", e.text, ui.Count(e.warnings, "warning"))
	}
	return e.text
}

// stateCell is a state as a sign and a word.
func stateCell(st ui.Styles, s state) ui.Cell {
	how := [...]struct {
		sign  string
		style lipgloss.Style
	}{{"✗", st.Bad}, {"!", st.Warn}, {"-", st.Warn}, {"=", st.Warn}, {"◐", st.Busy}, {"+", st.Plain}, {"✓", st.Good}, {"-", st.Dim}}[min(s, states-1)]
	return ui.Cell{Text: how.sign + " " + s.String(), Style: how.style}
}

// selected is the object under the cursor.
func (s *Screen) selected() (entry, bool) {
	i, ok := s.table.Selected()
	if !ok || i >= len(s.p.objects) {
		return entry{}, false
	}
	return s.p.objects[i], true
}
