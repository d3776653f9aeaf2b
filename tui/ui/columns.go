package ui

import (
	"strings"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Column is one column of a Table or Tree of T.
type Column[T any] struct {
	Title string
	// Width is exact. When it is 0 and Flex too, the column is as wide as what it
	// holds, between Min and Max (0: no limit). With Flex it takes that share of
	// what the others leave, at least Min, at most Max.
	Width, Min, Max, Flex int
	// Right aligns to the right.
	Right bool
	// Drop says which columns vanish where the screen is narrow: the highest
	// first; those with 0 never.
	Drop int
	Cell func(T) Cell
	// Less sorts by this column; nil: it cannot be sorted by.
	Less func(a, b T) bool
}

// gutter is what stands before the first column: the cursor and a mark. Between two
// columns lie wideGap cells, or narrowGap where more columns are to be seen so.
const gutter, wideGap, narrowGap = 2, 2, 1

// measured is how many rows are looked at for a column's width.
const measured = 500

// measure finds out how wide columns are whose width is what they hold. row gives
// the nth of n rows.
func measure[T any](columns []Column[T], n int, row func(int) T) []int {
	widths := make([]int, len(columns))
	for i, c := range columns {
		switch {
		case c.Width > 0:
			widths[i] = c.Width
		case c.Flex > 0:
			widths[i] = max(c.Min, 1)
		default:
			w := max(Width(c.Title)+1, c.Min)
			for k := range min(n, measured) {
				w = max(w, Width(safe.Line(c.Cell(row(k)).Text)))
			}
			if c.Max > 0 {
				w = min(w, c.Max)
			}
			widths[i] = w
		}
	}
	return widths
}

// laid are columns laid out in a width.
type laid struct {
	widths []int // 0 is a column that is not shown
	gap    int
}

// layout chooses which columns are shown in width cells, and how wide.
func layout[T any](columns []Column[T], natural []int, width int) laid {
	l := laid{widths: append([]int(nil), natural...), gap: wideGap}
	if l.room(width) < 0 {
		l.gap = narrowGap
	}
	for l.room(width) < 0 {
		worst := -1
		for i, c := range columns {
			if l.widths[i] > 0 && c.Drop > 0 && (worst < 0 || c.Drop >= columns[worst].Drop) {
				worst = i
			}
		}
		if worst < 0 {
			break
		}
		l.widths[worst] = 0
	}
	grow(columns, l.widths, l.room(width))
	return l
}

// room is what the columns leave of a width; less than nothing when they need more.
func (l laid) room(width int) int {
	left := width - gutter + l.gap
	for _, w := range l.widths {
		if w > 0 {
			left -= w + l.gap
		}
	}
	return left
}

// grow gives what is left to the columns that take it.
func grow[T any](columns []Column[T], widths []int, left int) {
	for left > 0 {
		shares := 0
		takes := func(i int) bool {
			c := columns[i]
			return c.Flex > 0 && widths[i] > 0 && (c.Max == 0 || widths[i] < c.Max)
		}
		for i, c := range columns {
			if takes(i) {
				shares += c.Flex
			}
		}
		if shares == 0 {
			return
		}
		given := 0
		for i, c := range columns {
			if !takes(i) {
				continue
			}
			more := min(max(left*c.Flex/shares, 1), left-given)
			if c.Max > 0 {
				more = min(more, c.Max-widths[i])
			}
			widths[i] += more
			given += more
		}
		left -= given
	}
}

// drawRow draws one row. indent comes before the first column's text. A row that is
// selected looks so in all its columns.
func drawRow[T any](st Styles, columns []Column[T], l laid, row T, indent, lead string, selected bool) string {
	var b strings.Builder
	gap := blank(l.gap)
	if selected {
		lead, gap = st.Strong.Render(lead), st.Selected.Render(gap)
	}
	b.WriteString(lead)
	shown := 0
	for i, c := range columns {
		if l.widths[i] == 0 {
			continue
		}
		if shown > 0 {
			b.WriteString(gap)
		}
		shown++
		cell := c.Cell(row)
		text := safe.Line(cell.Text)
		if i == 0 {
			text = indent + text
		}
		if c.Right {
			text = Right(text, l.widths[i])
		} else {
			text = Fit(text, l.widths[i])
		}
		if selected {
			cell.Style = st.Selected
		}
		b.WriteString(cell.Style.Render(text))
	}
	return b.String()
}

// drawTitles draws the line above the rows; arrow marks the column that sorts.
func drawTitles[T any](st Styles, columns []Column[T], l laid, sorted int, arrow string) string {
	parts := []string{}
	for i, c := range columns {
		if l.widths[i] == 0 {
			continue
		}
		title := c.Title
		if i == sorted {
			title += arrow
		}
		if c.Right {
			parts = append(parts, Right(title, l.widths[i]))
		} else {
			parts = append(parts, Fit(title, l.widths[i]))
		}
	}
	return blank(gutter) + st.Dim.Render(strings.Join(parts, blank(l.gap)))
}

// haystack is a row's text in lower case, for filters.
func haystack[T any](columns []Column[T], row T) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(c.Cell(row).Text)
	}
	return strings.ToLower(b.String())
}
