package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/rekindle-io/rekindle/providers"
)

// Stop ends the cluster's processes, in order, and keeps its data.
func (p *Provider) Stop(ctx context.Context, name, id string, progress providers.Progress) error {
	if err := errors.Join(checkName(name), checkID(id)); err != nil {
		return err
	}
	m, lock, err := p.acquire(ctx, name, id)
	if err != nil {
		return err
	}
	defer lock.Close()
	switch m.State {
	case providers.StateRunning, providers.StateStopped:
	default:
		return &providers.NotRunningError{Provider: ProviderName, Name: name, State: m.State, Reason: "only what was made whole can be stopped"}
	}
	progress.Say(fmt.Sprintf("stopping cluster %s", name))
	if m.State == providers.StateRunning {
		m.State = providers.StateStopped
		if err := m.write(p.home(name)); err != nil {
			return fmt.Errorf("provider local: cluster %q: %w", name, err)
		}
	}
	if err := p.stopGently(ctx, p.home(name), id); err != nil {
		return fmt.Errorf("provider local: cluster %q: %w", name, err)
	}
	return nil
}

// Start brings a stopped or broken cluster back with its data, its credentials
// and, where nobody took them, its ports. It returns when the cluster is ready.
func (p *Provider) Start(ctx context.Context, name, id string, progress providers.Progress) error {
	if err := errors.Join(supported(), checkName(name), checkID(id)); err != nil {
		return err
	}
	m, lock, err := p.acquire(ctx, name, id)
	if err != nil {
		return err
	}
	defer lock.Close()
	switch m.State {
	case providers.StateRunning, providers.StateStopped:
	default:
		return &providers.NotRunningError{Provider: ProviderName, Name: name, State: m.State, Reason: "only what was made whole can be started"}
	}
	_, err = p.bringUp(ctx, m, progress)
	return err
}
