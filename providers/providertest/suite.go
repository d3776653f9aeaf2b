package providertest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
)

// suite is one test in its world. It embeds the test, so that its methods read
// as what they demand.
type suite struct {
	*testing.T
	// whole is the test of the world, which outlives the parts of a test: what
	// the world cleans up after it has to last until its end.
	whole *testing.T
	w     World
	// lent are the clusters that are borrowed at the moment, by name.
	lent map[string]providers.Spec
}

// part runs a part of a test under a name of its own; the rest builds on it.
func (s *suite) part(name string, do func(*suite)) {
	s.Helper()
	if !s.Run(name, func(t *testing.T) { do(&suite{T: t, whole: s.whole, w: s.w, lent: s.lent}) }) {
		s.FailNow()
	}
}

// spec returns a spec for a cluster of that name: the one that is lent, the
// first time, and a fresh id otherwise.
func (s *suite) spec(name string) providers.Spec {
	if _, lent := s.lent[name]; s.w.Lend != nil && !lent {
		s.lent[name] = s.w.Lend(s.whole, name)
		return s.lent[name]
	}
	return s.stranger(name)
}

// stranger returns a spec with a fresh id.
func (s *suite) stranger(name string) providers.Spec {
	sp := providers.Spec{Name: name, ID: strings.ToLower(rand.Text()), Settings: s.w.Settings}
	if lent, ok := s.lent[name]; ok {
		sp.Settings = lent.Settings
	}
	return sp
}

func (s *suite) provider() providers.Provider { return s.w.New(s.whole) }

// call gives a context that bounds one call.
func (s *suite) call(f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(s.Context(), s.w.Timeout)
	defer cancel()
	return f(ctx)
}

func (s *suite) create(sp providers.Spec) providers.Cluster {
	s.Helper()
	c, err := s.tryCreate(sp)
	if err != nil {
		s.Fatalf("create %s: %v", sp.Name, err)
	}
	if c.Name != sp.Name || c.ID != sp.ID || c.State != providers.StateRunning || c.Provider != s.provider().Name() {
		s.Fatalf("create %s returned %+v", sp.Name, c)
	}
	if c.Borrowed != (s.w.Lend != nil) {
		s.Fatalf("create %s: borrowed is %t", sp.Name, c.Borrowed)
	}
	return c
}

func (s *suite) tryCreate(sp providers.Spec) (c providers.Cluster, err error) {
	err = s.call(func(ctx context.Context) error {
		c, err = s.provider().Create(ctx, sp, func(m string) { s.Log(m) })
		return err
	})
	return c, err
}

func (s *suite) delete(sp providers.Spec) {
	s.Helper()
	if err := s.tryDelete(sp); err != nil {
		s.Fatalf("delete %s: %v", sp.Name, err)
	}
	s.wantDeleted(sp)
}

// wantDeleted: a cluster that was made is gone, one that was lent is unharmed.
func (s *suite) wantDeleted(sp providers.Spec) {
	s.Helper()
	if lent, ok := s.lent[sp.Name]; ok {
		s.wantState(lent, providers.StateRunning)
		s.wantReach(sp.Name)
		s.w.TakeBack(s.whole, sp.Name)
		delete(s.lent, sp.Name)
	}
	s.wantGone(sp.Name)
}

func (s *suite) tryDelete(sp providers.Spec) error {
	return s.call(func(ctx context.Context) error { return s.provider().Delete(ctx, sp.Name, sp.ID, nil) })
}

func (s *suite) find(name string) (c providers.Cluster, err error) {
	err = s.call(func(ctx context.Context) error {
		c, err = s.provider().Find(ctx, name)
		return err
	})
	return c, err
}

func (s *suite) connect(name string) (config []byte, err error) {
	err = s.call(func(ctx context.Context) error {
		config, err = s.provider().Connect(ctx, name)
		return err
	})
	return config, err
}

// credentials returns a kubeconfig whose asker has died where that can be had.
func (s *suite) credentials(name string) []byte {
	s.Helper()
	if s.w.ConnectElsewhere != nil {
		return s.w.ConnectElsewhere(s.T, name)
	}
	config, err := s.connect(name)
	if err != nil {
		s.Fatalf("connect %s: %v", name, err)
	}
	return config
}

func (s *suite) wantState(sp providers.Spec, want ...providers.State) {
	s.Helper()
	c, err := s.find(sp.Name)
	if err != nil {
		s.Fatalf("find %s: %v", sp.Name, err)
	}
	// One that is borrowed and does not answer cannot say which it is.
	known := c.ID == sp.ID || c.Borrowed && c.ID == "" && c.State == providers.StateBroken
	for _, state := range want {
		if c.State == state && known {
			return
		}
	}
	s.Fatalf("found %s as %s with id %q (%v), want %v with id %s", sp.Name, c.State, c.ID, c.Detail, want, sp.ID)
}

func (s *suite) wantGone(name string) {
	s.Helper()
	if c, err := s.find(name); !errors.Is(err, providers.ErrNotFound) {
		s.Fatalf("find %s: %+v, %v; want ErrNotFound", name, c, err)
	}
}

func (s *suite) wantReach(name string) {
	s.Helper()
	config, err := s.connect(name)
	if err != nil {
		s.Fatalf("connect %s: %v", name, err)
	}
	s.reach(config)
}

func (s *suite) reach(config []byte) {
	s.Helper()
	if s.w.Reach != nil {
		_ = s.call(func(ctx context.Context) error { s.w.Reach(ctx, s.T, config); return nil })
	}
}

func (s *suite) list() (list []providers.Cluster, can bool) {
	s.Helper()
	lister, ok := s.provider().(providers.Lister)
	if !ok {
		return nil, false
	}
	err := s.call(func(ctx context.Context) (err error) {
		list, err = lister.List(ctx)
		return err
	})
	if err != nil {
		s.Fatalf("list: %v", err)
	}
	return list, true
}

func (s *suite) leftovers() (left []providers.Leftover) {
	s.Helper()
	finder, ok := s.provider().(providers.LeftoverFinder)
	if !ok {
		return nil
	}
	err := s.call(func(ctx context.Context) (err error) {
		left, err = finder.Leftovers(ctx)
		return err
	})
	if err != nil {
		s.Fatalf("leftovers: %v", err)
	}
	return left
}

func wantError[E error](s *suite, what string, err error) {
	s.Helper()
	var want E
	if !errors.As(err, &want) {
		s.Fatalf("%s: %v (%T), want a %T", what, err, err, want)
	}
}

// nothingLeft is the last word of every test.
func (s *suite) nothingLeft() {
	s.Helper()
	if s.Failed() {
		return
	}
	for name := range s.lent {
		s.w.TakeBack(s.whole, name)
		delete(s.lent, name)
	}
	if left := s.leftovers(); len(left) > 0 {
		s.Errorf("leftovers: %+v", left)
	}
	if list, _ := s.list(); len(list) > 0 {
		s.Errorf("clusters left: %+v", list)
	}
	if s.w.Empty != nil {
		s.w.Empty(s.T)
	}
	if s.w.Traces != nil {
		if traces := s.w.Traces(s.T); len(traces) > 0 {
			s.Errorf("left, seen without the provider: %v", traces)
		}
	}
}
