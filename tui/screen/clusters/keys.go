package clusters

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

type keys struct {
	open, rebuild, drift, schedule, runs, last key.Binding
	wake, sleep, keep                          key.Binding
	group, reload                              key.Binding
}

func newKeys(env ui.Env) keys {
	return keys{
		open: ui.Bind("open", "enter"), rebuild: env.Act("rebuild", "R"), drift: ui.Bind("drift", "d"), schedule: ui.Bind("schedule", "s"),
		runs: ui.Bind("its runs", "v"), last: ui.Bind("its run, under way or last", "f"),
		wake: env.Act("wake", "w"), sleep: env.Act("sleep", "z"), keep: env.Act("keep up until", "K"),
		group: ui.Bind("group", "b"), reload: ui.Bind("read anew", "r"),
	}
}

// Keys implements ui.Screen.
func (s *Screen) Keys() []ui.KeyGroup {
	k := s.keys
	list, moves := s.table.Keys(), s.table.Moves()
	if s.by != "" {
		list = append(s.tree.Keys(), ui.Bind("sort by next column", "o"), ui.Bind("turn order round", "O"))
	}
	return []ui.KeyGroup{
		{Name: "cluster", Keys: []key.Binding{k.open, k.rebuild, k.drift, k.schedule, k.wake, k.sleep, k.keep, k.runs, k.last}},
		{Name: "list", Keys: append(list, k.group, k.reload)},
		{Name: "moving", Keys: moves},
	}
}

// press obeys a key.
func (s *Screen) press(m tea.KeyMsg) tea.Cmd {
	switch {
	case s.ask != nil:
		return s.answer(m)
	case s.list().Typing():
		s.list().Update(m)
		return nil
	case ui.Pressed(m, s.keys.reload):
		return s.load()
	case ui.Pressed(m, s.keys.group):
		s.nextGroup()
		return nil
	case s.by != "" && ui.Pressed(m, ui.Bind("", "", "o", "O")):
		s.table.Update(m)
		s.tree.SetRoots(s.groups())
		return nil
	}
	if c, ok := s.selected(); ok {
		if cmd, done := s.act(m, c); done {
			return cmd
		}
	} else if ui.Pressed(m, s.keys.open) {
		m = tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}} // a group folds
	}
	s.list().Update(m)
	return nil
}

// act does what a key does to a cluster, and tells whether it was one.
func (s *Screen) act(m tea.KeyMsg, c api.Cluster) (tea.Cmd, bool) {
	k, r := s.keys, s.routes
	switch {
	case ui.Pressed(m, k.open) && r.Cluster != nil:
		return ui.Open(r.Cluster(c.Name)), true
	case ui.Pressed(m, k.rebuild) && r.Rebuild != nil:
		return ui.Open(r.Rebuild(api.Target{Cluster: c.Name})), true
	case ui.Pressed(m, k.drift) && r.Drift != nil:
		return ui.Open(r.Drift(c.Name)), true
	case ui.Pressed(m, k.schedule) && r.Schedule != nil:
		return ui.Open(r.Schedule(c.Name)), true
	case ui.Pressed(m, k.runs) && r.Runs != nil:
		return ui.Open(r.Runs(run.Filter{Cluster: c.Name})), true
	case ui.Pressed(m, k.last) && r.Run != nil:
		return s.openRun(c), true
	case ui.Pressed(m, k.wake, k.sleep, k.keep):
		s.askWord(m, c)
		return nil, true
	}
	return nil, false
}

func (s *Screen) openRun(c api.Cluster) tea.Cmd {
	switch {
	case c.Run != nil:
		return ui.Open(s.routes.Run(c.Run.ID))
	case c.LastRun != nil:
		return ui.Open(s.routes.Run(c.LastRun.ID))
	}
	return ui.Tell(ui.Info, "there was no run on "+c.Name+" yet")
}
