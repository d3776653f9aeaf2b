package providertest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/rekindle-io/rekindle/providers"
)

// life leads one cluster, because they are dear, through all that a cluster
// meets: it is made twice, others come with other ids, it sleeps, it breaks, and
// several delete it at once.
func (s *suite) life() {
	s.part("before it is there", (*suite).nothingThere)
	sp := s.spec("life")
	s.part("made twice it is one", func(s *suite) { s.madeTwice(sp) })
	before := s.credentials(sp.Name)
	s.part("its credentials outlive who asked", func(s *suite) { s.reach(before) })
	s.part("another id is refused", func(s *suite) { s.otherID(sp) })
	s.abilities(sp)
	s.part("it sleeps and wakes", func(s *suite) { s.hibernation(sp, before) })
	s.part("it breaks and is repaired", func(s *suite) { s.repair(sp, before) })
	s.part("several delete it", func(s *suite) { s.deletedTogether(sp) })
	s.part("deleted again", func(s *suite) {
		for _, gone := range []providers.Spec{sp, s.stranger(sp.Name)} {
			if err := s.tryDelete(gone); err != nil {
				s.Fatalf("delete of nothing: %v", err)
			}
		}
	})
}

func (s *suite) nothingThere() {
	sp := s.stranger("life")
	s.wantGone(sp.Name)
	if _, err := s.connect(sp.Name); !errors.Is(err, providers.ErrNotFound) {
		s.Fatalf("connect to nothing: %v, want ErrNotFound", err)
	}
	if err := s.tryDelete(sp); err != nil {
		s.Fatalf("delete of nothing: %v", err)
	}
	if h, ok := s.provider().(providers.Hibernator); ok {
		err := s.call(func(ctx context.Context) error {
			return errors.Join(h.Stop(ctx, sp.Name, sp.ID, nil), h.Start(ctx, sp.Name, sp.ID, nil))
		})
		if !errors.Is(err, providers.ErrNotFound) {
			s.Fatalf("stop and start of nothing: %v, want ErrNotFound", err)
		}
	}
	s.wantListed()
}

func (s *suite) wantListed(want ...string) {
	s.Helper()
	list, can := s.list()
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	if can && !slices.Equal(names, want) {
		s.Fatalf("listed %v, want %v", names, want)
	}
}

func (s *suite) madeTwice(sp providers.Spec) {
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
	s.wantState(sp, providers.StateRunning)
	s.wantReach(sp.Name)
}

// otherID: whoever comes with another id is told that the name is taken, and
// changes nothing.
func (s *suite) otherID(sp providers.Spec) {
	other := s.stranger(sp.Name)
	_, err := s.tryCreate(other)
	wantError[*providers.TakenError](s, "create", err)
	wantError[*providers.TakenError](s, "delete", s.tryDelete(other))
	s.optional(other, func(what string, err error) { wantError[*providers.TakenError](s, what, err) })
	s.wantState(sp, providers.StateRunning)
	s.wantReach(sp.Name)
}

// optional makes the calls of the optional interfaces that refuse as Delete does.
func (s *suite) optional(sp providers.Spec, refused func(what string, err error)) {
	p := s.provider()
	if h, ok := p.(providers.Hibernator); ok {
		refused("stop", s.call(func(ctx context.Context) error { return h.Stop(ctx, sp.Name, sp.ID, nil) }))
		refused("start", s.call(func(ctx context.Context) error { return h.Start(ctx, sp.Name, sp.ID, nil) }))
	}
	if t, ok := p.(providers.Truster); ok {
		refused("trusts", s.call(func(ctx context.Context) error {
			_, err := t.Trusts(ctx, sp.Name, sp.ID, []string{"https://nobody.invalid/life"}, true)
			return err
		}))
	}
	if l, ok := p.(providers.ImageLoader); ok {
		refused("load images", s.call(func(ctx context.Context) error {
			_, err := l.LoadImages(ctx, sp, nil, nil)
			return err
		}))
	}
}

// hibernation: stopped and started, twice each, with the credentials of before.
func (s *suite) hibernation(sp providers.Spec, before []byte) {
	h, ok := s.provider().(providers.Hibernator)
	if !ok {
		s.Skip("this provider does not hibernate")
	}
	twice := func(what string, act func(context.Context, string, string, providers.Progress) error, want providers.State) {
		for range 2 {
			if err := s.call(func(ctx context.Context) error { return act(ctx, sp.Name, sp.ID, nil) }); err != nil {
				s.Fatalf("%s: %v", what, err)
			}
			s.wantState(sp, want)
		}
	}
	twice("stop", h.Stop, providers.StateStopped)
	_, err := s.connect(sp.Name)
	wantError[*providers.NotRunningError](s, "connect to a stopped cluster", err)
	other := s.stranger(sp.Name)
	wantError[*providers.TakenError](s, "start with another id",
		s.call(func(ctx context.Context) error { return h.Start(ctx, other.Name, other.ID, nil) }))
	s.wantState(sp, providers.StateStopped)
	twice("start", h.Start, providers.StateRunning)
	s.reach(before)
}

// repair: what a power cut left is found as broken and cannot be connected to.
// Create with the same id brings it back, with the credentials of before; one
// that is borrowed comes back with its owner.
func (s *suite) repair(sp providers.Spec, before []byte) {
	if s.w.Break == nil {
		s.Skip("this world has no Break")
	}
	c, err := s.find(sp.Name)
	if err != nil {
		s.Fatal(err)
	}
	s.w.Break(s.T, c)
	s.wantState(sp, providers.StateBroken)
	s.wantListed(sp.Name)
	_, err = s.connect(sp.Name)
	wantError[*providers.NotRunningError](s, "connect to a broken cluster", err)
	if s.w.Lend == nil {
		s.create(sp)
	} else {
		_, err = s.tryCreate(sp)
		wantError[*providers.NotRunningError](s, "create of a broken cluster that is borrowed", err)
		s.w.Mend(s.whole, sp.Name)
		s.wantState(sp, providers.StateRunning)
	}
	s.reach(before)
	s.wantReach(sp.Name)
	s.w.Break(s.T, c)
	if err := s.tryDelete(s.stranger(sp.Name)); s.w.Lend == nil {
		wantError[*providers.TakenError](s, "delete of a broken cluster with another id", err)
	} else {
		s.w.Mend(s.whole, sp.Name)
	}
}

// deletedTogether: several processes that delete one cluster at once, broken as
// it may be, all succeed; one with another id is refused, or comes too late.
func (s *suite) deletedTogether(sp providers.Spec) {
	deleters := []providers.Spec{sp, sp, sp, s.stranger(sp.Name)}
	errs := make([]error, len(deleters))
	var group sync.WaitGroup
	for i, d := range deleters {
		group.Go(func() { errs[i] = s.tryDelete(d) })
	}
	group.Wait()
	for i, err := range errs {
		var taken *providers.TakenError
		if err != nil && (deleters[i].ID == sp.ID || !errors.As(err, &taken)) {
			s.Errorf("deleter %d: %v", i, err)
		}
	}
	s.wantDeleted(sp)
}
