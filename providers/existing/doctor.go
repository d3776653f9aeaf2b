package existing

import (
	"context"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
)

// Diagnose says of each declared cluster whether it answers, and whether its
// credentials allow what a restore does. Nothing is changed.
func (p *Provider) Diagnose(ctx context.Context) []providers.Finding {
	names, all, err := p.all()
	if err != nil { // what is wrong with the file is said elsewhere
		return []providers.Finding{{Subject: "declared clusters", Message: "unknown: rekindle.yaml cannot be used", Remedy: "rekindle config validate says why"}}
	}
	found := make([]providers.Finding, len(names))
	p.each(names, func(i int) { found[i] = p.diagnose(ctx, names[i], all[names[i]]) })
	return found
}

func (p *Provider) diagnose(ctx context.Context, name string, raw providers.Settings) providers.Finding {
	f := providers.Finding{Subject: name}
	s, err := decode(raw)
	if err != nil {
		f.Message, f.Remedy = err.Error(), "correct rekindle.yaml"
		return f
	}
	server, _, err := p.dial(s)
	if err != nil {
		f.Message, f.Remedy = err.Error(), "correct the settings in rekindle.yaml, or the kubeconfig"
		return f
	}
	type health struct {
		sight
		lacking []string
	}
	h, err := within(ctx, p.opts.Timeout, func(ctx context.Context) (health, error) {
		seen, err := see(ctx, server)
		if err != nil {
			return health{}, err
		}
		lacking, err := forbidden(ctx, server)
		return health{seen, lacking}, err
	})
	switch {
	case err != nil:
		f.Message, f.Remedy = err.Error(), "see that the cluster runs and that kubectl --context "+s.Context+" reaches it"
	case len(h.lacking) > 0:
		f.Message = fmt.Sprintf("%s answers (%s), but we may not %s", withoutUser(server.Host()), h.version, strings.Join(h.lacking, ", "))
		f.Remedy = "a restore applies every kind, in every namespace: use credentials that may, such as those of cluster-admin"
	default:
		f.OK, f.Message = true, fmt.Sprintf("%s answers (%s), and a restore may do what it needs", withoutUser(server.Host()), h.version)
	}
	return f
}

// needed is what a restore does: everything that it lists to compare, applies
// and prunes, and its inventory.
var needed = []kube.Access{
	{Verb: "list", Group: "*", Resource: "*"},
	{Verb: "watch", Group: "*", Resource: "*"},
	{Verb: "create", Group: "*", Resource: "*"},
	{Verb: "patch", Group: "*", Resource: "*"},
	{Verb: "delete", Group: "*", Resource: "*"},
	{Verb: "get", Resource: "namespaces"},
	{Verb: "patch", Resource: "configmaps", Namespace: "kube-system"},
}

// forbidden says in words what of needed our credentials do not allow.
func forbidden(ctx context.Context, server *kube.Cluster) ([]string, error) {
	everything, err := server.May(ctx, kube.Access{Verb: "*", Group: "*", Resource: "*"})
	if err != nil || everything {
		return nil, err
	}
	var lacking []string
	for _, a := range needed {
		allowed, err := server.May(ctx, a)
		switch {
		case err != nil:
			return nil, err
		case allowed:
		case a.Resource == "*":
			lacking = append(lacking, a.Verb+" all kinds")
		case a.Namespace != "":
			lacking = append(lacking, fmt.Sprintf("%s %s in %s", a.Verb, a.Resource, a.Namespace))
		default:
			lacking = append(lacking, a.Verb+" "+a.Resource)
		}
	}
	return lacking, nil
}
