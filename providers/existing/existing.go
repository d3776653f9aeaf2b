// Package existing is the provider of clusters that somebody else made: each is
// one context of one kubeconfig file, declared in rekindle.yaml. In goes what is
// declared; out come clusters that are found and connected to, and never made,
// changed or removed.
//
// What tells such a cluster from every other is the uid of its namespace
// kube-system, not its name, address or context: a context that silently came to
// point elsewhere is another cluster.
package existing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// ProviderName is the word in rekindle.yaml.
const ProviderName = "existing"

// Options say which clusters there are.
type Options struct {
	// Declared returns the settings of the clusters that rekindle.yaml declares
	// with this provider, by name. It is asked at each call and never kept, so
	// that the file is read only when it is needed and may change meanwhile.
	Declared func() (map[string]providers.Settings, error)
	// Now is the clock of connections.
	Now func() time.Time
	// Timeout bounds how long one server may take to say what it is; 10 s when 0.
	Timeout time.Duration
	// UserAgent is sent with requests; "rekindle" when empty.
	UserAgent string
	// Log may be nil.
	Log *slog.Logger
}

// Provider is the provider of existing clusters. It keeps no state: values may
// be used by several goroutines, and in several processes at once.
type Provider struct{ opts Options }

// Compile-time statement of what this provider can do.
var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Lister   = (*Provider)(nil)
	_ providers.Doctor   = (*Provider)(nil)
	_ providers.Borrower = (*Provider)(nil)
)

// New returns the provider. It touches nothing yet.
func New(opts Options) (*Provider, error) {
	if opts.Declared == nil || opts.Now == nil {
		return nil, errors.New("provider existing: Options.Declared and Options.Now are required")
	}
	if opts.Timeout == 0 {
		opts.Timeout = 10 * time.Second
	}
	return &Provider{opts: opts}, nil
}

// Name is "existing".
func (p *Provider) Name() string { return ProviderName }

// Borrows is true: the clusters are somebody else's.
func (p *Provider) Borrows() bool { return true }

// settings are what rekindle.yaml has to say below `settings`.
type settings struct {
	// Kubeconfig is the path of the file, absolute once Absolute was called.
	Kubeconfig string `json:"kubeconfig"`
	// Context is the name of the one context in it that may be used.
	Context string `json:"context"`
}

// Absolute returns s with the path of the kubeconfig made absolute: in
// rekindle.yaml it is relative to dir, the folder of that file. Settings that
// are wrong are left to Check.
func (p *Provider) Absolute(dir string, s providers.Settings) providers.Settings {
	path, ok := s["kubeconfig"].(string)
	if !ok || path == "" || strings.HasPrefix(path, "~") || filepath.IsAbs(path) {
		return s
	}
	s = maps.Clone(s)
	s["kubeconfig"] = filepath.Join(dir, path)
	return s
}

// Check validates settings: kubeconfig (a path) and context (a name), which both
// have to be said.
func (p *Provider) Check(s providers.Settings) error {
	_, err := decode(s)
	return err
}

func decode(s providers.Settings) (settings, error) {
	var out settings
	if err := s.Decode(&out); err != nil {
		return settings{}, err
	}
	switch {
	case len(s) == 0:
		return settings{}, errors.New("settings: say in rekindle.yaml which cluster it is, as settings: {kubeconfig: FILE, context: NAME}")
	case out.Kubeconfig == "":
		return settings{}, errors.New("settings.kubeconfig: missing: name the file; neither $KUBECONFIG nor ~/.kube/config is taken by itself")
	case out.Context == "":
		return settings{}, errors.New("settings.context: missing: name the context of the kubeconfig; its current one is not taken, because it changes")
	case strings.ContainsFunc(out.Kubeconfig+out.Context, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return settings{}, errors.New("settings: the values hold control characters")
	case strings.HasPrefix(out.Kubeconfig, "~"):
		return settings{}, errors.New("settings.kubeconfig: ~ is not expanded here: write a path relative to rekindle.yaml, or an absolute one")
	case !filepath.IsAbs(out.Kubeconfig):
		return settings{}, fmt.Errorf("settings.kubeconfig: %q is not an absolute path", out.Kubeconfig)
	}
	return out, nil
}

func checkShape(name, id string) error {
	return errors.Join(providers.CheckName(ProviderName, name), providers.CheckID(ProviderName, id))
}

// declared returns what is declared under a name, or an *UndeclaredError.
func (p *Provider) declared(name string) (settings, error) {
	if err := checkShape(name, "any"); err != nil {
		return settings{}, err
	}
	all, err := p.opts.Declared()
	if err != nil {
		return settings{}, fmt.Errorf("provider existing: which clusters are declared cannot be read: %w", err)
	}
	s, ok := all[name]
	if !ok {
		return settings{}, &UndeclaredError{Name: name}
	}
	out, err := decode(s)
	if err != nil {
		return settings{}, fmt.Errorf("cluster %q, provider existing: %w", name, err)
	}
	return out, nil
}

// Create makes nothing: it returns the declared cluster of that name when it has
// the id of spec, and a *MovedError, which is a *providers.TakenError, when it
// has another. A server that does not answer is a *providers.NotRunningError.
// Settings of spec that name another context than the declared one are an
// *UndeclaredError.
func (p *Provider) Create(ctx context.Context, spec providers.Spec, _ providers.Progress) (providers.Cluster, error) {
	if err := checkShape(spec.Name, spec.ID); err != nil {
		return providers.Cluster{}, err
	}
	s, err := p.declared(spec.Name)
	if err != nil {
		return providers.Cluster{}, err
	}
	if len(spec.Settings) > 0 {
		asked, err := decode(spec.Settings)
		if err != nil {
			return providers.Cluster{}, fmt.Errorf("cluster %q, provider existing: %w", spec.Name, err)
		}
		if asked != s {
			return providers.Cluster{}, &UndeclaredError{Name: spec.Name, Asked: asked.Context, Declared: s.Context}
		}
	}
	c, err := p.look(ctx, spec.Name, s)
	switch {
	case err != nil:
		return providers.Cluster{}, err
	case c.State != providers.StateRunning:
		return providers.Cluster{}, notRunning(c)
	case c.ID != spec.ID:
		return providers.Cluster{}, moved(s, spec.Name, spec.ID, c.ID)
	}
	return c, nil
}

// Delete gives the cluster back and changes nothing. It refuses, with a
// *MovedError, when the declared context has come to point at another cluster
// than the one with that id. One that is not declared, or that does not answer,
// is given back all the same: nothing of it is ours.
func (p *Provider) Delete(ctx context.Context, name, id string, progress providers.Progress) error {
	if err := checkShape(name, id); err != nil {
		return err
	}
	s, err := p.declared(name)
	if errors.Is(err, providers.ErrNotFound) {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	c, err := p.look(ctx, name, s)
	if err != nil {
		return err
	}
	if c.ID != "" && c.ID != id {
		return moved(s, name, id, c.ID)
	}
	progress.Say("the cluster itself stays: it is somebody else's")
	return nil
}
