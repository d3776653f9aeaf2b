package run

import (
	"context"
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	journal "github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/safe"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// dialog is the question that is open, if there is one: at most one of its parts
// is there.
type dialog struct {
	confirm *ui.Confirm
	menu    *ui.Menu
	prompt  *ui.Prompt
	title   string // of the prompt
	// then is what follows from a yes, a choice, or a text.
	then func(answer string) tea.Cmd
}

func (d *dialog) open() bool { return d.confirm != nil || d.menu != nil || d.prompt != nil }

func (d *dialog) ask(c ui.Confirm, then func(string) tea.Cmd) { *d = dialog{confirm: &c, then: then} }

func (d *dialog) choose(m ui.Menu, then func(string) tea.Cmd) { *d = dialog{menu: &m, then: then} }

func (d *dialog) read(title string, p ui.Prompt, then func(string) tea.Cmd) {
	*d = dialog{prompt: &p, title: title, then: then}
}

// update takes a key.
func (d *dialog) update(msg tea.Msg) tea.Cmd {
	var a ui.Answer
	answer := ""
	switch {
	case d.confirm != nil:
		a = d.confirm.Update(msg)
	case d.menu != nil:
		a = d.menu.Update(msg)
		c, _ := d.menu.Selected()
		answer = c.ID
	case d.prompt != nil:
		a = d.prompt.Update(msg)
		answer = strings.TrimSpace(d.prompt.Value())
		if a == ui.Given && answer == "" {
			a = ui.Pending
		}
	}
	then := d.then
	switch a {
	case ui.Given:
		*d = dialog{}
		return then(answer)
	case ui.Cancelled:
		*d = dialog{}
	case ui.Pending:
	}
	return nil
}

// over draws the question over a screen.
func (d *dialog) over(env ui.Env, screen string, width, height int) string {
	switch {
	case d.confirm != nil:
		return d.confirm.Over(screen, width, height)
	case d.menu != nil:
		return d.menu.Over(screen, width, height)
	case d.prompt != nil:
		inner := max(min(width-4, 72), 1)
		return ui.Overlay(screen, ui.Boxed(env.Styles, safe.Line(d.title), []string{d.prompt.View(inner), env.Styles.Dim.Render("enter: go on   esc: back")}, width), width, height)
	}
	return screen
}

// did is what came of something that was asked of the daemon.
type did struct {
	of   string
	what string
	run  *api.Run // as it is now, when that was answered
	err  error
	then func() tea.Cmd
}

func (s *Screen) did(msg did) tea.Cmd {
	if msg.of != s.id {
		return nil
	}
	if msg.err != nil {
		return tea.Batch(ui.Fail(msg.err), s.afterFailure(msg))
	}
	if msg.run != nil && msg.run.ID == s.id {
		s.run = *msg.run
	}
	cmd := ui.Tell(ui.Good, msg.what)
	if msg.then != nil {
		cmd = tea.Batch(cmd, msg.then())
	}
	return cmd
}

// afterFailure forgets what was to follow.
func (s *Screen) afterFailure(did) tea.Cmd {
	s.cleanup = false
	return nil
}

// do asks the daemon for something.
func (s *Screen) do(what string, ask func(context.Context) (*api.Run, error), then func() tea.Cmd) tea.Cmd {
	env, id := s.env, s.id
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		r, err := ask(ctx)
		return did{id, what, r, err, then}
	})
}

// order tells the run something.
func (s *Screen) order(o api.Order, what string) tea.Cmd {
	d, id := s.daemon, s.id
	return s.do(what, func(ctx context.Context) (*api.Run, error) { return nil, d.Order(ctx, id, o) }, nil)
}

// pauseOrContinue holds the run, or lets it go on.
func (s *Screen) pauseOrContinue() tea.Cmd {
	if s.p.paused || s.p.held != nil {
		return s.order(api.Order{Kind: journal.ContinueRun}, "the run goes on")
	}
	return s.order(api.Order{Kind: journal.PauseRun}, "the run pauses before its next object")
}

// target is the object that retry and skip are about: the one under the cursor.
func (s *Screen) target() (entry, tea.Cmd) {
	e, ok := s.selected()
	switch {
	case !ok || s.page != objectsPage:
		return e, ui.Tell(ui.Warn, "no object is under the cursor")
	case e.state == settled || e.state == removed:
		return e, ui.Tell(ui.Info, e.name+" is "+e.state.String()+": there is nothing to be done")
	}
	return e, nil
}

func (s *Screen) retry() tea.Cmd {
	e, no := s.target()
	if no != nil {
		return no
	}
	return s.order(api.Order{Kind: journal.RetryObject, Object: e.name}, e.name+" is tried again")
}

func (s *Screen) skip() tea.Cmd {
	e, no := s.target()
	if no != nil {
		return no
	}
	p := ui.NewPrompt(s.env, "why? ", "")
	p.Hint = "it goes into the report; the run will not be verified"
	s.dialog.read("skip "+short(e.name, 50), p, func(why string) tea.Cmd {
		return s.order(api.Order{Kind: journal.SkipObject, Object: e.name, Why: why}, e.name+" is given up")
	})
	return nil
}

// resume lets a run go on that has stopped.
func (s *Screen) resume() tea.Cmd {
	switch {
	case s.run.Live && s.p.outcome == "":
		return ui.Tell(ui.Info, "the run is under way")
	case !s.p.outcome.Resumable():
		return ui.Tell(ui.Warn, "the run has ended for good: "+string(s.p.outcome))
	}
	q := ui.Question{Title: "resume " + s.id + "?", Lines: []string{
		fmt.Sprintf("The %s of %s goes on where it stopped; what is done stays done.", s.run.Recipe, s.run.Cluster)}}
	d, id := s.daemon, s.id
	s.dialog.ask(ui.NewConfirm(s.env, q), func(string) tea.Cmd {
		return s.do("the run goes on", func(ctx context.Context) (*api.Run, error) {
			r, err := d.Resume(ctx, id)
			return &r, err
		}, func() tea.Cmd {
			s.page, s.report = objectsPage, newReport(s.env)
			s.p.outcome, s.p.failure = "", ""
			s.arrange()
			return s.follow()
		})
	})
	return nil
}

// abort asks how the run is to be stopped for good.
func (s *Screen) abort() tea.Cmd {
	if s.known && !s.p.outcome.Resumable() {
		return ui.Tell(ui.Info, "the run has ended: "+string(s.p.outcome))
	}
	m := ui.NewMenu(s.env, "abort "+s.id+"?",
		ui.Choice{ID: "back", Text: "let it go on", Detail: "nothing happens"},
		ui.Choice{ID: "keep", Text: "abort, keep what is there", Detail: "it cannot be resumed after that"},
		ui.Choice{ID: "clean", Text: "abort, delete the cluster", Detail: "asks once more", Off: s.noCleanup()},
	)
	s.dialog.choose(m, func(answer string) tea.Cmd {
		switch answer {
		case "keep":
			return s.abortNow(false)
		case "clean":
			s.askCleanup()
		}
		return nil
	})
	return nil
}

// noCleanup says why nothing is to be cleaned up after the run; empty when it can.
func (s *Screen) noCleanup() string {
	switch {
	case s.run.Cluster == "":
		return "the run has no cluster"
	case s.run.Recipe != string(api.Restore):
		return "only after a restore"
	case s.run.Provider == "existing":
		return "the cluster is somebody else's"
	}
	return ""
}

func (s *Screen) askCleanup() {
	c := s.run.Cluster
	q := ui.Question{Title: "abort and delete " + c + "?", Name: c, Lines: []string{
		"The run is aborted: it cannot be resumed.",
		"Then cluster " + c + " is deleted with everything in it, volumes and their data too, whether or not anything saves them.",
	}}
	s.dialog.ask(ui.NewConfirm(s.env, q), func(string) tea.Cmd { return s.abortNow(true) })
}

func (s *Screen) abortNow(cleanup bool) tea.Cmd {
	d, id := s.daemon, s.id
	s.cleanup = cleanup
	return s.do("the run is being aborted", func(ctx context.Context) (*api.Run, error) {
		r, err := d.Abort(ctx, id)
		return &r, err
	}, func() tea.Cmd {
		if s.run.Outcome != "" { // it was not under way: nothing else tells of the end
			s.p.outcome, s.p.ended = s.run.Outcome, s.run.Ended
		}
		return s.ended()
	})
}

// remove starts what the person agreed to when the run was aborted.
func (s *Screen) remove() tea.Cmd {
	env, d, routes := s.env, s.daemon, s.routes
	req := api.StartRequest{Recipe: api.Delete, Cluster: s.run.Cluster, Provider: s.run.Provider, Confirm: s.run.Cluster, Key: "abort-" + s.id}
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		r, err := d.Start(ctx, req)
		switch {
		case err != nil:
			return ui.Told{Level: ui.Bad, Text: fmt.Sprintf("cluster %s is still there: %v", req.Cluster, err),
				Hint: fmt.Sprintf("%s clusters delete %s", env.Command, req.Cluster)}
		case routes.Run == nil:
			return ui.Told{Level: ui.Good, Text: "run " + r.ID + " deletes the cluster"}
		}
		return ui.Replace{Screen: routes.Run(r.ID)}
	})
}

// commands are the command lines for what can be done here.
func (s *Screen) commands() string {
	line := func(words string) string { return s.env.Command + " " + words + " " + s.id }
	lines := []string{line("runs show")}
	switch {
	case s.p.outcome == "" && s.run.Live:
		lines = append(lines, line("runs abort"))
	case s.p.outcome.Resumable():
		lines = append(lines, line("runs resume"))
	}
	if s.report.known {
		for _, n := range s.report.have.Next {
			if n.Command != "" {
				lines = append(lines, n.Command)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// outcome is how the run stands.
func (s *Screen) outcome() ui.Cell {
	st := s.env.Styles
	switch {
	case s.p.outcome == "" && s.run.Live && s.p.held != nil:
		return ui.Cell{Text: "! waits for you", Style: st.Warn}
	case s.p.outcome == "" && s.run.Live && s.p.paused:
		return ui.Cell{Text: "= paused", Style: st.Warn}
	}
	return st.Outcome(s.p.outcome, s.run.Live)
}

// resumable tells that R would do something.
func (s *Screen) resumable() bool {
	return s.known && s.stream == nil && !s.run.Live && s.p.outcome.Resumable() && s.p.outcome != journal.Done
}
