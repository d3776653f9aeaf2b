package ui_test

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

func answer(part interface{ Update(tea.Msg) ui.Answer }, keys ...string) ui.Answer {
	got := ui.Pending
	for _, k := range keys {
		got = part.Update(tuitest.Key(k))
	}
	return got
}

func TestPromptEdits(t *testing.T) {
	for _, c := range []struct {
		keys  string
		typed string
		want  ui.Answer
	}{
		{"a b enter", "ab", ui.Given}, {"a space b left left backspace x", "x b", ui.Pending}, {"a b c home delete", "bc", ui.Pending},
		{"a space b ctrl+w", "a ", ui.Pending}, {"a b left ctrl+k", "a", ui.Pending}, {"a b left ctrl+u", "b", ui.Pending}, {"漢 字 backspace", "漢", ui.Pending},
		{"a esc", "a", ui.Cancelled}, {"backspace delete left right ctrl+w end a", "a", ui.Pending},
	} {
		p := ui.NewPrompt(env(t), "> ", "")
		if got := answer(&p, strings.Fields(c.keys)...); got != c.want || p.Value() != c.typed {
			t.Errorf("%s: %v, %q; want %v, %q", c.keys, got, p.Value(), c.want, c.typed)
		}
	}
	p := ui.NewPrompt(env(t), "> ", "")
	p.Update(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune("pasted\x1b[2J\u202etext\n")})
	if view := p.View(30); view != `> pasted[2J\u202etext_        ` {
		t.Errorf("pasted: %q", view)
	}
	if view := p.View(8); ui.Width(view) != 8 || !strings.Contains(view, "text_") {
		t.Errorf("in few cells: %q", view)
	}
}

func TestConfirmWantsTheName(t *testing.T) {
	c := ui.NewConfirm(env(t), ui.Question{Title: "delete shop?", Lines: []string{"3 volumes are lost"}, Name: "shop"})
	if got := answer(&c, "y"); got != ui.Pending {
		t.Fatal("y is enough for what destroys something")
	}
	if got := answer(&c, "backspace", "s", "h", "o", "enter"); got != ui.Pending || !strings.Contains(strings.Join(c.Box(80), "\n"), "that is not shop") {
		t.Fatal("half a name is enough, or not told to be wrong")
	}
	if got := answer(&c, "p", "enter"); got != ui.Given {
		t.Fatal("the name is not enough")
	}
	c = ui.NewConfirm(env(t), ui.Question{Title: "wake shop?"})
	if answer(&c, "x") != ui.Pending || answer(&c, "enter") != ui.Pending || answer(&c, "n") != ui.Cancelled || answer(&c, "y") != ui.Given {
		t.Error("not y, n and nothing else")
	}
}

func TestMenusTellWhyNot(t *testing.T) {
	m := ui.NewMenu(env(t), "where?", ui.Choice{ID: "eks", Text: "eks", Off: "no credentials"}, ui.Choice{ID: "kind", Text: "kind", Detail: "nodes as containers"})
	if c, _ := m.Selected(); c.ID != "kind" {
		t.Errorf("the first choice is %q", c.ID)
	}
	if got := answer(&m, "k", "enter"); got != ui.Pending {
		t.Error("what is off was chosen")
	}
	if view := strings.Join(m.Box(60, 10), "\n"); !strings.Contains(view, "no credentials") {
		t.Errorf("why not is not told:\n%s", view)
	}
	if got := answer(&m, "j", "enter"); got != ui.Given {
		t.Error("what is on was not chosen")
	}
}

func TestBoxesFitEverySize(t *testing.T) {
	e := env(t)
	c := ui.NewConfirm(e, ui.Question{Title: tuitest.Hostile, Lines: []string{tuitest.Hostile, strings.Repeat("word ", 60)}, Name: "shop"})
	m := ui.NewMenu(e, tuitest.Hostile, ui.Choice{ID: "a", Text: tuitest.Hostile, Detail: tuitest.Hostile}, ui.Choice{ID: "b", Text: "b", Off: tuitest.Hostile})
	for w := 1; w < 100; w += 3 {
		for _, h := range []int{1, 2, 5, 24} {
			screen := ui.Block(nil, w, h)
			tuitest.CheckSize(t, c.Over(screen, w, h), w, h)
			tuitest.CheckSize(t, m.Over(screen, w, h), w, h)
			tuitest.CheckSafe(t, c.Over(screen, w, h)+m.Over(screen, w, h))
		}
	}
}

func TestWaitDropsStaleAnswers(t *testing.T) {
	e := env(t)
	w := ui.Wait{}.Begin("reading", e.Now())
	old := w.Gen
	w = w.Begin("reading", e.Now())
	if _, ok := w.End(old, nil); ok {
		t.Error("a stale answer is taken")
	}
	w, ok := w.End(w.Gen, errHint{})
	if !ok || !strings.Contains(w.Block(e, "r", 40, 6), "try this") || !strings.Contains(w.Block(e, "r", 40, 6), "r tries again") {
		t.Errorf("an error without its hint:\n%s", w.Block(e, "r", 40, 6))
	}
}

type errHint struct{}

func (errHint) Error() string { return "it broke" }
func (errHint) Hint() string  { return "try this" }
