package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// headLines stand above a tab: the tabs and a line about the cluster.
const headLines = 2

func (s *Screen) resize(width, height int) {
	s.width, s.height = width, height
	body := max(height-headLines, 1)
	s.overview.Resize(width, body)
	s.drift.Resize(width, body)
	s.runs.Resize(width, body)
	s.objects.table.Resize(width, body)
	s.events.Resize(width, body)
	if s.look != nil {
		s.look.pager.Resize(width, max(height-1, 1))
	}
	s.fill()
}

// fill writes the texts of the tab that is seen anew.
func (s *Screen) fill() {
	if !s.read {
		return
	}
	switch s.tabs.Active {
	case overviewTab:
		s.overview.SetLines(s.overviewLines())
	case driftTab:
		s.drift.SetLines(s.driftLines())
	}
}

// View implements ui.Screen.
func (s *Screen) View() string {
	switch {
	case s.look != nil:
		return s.viewLook()
	case !s.read:
		return s.wait.Block(s.env, "r", s.width, s.height)
	case s.height <= headLines:
		return ui.Block([]string{s.tabs.View(s.env.Styles, s.width)}, s.width, s.height)
	}
	body := s.part().View()
	if w := s.waiting(); w.Err != nil {
		body = w.Block(s.env, "r", s.width, s.height-headLines)
	}
	return ui.Block(append([]string{s.tabs.View(s.env.Styles, s.width), s.head().Draw(s.width)}, strings.Split(body, "\n")...), s.width, s.height)
}

// waiting is the question that the tab depends on.
func (s *Screen) waiting() ui.Wait {
	switch s.tabs.Active {
	case runsTab, objectsTab:
		return s.runsWait
	case scheduleTab:
		return s.calWait
	}
	return ui.Wait{}
}

// head is the line about the cluster, or about what the tab waits for.
func (s *Screen) head() ui.Line {
	st := s.env.Styles
	if !s.stale.IsZero() {
		return ui.Text("  ! as of "+s.env.At(s.stale)+": the daemon does not answer", st.Warn)
	}
	for _, w := range []ui.Wait{s.waiting(), s.wait} {
		if w.Busy() || w.Err != nil {
			return append(ui.Line{{Text: "  ", Style: st.Plain}}, w.Line(s.env)...)
		}
	}
	if s.tabs.Active == objectsTab {
		return s.objects.about()
	}
	state := st.State(s.cluster.State)
	line := ui.Line{{Text: "  ", Style: st.Plain}, state, {Text: "  " + s.cluster.Provider, Style: st.Dim}}
	if s.cluster.Commit != "" {
		line = append(line, ui.Cell{Text: "  " + ui.Short(s.cluster.Commit), Style: st.Plain})
	}
	if s.cluster.Next != nil {
		line = append(line, ui.Cell{Text: fmt.Sprintf("  next: %s %s", s.cluster.Next.To, ui.In(s.env.Now(), s.cluster.Next.At)), Style: st.Dim})
	}
	return line
}

func (s *Screen) viewLook() string {
	title := ui.Line{{Text: "  " + s.look.object, Style: s.env.Styles.Title}}
	if s.look.wait.Err != nil || s.look.wait.Busy() {
		return ui.Block(append([]string{title.Draw(s.width)}, strings.Split(s.look.wait.Block(s.env, "r", s.width, max(s.height-1, 1)), "\n")...), s.width, s.height)
	}
	return ui.Block(append([]string{title.Draw(s.width)}, strings.Split(s.look.pager.View(), "\n")...), s.width, s.height)
}

// label is a line of a name and what is said of it.
func (s *Screen) label(name string, cells ...ui.Cell) ui.Line {
	return append(ui.Line{{Text: fmt.Sprintf("  %-12s", name), Style: s.env.Styles.Dim}}, cells...)
}

func (s *Screen) overviewLines() []ui.Line {
	c, env, st := s.cluster, s.env, s.env.Styles
	plain := func(format string, args ...any) ui.Cell {
		return ui.Cell{Text: fmt.Sprintf(format, args...), Style: st.Plain}
	}
	lines := []ui.Line{nil, s.label("state", st.State(c.State))}
	add := func(name string, cells ...ui.Cell) { lines = append(lines, s.label(name, cells...)) }
	if c.LastError != "" {
		add("trouble", ui.Cell{Text: "✗ " + c.LastError, Style: st.Bad})
		if c.Attempts > 0 {
			add("", plain("tried %s, again %s", ui.Count(c.Attempts, "time"), cmp.Or(ui.In(env.Now(), c.RetryAt), "when somebody says so")))
		}
	}
	if w := c.Wanted; w != nil {
		text := string(w.State)
		if w.Hold {
			text = "left as it is"
		}
		if !w.Until.IsZero() {
			text += " until " + env.At(w.Until)
		}
		add("wanted", plain("%s: %s", text, w.Reason))
	} else {
		add("wanted", ui.Cell{Text: "nothing: there is no schedule", Style: st.Dim})
	}
	if c.Next != nil {
		add("next", plain("%s %s, %s: %s", c.Next.To, env.Whole(c.Next.At), ui.In(env.Now(), c.Next.At), c.Next.Reason))
	}
	for _, w := range c.Words {
		add("said", plain("%s", wordText(env, w)))
	}
	if c.Commit != "" {
		add("commit", plain("%s", c.Commit))
	}
	if c.Source != nil {
		add("source", plain("%s %s @ %s", c.Source.Repo, c.Source.Path, cmp.Or(c.Source.Revision, "default branch")))
	}
	add("provider", plain("%s", c.Provider))
	if !c.Made.IsZero() {
		add("made", plain("%s, %s", env.Whole(c.Made), ui.Since(env.Now(), c.Made)))
	}
	if c.Protected {
		add("protected", ui.Cell{Text: "teardowns of it are refused", Style: st.Strong})
	}
	if !c.Declared {
		add("declared", ui.Cell{Text: "! no: it is not in rekindle.yaml", Style: st.Warn})
	}
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		add("label", plain("%s = %s", k, c.Labels[k]))
	}
	lines = append(lines, s.runLines()...)
	lines = append(lines, s.driftLines()...)
	return append(lines, s.rtoLines()...)
}

func wordText(env ui.Env, w api.Word) string {
	text := fmt.Sprintf("%s, by %s %s", w.Kind, w.By, ui.Since(env.Now(), w.Said))
	if !w.Until.IsZero() {
		text += ", until " + env.At(w.Until)
	}
	if w.Why != "" {
		text += ": " + w.Why
	}
	return text
}

func (s *Screen) runLines() []ui.Line {
	env, st := s.env, s.env.Styles
	var lines []ui.Line
	if r := s.cluster.Run; r != nil {
		lines = append(lines, s.label("under way", ui.Cell{Text: fmt.Sprintf("%s %s, for %s", r.Recipe, r.ID, ui.Ago(env.Now(), r.Created)), Style: st.Busy}))
	}
	if r := s.cluster.LastRun; r != nil {
		lines = append(lines, s.label("last run", outcome(st, *r), ui.Cell{Text: fmt.Sprintf("  %s %s, %s, took %s", r.Recipe, r.ID, ui.Since(env.Now(), r.Ended), ui.Took(r.Ended.Sub(r.Created))), Style: st.Plain}))
	}
	return lines
}

func (s *Screen) driftLines() []ui.Line {
	d, env, st := s.cluster.Drift, s.env, s.env.Styles
	if d == nil {
		return []ui.Line{nil, s.label("drift", ui.Cell{Text: "never looked at; d compares now", Style: st.Dim})}
	}
	verdict := ui.Cell{Text: "✓ none: it is as its commit says", Style: st.Good}
	if n := d.Changed + d.Missing + d.Unexpected; n > 0 {
		verdict = ui.Cell{Text: fmt.Sprintf("! %s: %d changed, %d missing, %d unexpected", ui.Count(n, "object"), d.Changed, d.Missing, d.Unexpected), Style: st.Warn}
	}
	lines := []ui.Line{nil, s.label("drift", verdict), s.label("", ui.Cell{Text: fmt.Sprintf("compared with %s, %s", ui.Short(d.Commit), ui.Since(env.Now(), d.At)), Style: st.Dim})}
	if d.Recoverable != nil {
		lines = append(lines, s.label("recoverable", ui.Cell{Text: ui.Percent(*d.Recoverable) + " of it a restore would bring back", Style: st.Plain}))
	}
	if s.tabs.Active == driftTab {
		lines = append(lines, nil, s.label("", ui.Cell{Text: "enter compares it now and shows every difference", Style: st.Dim}))
	}
	return lines
}

func (s *Screen) rtoLines() []ui.Line {
	env, st := s.env, s.env.Styles
	if len(s.cluster.RTOs) == 0 {
		return nil
	}
	var values []float64
	for _, r := range s.cluster.RTOs {
		values = append(values, float64(r.TookMS))
	}
	lines := []ui.Line{nil, s.label("restores", ui.Cell{Text: ui.Sparkline(values, 30), Style: st.Busy})}
	for i := len(s.cluster.RTOs) - 1; i >= 0; i-- {
		r := s.cluster.RTOs[i]
		lines = append(lines, s.label("", ui.Cell{Text: fmt.Sprintf("%7s  %s  %s", ui.Took(ui.Millis(r.TookMS)), env.Whole(r.At), r.Run), Style: st.Plain}))
	}
	return lines
}
