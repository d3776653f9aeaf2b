// Package providertest is the one suite that every provider passes: it holds
// providers.Provider to the letter of its contract, crashes and other people's
// property included.
//
// In goes a way to make a World, an empty place in which the provider makes
// clusters; out comes the verdict of go test.
package providertest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// World is an empty place in which clusters are made.
type World struct {
	// New returns a provider over this world, as a process that has just been
	// started would: values share nothing but the world.
	New func(t *testing.T) providers.Provider
	// Settings are valid settings for the clusters of the suite.
	Settings providers.Settings
	// BadSettings are settings that Check and Create have to refuse.
	BadSettings providers.Settings
	// Foreign makes something of that name that is not ours, and returns a
	// function that fails the test unless it is untouched.
	Foreign func(t *testing.T, name string) (untouched func(t *testing.T))
	// Reach fails unless the kubeconfig's credentials reach the cluster.
	Reach func(ctx context.Context, t *testing.T, kubeconfig []byte)
	// CrashCreate runs Create as a process that dies without a chance to clean
	// up, in the middle; moment counts from 0 and asks for later and later
	// deaths. It returns false when Create ended before that moment.
	CrashCreate func(t *testing.T, spec providers.Spec, moment int) (died bool)
	// CrashDelete is the same for Delete.
	CrashDelete func(t *testing.T, name, id string, moment int) (died bool)
	// Break stops the cluster's parts behind the provider's back, as a power cut
	// does.
	Break func(t *testing.T, c providers.Cluster)
	// Empty fails unless the world holds nothing, seen without the provider.
	Empty func(t *testing.T)
	// Moments bounds how many moments of a crash are tried; 3 when 0.
	Moments int
	// Timeout bounds every single call; a minute when 0.
	Timeout time.Duration
}

// Run runs the suite, each test in a world of its own.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	tests := map[string]func(*suite){
		"life of a cluster":            (*suite).life,
		"bad specs are refused":        (*suite).badSpecs,
		"foreign things are untouched": (*suite).foreign,
		"two clusters at once":         (*suite).twoAtOnce,
		"one name, several makers":     (*suite).race,
		"cancelled create":             (*suite).cancelled,
		"dying in the middle":          (*suite).crashes,
		"broken clusters are repaired": (*suite).repair,
		"hibernation":                  (*suite).hibernation,
		"an ended context ends calls":  (*suite).endedContext,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if w.Timeout == 0 {
				w.Timeout = time.Minute
			}
			if w.Moments == 0 {
				w.Moments = 3
			}
			s := &suite{T: t, w: w}
			test(s)
			s.nothingLeft()
		})
	}
}

// suite is one test in its world. It embeds the test, so that its methods read
// as what they demand.
type suite struct {
	*testing.T
	w World
}

// spec returns a spec with a fresh id.
func (s *suite) spec(name string) providers.Spec {
	return providers.Spec{Name: name, ID: strings.ToLower(rand.Text()), Settings: s.w.Settings}
}

func (s *suite) provider() providers.Provider { return s.w.New(s.T) }

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

func (s *suite) wantState(sp providers.Spec, want ...providers.State) {
	s.Helper()
	c, err := s.find(sp.Name)
	if err != nil {
		s.Fatalf("find %s: %v", sp.Name, err)
	}
	for _, state := range want {
		if c.State == state && c.ID == sp.ID {
			return
		}
	}
	s.Fatalf("found %s as %s with id %s (%v), want %v with id %s", sp.Name, c.State, c.ID, c.Detail, want, sp.ID)
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
	if s.w.Reach != nil {
		_ = s.call(func(ctx context.Context) error { s.w.Reach(ctx, s.T, config); return nil })
	}
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
	p := s.provider()
	if finder, ok := p.(providers.LeftoverFinder); ok {
		left, err := finder.Leftovers(s.Context())
		if err != nil || len(left) > 0 {
			s.Errorf("leftovers: %+v, %v", left, err)
		}
	}
	if lister, ok := p.(providers.Lister); ok {
		list, err := lister.List(s.Context())
		if err != nil || len(list) > 0 {
			s.Errorf("clusters left: %+v, %v", list, err)
		}
	}
	if s.w.Empty != nil {
		s.w.Empty(s.T)
	}
}
