package fake_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/fake"
	"github.com/rekindle-io/rekindle/providers/providertest"
)

var errDied = errors.New("the process died")

// dying makes calls die at their moment-th step.
type dying struct{ left int }

func (d *dying) at(_ context.Context, _ fake.Step, _ string) error {
	if d.left == 0 {
		return errDied
	}
	d.left--
	return nil
}

func TestConformance(t *testing.T) {
	conforms(t, func(w *fake.World) providers.Provider { return fake.New(w) })
}

func TestConformanceOfTheCloud(t *testing.T) {
	conforms(t, func(w *fake.World) providers.Provider { return fake.NewCloud(w) })
}

func conforms(t *testing.T, makes func(*fake.World) providers.Provider) {
	t.Helper()
	providertest.Run(t, func(*testing.T) providertest.World {
		w := fake.NewWorld(time.Now)
		crash := func(t *testing.T, moment int, call func(p providers.Provider) error) bool {
			w.At = (&dying{left: moment}).at
			defer func() { w.At = nil }()
			err := call(makes(w))
			if err != nil && !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			return err != nil
		}
		return providertest.World{
			New:         func(*testing.T) providers.Provider { return makes(w) },
			Settings:    providers.Settings{"flavour": "plain"},
			BadSettings: providers.Settings{"flavor": "plain"},
			Foreign: func(_ *testing.T, name string) func(*testing.T) {
				w.AddForeign(name)
				return func(t *testing.T) {
					if calls := w.Calls(); len(calls) > 0 {
						t.Errorf("something was done: %v", calls)
					}
				}
			},
			CrashCreate: func(t *testing.T, s providers.Spec, moment int) bool {
				return crash(t, moment, func(p providers.Provider) error {
					_, err := p.Create(t.Context(), s, nil)
					return err
				})
			},
			CrashDelete: func(t *testing.T, name, id string, moment int) bool {
				return crash(t, moment, func(p providers.Provider) error { return p.Delete(t.Context(), name, id, nil) })
			},
			EveryMoment: true,
			Break:       func(_ *testing.T, c providers.Cluster) { w.SetState(c.Name, providers.StateBroken) },
			Silence:     silence,
			Traces: func(t *testing.T) (names []string) {
				list, err := fake.New(w).List(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range list {
					names = append(names, c.Name)
				}
				return names
			},
		}
	})
}

// silence is a world that answers neither create nor delete, and gives up after
// a while by itself.
func silence(*testing.T) providertest.Silent {
	const patience = 500 * time.Millisecond
	w := fake.NewWorld(time.Now)
	w.At = func(ctx context.Context, _ fake.Step, _ string) error {
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return errors.New("no answer")
		}
	}
	return providertest.Silent{
		Provider: fake.New(w), Spec: providers.Spec{Name: "silent", ID: "1"}, Within: patience,
		Answer: func(*testing.T) { w.At = nil },
	}
}

// A crash after the cluster was made, before its maker knew: the next create
// makes nothing twice.
func TestNothingIsMadeTwice(t *testing.T) {
	w := fake.NewWorld(time.Now)
	s := providers.Spec{Name: "dev", ID: "1"}
	w.At = func(_ context.Context, step fake.Step, _ string) error {
		if step == fake.StepCreateEnd {
			return errDied
		}
		return nil
	}
	if _, err := fake.New(w).Create(t.Context(), s, nil); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	w.At = nil
	if _, err := fake.New(w).Create(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	if calls := w.Calls(); len(calls) != 1 || calls[0] != "create dev 1" {
		t.Errorf("made %v", calls)
	}
}

// Who trusted the last cluster of a name does not trust the next one until it is told
// to.
func TestTrustIsUpdated(t *testing.T) {
	w := fake.NewWorld(time.Now)
	c := fake.NewCloud(w)
	made, err := c.Create(t.Context(), providers.Spec{Name: "dev", ID: "2"}, nil)
	if err != nil || made.Issuer != fake.IssuerOf("2") {
		t.Fatalf("made %+v, %v", made, err)
	}
	w.AddTrust(providers.Trust{What: "role app", Accounts: []string{"shop/app"}, Issuer: fake.IssuerOf("1")})
	w.AddTrust(providers.Trust{What: "locked role", Issuer: fake.IssuerOf("1")})
	w.AddTrust(providers.Trust{What: "role of others", Issuer: fake.IssuerOf("x")})
	trusts := func(update bool) (words []string) {
		list, err := c.Trusts(t.Context(), "dev", "2", []string{fake.IssuerOf("1"), fake.IssuerOf("2")}, update)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			words = append(words, fmt.Sprint(one.What, " ", one.Issuer, " ", one.Updated, " ", one.Why))
		}
		return words
	}
	for _, tc := range []struct {
		update bool
		want   []string
	}{
		{false, []string{"role app https://issuer.invalid/1 false ", "locked role https://issuer.invalid/1 false "}},
		{true, []string{"role app https://issuer.invalid/2 true ", "locked role https://issuer.invalid/1 false it may not be changed"}},
		{true, []string{"locked role https://issuer.invalid/1 false it may not be changed"}},
	} {
		if have := trusts(tc.update); !slices.Equal(have, tc.want) {
			t.Errorf("have %q\nwant %q", have, tc.want)
		}
	}
}
