package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// Find returns the cluster of that name as it is at this moment.
func (p *Provider) Find(ctx context.Context, name string) (providers.Cluster, error) {
	if err := checkName(name); err != nil {
		return providers.Cluster{}, err
	}
	m, err := p.inspect(name)
	if err != nil {
		return providers.Cluster{}, err
	}
	return p.look(ctx, m)
}

// List returns every cluster below the root, by name; what is not ours is left
// out.
func (p *Provider) List(ctx context.Context) ([]providers.Cluster, error) {
	entries, err := os.ReadDir(p.opts.Root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("provider local: %w", err)
	}
	var found []providers.Cluster
	for _, e := range entries {
		if checkName(e.Name()) != nil {
			continue
		}
		c, err := p.Find(ctx, e.Name())
		var foreign *providers.ForeignError
		switch {
		case errors.Is(err, providers.ErrNotFound) || errors.As(err, &foreign):
			continue
		case err != nil:
			return nil, err
		}
		found = append(found, c)
	}
	return found, nil
}

// Connect returns an administrator's kubeconfig, valid as long as the cluster.
func (p *Provider) Connect(ctx context.Context, name string) ([]byte, error) {
	c, err := p.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	if c.State != providers.StateRunning {
		return nil, &providers.NotRunningError{Provider: ProviderName, Name: name, State: c.State, Reason: c.Detail["reason"]}
	}
	h := p.home(name)
	config, err := kubeconfig(h, name, readStatus(h, c.ID).Ports.API)
	if err != nil {
		return nil, fmt.Errorf("provider local: cluster %q: %w", name, err)
	}
	return config, nil
}

// look compares what the mark says with what is there.
func (p *Provider) look(ctx context.Context, m mark) (providers.Cluster, error) {
	h := p.home(m.Name)
	st := readStatus(h, m.ID)
	switch m.State {
	case providers.StateCreating, providers.StateDeleting:
		return p.describe(m, st, m.State, "it was not finished"), nil
	}
	found, err := processesOf(h, m.ID)
	if err != nil {
		return providers.Cluster{}, fmt.Errorf("provider local: %w", err)
	}
	if m.State == providers.StateStopped {
		if len(found) > 0 {
			return p.describe(m, st, providers.StateBroken, "it was stopped, and "+names(found)+" still run"), nil
		}
		return p.describe(m, st, providers.StateStopped, ""), nil
	}
	if len(found) == 0 {
		return p.describe(m, st, providers.StateBroken, "its processes are gone, perhaps since the machine was started anew"), nil
	}
	client, err := newAPIClient(h, st.Ports.API)
	if err != nil {
		return p.describe(m, st, providers.StateBroken, err.Error()), nil
	}
	defer client.close()
	askCtx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := client.get(askCtx, "/livez"); err != nil {
		if ctx.Err() != nil {
			return providers.Cluster{}, ctx.Err()
		}
		return p.describe(m, st, providers.StateBroken, "its API server does not answer: "+err.Error()), nil
	}
	return p.describe(m, st, providers.StateRunning, ""), nil
}

func names(found []process) string {
	parts := make([]string, len(found))
	for i, pr := range found {
		parts[i] = fmt.Sprintf("%s (process %d)", pr.command, pr.pid)
	}
	return strings.Join(parts, ", ")
}

func (p *Provider) describe(m mark, st status, state providers.State, reason string) providers.Cluster {
	h := p.home(m.Name)
	c := providers.Cluster{
		Provider: ProviderName, Name: m.Name, ID: m.ID, State: state,
		Created: m.Created, Version: m.Version, Simulated: true,
		Detail: map[string]string{
			"directory": string(h), "nodes": strconv.Itoa(m.Settings.nodes()), "kubeconfig": h.path("kubeconfig"),
		},
	}
	if reason != "" {
		c.Detail["reason"] = reason
	}
	if st.Ports.API != 0 {
		c.Endpoint = endpoint(st.Ports.API)
	}
	return c
}
