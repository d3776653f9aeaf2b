// Package schedule is the screen with a week of all clusters as a grid: when each
// is awake, why, and what people said about it.
//
// In go a daemon's clusters, their schedules and the changes of its feed; out come
// cells. People's words (keep, skip, wake, sleep, pause) are said and taken back
// from here. The grid is in the zone of the person, hours are those of the clock on
// the wall: a day on which the clock is changed has 23 or 25 of them.
package schedule

import (
	"context"
	"reflect"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// Daemon is what the screen asks.
type Daemon interface {
	Clusters(ctx context.Context) (api.ClusterList, error)
	Schedule(ctx context.Context, name string, from, to time.Time) (api.Schedule, error)
	Runs(ctx context.Context, f run.Filter) (api.RunList, error)
	Say(ctx context.Context, name string, word api.WordRequest) (api.Said, error)
	Unsay(ctx context.Context, name string, kind api.WordKind) (api.Decision, error)
}

// Screen is the week.
type Screen struct {
	env    ui.Env
	daemon Daemon
	routes ui.Routes
	keys   keys
	// self tells this screen's answers from those of another of its kind.
	self *byte
	// first is the cluster that is chosen once it is there.
	first string

	wait     ui.Wait
	clusters []api.Cluster
	// known are schedules by cluster; nothing in the map is changed, it is
	// replaced.
	known  map[string]*known
	drills map[string][]time.Time
	ask    *dialog
	answer answer

	// start is in the first day of the grid, cursor the chosen time.
	start, cursor time.Time
	row, top      int
	width, height int
}

// known is what is known of a cluster's schedule.
type known struct {
	gen      int       // of the last question
	asking   bool      // it is on its way
	from, to time.Time // what was asked for; equal when that is out of date
	schedule api.Schedule
	zone     *time.Location // of the schedule; nil: not known here
	spans    []span
	err      error
}

// covers tells whether a schedule tells all of the time from from to to.
func (k *known) covers(from, to time.Time) bool {
	return k != nil && len(k.spans) > 0 && !k.from.After(from) && !k.to.Before(to)
}

// timeout is how long the daemon may take for an answer.
const timeout = 30 * time.Second

// New makes the screen; when a cluster is named the cursor is on it.
func New(env ui.Env, d Daemon, routes ui.Routes, cluster string) Screen {
	now := env.Now().In(env.Zone)
	s := Screen{env: env, daemon: d, routes: routes, keys: newKeys(env), self: new(byte), first: cluster, start: noon(now), cursor: now}
	s.wait = s.wait.Begin(reading, now)
	return s
}

// noon is the middle of t's day, of which days are counted: it is never skipped.
func noon(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 12, 0, 0, 0, t.Location())
}

const reading = "reading clusters"

// Title is the screen's part of the path.
func (s Screen) Title() string { return "schedule" }

// Typing tells that letters are text just now.
func (s Screen) Typing() bool { return s.ask != nil }

// Answers of the daemon.
type (
	loaded struct {
		self   *byte
		gen    int
		list   api.ClusterList
		drills api.RunList
		err    error
	}
	scheduled struct {
		self     *byte
		name     string
		gen      int
		schedule api.Schedule
		zone     *time.Location
		err      error
	}
)

// Init asks for the clusters.
func (s Screen) Init() tea.Cmd {
	self, gen, env, d := s.self, s.wait.Gen, s.env, s.daemon
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		list, err := d.Clusters(ctx)
		if err != nil {
			return loaded{self: self, gen: gen, err: err}
		}
		const many = 500
		drills, err := d.Runs(ctx, run.Filter{Recipe: string(api.Drill), Limit: many})
		return loaded{self, gen, list, drills, err}
	})
}

// Update obeys a message.
func (s Screen) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch msg := msg.(type) {
	case ui.Resized:
		s.width, s.height = msg.Width, msg.Height
		return s.settled()
	case ui.Changed:
		return s.changed(msg.Changes)
	case ui.Found:
		return s.reread()
	case ui.Tick:
		return s.settled()
	case loaded:
		return s.loaded(msg)
	case scheduled:
		return s.scheduled(msg)
	case said:
		return s.said(msg)
	case tea.KeyMsg:
		return s.pressed(msg)
	case tea.MouseMsg:
		return s.clicked(msg)
	}
	return s, nil
}

// reread asks for everything anew; what is there is shown until then.
func (s Screen) reread() (ui.Screen, tea.Cmd) {
	s.wait = s.wait.Begin(reading, s.env.Now())
	return s, s.Init()
}

func (s Screen) loaded(msg loaded) (ui.Screen, tea.Cmd) {
	if msg.self != s.self {
		return s, nil
	}
	wait, current := s.wait.End(msg.gen, msg.err)
	if !current {
		return s, nil
	}
	if s.wait = wait; msg.err != nil {
		return s, nil
	}
	s.put(msg.list.Clusters)
	s.drills = map[string][]time.Time{}
	for _, r := range msg.drills.Runs {
		s.drills[r.Cluster] = append(s.drills[r.Cluster], r.Created)
	}
	s.known = nil // all are asked for anew
	return s.settled()
}

// put replaces the clusters; the cursor stays with its one.
func (s *Screen) put(list []api.Cluster) {
	name := s.first
	if c, is := s.selected(); is {
		name = c.Name
	}
	s.clusters = list
	if i := slices.IndexFunc(list, func(c api.Cluster) bool { return c.Name == name }); i >= 0 {
		s.row, s.first = i, ""
	}
	s.row = max(0, min(s.row, len(list)-1))
}

// selected is the cluster under the cursor.
func (s Screen) selected() (api.Cluster, bool) {
	if s.row >= len(s.clusters) {
		return api.Cluster{}, false
	}
	return s.clusters[s.row], true
}

// changed takes in what happened meanwhile.
func (s Screen) changed(list []api.Change) (ui.Screen, tea.Cmd) {
	for _, c := range list {
		switch c.Kind {
		case api.FeedBegin, api.FeedReset, api.ConfigChanged:
			return s.reread()
		case api.ClusterChanged:
			if c.Cluster != nil {
				s.change(*c.Cluster)
			}
		case api.ClusterGone:
			s.put(slices.DeleteFunc(slices.Clone(s.clusters), func(o api.Cluster) bool { return o.Name == c.Name }))
		case api.RunChanged:
			s.drilled(c.Run)
		}
	}
	return s.settled()
}

// change replaces one cluster. Its schedule is asked for again when what is wanted
// of it is another.
func (s *Screen) change(c api.Cluster) {
	list := slices.Clone(s.clusters)
	i, is := slices.BinarySearchFunc(list, c.Name, func(o api.Cluster, name string) int {
		if o.Name < name {
			return -1
		} else if o.Name > name {
			return 1
		}
		return 0
	})
	if !is {
		s.put(slices.Insert(list, i, c))
		return
	}
	old := list[i]
	list[i] = c
	s.clusters = list
	if !reflect.DeepEqual([]any{old.Wanted, old.Words, old.Next, old.Made}, []any{c.Wanted, c.Words, c.Next, c.Made}) {
		s.know(c.Name, nil)
	}
}

// know replaces what is known of one cluster's schedule; nil forgets that it is
// current, and asks again.
func (s *Screen) know(name string, k *known) {
	all := make(map[string]*known, len(s.known)+1)
	for n, o := range s.known {
		all[n] = o
	}
	if k == nil && all[name] != nil {
		old := *all[name]
		old.to, old.asking = old.from, false // it is drawn until the answer comes
		k = &old
	}
	if k == nil {
		return
	}
	all[name] = k
	s.known = all
}

func (s *Screen) drilled(r *api.Run) {
	if r == nil || r.Recipe != string(api.Drill) || slices.ContainsFunc(s.drills[r.Cluster], r.Created.Equal) {
		return
	}
	all := make(map[string][]time.Time, len(s.drills)+1)
	for name, times := range s.drills {
		all[name] = times
	}
	all[r.Cluster] = append(slices.Clone(all[r.Cluster]), r.Created)
	s.drills = all
}

// settled is the screen after something moved: the cursor is in sight, and what is
// not known of the rows in sight is asked for.
func (s Screen) settled() (ui.Screen, tea.Cmd) {
	s.row = max(0, min(s.row, len(s.clusters)-1))
	rows := s.rows()
	s.top = max(0, min(s.top, s.row, len(s.clusters)-rows))
	if s.row >= s.top+rows {
		s.top = s.row - rows + 1
	}
	days := s.days()
	from, to := days[0].from, days[len(days)-1].to
	var cmds []tea.Cmd
	for i := s.top; i < min(s.top+rows, len(s.clusters)); i++ {
		name := s.clusters[i].Name
		k := s.known[name]
		if k.covers(from, to) || k != nil && (k.asking || k.err != nil) {
			continue
		}
		next := known{gen: 1, asking: true}
		if k != nil {
			next = *k
			next.gen, next.asking = k.gen+1, true
		}
		next.from, next.to = from.AddDate(0, 0, -daysShown), to.AddDate(0, 0, daysShown)
		s.know(name, &next)
		cmds = append(cmds, s.fetch(name, next))
	}
	return s, tea.Batch(cmds...)
}

// fetch asks for a schedule.
func (s Screen) fetch(name string, k known) tea.Cmd {
	self, env, d, gen, from, to := s.self, s.env, s.daemon, k.gen, k.from, k.to
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		got, err := d.Schedule(ctx, name, from, to)
		zone, unknown := time.LoadLocation(got.Zone)
		if unknown != nil || got.Zone == "" {
			zone = nil
		}
		return scheduled{self, name, gen, got, zone, err}
	})
}

func (s Screen) scheduled(msg scheduled) (ui.Screen, tea.Cmd) {
	k := s.known[msg.name]
	i := slices.IndexFunc(s.clusters, func(c api.Cluster) bool { return c.Name == msg.name })
	if msg.self != s.self || k == nil || k.gen != msg.gen || i < 0 {
		return s, nil
	}
	next := *k
	next.asking, next.err = false, msg.err
	if msg.err == nil {
		next.schedule, next.zone = msg.schedule, msg.zone
		next.spans = spans(msg.schedule, s.clusters[i].Words, s.env.Now())
	}
	s.know(msg.name, &next)
	return s.settled()
}

// days are those of the grid as it is now.
func (s Screen) days() []day {
	_, width := s.widths()
	return daysFrom(s.start, daysShown, stepFor(width))
}
