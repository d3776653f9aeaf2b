// Package rebuild is the walkthrough that rebuilds a cluster with a person, one
// question a screen: which cluster, which commit, where, what the plan is, whether
// all of it is meant; then it shows the run and its report.
//
// In go a Daemon and what is already known of the target; what comes of it is a
// run, which goes on whoever leaves. Every choice is kept when one goes back, and
// can be printed as a command line.
package rebuild

import (
	"context"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// Daemon is what the walkthrough asks; see tui.Daemon.
type Daemon interface {
	Clusters(ctx context.Context) (api.ClusterList, error)
	Log(ctx context.Context, q api.LogQuery) (api.Log, error)
	Compare(ctx context.Context, q api.CompareQuery) (api.Comparison, error)
	Providers(ctx context.Context) ([]api.Provider, error)
	Plan(ctx context.Context, t api.Target) (api.Planned, error)
	Start(ctx context.Context, req api.StartRequest) (api.Run, error)
}

// How long the daemon may take: for what it knows, and for what it has to fetch
// from a repository and render first.
const (
	timeout     = 30 * time.Second
	longTimeout = 5 * time.Minute
)

// question is one of the walkthrough's.
type question interface {
	// enter begins the question, or shows it again: it asks for what it needs of
	// the choices as they are now.
	enter() tea.Cmd
	// update takes a message that is no key; press takes a key, and tells whether
	// it was one for it.
	update(msg tea.Msg) tea.Cmd
	press(msg tea.KeyMsg) (tea.Cmd, bool)
	resize(width, height int)
	view() string
	keys() []ui.KeyGroup
	typing() bool
}

// The steps of the walkthrough; from runStep on another screen is shown.
const (
	whichStep = iota
	commitStep
	whereStep
	planStep
	confirmStep
	runStep
	reportStep
	steps
)

// Screen is the walkthrough.
type Screen struct {
	env    ui.Env
	daemon Daemon
	routes ui.Routes

	choices choices
	wanted  api.Target // what was known when it was opened
	at      int
	parts   [runStep]question
	inner   ui.Screen // the run's
	leaving *ui.Confirm

	back, quit, print key.Binding
	width, height     int
}

// New makes the walkthrough. What the target leaves out is asked.
func New(env ui.Env, d Daemon, routes ui.Routes, t api.Target) *Screen {
	s := &Screen{env: env, daemon: d, routes: routes, wanted: t,
		back: ui.Bind("one back", "esc"), quit: ui.Bind("leave", "q"), print: ui.Bind("print the command", "P")}
	s.parts = [runStep]question{newWhich(s), newCommit(s), newWhere(s), newPlanned(s), newConfirm(s)}
	return s
}

// Title is the screen's part of the path.
func (s *Screen) Title() string {
	if s.inner != nil {
		return s.inner.Title()
	}
	return "rebuild"
}

// Typing tells that letters are text just now.
func (s *Screen) Typing() bool {
	if s.leaving != nil {
		return true
	}
	if s.inner != nil {
		t, ok := s.inner.(ui.Typing)
		return ok && t.Typing()
	}
	return s.parts[s.at].typing()
}

// Close ends what the run's screen follows.
func (s *Screen) Close() {
	if c, ok := s.inner.(ui.Closer); ok {
		c.Close()
	}
}

// Keys are the keys that work now.
func (s *Screen) Keys() []ui.KeyGroup {
	if s.inner != nil {
		return append(s.inner.Keys(), ui.KeyGroup{Name: "walkthrough", Keys: []key.Binding{s.quit}})
	}
	return append(s.parts[s.at].keys(), ui.KeyGroup{Name: "walkthrough", Keys: []key.Binding{s.back, s.quit, s.print}})
}

// Init begins the first question.
func (s *Screen) Init() tea.Cmd { return s.parts[s.at].enter() }

// Update obeys a message.
func (s *Screen) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch msg := msg.(type) {
	case ui.Resized:
		s.width, s.height = msg.Width, msg.Height
		return s, s.resize()
	case tea.KeyMsg:
		return s, s.pressed(msg)
	case tea.MouseMsg:
		shifted := ui.Shift(msg, 0, 1)
		if s.leaving != nil {
			return s, nil
		}
		if s.inner == nil {
			return s, s.parts[s.at].update(shifted)
		}
		return s, s.inside(shifted)
	}
	if s.inner != nil {
		return s, s.inside(msg)
	}
	if _, ok := msg.(ui.Found); ok {
		return s, s.parts[s.at].enter() // what could not be read can be now
	}
	var cmds []tea.Cmd
	for _, p := range s.parts {
		cmds = append(cmds, p.update(msg))
	}
	return s, tea.Batch(cmds...)
}

func (s *Screen) resize() tea.Cmd {
	for _, p := range s.parts {
		p.resize(s.width, max(s.height-1, 0))
	}
	if s.inner != nil {
		return s.inside(ui.Resized{Width: s.width, Height: max(s.height-1, 0)})
	}
	return nil
}

// inside hands a message to the run's screen.
func (s *Screen) inside(msg tea.Msg) tea.Cmd {
	next, cmd := s.inner.Update(msg)
	s.inner = next
	s.at = runStep
	if r, ok := next.(interface{ Reporting() bool }); ok && r.Reporting() {
		s.at = reportStep
	}
	return cmd
}

func (s *Screen) pressed(msg tea.KeyMsg) tea.Cmd {
	switch {
	case s.leaving != nil:
		return s.answered(msg)
	case s.Typing():
		return s.within(msg)
	case ui.Pressed(msg, s.quit):
		return s.leave()
	case s.inner != nil:
		return s.inside(msg)
	case ui.Pressed(msg, s.print):
		text := s.choices.command(s.env.Command)
		if s.choices.name() == "" {
			return ui.Tell(ui.Info, "there is no command yet: choose a cluster first")
		}
		return func() tea.Msg { return ui.Print{Text: text} }
	}
	return s.within(msg)
}

// within gives a key to the question, and goes back when that has no use for esc.
func (s *Screen) within(msg tea.KeyMsg) tea.Cmd {
	if s.inner != nil {
		return s.inside(msg)
	}
	cmd, used := s.parts[s.at].press(msg)
	switch {
	case used:
		return cmd
	case ui.Pressed(msg, s.back) && s.at == whichStep:
		return ui.Back()
	case ui.Pressed(msg, s.back):
		s.at--
		return s.parts[s.at].enter()
	}
	return nil
}

// next goes on to the next question.
func (s *Screen) next() tea.Cmd {
	s.at++
	return s.parts[s.at].enter()
}

// leave asks whether to leave in the middle.
func (s *Screen) leave() tea.Cmd {
	q := ui.Question{Title: "leave the walkthrough?", Lines: []string{"Nothing was begun. What was chosen so far is forgotten."}}
	if s.inner != nil {
		if r, ok := s.inner.(interface{ Live() bool }); !ok || !r.Live() {
			return ui.Back()
		}
		q = ui.Question{Title: "detach from the run?", Lines: []string{"It goes on without you. Open it again to see where it stands."}}
	} else if s.at == whichStep {
		return ui.Back()
	}
	c := ui.NewConfirm(s.env, q)
	s.leaving = &c
	return nil
}

func (s *Screen) answered(msg tea.KeyMsg) tea.Cmd {
	switch s.leaving.Update(msg) {
	case ui.Given:
		s.leaving = nil
		return ui.Back()
	case ui.Cancelled:
		s.leaving = nil
	case ui.Pending:
	}
	return nil
}

// follow shows a run in place of the questions.
func (s *Screen) follow(id string) tea.Cmd {
	if s.routes.Run == nil {
		return ui.Tell(ui.Good, "run "+id+" has begun")
	}
	s.inner = s.routes.Run(id)
	s.at = runStep
	return tea.Batch(s.inside(ui.Resized{Width: s.width, Height: max(s.height-1, 0)}), s.inner.Init())
}

// View draws the path, and below it the question or the run.
func (s *Screen) View() string {
	if s.width < 1 || s.height < 1 {
		return ui.Block(nil, s.width, s.height)
	}
	view := s.path()
	if s.height > 1 {
		body := ""
		if s.inner != nil {
			body = s.inner.View()
		} else {
			body = s.parts[s.at].view()
		}
		view += "\n" + body
	}
	if s.leaving != nil {
		return s.leaving.Over(view, s.width, s.height)
	}
	return view
}

// asked draws a question above the list that answers it.
func (s *Screen) asked(what string, wait ui.Wait, list string, width, height int) string {
	head := ui.Line{{Text: what, Style: s.env.Styles.Strong}}
	if l := wait.Line(s.env); len(l) > 0 {
		head = append(append(head, ui.Cell{Text: "  "}), l...)
	}
	view := head.Draw(width)
	if height > 1 {
		view += "\n" + list
	}
	return view
}

// path is the line above all: where one is, and what was chosen on the way.
func (s *Screen) path() string {
	st := s.env.Styles
	names := [steps]string{"1 cluster", "2 commit", "3 where", "4 plan", "5 confirm", "6 run", "7 report"}
	c := &s.choices
	if s.at > whichStep && c.name() != "" {
		names[whichStep] = "1 " + ui.Clip(c.name(), 20)
	}
	if s.at > commitStep && c.commit != nil {
		names[commitStep] = "2 " + ui.Short(c.commit.SHA)
	}
	if s.at > whereStep && c.provider != nil {
		names[whereStep] = "3 " + ui.Clip(c.provider.Name, 12)
	}
	var line ui.Line
	for i, n := range names {
		if i > 0 {
			line = append(line, ui.Cell{Text: " › ", Style: st.Dim})
		}
		style := st.Dim
		switch {
		case i == s.at:
			n, style = "["+n+"]", st.Title
		case i < s.at:
			style = st.Plain
		}
		line = append(line, ui.Cell{Text: n, Style: style})
	}
	if ui.Width(line.Plain()) > s.width { // from where one is, on
		line = append(ui.Line{{Text: "… › ", Style: st.Dim}}, line[2*s.at:]...)
		if s.at == 0 {
			line = line[1:]
		}
	}
	return line.Draw(s.width)
}
