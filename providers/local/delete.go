package local

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/rekindle-io/rekindle/providers"
)

// Delete ends the cluster's processes and removes its files. It needs neither
// the API server nor the binary.
func (p *Provider) Delete(ctx context.Context, name, id string, progress providers.Progress) error {
	if err := errors.Join(checkName(name), checkID(id)); err != nil {
		return err
	}
	m, lock, err := p.acquire(ctx, name, id)
	if errors.Is(err, providers.ErrNotFound) {
		// Nothing holds the name, but a delete or a create that died may have
		// left something that bears this id.
		return p.removeRest(ctx, name, id)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	progress.Say(fmt.Sprintf("removing cluster %s", name))

	h := p.home(name)
	if m.State != providers.StateDeleting {
		m.State = providers.StateDeleting
		if err := m.write(h); err != nil && !isDiskFull(err) {
			return fmt.Errorf("provider local: cluster %q: %w", name, err)
		}
	}
	if err := killAll(ctx, h, id); err != nil {
		return fmt.Errorf("provider local: cluster %q: %w", name, err)
	}
	trash := p.trash(name, id)
	if err := os.RemoveAll(trash); err != nil {
		return fmt.Errorf("provider local: cluster %q: %w", name, err)
	}
	if err := os.Rename(string(h), trash); err != nil {
		return fmt.Errorf("provider local: cluster %q: %w", name, err)
	}
	return p.removeRest(ctx, name, id)
}

// removeRest removes what bears the id although no cluster of that name does.
func (p *Provider) removeRest(ctx context.Context, name, id string) error {
	if supported() == nil {
		if err := killAll(ctx, p.home(name), id); err != nil {
			return fmt.Errorf("provider local: cluster %q: %w", name, err)
		}
	}
	if err := p.sweep(name, id); err != nil {
		return fmt.Errorf("provider local: cluster %q: %w", name, err)
	}
	return nil
}
