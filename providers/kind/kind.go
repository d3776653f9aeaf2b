// Package kind makes clusters of real kubelets in Docker containers, by the Go
// library sigs.k8s.io/kind. Pods really run there. In go settings (settings.go)
// and a Docker that answers the docker command; out come clusters as the
// contract of package providers wants them.
//
// Docker itself holds all that is known of a cluster, so that nothing is lost
// with our state directory (names.go says which thing says what): a volume that
// claims the name, an image derived from the node image that gives each node our
// mark and the cluster's id from its first instant, and tags of that image that
// say how far the cluster is. Only what bears the mark and the id is ever
// removed.
//
// kind's own calls take no context. Create says how they are ended all the same.
package kind

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"github.com/rekindle-io/rekindle/providers"
)

// ProviderName is the word behind --provider.
const ProviderName = "kind"

// Options say where locks are kept, and how long Docker may take.
type Options struct {
	// Root is a directory for locks and files of the moment, such as
	// $XDG_STATE_HOME/rekindle/clusters/kind. It is made when needed; nothing in
	// it outlives a call.
	Root string
	// Realm separates the clusters of several rekindles that use one Docker: List
	// and Leftovers see those of their own realm, and a cluster of another one is
	// foreign. "default" when empty; letters, digits, '-' and '_'.
	Realm string
	// Now is the clock that stamps clusters.
	Now func() time.Time
	// Timeout bounds what asks Docker and returns: Find, List, Connect, Leftovers,
	// Diagnose; 20 s when 0.
	Timeout time.Duration
	// DeleteTimeout bounds Delete, Stop, and the clean-up after a create that
	// failed or was cancelled; 2 min when 0.
	DeleteTimeout time.Duration
	// LoadTimeout bounds LoadImages; 15 min when 0.
	LoadTimeout time.Duration
}

// Provider is the kind provider. It keeps no state: its methods may be called
// from several goroutines and processes at once.
type Provider struct {
	opts   Options
	docker docker
}

// Compile-time statement of what this provider can do.
var (
	_ providers.Provider       = (*Provider)(nil)
	_ providers.Lister         = (*Provider)(nil)
	_ providers.Hibernator     = (*Provider)(nil)
	_ providers.ImageLoader    = (*Provider)(nil)
	_ providers.LeftoverFinder = (*Provider)(nil)
	_ providers.Doctor         = (*Provider)(nil)
	_ providers.Planner        = (*Provider)(nil)
)

// New returns the provider. It touches nothing yet.
func New(opts Options) (*Provider, error) {
	if opts.Root == "" || opts.Now == nil {
		return nil, errors.New("provider kind: Options.Root and Options.Now are required")
	}
	root, err := filepath.Abs(opts.Root)
	if err != nil {
		return nil, fmt.Errorf("provider kind: %w", err)
	}
	opts.Root = root
	if opts.Realm == "" {
		opts.Realm = "default"
	}
	if checkID(opts.Realm) != nil {
		return nil, fmt.Errorf("provider kind: %q is no realm: want 1 to 64 letters, digits, '-' and '_'", opts.Realm)
	}
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{{&opts.Timeout, 20 * time.Second}, {&opts.DeleteTimeout, 2 * time.Minute}, {&opts.LoadTimeout, 15 * time.Minute}} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	return &Provider{opts: opts}, nil
}

// Name is "kind".
func (p *Provider) Name() string { return ProviderName }

// Check validates settings without asking Docker.
func (p *Provider) Check(s providers.Settings) error {
	_, err := decode(s)
	return err
}

// PlannedVersion is the Kubernetes version that the settings name, by `version`
// or by the tag of the node image; "" when the tag is no version.
func (p *Provider) PlannedVersion(s providers.Settings) string {
	set, err := decode(s)
	if err != nil {
		return ""
	}
	return versionOf(set.image())
}

// versionInTag finds the tag of an image reference that is a version, with or
// without a digest behind it.
var versionInTag = regexp.MustCompile(`:(v1\.\d+\.\d+)(?:@|$)`)

func versionOf(image string) string {
	if found := versionInTag.FindStringSubmatch(image); found != nil {
		return found[1]
	}
	return ""
}

// defaultImage is the node image that this version of kind was tested with.
const defaultImage = defaults.Image

// bounded gives ctx the deadline that every call has of its own.
func bounded(ctx context.Context, limit time.Duration, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, &slowError{what: what, limit: limit})
}

// slowError: a deadline of ours ended a call, not one of the caller's.
type slowError struct {
	what  string
	limit time.Duration
}

func (e *slowError) Error() string {
	return fmt.Sprintf("%s was not done after %s", e.what, e.limit)
}

// Hint says what to do next.
func (e *slowError) Hint() string {
	return "look whether Docker answers (docker ps); rekindle doctor says more"
}
