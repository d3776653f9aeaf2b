package providertest

import (
	"context"
	"errors"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// cancelled: wherever a create is cancelled, it comes back soon, and delete
// leaves nothing; what was cancelled can be finished.
func (s *suite) cancelled() {
	for i, after := range s.w.CancelAfter {
		sp := s.spec("cancelled")
		ctx, cancel := context.WithTimeout(s.Context(), after)
		begun := time.Now()
		_, err := s.provider().Create(ctx, sp, nil)
		cancel()
		if took := time.Since(begun) - after; took > prompt {
			s.Errorf("cancelled after %s, it came back %s later", after, took)
		}
		if err != nil {
			s.wantHalf(sp, after, err)
		}
		if i == len(s.w.CancelAfter)-1 {
			s.create(sp)
			s.wantReach(sp.Name)
			s.stop(sp) // what sleeps can be deleted as well
		}
		s.delete(sp)
		s.nothingLeft()
	}
}

func (s *suite) stop(sp providers.Spec) {
	s.Helper()
	h, ok := s.provider().(providers.Hibernator)
	if !ok {
		return
	}
	if err := s.call(func(ctx context.Context) error { return h.Stop(ctx, sp.Name, sp.ID, nil) }); err != nil {
		s.Fatalf("stop: %v", err)
	}
}

// wantHalf: what a cancelled create left is found with its id, and is not said
// to run.
func (s *suite) wantHalf(sp providers.Spec, after time.Duration, err error) {
	s.Helper()
	if !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("cancelled after %s: %v, want the context's error", after, err)
	}
	c, err := s.find(sp.Name)
	if err != nil {
		s.accounted(sp.Name)
		return
	}
	if c.ID != sp.ID || c.State == providers.StateRunning {
		s.Fatalf("cancelled after %s, found as %+v", after, c)
	}
	_, err = s.connect(sp.Name)
	wantError[*providers.NotRunningError](s, "connect to a half-made cluster", err)
}

// crashes: whenever the maker dies, the next create with the same id finishes
// the cluster; whenever the remover dies, the next delete ends the work; and
// what a maker left half made can be deleted at once.
func (s *suite) crashes() {
	for moment := 0; s.w.EveryMoment || moment < s.w.Moments; moment++ {
		if died := s.crashAt(moment); !died && s.w.EveryMoment {
			break
		}
	}
	if s.w.EveryMoment {
		s.crashAgain()
	}
}

// crashAt lets a maker and a remover die at one moment. It tells whether any of
// them did.
func (s *suite) crashAt(moment int) bool {
	finished, removed := s.spec("half-made"), s.spec("half-made")
	created := s.w.CrashCreate(s.T, finished, moment)
	if !created {
		s.Logf("moment %d: create was faster", moment)
	}
	if c, err := s.find(finished.Name); err == nil && c.ID != finished.ID {
		s.Fatalf("moment %d: found %+v", moment, c)
	}
	s.accounted(finished.Name)
	s.create(finished)
	s.wantReach(finished.Name)

	deleted := s.w.CrashDelete(s.T, finished.Name, finished.ID, moment)
	if !deleted {
		s.Logf("moment %d: delete was faster", moment)
	}
	if _, err := s.find(finished.Name); err == nil {
		wantError[*providers.TakenError](s, "delete of a half-deleted cluster with another id", s.tryDelete(removed))
	}
	s.accounted(finished.Name)
	s.delete(finished)
	s.nothingLeft()

	s.w.CrashCreate(s.T, removed, moment)
	s.accounted(removed.Name)
	s.delete(removed)
	s.nothingLeft()
	return created || deleted
}

// crashAgain lets whoever takes up the work of a dead one die, too, at every
// pair of moments, and whoever then deletes at every moment.
func (s *suite) crashAgain() {
	for first := 0; ; first++ {
		died := false
		for second := 0; ; second++ {
			sp := s.spec("again")
			died = s.w.CrashCreate(s.T, sp, first)
			again := s.w.CrashCreate(s.T, sp, second)
			s.accounted(sp.Name)
			removed := s.w.CrashDelete(s.T, sp.Name, sp.ID, second)
			s.accounted(sp.Name)
			s.delete(sp)
			s.nothingLeft()
			if !again && !removed {
				break
			}
		}
		if !died {
			return
		}
	}
}

// accounted: what is there after a death or a cancellation is found as the
// cluster, and listed, or is listed as left over.
func (s *suite) accounted(name string) {
	s.Helper()
	_, err := s.find(name)
	if err == nil {
		if list, can := s.list(); can && len(list) == 0 {
			s.Errorf("%s is found and not listed", name)
		}
		return
	}
	if !errors.Is(err, providers.ErrNotFound) {
		s.Fatalf("find what a dead one made: %v", err)
	}
	if s.w.Traces == nil {
		return
	}
	if traces := s.w.Traces(s.T); len(traces) > 0 && len(s.leftovers()) == 0 {
		s.Errorf("nobody can find or list what is left: %v", traces)
	}
}
