package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/safe"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// report is the page with what came of the run.
type report struct {
	env   ui.Env
	known bool
	wait  ui.Wait
	have  api.RunReport
	table ui.Table[api.Finding]
	text  ui.Pager // everything but the findings
	whole bool     // the text fills the page
}

func newReport(env ui.Env) report {
	st := env.Styles
	r := report{env: env, text: ui.NewPager(env)}
	r.table = ui.NewTable(env, func(f api.Finding) string { return f.What + " " + f.Object },
		ui.Column[api.Finding]{Title: "FINDING", Width: 12, Cell: func(f api.Finding) ui.Cell { return ui.Cell{Text: f.What, Style: st.Warn} },
			Less: func(a, b api.Finding) bool { return a.What < b.What }},
		ui.Column[api.Finding]{Title: "OBJECT", Flex: 3, Min: 16, Cell: func(f api.Finding) ui.Cell { return ui.Cell{Text: f.Object, Style: st.Plain} },
			Less: func(a, b api.Finding) bool { return a.Object < b.Object }},
		ui.Column[api.Finding]{Title: "WHY", Flex: 4, Min: 16, Drop: 1, Cell: func(f api.Finding) ui.Cell { return ui.Cell{Text: f.Text, Style: st.Dim} }},
		ui.Column[api.Finding]{Title: "FROM", Flex: 1, Min: 14, Max: 40, Drop: 2, Cell: func(f api.Finding) ui.Cell { return ui.Cell{Text: f.From, Style: st.Dim} }},
	)
	r.table.Empty = "nothing is the matter with any object"
	return r
}

func (r *report) typing() bool { return r.table.Typing() || r.text.Typing() }

// reported is the answer to a question for the report.
type reported struct {
	of  string
	gen int
	rep api.RunReport
	err error
}

func (s *Screen) askReport() tea.Cmd {
	s.report.wait = s.report.wait.Begin("reading the report", s.env.Now())
	env, d, id, gen := s.env, s.daemon, s.id, s.report.wait.Gen
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		rep, err := d.Report(ctx, id)
		return reported{id, gen, rep, err}
	})
}

// reported shows the report; that a run has ended brings it before one's eyes.
func (s *Screen) reported(msg reported) tea.Cmd {
	next, ok := s.report.wait.End(msg.gen, msg.err)
	if msg.of != s.id || !ok {
		return nil
	}
	s.report.wait = next
	if msg.err != nil {
		return ui.Fail(msg.err)
	}
	s.report.known, s.report.have = true, msg.rep
	s.report.table.SetRows(msg.rep.Findings)
	s.report.text.SetLines(s.report.lines())
	s.page = reportPage
	s.arrange()
	return nil
}

// noteWidth is where the lines of notes are broken: a page of 80 columns shows them.
const noteWidth = 74

// lines are the report without its findings.
func (r *report) lines() []ui.Line {
	st, rep := r.env.Styles, r.have
	lines := []ui.Line{ui.Text(rep.Headline, st.Strong)}
	switch {
	case rep.Verified:
		lines = append(lines, ui.Text("✓ verified: the cluster is the commit", st.Good))
	case rep.Run.Recipe == string(api.Restore) || rep.Run.Recipe == string(api.Drill):
		why := firstOf(rep.Run.Error, "see the findings")
		lines = append(lines, ui.Text("! not verified: "+why, st.Warn))
	case rep.Run.Error != "":
		lines = append(lines, ui.Text("✗ "+rep.Run.Error, st.Bad))
	}
	if c := rep.Commit; c != nil {
		lines = append(lines, ui.Text(fmt.Sprintf("commit %s  %s, %s: %s", ui.Short(c.SHA), c.Author, r.env.At(c.Time), c.Subject), st.Plain))
	}
	if rep.Fingerprint != "" {
		lines = append(lines, ui.Text("fingerprint "+short(rep.Fingerprint, 16), st.Dim))
	}
	if cost := rep.Estimate.Cost(); cost != "" {
		lines = append(lines, ui.Text("costs "+cost, st.Plain))
	}
	if len(rep.Next) > 0 {
		lines = append(lines, nil, ui.Text("next", st.Dim))
		for _, n := range rep.Next {
			lines = append(lines, ui.Line{{Text: "  → ", Style: st.Key}, {Text: n.Text, Style: st.Plain}})
			if n.Command != "" {
				lines = append(lines, ui.Text("    "+n.Command, st.Strong))
			}
		}
	}
	if len(rep.Kinds) > 0 {
		lines = append(lines, nil, ui.Text(fmt.Sprintf("%8s %8s %8s %8s %8s  %s", "objects", "made", "changed", "as was", "failed", "kind"), st.Dim))
		for _, k := range rep.Kinds {
			style := st.Plain
			if k.Failed > 0 {
				style = st.Bad
			}
			lines = append(lines, ui.Text(fmt.Sprintf("%8d %8d %8d %8d %8d  %s", k.Objects, k.Created, k.Changed, k.Unchanged, k.Failed, k.Kind), style))
		}
	}
	if len(rep.Notes) > 0 {
		lines = append(lines, nil, ui.Text("notes", st.Dim))
		for _, n := range rep.Notes {
			for i, l := range ui.Wrap(n, noteWidth) {
				lines = append(lines, ui.Text([]string{"  ", "    "}[min(i, 1)]+l, st.Plain))
			}
		}
	}
	return lines
}

// plain is the report as a text for a file.
func (r *report) plain() string {
	if r.have.Text != "" {
		return safe.Lines(r.have.Text) + "\n"
	}
	text := ""
	for _, l := range r.lines() {
		text += l.Plain() + "\n"
	}
	for _, f := range r.have.Findings {
		text += safe.Line(fmt.Sprintf("%s: %s (%s): %s", f.What, f.Object, f.From, f.Text)) + "\n"
	}
	return text
}

// saved is what came of saving the report.
type saved struct {
	file string
	err  error
}

// save asks for a name and writes the report into a file that is not there yet.
func (s *Screen) save() tea.Cmd {
	if !s.report.known {
		return ui.Tell(ui.Info, "there is no report yet")
	}
	text := s.report.plain()
	p := ui.NewPrompt(s.env, "file: ", s.id+".txt")
	s.dialog.read("save the report", p, func(file string) tea.Cmd {
		return func() tea.Msg { return saved{file, write(file, text)} }
	})
	return nil
}

// write makes a new file; one that is there is nobody's to overwrite.
func write(file, text string) error {
	f, err := os.OpenFile(filepath.Clean(file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (r *report) saved(msg saved) tea.Cmd {
	if msg.err != nil {
		return ui.Fail(msg.err)
	}
	return ui.Tell(ui.Good, "the report is in "+msg.file)
}
