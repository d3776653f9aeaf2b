package run

import (
	"context"

	journal "github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// Replayed is the screen of a run all of whose events were read.
func Replayed(ctx context.Context, env ui.Env, d Daemon, id string) (*Screen, error) {
	s := New(env, d, ui.Routes{}, id)
	r, err := d.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	s.run, s.known = r, true
	err = d.Follow(ctx, id, 0, func(ev journal.Event) error { s.p.take(ev); return nil })
	s.show()
	return s, err
}

// Show is what a batch of events does last.
func (s *Screen) Show() { s.show() }
