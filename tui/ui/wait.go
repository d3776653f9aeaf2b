package ui

import (
	"time"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// Wait is a question to the daemon on its way: of what, since when, and what became
// of it. The zero value waits for nothing.
type Wait struct {
	// What is waited for: "reading clusters".
	What  string
	Since time.Time
	// Gen numbers the questions: an answer that carries another number is stale.
	Gen int
	// Err is why the last question failed; nil while one is on its way.
	Err error
}

// Begin is the state with the next question on its way.
func (w Wait) Begin(what string, now time.Time) Wait {
	return Wait{What: what, Since: now, Gen: w.Gen + 1}
}

// End is the state after the answer to a question, with its error; ok is false for a
// stale answer, which is to be dropped.
func (w Wait) End(gen int, err error) (next Wait, ok bool) {
	if gen != w.Gen || w.What == "" {
		return w, false
	}
	w.Err = err
	if err == nil {
		w.What = ""
	}
	return w, true
}

// Busy tells that a question is on its way.
func (w Wait) Busy() bool { return w.What != "" && w.Err == nil }

// Line is one line about it: what is waited for and since when, or the error.
// Nothing to say is an empty line.
func (w Wait) Line(env Env) Line {
	switch {
	case w.Err != nil:
		return Line{{"✗ ", env.Styles.Bad}, {w.Err.Error(), env.Styles.Bad}}
	case w.What == "":
		return nil
	}
	text := "… " + w.What
	if d := env.Now().Sub(w.Since); d >= time.Second {
		text += ", " + Took(d.Truncate(time.Second)) + " so far"
	}
	return Text(text, env.Styles.Dim)
}

// Block is Line for a part of the screen that has nothing else to show: the error
// with its hint, and the key that tries again.
func (w Wait) Block(env Env, retry string, width, height int) string {
	lines := []string{""}
	if w.Err == nil {
		lines = append(lines, "  "+w.Line(env).Draw(max(width-2, 0)))
		return Block(lines, width, height)
	}
	for _, line := range Wrap("✗ "+w.What+": "+w.Err.Error(), width-2) {
		lines = append(lines, "  "+env.Styles.Bad.Render(line))
	}
	if h, ok := w.Err.(interface{ Hint() string }); ok && h.Hint() != "" { //nolint:errorlint // the outermost hint is the one that fits the text
		for _, line := range Wrap(h.Hint(), width-2) {
			lines = append(lines, "  "+line)
		}
	}
	lines = append(lines, "", "  "+env.Styles.Key.Render(safe.Line(retry))+" tries again")
	return Block(lines, width, height)
}
