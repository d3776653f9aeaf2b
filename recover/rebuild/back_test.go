package rebuild_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// restarting is the local provider whose clusters are, for as many looks as are
// left, in a state other than running.
type restarting struct {
	*local.Provider
	mu    sync.Mutex
	left  int
	state providers.State
}

func (r *restarting) set(left int, state providers.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left, r.state = left, state
}

func (r *restarting) Find(ctx context.Context, name string) (providers.Cluster, error) {
	found, err := r.Provider.Find(ctx, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.left > 0 {
		r.left--
		found.State = r.state
		found.Detail["reason"] = "its API server does not answer: connection refused"
	}
	return found, err
}

// A restore that begins while the target's API server restarts waits for it, and
// says so; one whose target stays broken, or was stopped, is refused, the latter
// at once.
func TestRestartingServerIsWaitedFor(t *testing.T) {
	p := newPlace(t)
	maker := &restarting{Provider: p.local}
	var err error
	if p.Providers, err = providers.NewRegistry(maker); err != nil {
		t.Fatal(err)
	}
	p.commit(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}`)
	p.verified(t)

	restore := func(wait time.Duration) (said []string, err error) {
		p.req.Wait = wait
		_, err = p.Restore(t.Context(), p.req, (&agree{}).consent, func(e run.Event) {
			if strings.HasPrefix(e.Type, "target.") {
				said = append(said, e.Type+" "+e.Message)
			}
		})
		return said, err
	}
	const forever = 1 << 20
	var refused *rebuild.RefusedError

	maker.set(3, providers.StateBroken)
	said, err := restore(time.Minute)
	if err != nil || len(said) != 3 || !strings.Contains(said[0], "connection refused: looking again for up to 15s") ||
		!strings.HasPrefix(said[1], "target.back cluster place is running after ") || said[2] != "target.found cluster place exists (running)" {
		t.Fatalf("with a server that comes back: %v: %q", err, said)
	}

	maker.set(forever, providers.StateBroken)
	said, err = restore(time.Second)
	if !errors.As(err, &refused) || !strings.Contains(refused.Error(), "is broken") || !slices.Contains(said, "target.found cluster place exists (broken)") {
		t.Fatalf("with a server that stays away: %v: %q", err, said)
	}

	maker.set(forever, providers.StateStopped)
	said, err = restore(time.Minute)
	if !errors.As(err, &refused) || !strings.Contains(refused.Error(), "is stopped") || len(said) != 1 {
		t.Fatalf("with a cluster that was stopped: %v: %q", err, said)
	}
}
