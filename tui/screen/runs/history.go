package runs

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// history is the runs that are known, newest first.
type history struct{ list []api.Run }

// place is where a run is or belongs.
func (h *history) place(r api.Run) (int, bool) {
	return slices.BinarySearchFunc(h.list, r, func(a, b api.Run) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID))
	})
}

// put takes a run in, or what became of it.
func (h *history) put(r api.Run) {
	i, known := h.place(r)
	list := make([]api.Run, 0, len(h.list)+1) // others may hold the old one
	list = append(append(list, h.list[:i]...), r)
	if known {
		i++
	}
	h.list = append(list, h.list[i:]...)
}

// choice is which runs are shown; what is empty chooses all.
type choice struct{ cluster, recipe, outcome string }

// running is the outcome of a run that is at work; one without an outcome at which
// nobody works was interrupted.
const running = "running"

// outcome is how a run stands in one word.
func outcome(r api.Run) string {
	switch {
	case r.Outcome != "":
		return string(r.Outcome)
	case r.Live:
		return running
	}
	return string(run.Interrupted)
}

// takes tells whether a run is shown.
func (c choice) takes(r api.Run) bool {
	return (c.cluster == "" || c.cluster == r.Cluster) && (c.recipe == "" || c.recipe == r.Recipe) &&
		(c.outcome == "" || c.outcome == outcome(r))
}

// chosen are the runs that c takes.
func (h *history) chosen(c choice) []api.Run {
	list := make([]api.Run, 0, len(h.list))
	for _, r := range h.list {
		if c.takes(r) {
			list = append(list, r)
		}
	}
	return list
}

// values are what runs have of something, sorted.
func (h *history) values(of func(api.Run) string) []string {
	seen := map[string]bool{}
	for _, r := range h.list {
		if v := of(r); v != "" {
			seen[v] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// took is how long a run took, or has taken by now. A run that was cut off has an
// end that nobody saw.
func took(r api.Run, now time.Time) (time.Duration, bool) {
	switch {
	case !r.Ended.IsZero():
		return r.Ended.Sub(r.Created), true
	case r.Live:
		return max(now.Sub(r.Created), 0), true
	}
	return 0, false
}

// gist is an error in short: its first line.
func gist(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
