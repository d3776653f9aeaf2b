// Package eks makes clusters in Amazon EKS, with aws-sdk-go-v2 alone. In go
// settings (settings.go) and credentials as every AWS tool finds them; out come
// clusters as the contract of package providers wants them.
//
// AWS itself holds all that is known of a cluster, so that nothing is lost with our
// state directory, which holds but a hint where to look (record.go): everything that is made bears tags with the cluster's name and
// unique id (tags.go), requests that make something carry tokens derived from the
// id, so that a create that died is found and finished, and what bears no tag of
// ours is never changed or removed, whatever its name. Before anything else the
// account of the credentials is compared with those that the settings allow.
package eks

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/rekindle-io/rekindle/providers"
)

// ProviderName is the word behind --provider.
const ProviderName = "eks"

// Options say where AWS is and how long it may take.
type Options struct {
	// Load returns the SDK's configuration for a region: credentials, endpoint,
	// HTTP client. It reads the environment and the shared files.
	Load func(ctx context.Context, region string) (aws.Config, error)
	// Declared returns the settings of the clusters that rekindle.yaml declares, by
	// name, and under "" those that all clusters of this provider share: they say in
	// which accounts and regions to look for clusters.
	Declared func() (map[string]providers.Settings, error)
	// Root is the directory of the records of clusters (record.go): an absolute path,
	// made when it is not there.
	Root string
	// Now is the clock that stamps clusters.
	Now func() time.Time
	// Every is how often AWS is asked whether it is done; 15 s when 0.
	Every time.Duration
	// Settle is how long AWS may not know, or not tell all of its services, what was
	// just made; 2 min when 0.
	Settle time.Duration
	// Answer is how long AWS may take to answer one request, before it is sent again;
	// 30 s when 0.
	Answer time.Duration
	// Timeout bounds what asks and returns: Find, List, Connect, Leftovers,
	// Diagnose; a minute when 0.
	Timeout time.Duration
	// DeleteTimeout bounds Delete; 45 min when 0.
	DeleteTimeout time.Duration
	// Token is the command line that prints a token for a cluster: the exec plugin
	// of the kubeconfigs that are handed out, without the cluster's name. Its first
	// word is an absolute path.
	Token []string
}

// Provider is the EKS provider. It keeps nothing but its records, and connections: its
// methods may be called from several goroutines and processes at once.
type Provider struct {
	opts Options
	// connections are those of all clients, where Options.Load leaves that open.
	connections aws.HTTPClient
}

// Compile-time statement of what this provider can do.
var (
	_ providers.Provider  = (*Provider)(nil)
	_ providers.Lister    = (*Provider)(nil)
	_ providers.Planner   = (*Provider)(nil)
	_ providers.Estimator = (*Provider)(nil)
	_ providers.Tokener   = (*Provider)(nil)
	_ providers.Doctor    = (*Provider)(nil)
)

// New returns the provider. It touches nothing yet.
func New(opts Options) (*Provider, error) {
	if opts.Load == nil || opts.Declared == nil || opts.Now == nil {
		return nil, errors.New("provider eks: Options.Load, Declared and Now are required")
	}
	if !filepath.IsAbs(opts.Root) {
		return nil, fmt.Errorf("provider eks: Options.Root %q is no absolute path", opts.Root)
	}
	if len(opts.Token) > 0 && !filepath.IsAbs(opts.Token[0]) {
		return nil, fmt.Errorf("provider eks: Options.Token %q is no absolute path", opts.Token[0])
	}
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{{&opts.Every, 15 * time.Second}, {&opts.Settle, 2 * time.Minute}, {&opts.Answer, 30 * time.Second}, {&opts.Timeout, time.Minute}, {&opts.DeleteTimeout, 45 * time.Minute}} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	return &Provider{opts: opts, connections: awshttp.NewBuildableClient()}, nil
}

// Name is "eks".
func (p *Provider) Name() string { return ProviderName }

// Check validates settings without asking AWS.
func (p *Provider) Check(s providers.Settings) error {
	_, err := decode(s)
	return err
}

// PlannedVersion is the Kubernetes version that the settings name, without its last
// part, which EKS chooses; "" when they leave it to EKS.
func (p *Provider) PlannedVersion(s providers.Settings) string {
	set, err := decode(s)
	if err != nil || set.Version == "" {
		return ""
	}
	return "v" + set.Version
}

// slowError: a deadline of ours ended a call, not one of the caller's.
type slowError struct {
	what  string
	limit time.Duration
}

func (e *slowError) Error() string { return fmt.Sprintf("%s was not done after %s", e.what, e.limit) }

// Hint says what to do next.
func (e *slowError) Hint() string {
	return "look at the cluster in the AWS console; running the same again goes on where this one was"
}

// bounded gives ctx the deadline that every call has of its own.
func bounded(ctx context.Context, limit time.Duration, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, &slowError{what: what, limit: limit})
}
