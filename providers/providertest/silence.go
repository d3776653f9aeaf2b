package providertest

import (
	"context"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// silence: when the backend accepts and never answers, every call comes back
// once its context ends, and one without a deadline by the provider's own.
func (s *suite) silence() {
	s.unanswered(func(_ Silent, c namedCall) {
		const impatience = 300 * time.Millisecond
		ctx, cancel := context.WithTimeout(s.Context(), impatience)
		defer cancel()
		s.comesBack(c.name+" with a deadline", ctx, impatience, c.do)
	})
	s.unanswered(func(silent Silent, c namedCall) {
		within := silent.Within
		if within == 0 {
			within = s.w.Timeout
		}
		s.comesBack(c.name+" without a deadline", s.Context(), within, c.do)
	})
}

// unanswered makes each call to a silent provider.
func (s *suite) unanswered(each func(Silent, namedCall)) {
	s.Helper()
	silent := s.w.Silence(s.T)
	for _, c := range callsOf(silent.Provider, silent.Spec) {
		each(silent, c)
	}
	if silent.Answer != nil {
		silent.Answer(s.T)
	}
	s.delete(silent.Spec)
}

// comesBack fails the test unless a call comes back within a time and a little.
//
//nolint:revive // the context is the call's, not this method's
func (s *suite) comesBack(what string, ctx context.Context, within time.Duration, do func(context.Context) error) {
	s.Helper()
	begun := time.Now()
	back := make(chan error, 1)
	go func() { back <- do(ctx) }()
	late := time.NewTimer(within + prompt)
	defer late.Stop()
	select {
	case err := <-back:
		s.Logf("%s: after %s: %v", what, time.Since(begun).Round(time.Millisecond), err)
	case <-late.C:
		s.Fatalf("%s: not back after %s", what, within+prompt)
	}
}

type namedCall struct {
	name string
	do   func(context.Context) error
}

// callsOf are all the calls that a provider has, those that change something
// last.
func callsOf(p providers.Provider, sp providers.Spec) []namedCall {
	calls := []namedCall{
		{"find", func(ctx context.Context) error { _, err := p.Find(ctx, sp.Name); return err }},
		{"connect", func(ctx context.Context) error { _, err := p.Connect(ctx, sp.Name); return err }},
	}
	if l, ok := p.(providers.Lister); ok {
		calls = append(calls, namedCall{"list", func(ctx context.Context) error { _, err := l.List(ctx); return err }})
	}
	if l, ok := p.(providers.LeftoverFinder); ok {
		calls = append(calls, namedCall{"leftovers", func(ctx context.Context) error { _, err := l.Leftovers(ctx); return err }})
	}
	if d, ok := p.(providers.Doctor); ok {
		calls = append(calls, namedCall{"diagnose", func(ctx context.Context) error { d.Diagnose(ctx); return nil }})
	}
	if l, ok := p.(providers.ImageLoader); ok {
		calls = append(calls, namedCall{"load images", func(ctx context.Context) error {
			_, err := l.LoadImages(ctx, sp, nil, nil)
			return err
		}})
	}
	calls = append(calls, namedCall{"create", func(ctx context.Context) error { _, err := p.Create(ctx, sp, nil); return err }})
	if h, ok := p.(providers.Hibernator); ok {
		calls = append(calls,
			namedCall{"stop", func(ctx context.Context) error { return h.Stop(ctx, sp.Name, sp.ID, nil) }},
			namedCall{"start", func(ctx context.Context) error { return h.Start(ctx, sp.Name, sp.ID, nil) }})
	}
	return append(calls, namedCall{"delete", func(ctx context.Context) error { return p.Delete(ctx, sp.Name, sp.ID, nil) }})
}
