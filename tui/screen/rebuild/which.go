package rebuild

import (
	"context"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/safe"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// which asks what is to be rebuilt: a declared cluster, or any repository.
type which struct {
	s      *Screen
	wait   ui.Wait
	table  ui.Table[api.Cluster] // the last row, without a name, is the repository
	form   *form
	menu   *ui.Menu // about a cluster on which a run is under way
	picked api.Cluster
	height int
	width  int

	choose, reread key.Binding
}

func newWhich(s *Screen) *which {
	st, env := s.env.Styles, s.env
	plain := func(text func(api.Cluster) string) func(api.Cluster) ui.Cell {
		return func(c api.Cluster) ui.Cell { return ui.Cell{Text: text(c), Style: st.Plain} }
	}
	w := &which{s: s, choose: ui.Bind("choose", "enter"), reread: ui.Bind("read again", "ctrl+r")}
	w.table = ui.NewTable(env, func(c api.Cluster) string { return c.Name },
		ui.Column[api.Cluster]{Title: "CLUSTER", Min: 26, Max: 40, Cell: func(c api.Cluster) ui.Cell {
			if c.Name == "" {
				return ui.Cell{Text: "a repository, by hand …", Style: st.Key}
			}
			return ui.Cell{Text: c.Name, Style: st.Strong}
		}},
		ui.Column[api.Cluster]{Title: "STATE", Width: 15, Cell: func(c api.Cluster) ui.Cell {
			if c.Name == "" {
				return ui.Cell{}
			}
			return st.State(c.State)
		}},
		ui.Column[api.Cluster]{Title: "COMMIT", Width: 7, Drop: 1, Cell: plain(func(c api.Cluster) string { return ui.Short(c.Commit) })},
		ui.Column[api.Cluster]{Title: "VERIFIED", Width: 9, Drop: 2, Cell: plain(func(c api.Cluster) string {
			if n := len(c.RTOs); n > 0 {
				return ui.Since(env.Now(), c.RTOs[n-1].At)
			}
			return ""
		})},
		ui.Column[api.Cluster]{Title: "BY", Min: 5, Max: 12, Drop: 3, Cell: plain(func(c api.Cluster) string { return c.Provider })},
		ui.Column[api.Cluster]{Title: "REPOSITORY", Flex: 1, Min: 16, Drop: 4, Cell: func(c api.Cluster) ui.Cell {
			if c.Source == nil {
				return ui.Cell{}
			}
			return ui.Cell{Text: strings.TrimSuffix(c.Source.Repo+" "+c.Source.Path, " "), Style: st.Dim}
		}},
	)
	return w
}

// clustersRead is the answer to a question for the clusters.
type clustersRead struct {
	of   *which
	gen  int
	list api.ClusterList
	err  error
}

func (w *which) enter() tea.Cmd {
	w.wait = w.wait.Begin("reading clusters", w.s.env.Now())
	env, d, gen := w.s.env, w.s.daemon, w.wait.Gen
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		list, err := d.Clusters(ctx)
		return clustersRead{w, gen, list, err}
	})
}

func (w *which) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case clustersRead:
		return w.read(msg)
	case ui.Changed:
		w.changed(msg.Changes)
	case tea.MouseMsg:
		if w.form == nil && w.menu == nil {
			w.table.Update(ui.Shift(msg, 0, 1))
		}
	}
	return nil
}

// changed takes from the feed how clusters are now.
func (w *which) changed(changes []api.Change) {
	rows := slices.Clone(w.table.Rows())
	for _, c := range changes {
		if c.Kind != api.ClusterChanged || c.Cluster == nil {
			continue
		}
		for i := range rows {
			if rows[i].Name == c.Cluster.Name && rows[i].Name != "" {
				rows[i] = *c.Cluster
			}
		}
		if ch := &w.s.choices; ch.cluster != nil && ch.cluster.Name == c.Cluster.Name {
			ch.cluster = c.Cluster
		}
	}
	w.table.SetRows(rows)
}

func (w *which) read(msg clustersRead) tea.Cmd {
	next, ok := w.wait.End(msg.gen, msg.err)
	if msg.of != w || !ok {
		return nil
	}
	w.wait = next
	if msg.err != nil {
		return nil
	}
	rows := make([]api.Cluster, 0, len(msg.list.Clusters)+1)
	for _, c := range msg.list.Clusters {
		if c.Declared {
			rows = append(rows, c)
		}
	}
	w.table.SetRows(append(rows, api.Cluster{}))
	return w.preset(rows)
}

// preset chooses what was known when the walkthrough was opened, once.
func (w *which) preset(rows []api.Cluster) tea.Cmd {
	t := w.s.wanted
	w.s.wanted = api.Target{}
	if t.Repo != "" {
		w.form = newForm(w.s.env, t)
		return nil
	}
	for _, c := range rows {
		if t.Cluster != "" && c.Name == t.Cluster && w.s.at == whichStep {
			w.table.Select(c.Name)
			w.s.choices.target.Revision = t.Revision
			return w.take(c)
		}
	}
	return nil
}

func (w *which) press(msg tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case w.menu != nil:
		return w.answered(msg), true
	case w.form != nil:
		return w.filled(msg), true
	case w.table.Update(msg):
		return nil, true
	case ui.Pressed(msg, w.reread):
		return w.enter(), true
	case ui.Pressed(msg, w.choose):
		c, ok := w.table.Selected()
		switch {
		case !ok:
		case c.Name == "":
			t := w.s.choices.target
			if !w.s.choices.adhoc() {
				t = api.Target{}
			}
			w.form = newForm(w.s.env, t)
		default:
			return w.take(c), true
		}
		return nil, true
	}
	return nil, false
}

// take chooses a declared cluster; a run that is under way on it can be followed
// instead.
func (w *which) take(c api.Cluster) tea.Cmd {
	if c.Run != nil && c.Run.Outcome == "" {
		m := ui.NewMenu(w.s.env, c.Name+": a "+c.Run.Recipe+" is under way",
			ui.Choice{ID: "follow", Text: "follow it", Detail: "run " + c.Run.ID},
			ui.Choice{ID: "other", Text: "choose a commit all the same", Detail: "to be begun when it has ended"})
		w.menu, w.picked = &m, c
		return nil
	}
	return w.chose(c)
}

func (w *which) chose(c api.Cluster) tea.Cmd {
	ch := &w.s.choices
	if ch.adhoc() || ch.cluster.Name != c.Name {
		*ch = choices{target: api.Target{Cluster: c.Name, Revision: ch.target.Revision}}
	}
	ch.cluster = &c
	return w.s.next()
}

func (w *which) answered(msg tea.KeyMsg) tea.Cmd {
	switch w.menu.Update(msg) {
	case ui.Given:
		c, _ := w.menu.Selected()
		w.menu = nil
		if c.ID == "follow" {
			return w.s.follow(w.picked.Run.ID)
		}
		return w.chose(w.picked)
	case ui.Cancelled:
		w.menu = nil
	case ui.Pending:
	}
	return nil
}

func (w *which) filled(msg tea.KeyMsg) tea.Cmd {
	switch w.form.update(msg) {
	case ui.Given:
		t := w.form.target()
		w.form = nil
		ch := &w.s.choices
		if !ch.adhoc() || ch.target.Repo != t.Repo || ch.target.Path != t.Path || ch.target.Cluster != t.Cluster {
			*ch = choices{target: t}
		}
		return w.s.next()
	case ui.Cancelled:
		w.form = nil
	case ui.Pending:
	}
	return nil
}

func (w *which) resize(width, height int) {
	w.width, w.height = width, height
	w.table.Resize(width, max(height-1, 0))
}

func (w *which) typing() bool { return w.form != nil || w.menu != nil || w.table.Typing() }

func (w *which) keys() []ui.KeyGroup {
	return []ui.KeyGroup{{Name: "cluster", Keys: []key.Binding{w.choose, w.reread}},
		{Name: "list", Keys: append(w.table.Keys(), w.table.Moves()...)}}
}

func (w *which) view() string {
	if w.wait.Err != nil && len(w.table.Rows()) == 0 {
		return w.wait.Block(w.s.env, "ctrl+r", w.width, w.height)
	}
	view := w.s.asked("Which cluster is to be rebuilt?", w.wait, w.table.View(), w.width, w.height)
	switch {
	case w.form != nil:
		return ui.Overlay(view, w.form.box(w.width), w.width, w.height)
	case w.menu != nil:
		return w.menu.Over(view, w.width, w.height)
	}
	return view
}

// form asks for a repository, a folder in it, and a name for the cluster.
type form struct {
	st     ui.Styles
	fields [3]ui.Prompt
	at     int
	wrong  string
}

func newForm(env ui.Env, t api.Target) *form {
	f := &form{st: env.Styles}
	f.fields = [3]ui.Prompt{ui.NewPrompt(env, "repository  ", t.Repo), ui.NewPrompt(env, "folder      ", t.Path), ui.NewPrompt(env, "name        ", t.Cluster)}
	f.fields[0].Hint, f.fields[1].Hint, f.fields[2].Hint = "a URL, or a path that begins with /", "in the repository; empty: its root", "of the cluster that is made"
	return f
}

func (f *form) target() api.Target {
	folder := strings.TrimSpace(f.fields[1].Value())
	if folder != "" {
		folder = strings.Trim(path.Clean(folder), "/")
	}
	if folder == "." {
		folder = ""
	}
	return api.Target{Repo: strings.TrimSpace(f.fields[0].Value()), Path: folder, Cluster: strings.TrimSpace(f.fields[2].Value())}
}

// update takes a key; the form is given when its last field is and all are right.
func (f *form) update(msg tea.KeyMsg) ui.Answer {
	f.wrong = ""
	switch {
	case ui.Pressed(msg, ui.Bind("", "tab", "tab", "down")):
		f.at = (f.at + 1) % len(f.fields)
		return ui.Pending
	case ui.Pressed(msg, ui.Bind("", "shift+tab", "shift+tab", "up")):
		f.at = (f.at + len(f.fields) - 1) % len(f.fields)
		return ui.Pending
	}
	switch f.fields[f.at].Update(msg) {
	case ui.Given:
		if f.at < len(f.fields)-1 {
			f.at++
			return ui.Pending
		}
		if f.at, f.wrong = f.mistake(); f.wrong == "" {
			return ui.Given
		}
	case ui.Cancelled:
		return ui.Cancelled
	case ui.Pending:
	}
	return ui.Pending
}

// clusterName is what the API takes as a name.
func clusterName() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`) }

// mistake is the first field that is not right, and why.
func (f *form) mistake() (int, string) {
	t := f.target()
	u, err := url.Parse(t.Repo)
	isURL := strings.Contains(t.Repo, "://")
	switch {
	case t.Repo == "":
		return 0, "which repository?"
	case isURL && err != nil:
		return 0, "this is no address that can be read"
	case isURL && hasPassword(u):
		return 0, "a password would end up in the journal: take it out, the daemon has its own credentials"
	case !isURL && !strings.HasPrefix(t.Repo, "/") && !strings.Contains(t.Repo, ":"):
		return 0, "a path has to begin with /"
	case t.Path == ".." || strings.HasPrefix(t.Path, "../"):
		return 1, "the folder has to be in the repository"
	case !clusterName().MatchString(t.Cluster):
		return 2, "a name has small letters, digits and hyphens, 40 at most"
	}
	return 2, ""
}

func hasPassword(u *url.URL) bool {
	_, has := u.User.Password()
	return has
}

func (f *form) box(width int) []string {
	inner := max(min(width-4, 72), 1)
	var lines []string
	for i, p := range f.fields {
		lead := "  "
		if i == f.at {
			lead = "> "
			lines = append(lines, lead+p.View(max(inner-2, 1)))
			continue
		}
		value := p.Value()
		if value == "" {
			value = p.Hint
		}
		label := [...]string{"repository  ", "folder      ", "name        "}[i]
		lines = append(lines, ui.Fit(lead+f.st.KeyText.Render(label)+f.st.Dim.Render(safe.Line(value)), inner))
	}
	lines = append(lines, "")
	if f.wrong != "" {
		lines = append(lines, f.st.Warn.Render("! "+safe.Line(f.wrong)))
	}
	lines = append(lines, f.st.Dim.Render("tab: next field   enter: go on   esc: back"))
	return ui.Boxed(f.st, "a repository", lines, width)
}
