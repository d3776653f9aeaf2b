package run

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// lookAfter is how long the cursor rests on an object before it is looked at.
const lookAfter = 250 * time.Millisecond

// look is the pane about one object: why it is not healthy, what to do, what
// Kubernetes has to say, and the last lines of its container.
type look struct {
	open  bool
	whole bool // it fills the screen
	// object is what the pane is about, in which state it was seen here.
	object string
	state  state
	wait   ui.Wait
	known  bool
	have   api.ObjectLook
	pager  ui.Pager
	env    ui.Env
}

func newLook(env ui.Env) look { return look{env: env, pager: ui.NewPager(env)} }

type (
	// lookDue: the cursor has rested.
	lookDue struct {
		of     *Screen
		object string
		gen    int
	}
	// looked is the answer of the daemon.
	looked struct {
		object string
		gen    int
		look   api.ObjectLook
		err    error
	}
)

// lookAt turns the pane to an object, which is asked for when the cursor stays.
func (s *Screen) lookAt(object string, st state, at time.Duration) tea.Cmd {
	l := &s.look
	if l.object == object && l.state == st && (l.known || l.wait.Busy()) {
		return nil
	}
	if l.object != object {
		l.known, l.have = false, api.ObjectLook{}
		l.pager.Home()
	}
	l.object, l.state = object, st
	l.wait = l.wait.Begin("looking at "+object, s.env.Now())
	l.fill()
	due := lookDue{s, object, l.wait.Gen}
	if at == 0 {
		return s.lookNow(due)
	}
	return tea.Tick(at, func(time.Time) tea.Msg { return due })
}

// lookNow asks the daemon, unless the cursor has moved on.
func (s *Screen) lookNow(due lookDue) tea.Cmd {
	if due.of != s || due.gen != s.look.wait.Gen || due.object != s.look.object {
		return nil
	}
	env, d, cluster := s.env, s.daemon, s.run.Cluster
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		have, err := d.Look(ctx, cluster, due.object)
		return looked{due.object, due.gen, have, err}
	})
}

func (l *look) take(msg looked) {
	next, ok := l.wait.End(msg.gen, msg.err)
	if !ok || msg.object != l.object {
		return
	}
	l.wait = next
	if msg.err == nil {
		l.known, l.have = true, msg.look
	}
	l.fill()
}

// fill writes the pane's text.
func (l *look) fill() {
	st := l.env.Styles
	lines := []ui.Line{ui.Text(l.object, st.Strong)}
	if l.wait.Err != nil {
		lines = append(lines, l.wait.Line(l.env), ui.Text("ctrl+r tries again", st.Dim))
	}
	if !l.known {
		l.pager.SetLines(lines)
		return
	}
	h := l.have
	head := ui.Line{{Text: h.State, Style: st.Strong}}
	if h.Reason != "" {
		head = append(head, ui.Cell{Text: ": " + h.Reason, Style: st.Warn})
	}
	lines = append(lines, head)
	if h.Hint != "" {
		lines = append(lines, ui.Text("→ "+h.Hint, st.Plain))
	}
	part := func(title string, texts []string) {
		if len(texts) == 0 {
			return
		}
		lines = append(lines, nil, ui.Text(title, st.Dim))
		for _, t := range texts {
			for _, line := range ui.Wrap(t, 1<<12) {
				lines = append(lines, ui.Text("  "+line, st.Plain))
			}
		}
	}
	part("last lines of its container", h.Log)
	part("Kubernetes' events", h.Events)
	if h.YAML != "" {
		part("as it is", []string{h.YAML})
	}
	l.pager.SetLines(lines)
}

// view draws the pane.
func (l *look) view(width, height int) string {
	if height < 1 {
		return ""
	}
	title := "─ look ─ enter makes it larger, esc closes "
	if l.whole {
		title = "─ look ─ esc makes it smaller "
	}
	if l.wait.Busy() {
		title = "─ " + l.wait.Line(l.env).Plain() + " "
	}
	return rule(l.env.Styles, title, width) + "\n" + ui.Block(split(l.pager.View()), width, height-1)
}
