package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// runFilter chooses runs.
type runFilter struct {
	run.Filter
	since, by string
	outcomes  []string
}

// running is how a run without an outcome is called while a process is at it.
const running = "running"

func recipes() []string {
	return []string{rebuild.Recipe, rebuild.TeardownRecipe, rebuild.DriftRecipe, rebuild.AdoptRecipe, rebuild.DeleteRecipe}
}

func outcomes() []string {
	words := []string{running}
	for _, o := range []run.Outcome{run.Done, run.Failed, run.Unverified, run.Refused, run.Interrupted, run.Aborted} {
		words = append(words, string(o))
	}
	return words
}

func (f *runFilter) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.Cluster, "cluster", "", "only runs of the cluster `NAME`")
	fs.StringVar(&f.Recipe, "recipe", "", "only runs of the `RECIPE`: "+strings.Join(recipes(), ", "))
	fs.StringSliceVar(&f.outcomes, "outcome", nil, "only runs with one of these `OUTCOMES`: "+strings.Join(outcomes(), ", "))
	fs.StringVar(&f.by, "by", "", "only runs that `SOMEBODY` asked for, such as schedule")
	fs.StringVar(&f.since, "since", "", "only runs that began since this `TIME`: 7d, 12h, 2026-11-20, \"2026-11-20 18:00\"")
	fs.BoolVar(&f.Unfinished, "unfinished", false, "only runs that have not ended, or were interrupted")
	fs.IntVar(&f.Limit, "limit", 20, "at most so many; 0 for all")
}

// oneOf refuses a word that none of the known ones is.
func oneOf(flag, word string, known []string) error {
	if word == "" || slices.Contains(known, word) {
		return nil
	}
	return &usageError{message: fmt.Sprintf("--%s %q is none of %s", flag, word, strings.Join(known, ", ")), next: didYouMean(word, known)}
}

// runs are those that are chosen, newest first; not nil.
func (a *app) runs(ctx context.Context, f runFilter) ([]run.Run, error) {
	if f.Limit < 0 {
		return nil, &usageError{message: "--limit is less than nothing", next: "0 lists all"}
	}
	if err := oneOf("recipe", f.Recipe, recipes()); err != nil {
		return nil, err
	}
	for _, o := range f.outcomes {
		if err := oneOf("outcome", o, outcomes()); err != nil {
			return nil, err
		}
	}
	var from time.Time
	if f.since != "" {
		var err error
		if from, err = past(f.since, a.Now()); err != nil {
			return nil, err
		}
	}
	stored := f.Filter
	stored.Limit = 0
	all, err := a.store.Runs(ctx, stored)
	if err != nil {
		return nil, err
	}
	list := []run.Run{}
	for _, r := range all {
		if f.Limit > 0 && len(list) == f.Limit || r.Created.Before(from) { // newest first
			break
		}
		if f.by != "" && r.By != f.by {
			continue
		}
		if len(f.outcomes) > 0 {
			state, err := a.stateOf(ctx, r)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(f.outcomes, state) {
				continue
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// askers are those who have asked for runs.
func (a *app) askers(ctx context.Context) []string {
	list, err := a.store.Runs(ctx, run.Filter{})
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range list {
		if r.By != "" {
			names = append(names, r.By)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// past reads a time that has been, as people type it: how long ago (12h, 7d, 2w), or
// a day with or without an hour, in this machine's zone.
func past(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	for unit, days := range map[string]int{"d": 1, "w": 7} {
		var n int
		if number, ok := strings.CutSuffix(text, unit); ok && len(number) < 6 && digits(number) {
			_, _ = fmt.Sscan(number, &n) // digits only
			return now.AddDate(0, 0, -n*days), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &usageError{message: fmt.Sprintf("--since %q is no time", text), next: `write 12h, 7d, 2026-11-20 or "2026-11-20 18:00"`}
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
