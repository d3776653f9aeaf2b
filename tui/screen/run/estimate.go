package run

import (
	"slices"
	"time"

	journal "github.com/rekindle-io/rekindle/recover/run"
)

// usual is how long each step takes: the median of earlier runs.
type usual map[string]time.Duration

// usualOf learns from runs of the same recipe on the same cluster that got to
// their end; the run itself does not count.
func usualOf(self string, runs []journal.Run) usual {
	spent := map[string][]time.Duration{}
	for _, r := range runs {
		if r.ID == self || r.Outcome != journal.Done && r.Outcome != journal.Unverified {
			continue
		}
		for _, s := range r.Steps {
			if s.State == journal.StepDone || s.State == journal.Skipped {
				spent[s.Name] = append(spent[s.Name], s.Spent())
			}
		}
	}
	u := usual{}
	for name, all := range spent {
		slices.Sort(all)
		u[name] = all[len(all)/2]
	}
	return u
}

// remaining is how long the run will take yet, by what is usual; late by how much
// the step under way takes longer than that. ok is false when no earlier run tells
// anything, or the run does not go on.
func (u usual) remaining(p *progress, now time.Time) (left, late time.Duration, ok bool) {
	if len(u) == 0 || p.outcome != "" {
		return 0, 0, false
	}
	for _, s := range p.steps {
		switch s.state {
		case journal.Pending:
			left += u[s.name]
		case journal.Running:
			since := now.Sub(s.since) // this attempt; earlier ones are no measure
			switch usually, known := u[s.name]; {
			case known && since > usually:
				late = since - usually
			case known:
				left += usually - since
			}
		}
	}
	return left, late, true
}
