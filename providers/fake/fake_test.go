package fake_test

import (
	"context"
	"errors"
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
	providertest.Run(t, func(*testing.T) providertest.World {
		w := fake.NewWorld(time.Now)
		crash := func(t *testing.T, moment int, call func(p providers.Provider) error) bool {
			w.At = (&dying{left: moment}).at
			defer func() { w.At = nil }()
			err := call(fake.New(w))
			if err != nil && !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			return err != nil
		}
		return providertest.World{
			New:         func(*testing.T) providers.Provider { return fake.New(w) },
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
