package cluster

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

type keys struct {
	next, before, back, reload, open key.Binding
	rebuild, drift, schedule         key.Binding
}

func newKeys(env ui.Env) keys {
	return keys{
		next: ui.Bind("next tab", "tab", "tab", "]"), before: ui.Bind("tab before", "shift+tab", "shift+tab", "["),
		back: ui.Bind("back", "esc"), reload: ui.Bind("read anew", "r"), open: ui.Bind("open", "enter"),
		rebuild: env.Act("rebuild", "R"), drift: ui.Bind("compare now", "d"), schedule: ui.Bind("schedule", "s"),
	}
}

// part is what the tab shows, as far as it obeys keys.
func (s *Screen) part() interface {
	Update(tea.Msg) bool
	Typing() bool
	Keys() []key.Binding
	Moves() []key.Binding
	Resize(width, height int)
	View() string
} {
	switch s.tabs.Active {
	case runsTab:
		return &s.runs
	case objectsTab:
		return &s.objects.table
	case driftTab:
		return &s.drift
	case scheduleTab:
		return &s.events
	}
	return &s.overview
}

// Keys implements ui.Screen.
func (s *Screen) Keys() []ui.KeyGroup {
	k := s.keys
	if s.look != nil {
		return []ui.KeyGroup{{Name: "object", Keys: append([]key.Binding{k.back, k.reload}, s.look.pager.Keys()...)}, {Name: "moving", Keys: s.look.pager.Moves()}}
	}
	first := []key.Binding{k.next, k.before, k.rebuild, k.drift, k.schedule, k.reload, k.back}
	if _, ok := s.target(); ok {
		first = append([]key.Binding{k.open}, first...)
	}
	return []ui.KeyGroup{
		{Name: s.tabs.Names[s.tabs.Active], Keys: first},
		{Name: "list", Keys: s.part().Keys()},
		{Name: "moving", Keys: s.part().Moves()},
	}
}

// press obeys a key.
func (s *Screen) press(m tea.KeyMsg) tea.Cmd {
	if s.look != nil {
		return s.pressLook(m)
	}
	if s.part().Update(m) { // a filter that is open, or one that esc takes away, goes first
		return nil
	}
	k, r := s.keys, s.routes
	switch {
	case ui.Pressed(m, k.back):
		return ui.Back()
	case ui.Pressed(m, k.next):
		return s.turn(1)
	case ui.Pressed(m, k.before):
		return s.turn(-1)
	case ui.Pressed(m, k.reload):
		return s.load()
	case ui.Pressed(m, k.open):
		if open, ok := s.target(); ok {
			return open()
		}
	case ui.Pressed(m, k.rebuild) && r.Rebuild != nil:
		return ui.Open(r.Rebuild(api.Target{Cluster: s.name}))
	case ui.Pressed(m, k.drift) && r.Drift != nil:
		return ui.Open(r.Drift(s.name))
	case ui.Pressed(m, k.schedule) && r.Schedule != nil:
		return ui.Open(r.Schedule(s.name))
	}
	return nil
}

func (s *Screen) turn(by int) tea.Cmd {
	s.tabs.Move(by)
	s.fill()
	return s.need()
}

// target is what enter opens; false when it opens nothing.
func (s *Screen) target() (func() tea.Cmd, bool) {
	switch s.tabs.Active {
	case overviewTab:
		if ref := s.lastRun(); ref != nil && s.routes.Run != nil {
			return func() tea.Cmd { return ui.Open(s.routes.Run(ref.ID)) }, true
		}
	case runsTab:
		if r, ok := s.runs.Selected(); ok && s.routes.Run != nil {
			return func() tea.Cmd { return ui.Open(s.routes.Run(r.ID)) }, true
		}
	case objectsTab:
		if o, ok := s.objects.table.Selected(); ok {
			return func() tea.Cmd { return s.lookAt(o.id) }, true
		}
	case driftTab:
		if s.routes.Drift != nil {
			return func() tea.Cmd { return ui.Open(s.routes.Drift(s.name)) }, true
		}
	case scheduleTab:
		if s.routes.Schedule != nil {
			return func() tea.Cmd { return ui.Open(s.routes.Schedule(s.name)) }, true
		}
	}
	return nil, false
}

func (s *Screen) lastRun() *api.RunRef {
	if s.cluster.Run != nil {
		return s.cluster.Run
	}
	return s.cluster.LastRun
}
