// Package clusters is the dashboard: all clusters at a glance, with what is up, what
// is due, what has drifted and how long restores take. It reads the list once and
// then lives by what the feed of changes tells. In go a daemon and the routes to
// other screens; out comes a screen.
package clusters

import (
	"context"
	"maps"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// Daemon is what the dashboard asks: see tui.Daemon.
type Daemon interface {
	Clusters(ctx context.Context) (api.ClusterList, error)
	Say(ctx context.Context, name string, word api.WordRequest) (api.Said, error)
}

// timeout is how long an answer of the daemon may take.
const timeout = 30 * time.Second

// Screen is the dashboard. It implements ui.Screen.
type Screen struct {
	env    ui.Env
	daemon Daemon
	routes ui.Routes
	keys   keys

	known  map[string]api.Cluster
	read   bool // known was read at least once
	seq    uint64
	feed   string
	wait   ui.Wait
	queue  []api.Change // what came while the list was read
	stale  time.Time    // since when the daemon is lost; zero when it is not
	ask    *question
	width  int
	height int

	by    string // what is grouped by: "", "provider", or a label
	table ui.Table[row]
	tree  ui.Tree[row]
}

// row is a line of the list: a cluster, or a group of them.
type row struct {
	cluster api.Cluster
	group   string // the group's value, when it is one
	size    int    // how many clusters it has
}

func (r row) isGroup() bool { return r.size > 0 }

func (r row) key() string {
	if r.isGroup() {
		return "=" + r.group
	}
	return r.cluster.Name
}

// New makes the dashboard.
func New(env ui.Env, d Daemon, routes ui.Routes) *Screen {
	s := &Screen{env: env, daemon: d, routes: routes, keys: newKeys(env), known: map[string]api.Cluster{}}
	s.table = ui.NewTable(env, row.key, columns(env)...)
	s.tree = ui.NewTree(env, row.key, columns(env)...)
	s.table.Empty = "no cluster is declared: add one to rekindle.yaml, or press R to rebuild any repository"
	return s
}

// Title implements ui.Screen.
func (*Screen) Title() string { return "clusters" }

// Init implements ui.Screen.
func (s *Screen) Init() tea.Cmd { return s.load() }

// loaded is the list as it was read.
type loaded struct {
	gen  int
	list api.ClusterList
	err  error
}

func (s *Screen) load() tea.Cmd {
	s.wait = s.wait.Begin("reading clusters", s.env.Now())
	s.queue = nil
	gen, d, life := s.wait.Gen, s.daemon, s.env.Life
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, timeout)
		defer cancel()
		list, err := d.Clusters(ctx)
		return loaded{gen, list, err}
	}
}

// Update implements ui.Screen.
func (s *Screen) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch m := msg.(type) {
	case ui.Resized:
		s.resize(m.Width, m.Height)
	case loaded:
		s.loaded(m)
	case ui.Changed:
		s.changed(m.Changes)
	case ui.Lost:
		s.stale = s.env.Now()
	case ui.Found:
		s.stale = time.Time{}
		return s, s.load()
	case said:
		return s, s.said(m)
	case tea.KeyMsg:
		return s, s.press(m)
	case tea.MouseMsg:
		s.list().Update(ui.Shift(m, 0, s.above()))
	}
	return s, nil
}

func (s *Screen) resize(width, height int) {
	s.width, s.height = width, height
	h := max(height-s.above()-s.below(), 1)
	s.table.Resize(width, h)
	s.tree.Resize(width, h)
}

// loaded takes the list. Changes that came meanwhile and are newer are applied to it.
func (s *Screen) loaded(m loaded) {
	next, ok := s.wait.End(m.gen, m.err)
	if !ok {
		return
	}
	s.wait = next
	if m.err != nil {
		return
	}
	s.known, s.read, s.feed, s.seq = map[string]api.Cluster{}, true, m.list.Feed, m.list.Seq
	for _, c := range m.list.Clusters {
		s.known[c.Name] = c
	}
	late := s.queue
	s.queue = nil
	s.apply(late)
	s.fill()
}

func (s *Screen) changed(changes []api.Change) {
	if s.wait.Busy() {
		s.queue = append(s.queue, changes...)
	}
	if s.apply(changes) {
		s.fill()
	}
}

// apply takes over what changed, and tells whether anything of the list did.
func (s *Screen) apply(changes []api.Change) bool {
	any := false
	for _, c := range changes {
		if c.Feed == s.feed && c.Seq <= s.seq {
			continue
		}
		switch {
		case c.Kind == api.ClusterChanged && c.Cluster != nil:
			s.known[c.Cluster.Name] = *c.Cluster
			any = true
		case c.Kind == api.ClusterGone:
			delete(s.known, c.Name)
			any = true
		}
	}
	return any
}

// fill puts what is known into the list.
func (s *Screen) fill() {
	rows := make([]row, 0, len(s.known))
	for _, name := range slices.Sorted(maps.Keys(s.known)) {
		rows = append(rows, row{cluster: s.known[name]})
	}
	s.table.SetRows(rows)
	if s.by != "" {
		s.tree.SetRoots(s.groups())
	}
}

// groups are the clusters by what is grouped by, each group in the table's order.
func (s *Screen) groups() []ui.Branch[row] {
	members := map[string][]ui.Branch[row]{}
	for _, r := range s.table.Ordered() {
		value := valueOf(r.cluster, s.by)
		members[value] = append(members[value], ui.Branch[row]{Value: r})
	}
	var out []ui.Branch[row]
	for _, value := range slices.Sorted(maps.Keys(members)) {
		list := members[value]
		out = append(out, ui.Branch[row]{Value: row{group: value, size: len(list)}, Children: list})
	}
	return out
}

// valueOf is what a cluster is grouped under.
func valueOf(c api.Cluster, by string) string {
	value := c.Labels[by]
	if by == byProvider {
		value = c.Provider
	}
	if value == "" {
		return "no " + by
	}
	return value
}

const byProvider = "provider"

// nextGroup groups by the next thing that clusters can be grouped by.
func (s *Screen) nextGroup() {
	labels := map[string]bool{}
	for _, c := range s.known {
		for k := range c.Labels {
			labels[k] = k != byProvider && k != ""
		}
	}
	ways := []string{"", byProvider}
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if labels[k] {
			ways = append(ways, k)
		}
	}
	chosen, had := s.selected()
	s.by = ways[(slices.Index(ways, s.by)+1)%len(ways)]
	s.tree.SetFilter(s.table.Filter())
	s.fill()
	if had {
		s.table.Select(chosen.Name)
		s.tree.Select(chosen.Name)
	}
}

// list is what is shown: the table, or the tree of groups.
func (s *Screen) list() interface {
	Update(tea.Msg) bool
	Typing() bool
	View() string
} {
	if s.by != "" {
		return &s.tree
	}
	return &s.table
}

// selected is the cluster under the cursor; false when there is none.
func (s *Screen) selected() (api.Cluster, bool) {
	r, ok := s.table.Selected()
	if s.by != "" {
		r, ok = s.tree.Selected()
	}
	if !ok || r.isGroup() {
		return api.Cluster{}, false
	}
	return r.cluster, true
}

// Typing implements ui.Typing.
func (s *Screen) Typing() bool { return s.ask != nil || s.list().Typing() }
