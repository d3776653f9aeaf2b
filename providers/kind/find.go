package kind

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
)

// pingTimeout bounds how long a running cluster may take to say that it runs; a
// busy machine takes its time.
const pingTimeout = 10 * time.Second

// Find returns the cluster of that name as it is at this moment.
func (p *Provider) Find(ctx context.Context, name string) (providers.Cluster, error) {
	if err := checkName(name); err != nil {
		return providers.Cluster{}, err
	}
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking Docker about cluster "+name)
	defer cancel()
	s, err := p.look(ctx)
	if err != nil {
		return providers.Cluster{}, about(name, err)
	}
	h, err := s.of(name)
	if err != nil {
		return providers.Cluster{}, err
	}
	c, _, err := p.see(ctx, h)
	return c, err
}

// List returns every cluster of this realm, by name.
func (p *Provider) List(ctx context.Context) ([]providers.Cluster, error) {
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking Docker for clusters")
	defer cancel()
	s, err := p.look(ctx)
	if err != nil {
		return nil, about("", err)
	}
	held := s.clusters()
	found := make([]providers.Cluster, len(held))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, h := range held {
		group.Go(func() (err error) {
			found[i], _, err = p.see(groupCtx, h)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// clusters returns what is held under every name, by name.
func (s survey) clusters() []holding {
	var names []string
	for _, v := range s.claims {
		names = append(names, strings.TrimPrefix(v.Name, claimPrefix))
	}
	for _, c := range s.containers {
		if s.ours(c.Config.Labels) {
			names = append(names, c.label(labelCluster))
		}
	}
	slices.Sort(names)
	var found []holding
	for _, name := range slices.Compact(names) {
		if h, err := s.of(name); err == nil {
			found = append(found, h)
		}
	}
	return found
}

// Connect returns an administrator's kubeconfig, as kubeadm made it: its
// certificate lasts a year, wherever it is copied, and the port of the API server
// stays the same when Docker or the machine is started anew.
func (p *Provider) Connect(ctx context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking Docker about cluster "+name)
	defer cancel()
	s, err := p.look(ctx)
	if err != nil {
		return nil, about(name, err)
	}
	h, err := s.of(name)
	if err != nil {
		return nil, err
	}
	c, config, err := p.see(ctx, h)
	if err != nil {
		return nil, err
	}
	if c.State != providers.StateRunning {
		return nil, &providers.NotRunningError{Provider: ProviderName, Name: name, State: c.State, Reason: c.Detail["reason"]}
	}
	return config, nil
}

// see says what a cluster looks like now, and returns its kubeconfig when it
// runs.
func (p *Provider) see(ctx context.Context, h holding) (providers.Cluster, []byte, error) {
	state, reason := h.state()
	if state != providers.StateRunning {
		return describe(h, state, reason), nil, nil
	}
	config, err := p.answers(ctx, h)
	if ctx.Err() != nil {
		return providers.Cluster{}, nil, about(h.name, context.Cause(ctx))
	}
	if err != nil {
		return describe(h, providers.StateBroken, "its API server does not answer: "+err.Error()), nil, nil
	}
	return describe(h, providers.StateRunning, ""), config, nil
}

// answers asks the API server whether it is there, with the credentials that it
// gave itself, so that the answer proves that it is this cluster.
func (p *Provider) answers(ctx context.Context, h holding) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	config, err := p.kubeconfig(ctx, h)
	if err != nil {
		return nil, err
	}
	c, err := p.connect(config)
	if err != nil {
		return nil, err
	}
	_, err = c.Version(ctx)
	return config, err
}

func (p *Provider) connect(config []byte) (*kube.Cluster, error) {
	return kube.Connect(config, "", kube.Options{Now: p.opts.Now})
}

// kubeconfig reads the one that kubeadm left in a control plane, and points it
// at the port of this machine.
func (p *Provider) kubeconfig(ctx context.Context, h holding) ([]byte, error) {
	node, ok := h.controlPlane()
	server := h.endpoint()
	if !ok || server == "" {
		return nil, errors.New("no control plane publishes its port")
	}
	raw, err := p.docker.output(ctx, "exec", node.ID, "cat", "/etc/kubernetes/admin.conf")
	if err != nil {
		return nil, err
	}
	return external(raw, server, "kind-"+h.name)
}

func describe(h holding, state providers.State, reason string) providers.Cluster {
	c := providers.Cluster{
		Provider: ProviderName, Name: h.name, ID: h.id, State: state, Created: h.created(),
		Version: h.label(labelVersion), Endpoint: h.endpoint(), Detail: map[string]string{},
	}
	for detail, label := range map[string]string{"nodes": labelNodes, "image": labelImage} {
		if value := h.label(label); value != "" {
			c.Detail[detail] = value
		}
	}
	var names []string
	for _, n := range h.working() {
		names = append(names, n.name())
	}
	if len(names) > 0 {
		c.Detail["containers"] = strings.Join(names, ", ")
	}
	if reason != "" {
		c.Detail["reason"] = reason
	}
	return c
}

func joinHost(ip, port string) string { return net.JoinHostPort(cmp.Or(ip, "127.0.0.1"), port) }
