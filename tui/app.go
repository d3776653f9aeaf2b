package tui

import (
	"context"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// App is the frame around all screens: a stack of them of which the uppermost is
// seen, the line above with the way to it and whom the UI talks to, news and key
// hints below, help, and the feed of changes, which it reads again when the daemon
// was lost. It is a tea.Model.
type App struct {
	env    ui.Env
	daemon Daemon
	opts   Options
	routes ui.Routes
	keys   frameKeys

	stack         []entry
	nextID        int
	begun         bool // the first screen was started
	width, height int

	news    []piece // newest last
	overlay *overlay
	leaving *ui.Confirm
	printed []string
	link    link
	live    map[string]bool // runs that this process works on
}

// Options say how the UI starts.
type Options struct {
	// First makes the screen that is opened over the dashboard at once; nil: none.
	First func(ui.Routes) ui.Screen
	// InProcess tells that runs live in this process and stop when it ends: who
	// leaves while one does is asked.
	InProcess bool
}

// New makes the UI. What env.Life ends, ends it.
func New(env ui.Env, d Daemon, o Options) *App {
	a := &App{env: env, daemon: d, opts: o, keys: newFrameKeys(env), live: map[string]bool{}}
	a.link.changes = make(chan api.Change, maxChanges)
	a.routes = routes(env, d)
	return a
}

// Printed are the texts that screens asked to be printed once the program has ended.
func (a *App) Printed() []string { return a.printed }

// frameKeys are the frame's own keys. A screen's keys win over them.
type frameKeys struct {
	help, messages, back, quit, retry, suspend key.Binding
	clusters, runs, schedule, rebuild          key.Binding
}

func newFrameKeys(env ui.Env) frameKeys {
	return frameKeys{
		help: ui.Bind("help", "?"), messages: ui.Bind("messages so far", "M"), back: ui.Bind("back; at the lowest screen: quit", "q"),
		quit: ui.Bind("quit", "ctrl+c"), retry: ui.Bind("look for a lost daemon now", "ctrl+r"), suspend: ui.Bind("to the shell", "ctrl+z"),
		clusters: ui.Bind("clusters", "1"), runs: ui.Bind("runs", "2"), schedule: ui.Bind("schedule", "3"), rebuild: env.Act("rebuild a cluster", "R"),
	}
}

func (k frameKeys) groups() []ui.KeyGroup {
	return []ui.KeyGroup{
		{Name: "screens", Keys: []key.Binding{k.clusters, k.runs, k.schedule, k.rebuild}},
		{Name: "everywhere", Keys: []key.Binding{k.help, k.messages, k.back, k.quit, k.suspend, k.retry}},
	}
}

// Messages of the frame to itself.
type (
	ticked  struct{}
	beginIn struct{}
)

// startWait is how long the first screen waits for the feed, so that what it reads
// is not older than the first change that it is told.
const startWait = 250 * time.Millisecond

// Init implements tea.Model.
func (a *App) Init() tea.Cmd {
	return tea.Batch(tick(), a.listen(), a.await(), tea.Tick(startWait, func(time.Time) tea.Msg { return beginIn{} }))
}

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return ticked{} })
}

// Update implements tea.Model.
func (a *App) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		return a, a.resize(m.Width, m.Height)
	case tea.KeyMsg:
		return a, a.pressAll(m)
	case tea.MouseMsg:
		m.Y -= headLines
		if a.overlay != nil {
			a.overlay.pager.Update(m)
			return a, nil
		}
		return a, a.toTop(m)
	case ticked:
		return a, tea.Batch(tick(), a.everySecond())
	case beginIn:
		return a, a.begin()
	case routed:
		return a, a.route(m)
	case gotChanges, feedEnded, probed:
		return a, a.linked(msg)
	case ui.Push, ui.Pop, ui.Replace, ui.Told, ui.Print:
		return a, a.asked(a.topID(), msg)
	}
	return a, a.toTop(msg)
}

// begin starts the first screens, once.
func (a *App) begin() tea.Cmd {
	if a.begun || a.width == 0 {
		return nil
	}
	a.begun = true
	cmds := []tea.Cmd{a.push(a.routes.Clusters())}
	if a.opts.First != nil {
		if s := a.opts.First(a.routes); s != nil {
			cmds = append(cmds, a.push(s))
		}
	}
	if a.link.lost() {
		cmds = append(cmds, a.toAll(ui.Lost{Err: a.link.err}))
	}
	return tea.Batch(cmds...)
}

func (a *App) resize(width, height int) tea.Cmd {
	first := a.width == 0
	a.width, a.height = width, height
	if a.overlay != nil {
		a.overlay.pager.Resize(a.bodySize())
	}
	if first {
		if a.link.heard || a.link.lost() {
			return a.begin()
		}
		return nil // beginIn or the feed is about to come
	}
	w, h := a.bodySize()
	return a.toAll(ui.Resized{Width: w, Height: h})
}

// everySecond moves what depends on time.
func (a *App) everySecond() tea.Cmd {
	now := a.env.Now()
	return tea.Batch(a.begin(), a.watch(now), a.toTop(ui.Tick{Now: now}))
}

// pressAll obeys what was typed at once: Bubble Tea makes one message of letters that
// come in one read, as they do when a key is held down or the machine is busy.
func (a *App) pressAll(m tea.KeyMsg) tea.Cmd {
	if m.Type != tea.KeyRunes || m.Paste || len(m.Runes) < 2 {
		return a.press(m)
	}
	var cmds []tea.Cmd
	for _, r := range m.Runes {
		cmds = append(cmds, a.press(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: m.Alt}))
	}
	return tea.Batch(cmds...)
}

// press obeys a key: what is open above the screens first, then the screen's, then
// the frame's own.
func (a *App) press(m tea.KeyMsg) tea.Cmd {
	switch {
	case a.leaving != nil:
		return a.answerLeaving(m)
	case key.Matches(m, a.keys.quit):
		return a.leave()
	case a.link.lost() && key.Matches(m, a.keys.retry):
		return a.retry()
	case key.Matches(m, a.keys.suspend):
		return tea.Suspend
	case a.overlay != nil:
		return a.inOverlay(m)
	case len(a.stack) == 0:
		if key.Matches(m, a.keys.back) {
			return tea.Quit
		}
		return nil
	case a.typing() || a.owns(m):
		return a.toTop(m)
	}
	if cmd, ok := a.own(m); ok {
		return cmd
	}
	return a.toTop(m)
}

// own obeys one of the frame's keys.
func (a *App) own(m tea.KeyMsg) (tea.Cmd, bool) {
	k := a.keys
	switch {
	case key.Matches(m, k.help):
		a.openHelp()
	case key.Matches(m, k.messages):
		a.openMessages()
	case key.Matches(m, k.back) && len(a.stack) > 1:
		return a.pop(a.topID()), true
	case key.Matches(m, k.back):
		return a.leave(), true
	case key.Matches(m, k.clusters):
		return a.only(nil), true
	case key.Matches(m, k.runs) && a.routes.Runs != nil:
		return a.only(a.routes.Runs(allRuns())), true
	case key.Matches(m, k.schedule) && a.routes.Schedule != nil:
		return a.only(a.routes.Schedule("")), true
	case key.Matches(m, k.rebuild) && a.routes.Rebuild != nil:
		return a.push(a.routes.Rebuild(api.Target{})), true
	default:
		return nil, false
	}
	return nil, true
}

// owns tells whether a key is one of the uppermost screen's.
func (a *App) owns(m tea.KeyMsg) bool {
	for _, g := range a.top().Keys() {
		if key.Matches(m, g.Keys...) {
			return true
		}
	}
	return false
}

func (a *App) typing() bool {
	t, ok := a.top().(ui.Typing)
	return ok && t.Typing()
}

// leave ends the program, after a question when a run would stop with it.
func (a *App) leave() tea.Cmd {
	if !a.opts.InProcess || len(a.live) == 0 {
		return a.end()
	}
	q := ui.NewConfirm(a.env, ui.Question{Title: "quit?", Lines: []string{
		ui.Count(len(a.live), "run") + " of this process will be interrupted. What was made stays, and resuming goes on from there.",
	}})
	a.leaving = &q
	return nil
}

func (a *App) answerLeaving(m tea.KeyMsg) tea.Cmd {
	answer := a.leaving.Update(m)
	if key.Matches(m, a.keys.quit) {
		answer = ui.Given // whoever presses it twice means it
	}
	switch answer {
	case ui.Given:
		return a.end()
	case ui.Cancelled:
		a.leaving = nil
	case ui.Pending:
	}
	return nil
}

func (a *App) end() tea.Cmd {
	for _, e := range a.stack {
		e.close()
	}
	a.link.stop()
	return tea.Quit
}

// within is env.Life with a deadline.
func (a *App) within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(a.env.Life, d)
}
