// Package cluster is the screen of one cluster: how it stands, its runs, its objects
// as the last restore left them, its drift and its schedule, in tabs. In go a daemon,
// a name and the routes to other screens; out comes a screen.
package cluster

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// Daemon is what the screen asks: see tui.Daemon.
type Daemon interface {
	Cluster(ctx context.Context, name string) (api.Cluster, error)
	Schedule(ctx context.Context, name string, from, to time.Time) (api.Schedule, error)
	Runs(ctx context.Context, f run.Filter) (api.RunList, error)
	Follow(ctx context.Context, typed string, since uint64, each func(run.Event) error) error
	Look(ctx context.Context, cluster, object string) (api.ObjectLook, error)
}

// timeout is how long an answer of the daemon may take; maxRuns is how many runs are
// read, span how far the schedule is looked ahead.
const (
	timeout = 30 * time.Second
	maxRuns = 200
	span    = 14 * 24 * time.Hour
)

// The tabs.
const (
	overviewTab = iota
	runsTab
	objectsTab
	driftTab
	scheduleTab
)

// Screen is the screen of one cluster. It implements ui.Screen.
type Screen struct {
	env    ui.Env
	daemon Daemon
	routes ui.Routes
	keys   keys
	name   string

	cluster api.Cluster
	read    bool
	wait    ui.Wait
	stale   time.Time

	tabs     ui.Tabs
	overview ui.Pager
	drift    ui.Pager

	runs     ui.Table[api.Run]
	runsWait ui.Wait
	runsRead bool

	events  ui.Table[planned]
	planned api.Schedule
	calWait ui.Wait
	calRead bool

	objects objects
	look    *look

	width, height int
}

// New makes the screen of a cluster.
func New(env ui.Env, d Daemon, routes ui.Routes, name string) *Screen {
	s := &Screen{env: env, daemon: d, routes: routes, name: name, keys: newKeys(env)}
	s.tabs.Names = []string{"overview", "runs", "objects", "drift", "schedule"}
	s.overview, s.drift = ui.NewPager(env), ui.NewPager(env)
	s.runs = ui.NewTable(env, func(r api.Run) string { return r.ID }, runColumns(env)...)
	s.runs.Empty = "there was no run on this cluster yet"
	s.events = ui.NewTable(env, func(p planned) string { return p.at.String() + p.to.Text }, plannedColumns(env)...)
	s.events.Empty = "the calendar changes nothing in the next two weeks"
	s.objects = newObjects(env)
	return s
}

// Title implements ui.Screen.
func (s *Screen) Title() string { return s.name }

// Init implements ui.Screen.
func (s *Screen) Init() tea.Cmd { return s.load() }

// Close implements ui.Closer.
func (s *Screen) Close() { s.objects.stop() }

// Typing implements ui.Typing.
func (s *Screen) Typing() bool {
	if s.look != nil {
		return s.look.pager.Typing()
	}
	return s.part().Typing()
}

// Messages of commands. Each carries the number of its question.
type (
	gotCluster struct {
		gen     int
		cluster api.Cluster
		err     error
	}
	gotRuns struct {
		gen  int
		runs []api.Run
		err  error
	}
	gotSchedule struct {
		gen      int
		schedule api.Schedule
		err      error
	}
)

// load reads everything anew that was read before, and what the tab needs.
func (s *Screen) load() tea.Cmd {
	s.runsRead, s.calRead = false, false
	s.objects.forget()
	return tea.Batch(s.loadCluster(), s.need())
}

// ask makes a command of a question to the daemon.
func (s *Screen) ask(question func(ctx context.Context) tea.Msg) tea.Cmd {
	life := s.env.Life
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, timeout)
		defer cancel()
		return question(ctx)
	}
}

func (s *Screen) loadCluster() tea.Cmd {
	s.wait = s.wait.Begin("reading "+s.name, s.env.Now())
	gen, d, name := s.wait.Gen, s.daemon, s.name
	return s.ask(func(ctx context.Context) tea.Msg {
		c, err := d.Cluster(ctx, name)
		return gotCluster{gen, c, err}
	})
}

func (s *Screen) loadRuns() tea.Cmd {
	s.runsRead = true
	s.runsWait = s.runsWait.Begin("reading its runs", s.env.Now())
	gen, d, f := s.runsWait.Gen, s.daemon, run.Filter{Cluster: s.name, Limit: maxRuns}
	return s.ask(func(ctx context.Context) tea.Msg {
		list, err := d.Runs(ctx, f)
		return gotRuns{gen, list.Runs, err}
	})
}

func (s *Screen) loadSchedule() tea.Cmd {
	s.calRead = true
	s.calWait = s.calWait.Begin("reading its schedule", s.env.Now())
	gen, d, name, now := s.calWait.Gen, s.daemon, s.name, s.env.Now()
	return s.ask(func(ctx context.Context) tea.Msg {
		got, err := d.Schedule(ctx, name, now, now.Add(span))
		return gotSchedule{gen, got, err}
	})
}

// need reads what the tab shows and was not read yet.
func (s *Screen) need() tea.Cmd {
	switch s.tabs.Active {
	case runsTab:
		if !s.runsRead {
			return s.loadRuns()
		}
	case objectsTab:
		if !s.runsRead {
			return s.loadRuns()
		}
		return s.followLast()
	case scheduleTab:
		if !s.calRead {
			return s.loadSchedule()
		}
	}
	return nil
}

// Update implements ui.Screen.
func (s *Screen) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch m := msg.(type) {
	case ui.Resized:
		s.resize(m.Width, m.Height)
	case ui.Tick:
		s.fill()
	case gotCluster:
		if next, ok := s.wait.End(m.gen, m.err); ok {
			s.wait = next
			if m.err == nil {
				s.cluster, s.read = m.cluster, true
				s.fill()
			}
		}
	case gotRuns:
		return s, s.gotRuns(m)
	case gotSchedule:
		if next, ok := s.calWait.End(m.gen, m.err); ok {
			s.calWait = next
			if m.err == nil {
				s.planned = m.schedule
				s.events.SetRows(plannedOf(s.env.Styles, m.schedule))
			}
		}
	case gotEvents:
		return s, s.objects.took(m)
	case looked:
		s.looked(m)
	case ui.Changed:
		return s, s.changed(m.Changes)
	case ui.Lost:
		s.stale = s.env.Now()
	case ui.Found:
		s.stale = time.Time{}
		return s, s.load()
	case tea.KeyMsg:
		return s, s.press(m)
	case tea.MouseMsg:
		s.part().Update(ui.Shift(m, 0, headLines))
	}
	return s, nil
}

func (s *Screen) gotRuns(m gotRuns) tea.Cmd {
	next, ok := s.runsWait.End(m.gen, m.err)
	if !ok {
		return nil
	}
	s.runsWait = next
	if m.err != nil {
		return nil
	}
	s.runs.SetRows(m.runs)
	if s.tabs.Active == objectsTab {
		return s.followLast()
	}
	return nil
}

// changed takes over what concerns this cluster.
func (s *Screen) changed(changes []api.Change) tea.Cmd {
	again := false
	for _, c := range changes {
		switch {
		case c.Kind == api.ClusterChanged && c.Cluster != nil && c.Cluster.Name == s.name:
			s.cluster, s.read, s.calRead = *c.Cluster, true, false
		case c.Kind == api.ClusterGone && c.Name == s.name:
			s.cluster.Declared, s.cluster.State = false, api.Unknown
		case c.Kind == api.RunChanged && c.Run != nil && c.Run.Cluster == s.name:
			again = s.putRun(*c.Run) || again
		}
	}
	s.fill()
	if again || !s.calRead && s.tabs.Active == scheduleTab {
		return s.need()
	}
	return nil
}

// putRun takes over how a run stands, and tells whether it is a new one.
func (s *Screen) putRun(r api.Run) bool {
	if !s.runsRead {
		return false
	}
	rows := append([]api.Run(nil), s.runs.Rows()...)
	for i := range rows {
		if rows[i].ID == r.ID {
			rows[i] = r
			s.runs.SetRows(rows)
			return false
		}
	}
	s.runs.SetRows(append([]api.Run{r}, rows...))
	return true
}
