package ui

import (
	"slices"
	"sort"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Table shows rows of T in columns, of which one is under the cursor. It draws only
// what is seen, so that it bears many rows. Filter, sorting and marks are its own.
type Table[T any] struct {
	// Empty is what stands where there are no rows at all.
	Empty string
	// Marking lets rows be marked.
	Marking bool
	// Leading keeps the cursor on the first row, whichever that becomes, until
	// somebody moves it.
	Leading bool

	env     Env
	moves   Moves
	key     func(T) string
	columns []Column[T]

	rows    []T
	hay     []string // of all rows, made when it is needed first
	order   []int    // rows as sorted
	shown   []int    // those of order that the filter takes
	natural []int
	marks   map[string]bool
	sortBy  int // a column, or -1: as given
	falling bool

	find          find
	scroll        scroll
	width, height int
}

// NewTable makes a table; key tells rows apart, so that cursor and marks stay with
// theirs when rows are set anew.
func NewTable[T any](env Env, key func(T) string, columns ...Column[T]) Table[T] {
	return Table[T]{env: env, moves: NewMoves(), key: key, columns: columns, sortBy: -1, natural: measure(columns, 0, absent[T])}
}

func absent[T any](int) T { var zero T; return zero }

// SetRows replaces the rows, which then belong to the table. The cursor stays with
// its row, or near to where it was when that is gone.
func (t *Table[T]) SetRows(rows []T) {
	cursor, had := t.cursorKey()
	if t.Leading {
		had = false
	}
	t.rows, t.hay = rows, nil
	t.natural = measure(t.columns, len(rows), func(i int) T { return rows[i] })
	t.arrange()
	t.seek(cursor, had)
}

// SetColumns replaces the columns.
func (t *Table[T]) SetColumns(columns ...Column[T]) {
	t.columns = columns
	if t.sortBy >= len(columns) {
		t.sortBy = -1
	}
	t.SetRows(t.rows)
}

// Resize tells how many cells View fills.
func (t *Table[T]) Resize(width, height int) {
	t.width, t.height = max(width, 0), max(height, 0)
	t.scroll.set(len(t.shown), t.body())
}

// Rows are all rows as they were set. Len counts those that the filter takes.
func (t *Table[T]) Rows() []T { return t.rows }

// Ordered are all rows as they are sorted.
func (t *Table[T]) Ordered() []T {
	out := make([]T, len(t.order))
	for i, row := range t.order {
		out[i] = t.rows[row]
	}
	return out
}

// Len is how many rows the filter takes.
func (t *Table[T]) Len() int { return len(t.shown) }

// Selected is the row under the cursor; false when there is none.
func (t *Table[T]) Selected() (T, bool) {
	if len(t.shown) == 0 {
		var none T
		return none, false
	}
	return t.rows[t.shown[t.scroll.cursor]], true
}

// Select puts the cursor on the row of a key, when it is shown.
func (t *Table[T]) Select(key string) {
	t.Leading = false
	t.seek(key, true)
}

// Cursor is the number of the row under the cursor among those that are shown.
func (t *Table[T]) Cursor() int { return t.scroll.cursor }

// Filter is the filter as typed; SetFilter sets it.
func (t *Table[T]) Filter() string { return t.find.filter.String() }

// SetFilter sets the filter as if it had been typed.
func (t *Table[T]) SetFilter(typed string) {
	t.find.set(typed)
	t.refilter()
}

// Typing tells that letters are the filter's just now.
func (t *Table[T]) Typing() bool { return t.find.typing }

// SortBy sorts by a column, by its title; falling from the largest.
func (t *Table[T]) SortBy(title string, falling bool) {
	t.sortBy = slices.IndexFunc(t.columns, func(c Column[T]) bool { return c.Title == title && c.Less != nil })
	t.falling = falling
	t.resort()
}

// Sorted is the title of the column that sorts, empty for none.
func (t *Table[T]) Sorted() (title string, falling bool) {
	if t.sortBy < 0 {
		return "", false
	}
	return t.columns[t.sortBy].Title, t.falling
}

// Marked are the rows that are marked, in the order in which they were set.
func (t *Table[T]) Marked() []T {
	var out []T
	if len(t.marks) == 0 {
		return nil
	}
	for _, row := range t.rows {
		if t.marks[t.key(row)] {
			out = append(out, row)
		}
	}
	return out
}

// ClearMarks takes all marks away.
func (t *Table[T]) ClearMarks() { t.marks = nil }

// Keys are the keys that the table obeys, those for moving aside.
func (t *Table[T]) Keys() []key.Binding {
	keys := []key.Binding{Bind("filter", "/"), Bind("sort by next column", "o"), Bind("turn order round", "O")}
	if t.Marking {
		keys = append(keys, Bind("mark", "space", " "))
	}
	return keys
}

// Moves are the keys for moving.
func (t *Table[T]) Moves() []key.Binding { return t.moves.Keys() }

// Update obeys a message, and tells whether it was one for the table.
func (t *Table[T]) Update(msg tea.Msg) bool {
	if used, changed := t.find.update(t.env, msg); used {
		if changed {
			t.refilter()
		}
		t.scroll.set(len(t.shown), t.body())
		return true
	}
	if mouse, ok := msg.(tea.MouseMsg); ok && mouse.Button == tea.MouseButtonLeft && mouse.Action == tea.MouseActionPress {
		return t.click(mouse.Y)
	}
	switch {
	case Pressed(msg, Bind("", "o")):
		t.nextSort()
	case Pressed(msg, Bind("", "O")):
		t.falling = !t.falling
		t.resort()
	case t.Marking && Pressed(msg, Bind("", " ")):
		t.mark()
	default:
		moved := t.scroll.move(t.moves, msg)
		t.Leading = t.Leading && !moved
		return moved
	}
	return true
}

func (t *Table[T]) click(y int) bool {
	row := t.scroll.top + y - t.head()
	if y < t.head() || y >= t.head()+t.body() || row >= len(t.shown) {
		return false
	}
	t.scroll.to(row)
	t.Leading = false
	return true
}

func (t *Table[T]) mark() {
	row, ok := t.Selected()
	if !ok {
		return
	}
	marks := make(map[string]bool, len(t.marks)+1)
	for k := range t.marks {
		marks[k] = true
	}
	if k := t.key(row); marks[k] {
		delete(marks, k)
	} else {
		marks[k] = true
	}
	t.marks = marks
	t.scroll.to(t.scroll.cursor + 1)
}

// nextSort sorts by the next column that can be sorted by; after the last, rows are
// as given again.
func (t *Table[T]) nextSort() {
	t.falling = false
	for t.sortBy++; t.sortBy < len(t.columns); t.sortBy++ {
		if t.columns[t.sortBy].Less != nil {
			t.resort()
			return
		}
	}
	t.sortBy = -1
	t.resort()
}

func (t *Table[T]) resort() {
	cursor, had := t.cursorKey()
	t.arrange()
	t.seek(cursor, had)
}

// arrange sorts and filters all rows.
func (t *Table[T]) arrange() {
	t.order = make([]int, len(t.rows))
	for i := range t.order {
		t.order[i] = i
	}
	if t.sortBy >= 0 {
		less := t.columns[t.sortBy].Less
		sort.SliceStable(t.order, func(i, j int) bool { return less(t.rows[t.order[i]], t.rows[t.order[j]]) })
	}
	if t.falling {
		slices.Reverse(t.order)
	}
	t.sift()
}

// refilter filters anew; the cursor stays with its row when that is still shown.
func (t *Table[T]) refilter() {
	cursor, had := t.cursorKey()
	t.scroll.cursor, t.scroll.top = 0, 0
	t.sift()
	t.seek(cursor, had)
}

func (t *Table[T]) sift() {
	t.shown = t.order
	if !t.find.filter.Empty() {
		if t.hay == nil {
			t.hay = make([]string, len(t.rows))
			for i, row := range t.rows {
				t.hay[i] = haystack(t.columns, row)
			}
		}
		t.shown = make([]int, 0, len(t.order))
		for _, i := range t.order {
			if t.find.filter.matchLower(t.hay[i]) {
				t.shown = append(t.shown, i)
			}
		}
	}
	t.scroll.set(len(t.shown), t.body())
}

func (t *Table[T]) cursorKey() (string, bool) {
	row, ok := t.Selected()
	if !ok {
		return "", false
	}
	return t.key(row), true
}

func (t *Table[T]) seek(key string, had bool) {
	if !had {
		return
	}
	for i, row := range t.shown {
		if t.key(t.rows[row]) == key {
			t.scroll.to(i)
			return
		}
	}
}

// head is how many lines stand above the rows, body how many rows are seen.
func (t *Table[T]) head() int {
	if t.height >= 3 {
		return 1
	}
	return 0
}

func (t *Table[T]) body() int {
	body := t.height - t.head()
	if t.find.active() && body > 1 {
		body--
	}
	return body
}

// View draws the table.
func (t *Table[T]) View() string {
	st, cols := t.env.Styles, layout(t.columns, t.natural, t.width)
	var lines []string
	if t.head() > 0 {
		arrow := "↑"
		if t.falling {
			arrow = "↓"
		}
		lines = append(lines, drawTitles(st, t.columns, cols, t.sortBy, arrow))
	}
	body := t.body()
	for i := t.scroll.top; i < min(t.scroll.top+body, len(t.shown)); i++ {
		row := t.rows[t.shown[i]]
		lead := []byte("  ")
		if i == t.scroll.cursor {
			lead[0] = '>'
		}
		if len(t.marks) > 0 && t.marks[t.key(row)] {
			lead[1] = '*'
		}
		lines = append(lines, drawRow(st, t.columns, cols, row, "", string(lead), i == t.scroll.cursor))
	}
	if len(t.shown) == 0 && body > 0 {
		lines = append(lines, blank(gutter)+st.Dim.Render(t.none()))
	}
	for len(lines) < t.head()+body {
		lines = append(lines, "")
	}
	if t.find.active() {
		lines = append(lines, t.find.view(st, len(t.shown), len(t.rows), t.width))
	}
	return Block(lines, t.width, t.height)
}

func (t *Table[T]) none() string {
	if len(t.rows) > 0 {
		return "nothing matches"
	}
	return safe.Line(t.Empty)
}
