package runs

import (
	"context"
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// pressed obeys a key.
func (s Screen) pressed(msg tea.KeyMsg) (ui.Screen, tea.Cmd) {
	switch {
	case s.confirm != nil:
		return s.answered(msg)
	case s.menu != nil:
		return s.chose(msg)
	case s.table.Typing():
		s.table.Update(msg)
		return s, nil
	}
	k := s.keys
	selected, is := s.table.Selected()
	switch {
	case ui.Pressed(msg, k.reread):
		return s.read()
	case ui.Pressed(msg, k.choose):
		s.menu = s.choices(selected)
		return s, nil
	case ui.Pressed(msg, k.all):
		return s.choose(choice{})
	case ui.Pressed(msg, k.compare):
		return s, s.compare()
	case is && ui.Pressed(msg, k.open):
		return s, s.open(selected.ID)
	case is && ui.Pressed(msg, k.abort):
		return s.abort(selected)
	case is && ui.Pressed(msg, k.resume):
		return s.resume(selected)
	case is && ui.Pressed(msg, k.print):
		return s, s.print(selected)
	case s.table.Update(msg):
		return s.more()
	case ui.Pressed(msg, ui.Bind("", "esc")):
		return s, ui.Back()
	}
	return s, nil
}

func (s Screen) open(id string) tea.Cmd {
	if s.routes.Run == nil {
		return nil
	}
	return ui.Open(s.routes.Run(id))
}

// compare opens the comparison of the two runs that are marked, the older first, or
// of the one that is marked with the one under the cursor.
func (s Screen) compare() tea.Cmd {
	marked := s.table.Marked()
	if r, is := s.table.Selected(); is && len(marked) == 1 && marked[0].ID != r.ID {
		marked = append(marked, r)
	}
	if len(marked) != 2 || s.routes.Compare == nil {
		return ui.Tell(ui.Warn, fmt.Sprintf("mark two runs with space to compare them; %s marked", are(len(marked))))
	}
	a, b := marked[0], marked[1]
	if b.Created.Before(a.Created) {
		a, b = b, a
	}
	return ui.Open(s.routes.Compare(a.ID, b.ID))
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

// abort asks whether a run is to be stopped for good.
func (s Screen) abort(r api.Run) (ui.Screen, tea.Cmd) {
	if !r.Outcome.Resumable() {
		return s, ui.Tell(ui.Info, "run "+r.ID+" has ended: "+outcome(r))
	}
	q := ui.Question{Title: "abort " + r.ID + "?", Lines: []string{
		fmt.Sprintf("The %s of %s is stopped for good; it cannot be resumed after that.", r.Recipe, name(r)),
		"What it made so far stays as it is.",
	}}
	s.confirm = &asked{ui.NewConfirm(s.env, q), s.act(r.ID, "aborted", s.daemon.Abort)}
	return s, nil
}

// resume asks whether a run is to go on where it stopped.
func (s Screen) resume(r api.Run) (ui.Screen, tea.Cmd) {
	switch {
	case r.Live:
		return s, ui.Tell(ui.Info, "run "+r.ID+" is at work already; enter follows it")
	case !r.Outcome.Resumable():
		return s, ui.Tell(ui.Warn, "run "+r.ID+" has ended for good: "+outcome(r))
	}
	q := ui.Question{Title: "resume " + r.ID + "?", Lines: []string{
		fmt.Sprintf("The %s of %s goes on where it stopped.", r.Recipe, name(r)),
	}}
	s.confirm = &asked{ui.NewConfirm(s.env, q), s.act(r.ID, "resumed", s.daemon.Resume)}
	return s, nil
}

// name is what a run works on, for people.
func name(r api.Run) string {
	if r.Cluster == "" {
		return "no cluster"
	}
	return r.Cluster
}

// did is what came of something that was asked of the daemon.
type did struct {
	self *byte
	what string
	run  api.Run
	err  error
}

func (s Screen) act(id, what string, do func(context.Context, string) (api.Run, error)) tea.Cmd {
	self, env := s.self, s.env
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		r, err := do(ctx, id)
		return did{self, what, r, err}
	})
}

func (s Screen) did(msg did) (ui.Screen, tea.Cmd) {
	if msg.self != s.self {
		return s, nil
	}
	if msg.err != nil {
		return s, ui.Fail(msg.err)
	}
	s.history.put(msg.run.Brief())
	s.show()
	if !msg.run.AbortAsked.IsZero() && msg.run.Outcome == "" {
		msg.what = "is being aborted" // it ends where it is safe
	}
	return s, ui.Tell(ui.Good, "run "+msg.run.ID+" "+msg.what)
}

// answered hands a key to the question that is open.
func (s Screen) answered(msg tea.KeyMsg) (ui.Screen, tea.Cmd) {
	open := *s.confirm // the old screen keeps its own
	switch open.Update(msg) {
	case ui.Given:
		s.confirm = nil
		return s, open.do
	case ui.Cancelled:
		s.confirm = nil
	case ui.Pending:
		s.confirm = &open
	}
	return s, nil
}

// choices is the menu by which runs are chosen.
func (s Screen) choices(selected api.Run) *ui.Menu {
	list := []ui.Choice{{ID: "all", Text: "all"}}
	add := func(what, value string) {
		list = append(list, ui.Choice{ID: what + "=" + value, Text: what, Detail: value})
	}
	clusters := s.history.values(func(r api.Run) string { return r.Cluster })
	for _, c := range clusters {
		add("cluster", c)
	}
	for _, r := range s.history.values(func(r api.Run) string { return r.Recipe }) {
		add("recipe", r)
	}
	for _, o := range []run.Outcome{running, run.Done, run.Failed, run.Unverified, run.Refused, run.Interrupted, run.Aborted} {
		add("outcome", string(o))
	}
	m := ui.NewMenu(s.env, "show only", list...)
	m.Select("cluster=" + selected.Cluster)
	return &m
}

func (s Screen) chose(msg tea.KeyMsg) (ui.Screen, tea.Cmd) {
	m := *s.menu
	switch m.Update(msg) {
	case ui.Given:
		s.menu = nil
		picked, _ := m.Selected()
		next := s.choice
		switch what, value, _ := strings.Cut(picked.ID, "="); what {
		case "cluster":
			next.cluster = value
		case "recipe":
			next.recipe = value
		case "outcome":
			next.outcome = value
		default:
			next = choice{}
		}
		return s.choose(next)
	case ui.Cancelled:
		s.menu = nil
	case ui.Pending:
		s.menu = &m
	}
	return s, nil
}

// choose shows other runs; what is here already is shown at once, and what the
// daemon has of them is asked for.
func (s Screen) choose(c choice) (ui.Screen, tea.Cmd) {
	s.choice = c
	s.limit = firstPage
	s.show()
	return s.read()
}

// print prints the commands that show a run, and do the same again.
func (s Screen) print(r api.Run) tea.Cmd {
	return func() tea.Msg { return ui.Print{Text: commands(s.env.Command, r)} }
}

// commands are the command lines about a run: the one that shows it, and the one
// that does the like again.
func commands(program string, r api.Run) string {
	lines := []string{program + " runs show " + quoted(r.ID)}
	again := map[string]string{
		"restore": "restore", "teardown": "teardown", "drift": "drift", "drill": "drill", "adopt": "drift adopt", "delete": "clusters delete",
	}[r.Recipe]
	switch {
	case r.Outcome.Resumable() && !r.Live:
		lines = append(lines, program+" runs resume "+quoted(r.ID))
	case again != "" && r.Cluster != "":
		lines = append(lines, program+" "+again+" "+quoted(r.Cluster))
	}
	return strings.Join(lines, "\n")
}

// quoted is a word as a shell takes it for one.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r == '-' || r == '.' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if word != "" && word[0] != '-' && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
