package run

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"
)

const (
	// batch is how many events are flushed at once without waiting for the time.
	batch = 512
	// backlog is how many may wait; beyond it add blocks until the disk catches
	// up, or drops when the journal cannot be written.
	backlog = 8192
)

// emitter gathers the events of one execution and journals them in batches, then
// shows them to the observer.
type emitter struct {
	x  *Executor
	id string

	mu      sync.Mutex
	waiting []Event
	room    *sync.Cond
	// trouble is the last flush's error; nil when it succeeded.
	trouble error
	dropped int
	closed  bool

	kick     chan struct{}
	flushing sync.Mutex
}

func newEmitter(x *Executor, id string) *emitter {
	m := &emitter{x: x, id: id, kick: make(chan struct{}, 1)}
	m.room = sync.NewCond(&m.mu)
	return m
}

// add takes an event. It blocks only when the disk is far behind.
func (m *emitter) add(ev Event) {
	ev.Message = m.x.redact(ev.Message)
	ev.Object = m.x.redact(ev.Object)
	if ev.Data != nil && !json.Valid(ev.Data) {
		ev.Data = nil
	}
	ev.Data = m.x.redactJSON(ev.Data)
	ev = bounded(ev)
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.waiting) >= backlog && m.trouble == nil && !m.closed {
		m.flushSoon()
		m.room.Wait()
	}
	switch {
	case m.closed:
	case len(m.waiting) >= backlog && !ev.ofExecutor():
		m.dropped++
	default:
		m.waiting = append(m.waiting, ev)
	}
	if len(m.waiting) >= batch {
		m.flushSoon()
	}
}

// flushSoon wakes the flusher without waiting for it.
func (m *emitter) flushSoon() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// start flushes in the background until the returned function was called.
func (m *emitter) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(cmp.Or(m.x.FlushEvery, 200*time.Millisecond))
		defer tick.Stop()
		said := false // once for each trouble: a disk may be full for hours
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-m.kick:
			}
			err := m.flush(ctx)
			if err != nil && !said && ctx.Err() == nil {
				m.x.log().Warn("events could not be journaled yet; it is tried on", "run", m.id, "error", err)
			}
			said = err != nil
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// flush journals what waits, all or none, and shows it to the observer.
func (m *emitter) flush(ctx context.Context) error {
	m.flushing.Lock()
	defer m.flushing.Unlock()
	m.mu.Lock()
	events := m.waiting
	m.mu.Unlock()
	if len(events) == 0 {
		return nil
	}
	stored, err := m.x.Journal.Append(ctx, m.id, events...)
	m.mu.Lock()
	m.trouble = err
	if err == nil {
		m.waiting = append([]Event(nil), m.waiting[len(events):]...)
	}
	m.room.Broadcast()
	m.mu.Unlock()
	if err == nil {
		m.show(stored)
	}
	return err
}

func (m *emitter) show(events []Event) {
	if m.x.Observe == nil {
		return
	}
	for _, ev := range events {
		m.x.Observe(ev)
	}
}

// finish flushes the last events. Those that cannot be journaled are shown all
// the same, without numbers. Afterwards add does nothing.
func (m *emitter) finish(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	m.room.Broadcast()
	m.mu.Unlock()
	err := m.flush(ctx)
	m.mu.Lock()
	rest := m.waiting
	m.waiting = nil
	dropped := m.dropped
	m.mu.Unlock()
	for i := range rest {
		rest[i].Run = m.id
	}
	m.show(rest)
	if dropped > 0 {
		m.x.log().Warn("events were dropped while the journal could not be written", "run", m.id, "dropped", dropped)
	}
	return err
}
