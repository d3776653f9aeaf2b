package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// simulation is a World in which making and removing clusters takes time and
// fails when it is told to. What it finds wrong is kept in faults.
type simulation struct {
	mu       sync.Mutex
	clusters map[string]*simulated
	faults   []string
	runs     int
	// slow is how long a run takes.
	slow func() time.Duration
	// fail is asked before a run does its deed.
	fail func(to calendar.State, j Job) error
	// mended is what has become of the source of a cluster that fell back.
	mended func() Mended
	// wanted checks a deed at the moment in which it is done.
	wanted func(to calendar.State, j Job) error
}

type simulated struct {
	there  bool
	made   time.Time
	person *Deed
	busy   bool
	// half: a run was cut off.
	half bool
	// done counts the deeds that were done, by what they were for.
	done map[string]int
	log  []string
}

func newSimulation(names ...string) *simulation {
	s := &simulation{clusters: map[string]*simulated{}, slow: func() time.Duration { return 5 * time.Minute }}
	for _, name := range names {
		s.clusters[name] = &simulated{done: map[string]int{}}
	}
	return s
}

func (s *simulation) fault(format string, args ...any) {
	s.faults = append(s.faults, time.Now().UTC().Format(time.RFC3339)+" "+fmt.Sprintf(format, args...))
}

func (s *simulation) Look(_ context.Context, name string) (Sight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clusters[name]
	return Sight{There: c.there, Ready: c.there && !c.half, Made: c.made, Person: c.person}, nil
}

func (s *simulation) Bring(ctx context.Context, j Job) (Brought, error) {
	id, err := s.change(ctx, calendar.Awake, j)
	b := Brought{Run: id}
	if j.Fallback {
		b.Fallback = lastVerified
	}
	return b, err
}

// lastVerified is what a simulated cluster falls back on.
const lastVerified = "1111111111111111111111111111111111111111"

func (s *simulation) Mended(context.Context, string) (Mended, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mended == nil {
		return Mended{}, nil
	}
	return s.mended(), nil
}

func (s *simulation) TakeDown(ctx context.Context, j Job) (string, error) {
	return s.change(ctx, calendar.Asleep, j)
}

func (s *simulation) Drill(ctx context.Context, j Job) (string, error) {
	return s.change(ctx, "drill", j)
}

func (s *simulation) Lead(context.Context, string) (time.Duration, error) {
	return 10 * time.Minute, nil
}

func (s *simulation) change(ctx context.Context, to calendar.State, j Job) (string, error) {
	s.mu.Lock()
	c := s.clusters[j.Cluster]
	if c.busy {
		s.fault("two runs on %s", j.Cluster)
	}
	c.busy = true
	s.runs++
	id := fmt.Sprintf("run-%d", s.runs)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		c.busy = false
		s.mu.Unlock()
	}()
	if err := wait(ctx, j.Warn); err != nil {
		return id, err
	}
	if to == calendar.Asleep {
		if err := j.Proceed(ctx); err != nil {
			return id, err
		}
	}
	s.mu.Lock()
	if s.wanted != nil {
		if err := s.wanted(to, j); err != nil {
			s.fault("%s %s (since %s): %v", to, j.Cluster, j.Since.Format(time.RFC3339), err)
		}
	}
	c.half = true
	if to == calendar.Awake && !c.there {
		c.there, c.made = true, time.Now()
	}
	s.mu.Unlock()
	if err := wait(ctx, s.slow()); err != nil {
		return id, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(to, j); err != nil {
			c.log = append(c.log, fmt.Sprintf("%s failed to be %s: %v", time.Now().UTC().Format(time.RFC3339), to, err))
			return id, err
		}
	}
	c.half = false
	switch to {
	case calendar.Awake:
		c.there = true
	case calendar.Asleep:
		c.there, c.made = false, time.Time{}
	}
	key := fmt.Sprintf("%s %s", to, j.Since.UTC().Format(time.RFC3339))
	if c.done[key]++; c.done[key] > 1 {
		s.fault("%s: done %d times: %s", j.Cluster, c.done[key], key)
	}
	c.log = append(c.log, time.Now().UTC().Format(time.RFC3339)+" "+key)
	return id, nil
}

// byHand is what a person does beside the keeper.
func (s *simulation) byHand(name string, to calendar.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clusters[name]
	if c.busy {
		return
	}
	s.runs++
	c.there, c.half, c.made = to == calendar.Awake, false, time.Now()
	c.person = &Deed{To: to, At: time.Now(), By: "ada", Run: fmt.Sprintf("run-%d", s.runs)}
}

func (s *simulation) is(name string) (there, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clusters[name].there, s.clusters[name].busy
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// records are run.Records in memory: inside a bubble of simulated time nothing
// may wait for a disk. The real ones have the journal's conformance suite.
type records struct {
	mu  sync.Mutex
	all map[[2]string]json.RawMessage
	// full: nothing can be written.
	full bool
}

var _ run.Records = (*records)(nil)

func newRecords() *records { return &records{all: map[[2]string]json.RawMessage{}} }

func (r *records) PutRecord(_ context.Context, kind, key string, v json.RawMessage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return errors.New("no space left on device")
	}
	r.all[[2]string{kind, key}] = slices.Clone(v)
	return nil
}

func (r *records) GetRecord(_ context.Context, kind, key string) (json.RawMessage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.all[[2]string{kind, key}]
	if !ok {
		return nil, &run.NotFoundError{What: kind, Name: key}
	}
	return slices.Clone(v), nil
}

func (r *records) DeleteRecord(_ context.Context, kind, key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, [2]string{kind, key})
	return nil
}

func (r *records) RecordKeys(_ context.Context, kind string) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []string
	for k := range maps.Keys(r.all) {
		if k[0] == kind {
			keys = append(keys, k[1])
		}
	}
	slices.Sort(keys)
	return keys, nil
}
