package kind

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/rekindle-io/rekindle/providers"
)

// stopGrace is how many seconds a node gets to stop its pods before it is
// killed.
const stopGrace = "10"

// Stop stops the containers of the cluster and keeps their data. Docker does not
// start them again by itself.
func (p *Provider) Stop(ctx context.Context, name, id string, progress providers.Progress) error {
	h, place, err := p.wholeCluster(ctx, name, id, progress)
	if err != nil {
		return err
	}
	defer place.leave()
	ctx, cancel := bounded(ctx, p.opts.DeleteTimeout, "stopping")
	defer cancel()
	progress.Say("stopping cluster " + name)
	if err := p.mark(ctx, h, phaseStopped); err != nil {
		return about(name, err)
	}
	// Workers before control planes: kubelets report until the end.
	err = p.each(ctx, h.nodes, func(c container) bool { return !c.controls() }, p.stopOne)
	if err == nil {
		err = p.each(ctx, h.working(), func(c container) bool { return c.label(kindRole) != "worker" }, p.stopOne)
	}
	return about(name, err)
}

// Start brings a stopped or broken cluster back with its data, its credentials
// and its ports. It returns when the API server is ready.
func (p *Provider) Start(ctx context.Context, name, id string, progress providers.Progress) error {
	h, place, err := p.wholeCluster(ctx, name, id, progress)
	if err != nil {
		return err
	}
	defer place.leave()
	ctx, cancel := bounded(ctx, defaultWait, "starting")
	defer cancel()
	_, err = p.revive(ctx, h, progress)
	return about(name, err)
}

// wholeCluster locks the cluster and returns it, unless it was never made whole
// or is being deleted. The caller has to leave its workplace.
func (p *Provider) wholeCluster(ctx context.Context, name, id string, progress providers.Progress) (holding, *workplace, error) {
	if err := checkSpec(name, id); err != nil {
		return holding{}, nil, err
	}
	place, err := p.enter(ctx, name, progress)
	if err != nil {
		return holding{}, nil, err
	}
	h, err := p.whole(ctx, name, id)
	if err != nil {
		place.leave()
		return holding{}, nil, err
	}
	return h, place, nil
}

func (p *Provider) whole(ctx context.Context, name, id string) (holding, error) {
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking Docker about cluster "+name)
	defer cancel()
	s, err := p.look(ctx)
	if err != nil {
		return holding{}, about(name, err)
	}
	h, err := s.owned(name, id)
	if err != nil {
		return holding{}, err
	}
	if state, _ := h.state(); state == providers.StateCreating || state == providers.StateDeleting {
		return holding{}, &providers.NotRunningError{Provider: ProviderName, Name: name, State: state, Reason: "only what was made whole can be stopped, started or given images"}
	}
	return h, nil
}

// revive starts whatever does not run and waits until the cluster is ready.
func (p *Provider) revive(ctx context.Context, h holding, progress providers.Progress) (providers.Cluster, error) {
	if lacking := h.lacking(); lacking != "" {
		return providers.Cluster{}, &Error{What: lacking, Remedy: "delete it (rekindle clusters delete " + h.name + "), then restore it"}
	}
	down := func(c container) bool { return !c.State.Running || c.State.Paused }
	if slices.ContainsFunc(h.working(), down) {
		progress.Say("starting the containers of cluster " + h.name + " again")
	} else {
		progress = nil // it runs: nothing takes time
	}
	if err := p.each(ctx, h.working(), func(c container) bool { return c.label(kindRole) != "worker" && down(c) }, p.startOne); err != nil {
		return providers.Cluster{}, err
	}
	if err := p.each(ctx, h.nodes, func(c container) bool { return c.label(kindRole) == "worker" && down(c) }, p.startOne); err != nil {
		return providers.Cluster{}, err
	}
	if !h.in(phaseReady) { // its tags were removed; what the nodes say does without
		if err := p.mark(ctx, h, phaseReady); err != nil && !saidGone(err) {
			return providers.Cluster{}, err
		}
	}
	if h.in(phaseStopped) {
		if err := p.unmark(ctx, h, phaseStopped); err != nil {
			return providers.Cluster{}, err
		}
	}
	s, err := p.look(ctx) // ports are known of what runs
	if err != nil {
		return providers.Cluster{}, err
	}
	return p.awaitReady(ctx, s.holding(h.name, h.id), progress)
}

// each does something to all containers that are chosen, at once.
func (p *Provider) each(ctx context.Context, list []container, chosen func(container) bool, do func(context.Context, container) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range list {
		if chosen(c) {
			group.Go(func() error {
				if err := do(ctx, c); err != nil {
					return fmt.Errorf("%s: %w", c.name(), err)
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// stopOne stops a container, and keeps Docker from starting it after a reboot.
func (p *Provider) stopOne(ctx context.Context, c container) error {
	if _, err := p.docker.output(ctx, "container", "update", "--restart=no", c.ID); err != nil {
		return err
	}
	_, err := p.docker.output(ctx, "container", "stop", "--time", stopGrace, c.ID)
	return err
}

func (p *Provider) startOne(ctx context.Context, c container) error {
	if c.State.Paused {
		_, err := p.docker.output(ctx, "container", "unpause", c.ID)
		return err
	}
	// As kind sets it: start with the machine, never again by itself.
	if _, err := p.docker.output(ctx, "container", "update", "--restart=on-failure:1", c.ID); err != nil {
		return err
	}
	_, err := p.docker.output(ctx, "container", "start", c.ID)
	return err
}
