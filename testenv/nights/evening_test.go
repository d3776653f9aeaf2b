package nights

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// evening is one cluster, dev, that is up from 07:00 to 20:00 UTC each day, on
// Tuesday 2026-10-06 at 19:00, with its daemon.
type evening struct{ *house }

func at(day, hour, minute int) time.Time {
	return time.Date(2026, 10, day, hour, minute, 0, 0, time.UTC)
}

// dev is how the cluster is declared, with more lines of its own.
func (e evening) dev(more string) string {
	return fmt.Sprintf(`clusters:
  dev:
    source: {repo: ./repo}
    provider: local
    drift: {export: {repo: ./live.git}}
    schedule: {zone: UTC, awake: "daily 07:00-20:00"}
%snotify:
  - on: [failure, recovery, teardown, missed, kept]
    webhook: {url: %q}
`, more, e.hook.URL)
}

// newEvening starts the daemon; the cluster is not there yet.
func newEvening(t *testing.T, now time.Time, more string) evening {
	t.Helper()
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	e := evening{newHouse(t, now)}
	e.repo("repo", map[string]string{"shop.yaml": shop})
	e.bare("live.git")
	e.write("rekindle.yaml", e.dev(more))
	return e
}

// up starts the daemon and waits for the cluster.
func (e evening) up() {
	e.t.Helper()
	e.start()
	e.await("awake")
}

// await waits until the cluster is in a state and nothing goes on.
func (e evening) await(state string) {
	e.t.Helper()
	e.eventually("dev is "+state, func() bool {
		if until := e.warning(); !until.IsZero() { // a teardown that warned people itself
			e.clock.set(until.Add(-500 * time.Millisecond))
		}
		v := e.cluster("dev")
		return v.State == state && v.Doing == ""
	})
}

// told waits for a notice of a kind, and returns it.
func (e evening) told(kind, text string) notice {
	e.t.Helper()
	var found notice
	e.eventually("a notice of "+kind+" with "+text, func() bool {
		i := slices.IndexFunc(e.hook.notices(), func(n notice) bool { return n.Kind == kind && strings.Contains(n.Subject+"\n"+n.Text, text) })
		if i >= 0 {
			found = e.hook.notices()[i]
		}
		return i >= 0
	})
	return found
}

// runs are those of the cluster, oldest first.
func (e evening) runs(recipe string) []run.Run {
	e.t.Helper()
	list, err := e.journal.Runs(e.t.Context(), run.Filter{Cluster: "dev", Recipe: recipe})
	if err != nil {
		e.t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// step waits until a run of that recipe is in one of the steps. The time for which
// a teardown warns people passes at once, unless it is one of them.
func (e evening) step(recipe string, steps ...string) run.Run {
	e.t.Helper()
	var in run.Run
	e.eventually(fmt.Sprintf("a %s in %v", recipe, steps), func() bool {
		if until := e.warning(); !until.IsZero() && !slices.Contains(steps, "warn") {
			e.clock.set(until.Add(-500 * time.Millisecond))
		}
		list := e.runs(recipe)
		if len(list) == 0 {
			return false
		}
		in = list[len(list)-1]
		return slices.ContainsFunc(in.Steps, func(s run.Step) bool { return s.State == run.Running && slices.Contains(steps, s.Name) })
	})
	return in
}

// gone wants that nothing is left of the cluster.
func (e evening) gone() {
	e.t.Helper()
	entries, err := os.ReadDir(e.root())
	if err != nil || len(entries) > 0 {
		e.t.Errorf("left in %s: %v, %v", e.root(), entries, err)
	}
	if left := e.processes(""); len(left) > 0 {
		e.t.Errorf("processes left: %v", left)
	}
}

// outcomes are those of runs, in order.
func outcomes(list []run.Run) string {
	var words []string
	for _, r := range list {
		words = append(words, string(r.Outcome))
	}
	return strings.Join(words, " ")
}

// retry lets time pass to the next attempt.
func (e evening) retry() {
	e.t.Helper()
	var v view
	e.eventually("an attempt has failed", func() bool {
		v = e.cluster("dev")
		return v.Doing == "" && v.RetryAt.After(e.clock.now().Add(2*time.Second))
	})
	e.clock.set(v.RetryAt.Add(-500 * time.Millisecond))
}
