package nights

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// asWanted tells that each cluster is in the state that the model wants. It
// gives the daemon the time to see to it; false when it has begun something.
func (l *life) asWanted() bool {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		views, err := l.clusters()
		if err != nil {
			l.t.Fatal(err)
		}
		if busy(views) {
			return false
		}
		wrong := ""
		for _, v := range views {
			wrong += l.wrong(v)
		}
		if wrong == "" {
			return true
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s %s\nnotices: %+v\n%s", l.clock.now().Format(time.RFC3339), wrong, last(l.hook.notices(), 5), tail(l.log))
		}
	}
}

// wrong says what of a cluster is not as the model wants it.
func (l *life) wrong(v view) string {
	now := l.clock.now()
	d := l.models[v.Name].decide(now)
	if d.Hold || v.Attempts > 0 {
		return ""
	}
	there, processes := l.there(v.Name), l.processes(v.Name)
	if there != (len(processes) > 0) {
		return fmt.Sprintf("%s: a directory: %v, processes: %v; ", v.Name, there, processes)
	}
	if there == (d.State == calendar.Awake) {
		return ""
	}
	soon := d.State == calendar.Asleep && !d.Until.IsZero() && d.Until.Sub(now) <= longestLead // awake ahead of its hour
	if soon || d.State == calendar.Asleep && l.missed(v.Name, d.Since, now) {
		return ""
	}
	return fmt.Sprintf("%s is there: %v, wanted %s since %s (%s), it says %+v; ", v.Name, there, d.State, d.Since, d.Reason, v)
}

// missed tells whether a teardown was rightly left out: nobody was there in time,
// and people were told.
func (l *life) missed(name string, since, now time.Time) bool {
	if !l.hook.told("missed", name, since) {
		return false
	}
	return slices.ContainsFunc(l.killed, func(a absence) bool { return !a.from.After(since.Add(late)) && a.to.After(since) }) && now.After(since)
}

func (l *life) there(name string) bool {
	_, err := os.Stat(filepath.Join(l.root(), name))
	return err == nil
}

// processes are those that bear the mark of a cluster of this house.
func (h *house) processes(name string) []string {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []string
	for _, dir := range dirs {
		environ, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			continue // it is gone, or somebody else's
		}
		if strings.Contains(string(environ), "REKINDLE_CLUSTER_DIR="+filepath.Join(h.root(), name)) {
			found = append(found, filepath.Base(dir))
		}
	}
	return found
}

func last[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

// audit judges the whole life by the journal, the remote and the disk.
func (l *life) audit() {
	l.t.Helper()
	t := l.t
	runs, err := l.journal.Runs(t.Context(), run.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(runs)
	for name, m := range l.models {
		var own []run.Run
		for _, r := range runs {
			if r.Cluster == name {
				own = append(own, r)
			}
		}
		l.auditRuns(m, own)
		l.auditExports(name, own)
	}
	entries, err := os.ReadDir(l.root())
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		if l.models[e.Name()] == nil {
			t.Errorf("left in %s: %s", l.root(), e.Name())
		}
	}
	if left, _ := filepath.Glob(filepath.Join(l.dir, "cache", "rekindle", "exports", "*")); len(left) > 2*len(l.models) {
		t.Errorf("left of exports: %v", left)
	}
	l.must("doctor")
}

// auditRuns wants each event to have been dealt with once, and in time.
func (l *life) auditRuns(m *model, runs []run.Run) {
	t := l.t
	t.Helper()
	spans := m.spans(l.begin, l.end)
	done := map[int][]run.Run{}
	was := ""
	for _, r := range runs {
		if r.Outcome != run.Done || r.Recipe != rebuild.Recipe && r.Recipe != teardown.Recipe {
			continue
		}
		if r.Recipe == was {
			t.Errorf("%s: two runs of recipe %s in a row, the second is %s", m.name, was, r.ID)
		}
		was = r.Recipe
		i := spanOf(spans, r)
		if i < 0 {
			t.Errorf("%s: run %s (%s, %s..%s) belongs to no event", m.name, r.ID, r.Recipe, r.Created.Format(time.RFC3339), r.Ended.Format(time.RFC3339))
			continue
		}
		if done[i] = append(done[i], r); len(done[i]) > 1 {
			t.Errorf("%s: %s at %s was done twice: runs %s and %s", m.name, spans[i].state, spans[i].from, done[i][0].ID, r.ID)
		}
	}
	var up, down, missed int
	var slowest, latest time.Duration
	for i, s := range spans {
		absent := slices.ContainsFunc(l.killed, func(a absence) bool { return a.from.Before(s.from.Add(late)) && a.to.After(s.from.Add(-longestLead)) })
		switch {
		case len(done[i]) == 0:
			if s.state == calendar.Asleep && l.hook.told("missed", m.name, s.from) {
				missed++
			}
			continue
		case s.state == calendar.Awake:
			up++
			by := done[i][0].Ended.Sub(s.from)
			if i > 0 && !absent {
				slowest = max(slowest, by)
			}
		default:
			down++
			by := done[i][0].Created.Sub(s.from)
			if latest = max(latest, by); by > late {
				t.Errorf("%s: teardown %s began %s late", m.name, done[i][0].ID, by)
			}
		}
	}
	t.Logf("%s: %d spans, %d restores, %d teardowns, %d missed; undisturbed, it was up at most %s after its hour; teardowns began at most %s after theirs",
		m.name, len(spans), up, down, missed, slowest.Round(time.Second), latest.Round(time.Second))
}

// spanOf is the event that a run dealt with.
func spanOf(spans []span, r run.Run) int {
	want := calendar.Awake
	if r.Recipe == teardown.Recipe {
		want = calendar.Asleep
	}
	for i, s := range spans {
		from := s.from
		if want == calendar.Awake {
			from = from.Add(-longestLead)
		}
		if s.state == want && !r.Ended.Before(from) && r.Created.Before(s.to) && (i+2 >= len(spans) || want == calendar.Asleep || r.Created.Before(spans[i+1].from)) {
			return i
		}
	}
	return -1
}

// auditExports wants each teardown's export on the remote, whole.
func (l *life) auditExports(name string, runs []run.Run) {
	t := l.t
	t.Helper()
	exports := 0
	for _, r := range runs {
		if r.Recipe != teardown.Recipe || r.Outcome != run.Done {
			continue
		}
		report, err := teardown.ReportOf(r)
		if err != nil {
			t.Fatal(err)
		}
		if report.Absent {
			continue
		}
		if report.Export == nil || report.Export.Commit == "" {
			t.Errorf("%s: teardown %s has no export", name, r.ID)
			continue
		}
		exports++
		l.must("plan", "--repo", filepath.Join(l.dir, "live.git"), "--at", report.Export.Commit, "--quiet")
		l.git("-C", filepath.Join(l.dir, "live.git"), "merge-base", "--is-ancestor", report.Export.Commit, "refs/heads/rekindle/"+name)
		files := l.git("-C", filepath.Join(l.dir, "live.git"), "ls-tree", "-r", "--name-only", report.Export.Commit)
		for _, m := range l.marked[name] {
			if m.at.After(r.Created) || m.at.Before(l.madeFor(runs, r)) {
				continue
			}
			if !strings.Contains(files, m.name) {
				t.Errorf("%s: the export %s of run %s lacks %s, made %s; it has\n%s", name, report.Export.Commit, r.ID, m.name, m.at, files)
			}
		}
	}
	t.Logf("%s: %d exports are on the remote and can be planned, %d edits by hand", name, exports, len(l.marked[name]))
	l.restoreExport(name)
}

// restoreExport restores the newest export onto a cluster of its own: what was
// made by hand the day before is back.
func (l *life) restoreExport(name string) {
	l.t.Helper()
	l.must("restore", "--repo", filepath.Join(l.dir, "live.git"), "--at", "rekindle/"+name, "--provider", "local", "--name", "proof", "--wait", "1m", "--quiet")
	files := l.git("-C", filepath.Join(l.dir, "live.git"), "ls-tree", "-r", "--name-only", "rekindle/"+name)
	for _, m := range l.marked[name] {
		if strings.Contains(files, m.name) {
			if err := l.find("proof", m.name); err != nil {
				l.t.Errorf("%s: the export has %s, its restore has not: %v", name, m.name, err)
			}
		}
	}
	l.must("clusters", "delete", "proof", "--confirm", "proof")
}

// madeFor is when the cluster that a teardown took down had been restored.
func (*life) madeFor(runs []run.Run, down run.Run) time.Time {
	var at time.Time
	for _, r := range runs {
		if r.Recipe == rebuild.Recipe && r.Outcome == run.Done && r.Created.Before(down.Created) {
			at = r.Ended
		}
	}
	return at
}
