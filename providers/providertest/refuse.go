package providertest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// badSpecs: what cannot be a cluster is refused before anything is made.
func (s *suite) badSpecs() {
	for _, name := range []string{
		"", ".", "..", "../up", "a/b", "/abs", "Upper", "under_score", "-lead", "trail-", "with space",
		"new\nline", "\x1b[31mred", strings.Repeat("a", 41),
	} {
		sp := s.stranger(name)
		if _, err := s.tryCreate(sp); err == nil {
			s.Errorf("create accepts the name %q", name)
		}
		if err := s.tryDelete(sp); err == nil {
			s.Errorf("delete accepts the name %q", name)
		}
		if _, err := s.find(name); err == nil {
			s.Errorf("find accepts the name %q", name)
		}
	}
	for _, id := range []string{"", "..", "a/b", "x\x00y", "a b", strings.Repeat("a", 200)} {
		sp := s.stranger("bad-id")
		sp.ID = id
		if _, err := s.tryCreate(sp); err == nil {
			s.Errorf("create accepts the id %q", id)
		}
		if err := s.tryDelete(sp); err == nil {
			s.Errorf("delete accepts the id %q", id)
		}
	}
	if err := s.provider().Check(s.w.Settings); err != nil {
		s.Errorf("good settings: %v", err)
	}
	if err := s.provider().Check(s.w.BadSettings); err == nil {
		s.Errorf("check accepts %v", s.w.BadSettings)
	}
	sp := s.stranger("bad-settings")
	sp.Settings = s.w.BadSettings
	if _, err := s.tryCreate(sp); err == nil {
		s.Errorf("create accepts settings %v", s.w.BadSettings)
	}
	s.wantGone(sp.Name)
}

// foreign: whatever is asked of a name that somebody else holds, it is refused
// and nothing changes.
func (s *suite) foreign() { s.untouched(s.w.Foreign) }

// forged: the same for what bears half of our mark.
func (s *suite) forged() { s.untouched(s.w.Forged) }

func (s *suite) untouched(hold func(t *testing.T, name string) func(*testing.T)) {
	sp := s.stranger("foreign")
	check := hold(s.T, sp.Name)
	refused := func(what string, err error) { wantError[*providers.ForeignError](s, what, err) }
	_, err := s.tryCreate(sp)
	refused("create", err)
	_, err = s.find(sp.Name)
	refused("find", err)
	_, err = s.connect(sp.Name)
	refused("connect", err)
	refused("delete", s.tryDelete(sp))
	s.optional(sp, refused)
	s.wantListed()
	check(s.T)
}

// prompt is how soon a call comes back once its context has ended.
const prompt = 10 * time.Second

// endedContext: no call works on when its context has ended.
func (s *suite) endedContext() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	sp := s.spec("ended")
	begun := time.Now()
	if _, err := s.provider().Create(ctx, sp, nil); !errors.Is(err, context.Canceled) {
		s.Errorf("create: %v, want the context's error", err)
	}
	if took := time.Since(begun); took > prompt {
		s.Errorf("create came back after %s", took)
	}
	s.delete(sp)
}
