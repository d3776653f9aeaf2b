package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Cell is a piece of text in one style. Text may be anything from anywhere: it is
// made harmless when it is drawn.
type Cell struct {
	Text  string
	Style lipgloss.Style
}

// Line is one line of pieces.
type Line []Cell

// Text is a line of one piece.
func Text(text string, style lipgloss.Style) Line { return Line{{text, style}} }

// Plain is the line's text without styles, harmless.
func (l Line) Plain() string {
	var b strings.Builder
	for _, c := range l {
		b.WriteString(safe.Line(c.Text))
	}
	return b.String()
}

// Draw draws the line in exactly width cells.
func (l Line) Draw(width int) string {
	var b strings.Builder
	left := width
	for i, c := range l {
		text := safe.Line(c.Text)
		w := Width(text)
		if w > left || w == left && i < len(l)-1 && l[i+1:].Plain() != "" {
			text = Clip(text+"…", left)
			w = Width(text)
		}
		if text != "" {
			b.WriteString(c.Style.Render(text))
		}
		if left -= w; left <= 0 {
			break
		}
	}
	drawn := b.String()
	// Letters that stand side by side now may take less room than each alone.
	return drawn + blank(width-Width(drawn))
}

// Wrap breaks the line into lines of at most width cells, at spaces where there are
// some.
func (l Line) Wrap(width int) []Line {
	if width < 1 || Width(l.Plain()) <= width {
		return []Line{l}
	}
	var out []Line
	rest := l
	for {
		cut := breakAt(rest.Plain(), width)
		if cut < 0 {
			return append(out, rest)
		}
		var head Line
		head, rest = rest.split(cut)
		out = append(out, head)
		if text := rest.Plain(); len(text) > 1 && text[0] == ' ' && text[1] != ' ' && !bearsMark(text[1:]) {
			_, rest = rest.split(1) // the line's end stands for the space
		}
	}
}

// breakAt is the byte of text before which a line of width ends; -1 when all of it
// fits.
func breakAt(text string, width int) int {
	if Width(text) <= width {
		return -1
	}
	fits := ansi.Truncate(text, width, "")
	end := len(fits)
	if space := strings.LastIndexByte(fits, ' '); space > end/2 {
		end = space + 1
	}
	// Marks stay with the letter that bears them.
	for at := end; at > 0; at -= sizeOfLast(text[:at]) {
		if !bearsMark(text[at:]) {
			return at
		}
	}
	for i, r := range text { // a letter that is wider than the line
		if i > 0 && !unicode.Is(unicode.M, r) {
			return i
		}
	}
	return -1
}

// bearsMark tells whether what stands before text bears a mark: text begins with it.
func bearsMark(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.Is(unicode.M, r)
}

func sizeOfLast(text string) int {
	_, size := utf8.DecodeLastRuneInString(text)
	return size
}

// split divides a line before a byte of its plain text.
func (l Line) split(at int) (head, tail Line) {
	for i, c := range l {
		text := safe.Line(c.Text)
		if at < len(text) {
			if at > 0 {
				head = append(head, Cell{text[:at], c.Style})
			}
			return head, append(Line{{text[at:], c.Style}}, l[i+1:]...)
		}
		head = append(head, Cell{text, c.Style})
		at -= len(text)
	}
	return head, nil
}

// Width is how many cells a text takes, escape sequences of styles aside.
func Width(s string) int { return ansi.StringWidth(s) }

// Clip cuts a text, which may be styled, to at most width cells; "…" ends what was
// cut.
func Clip(s string, width int) string {
	switch {
	case width <= 0:
		return ""
	case Width(s) <= width:
		return s
	}
	return ansi.Truncate(s, width, "…")
}

// Fit makes a text, which may be styled, exactly width cells wide.
func Fit(s string, width int) string {
	s = Clip(s, width)
	return s + blank(width-Width(s))
}

// Right is Fit with the blanks on the left.
func Right(s string, width int) string {
	s = Clip(s, width)
	return blank(width-Width(s)) + s
}

// Wrap breaks a text, which may have line breaks but no styles, into harmless lines
// of at most width cells.
func Wrap(s string, width int) []string {
	var out []string
	for line := range strings.SplitSeq(safe.Lines(s), "\n") {
		for _, part := range (Line{{Text: line}}).Wrap(width) {
			out = append(out, strings.TrimRight(part.Plain(), " "))
		}
	}
	return out
}

// Block makes of lines, which may be styled, exactly width x height cells.
func Block(lines []string, width, height int) string {
	out := make([]string, max(height, 0))
	for i := range out {
		if i < len(lines) {
			out[i] = Fit(lines[i], width)
		} else {
			out[i] = blank(width)
		}
	}
	return strings.Join(out, "\n")
}

// Overlay draws a box of lines in the middle of a screen of width x height cells.
func Overlay(screen string, box []string, width, height int) string {
	under := strings.Split(screen, "\n")
	if len(box) > height {
		box = box[:max(height, 0)]
	}
	wide := 0
	for _, line := range box {
		wide = max(wide, Width(line))
	}
	wide = min(wide, width)
	left, top := (width-wide)/2, (height-len(box))/2
	for i, line := range box {
		at := top + i
		if at >= len(under) {
			break
		}
		before := Fit(ansi.Cut(under[at], 0, left), left)
		after := ansi.Cut(under[at], left+wide, width)
		under[at] = before + Fit(line, wide) + Right(after, width-left-wide)
	}
	return strings.Join(under, "\n")
}

// Boxed draws a frame around lines, at most width cells wide, with a title in its
// upper edge.
func Boxed(st Styles, title string, lines []string, width int) []string {
	inner := Width(title) + 2
	for _, line := range lines {
		inner = max(inner, Width(line))
	}
	inner = max(min(inner, width-4), 0)
	head := "─ " + Clip(title, max(inner-2, 0)) + " "
	if title == "" {
		head = ""
	}
	edge := func(s string) string { return st.Border.Render(s) }
	out := []string{edge("╭") + edge(head) + edge(strings.Repeat("─", max(inner+2-Width(head), 0))+"╮")}
	for _, line := range lines {
		out = append(out, edge("│")+" "+Fit(line, inner)+" "+edge("│"))
	}
	return append(out, edge("╰"+strings.Repeat("─", inner+2)+"╯"))
}

func blank(n int) string {
	if n <= 0 {
		return ""
	}
	return strings.Repeat(" ", n)
}
