package rebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
)

// DeleteRecipe is the name under which deletions of clusters are journaled.
const DeleteRecipe = "delete"

// DeleteRequest names a cluster to delete.
type DeleteRequest struct {
	Cluster string `json:"cluster"`
	// Provider may be empty when only one provider has a cluster of that name.
	Provider string `json:"provider"`
	// Confirm must be the cluster's name.
	Confirm string `json:"confirm"`
	// AllowDataLoss lets volume claims go that a restore made on a borrowed
	// cluster. With a cluster of ours goes everything.
	AllowDataLoss bool `json:"allowDataLoss,omitempty"`
	// Wait bounds each phase of removing objects from a borrowed cluster; 10
	// minutes when 0.
	Wait time.Duration `json:"wait,omitempty"`
	// Forget: only what is known of a borrowed cluster was dropped.
	Forget bool `json:"forget,omitempty"`
}

// Delete removes a cluster of ours and everything made for it, as a journaled
// run. What bears no mark of ours, or another id than recorded, is refused.
// A cluster that no provider finds, but that was never seen deleted to the end,
// is deleted as well: parts of it may be left. A borrowed cluster stays: what
// restores made in it is removed, and it is given back. observe may be nil.
func (e *Engine) Delete(ctx context.Context, req DeleteRequest, observe func(run.Event)) error {
	found, provider, err := e.locate(ctx, req.Provider, req.Cluster)
	if err != nil && !errors.As(err, new(*AmbiguousClusterError)) {
		// The journal knows whose it was, also when another provider is away.
		found, provider, err = e.remains(ctx, req.Provider, req.Cluster, err)
	}
	if err != nil {
		return err
	}
	if req.Confirm != found.Name {
		return &RefusedError{Reason: fmt.Sprintf("deleting cluster %q removes everything in it", found.Name), Remedy: "agree with --confirm " + found.Name}
	}
	var leaving *leave
	if found.Borrowed {
		if leaving, err = e.leaving(ctx, req, found, provider); err != nil {
			return err
		}
	}
	req.Provider = provider.Name()
	journaled, err := json.Marshal(req)
	if err != nil {
		return err
	}
	steps := []run.Def{{Name: "delete", Do: func(ctx context.Context, s *run.Scope) error {
		if leaving != nil {
			if err := leaving.empty(ctx, s); err != nil {
				return err
			}
		} else if err := s.Made(ctx, removing{ID: found.ID}); err != nil {
			return err
		}
		if err := provider.Delete(ctx, req.Cluster, found.ID, progress(s)); err != nil {
			return Guarded(err)
		}
		if leaving == nil {
			if err := s.Result(ctx, &Report{ID: found.ID}); err != nil {
				return err
			}
		}
		return e.forget(ctx, req.Provider, req.Cluster, found.ID)
	}}}
	_, err = e.executor(observe).Start(ctx, run.Run{Recipe: DeleteRecipe, Cluster: req.Cluster, Provider: req.Provider, Request: journaled}, steps)
	return err
}

// locate finds a cluster by name, in one provider or in all.
func (e *Engine) locate(ctx context.Context, provider, name string) (providers.Cluster, providers.Provider, error) {
	var found []providers.Cluster
	// What the providers said that cannot be asked now, and of these the ones
	// that had such a cluster when last seen.
	var unasked, owner error
	for _, n := range e.named(provider) {
		p, err := e.Providers.Get(n)
		if err != nil {
			return providers.Cluster{}, nil, err
		}
		c, err := p.Find(ctx, name)
		var lacking *providers.MissingError
		switch {
		case errors.Is(err, providers.ErrNotFound):
		case errors.As(err, &lacking) && provider == "": // this machine has nothing of it
		case err != nil:
			known, recordErr := run.Into(ctx, e.Journal, clusterRecord, recordKey(n, name), &ClusterRecord{})
			if recordErr != nil {
				return providers.Cluster{}, nil, recordErr
			}
			if known {
				owner = errors.Join(owner, err)
			}
			unasked = errors.Join(unasked, err)
		default:
			found = append(found, c)
		}
	}
	if err := ctx.Err(); err != nil {
		return providers.Cluster{}, nil, err
	}
	switch len(found) {
	case 0:
		if owner != nil {
			return providers.Cluster{}, nil, owner
		}
		if unasked != nil {
			return providers.Cluster{}, nil, &UnaskedError{Name: name, Err: unasked}
		}
		return providers.Cluster{}, nil, fmt.Errorf("cluster %q: %w: rekindle clusters list shows those there are", name, providers.ErrNotFound)
	case 1:
		p, err := e.Providers.Get(found[0].Provider)
		return found[0], p, err
	}
	ambiguous := &AmbiguousClusterError{Name: name}
	for _, c := range found {
		ambiguous.Providers = append(ambiguous.Providers, c.Provider)
	}
	return providers.Cluster{}, nil, ambiguous
}

// named returns the provider that is named, or all of them.
func (e *Engine) named(provider string) []string {
	if provider != "" {
		return []string{provider}
	}
	return e.Providers.Names()
}

// AmbiguousClusterError: several providers have a cluster of that name.
type AmbiguousClusterError struct {
	Name      string
	Providers []string
}

func (e *AmbiguousClusterError) Error() string {
	return fmt.Sprintf("several providers have a cluster %q", e.Name)
}

// Hint says what to add.
func (e *AmbiguousClusterError) Hint() string {
	return "add --provider " + strings.Join(e.Providers, "|")
}

// UnaskedError: no provider that answers has a cluster of that name, and some
// could not be asked. Nobody may take it for gone.
type UnaskedError struct {
	Name string
	// Err says of each provider that was not asked why.
	Err error
}

func (e *UnaskedError) Error() string {
	return fmt.Sprintf("there is no cluster %q, as far as can be told: %v", e.Name, e.Err)
}

func (e *UnaskedError) Unwrap() error { return e.Err }

// remains is the cluster of that name which no provider finds although the
// journal still has it: its delete was cut off, or somebody else removed it.
// otherwise is the error when the journal has none.
func (e *Engine) remains(ctx context.Context, provider, name string, otherwise error) (providers.Cluster, providers.Provider, error) {
	for _, n := range e.named(provider) {
		var rec ClusterRecord
		known, err := run.Into(ctx, e.Journal, clusterRecord, recordKey(n, name), &rec)
		if err != nil {
			return providers.Cluster{}, nil, err
		}
		if !known {
			continue
		}
		p, err := e.Providers.Get(n)
		return providers.Cluster{Provider: n, Name: name, ID: rec.ID, State: providers.StateDeleting, Created: rec.Made, Borrowed: rec.Borrowed}, p, err
	}
	return providers.Cluster{}, nil, otherwise
}

// Remains finds what Delete still has to delete of a cluster that no provider
// finds any more. ErrNotFound when nothing is known of one.
func (e *Engine) Remains(ctx context.Context, provider, name string) (providers.Cluster, error) {
	found, _, err := e.remains(ctx, provider, name, providers.ErrNotFound)
	return found, err
}

// Locate finds a cluster by name, in one provider or, when provider is empty, in
// all. ErrNotFound when there is none.
func (e *Engine) Locate(ctx context.Context, provider, name string) (providers.Cluster, error) {
	found, _, err := e.locate(ctx, provider, name)
	return found, err
}
