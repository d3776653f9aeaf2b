// Package fake is a provider whose clusters exist in memory only, for tests of
// whatever uses a provider. It passes the same suite as the real ones.
//
// A World holds what exists; providers are made from it, as often as a test
// wants to play a process that died and was started again.
package fake

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// ProviderName is the name of the provider.
const ProviderName = "fake"

// Step is a moment at which a World can be made to wait, fail or panic.
type Step string

// The steps of creation and removal, in order.
const (
	// StepCreateBegin: nothing exists yet.
	StepCreateBegin Step = "create begin"
	// StepCreateHalf: the cluster is recorded as half made.
	StepCreateHalf Step = "create half"
	// StepCreateEnd: the cluster runs, its maker does not know yet.
	StepCreateEnd Step = "create end"
	// StepDeleteBegin: the cluster is recorded as being deleted.
	StepDeleteBegin Step = "delete begin"
	// StepDeleteEnd: the cluster is gone, who removed it does not know yet.
	StepDeleteEnd Step = "delete end"
)

// World is what exists, shared by all providers made from it.
type World struct {
	// At is called at each step of a cluster when it is set; what it returns
	// ends the call there, as if the process had died. It may block until ctx
	// ends. Set it before the first use.
	At func(ctx context.Context, step Step, cluster string) error
	// Now stamps clusters.
	Now func() time.Time
	// Kubeconfig is what Connect returns for a cluster; a text that names the
	// cluster when nil.
	Kubeconfig func(c providers.Cluster) []byte

	mu       sync.Mutex
	clusters map[string]providers.Cluster
	foreign  map[string]bool
	calls    []string
	left     []providers.Leftover
	trusts   []providers.Trust
	tokenErr error
	tokens   int
}

// NewWorld returns an empty world with that clock.
func NewWorld(now func() time.Time) *World {
	return &World{Now: now, clusters: map[string]providers.Cluster{}, foreign: map[string]bool{}}
}

// AddForeign lets somebody else hold a name.
func (w *World) AddForeign(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.foreign[name] = true
}

// SetState changes the state of a cluster, as when its machine was started
// anew.
func (w *World) SetState(name string, state providers.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.clusters[name]; ok {
		c.State = state
		w.clusters[name] = c
	}
}

// Calls returns what was made and removed so far, in order: "create NAME ID",
// "delete NAME ID", "stop NAME ID", "start NAME ID". A call that found nothing
// to do is not among them.
func (w *World) Calls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// Provider is a provider over a World.
type Provider struct{ world *World }

var (
	_ providers.Provider       = (*Provider)(nil)
	_ providers.Lister         = (*Provider)(nil)
	_ providers.Hibernator     = (*Provider)(nil)
	_ providers.LeftoverFinder = (*Provider)(nil)
	_ providers.Planner        = (*Provider)(nil)
)

// New returns a provider over the world.
func New(w *World) *Provider { return &Provider{world: w} }

// Name is "fake".
func (p *Provider) Name() string { return ProviderName }

// PlannedVersion is always the same.
func (p *Provider) PlannedVersion(providers.Settings) string { return "v1.36.3" }

// Check accepts the setting `flavour`, a string.
func (p *Provider) Check(s providers.Settings) error {
	var into struct {
		Flavour string `json:"flavour"`
	}
	return s.Decode(&into)
}

func checkShape(name, id string) error {
	return errors.Join(providers.CheckName(ProviderName, name), providers.CheckID(ProviderName, id))
}

// Create makes the cluster, or finishes it.
func (p *Provider) Create(ctx context.Context, s providers.Spec, progress providers.Progress) (providers.Cluster, error) {
	if err := errors.Join(checkShape(s.Name, s.ID), p.Check(s.Settings)); err != nil {
		return providers.Cluster{}, err
	}
	if err := p.at(ctx, StepCreateBegin, s.Name); err != nil {
		return providers.Cluster{}, err
	}
	c, err := p.claim(s)
	if err != nil || c.State == providers.StateRunning {
		return c, err
	}
	progress.Say("making cluster " + s.Name)
	if err := p.at(ctx, StepCreateHalf, s.Name); err != nil {
		return providers.Cluster{}, err
	}
	if c, err = p.change(s.Name, s.ID, providers.StateRunning, "create"); err != nil {
		return providers.Cluster{}, err
	}
	return c, p.at(ctx, StepCreateEnd, s.Name)
}

// claim records the cluster as half made unless it is there.
func (p *Provider) claim(s providers.Spec) (providers.Cluster, error) {
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	c, err := w.owned(s.Name, s.ID)
	if errors.Is(err, providers.ErrNotFound) {
		c = providers.Cluster{
			Provider: ProviderName, Name: s.Name, ID: s.ID, State: providers.StateCreating,
			Created: w.Now(), Version: "v1.36.3", Endpoint: "https://fake.invalid/" + s.Name, Simulated: true,
		}
		w.clusters[s.Name] = c
		return c, nil
	}
	return c, err
}

// Find returns the cluster of that name.
func (p *Provider) Find(ctx context.Context, name string) (providers.Cluster, error) {
	if err := errors.Join(ctx.Err(), checkShape(name, "any")); err != nil {
		return providers.Cluster{}, err
	}
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return p.world.find(name)
}

// List returns all clusters, by name.
func (p *Provider) List(ctx context.Context) ([]providers.Cluster, error) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	var list []providers.Cluster
	for _, name := range slices.Sorted(maps.Keys(p.world.clusters)) {
		list = append(list, p.world.clusters[name])
	}
	return list, ctx.Err()
}

// Delete removes the cluster.
func (p *Provider) Delete(ctx context.Context, name, id string, progress providers.Progress) error {
	if err := checkShape(name, id); err != nil {
		return err
	}
	_, err := p.change(name, id, providers.StateDeleting, "")
	if errors.Is(err, providers.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	progress.Say("removing cluster " + name)
	if err := p.at(ctx, StepDeleteBegin, name); err != nil {
		return err
	}
	p.world.remove(name, id)
	return p.at(ctx, StepDeleteEnd, name)
}

// Stop marks the cluster as stopped.
func (p *Provider) Stop(ctx context.Context, name, id string, _ providers.Progress) error {
	if err := errors.Join(ctx.Err(), checkShape(name, id)); err != nil {
		return err
	}
	_, err := p.change(name, id, providers.StateStopped, "stop")
	return err
}

// Start marks the cluster as running.
func (p *Provider) Start(ctx context.Context, name, id string, _ providers.Progress) error {
	if err := errors.Join(ctx.Err(), checkShape(name, id)); err != nil {
		return err
	}
	_, err := p.change(name, id, providers.StateRunning, "start")
	return err
}

// Connect returns World.Kubeconfig of a running cluster.
func (p *Provider) Connect(ctx context.Context, name string) ([]byte, error) {
	c, err := p.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	if c.State != providers.StateRunning {
		return nil, &providers.NotRunningError{Provider: ProviderName, Name: name, State: c.State}
	}
	if p.world.Kubeconfig == nil {
		return []byte("kubeconfig of " + c.Name + " " + c.ID), nil
	}
	return p.world.Kubeconfig(c), nil
}

// Leftovers finds what the world was told of: whatever else exists is a cluster.
func (p *Provider) Leftovers(ctx context.Context) ([]providers.Leftover, error) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return slices.Clone(p.world.left), ctx.Err()
}

func (p *Provider) at(ctx context.Context, step Step, name string) error {
	if p.world.At != nil {
		if err := p.world.At(ctx, step, name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// change sets the state of a cluster that is ours and records the call when it
// made a difference.
func (p *Provider) change(name, id string, state providers.State, call string) (providers.Cluster, error) {
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	c, err := w.owned(name, id)
	if err != nil || c.State == state {
		return c, err
	}
	c.State = state
	w.clusters[name] = c
	if call != "" {
		w.calls = append(w.calls, call+" "+name+" "+id)
	}
	return c, nil
}

func (w *World) remove(name, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.clusters[name]; ok && c.ID == id {
		delete(w.clusters, name)
		w.calls = append(w.calls, "delete "+name+" "+id)
	}
}

func (w *World) find(name string) (providers.Cluster, error) {
	if w.foreign[name] {
		return providers.Cluster{}, &providers.ForeignError{Provider: ProviderName, Name: name, Holder: "somebody else"}
	}
	c, ok := w.clusters[name]
	if !ok {
		return providers.Cluster{}, providers.ErrNotFound
	}
	return c, nil
}

func (w *World) owned(name, id string) (providers.Cluster, error) {
	c, err := w.find(name)
	if err == nil && c.ID != id {
		return providers.Cluster{}, &providers.TakenError{Provider: ProviderName, Name: name, Wanted: id, Have: c.ID}
	}
	return c, err
}
