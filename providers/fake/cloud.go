package fake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// Cloud is a provider over a World that can what only clouds can: it knows prices,
// makes tokens, and others trust the issuers of its clusters.
type Cloud struct{ *Provider }

var (
	_ providers.Estimator = (*Cloud)(nil)
	_ providers.Tokener   = (*Cloud)(nil)
	_ providers.Truster   = (*Cloud)(nil)
)

// NewCloud returns a cloud over the world.
func NewCloud(w *World) *Cloud { return &Cloud{New(w)} }

// TokenLife is how long a token of a Cloud may be used.
const TokenLife = 14 * time.Minute

// IssuerOf is the issuer of the cluster with an id in a Cloud.
func IssuerOf(id string) string { return "https://issuer.invalid/" + id }

// SetLeftovers is what was left of clusters from now on.
func (w *World) SetLeftovers(list ...providers.Leftover) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = list
}

// AddTrust lets something trust an issuer.
func (w *World) AddTrust(t providers.Trust) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trusts = append(w.trusts, t)
}

// FailToken makes tokens fail with err from now on; nil: they are made.
func (w *World) FailToken(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokenErr = err
}

// Tokens is how many tokens were made so far.
func (w *World) Tokens() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tokens
}

func (c *Cloud) issued(cluster providers.Cluster) providers.Cluster {
	if cluster.ID != "" {
		cluster.Issuer = IssuerOf(cluster.ID)
	}
	return cluster
}

// Create makes the cluster, with an issuer of its own.
func (c *Cloud) Create(ctx context.Context, s providers.Spec, progress providers.Progress) (providers.Cluster, error) {
	made, err := c.Provider.Create(ctx, s, progress)
	return c.issued(made), err
}

// Find returns the cluster of that name.
func (c *Cloud) Find(ctx context.Context, name string) (providers.Cluster, error) {
	found, err := c.Provider.Find(ctx, name)
	return c.issued(found), err
}

// List returns all clusters, by name.
func (c *Cloud) List(ctx context.Context) ([]providers.Cluster, error) {
	list, err := c.Provider.List(ctx)
	for i := range list {
		list[i] = c.issued(list[i])
	}
	return list, err
}

// Estimate is a control plane and a node, of which one has a price, and something
// that nobody knows the price of.
func (c *Cloud) Estimate(s providers.Settings) (providers.Estimate, error) {
	if err := c.Check(s); err != nil {
		return providers.Estimate{}, err
	}
	plane, node := 0.1, 0.25
	return providers.Estimate{
		Parts: []providers.EstimatedPart{
			{What: "control plane", Hourly: &plane}, {What: "1 x fake.large", Hourly: &node}, {What: "network"},
		},
		Hourly: plane + node, Currency: "USD", AsOf: "2026-11-01", Unpriced: []string{"traffic"},
	}, nil
}

// Token makes a token for a cluster that is there.
func (c *Cloud) Token(ctx context.Context, name string) (providers.Token, error) {
	if _, err := c.Find(ctx, name); err != nil {
		return providers.Token{}, err
	}
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tokenErr != nil {
		return providers.Token{}, w.tokenErr
	}
	w.tokens++
	return providers.Token{Value: fmt.Sprintf("fake-token-%d-for-%s", w.tokens, name), Expires: w.Now().Add(TokenLife)}, nil
}

// Trusts returns what trusts one of the earlier issuers.
func (c *Cloud) Trusts(ctx context.Context, name, id string, earlier []string, update bool) ([]providers.Trust, error) {
	if err := errors.Join(ctx.Err(), checkShape(name, id)); err != nil {
		return nil, err
	}
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.owned(name, id); err != nil {
		return nil, err
	}
	var list []providers.Trust
	for i, t := range w.trusts {
		if !slices.Contains(earlier, t.Issuer) || t.Issuer == IssuerOf(id) {
			continue
		}
		switch {
		case update && strings.HasPrefix(t.What, "locked "):
			t.Why = "it may not be changed"
		case update:
			w.trusts[i].Issuer, t.Issuer, t.Updated = IssuerOf(id), IssuerOf(id), true
		}
		list = append(list, t)
	}
	return list, nil
}
