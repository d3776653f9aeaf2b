package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Branch is one value in a tree, with those below it.
type Branch[T any] struct {
	Value    T
	Children []Branch[T]
}

// Tree shows values of T as a tree that folds, in columns, the first of them
// indented. It draws only what is seen. The filter keeps what leads to what it
// finds: a branch whose text matches is shown with all below it.
type Tree[T any] struct {
	// Empty is what stands where there is nothing at all.
	Empty string
	// OpenDepth is how many levels are unfolded before somebody folds or unfolds.
	OpenDepth int

	env     Env
	moves   Moves
	key     func(T) string
	columns []Column[T]

	nodes   []node[T] // in order, a branch before what is below it
	leaves  int
	hay     []string
	natural []int
	turned  map[string]bool // branches that are not as OpenDepth says
	shown   []int           // nodes

	find          find
	found         int // leaves that the filter takes
	scroll        scroll
	width, height int
}

type node[T any] struct {
	value  T
	key    string
	depth  int
	parent int // -1 for a root
	end    int // the node behind the last one below
}

// NewTree makes a tree; key tells values apart, so that cursor and folds stay with
// theirs when branches are set anew.
func NewTree[T any](env Env, key func(T) string, columns ...Column[T]) Tree[T] {
	return Tree[T]{env: env, moves: NewMoves(), key: key, columns: columns, OpenDepth: 1, natural: measure(columns, 0, absent[T])}
}

// SetRoots replaces what is shown.
func (t *Tree[T]) SetRoots(roots []Branch[T]) {
	cursor := t.cursorKey()
	t.nodes, t.hay, t.leaves = nil, nil, 0
	for _, r := range roots {
		t.add(r, 0, -1)
	}
	t.natural = measure(t.columns, len(t.nodes), func(i int) T { return t.nodes[i].value })
	if len(t.columns) > 0 && t.columns[0].Width == 0 && t.columns[0].Flex == 0 {
		depth := 0
		for _, n := range t.nodes {
			depth = max(depth, n.depth)
		}
		t.natural[0] += indentWidth * (depth + 1)
	}
	t.sift(cursor)
}

func (t *Tree[T]) add(b Branch[T], depth, parent int) {
	at := len(t.nodes)
	t.nodes = append(t.nodes, node[T]{value: b.Value, key: t.key(b.Value), depth: depth, parent: parent})
	for _, c := range b.Children {
		t.add(c, depth+1, at)
	}
	t.nodes[at].end = len(t.nodes)
	if len(b.Children) == 0 {
		t.leaves++
	}
}

// Resize tells how many cells View fills.
func (t *Tree[T]) Resize(width, height int) {
	t.width, t.height = max(width, 0), max(height, 0)
	t.scroll.set(len(t.shown), t.body())
}

// Selected is the value under the cursor; false when there is none.
func (t *Tree[T]) Selected() (T, bool) {
	if len(t.shown) == 0 {
		var none T
		return none, false
	}
	return t.nodes[t.shown[t.scroll.cursor]].value, true
}

// Below are all leaves below the value under the cursor, folded ones too, or itself
// when it is one; those alone that the filter takes.
func (t *Tree[T]) Below() []T {
	if len(t.shown) == 0 {
		return nil
	}
	var out []T
	at := t.shown[t.scroll.cursor]
	take := func(i int) {
		if t.leaf(i) {
			out = append(out, t.nodes[i].value)
		}
	}
	if t.find.filter.Empty() {
		for i := at; i < t.nodes[at].end; i++ {
			take(i)
		}
		return out
	}
	for _, i := range t.shown[t.scroll.cursor:] { // a filter unfolds all that it takes
		if i >= t.nodes[at].end {
			break
		}
		take(i)
	}
	return out
}

// Select puts the cursor on the value of a key and unfolds what lies above it.
func (t *Tree[T]) Select(key string) {
	for i := range t.nodes {
		if t.nodes[i].key == key {
			for p := t.nodes[i].parent; p >= 0; p = t.nodes[p].parent {
				t.fold(p, false)
			}
			t.sift(key)
			return
		}
	}
}

// Len is how many lines are unfolded and taken by the filter.
func (t *Tree[T]) Len() int { return len(t.shown) }

// Filter is the filter as typed.
func (t *Tree[T]) Filter() string { return t.find.filter.String() }

// SetFilter sets the filter as if it had been typed.
func (t *Tree[T]) SetFilter(typed string) {
	t.find.set(typed)
	t.sift(t.cursorKey())
}

// Typing tells that letters are the filter's just now.
func (t *Tree[T]) Typing() bool { return t.find.typing }

// Keys are the keys that the tree obeys, those for moving aside.
func (t *Tree[T]) Keys() []key.Binding {
	return []key.Binding{
		Bind("filter", "/"), Bind("unfold", "l/→", "l", "right"), Bind("fold", "h/←", "h", "left"),
		Bind("fold or unfold", "space", " "), Bind("unfold all", "+"), Bind("fold all", "-"),
	}
}

// Moves are the keys for moving.
func (t *Tree[T]) Moves() []key.Binding { return t.moves.Keys() }

// Update obeys a message, and tells whether it was one for the tree.
func (t *Tree[T]) Update(msg tea.Msg) bool {
	if used, changed := t.find.update(t.env, msg); used {
		if changed {
			t.sift(t.cursorKey())
		}
		t.scroll.set(len(t.shown), t.body())
		return true
	}
	if mouse, ok := msg.(tea.MouseMsg); ok && mouse.Button == tea.MouseButtonLeft && mouse.Action == tea.MouseActionPress {
		return t.click(mouse.Y)
	}
	switch {
	case Pressed(msg, Bind("", "+")):
		t.foldAll(false)
	case Pressed(msg, Bind("", "-")):
		t.foldAll(true)
	case len(t.shown) > 0 && Pressed(msg, Bind("", "l/h", "l", "right", "h", "left", " ")):
		t.turn(Pressed(msg, Bind("", "l", "l", "right")), Pressed(msg, Bind("", " ")))
	default:
		return t.scroll.move(t.moves, msg)
	}
	return true
}

// turn folds or unfolds the branch under the cursor; what cannot be unfolded
// further goes down, what cannot be folded further goes up.
func (t *Tree[T]) turn(unfold, either bool) {
	at := t.shown[t.scroll.cursor]
	switch open := t.open(at); {
	case either && !t.leaf(at):
		t.fold(at, open)
	case either:
		return
	case unfold && t.leaf(at):
		return
	case unfold && open:
		t.scroll.to(t.scroll.cursor + 1)
		return
	case unfold:
		t.fold(at, false)
	case open && !t.leaf(at):
		t.fold(at, true)
	case t.nodes[at].parent >= 0:
		t.seek(t.nodes[t.nodes[at].parent].key)
		return
	}
	t.sift(t.nodes[at].key)
}

func (t *Tree[T]) click(y int) bool {
	row := t.scroll.top + y - t.head()
	if y < t.head() || y >= t.head()+t.body() || row >= len(t.shown) {
		return false
	}
	if again := row == t.scroll.cursor; again {
		t.turn(false, true)
		return true
	}
	t.scroll.to(row)
	return true
}

func (t *Tree[T]) leaf(i int) bool { return t.nodes[i].end == i+1 }

// open tells whether what is below a branch is shown. While there is a filter, all
// that it takes is, but for what was folded since.
func (t *Tree[T]) open(i int) bool {
	byDefault := t.nodes[i].depth < t.OpenDepth
	return byDefault != t.turned[t.nodes[i].key]
}

func (t *Tree[T]) fold(i int, folded bool) {
	if t.open(i) != folded {
		return
	}
	turned := make(map[string]bool, len(t.turned)+1)
	for k := range t.turned {
		turned[k] = true
	}
	if k := t.nodes[i].key; turned[k] {
		delete(turned, k)
	} else {
		turned[k] = true
	}
	t.turned = turned
}

func (t *Tree[T]) foldAll(folded bool) {
	cursor := t.cursorKey()
	t.turned = map[string]bool{}
	for i := range t.nodes {
		if !t.leaf(i) && t.open(i) == folded {
			t.turned[t.nodes[i].key] = true
		}
	}
	t.sift(cursor)
}

// sift chooses what is shown: what is unfolded, and what the filter takes with all
// that leads there. The cursor goes to the value of a key, or to what is above it.
func (t *Tree[T]) sift(cursor string) {
	t.shown = t.shown[:0:0]
	if t.find.filter.Empty() {
		t.found = t.leaves
		for i := 0; i < len(t.nodes); {
			t.shown = append(t.shown, i)
			if t.open(i) {
				i++
			} else {
				i = t.nodes[i].end
			}
		}
	} else {
		t.shown = t.search()
	}
	t.scroll.set(len(t.shown), t.body())
	t.seek(cursor)
}

func (t *Tree[T]) search() []int {
	if t.hay == nil {
		t.hay = make([]string, len(t.nodes))
		for i := range t.nodes {
			t.hay[i] = haystack(t.columns, t.nodes[i].value)
		}
	}
	f := t.find.filter
	takes := make([]bool, len(t.nodes)) // found itself, or below one that is
	keep := make([]bool, len(t.nodes))
	t.found = 0
	for i := range t.nodes {
		up := t.nodes[i].parent
		takes[i] = up >= 0 && takes[up] || f.finds(t.hay[i])
		if !t.leaf(i) || takes[i] == f.inverse {
			continue
		}
		t.found++
		for k := i; k >= 0 && !keep[k]; k = t.nodes[k].parent {
			keep[k] = true
		}
	}
	out := make([]int, 0, len(t.nodes))
	for i := range keep {
		if keep[i] {
			out = append(out, i)
		}
	}
	return out
}

func (t *Tree[T]) cursorKey() string {
	if len(t.shown) == 0 {
		return ""
	}
	return t.nodes[t.shown[t.scroll.cursor]].key
}

func (t *Tree[T]) seek(key string) {
	if key == "" {
		return
	}
	for i, n := range t.shown {
		if t.nodes[n].key == key {
			t.scroll.to(i)
			return
		}
	}
}

func (t *Tree[T]) head() int {
	for _, c := range t.columns {
		if c.Title != "" && t.height >= 3 {
			return 1
		}
	}
	return 0
}

func (t *Tree[T]) body() int {
	body := t.height - t.head()
	if t.find.active() && body > 1 {
		body--
	}
	return body
}

// indentWidth is how many cells a level is indented.
const indentWidth = 2

// View draws the tree.
func (t *Tree[T]) View() string {
	st, cols := t.env.Styles, layout(t.columns, t.natural, t.width)
	var lines []string
	if t.head() > 0 {
		lines = append(lines, drawTitles(st, t.columns, cols, -1, ""))
	}
	body := t.body()
	for i := t.scroll.top; i < min(t.scroll.top+body, len(t.shown)); i++ {
		n := t.shown[i]
		sign := "  "
		if !t.leaf(n) {
			sign = "▸ "
			if t.open(n) || !t.find.filter.Empty() {
				sign = "▾ "
			}
		}
		lead := "  "
		if i == t.scroll.cursor {
			lead = "> "
		}
		indent := blank(indentWidth*t.nodes[n].depth) + sign
		lines = append(lines, drawRow(st, t.columns, cols, t.nodes[n].value, indent, lead, i == t.scroll.cursor))
	}
	if len(t.shown) == 0 && body > 0 {
		none := safe.Line(t.Empty)
		if len(t.nodes) > 0 {
			none = "nothing matches"
		}
		lines = append(lines, blank(gutter)+st.Dim.Render(none))
	}
	for len(lines) < t.head()+body {
		lines = append(lines, "")
	}
	if t.find.active() {
		lines = append(lines, t.find.view(st, t.found, t.leaves, t.width))
	}
	return Block(lines, t.width, t.height)
}
