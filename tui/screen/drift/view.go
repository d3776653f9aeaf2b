package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// The screen shows tree and pane beside each other from this width on, and below
// each other from this height on; on smaller ones the pane takes the place of the
// tree.
const (
	wide = 110
	tall = 16
)

// layout is where the parts are: heights of the head, of the tree and of the pane,
// and widths. A part that is not shown has no height.
type layout struct {
	head                  int
	treeWidth, treeHeight int
	paneWidth, paneHeight int
}

func (s Screen) layout() layout {
	l := layout{head: min(2, s.height), treeWidth: s.width, paneWidth: s.width}
	body := max(s.height-l.head, 0)
	switch {
	case s.width >= wide:
		l.treeWidth = s.width / 2
		l.paneWidth = s.width - l.treeWidth - 1
		l.treeHeight, l.paneHeight = body, body
	case !s.pane.open:
		l.treeHeight = body
	case s.height >= tall:
		l.treeHeight = body * 2 / 5
		l.paneHeight = body - l.treeHeight
	default:
		l.paneHeight = body
	}
	return l
}

// arrange gives the parts their sizes, and the pane what is under the cursor.
func (s *Screen) arrange() {
	l := s.layout()
	s.tree.Resize(l.treeWidth, l.treeHeight)
	s.pane.pager.Resize(l.paneWidth, max(l.paneHeight-1, 0))
	if l.paneHeight == 0 {
		return
	}
	r, is := s.tree.Selected()
	if !is {
		r = row{}
	}
	if r.key == s.pane.shown && l.paneWidth == s.pane.width {
		return
	}
	w := writer{env: s.env, width: l.paneWidth, split: s.pane.split}
	if is {
		w.about(r)
	}
	s.pane.pager.SetLines(w.lines)
	if r.key != s.pane.shown {
		s.pane.pager.Home()
	}
	s.pane.shown, s.pane.width = r.key, l.paneWidth
}

// View draws the screen.
func (s Screen) View() string {
	if s.width < 1 || s.height < 1 {
		return ui.Block(nil, s.width, s.height)
	}
	view := s.body()
	if s.ask != nil {
		return s.ask.over(s.env.Styles, view, s.width, s.height)
	}
	return view
}

func (s Screen) body() string {
	if s.report == nil {
		return s.wait.Block(s.env, s.keys.refresh.Help().Key, s.width, s.height)
	}
	l := s.layout()
	lines := s.head()[:l.head]
	pane := append([]string{s.paneTitle(l.paneWidth)}, strings.Split(s.pane.pager.View(), "\n")...)
	switch {
	case s.width >= wide:
		edge := s.env.Styles.Border.Render("│")
		for i, line := range strings.Split(s.tree.View(), "\n") {
			right := ""
			if i < len(pane) {
				right = pane[i]
			}
			lines = append(lines, ui.Fit(line, l.treeWidth)+edge+right)
		}
	default:
		if l.treeHeight > 0 {
			lines = append(lines, strings.Split(s.tree.View(), "\n")...)
		}
		if l.paneHeight > 0 {
			lines = append(lines, pane...)
		}
	}
	return ui.Block(lines, s.width, s.height)
}

// paneTitle parts the pane from the tree, and says which of them has the keys.
func (s Screen) paneTitle(width int) string {
	st, how, keys := s.env.Styles, "unified", "tab: to the tree"
	if s.pane.split {
		how = "side by side"
	}
	look := st.Title
	if !s.pane.focus {
		look, keys = st.Dim, "tab: to the text"
	}
	text := fmt.Sprintf("── %s (v turns), %s ", how, keys)
	return look.Render(ui.Clip(text+strings.Repeat("─", max(width-ui.Width(text), 0)), width))
}

// head is what the report says in two lines.
func (s Screen) head() []string {
	st, r := s.env.Styles, s.report
	verdict := ui.Cell{Text: "✓ " + r.Verdict(), Style: st.Good}
	switch {
	case !r.Clean():
		verdict = ui.Cell{Text: "! " + r.Verdict(), Style: st.Changed}
	case len(r.Unknown) > 0:
		verdict = ui.Cell{Text: "? " + r.Verdict(), Style: st.Warn}
	}
	first := ui.Line{verdict, {Text: "  against " + ui.Short(r.Commit.SHA), Style: st.Strong}}
	if r.Commit.Revision != "" && !strings.HasPrefix(r.Commit.SHA, r.Commit.Revision) {
		first = append(first, ui.Cell{Text: " (" + r.Commit.Revision + ")", Style: st.Dim})
	}
	first = append(first, ui.Cell{Text: " " + r.Commit.Subject, Style: st.Dim})

	second := ui.Line{{Text: fmt.Sprintf("%d in git, %d equal", r.Counts.Compared, r.Counts.Equal), Style: st.Dim}}
	if n := len(s.marks.set); n > 0 {
		second = append(second, ui.Cell{Text: fmt.Sprintf("  * %d marked", n), Style: st.Strong})
	}
	if n := r.Counts.Ignored; n > 0 {
		verb := "x shows them"
		if s.explain {
			verb = "x hides them"
		}
		second = append(second, ui.Cell{Text: fmt.Sprintf("  · %d do not count (%s)", n, verb), Style: st.Dim})
	}
	if rec := r.Recoverability; rec != nil {
		most := ""
		if rec.AtMost {
			most = "at most "
		}
		second = append(second, ui.Cell{Text: fmt.Sprintf("  %s%d of 100 would come back", most, rec.Score), Style: st.Plain})
	}
	switch wait := s.wait.Line(s.env); {
	case len(wait) > 0:
		second = slices.Concat(wait, ui.Line{{Text: "  "}}, second)
	case s.stale != "":
		second = append(ui.Line{{Text: "! " + s.stale + "  ", Style: st.Warn}}, second...)
	default:
		second = append(second, ui.Cell{Text: "  as of " + s.env.At(s.at), Style: st.Dim})
	}
	return []string{first.Draw(s.width), second.Draw(s.width)}
}
