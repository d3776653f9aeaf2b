// Package drift is the screen that shows how a cluster differs from a commit: a tree
// of what changed, what is missing and what nobody expected, each with its
// difference, who made it and when; and what would be lost.
//
// In go the report of a comparison and the keys of a person; out come cells, and
// what is asked of the daemon: rules that let differences not count, runs that take
// live values over into git or export them. Values of Secrets never come here.
package drift

import (
	"context"
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// Daemon is what the screen asks.
type Daemon interface {
	Drift(ctx context.Context, q api.DriftQuery) (api.DriftReport, error)
	Ignore(ctx context.Context, cluster string, rule api.Ignore) (api.Ignoring, error)
	Start(ctx context.Context, req api.StartRequest) (api.Run, error)
}

// Screen is the browser of one cluster's drift.
type Screen struct {
	env    ui.Env
	daemon Daemon
	routes ui.Routes
	keys   keys
	// self tells this screen's answers from those of another of its kind.
	self *byte
	// leave ends what the screen has asked for.
	leave context.CancelFunc

	cluster, against string

	wait    ui.Wait
	report  *show.Report
	entries []*entry
	at      time.Time // when the report came
	// stale says what happened to the cluster since; empty: nothing that is known.
	stale string

	tree  ui.Tree[row]
	marks *marks
	// explain: what does not count is shown, too.
	explain bool
	pane    pane
	ask     *dialog

	width, height int
}

// A comparison lists the whole cluster.
const (
	compareTimeout = 10 * time.Minute
	actTimeout     = time.Minute
)

// New makes the screen of one cluster, compared with a revision; empty: with what
// was restored last.
func New(env ui.Env, d Daemon, routes ui.Routes, cluster, against string) Screen {
	s := Screen{daemon: d, routes: routes, keys: newKeys(env), self: new(byte), cluster: cluster, against: against, marks: &marks{}}
	env.Life, s.leave = context.WithCancel(env.Life)
	s.env = env
	s.tree = ui.NewTree(env, func(r row) string { return r.key }, columns(env, s.marks)...)
	s.tree.Empty = "no difference"
	s.pane.pager = ui.NewPager(env)
	s.wait = s.wait.Begin(comparing, env.Now())
	return s
}

const comparing = "comparing the cluster with git"

// Title is the screen's part of the path.
func (s Screen) Title() string { return "drift of " + s.cluster }

// Typing tells that letters are text just now.
func (s Screen) Typing() bool { return s.ask != nil || s.tree.Typing() || s.pane.pager.Typing() }

// Close ends the comparison that is under way.
func (s Screen) Close() { s.leave() }

// compared is the answer to the question for a report.
type compared struct {
	self    *byte
	gen     int
	report  *show.Report
	entries []*entry
	err     error
}

// Init asks for the report.
func (s Screen) Init() tea.Cmd {
	self, gen, env, d := s.self, s.wait.Gen, s.env, s.daemon
	q := api.DriftQuery{Cluster: s.cluster, Against: s.against}
	return env.Ask(compareTimeout, func(ctx context.Context) tea.Msg {
		got, err := d.Drift(ctx, q)
		if err == nil && got.Report == nil {
			err = errors.New("the daemon's answer holds no report")
		}
		if err != nil {
			return compared{self: self, gen: gen, err: err}
		}
		return compared{self, gen, got.Report, entriesOf(got.Report), nil}
	})
}

// Update obeys a message.
func (s Screen) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case ui.Resized:
		s.width, s.height = msg.Width, msg.Height
	case ui.Changed:
		for _, c := range msg.Changes {
			s.changed(c)
		}
	case compared:
		s.compared(msg)
	case ignoring:
		s, cmd = s.ignoring(msg)
	case started:
		s, cmd = s.started(msg)
	case tea.KeyMsg:
		s, cmd = s.pressed(msg)
	case tea.MouseMsg:
		s.clicked(msg)
	}
	s.arrange()
	return s, cmd
}

// compare asks for the report anew; the old one is shown until then.
func (s Screen) compare() (Screen, tea.Cmd) {
	s.wait = s.wait.Begin(comparing, s.env.Now())
	return s, s.Init()
}

func (s *Screen) compared(msg compared) {
	if msg.self != s.self {
		return
	}
	wait, current := s.wait.End(msg.gen, msg.err)
	if !current {
		return
	}
	if s.wait = wait; msg.err != nil {
		return
	}
	first := s.report == nil
	s.report, s.entries, s.at, s.stale = msg.report, msg.entries, s.env.Now(), ""
	s.marks.keep(s.entries)
	const few = 100 // that are shown unfolded
	if first && len(s.entries) <= few {
		s.tree.OpenDepth = 3
	}
	s.plant()
}

// plant puts the entries into the tree.
func (s *Screen) plant() {
	s.tree.SetRoots(rootsOf(s.entries, s.explain))
	s.pane.shown = ""
}

// changed notes what happens to the cluster: the report may be old then.
func (s *Screen) changed(c api.Change) {
	if s.report == nil || c.Kind != api.RunChanged || c.Run == nil || c.Run.Cluster != s.cluster || c.Run.Outcome == "" {
		return
	}
	if c.Run.Ended.After(s.at) {
		s.stale = "a " + c.Run.Recipe + " has ended since: r compares again"
	}
}
