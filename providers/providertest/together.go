package providertest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// together: two clusters are made at the same time, one of them by several
// makers, and somebody lists all the while. Of the makers with different ids one
// gets the name, and so do all with its id; the others hear that it is taken.
// The end of one cluster leaves the other alone.
func (s *suite) together() {
	same := s.spec("one")
	two := s.spec("two")
	makers := []providers.Spec{same, same, s.stranger("one"), s.stranger("one"), two}
	var known []string
	for _, m := range makers {
		known = append(known, m.ID)
	}
	stop := s.listAlong(known)
	errs := make([]error, len(makers))
	var group sync.WaitGroup
	for i, sp := range makers {
		group.Go(func() { _, errs[i] = s.tryCreate(sp) })
	}
	group.Wait()
	stop()

	one, err := s.find("one")
	if err != nil {
		s.Fatalf("nobody got the name: %v: %v", err, errors.Join(errs...))
	}
	for i, sp := range makers {
		if sp.ID == one.ID || sp.ID == two.ID {
			if errs[i] != nil {
				s.Errorf("one who got the name: %v", errs[i])
			}
			continue
		}
		wantError[*providers.TakenError](s, "one who did not get the name", errs[i])
	}
	s.wantListed("one", "two")
	s.wantReach("one")
	s.wantReach("two")

	stop = s.listAlong(known)
	s.delete(providers.Spec{Name: "one", ID: one.ID})
	s.wantReach("two")
	s.delete(two)
	stop()
}

// listAlong lists again and again until it is stopped: no list may fail, whatever
// comes and goes meanwhile, or show what nobody made.
func (s *suite) listAlong(known []string) (stop func()) {
	lister, ok := s.provider().(providers.Lister)
	if !ok {
		return func() {}
	}
	ended := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			list, err := lister.List(s.Context())
			if err != nil {
				s.Errorf("list while others make and remove: %v", err)
				return
			}
			for _, c := range list {
				unnamed := c.Borrowed && c.ID == ""
				if c.Name != "one" && c.Name != "two" || !unnamed && !slices.Contains(known, c.ID) {
					s.Errorf("listed while others make and remove: %+v", c)
				}
			}
		}
	})
	return func() {
		close(ended)
		group.Wait()
	}
}
