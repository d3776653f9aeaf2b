package run

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	journal "github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// timeout is how long the daemon may take for an answer.
const timeout = 30 * time.Second

// page is what fills the screen below its head.
type page int

const (
	objectsPage page = iota
	eventsPage
	reportPage
)

// Screen is one run.
type Screen struct {
	env    ui.Env
	daemon Daemon
	routes ui.Routes
	keys   keys
	id     string

	run     api.Run
	known   bool // the run was read
	wait    ui.Wait
	p       *progress
	usual   usual
	stream  *stream // nil while nothing is followed
	broken  error   // why the stream ended before its time
	page    page
	tab     tab
	table   ui.Table[int] // places in p.objects
	events  ui.Pager
	look    look
	report  report
	dialog  dialog
	lost    bool
	cleanup bool // the cluster goes when the run has ended

	width, height int
}

// New makes the screen of the run with that ID.
func New(env ui.Env, d Daemon, routes ui.Routes, id string) *Screen {
	s := &Screen{env: env, daemon: d, routes: routes, keys: newKeys(env), id: id, p: newProgress(), events: ui.NewPager(env)}
	s.table = newTable(env, s)
	s.look, s.report = newLook(env), newReport(env)
	s.events.Follow = true
	s.wait = s.wait.Begin("reading run "+id, env.Now())
	return s
}

// Title is the screen's part of the path.
func (s *Screen) Title() string { return "run " + s.id }

// Reporting tells that the report is what is seen.
func (s *Screen) Reporting() bool { return s.page == reportPage }

// Live tells that the run is under way, as far as is known.
func (s *Screen) Live() bool { return s.known && s.p.outcome == "" && s.run.Live }

// Typing tells that letters are text just now.
func (s *Screen) Typing() bool {
	return s.dialog.open() || s.table.Typing() || s.events.Typing() || s.look.pager.Typing() || s.report.typing()
}

// Close ends what the screen follows.
func (s *Screen) Close() {
	if s.stream != nil {
		s.stream.cancel()
		s.stream = nil
	}
}

// Init reads the run.
func (s *Screen) Init() tea.Cmd { return s.read() }

// read asks for the run and, for estimates, for the runs before it.
func (s *Screen) read() tea.Cmd {
	gen, env, d, id := s.wait.Gen, s.env, s.daemon, s.id
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		r, err := d.Run(ctx, id)
		if err != nil {
			return loaded{of: id, gen: gen, err: err}
		}
		// Without earlier runs there is no estimate, and all else.
		earlier, _ := d.Runs(ctx, journal.Filter{Cluster: r.Cluster, Recipe: r.Recipe, Limit: 12})
		return loaded{of: id, gen: gen, run: r, earlier: earlier.Runs}
	})
}

// loaded is the answer to a question for the run.
type loaded struct {
	of      string
	gen     int
	run     api.Run
	earlier []api.Run
	err     error
}

// Update obeys a message.
func (s *Screen) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch msg := msg.(type) {
	case ui.Resized:
		s.width, s.height = msg.Width, msg.Height
		s.arrange()
	case loaded:
		return s, s.loaded(msg)
	case arrived:
		return s, s.arrived(msg)
	case followDue:
		if msg.of == s && msg.gen == s.wait.Gen && s.stream == nil {
			return s, s.follow()
		}
	case ui.Tick:
		s.arrange() // what is said of times may have another height
	case ui.Shown:
		return s, s.again()
	case ui.Lost:
		s.lost = true
	case ui.Found:
		s.lost = false
		return s, s.again()
	case ui.Changed:
		s.changed(msg.Changes)
	case looked:
		s.look.take(msg)
	case lookDue:
		return s, s.lookNow(msg)
	case reported:
		return s, s.reported(msg)
	case did:
		return s, s.did(msg)
	case saved:
		return s, s.report.saved(msg)
	case tea.KeyMsg:
		return s, s.pressed(msg)
	case tea.MouseMsg:
		return s, s.moused(msg)
	}
	return s, nil
}

func (s *Screen) loaded(msg loaded) tea.Cmd {
	next, ok := s.wait.End(msg.gen, msg.err)
	if msg.of != s.id || !ok {
		return nil
	}
	s.wait = next
	if msg.err != nil {
		return nil
	}
	first := !s.known
	s.run, s.known = msg.run, true
	runs := make([]journal.Run, len(msg.earlier))
	for i, r := range msg.earlier {
		runs[i] = r.Run
	}
	s.usual = usualOf(s.id, runs)
	s.id = msg.run.ID // a part of it may have been typed
	s.p.load(msg.run.Run)
	s.arrange()
	switch {
	case first, s.broken != nil && s.p.outcome == "":
		return s.follow()
	case s.p.outcome == "" && s.run.Live && s.stream == nil:
		// Its events have ended before it did: there may be more in a while.
		due := followDue{s, s.wait.Gen}
		return tea.Tick(time.Second, func(time.Time) tea.Msg { return due })
	}
	return s.ended()
}

// followDue: the events are to be read on, unless the run was read again since.
type followDue struct {
	of  *Screen
	gen int
}

// follow reads the events behind those that were read.
func (s *Screen) follow() tea.Cmd {
	s.Close()
	s.stream, s.broken = newStream(s.env.Life), nil
	return s.stream.follow(s.daemon, s.id, s.p.seq)
}

// again reads on after the daemon was away, or another screen was above.
func (s *Screen) again() tea.Cmd {
	if s.known && s.stream != nil && s.broken == nil && !s.lost {
		return s.follow() // a message may have gone to the other screen
	}
	s.Close()
	return s.reread()
}

// reread asks for the run once more.
func (s *Screen) reread() tea.Cmd {
	s.wait = s.wait.Begin("reading run "+s.id, s.env.Now())
	return s.read()
}

// arrived folds a batch of events.
func (s *Screen) arrived(msg arrived) tea.Cmd {
	if msg.of != s.stream || s.stream == nil {
		return nil
	}
	for _, ev := range msg.events {
		s.p.take(ev)
	}
	s.show()
	if !msg.over {
		return s.stream.more()
	}
	s.Close()
	s.broken = msg.err
	if msg.err != nil {
		return ui.Fail(msg.err)
	}
	return s.reread() // it has ended, or its process has
}

// ended is what follows when nothing more is to be expected of the run.
func (s *Screen) ended() tea.Cmd {
	if s.cleanup && s.p.outcome != "" {
		s.cleanup = false
		return s.remove()
	}
	if s.p.outcome != "" && !s.report.known && !s.report.wait.Busy() {
		return s.askReport()
	}
	return nil
}

// changed takes from the feed whether a process works on the run.
func (s *Screen) changed(changes []api.Change) {
	for _, c := range changes {
		if c.Kind == api.RunChanged && c.Run != nil && c.Run.ID == s.id {
			s.run.Live, s.run.ByObject = c.Run.Live, c.Run.ByObject
		}
	}
}
