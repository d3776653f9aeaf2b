package run

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// Scope is what a step sees of its run. Safe for many goroutines, until the
// step returns.
type Scope struct {
	e    *execution
	step string

	mu   sync.Mutex
	skip string
}

// Run returns the run as journaled last.
func (s *Scope) Run() Run {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	r := s.e.r
	r.Steps = slices.Clone(r.Steps)
	return r
}

// Name is the step's name.
func (s *Scope) Name() string { return s.step }

// Made journals what this step is about to make or has made, as JSON, replacing
// what it journaled before; it is durable on return. Call it before the first
// lasting effect (the cluster's id before the provider is asked to create it):
// then a crash in between is told from one before. It works after ctx was
// cancelled too. An error means: do not go on.
func (s *Scope) Made(ctx context.Context, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("step %s: what it made: %w", s.step, err)
	}
	raw = s.e.redactJSON(raw)
	return s.store(ctx, func(r *Run) {
		st, _ := r.Step(s.step)
		st.Made = raw
	})
}

// Result journals the run's report, as JSON; durable on return.
func (s *Scope) Result(ctx context.Context, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("step %s: the run's result: %w", s.step, err)
	}
	raw = s.e.redactJSON(raw)
	return s.store(ctx, func(r *Run) { r.Result = raw })
}

func (s *Scope) store(ctx context.Context, apply func(*Run)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	return s.e.change(ctx, apply)
}

// Recall decodes what this step journaled with Made, in this attempt or an
// earlier one; false when nothing was.
func (s *Scope) Recall(into any) (bool, error) { return s.RecallStep(s.step, into) }

// RecallStep is Recall for another step of the run.
func (s *Scope) RecallStep(name string, into any) (bool, error) {
	r := s.Run()
	st, ok := r.Step(name)
	if !ok || len(st.Made) == 0 || bytes.Equal(st.Made, []byte("null")) {
		return false, nil
	}
	if err := json.Unmarshal(st.Made, into); err != nil {
		return false, fmt.Errorf("run %s: what step %s had made cannot be read: %w", r.ID, name, err)
	}
	return true, nil
}

// Event journals an event; Run, Step, Seq and (when zero) Time and Level are
// filled in. It does not wait for the disk.
func (s *Scope) Event(ev Event) {
	ev.Step = s.step
	if ev.Time.IsZero() {
		ev.Time = s.e.now()
	}
	ev.Level = cmp.Or(ev.Level, LevelInfo)
	s.e.emit.add(ev)
}

// Eventf is Event with a level, a type and a message.
func (s *Scope) Eventf(level Level, typ, format string, args ...any) {
	s.Event(Event{Level: level, Type: typ, Message: fmt.Sprintf(format, args...)})
}

// Skip marks the step as skipped when it returns nil, for the reason given.
func (s *Scope) Skip(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skip = cmp.Or(s.e.redact(reason), "nothing to do")
}

func (s *Scope) skipped() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skip
}
