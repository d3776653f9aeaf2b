package drift

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// keys are the screen's own.
type keys struct {
	open, swap, split, explain, refresh, mark, unmark key.Binding
	ignore, adopt, export, restore                    key.Binding
}

func newKeys(env ui.Env) keys {
	return keys{
		open: ui.Bind("look", "enter"), swap: ui.Bind("tree or text", "tab"), split: ui.Bind("side by side or unified", "v"),
		explain: ui.Bind("explain what does not count", "x"), refresh: ui.Bind("compare again", "r", "r", "ctrl+r", "f5"),
		mark: ui.Bind("mark", "m"), unmark: ui.Bind("take marks away", "U"),
		ignore: env.Act("let it not count", "i"), adopt: env.Act("adopt into git", "A"),
		export: env.Act("export the live state", "e"), restore: env.Act("restore in place", "R"),
	}
}

// Keys are the keys that work now.
func (s Screen) Keys() []ui.KeyGroup {
	k := s.keys
	groups := []ui.KeyGroup{
		{Name: "drift", Keys: []key.Binding{k.open, k.ignore, k.adopt, k.export, k.restore, k.mark, k.unmark, k.explain, k.refresh, k.swap, k.split}},
	}
	if s.pane.focus {
		return append(groups, ui.KeyGroup{Name: "text", Keys: s.pane.pager.Keys()}, ui.KeyGroup{Name: "move", Keys: s.pane.pager.Moves()})
	}
	return append(groups, ui.KeyGroup{Name: "tree", Keys: s.tree.Keys()}, ui.KeyGroup{Name: "move", Keys: s.tree.Moves()})
}

// pressed obeys a key.
func (s Screen) pressed(msg tea.KeyMsg) (Screen, tea.Cmd) {
	switch {
	case s.ask != nil:
		return s.answered(msg)
	case s.tree.Typing():
		s.tree.Update(msg)
		return s, nil
	case s.pane.pager.Typing():
		s.pane.pager.Update(msg)
		return s, nil
	}
	k := s.keys
	switch {
	case ui.Pressed(msg, k.refresh):
		return s.compare()
	case s.report == nil:
		if ui.Pressed(msg, ui.Bind("", "esc")) {
			return s, ui.Back()
		}
		return s, nil
	case ui.Pressed(msg, k.ignore):
		return s.ignore()
	case ui.Pressed(msg, k.adopt):
		return s.adopt()
	case ui.Pressed(msg, k.export):
		return s.export(), nil
	case ui.Pressed(msg, k.restore):
		if s.routes.Rebuild != nil {
			return s, ui.Open(s.routes.Rebuild(api.Target{Cluster: s.cluster, Revision: s.report.Commit.SHA}))
		}
		return s, nil
	}
	return s.looked(msg)
}

// looked obeys the keys that change nothing but what is seen.
func (s Screen) looked(msg tea.KeyMsg) (Screen, tea.Cmd) {
	k := s.keys
	switch {
	case ui.Pressed(msg, k.split):
		s.pane.split, s.pane.shown = !s.pane.split, ""
	case ui.Pressed(msg, k.explain):
		s.explain = !s.explain
		s.plant()
	case ui.Pressed(msg, k.mark):
		s.mark()
	case ui.Pressed(msg, k.unmark):
		s.marks.set = nil
	case ui.Pressed(msg, k.swap):
		s.pane.open = true
		s.pane.focus = !s.pane.focus
	case s.pane.focus:
		if !s.pane.pager.Update(msg) && ui.Pressed(msg, ui.Bind("", "esc"), k.open) {
			s.pane.focus, s.pane.open = false, false
		}
	case ui.Pressed(msg, k.open):
		if r, is := s.tree.Selected(); is && r.entry == nil {
			s.tree.Update(tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}})
		} else if is {
			s.pane.open, s.pane.focus = true, true
		}
	case s.tree.Update(msg):
	case ui.Pressed(msg, ui.Bind("", "esc")):
		if s.pane.open && s.width < wide {
			s.pane.open = false
			return s, nil
		}
		return s, ui.Back()
	}
	return s, nil
}

// clicked obeys the mouse, in the part that it points at.
func (s *Screen) clicked(msg tea.MouseMsg) {
	l := s.layout()
	if s.ask != nil || s.report == nil {
		return
	}
	inPane := l.paneHeight > 0 && (s.width >= wide && msg.X > l.treeWidth || s.width < wide && msg.Y >= l.head+l.treeHeight)
	if inPane {
		s.pane.pager.Update(msg)
		return
	}
	s.tree.Update(ui.Shift(msg, 0, l.head))
}

// mark turns the marks of what is under the cursor, and goes on.
func (s *Screen) mark() {
	s.marks.turn(s.below())
	if r, is := s.tree.Selected(); is && r.entry != nil {
		s.tree.Update(tea.KeyMsg{Type: tea.KeyDown})
	}
}

// below are the objects that differ under the cursor, as far as the filter takes
// them: what is not seen is not acted upon.
func (s *Screen) below() []*entry {
	var list []*entry
	for _, r := range s.tree.Below() {
		if e := r.entry; e != nil && e.differs != nil {
			list = append(list, e)
		}
	}
	return list
}
