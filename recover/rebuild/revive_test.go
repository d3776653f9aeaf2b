package rebuild_test

import (
	"context"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
)

// forgetful is a provider that takes a finished cluster for half made.
type forgetful struct {
	providers.Provider
	providers.Hibernator
	amnesia bool
	made    int
}

func (f *forgetful) Find(ctx context.Context, name string) (providers.Cluster, error) {
	c, err := f.Provider.Find(ctx, name)
	if f.amnesia {
		c.State = providers.StateCreating
	}
	return c, err
}

func (f *forgetful) Create(ctx context.Context, s providers.Spec, progress providers.Progress) (providers.Cluster, error) {
	f.made++
	return f.Provider.Create(ctx, s, progress)
}

// A resumed run starts the cluster that it made, and never makes it anew.
func TestAResumedRunMakesNothingAnew(t *testing.T) {
	p := newPlace(t)
	provider := &forgetful{Provider: p.local, Hibernator: p.local}
	registry, err := providers.NewRegistry(provider)
	if err != nil {
		t.Fatal(err)
	}
	p.Providers = registry
	p.commit(t, shop, settings("own", "1", ""))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	was, err := p.Restore(ctx, p.req, (&agree{}).consent, func(ev run.Event) {
		if ev.Type == "plan.made" {
			cancel()
		}
	})
	if err == nil || was == nil || provider.made != 1 {
		t.Fatalf("not cut off after it was made %d times: %v", provider.made, err)
	}
	provider.amnesia = true
	if _, err := p.Resume(t.Context(), was.Run, (&agree{}).consent, nil); err != nil {
		t.Errorf("resumed: %v", err)
	}
	if provider.made != 1 {
		t.Errorf("it was made %d times", provider.made)
	}
}
