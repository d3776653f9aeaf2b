package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// printReport prints the report of a run for people: what came of it, the
// figures, and what is not as it should be.
func (a *app) printReport(r *rebuild.Report) {
	a.printVerdict(r)
	a.printFacts(r)
	a.printTimes(r)
	a.printKinds(r.Kinds)
	a.printNotApplied("Not applied", r.NotApplied)
	a.printSkipped(r.Skipped)
	a.printStatuses("Not healthy", r.Unsettled)
	a.printUnjudged(r.Unjudged)
	if r.Drift != nil {
		a.printDrift(r)
	}
	a.printPruned(r)
	a.printCarried(r)
	a.printRecreated(r)
	a.printNotes(r)
}

func (a *app) printVerdict(r *rebuild.Report) {
	t := a.Terminal
	name := t.Paint(terminal.Strong, r.Cluster)
	switch {
	case r.Verified:
		t.Outf("%s is %s: %s%s\n", name, shortSHA(r.Commit.SHA), t.Paint(terminal.Good, "verified"), leftOut(r))
	case r.Outcome == run.Unverified:
		t.Outf("%s is %s %s\n", name, t.Paint(terminal.Bad, "not"), shortSHA(r.Commit.SHA))
	case r.Outcome == run.Done:
		t.Outf("%s: done\n", name)
	case r.Outcome == "":
		t.Outf("%s: under way\n", name)
	default:
		t.Outf("%s: %s\n", name, t.Paint(terminal.Bad, string(r.Outcome)))
	}
}

// leftOut says how many objects do not count, with the person's agreement.
func leftOut(r *rebuild.Report) string {
	if n := len(r.NotApplied); n > 0 {
		return ", " + count(n, "object") + " left out"
	}
	return ""
}

// printFacts prints one fact a line, its name before it.
func (a *app) printFacts(r *rebuild.Report) {
	commit := "-"
	if r.Commit.SHA != "" {
		commit = shortSHA(r.Commit.SHA) + "  " + r.Commit.Time.UTC().Format("2006-01-02 15:04Z")
		if r.Commit.Revision != "" && !strings.HasPrefix(r.Commit.SHA, r.Commit.Revision) {
			commit += "  " + r.Commit.Revision
		}
	}
	a.fact("commit", commit)
	if r.Commit.Subject != "" {
		a.fact("", clip(r.Commit.Subject, 60))
	}
	if r.Commit.Signer != "" {
		a.fact("signed by", r.Commit.Signer)
	}
	where := r.Provider
	if r.Server != "" {
		where += ", Kubernetes " + r.Server
	}
	a.fact("cluster", r.Cluster+" ("+where+")")
	// What the cluster holds is equal on every cluster that is this commit.
	if fingerprint := cmp.Or(r.Live, r.Fingerprint); fingerprint != "" {
		a.fact("fingerprint", fingerprint)
	}
	if cost := rebuild.Cost(r.Estimate); cost != "" {
		a.fact("costs", cost)
	}
	if r.Run != "" {
		a.fact("run", r.Run)
	}
}

func (a *app) fact(name, value string) { a.Terminal.Outf("  %-12s %s\n", name, value) }

func (a *app) printKinds(kinds []rebuild.KindCount) {
	if len(kinds) == 0 {
		return
	}
	var sum rebuild.KindCount
	var rows [][]string
	row := func(k rebuild.KindCount) []string {
		cells := []string{"  " + k.Kind}
		for _, n := range []int{k.Total, k.Created, k.Changed, k.Unchanged, k.Failed} {
			if n == 0 {
				cells = append(cells, "·")
			} else {
				cells = append(cells, strconv.Itoa(n))
			}
		}
		return cells
	}
	same := map[string]int{} // kinds of one name in different groups
	for _, k := range kinds {
		same[withoutGroup(k.Kind)]++
	}
	for _, k := range kinds {
		if short := withoutGroup(k.Kind); same[short] == 1 {
			k.Kind = short
		}
		rows = append(rows, row(k))
		sum.Total += k.Total
		sum.Created += k.Created
		sum.Changed += k.Changed
		sum.Unchanged += k.Unchanged
		sum.Failed += k.Failed
	}
	if sum.Kind = "in all"; len(kinds) > 1 {
		rows = append(rows, row(sum))
	}
	a.Terminal.Outf("\n")
	a.Terminal.Table([]terminal.Column{{Title: "  OBJECTS"}, number("TOTAL"), number("CREATED"),
		number("CHANGED"), number("UNCHANGED"), number("FAILED")}, rows)
}

// number is a column of numbers, which are not cut.
func number(title string) terminal.Column {
	return terminal.Column{Title: title, Right: true, Whole: true}
}

// withoutGroup is the kind alone of "Deployment.apps".
func withoutGroup(kind string) string {
	short, _, _ := strings.Cut(kind, ".")
	return short
}

// printTimes prints how long it took in all, and below it each step that was
// begun, with what is not as usual about it.
func (a *app) printTimes(r *rebuild.Report) {
	var steps []string
	attempts := 0
	for _, s := range r.Steps {
		attempts = max(attempts, s.Attempts)
		if s.State == run.Skipped || s.Attempts == 0 {
			continue
		}
		// Joined by hard spaces, so that a step is not broken over lines.
		text := s.Step + hardSpace + strings.ReplaceAll(took(secondsOf(s.Seconds)), " ", hardSpace)
		if s.State != run.StepDone {
			text += hardSpace + "(" + string(s.State) + ")"
		}
		steps = append(steps, text)
	}
	if r.Seconds > 0 {
		all := took(secondsOf(r.Seconds))
		if attempts > 1 {
			all += " from the beginning to the end, in " + count(attempts, "attempt")
		}
		a.fact("took", all)
	}
	name := ""
	if r.Seconds == 0 {
		name = "steps"
	}
	for _, line := range fold(strings.Join(steps, ", "), 64) {
		a.fact(name, strings.ReplaceAll(line, hardSpace, " "))
		name = ""
	}
}

// hardSpace is a space at which no line is broken.
const hardSpace = "\x00"

func secondsOf(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// section prints a heading with a number, and the first items.
func (a *app) section(title string, n int, item func(i int)) {
	if n == 0 {
		return
	}
	t := a.Terminal
	t.Outf("\n%s (%d)\n", t.Paint(terminal.Strong, title), n)
	for i := range min(n, maxShown) {
		item(i)
	}
	if n > maxShown {
		t.Outf("  … and %d more: --json lists all\n", n-maxShown)
	}
}

func (a *app) printNotApplied(title string, list []rebuild.NotApplied) {
	a.section(title, len(list), func(i int) {
		a.Terminal.Outf("  %s\n", list[i].ID)
		a.detail(withoutName(list[i]))
		if from := list[i].From.String(); from != "" {
			a.detail("from " + from)
		}
	})
}

// detail prints a text below an item, folded to the terminal's width.
func (a *app) detail(text string) {
	width := 72
	if a.Terminal.Width > 20 {
		width = a.Terminal.Width - 8
	}
	for _, line := range fold(text, width) {
		a.Terminal.Outf("      %s\n", line)
	}
}

// fold breaks a text at spaces into lines of at most width characters, where
// its words allow.
func fold(text string, width int) []string {
	var lines []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		length := len([]rune(word))
		if n > 0 && n+1+length > width {
			lines = append(lines, line)
			line, n = "", 0
		}
		if n > 0 {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+length
	}
	if n > 0 {
		lines = append(lines, line)
	}
	return lines
}

func (a *app) printStatuses(title string, list []kube.Status) {
	a.section(title, len(list), func(i int) {
		s := list[i]
		a.Terminal.Outf("  %s\n", s.ID)
		why := s.Reason
		if s.Message != "" {
			why = strings.TrimPrefix(why+": "+s.Message, ": ")
		}
		if why == "" {
			why = string(s.State)
		}
		a.detail(why)
		for line := range strings.Lines(s.Log) {
			a.Terminal.Outf("      | %s\n", clip(strings.TrimRight(line, "\n"), max(40, a.Terminal.Width-8)))
		}
		if s.Hint != "" {
			a.detail("→ " + s.Hint)
		}
	})
}

// printUnjudged says in one line what cannot be judged on a cluster without
// containers.
func (a *app) printUnjudged(list []kube.Status) {
	a.section("Not judged, because no container runs here", len(list), func(i int) {
		a.Terminal.Outf("  %s\n", list[i].ID)
	})
}

// printDrift prints how the cluster differs from the commit. What is missing
// because it was not applied was printed before.
func (a *app) printDrift(r *rebuild.Report) {
	t, d := a.Terminal, r.Drift
	missing := absent(r)
	a.section("Missing", len(missing), func(i int) {
		t.Outf("  %s\n", missing[i].ID)
		if from := missing[i].From.String(); from != "" {
			a.detail("from " + from)
		}
	})
	a.printDifferent(d.Changed)
	a.section("Unexpected", len(d.Unexpected), func(i int) {
		u := d.Unexpected[i]
		if u.Restored {
			t.Outf("  %s  (of an earlier restore: --prune removes it)\n", u.ID)
		} else {
			t.Outf("  %s\n", u.ID)
		}
	})
	kinds := slices.Sorted(maps.Keys(d.Unlisted))
	a.section("Could not be listed: something unexpected may be among them", len(kinds), func(i int) {
		t.Outf("  %s\n", kinds[i])
		a.detail(d.Unlisted[kinds[i]])
	})
}

func (a *app) printDifferent(list []drift.Change) {
	t := a.Terminal
	a.section("Different", len(list), func(i int) {
		c := list[i]
		t.Outf("  %s\n", c.ID)
		for _, f := range c.Fields[:min(5, len(c.Fields))] {
			have, want := sides(f.Have, f.Want)
			t.Outf("      %s: has %s, want %s\n", f.Path, have, want)
		}
		if more := len(c.Fields) - 5; more > 0 {
			t.Outf("      … and %s\n", count(more, "more field"))
		}
		if c.Refused != "" {
			a.detail("the server refuses: " + clip(c.Refused, 300))
		}
		if c.Terminating {
			a.detail(beingDeleted)
		}
	})
}

func (a *app) printPruned(r *rebuild.Report) {
	a.section("Pruned", len(r.Pruned), func(i int) { a.Terminal.Outf("  %s\n", r.Pruned[i]) })
	a.section("Given back to others", len(r.GivenBack), func(i int) { a.Terminal.Outf("  %s\n", r.GivenBack[i]) })
	a.printNotApplied("Kept, although --prune was given", r.Kept)
}

func (a *app) printCarried(r *rebuild.Report) {
	a.section("Carried over from the last export", len(r.Carried), func(i int) {
		c := r.Carried[i]
		if c.Expires != "" {
			a.Terminal.Outf("  %s  (its certificate ends %s)\n", c.ID, c.Expires)
		} else {
			a.Terminal.Outf("  %s\n", c.ID)
		}
	})
}

// printNotes prints what a person should know; long lists are cut shorter than
// those of troubles.
func (a *app) printNotes(r *rebuild.Report) {
	var notes []string
	for _, n := range r.Notes {
		notes = append(notes, fmt.Sprintf("%s: %s", n.ID, n.Text))
	}
	for _, n := range r.RenderNotes {
		notes = append(notes, n.String())
	}
	notes = slices.Concat(r.CarryNotes, notes, r.Warnings)
	const few = 8
	a.section("Notes", min(len(notes), few), func(i int) { a.item(notes[i]) })
	if more := len(notes) - few; more > 0 {
		a.Terminal.Outf("  … and %d more: --json lists all\n", more)
	}
}

// item prints a text as one item of a list, folded.
func (a *app) item(text string) {
	width := 76
	if a.Terminal.Width > 20 {
		width = a.Terminal.Width - 4
	}
	for i, line := range fold(text, width) {
		if i == 0 {
			a.Terminal.Outf("  %s\n", line)
		} else {
			a.Terminal.Outf("    %s\n", line)
		}
	}
}
