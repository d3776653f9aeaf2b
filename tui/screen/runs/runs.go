// Package runs is the screen with the history of runs, and the one that compares
// two of them.
//
// In go what a daemon knows of runs and the changes of its feed; out come cells, and
// the screens that others make of a run. Resuming and aborting are asked of the
// daemon from here.
package runs

import (
	"context"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// Daemon is what the screens ask.
type Daemon interface {
	Runs(ctx context.Context, f run.Filter) (api.RunList, error)
	Report(ctx context.Context, typed string) (api.RunReport, error)
	Resume(ctx context.Context, typed string) (api.Run, error)
	Abort(ctx context.Context, typed string) (api.Run, error)
}

// Screen is the history of runs.
type Screen struct {
	env    ui.Env
	daemon Daemon
	routes ui.Routes
	keys   keys
	// self tells this screen's answers from those of another of its kind.
	self *byte

	choice  choice
	history history
	limit   int // how many runs were asked for
	wait    ui.Wait
	table   ui.Table[api.Run]
	confirm *asked
	menu    *ui.Menu

	width, height int
}

// asked is a question that is open, and what happens after a yes.
type asked struct {
	ui.Confirm
	do tea.Cmd
}

// The daemon is asked for so many runs at first, and for more when somebody scrolls
// to the end.
const firstPage = 200

// timeout is how long the daemon may take for an answer.
const timeout = 30 * time.Second

// New makes the screen with the runs that f chooses by cluster and recipe.
func New(env ui.Env, d Daemon, routes ui.Routes, f run.Filter) Screen {
	s := Screen{env: env, daemon: d, routes: routes, keys: newKeys(env), self: new(byte), limit: firstPage}
	s.choice = choice{cluster: f.Cluster, recipe: f.Recipe}
	s.table = ui.NewTable(env, func(r api.Run) string { return r.ID }, columns(env)...)
	s.table.Marking = true
	s.table.Empty = "no runs"
	s.wait = s.wait.Begin(reading, env.Now())
	return s
}

const reading = "reading runs"

func columns(env ui.Env) []ui.Column[api.Run] {
	st := env.Styles
	plain := func(text func(api.Run) string) func(api.Run) ui.Cell {
		return func(r api.Run) ui.Cell { return ui.Cell{Text: text(r), Style: st.Plain} }
	}
	length := func(r api.Run) time.Duration {
		d, _ := took(r, env.Now())
		return d
	}
	return []ui.Column[api.Run]{
		{Title: "OUTCOME", Width: 13, Cell: func(r api.Run) ui.Cell { return st.Outcome(r.Outcome, r.Live) },
			Less: func(a, b api.Run) bool { return outcome(a) < outcome(b) }},
		{Title: "RECIPE", Width: 8, Drop: 2, Cell: plain(func(r api.Run) string { return r.Recipe }), Less: func(a, b api.Run) bool { return a.Recipe < b.Recipe }},
		{Title: "CLUSTER", Min: 8, Max: 24, Cell: plain(func(r api.Run) string { return r.Cluster }), Less: func(a, b api.Run) bool { return a.Cluster < b.Cluster }},
		{Title: "BEGAN", Width: 12, Drop: 1, Cell: plain(func(r api.Run) string { return env.At(r.Created) }), Less: func(a, b api.Run) bool { return a.Created.Before(b.Created) }},
		{Title: "TOOK", Width: 7, Right: true, Drop: 3, Cell: plain(func(r api.Run) string {
			if d, known := took(r, env.Now()); known {
				return ui.Took(d)
			}
			return "-"
		}), Less: func(a, b api.Run) bool { return length(a) < length(b) }},
		{Title: "BY", Min: 3, Max: 14, Drop: 4, Cell: plain(func(r api.Run) string { return r.By }), Less: func(a, b api.Run) bool { return a.By < b.By }},
		{Title: "ERROR", Flex: 1, Min: 10, Drop: 5, Cell: func(r api.Run) ui.Cell { return ui.Cell{Text: gist(r.Error), Style: st.Bad} }},
		{Title: "RUN", Width: 20, Drop: 6, Cell: func(r api.Run) ui.Cell { return ui.Cell{Text: r.ID, Style: st.Dim} }},
	}
}

// Title is the screen's part of the path.
func (s Screen) Title() string { return "runs" }

// Typing tells that letters are text just now.
func (s Screen) Typing() bool { return s.confirm != nil || s.menu != nil || s.table.Typing() }

// Init asks for the runs.
func (s Screen) Init() tea.Cmd { return s.ask() }

// Update obeys a message.
func (s Screen) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch msg := msg.(type) {
	case ui.Resized:
		s.width, s.height = msg.Width, msg.Height
		s.table.Resize(s.width, max(s.height-1, 0))
	case ui.Changed:
		return s.changed(msg.Changes)
	case ui.Found:
		return s.read()
	case loaded:
		return s.loaded(msg)
	case did:
		return s.did(msg)
	case tea.KeyMsg:
		return s.pressed(msg)
	case tea.MouseMsg:
		if s.confirm == nil && s.menu == nil {
			s.table.Update(ui.Shift(msg, 0, 1))
		}
	}
	return s, nil
}

// loaded is the answer to a question for runs.
type loaded struct {
	self *byte
	gen  int
	list api.RunList
	err  error
}

// read asks for the runs anew.
func (s Screen) read() (ui.Screen, tea.Cmd) {
	s.wait = s.wait.Begin(reading, s.env.Now())
	return s, s.ask()
}

func (s Screen) ask() tea.Cmd {
	self, gen, env, d := s.self, s.wait.Gen, s.env, s.daemon
	f := run.Filter{Cluster: s.choice.cluster, Recipe: s.choice.recipe, Limit: s.limit}
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		list, err := d.Runs(ctx, f)
		return loaded{self, gen, list, err}
	})
}

func (s Screen) loaded(msg loaded) (ui.Screen, tea.Cmd) {
	if msg.self != s.self {
		return s, nil
	}
	wait, current := s.wait.End(msg.gen, msg.err)
	if !current {
		return s, nil
	}
	if s.wait = wait; msg.err == nil {
		s.history = history{}
		for _, r := range msg.list.Runs {
			s.history.put(r)
		}
		s.show()
	}
	return s, nil
}

// show puts the runs that are chosen into the table.
func (s *Screen) show() { s.table.SetRows(s.history.chosen(s.choice)) }

// changed takes in what happened meanwhile.
func (s Screen) changed(list []api.Change) (ui.Screen, tea.Cmd) {
	again, other := false, false
	for _, c := range list {
		switch c.Kind {
		case api.FeedBegin, api.FeedReset:
			again = true
		case api.RunChanged:
			if r := c.Run; r != nil && (s.choice.cluster == "" || s.choice.cluster == r.Cluster) && (s.choice.recipe == "" || s.choice.recipe == r.Recipe) {
				s.history.put(*r)
				other = true
			}
		}
	}
	if other {
		s.show()
	}
	if again {
		return s.read()
	}
	return s, nil
}

// more asks for older runs when the cursor comes near to the end of those that are
// there.
func (s Screen) more() (ui.Screen, tea.Cmd) {
	const near = 20
	full := len(s.history.list) >= s.limit && s.limit < api.MaxList
	if !full || s.wait.Busy() || s.table.Cursor() < s.table.Len()-near {
		return s, nil
	}
	s.limit = min(s.limit*2, api.MaxList)
	return s.read()
}

// keys are the screen's own.
type keys struct {
	open, compare, abort, resume, print, choose, all, reread key.Binding
}

func newKeys(env ui.Env) keys {
	return keys{
		open: ui.Bind("open", "enter"), compare: ui.Bind("compare the two marked", "c"),
		abort: env.Act("abort", "a"), resume: env.Act("resume", "r"), print: ui.Bind("print the command", "p"),
		choose: ui.Bind("choose by cluster, recipe, outcome", "f"), all: ui.Bind("choose all", "F"),
		reread: ui.Bind("read again", "ctrl+r", "ctrl+r", "f5"),
	}
}

// Keys are the keys that work now.
func (s Screen) Keys() []ui.KeyGroup {
	k := s.keys
	return []ui.KeyGroup{
		{Name: "runs", Keys: []key.Binding{k.open, k.compare, k.choose, k.all, k.abort, k.resume, k.print, k.reread}},
		{Name: "list", Keys: s.table.Keys()},
		{Name: "move", Keys: s.table.Moves()},
	}
}
