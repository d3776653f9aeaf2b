package journaltest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/rekindle-io/rekindle/recover/run"
)

// Memory is the plainest thing that keeps the Journal contract, durability
// aside: the model that others are compared with.
type Memory struct {
	limits  Limits
	mu      sync.Mutex
	runs    map[string]run.Run
	events  map[string][]run.Event
	records map[string]map[string]json.RawMessage
}

var _ run.Journal = (*Memory)(nil)

// NewMemory returns an empty journal.
func NewMemory(limits Limits) *Memory {
	return &Memory{
		limits:  limits,
		runs:    map[string]run.Run{},
		events:  map[string][]run.Event{},
		records: map[string]map[string]json.RawMessage{},
	}
}

// copied is v without shared memory.
func copied[T any](v T) T {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // the model is given only what marshals
	}
	var out T
	if err := json.Unmarshal(raw, &out); err != nil {
		panic(err)
	}
	return out
}

// Begin implements run.Journal.
func (m *Memory) Begin(ctx context.Context, r run.Run) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.ID == "" || strings.Trim(r.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || r.ID[0] == '-' || len(r.ID) > 64 {
		return fmt.Errorf("bad id %q", r.ID)
	}
	if _, ok := m.runs[r.ID]; ok {
		return &run.ExistsError{ID: r.ID}
	}
	finished := m.sorted(func(r run.Run) bool { return !r.Outcome.Unfinished() })
	for _, old := range run.Expired(finished, r.Created, m.limits.KeepRuns, m.limits.KeepFor) {
		delete(m.runs, old.ID)
		delete(m.events, old.ID)
	}
	m.runs[r.ID] = copied(r)
	return nil
}

func (m *Memory) sorted(match func(run.Run) bool) []run.Run {
	var out []run.Run
	for _, r := range m.runs {
		if match(r) {
			out = append(out, copied(r))
		}
	}
	slices.SortFunc(out, func(a, b run.Run) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.ID, a.ID))
	})
	return out
}

// Update implements run.Journal.
func (m *Memory) Update(ctx context.Context, id string, change func(*run.Run) error) (run.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return run.Run{}, ctx.Err()
	}
	r, ok := m.runs[id]
	if !ok {
		return run.Run{}, &run.NotFoundError{What: "run", Name: id}
	}
	r = copied(r)
	if err := change(&r); err != nil {
		return run.Run{}, err
	}
	r.ID = id
	m.runs[id] = copied(r)
	return r, nil
}

// Append implements run.Journal.
func (m *Memory) Append(ctx context.Context, id string, events ...run.Event) ([]run.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if _, ok := m.runs[id]; !ok {
		return nil, &run.NotFoundError{What: "run", Name: id}
	}
	kept := m.events[id]
	put := func(e run.Event) run.Event {
		e.Run, e.Seq, e.Level = id, uint64(len(kept)+1), cmp.Or(e.Level, run.LevelInfo)
		kept = append(kept, copied(e))
		return e
	}
	out := slices.Clone(events)
	for i, e := range events {
		if uint64(len(kept)) == m.limits.EventCap {
			put(run.Event{Time: e.Time, Level: run.LevelWarn, Type: run.EventsDropped})
		}
		if uint64(len(kept)) < m.limits.EventCap || strings.HasPrefix(e.Type, "run.") || strings.HasPrefix(e.Type, "step.") {
			out[i] = put(e)
			continue
		}
		out[i].Run, out[i].Seq, out[i].Level = id, 0, cmp.Or(e.Level, run.LevelInfo)
	}
	m.events[id] = kept
	return out, nil
}

// Run implements run.Journal.
func (m *Memory) Run(ctx context.Context, id string) (run.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.runs[id]
	if !ok {
		return run.Run{}, &run.NotFoundError{What: "run", Name: id}
	}
	return copied(r), ctx.Err()
}

// Runs implements run.Journal.
func (m *Memory) Runs(ctx context.Context, f run.Filter) ([]run.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.sorted(f.Match)
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
	}
	return all, ctx.Err()
}

// Events implements run.Journal.
func (m *Memory) Events(ctx context.Context, id string, since uint64, limit int) ([]run.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.runs[id]; !ok {
		return nil, &run.NotFoundError{What: "run", Name: id}
	}
	all := m.events[id]
	all = all[min(since, uint64(len(all))):]
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return copied(all), ctx.Err()
}

// PutRecord implements run.Records.
func (m *Memory) PutRecord(ctx context.Context, kind, key string, value json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if kind == "" || key == "" || !json.Valid(value) {
		return fmt.Errorf("bad record %q %q", kind, key)
	}
	if m.records[kind] == nil {
		m.records[kind] = map[string]json.RawMessage{}
	}
	m.records[kind][key] = slices.Clone(value)
	return nil
}

// GetRecord implements run.Records.
func (m *Memory) GetRecord(ctx context.Context, kind, key string) (json.RawMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.records[kind][key]
	if !ok {
		return nil, &run.NotFoundError{What: kind + " record", Name: key}
	}
	return slices.Clone(v), ctx.Err()
}

// DeleteRecord implements run.Records.
func (m *Memory) DeleteRecord(ctx context.Context, kind, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	delete(m.records[kind], key)
	return nil
}

// RecordKeys implements run.Records.
func (m *Memory) RecordKeys(ctx context.Context, kind string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.records[kind])), ctx.Err()
}
