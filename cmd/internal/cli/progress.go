package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// watcher tells on stderr how a run goes: one line for each step that ends, one
// for each failure, and on a terminal a line that is redrawn for the step that
// is under way; elsewhere a line now and then while the cluster settles.
type watcher struct {
	a *app
	// prune: it was asked for, so that its being skipped is told.
	prune bool

	mu    sync.Mutex // guards what follows
	words wording
	step  string
	// total is how many objects are planned, 0 while unknown.
	total int
	// objects counts what is done in the step.
	objects map[string]bool
	// open are the objects that are not healthy so far, in the settle step.
	open map[string]bool
	// failed are the objects that did not work, unsettled those that did not
	// become healthy.
	failed    map[string]bool
	unsettled map[string]bool
	// quiet ends the lines now and then; nil when there are none.
	quiet chan struct{}
}

// watch returns a watcher of one run. Its end has to be told with stop.
func (a *app) watch(req rebuild.Request) *watcher {
	w := &watcher{a: a, prune: req.Prune}
	w.forget()
	return w
}

// settleEvery is how often a long settle is told about without a terminal.
const settleEvery = 15 * time.Second

// wording puts steps into words, as far as the events of a run tell how things
// are.
type wording struct {
	// inPlace: the cluster was there before the run.
	inPlace bool
}

// learn takes each event of a run, in order.
func (w *wording) learn(ev run.Event) {
	switch ev.Type {
	case "target.found": // "cluster dev exists (running)"; what is half made is made now
		w.inPlace = !strings.HasSuffix(ev.Message, "("+string(providers.StateCreating)+")")
	case "cluster.delete":
		w.inPlace = false
	}
}

func (w *wording) doing(step string) string {
	if step == "provision" && w.inPlace {
		return "taking the cluster that is there"
	}
	return doing(step)
}

// doing says in words what a step does.
func doing(step string) string {
	switch step {
	case "source":
		return "reading the repository"
	case "target":
		return "looking at the cluster"
	case "render":
		return "rendering the objects"
	case "open":
		return "reading the export's branch"
	case "compare":
		return "comparing the cluster with the commit"
	case "commit":
		return "committing the live state"
	case "push":
		return "pushing"
	case "reach":
		return "looking at the repository"
	case "adopt":
		return "writing and proving the manifests"
	case "propose":
		return "committing and pushing"
	case "carry-over":
		return "looking for Secrets in the last export"
	case "check":
		return "checking"
	case "warn":
		return "warning people"
	case "prove":
		return "making sure that the export is there"
	case "suspend":
		return "suspending what would make things again"
	case "drain":
		return "removing load balancers and volumes"
	case "delete":
		return "deleting the cluster"
	case "leftovers":
		return "looking for what is left"
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
	w.mu.Lock()
	defer w.mu.Unlock()
	w.words.learn(ev)
	switch {
	case ev.Type == run.StepBegin:
		w.begun(ev)
	case ev.Type == run.StepEnd:
		w.silence()
		w.ended(ev)
	case ev.Type == "plan.unserved":
		// The refusal or the report lists them.
	case ev.Type == run.ObjectRetried || ev.Type == run.RunContinued:
		w.said(ev)
	case ev.Type == rebuild.ClusterEstimated:
		w.estimated(ev)
	case ev.Level == run.LevelError || ev.Level == run.LevelWarn:
		w.trouble(ev)
	case ev.Step == w.step:
		w.counted(ev)
	}
}

func (w *watcher) begun(ev run.Event) {
	w.step = ev.Step
	w.forget()
	switch {
	case w.a.Terminal.Redraws():
		w.a.stage(w.words.doing(ev.Step), "")
	case ev.Step == "settle":
		w.silence()
		w.quiet = make(chan struct{})
		go w.tell(w.quiet)
	}
}

// forget makes the counts ready for another step.
func (w *watcher) forget() {
	w.objects, w.open, w.unsettled, w.failed = map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
}

// stop ends what is told without an event.
func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silence()
}

func (w *watcher) silence() {
	if w.quiet != nil {
		close(w.quiet)
		w.quiet = nil
	}
}

// tell prints now and then how far a settle is, until over.
func (w *watcher) tell(over <-chan struct{}) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		w.mu.Lock()
		if text := w.health(); text != "" && w.quiet != nil {
			w.a.Terminal.Errf("  %s\n", text)
		}
		w.mu.Unlock()
	}
}

// health is how far a settle is; empty while nothing is known.
func (w *watcher) health() string {
	if len(w.objects)+len(w.open) == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d healthy", len(w.objects), len(w.objects)+len(w.open))
	if len(w.open) > 0 {
		text += ", waiting for " + slices.Min(slices.Collect(maps.Keys(w.open)))
	}
	return text
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
	mark, extra := t.Paint(terminal.Good, "✓"), ""
	if n := len(w.objects); n > 0 {
		extra = ", " + count(n, "object")
	}
	switch d.State {
	case run.Skipped:
		if ev.Step != "prune" || !w.prune {
			return
		}
		mark, extra = t.Paint(terminal.Warn, "!"), ", "+ev.Message
	case run.StepFailed:
		mark = t.Paint(terminal.Bad, "✗")
	case run.Pending:
		mark = t.Paint(terminal.Warn, "•")
	case run.StepDone:
		if n := len(w.failed); n > 0 {
			mark = t.Paint(terminal.Warn, "!")
			extra += fmt.Sprintf(", %d failed", n)
		}
		if n := len(w.unsettled); n > 0 {
			mark = t.Paint(terminal.Warn, "!")
			extra += fmt.Sprintf(", %d not healthy", n)
		}
	}
	t.Errf("%s %-9s %8s  %s%s\n", mark, ev.Step, took(time.Duration(d.SpentMS)*time.Millisecond), w.words.doing(ev.Step), extra)
}

// trouble prints what went wrong on the way, as it happens.
func (w *watcher) trouble(ev run.Event) {
	switch ev.Type {
	case run.RunEnd:
		return // the error says it
	case "object.failed":
		w.failed[ev.Object] = true
	case "object.unsettled":
		w.unsettled[ev.Object] = true
		delete(w.objects, ev.Object)
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
	// The report has it in full.
	t.Errf("  %s %s\n", t.Paint(style, "!"), clip(what, 160))
}

// counted redraws the line with the number of objects that are done.
func (w *watcher) counted(ev run.Event) {
	t := w.a.Terminal
	if ev.Type == "plan.made" {
		_, _ = fmt.Sscanf(ev.Message, "%d objects", &w.total) // else it stays unknown
	}
	switch {
	case ev.Object == "":
	case w.step == "settle" && ev.Type != "object."+string(kube.StateSettled):
		w.open[ev.Object] = true
		delete(w.objects, ev.Object)
	default:
		w.objects[ev.Object] = true
		delete(w.open, ev.Object)
		delete(w.unsettled, ev.Object)
		delete(w.failed, ev.Object)
	}
	if !t.Redraws() {
		return
	}
	detail := ev.Message
	switch n := len(w.objects); {
	case w.step == "settle":
		detail = w.health()
	case n > 0 && w.total >= n:
		detail = fmt.Sprintf("%d of %d objects", n, w.total)
	case n > 0:
		detail = count(n, "object")
	}
	w.a.stage(w.words.doing(w.step), detail)
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
