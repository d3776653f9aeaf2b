package run

import (
	"context"
	"errors"
	"testing"

	journal "github.com/rekindle-io/rekindle/recover/run"
)

// follower is a Daemon of which only Follow is asked.
type follower struct {
	Daemon
	n   int64
	err error
}

func (f follower) Follow(_ context.Context, _ string, since uint64, each func(journal.Event) error) error {
	for seq := since + 1; seq <= uint64(f.n); seq++ {
		if err := each(journal.Event{Seq: seq, Type: "object.applied"}); err != nil {
			return err
		}
	}
	return f.err
}

func TestStreamHandsOnEverythingInOrder(t *testing.T) {
	down := errors.New("the daemon is gone")
	s := newStream(t.Context())
	msg := s.follow(follower{n: 50000, err: down}, "r", 7)()
	seq, messages := uint64(7), 0
	for {
		got, ok := msg.(arrived)
		if !ok {
			t.Fatalf("after %d: %#v", seq, msg)
		}
		messages++
		if len(got.events) > batchMost {
			t.Fatalf("%d events in one message", len(got.events))
		}
		for _, ev := range got.events {
			if seq++; ev.Seq != seq {
				t.Fatalf("event %d after %d", ev.Seq, seq-1)
			}
		}
		if got.over {
			if seq != 50000 || !errors.Is(got.err, down) {
				t.Errorf("over at %d with %v", seq, got.err)
			}
			break
		}
		msg = s.more()()
	}
	if messages > 100 {
		t.Errorf("%d messages for 50,000 events", messages)
	}
}

func TestStreamEndsWhenItIsLeft(t *testing.T) {
	s := newStream(t.Context())
	go s.cancel()
	if msg := s.follow(follower{n: 1 << 40}, "r", 0)(); msg != nil {
		for msg != nil { // what had come before may still be told
			msg = s.more()()
		}
	}
}
