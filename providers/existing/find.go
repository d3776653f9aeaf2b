package existing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
)

// The keys of Cluster.Detail.
const (
	detailKubeconfig = "kubeconfig"
	detailContext    = "context"
	detailReason     = "reason"
)

// Find asks the declared cluster of that name what it is. One whose server does
// not answer, or does not let us in, is found as broken, without an ID and with
// the reason; that takes no longer than Options.Timeout. A name that is not
// declared is an *UndeclaredError.
func (p *Provider) Find(ctx context.Context, name string) (providers.Cluster, error) {
	s, err := p.declared(name)
	if err != nil {
		return providers.Cluster{}, err
	}
	return p.look(ctx, name, s)
}

// asksAtOnce is how many servers List asks at the same time.
const asksAtOnce = 16

// List asks every declared cluster, at the same time, and returns them by name;
// those that do not answer as broken.
func (p *Provider) List(ctx context.Context) ([]providers.Cluster, error) {
	names, all, err := p.all()
	if err != nil {
		return nil, err
	}
	list := make([]providers.Cluster, len(names))
	errs := make([]error, len(names))
	p.each(names, func(i int) {
		s, err := decode(all[names[i]])
		if err != nil {
			list[i] = providers.Cluster{Provider: ProviderName, Name: names[i], State: providers.StateBroken, Borrowed: true,
				Detail: map[string]string{detailReason: err.Error()}}
			return
		}
		list[i], errs[i] = p.look(ctx, names[i], s)
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return list, ctx.Err()
}

// all returns what is declared, with the names sorted.
func (p *Provider) all() ([]string, map[string]providers.Settings, error) {
	all, err := p.opts.Declared()
	if err != nil {
		return nil, nil, fmt.Errorf("provider existing: which clusters are declared cannot be read: %w", err)
	}
	return slices.Sorted(maps.Keys(all)), all, nil
}

// each calls do for the index of each name, several at the same time.
func (p *Provider) each(names []string, do func(i int)) {
	turns := make(chan struct{}, asksAtOnce)
	var group sync.WaitGroup
	for i := range names {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			do(i)
		})
	}
	group.Wait()
}

// Connect returns a kubeconfig of the declared context alone, with everything in
// it that it needs; its credentials are those of the file, and exec plugins run
// as the file says.
func (p *Provider) Connect(ctx context.Context, name string) ([]byte, error) {
	s, err := p.declared(name)
	if err != nil {
		return nil, err
	}
	c, kubeconfig, err := p.ask(ctx, name, s)
	if err != nil {
		return nil, err
	}
	if c.State != providers.StateRunning {
		return nil, notRunning(c)
	}
	return kubeconfig, nil
}

// look is ask without the kubeconfig.
func (p *Provider) look(ctx context.Context, name string, s settings) (providers.Cluster, error) {
	c, _, err := p.ask(ctx, name, s)
	return c, err
}

// ask asks a server what it is. The kubeconfig that it returns is the very one
// that was asked with. Only the end of ctx is an error.
func (p *Provider) ask(ctx context.Context, name string, s settings) (providers.Cluster, []byte, error) {
	c := providers.Cluster{
		Provider: ProviderName, Name: name, State: providers.StateBroken, Borrowed: true,
		Detail: map[string]string{detailKubeconfig: s.Kubeconfig, detailContext: s.Context},
	}
	if err := ctx.Err(); err != nil {
		return providers.Cluster{}, nil, err
	}
	server, kubeconfig, err := p.dial(s)
	if err != nil {
		c.Detail[detailReason] = err.Error()
		return c, nil, nil
	}
	c.Endpoint = withoutUser(server.Host())
	seen, err := within(ctx, p.opts.Timeout, func(ctx context.Context) (sight, error) { return see(ctx, server) })
	switch {
	case ctx.Err() != nil:
		return providers.Cluster{}, nil, ctx.Err()
	case err != nil:
		c.Detail[detailReason] = err.Error()
		return c, nil, nil
	}
	c.State, c.ID, c.Created, c.Version = providers.StateRunning, seen.UID, seen.Made, seen.version
	return c, kubeconfig, nil
}

// dial opens a connection as the settings say, and sends nothing.
func (p *Provider) dial(s settings) (*kube.Cluster, []byte, error) {
	kubeconfig, err := kube.LoadContext(s.Kubeconfig, s.Context)
	if err != nil {
		return nil, nil, err
	}
	server, err := kube.Connect(kubeconfig, s.Context, kube.Options{
		UserAgent: p.opts.UserAgent, Log: p.opts.Log, Now: p.opts.Now, Patience: min(2*time.Second, p.opts.Timeout),
	})
	return server, kubeconfig, err
}

// sight is what a server says that it is.
type sight struct {
	kube.Identity
	version string
}

func see(ctx context.Context, server *kube.Cluster) (sight, error) {
	id, err := server.Identity(ctx)
	if err != nil {
		return sight{}, err
	}
	version, err := server.Version(ctx)
	if err == nil {
		err = checkShape("any", id.UID)
	}
	return sight{id, version}, err
}

// within calls do and comes back after limit at the latest, also when do hangs:
// a credential plugin takes no context, and one that waits for a person would
// hold up everything.
func within[T any](ctx context.Context, limit time.Duration, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := do(ctx)
		answered <- answer{value, err}
	}()
	var a answer
	select {
	case a = <-answered:
		return a.value, a.err
	case <-ctx.Done():
	}
	grace := time.NewTimer(250 * time.Millisecond) // what do says about it says more
	defer grace.Stop()
	select {
	case a = <-answered:
	case <-grace.C:
		a.err = fmt.Errorf("no answer within %s, perhaps for want of credentials: try kubectl with this context", limit)
	}
	if errors.Is(a.err, context.DeadlineExceeded) {
		a.err = fmt.Errorf("no answer within %s: %w", limit, a.err)
	}
	return a.value, a.err
}

func withoutUser(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}
