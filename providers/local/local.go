// Package local makes clusters of real control planes on this machine: etcd,
// kube-apiserver, kube-controller-manager, kube-scheduler and kwok, run by a
// supervisor that outlives the command that started it. No container ever runs
// there; kwok only says so. It is the place to rehearse a rebuild and to test.
//
// A cluster is a directory below Options.Root and the processes that bear its
// ID in their environment; nothing else is ever touched. What the directory
// holds is described in files.go, and in testenv/controlplane/layout, which is
// the supervisor's side of the same contract.
package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// ProviderName is the word behind --provider.
const ProviderName = "local"

// Version is the Kubernetes version of the control plane that
// testenv/controlplane builds.
const Version = "v1.36.3"

// Options say where clusters are kept and how they are run.
type Options struct {
	// Root is the directory that holds one directory for each cluster, such as
	// $XDG_STATE_HOME/rekindle/clusters/local. It is made when needed.
	Root string
	// Binary is the path of rekindle-controlplane, as FindBinary found it. When
	// empty, whatever has to run it fails with a *providers.MissingError.
	Binary string
	// Now is the clock that stamps clusters and certificates.
	Now func() time.Time
	// StartTimeout bounds how long a control plane may take until it is ready;
	// 2 minutes when 0.
	StartTimeout time.Duration
	// StopTimeout bounds how long it may take to leave before it is killed; 20 s
	// when 0.
	StopTimeout time.Duration
	// Tethered clusters stop when the process that started them ends, however
	// it ends. It is meant for tests.
	Tethered bool
}

// Provider is the local provider. Its methods may be called from several
// goroutines and processes at once.
type Provider struct {
	opts Options

	mu sync.Mutex
	// tethers are the pipes whose end tells a tethered cluster to stop.
	tethers []*os.File
}

// Compile-time statement of what this provider can do.
var (
	_ providers.Provider       = (*Provider)(nil)
	_ providers.Lister         = (*Provider)(nil)
	_ providers.Hibernator     = (*Provider)(nil)
	_ providers.LeftoverFinder = (*Provider)(nil)
	_ providers.Doctor         = (*Provider)(nil)
	_ providers.Planner        = (*Provider)(nil)
)

// New returns the provider. It touches nothing yet.
func New(opts Options) (*Provider, error) {
	if opts.Root == "" || opts.Now == nil {
		return nil, errors.New("provider local: Options.Root and Options.Now are required")
	}
	root, err := filepath.Abs(opts.Root)
	if err != nil {
		return nil, fmt.Errorf("provider local: %w", err)
	}
	opts.Root = root
	if opts.StartTimeout == 0 {
		opts.StartTimeout = 2 * time.Minute
	}
	if opts.StopTimeout == 0 {
		opts.StopTimeout = 20 * time.Second
	}
	return &Provider{opts: opts}, nil
}

// Name is "local".
func (p *Provider) Name() string { return ProviderName }

// PlannedVersion is the version of the control plane that make controlplane
// builds, whatever the settings.
func (p *Provider) PlannedVersion(providers.Settings) string { return Version }

// settings are what rekindle.yaml may say below `settings`.
type settings struct {
	// Nodes is how many simulated nodes there are; 1 when absent.
	Nodes *int `json:"nodes,omitempty"`
	// Durable makes etcd wait for the disk at each write. Without it (the
	// default) writes are faster, and a power cut may lose the cluster.
	Durable bool `json:"durable,omitempty"`
	// Binary overrides where rekindle-controlplane is.
	Binary string `json:"binary,omitempty"`
}

const maxNodes = 500

// Check validates settings: nodes (1 to 500), durable, binary (a path).
func (p *Provider) Check(s providers.Settings) error {
	_, err := decode(s)
	return err
}

func decode(s providers.Settings) (settings, error) {
	var out settings
	if err := s.Decode(&out); err != nil {
		return settings{}, err
	}
	if out.Nodes != nil && (*out.Nodes < 1 || *out.Nodes > maxNodes) {
		return settings{}, fmt.Errorf("settings.nodes: %d is not between 1 and %d", *out.Nodes, maxNodes)
	}
	if out.Binary != "" && !filepath.IsAbs(out.Binary) {
		return settings{}, fmt.Errorf("settings.binary: %q is not an absolute path", out.Binary)
	}
	return out, nil
}

func (s settings) nodes() int {
	if s.Nodes == nil {
		return 1
	}
	return *s.Nodes
}

func checkName(name string) error { return providers.CheckName(ProviderName, name) }

func checkID(id string) error { return providers.CheckID(ProviderName, id) }
