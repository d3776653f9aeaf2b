package keeper

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// Kinds of records, each with clusters' names for keys.
const (
	memoryRecord = "schedule"
	wordsRecord  = "words"
)

// memory is what outlives the process: what was done about the changes of a
// cluster's wanted state, so that none is done twice.
type memory struct {
	// Done is the last change that was dealt with, one way or another.
	Done *mark `json:"done,omitempty"`
	// Try is the change that is being dealt with.
	Try *try `json:"try,omitempty"`
	// Warned is the time of the teardown that people were told of.
	Warned time.Time `json:"warned,omitzero"`
	// Expired is when a time to live last ended: it does not end twice.
	Expired time.Time `json:"expired,omitzero"`
	// Drilled is the time of the last drill that was begun.
	Drilled time.Time `json:"drilled,omitzero"`
}

// Ending is what became of a change.
type Ending string

// Endings.
const (
	// Done: the cluster is in the state that was wanted.
	Done Ending = "done"
	// Missed: the time for a teardown was over before it could begin.
	Missed Ending = "missed"
	// Left: a person had decided otherwise by hand.
	Left Ending = "left"
	// Refused: a guard stood in the way.
	Refused Ending = "refused"
)

// mark is a change that was dealt with.
type mark struct {
	State  calendar.State `json:"state"`
	Since  time.Time      `json:"since,omitzero"`
	At     time.Time      `json:"at"`
	Ending Ending         `json:"ending"`
	Run    string         `json:"run,omitempty"`
	Why    string         `json:"why,omitempty"`
	// Fallback is the commit that came back instead of the declared revision.
	Fallback string `json:"fallback,omitempty"`
	// Passed is the commit of which people were told that it was not tried.
	Passed string `json:"passed,omitempty"`
}

// is tells whether the mark is of just that change.
func (m *mark) is(d calendar.Decision) bool {
	return m != nil && m.State == d.State && m.Since.Equal(d.Since)
}

// covers tells whether the mark leaves nothing to do for the wanted state: also
// when a changed schedule names another instant for it.
func (m *mark) covers(d calendar.Decision) bool {
	return m.is(d) || m != nil && m.State == d.State && !m.At.Before(d.Since)
}

// try is a change that was begun and has not come to its end.
type try struct {
	State    calendar.State `json:"state"`
	Since    time.Time      `json:"since,omitzero"`
	Attempts int            `json:"attempts"`
	// Next is when to try again.
	Next  time.Time `json:"next,omitzero"`
	Run   string    `json:"run,omitempty"`
	Error string    `json:"error,omitempty"`
	// Fallback is the commit that the last attempt was to bring back instead of the
	// declared revision, Cause why the latter failed.
	Fallback string `json:"fallback,omitempty"`
	Cause    string `json:"cause,omitempty"`
	// Mends is the commit that the cluster had fallen back on, and is whole with: the
	// source was mended since.
	Mends string `json:"mends,omitempty"`
	// Told: people know that it failed. Passing: what the last attempt met may go by
	// itself, so that there are more of them however late.
	Told    bool `json:"told,omitempty"`
	Passing bool `json:"passing,omitempty"`
}

func (t *try) is(d calendar.Decision) bool { return t.State == d.State && t.Since.Equal(d.Since) }

// recallAll fills in what is remembered of clusters.
func (k *Keeper) recallAll(ctx context.Context, clusters map[string]*kept) error {
	for _, kind := range []string{memoryRecord, wordsRecord} {
		names, err := k.Records.RecordKeys(ctx, kind)
		if err != nil {
			return err
		}
		for _, name := range names {
			c := clusters[name]
			if c == nil {
				continue
			}
			into := any(&c.memory)
			if kind == wordsRecord {
				into = &c.words
			}
			if _, err := run.Into(ctx, k.Records, kind, name, into); err != nil {
				return fmt.Errorf("what the schedule remembers of cluster %s: %w", name, err)
			}
		}
	}
	for _, c := range clusters {
		lead, err := k.World.Lead(ctx, c.Name)
		if err != nil {
			return err
		}
		c.lead = lead
	}
	return nil
}

// remember stores what the process may not forget of a cluster.
func (k *Keeper) remember(ctx context.Context, name string, m memory) error {
	return put(ctx, k.Records, memoryRecord, name, m)
}

func put(ctx context.Context, records run.Records, kind, key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return records.PutRecord(ctx, kind, key, raw)
}
