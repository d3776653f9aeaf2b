package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// minimumSpace is what a fresh cluster needs on disk: etcd alone sets 64 MB of
// log aside before the first write.
const minimumSpace = 256 << 20

// Create makes the cluster, or the half-made one of the same name and ID anew. A
// stopped or broken one, which was ready before, is started with its data.
func (p *Provider) Create(ctx context.Context, s providers.Spec, progress providers.Progress) (providers.Cluster, error) {
	if err := supported(); err != nil {
		return providers.Cluster{}, err
	}
	fresh, err := p.freshMark(s)
	if err != nil {
		return providers.Cluster{}, err
	}
	// Whose the name is comes before what this machine lacks.
	_, err = p.owned(s.Name, s.ID)
	unknown := errors.Is(err, providers.ErrNotFound)
	if err != nil && !unknown {
		return providers.Cluster{}, err
	}
	if _, err := p.binary(fresh.Settings); err != nil {
		return providers.Cluster{}, err
	}
	if unknown { // nothing is made where there is no room
		if err := p.room(); err != nil {
			return providers.Cluster{}, fmt.Errorf("provider local: cluster %q: %w", s.Name, err)
		}
	}
	m, lock, err := p.claim(ctx, fresh)
	if err != nil {
		return providers.Cluster{}, err
	}
	defer lock.Close()
	if m.State != providers.StateRunning && m.State != providers.StateStopped {
		m.State = providers.StateCreating
		if err := m.write(p.home(s.Name)); err != nil {
			return providers.Cluster{}, fmt.Errorf("provider local: %w", err)
		}
	}
	return p.bringUp(ctx, m, progress)
}

func (p *Provider) freshMark(s providers.Spec) (mark, error) {
	if err := checkName(s.Name); err != nil {
		return mark{}, err
	}
	if err := checkID(s.ID); err != nil {
		return mark{}, err
	}
	set, err := decode(s.Settings)
	if err != nil {
		return mark{}, fmt.Errorf("provider local: %w", err)
	}
	return mark{
		Schema: schema, Provider: ProviderName, Name: s.Name, ID: s.ID,
		State: providers.StateCreating, Created: p.opts.Now().UTC().Truncate(time.Second), Settings: set,
	}, nil
}

// bringUp makes whatever the cluster lacks and waits until it is ready. The
// caller holds the cluster's lock. When it fails, nothing that was not running
// before is left running.
func (p *Provider) bringUp(ctx context.Context, m mark, progress providers.Progress) (providers.Cluster, error) {
	h := p.home(m.Name)
	fail := func(err error) (providers.Cluster, error) {
		return providers.Cluster{}, fmt.Errorf("provider local: cluster %q: %w", m.Name, err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	running, err := p.supervised(h, m.ID)
	if err != nil {
		return fail(err)
	}
	var started <-chan struct{}
	if !running {
		if started, err = p.startAnew(ctx, h, m, progress); err != nil {
			return fail(err)
		}
	}
	st, err := p.waitReady(ctx, h, m, started)
	if err == nil {
		err = p.record(h, &m, st)
	}
	if err != nil {
		if !running || m.State == providers.StateCreating {
			// ctx may be what ended it.
			killCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			err = errors.Join(err, killAll(killCtx, h, m.ID))
		}
		if full := p.room(); full != nil && ctx.Err() == nil { // likely why
			err = fmt.Errorf("%w; %w", full, err)
		} else if !running && m.State != providers.StateCreating && ctx.Err() == nil {
			err = fmt.Errorf("%w\nshould this go on, its data may be damaged, as by a full disk or a power cut: give it up with rekindle clusters delete %s, and restore it anew", err, m.Name)
		}
		return fail(err)
	}
	if st.Moved && started != nil {
		progress.Say(fmt.Sprintf("a port of cluster %s was taken, its API server is now at %s", m.Name, endpoint(st.Ports.API)))
	}
	return p.describe(m, st, providers.StateRunning, ""), nil
}

// record writes down that the cluster is ready, and how to reach it.
func (p *Provider) record(h home, m *mark, st status) error {
	config, err := kubeconfig(h, m.Name, st.Ports.API)
	if err != nil {
		return err
	}
	if err := writeFile(h.path("kubeconfig"), config); err != nil {
		return err
	}
	done := *m
	done.State, done.Version = providers.StateRunning, st.Version
	if err := done.write(h); err != nil {
		return err
	}
	*m = done
	return nil
}

// room refuses to begin where the disk is too full for a cluster.
func (p *Provider) room() error {
	if err := os.MkdirAll(p.opts.Root, 0o700); err != nil {
		return err
	}
	free, err := freeSpace(p.opts.Root)
	if err != nil {
		return err
	}
	if free < minimumSpace {
		return fmt.Errorf("only %d MB are free below %s, a cluster needs %d MB: free some, or put the state directory elsewhere",
			free>>20, p.opts.Root, minimumSpace>>20)
	}
	return nil
}

// prepare makes the files that the supervisor needs.
func (p *Provider) prepare(h home, m mark) error {
	if err := p.room(); err != nil {
		return err
	}
	if err := ensurePKI(h, p.opts.Now()); err != nil {
		return err
	}
	return writeJSON(h.path("controlplane.json"), spec{
		Schema: schema, Name: m.Name, ID: m.ID, Nodes: m.Settings.nodes(), Durable: m.Settings.Durable,
	})
}

// waitReady returns when the cluster is ready for the first apply. started is
// closed when the supervisor that was started here has ended; nil when one ran
// already.
func (p *Provider) waitReady(ctx context.Context, h home, m mark, started <-chan struct{}) (status, error) {
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, p.opts.StartTimeout)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()

	var client *apiClient
	var steps []readyStep
	port := 0
	for {
		st := readStatus(h, m.ID)
		if st.Phase == phaseFailed {
			return st, notReady(h, st, "", errors.New(st.Message))
		}
		if st.Ports.API != port { // it said where it is going to be
			var err error
			if client, err = newAPIClient(h, st.Ports.API); err != nil {
				return st, err
			}
			defer client.close()
			port, steps = st.Ports.API, client.readySteps(m)
		}
		for len(steps) > 0 && steps[0].check(ctx) == nil {
			steps = steps[1:]
		}
		if client != nil && len(steps) == 0 {
			return readStatus(h, m.ID), nil
		}
		select {
		case <-ctx.Done():
			if asked.Err() != nil {
				return st, context.Cause(asked)
			}
			lacking, component := "the supervisor has not begun", commandSupervise
			if len(steps) > 0 {
				lacking, component = steps[0].lacking, steps[0].component
			}
			return st, notReady(h, st, component, fmt.Errorf("after %s %s", p.opts.StartTimeout, lacking))
		case <-started:
			if st := readStatus(h, m.ID); st.Phase == phaseFailed {
				return st, notReady(h, st, "", errors.New(st.Message))
			}
			return st, notReady(h, st, commandSupervise, errors.New("the supervisor ended"))
		case <-tick.C:
		}
	}
}
