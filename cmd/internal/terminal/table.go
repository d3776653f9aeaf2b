package terminal

import (
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Column is one column of a table.
type Column struct {
	Title string
	// Right aligns numbers.
	Right bool
	// Whole: other columns are cut first. For names that people copy.
	Whole bool
}

const (
	gap      = "  "
	ellipsis = "…"
	// minColumn is how narrow a column may be cut.
	minColumn = 6
)

// Table prints rows under their titles to stdout, aligned, and cut to the
// terminal's width. A row may have fewer cells than there are columns. Without
// rows it prints nothing: say in words that there is nothing.
func (t *Terminal) Table(columns []Column, rows [][]string) {
	if len(rows) == 0 || len(columns) == 0 {
		return
	}
	cells := make([][]string, 0, len(rows)+1)
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = safe.Line(c.Title)
	}
	cells = append(cells, titles)
	for _, row := range rows {
		clean := make([]string, len(columns))
		for i := range min(len(row), len(columns)) {
			clean[i] = safe.Line(row[i])
		}
		cells = append(cells, clean)
	}
	widths := fit(columns, cells, t.Width)
	var b strings.Builder
	for i, row := range cells {
		line := cut(align(columns, widths, row), t.Width)
		if i == 0 {
			line = t.Paint(Strong, line).String()
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	t.writeOut(b.String())
}

// align joins the cells of one row, each cut and padded to its width.
func align(columns []Column, widths []int, row []string) string {
	parts := make([]string, len(row))
	for i, cell := range row {
		cell = cut(cell, widths[i])
		pad := strings.Repeat(" ", max(0, widths[i]-width(cell)))
		if columns[i].Right {
			parts[i] = pad + cell
		} else {
			parts[i] = cell + pad
		}
	}
	return strings.TrimRight(strings.Join(parts, gap), " ")
}

// fit returns the width of each column: as wide as its widest cell, or when
// all together are too wide for total, the widest ones cut to one level.
func fit(columns []Column, cells [][]string, total int) []int {
	widths := make([]int, len(columns))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	if total <= 0 {
		return widths
	}
	budget := total - len(gap)*(len(columns)-1)
	for _, whole := range []bool{false, true} { // whole columns are cut last
		for sum(widths) > budget {
			widest := -1
			for i, w := range widths {
				if columns[i].Whole == whole && w > minColumn && (widest < 0 || w > widths[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			widths[widest]--
		}
	}
	return widths
}

func sum(list []int) int {
	n := 0
	for _, v := range list {
		n += v
	}
	return n
}

// narrow measures text as terminals do outside East Asian locales, whatever
// the environment says, so that the same table looks the same everywhere.
func narrow() *runewidth.Condition {
	c := runewidth.NewCondition()
	c.EastAsianWidth = false
	return c
}

func width(s string) int { return narrow().StringWidth(s) }

// cut shortens s to columns, an ellipsis at its end; 0 leaves it whole.
func cut(s string, columns int) string {
	if columns <= 0 || width(s) <= columns {
		return s
	}
	return narrow().Truncate(s, columns, ellipsis)
}
