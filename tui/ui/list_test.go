package ui_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

type thing struct {
	name string
	size int
}

func columns() []ui.Column[thing] {
	return []ui.Column[thing]{
		{Title: "NAME", Min: 6, Cell: func(v thing) ui.Cell { return ui.Cell{Text: v.name} }, Less: func(a, b thing) bool { return a.name < b.name }},
		{Title: "SIZE", Width: 5, Right: true, Drop: 1, Cell: func(v thing) ui.Cell { return ui.Cell{Text: fmt.Sprint(v.size)} }, Less: func(a, b thing) bool { return a.size < b.size }},
		{Title: "WHY", Min: 4, Flex: 1, Drop: 2, Cell: func(v thing) ui.Cell { return ui.Cell{Text: "because of " + v.name} }},
	}
}

func table(e ui.Env, rows ...thing) *ui.Table[thing] {
	t := ui.NewTable(e, func(v thing) string { return v.name }, columns()...)
	t.Empty = "nothing here"
	t.Resize(40, 8)
	t.SetRows(rows)
	return &t
}

func press(part interface{ Update(tea.Msg) bool }, keys ...string) {
	for _, k := range keys {
		part.Update(tuitest.Key(k))
	}
}

func fruits() []thing { return []thing{{"pear", 3}, {"apple", 9}, {"fig", 5}, {"plum", 1}} }

func shown(t *testing.T, tab *ui.Table[thing]) string {
	t.Helper()
	var names []string
	for _, line := range strings.Split(tab.View(), "\n")[1:] {
		if f := strings.Fields(strings.TrimLeft(line, "> *")); len(f) > 1 && !strings.HasPrefix(f[0], "/") {
			names = append(names, f[0])
		}
	}
	return strings.Join(names, " ")
}

func selected(tab *ui.Table[thing]) string {
	v, _ := tab.Selected()
	return v.name
}

func TestTheCursorStaysWithItsRow(t *testing.T) {
	tab := table(env(t), fruits()...)
	press(tab, "j", "j")
	if selected(tab) != "fig" {
		t.Fatalf("the cursor is on %q", selected(tab))
	}
	tab.SetRows([]thing{{"quince", 2}, {"fig", 6}, {"apple", 9}})
	if selected(tab) != "fig" {
		t.Errorf("after new rows the cursor is on %q", selected(tab))
	}
	press(tab, "o")
	if selected(tab) != "fig" || shown(t, tab) != "apple fig quince" {
		t.Errorf("after sorting the cursor is on %q of %q", selected(tab), shown(t, tab))
	}
	press(tab, "o", "O")
	if title, falling := tab.Sorted(); title != "SIZE" || !falling || shown(t, tab) != "apple fig quince" {
		t.Errorf("by %s: %s", title, shown(t, tab))
	}
	tab.SetRows([]thing{{"quince", 2}, {"apple", 9}})
	if selected(tab) == "" {
		t.Error("the cursor is nowhere after its row is gone")
	}
	press(tab, "o")
	if title, _ := tab.Sorted(); title != "" {
		t.Errorf("behind the last column rows are sorted by %q", title)
	}
}

func TestTheFilterIsLive(t *testing.T) {
	tab := table(env(t), fruits()...)
	press(tab, "/", "p", "l")
	if !tab.Typing() || shown(t, tab) != "apple plum" {
		t.Fatalf("while typing: %q", shown(t, tab))
	}
	press(tab, "enter")
	if tab.Typing() || tab.Filter() != "pl" || !strings.Contains(tab.View(), "2 of 4") {
		t.Errorf("after enter:\n%s", tab.View())
	}
	press(tab, "/", "x")
	if !strings.Contains(tab.View(), "nothing matches") {
		t.Errorf("what nothing matches:\n%s", tab.View())
	}
	if _, ok := tab.Selected(); ok {
		t.Error("a row is selected that is not shown")
	}
	press(tab, "esc") // back to the filter before
	if shown(t, tab) != "apple plum" {
		t.Errorf("after esc: %q", shown(t, tab))
	}
	press(tab, "esc")
	if shown(t, tab) != "pear apple fig plum" {
		t.Errorf("after esc again: %q", shown(t, tab))
	}
	tab.SetFilter("/^(fig")
	if !strings.Contains(tab.View(), "no regular expression") {
		t.Errorf("a broken expression is not told:\n%s", tab.View())
	}
}

func TestMarksStayWithTheirRows(t *testing.T) {
	tab := table(env(t), fruits()...)
	tab.Marking = true
	press(tab, "space", "j", "space")
	tab.SetRows([]thing{{"fig", 5}, {"pear", 3}})
	var names []string
	for _, v := range tab.Marked() {
		names = append(names, v.name)
	}
	if strings.Join(names, " ") != "fig pear" || strings.Count(tab.View(), "*") != 2 {
		t.Errorf("marked are %v:\n%s", names, tab.View())
	}
}

func TestLessImportantColumnsVanish(t *testing.T) {
	tab := table(env(t), fruits()...)
	for _, c := range []struct {
		width  int
		titles string
	}{{40, "NAME SIZE WHY"}, {20, "NAME SIZE WHY"}, {16, "NAME SIZE"}, {9, "NAME"}} {
		tab.Resize(c.width, 5)
		if have := strings.Join(strings.Fields(strings.Split(tab.View(), "\n")[0]), " "); have != c.titles {
			t.Errorf("in %d cells: %s, want %s", c.width, have, c.titles)
		}
	}
}

// tree is a tree of namespaces with things.
func tree(e ui.Env) *ui.Tree[thing] {
	t := ui.NewTree(e, func(v thing) string { return v.name }, columns()...)
	t.Resize(40, 12)
	branch := func(name string, leaves ...string) ui.Branch[thing] {
		b := ui.Branch[thing]{Value: thing{name: name}}
		for _, l := range leaves {
			b.Children = append(b.Children, ui.Branch[thing]{Value: thing{name: name + "/" + l}})
		}
		return b
	}
	t.SetRoots([]ui.Branch[thing]{branch("shop", "web", "db"), branch("edge", "router", "web"), branch("queue", "broker")})
	return &t
}

func branches(tr *ui.Tree[thing]) string {
	var names []string
	for _, line := range strings.Split(tr.View(), "\n")[1:] {
		line = strings.NewReplacer(">", "", "▸", "+", "▾", "-").Replace(line)
		if f := strings.Fields(line); len(f) > 2 && !strings.HasPrefix(f[0], "/") {
			name := f[0]
			if name == "+" || name == "-" {
				name += f[1]
			}
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestTreesFoldAndFilterKeepsWhatLeadsThere(t *testing.T) {
	tr := tree(env(t))
	press(tr, "-")
	if have := branches(tr); have != "+shop +edge +queue" {
		t.Fatalf("folded: %s", have)
	}
	press(tr, "l", "l", "j", "h") // unfold shop, go in, to db, back to shop
	if v, _ := tr.Selected(); v.name != "shop" || branches(tr) != "-shop shop/web shop/db +edge +queue" {
		t.Errorf("at %q of %s", v.name, branches(tr))
	}
	press(tr, "/", "w", "e", "b", "enter")
	if have := branches(tr); have != "-shop shop/web -edge edge/web" {
		t.Errorf("filtered: %s", have)
	}
	tr.SetFilter("edge")
	if have := branches(tr); have != "-edge edge/router edge/web" {
		t.Errorf("a branch that matches is shown with %s", have)
	}
	tr.SetFilter("db")
	tr.Select("shop")
	if below := tr.Below(); len(below) != 1 || below[0].name != "shop/db" {
		t.Errorf("below shop, by the filter: %+v", below)
	}
	tr.SetFilter("!edge")
	if have := branches(tr); have != "-shop shop/web shop/db -queue queue/broker" {
		t.Errorf("inverse: %s", have)
	}
	press(tr, "esc")
	tr.Select("queue/broker")
	if v, _ := tr.Selected(); v.name != "queue/broker" {
		t.Errorf("selected: %q", v.name)
	}
	press(tr, "h", "space")
	if n := len(tr.Below()); n != 1 || !strings.Contains(branches(tr), "+queue") {
		t.Errorf("%d below queue; %s", n, branches(tr))
	}
}

// keysAtRandom are keys that lists obey, and some that they do not.
func keysAtRandom() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"j", "k", "down", "up", "g", "G", "pgup", "pgdown", "ctrl+u", "ctrl+d", "/", "enter", "esc", "o", "O", "space", "h", "l", "+", "-",
		"a", "p", "!", "[", "backspace", "ctrl+w", "left", "n", "N", "tab", "漢", "x",
	})
}

func TestListsKeepTheirSizeWhateverIsPressed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := tuitest.Env(context.Background(), tuitest.NewClock())
		var rows []thing
		for i := range rapid.IntRange(0, 30).Draw(t, "rows") {
			rows = append(rows, thing{texts().Draw(t, "name") + fmt.Sprint(i), i})
		}
		tab, tr, pager := table(e), tree(e), ui.NewPager(e)
		tab.Marking = true
		tab.SetRows(rows)
		pager.SetText(strings.Repeat(tuitest.Hostile+"\nand more of it\n", 5))
		w, h := 40, 8
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
				w, h = rapid.IntRange(1, 90).Draw(t, "width"), rapid.IntRange(1, 30).Draw(t, "height")
				tab.Resize(w, h)
				tr.Resize(w, h)
				pager.Resize(w, h)
			}
			k := keysAtRandom().Draw(t, "key")
			press(tab, k)
			press(tr, k)
			press(&pager, k)
			tab.Resize(w, h)
			tr.Resize(w, h)
			pager.Resize(w, h)
			for _, view := range []string{tab.View(), tr.View(), pager.View()} {
				tuitest.CheckSize(t, view, w, h)
				tuitest.CheckSafe(t, view)
			}
			if _, ok := tab.Selected(); ok != (tab.Len() > 0) {
				t.Fatalf("of %d rows one is selected: %v", tab.Len(), ok)
			}
		}
	})
}

// many are as many rows as the largest cluster that is cared for has objects.
const many = 30_000

func manyThings() []thing {
	rows := make([]thing, many)
	for i := range rows {
		rows[i] = thing{fmt.Sprintf("Deployment.apps/namespace-%d/part-%d", i%300, i), i}
	}
	return rows
}

// BenchmarkFilterKey is one key of a filter over 30,000 rows, drawn.
func BenchmarkFilterKey(b *testing.B) {
	tab := table(tuitest.Env(b.Context(), tuitest.NewClock()), manyThings()...)
	tab.Resize(120, 40)
	press(tab, "/")
	keys := []string{"p", "a", "r", "t", "-", "1", "backspace", "backspace", "backspace", "backspace", "backspace", "backspace"}
	for i := 0; b.Loop(); i++ {
		press(tab, keys[i%len(keys)])
		_ = tab.View()
	}
}

// BenchmarkFirstFilterKey is the first key, which looks at all rows' texts.
func BenchmarkFirstFilterKey(b *testing.B) {
	rows := manyThings()
	tab := table(tuitest.Env(b.Context(), tuitest.NewClock()), rows...)
	tab.Resize(120, 40)
	for b.Loop() {
		b.StopTimer()
		tab.SetFilter("")
		tab.SetRows(rows)
		b.StartTimer()
		tab.SetFilter("part-17")
		_ = tab.View()
	}
}

// BenchmarkRegexpKey is one key of a regular expression.
func BenchmarkRegexpKey(b *testing.B) {
	tab := table(tuitest.Env(b.Context(), tuitest.NewClock()), manyThings()...)
	tab.Resize(120, 40)
	for b.Loop() {
		tab.SetFilter("/space-1.*part-[0-9]+7$/")
		_ = tab.View()
	}
}

// BenchmarkFirstPaint is from 30,000 rows to a drawn table, sorted.
func BenchmarkFirstPaint(b *testing.B) {
	rows := manyThings()
	for b.Loop() {
		tab := table(tuitest.Env(b.Context(), tuitest.NewClock()))
		tab.Resize(120, 40)
		tab.SortBy("NAME", false)
		tab.SetRows(rows)
		_ = tab.View()
	}
}

// BenchmarkTreeFilterKey is one key of a filter over a tree of 30,000 leaves.
func BenchmarkTreeFilterKey(b *testing.B) {
	tr := manyInTree(b)
	press(tr, "/")
	keys := []string{"p", "a", "r", "t", "-", "1", "backspace", "backspace", "backspace", "backspace", "backspace", "backspace"}
	for i := 0; b.Loop(); i++ {
		press(tr, keys[i%len(keys)])
		_ = tr.View()
	}
}

// BenchmarkTreeFirstPaint is from 30,000 leaves to a drawn tree.
func BenchmarkTreeFirstPaint(b *testing.B) {
	for b.Loop() {
		_ = manyInTree(b).View()
	}
}

func manyInTree(b *testing.B) *ui.Tree[thing] {
	var roots []ui.Branch[thing]
	for i, v := range manyThings() {
		if i%100 == 0 {
			roots = append(roots, ui.Branch[thing]{Value: thing{name: fmt.Sprint("namespace-", i/100)}})
		}
		last := &roots[len(roots)-1]
		last.Children = append(last.Children, ui.Branch[thing]{Value: v})
	}
	tr := ui.NewTree(tuitest.Env(b.Context(), tuitest.NewClock()), func(v thing) string { return v.name }, columns()...)
	tr.Resize(120, 40)
	tr.SetRoots(roots)
	return &tr
}
