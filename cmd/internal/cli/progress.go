package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/run"
)

// watcher tells on stderr how a run goes: one line for each step that ends, one
// for each failure, and on a terminal a line that is redrawn for the step that
// is under way.
type watcher struct {
	a    *app
	step string
	// total is how many objects are planned, 0 while unknown.
	total int
	// objects counts what is done in the step.
	objects map[string]bool
	// failed counts those of them that did not work.
	failed int
}

// watch returns a watcher of one run.
func (a *app) watch() *watcher { return &watcher{a: a} }

// doing says in words what a step does.
func doing(step string) string {
	switch step {
	case "source":
		return "reading the repository"
	case "target":
		return "looking at the cluster"
	case "render":
		return "rendering the objects"
	case "check":
		return "checking"
	case "remove":
		return "deleting the old cluster"
	case "provision":
		return "making the cluster"
	case "plan":
		return "planning"
	case "apply":
		return "applying"
	case "prune":
		return "pruning"
	case "settle":
		return "waiting until all is healthy"
	case "verify":
		return "comparing the cluster with the commit"
	}
	return step
}

// observe takes the events of a run, in order, from one goroutine at a time.
func (w *watcher) observe(ev run.Event) {
	if w.a.flags.quiet {
		return
	}
	t := w.a.Terminal
	switch {
	case ev.Type == run.StepBegin:
		w.step, w.objects, w.failed = ev.Step, map[string]bool{}, 0
		if t.IsTTY {
			w.a.stage(doing(ev.Step), "")
		}
	case ev.Type == run.StepEnd:
		w.ended(ev)
	case ev.Type == "plan.unserved":
		// The refusal or the report lists them.
	case ev.Level == run.LevelError || ev.Level == run.LevelWarn:
		w.trouble(ev)
	case ev.Step == w.step:
		w.counted(ev)
	}
}

// ended prints the line of a step that ended, unless it had nothing to do.
func (w *watcher) ended(ev run.Event) {
	var d struct {
		State   run.StepState `json:"state"`
		SpentMS int64         `json:"spentMs"`
	}
	_ = json.Unmarshal(ev.Data, &d) // without data the line has no time
	t := w.a.Terminal
	t.EndProgress()
	mark := t.Paint(terminal.Good, "✓")
	switch d.State {
	case run.Skipped:
		return
	case run.StepFailed:
		mark = t.Paint(terminal.Bad, "✗")
	case run.Pending:
		mark = t.Paint(terminal.Warn, "•")
	}
	extra := ""
	if n := len(w.objects); n > 0 {
		extra = ", " + count(n, "object")
	}
	if w.failed > 0 && d.State == run.StepDone {
		mark = t.Paint(terminal.Warn, "!")
		extra += fmt.Sprintf(", %d failed", w.failed)
	}
	t.Errf("%s %-9s %8s  %s%s\n", mark, ev.Step, took(time.Duration(d.SpentMS)*time.Millisecond), doing(ev.Step), extra)
}

// trouble prints what went wrong on the way, as it happens.
func (w *watcher) trouble(ev run.Event) {
	if ev.Type == run.RunEnd {
		return // the error says it
	}
	t := w.a.Terminal
	style := terminal.Warn
	if ev.Level == run.LevelError {
		style = terminal.Bad
	}
	what := ev.Message
	if ev.Object != "" && !strings.HasPrefix(what, ev.Object) {
		what = ev.Object + ": " + what
	}
	if ev.Type == "object.failed" {
		w.failed++
	}
	// The report has it in full.
	t.Errf("  %s %s\n", t.Paint(style, "!"), clip(what, 160))
}

// counted redraws the line with the number of objects that are done.
func (w *watcher) counted(ev run.Event) {
	t := w.a.Terminal
	if ev.Type == "plan.made" {
		_, _ = fmt.Sscanf(ev.Message, "%d objects", &w.total) // else it stays unknown
	}
	if ev.Object != "" {
		w.objects[ev.Object] = true
	}
	if !t.IsTTY {
		return
	}
	detail := ev.Message
	switch n := len(w.objects); {
	case n > 0 && w.total >= n:
		detail = fmt.Sprintf("%d of %d objects", n, w.total)
	case n > 0:
		detail = count(n, "object")
	}
	w.a.stage(doing(w.step), detail)
}

// took is a length of time as people read it: 0.3 s, 12.4 s, 3m05s.
func took(d time.Duration) string {
	switch {
	case d < 0:
		return "-"
	case d < time.Minute-50*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// ago is a point in time as people read it.
func (a *app) ago(at time.Time) string {
	if at.IsZero() {
		return "at an unknown time"
	}
	d := a.Now().Sub(at)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours())/24)
}
