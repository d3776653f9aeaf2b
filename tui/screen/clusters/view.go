package clusters

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// columns are those of the list. Cells are made when they are drawn, so that ages
// and countdowns move by themselves.
func columns(env ui.Env) []ui.Column[row] {
	st := env.Styles
	col := func(c ui.Column[row], cell func(api.Cluster) ui.Cell) ui.Column[row] {
		c.Cell = func(r row) ui.Cell {
			if r.isGroup() {
				return ui.Cell{}
			}
			return cell(r.cluster)
		}
		return c
	}
	by := func(less func(a, b api.Cluster) int) func(a, b row) bool {
		return func(a, b row) bool { return less(a.cluster, b.cluster) < 0 }
	}
	name := ui.Column[row]{Title: "CLUSTER", Min: 8, Max: 26, Less: by(func(a, b api.Cluster) int { return cmp.Compare(a.Name, b.Name) })}
	name.Cell = func(r row) ui.Cell {
		if r.isGroup() {
			return ui.Cell{Text: fmt.Sprintf("%s (%d)", r.group, r.size), Style: st.Strong}
		}
		return ui.Cell{Text: r.cluster.Name, Style: st.Plain}
	}
	return []ui.Column[row]{
		name,
		col(ui.Column[row]{Title: "STATE", Width: 14, Less: by(func(a, b api.Cluster) int { return cmp.Compare(rank(a), rank(b)) })},
			func(c api.Cluster) ui.Cell { return state(env, c) }),
		col(ui.Column[row]{Title: "COMMIT", Width: 7, Drop: 4, Less: by(func(a, b api.Cluster) int { return cmp.Compare(a.Commit, b.Commit) })},
			func(c api.Cluster) ui.Cell { return ui.Cell{Text: ui.Short(c.Commit), Style: st.Plain} }),
		col(ui.Column[row]{Title: "AGE", Width: 4, Right: true, Drop: 7, Less: by(func(a, b api.Cluster) int { return b.Made.Compare(a.Made) })},
			func(c api.Cluster) ui.Cell { return ui.Cell{Text: ui.Ago(env.Now(), c.Made), Style: st.Dim} }),
		col(ui.Column[row]{Title: "DRIFT", Min: 7, Max: 14, Drop: 2, Less: by(func(a, b api.Cluster) int { return cmp.Compare(differing(a), differing(b)) })},
			func(c api.Cluster) ui.Cell { return drift(st, c.Drift) }),
		col(ui.Column[row]{Title: "REC", Width: 4, Right: true, Drop: 5, Less: by(func(a, b api.Cluster) int { return cmp.Compare(recoverable(a), recoverable(b)) })},
			func(c api.Cluster) ui.Cell { return recovers(st, c.Drift) }),
		col(ui.Column[row]{Title: "NEXT", Min: 10, Max: 28, Drop: 3, Less: by(func(a, b api.Cluster) int { return nextAt(a).Compare(nextAt(b)) })},
			func(c api.Cluster) ui.Cell { return next(env, c) }),
		col(ui.Column[row]{Title: "RTO", Width: 6, Right: true, Drop: 6, Less: by(func(a, b api.Cluster) int { return cmp.Compare(lastRTO(a), lastRTO(b)) })},
			func(c api.Cluster) ui.Cell {
				if len(c.RTOs) == 0 {
					return ui.Cell{}
				}
				return ui.Cell{Text: ui.Took(lastRTO(c)), Style: st.Plain}
			}),
		col(ui.Column[row]{Title: "TREND", Width: 8, Drop: 8}, func(c api.Cluster) ui.Cell { return ui.Cell{Text: trend(c, 8), Style: st.Busy} }),
		col(ui.Column[row]{Title: "PROVIDER", Width: 9, Drop: 9, Less: by(func(a, b api.Cluster) int { return cmp.Compare(a.Provider, b.Provider) })},
			func(c api.Cluster) ui.Cell { return ui.Cell{Text: c.Provider, Style: st.Dim} }),
	}
}

// rank orders states: what needs a person first.
func rank(c api.Cluster) int {
	return slices.Index([]api.State{api.Failed, api.Unknown, api.Restoring, api.TearingDown, api.Awake, api.Asleep}, c.State)
}

// state is a cluster's state, with how long it has been at it.
func state(env ui.Env, c api.Cluster) ui.Cell {
	cell := env.Styles.State(c.State)
	switch {
	case c.Run != nil && c.State == api.Restoring:
		cell.Text += " " + ui.Ago(env.Now(), c.Run.Created)
	case c.Waiting:
		cell.Text += " (waits)"
	case c.State == api.Failed && c.Attempts > 0:
		cell.Text += fmt.Sprintf(" (%dx)", c.Attempts)
	}
	return cell
}

func drift(st ui.Styles, d *api.Drift) ui.Cell {
	switch {
	case d == nil:
		return ui.Cell{Text: "-", Style: st.Dim}
	case d.Changed+d.Missing+d.Unexpected == 0:
		return ui.Cell{Text: "✓ none", Style: st.Good}
	}
	return ui.Cell{Text: fmt.Sprintf("~%d -%d +%d", d.Changed, d.Missing, d.Unexpected), Style: st.Warn}
}

func differing(c api.Cluster) int {
	if c.Drift == nil {
		return -1
	}
	return c.Drift.Changed + c.Drift.Missing + c.Drift.Unexpected
}

func recoverable(c api.Cluster) float64 {
	if c.Drift == nil || c.Drift.Recoverable == nil {
		return 2 // not known: behind all that is
	}
	return *c.Drift.Recoverable
}

// poor and fair are parts of a cluster that a restore would bring back: below poor it
// is bad, below fair it is worth a look.
const poor, fair = 0.5, 0.9

func recovers(st ui.Styles, d *api.Drift) ui.Cell {
	if d == nil || d.Recoverable == nil {
		return ui.Cell{Text: "-", Style: st.Dim}
	}
	style := st.Good
	switch {
	case *d.Recoverable < poor:
		style = st.Bad
	case *d.Recoverable < fair:
		style = st.Warn
	}
	return ui.Cell{Text: ui.Percent(*d.Recoverable), Style: style}
}

func nextAt(c api.Cluster) time.Time {
	switch {
	case !c.RetryAt.IsZero():
		return c.RetryAt
	case c.Next == nil:
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return c.Next.At
}

// next is the next thing that happens by itself: a retry, or what the calendar
// brings, in local time with a countdown.
func next(env ui.Env, c api.Cluster) ui.Cell {
	now, st := env.Now(), env.Styles
	switch {
	case !c.RetryAt.IsZero():
		return ui.Cell{Text: "retry " + env.At(c.RetryAt) + " " + countdown(now, c.RetryAt), Style: st.Warn}
	case c.Next == nil:
		return ui.Cell{Text: "-", Style: st.Dim}
	}
	word := "up"
	if c.Next.To == api.Asleep {
		word = "down"
	}
	return ui.Cell{Text: word + " " + env.At(c.Next.At) + " " + countdown(now, c.Next.At), Style: st.Plain}
}

// countdown is how long until at, without the word before it.
func countdown(now, at time.Time) string { return strings.TrimPrefix(ui.In(now, at), "in ") }

func lastRTO(c api.Cluster) time.Duration {
	if len(c.RTOs) == 0 {
		return -1
	}
	return ui.Millis(c.RTOs[len(c.RTOs)-1].TookMS)
}

func trend(c api.Cluster, width int) string {
	var values []float64
	for _, r := range c.RTOs {
		values = append(values, float64(r.TookMS))
	}
	return ui.Sparkline(values, width)
}

// above and below are how many lines stand over and under the list.
func (s *Screen) above() int {
	if s.height >= 6 {
		return 1
	}
	return 0
}

func (s *Screen) below() int {
	if s.height >= 10 {
		return 2
	}
	return 0
}

// View implements ui.Screen.
func (s *Screen) View() string {
	w := s.width
	if !s.read {
		if !s.stale.IsZero() && s.wait.Err == nil {
			return ui.Block([]string{"", "  nothing was read yet, and the daemon does not answer"}, w, s.height)
		}
		return s.wait.Block(s.env, "r", w, s.height)
	}
	var lines []string
	if s.above() > 0 {
		lines = append(lines, s.summary().Draw(w))
	}
	lines = append(lines, strings.Split(s.list().View(), "\n")...)
	if s.below() > 0 {
		lines = append(lines, s.about()...)
	}
	view := ui.Block(lines, w, s.height)
	switch {
	case s.ask == nil:
		return view
	case s.ask.menu != nil:
		return s.ask.menu.Over(view, w, s.height)
	}
	return s.ask.confirm.Over(view, w, s.height)
}

// summary is the line above the list: how many clusters are in which state, and
// whether what is seen is fresh.
func (s *Screen) summary() ui.Line {
	st := s.env.Styles
	count := map[api.State]int{}
	for _, c := range s.known {
		count[c.State]++
	}
	title := ui.Count(len(s.known), "cluster")
	if s.by != "" {
		title += " by " + s.by
	}
	line, sep := ui.Line{{Text: title, Style: st.Strong}}, ": "
	for _, state := range []api.State{api.Failed, api.Unknown, api.Restoring, api.TearingDown, api.Awake, api.Asleep} {
		if n := count[state]; n > 0 {
			line = append(line, ui.Cell{Text: sep, Style: st.Plain}, ui.Cell{Text: fmt.Sprintf("%d %s", n, state), Style: st.State(state).Style})
			sep = ", "
		}
	}
	switch {
	case !s.stale.IsZero():
		line = append(ui.Line{{Text: "! as of " + s.env.At(s.stale) + "  ", Style: st.Warn}}, line...)
	case s.wait.Busy() || s.wait.Err != nil:
		line = append(append(s.wait.Line(s.env), ui.Cell{Text: "  ", Style: st.Plain}), line...)
	}
	return line
}

// about are the lines below the list: the cluster under the cursor in words.
func (s *Screen) about() []string {
	c, ok := s.selected()
	if !ok {
		return []string{"", ""}
	}
	st := s.env.Styles
	return []string{s.wanted(c).Draw(s.width), origin(st, c).Draw(s.width)}
}

// wanted says what a cluster should be and why, or what is wrong with it.
func (s *Screen) wanted(c api.Cluster) ui.Line {
	st := s.env.Styles
	lead := ui.Cell{Text: "  " + c.Name + ": ", Style: st.Strong}
	switch {
	case c.LastError != "":
		return ui.Line{lead, {Text: "✗ " + c.LastError, Style: st.Bad}}
	case c.State == api.Failed && c.LastRun != nil && c.LastRun.Outcome != string(run.Done):
		text := fmt.Sprintf("the last %s, %s, is %s: f shows it", c.LastRun.Recipe, ui.Since(s.env.Now(), c.LastRun.Ended), c.LastRun.Outcome)
		return ui.Line{lead, {Text: "✗ " + text, Style: st.Bad}}
	case c.Wanted == nil:
		return ui.Line{lead, {Text: "no schedule", Style: st.Dim}}
	}
	text := "wanted " + string(c.Wanted.State)
	if c.Wanted.Hold {
		text = "paused"
	}
	if !c.Wanted.Until.IsZero() {
		text += " until " + s.env.At(c.Wanted.Until)
	}
	text += ": " + c.Wanted.Reason
	if len(c.Words) > 0 && c.Words[0].Why != "" && !strings.Contains(c.Wanted.Reason, c.Words[0].Why) {
		text += " (" + c.Words[0].Why + ")"
	}
	return ui.Line{lead, {Text: text, Style: st.Plain}}
}

// origin says where a cluster comes from and who makes it.
func origin(st ui.Styles, c api.Cluster) ui.Line {
	parts := []string{c.Provider}
	if c.Protected {
		parts = append(parts, "protected")
	}
	if !c.Declared {
		parts = append(parts, "not declared")
	}
	if c.Source != nil {
		from := c.Source.Repo
		if c.Source.Path != "" {
			from += "//" + c.Source.Path
		}
		parts = append(parts, from+" @ "+cmp.Or(c.Source.Revision, "default branch"))
	}
	return ui.Text("  "+strings.Join(parts, " · "), st.Dim)
}
