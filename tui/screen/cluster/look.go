package cluster

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// look is a look at one live object.
type look struct {
	object string
	wait   ui.Wait
	pager  ui.Pager
}

// looked is what was seen.
type looked struct {
	object string
	gen    int
	look   api.ObjectLook
	err    error
}

// lookAt looks at an object, over the tab.
func (s *Screen) lookAt(object string) tea.Cmd {
	l := &look{object: object, pager: ui.NewPager(s.env)}
	if s.look != nil {
		l.wait = s.look.wait
	}
	l.wait = l.wait.Begin("looking at "+object, s.env.Now())
	l.pager.Resize(s.width, max(s.height-1, 1))
	s.look = l
	gen, d, name := l.wait.Gen, s.daemon, s.name
	return s.ask(func(ctx context.Context) tea.Msg {
		got, err := d.Look(ctx, name, object)
		return looked{object, gen, got, err}
	})
}

func (s *Screen) looked(m looked) {
	if s.look == nil || s.look.object != m.object {
		return
	}
	next, ok := s.look.wait.End(m.gen, m.err)
	if !ok {
		return
	}
	s.look.wait = next
	if m.err == nil {
		s.look.pager.SetLines(lookLines(s.env.Styles, m.look))
	}
}

func (s *Screen) pressLook(m tea.KeyMsg) tea.Cmd {
	switch {
	case s.look.pager.Update(m):
	case ui.Pressed(m, s.keys.back):
		s.look = nil
	case ui.Pressed(m, s.keys.reload):
		return s.lookAt(s.look.object)
	}
	return nil
}

// lookLines are what is seen of an object: what ails it first, all of it last.
func lookLines(st ui.Styles, l api.ObjectLook) []ui.Line {
	state := ui.Cell{Text: "  ◐ " + l.State, Style: st.Busy}
	switch l.State {
	case "settled":
		state = ui.Cell{Text: "  ✓ settled", Style: st.Good}
	case "failed", "missing":
		state = ui.Cell{Text: "  ✗ " + l.State, Style: st.Bad}
	}
	lines := []ui.Line{{state}}
	if l.Reason != "" {
		lines = append(lines, ui.Text("  "+l.Reason, st.Plain))
	}
	if l.Hint != "" {
		lines = append(lines, ui.Text("  → "+l.Hint, st.Strong))
	}
	part := func(title string, body []string) {
		if len(body) == 0 {
			return
		}
		lines = append(lines, nil, ui.Text("  "+title, st.Title))
		for _, text := range body {
			lines = append(lines, ui.Text("  "+text, st.Plain))
		}
	}
	part("events", l.Events)
	part("log", l.Log)
	if l.YAML != "" {
		part("as it is", strings.Split(strings.TrimRight(l.YAML, "\n"), "\n"))
	}
	return lines
}
