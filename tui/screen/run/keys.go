package run

import (
	"github.com/charmbracelet/bubbles/key"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// keys are the keys of the screen.
type keys struct {
	pause, retry, skip, abort, resume, detach key.Binding
	open, events, report, nextTab, prevTab    key.Binding
	reread, back, print, save, follow         key.Binding
}

func newKeys(env ui.Env) keys {
	return keys{
		pause: env.Act("pause / continue", "p"), retry: env.Act("retry the object", "r"), skip: env.Act("skip the object", "x"),
		abort: env.Act("abort", "a"), resume: env.Act("resume", "R"), detach: ui.Bind("detach: the run goes on", "D"),
		open: ui.Bind("look at the object", "enter"), events: ui.Bind("events", "e"), report: ui.Bind("report", "v"),
		nextTab: ui.Bind("next group", "tab", "tab", "right", "l"), prevTab: ui.Bind("group before", "shift+tab", "shift+tab", "left", "h"),
		reread: ui.Bind("read again", "ctrl+r"), back: ui.Bind("back", "esc"),
		print: ui.Bind("print the commands", "P"), save: ui.Bind("save as a file", "s"), follow: ui.Bind("objects", "v"),
	}
}

// Keys are the keys that work now.
func (s *Screen) Keys() []ui.KeyGroup {
	k := s.keys
	if s.page == reportPage {
		return []ui.KeyGroup{
			{Name: "report", Keys: append([]key.Binding{k.open, k.save, k.print, k.follow}, s.resumeKeys()...)},
			{Name: "screen", Keys: []key.Binding{k.events, k.detach, k.reread, k.back}},
			{Name: "list", Keys: append(s.report.table.Keys(), s.report.table.Moves()...)},
		}
	}
	var act []key.Binding
	if s.p.outcome == "" && s.run.Live {
		act = []key.Binding{k.pause, k.retry, k.skip, k.abort, k.detach}
	} else {
		act = append(s.resumeKeys(), k.report)
	}
	groups := []ui.KeyGroup{
		{Name: "run", Keys: act},
		{Name: "screen", Keys: []key.Binding{k.open, k.events, k.report, k.nextTab, k.prevTab, k.print, k.reread, k.back}},
	}
	if s.page == eventsPage {
		return append(groups, ui.KeyGroup{Name: "events", Keys: append(s.events.Keys(), s.events.Moves()...)})
	}
	return append(groups, ui.KeyGroup{Name: "objects", Keys: append(s.table.Keys(), s.table.Moves()...)})
}

// resumeKeys are the keys of a run that does not go on, and could.
func (s *Screen) resumeKeys() []key.Binding {
	if s.known && !s.run.Live && s.p.outcome.Resumable() {
		return []key.Binding{s.keys.resume, s.keys.abort}
	}
	return nil
}
