package run

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Journal stores runs, their events, and the records that outlive runs.
//
// The contract, which journaltest checks on every implementation:
//   - Durable: what a call returned without an error survives the death of the
//     process and of the machine. What a failed call meant to write is either
//     wholly there or not at all.
//   - Concurrent: every method may be called from many goroutines and many
//     processes at once. Reads see the state after some prefix of the writes.
//   - No state is held between calls: nothing to close.
//   - Values are copies: changing one changes nothing in the journal.
//   - Errors: NotFoundError for a run or record that is not there, ExistsError
//     for an ID taken; everything else is a trouble of the storage itself (see
//     StorageError) and may be tried again. A cancelled ctx gives ctx.Err(), and
//     nothing was written.
type Journal interface {
	// Begin stores a new run. It may prune old finished runs.
	Begin(ctx context.Context, r Run) error
	// Update reads the run, lets change work on it and stores it, atomically
	// with respect to every other writer. An error of change is returned as it
	// is and nothing is stored. change may be called more than once, must not
	// block, must not call the journal, and cannot change the ID.
	Update(ctx context.Context, id string, change func(*Run) error) (Run, error)
	// Append stores events at the end of the run's, all or none, numbering them
	// without holes from the last number of the run on, so that a resumed run
	// continues. It returns them with Run and Seq filled in. Past the cap on
	// events per run only run.* and step.* events are stored, after one
	// EventsDropped marker; the dropped ones come back with Seq 0.
	Append(ctx context.Context, id string, events ...Event) ([]Event, error)
	// Run returns one run by its whole ID.
	Run(ctx context.Context, id string) (Run, error)
	// Runs returns the runs that match, newest first; none is no error.
	Runs(ctx context.Context, f Filter) ([]Run, error)
	// Events returns the events numbered above since, in order, at most limit
	// (0 means all). Empty means: none yet.
	Events(ctx context.Context, id string, since uint64, limit int) ([]Event, error)

	Records
}

// Records is a small keyed space for what outlives a run: which clusters are
// ours, the baseline that an empty cluster had. kind and key are any non-empty
// strings of up to 1 KB; values are JSON. Same guarantees as Journal.
type Records interface {
	PutRecord(ctx context.Context, kind, key string, value json.RawMessage) error
	// GetRecord returns a NotFoundError when there is none.
	GetRecord(ctx context.Context, kind, key string) (json.RawMessage, error)
	// DeleteRecord of what is not there is no error.
	DeleteRecord(ctx context.Context, kind, key string) error
	// RecordKeys returns the keys of a kind, sorted.
	RecordKeys(ctx context.Context, kind string) ([]string, error)
}

// Filter chooses runs; the zero value chooses all.
type Filter struct {
	Cluster string
	Recipe  string
	// Unfinished chooses those without an outcome and the interrupted.
	Unfinished bool
	// Typed chooses those that a person may mean: by the whole ID, the beginning of
	// it, or its last part ("k7x2").
	Typed string
	// Limit is the most to return; 0 is no limit.
	Limit int
}

// Match tells whether r is chosen, Limit aside.
func (f Filter) Match(r Run) bool {
	return (f.Cluster == "" || f.Cluster == r.Cluster) &&
		(f.Recipe == "" || f.Recipe == r.Recipe) &&
		(!f.Unfinished || r.Outcome.Unfinished()) &&
		(f.Typed == "" || strings.HasPrefix(r.ID, f.Typed) || strings.HasSuffix(r.ID, "-"+f.Typed))
}

// Resolve finds the run that a person means, see Filter.Typed. Errors: NotFoundError, AmbiguousError.
func Resolve(ctx context.Context, j Journal, typed string) (Run, error) {
	if typed == "" {
		return Run{}, &NotFoundError{What: "run", Name: typed}
	}
	hits, err := j.Runs(ctx, Filter{Typed: typed})
	if err != nil {
		return Run{}, err
	}
	for _, r := range hits {
		if r.ID == typed {
			return r, nil
		}
	}
	switch len(hits) {
	case 0:
		return Run{}, &NotFoundError{What: "run", Name: typed}
	case 1:
		return hits[0], nil
	}
	e := &AmbiguousError{Typed: typed}
	for _, r := range hits {
		e.Matches = append(e.Matches, r.ID)
	}
	return Run{}, e
}

// Into decodes a record's value; a convenience over GetRecord.
// The bool tells whether the record was there.
func Into(ctx context.Context, rec Records, kind, key string, into any) (bool, error) {
	raw, err := rec.GetRecord(ctx, kind, key)
	if IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, fmt.Errorf("record %s %q: %w", kind, key, err)
	}
	return true, nil
}
