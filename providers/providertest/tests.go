package providertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// life: created twice it is one cluster; another id is refused by create and by
// delete; deleted twice is deleted.
func (s *suite) life() {
	sp := s.spec("life")
	s.wantGone(sp.Name)
	if _, err := s.connect(sp.Name); !errors.Is(err, providers.ErrNotFound) {
		s.Fatalf("connect to nothing: %v, want ErrNotFound", err)
	}
	if err := s.tryDelete(sp); err != nil {
		s.Fatalf("delete of nothing: %v", err)
	}

	first := s.create(sp)
	s.wantReach(sp.Name)
	second := s.create(sp)
	if first.Endpoint != second.Endpoint || !first.Created.Equal(second.Created) {
		s.Fatalf("created twice, it is not the same: %+v, then %+v", first, second)
	}
	s.wantState(sp, providers.StateRunning)
	s.wantListed(sp.Name)

	ended, cancel := context.WithCancel(s.Context())
	cancel()
	_, _ = s.provider().Create(ended, sp, nil) // must not harm what runs

	other := s.spec(sp.Name)
	_, err := s.tryCreate(other)
	wantError[*providers.TakenError](s, "create with another id", err)
	wantError[*providers.TakenError](s, "delete with another id", s.tryDelete(other))
	s.wantState(sp, providers.StateRunning)
	s.wantReach(sp.Name)

	s.delete(sp)
	s.delete(sp)
	wantNothing := s.spec(sp.Name)
	s.delete(wantNothing)
}

func (s *suite) wantListed(want ...string) {
	s.Helper()
	lister, ok := s.provider().(providers.Lister)
	if !ok {
		return
	}
	list, err := lister.List(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, want) {
		s.Fatalf("listed %v, want %v", names, want)
	}
}

// badSpecs: what cannot be a cluster is refused before anything is made.
func (s *suite) badSpecs() {
	for _, name := range []string{
		"", ".", "..", "../up", "a/b", "/abs", "Upper", "under_score", "-lead", "trail-", "with space",
		"new\nline", "\x1b[31mred", strings.Repeat("a", 41),
	} {
		sp := s.spec(name)
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
		sp := s.spec("bad-id")
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
	sp := s.spec("bad-settings")
	sp.Settings = s.w.BadSettings
	if _, err := s.tryCreate(sp); err == nil {
		s.Errorf("create accepts settings %v", s.w.BadSettings)
	}
	s.wantGone(sp.Name)
}

// foreign: whatever is asked of a name that somebody else holds, it is refused
// and nothing changes.
func (s *suite) foreign() {
	sp := s.spec("foreign")
	untouched := s.w.Foreign(s.T, sp.Name)
	_, err := s.tryCreate(sp)
	wantError[*providers.ForeignError](s, "create", err)
	_, err = s.find(sp.Name)
	wantError[*providers.ForeignError](s, "find", err)
	_, err = s.connect(sp.Name)
	wantError[*providers.ForeignError](s, "connect", err)
	wantError[*providers.ForeignError](s, "delete", s.tryDelete(sp))
	if h, ok := s.provider().(providers.Hibernator); ok {
		wantError[*providers.ForeignError](s, "stop", s.call(func(ctx context.Context) error { return h.Stop(ctx, sp.Name, sp.ID, nil) }))
		wantError[*providers.ForeignError](s, "start", s.call(func(ctx context.Context) error { return h.Start(ctx, sp.Name, sp.ID, nil) }))
	}
	s.wantListed()
	untouched(s.T)
}

// twoAtOnce: made at the same time, used at the same time, and the end of one
// leaves the other alone.
func (s *suite) twoAtOnce() {
	specs := []providers.Spec{s.spec("one"), s.spec("two")}
	var group sync.WaitGroup
	errs := make([]error, len(specs))
	for i, sp := range specs {
		group.Go(func() { _, errs[i] = s.tryCreate(sp) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		s.Fatal(err)
	}
	s.wantListed("one", "two")
	s.wantReach("one")
	s.wantReach("two")
	s.delete(specs[0])
	s.wantReach("two")
	s.delete(specs[1])
}

// race: several makers with one id make one cluster; with different ids one of
// them gets the name and the others hear that it is taken.
func (s *suite) race() {
	same := s.spec("race")
	specs := []providers.Spec{same, same, s.spec("race"), s.spec("race")}
	errs := make([]error, len(specs))
	var group sync.WaitGroup
	for i, sp := range specs {
		group.Go(func() { _, errs[i] = s.tryCreate(sp) })
	}
	group.Wait()
	c, err := s.find("race")
	if err != nil {
		s.Fatal(err)
	}
	for i, sp := range specs {
		if sp.ID == c.ID && errs[i] != nil {
			s.Errorf("the one who got the name: %v", errs[i])
		}
		if sp.ID != c.ID {
			wantError[*providers.TakenError](s, "one who did not get the name", errs[i])
		}
	}
	s.delete(providers.Spec{Name: "race", ID: c.ID})
}

// cancelled: wherever a create is cancelled, it comes back soon, and delete
// leaves nothing.
func (s *suite) cancelled() {
	for _, after := range []time.Duration{0, 30 * time.Millisecond, 300 * time.Millisecond, time.Second} {
		sp := s.spec("cancelled")
		ctx, cancel := context.WithTimeout(s.Context(), after)
		_, err := s.provider().Create(ctx, sp, nil)
		cancel()
		if err == nil {
			s.delete(sp) // it was faster
			continue
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			s.Fatalf("cancelled after %s: %v, want the context's error", after, err)
		}
		if c, err := s.find(sp.Name); err == nil {
			if c.ID != sp.ID || c.State == providers.StateRunning {
				s.Fatalf("cancelled after %s, found as %+v", after, c)
			}
			_, err := s.connect(sp.Name)
			wantError[*providers.NotRunningError](s, "connect to a half-made cluster", err)
		}
		s.delete(sp)
		s.nothingLeft()
	}
	sp := s.spec("cancelled")
	ctx, cancel := context.WithTimeout(s.Context(), 200*time.Millisecond)
	_, err := s.provider().Create(ctx, sp, nil)
	cancel()
	s.Log("cancelled, then finished:", err)
	s.create(sp)
	s.wantReach(sp.Name)
	s.delete(sp)
}

// crashes: whenever the maker dies, the next create with the same id finishes
// the cluster; whenever the remover dies, the next delete ends the work; and
// what a maker left half made can be deleted at once.
func (s *suite) crashes() {
	if s.w.CrashCreate == nil || s.w.CrashDelete == nil {
		s.Skip("this world cannot crash")
	}
	for moment := range s.w.Moments {
		finished, removed := s.spec("half-made"), s.spec("half-made")
		if !s.w.CrashCreate(s.T, finished, moment) {
			s.Logf("moment %d: create was faster", moment)
		}
		if c, err := s.find(finished.Name); err == nil && c.ID != finished.ID {
			s.Fatalf("moment %d: found %+v", moment, c)
		}
		s.create(finished)
		s.wantReach(finished.Name)

		if !s.w.CrashDelete(s.T, finished.Name, finished.ID, moment) {
			s.Logf("moment %d: delete was faster", moment)
		}
		if _, err := s.find(finished.Name); err == nil {
			wantError[*providers.TakenError](s, "delete of a half-deleted cluster with another id", s.tryDelete(removed))
		}
		s.delete(finished)
		s.nothingLeft()

		s.w.CrashCreate(s.T, removed, moment)
		s.delete(removed)
		s.nothingLeft()
	}
}

// repair: what a power cut left is found as broken, cannot be connected to, and
// create with the same id brings it back.
func (s *suite) repair() {
	if s.w.Break == nil {
		s.Skip("this world cannot break")
	}
	sp := s.spec("repair")
	c := s.create(sp)
	s.w.Break(s.T, c)
	s.wantState(sp, providers.StateBroken)
	_, err := s.connect(sp.Name)
	wantError[*providers.NotRunningError](s, "connect to a broken cluster", err)
	s.create(sp)
	s.wantReach(sp.Name)
	s.w.Break(s.T, c)
	s.delete(sp)
}

// hibernation: stopped and started, twice each, with the credentials of before.
func (s *suite) hibernation() {
	sp := s.spec("sleeper")
	h, ok := s.provider().(providers.Hibernator)
	if !ok {
		s.Skip("this provider does not hibernate")
	}
	stop := func(sp providers.Spec) error {
		return s.call(func(ctx context.Context) error { return h.Stop(ctx, sp.Name, sp.ID, nil) })
	}
	start := func(sp providers.Spec) error {
		return s.call(func(ctx context.Context) error { return h.Start(ctx, sp.Name, sp.ID, nil) })
	}
	if err := errors.Join(stop(sp), start(sp)); !errors.Is(err, providers.ErrNotFound) {
		s.Fatalf("stop and start of nothing: %v, want ErrNotFound", err)
	}
	s.create(sp)
	before, err := s.connect(sp.Name)
	if err != nil {
		s.Fatal(err)
	}
	other := s.spec(sp.Name)
	wantError[*providers.TakenError](s, "stop with another id", stop(other))
	for range 2 {
		if err := stop(sp); err != nil {
			s.Fatal(err)
		}
		s.wantState(sp, providers.StateStopped)
	}
	_, err = s.connect(sp.Name)
	wantError[*providers.NotRunningError](s, "connect to a stopped cluster", err)
	wantError[*providers.TakenError](s, "start with another id", start(other))
	for range 2 {
		if err := start(sp); err != nil {
			s.Fatal(err)
		}
		s.wantState(sp, providers.StateRunning)
	}
	if s.w.Reach != nil {
		_ = s.call(func(ctx context.Context) error { s.w.Reach(ctx, s.T, before); return nil })
	}
	if err := stop(sp); err != nil {
		s.Fatal(err)
	}
	s.delete(sp)
}

// endedContext: no call works on when its context has ended.
func (s *suite) endedContext() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	sp := s.spec("ended")
	begun := time.Now()
	if _, err := s.provider().Create(ctx, sp, nil); !errors.Is(err, context.Canceled) {
		s.Errorf("create: %v, want the context's error", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		s.Errorf("create came back after %s", took)
	}
	s.delete(sp)
}
