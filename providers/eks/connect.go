package eks

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
)

// Connect returns a kubeconfig that holds no credentials: it names the command that
// makes a token of those that AWS tools find, which lasts a quarter of an hour and is
// made anew by whoever uses the kubeconfig.
func (p *Provider) Connect(ctx context.Context, name string) ([]byte, error) {
	if err := providers.CheckName(ProviderName, name); err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking AWS about cluster "+name)
	defer cancel()
	h, err := p.find(ctx, name)
	if err != nil {
		return nil, about(ctx, name, err)
	}
	if state, reason := h.state(); state != providers.StateRunning {
		return nil, &providers.NotRunningError{Provider: ProviderName, Name: name, State: state, Reason: reason}
	}
	if len(p.opts.Token) == 0 {
		return nil, about(ctx, name, errors.New("no command is known that makes tokens (Options.Token)"))
	}
	config, err := h.kubeconfig(p.plugin(name))
	return config, about(ctx, name, err)
}

// plugin is the user of a kubeconfig whose tokens a command makes.
func (p *Provider) plugin(name string) map[string]any {
	return map[string]any{"exec": map[string]any{
		"apiVersion": "client.authentication.k8s.io/v1", "command": p.opts.Token[0], "args": append(slices.Clone(p.opts.Token[1:]), name),
		"interactiveMode": "Never", "provideClusterInfo": false,
	}}
}

// kubeconfig is one cluster, user and context; user says how to get in.
func (h holding) kubeconfig(user map[string]any) ([]byte, error) {
	if h.cluster.CertificateAuthority == nil || aws.ToString(h.cluster.Endpoint) == "" {
		return nil, &Error{What: "EKS gives no address and no certificate authority for it yet", Remedy: busy}
	}
	called := "eks-" + h.name
	return yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": called,
		"clusters": []any{map[string]any{"name": called, "cluster": map[string]any{
			"server": aws.ToString(h.cluster.Endpoint), "certificate-authority-data": aws.ToString(h.cluster.CertificateAuthority.Data),
		}}},
		"users":    []any{map[string]any{"name": called, "user": user}},
		"contexts": []any{map[string]any{"name": called, "context": map[string]any{"cluster": called, "user": called}}},
	})
}

const (
	// tokenLife is how long EKS takes a token, tokenMargin how long before that another
	// one is wanted.
	tokenLife   = 15 * time.Minute
	tokenMargin = time.Minute
	tokenStart  = "k8s-aws-v1."
	// headerCluster is the header that ties a token to one cluster, headerLife how long
	// the signature lasts, in seconds; EKS goes by the token's age instead.
	headerCluster = "x-k8s-aws-id"
	headerLife    = "X-Amz-Expires"
)

// Token makes a token for a cluster: a request to STS that is signed and not sent.
// AWS is not asked, and nothing is kept.
func (p *Provider) Token(ctx context.Context, name string) (providers.Token, error) {
	if err := providers.CheckName(ProviderName, name); err != nil {
		return providers.Token{}, err
	}
	ctx, cancel := bounded(ctx, p.opts.Timeout, "making a token for cluster "+name)
	defer cancel()
	places, err := p.places(name)
	if err != nil {
		return providers.Token{}, about(ctx, name, err)
	}
	if len(places) == 0 {
		return providers.Token{}, providers.ErrNotFound
	}
	token, err := p.sign(ctx, places[0], name) // API servers take those of all regions
	return token, about(ctx, name, err)
}

func (p *Provider) sign(ctx context.Context, set settings, name string) (providers.Token, error) {
	cfg, err := p.opts.Load(ctx, set.Region)
	if err != nil {
		return providers.Token{}, explain(err, set.Region)
	}
	cfg.Region = set.Region
	now := p.opts.Now()
	signed, err := sts.NewPresignClient(sts.NewFromConfig(cfg)).PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, sts.WithAPIOptions(
			smithyhttp.SetHeaderValue(headerCluster, name), smithyhttp.SetHeaderValue(headerLife, "60")))
	})
	if err != nil {
		return providers.Token{}, explain(err, set.Region)
	}
	t := providers.Token{Value: tokenStart + base64.RawURLEncoding.EncodeToString([]byte(signed.URL)), Expires: now.Add(tokenLife - tokenMargin)}
	if keys, err := cfg.Credentials.Retrieve(ctx); err == nil && keys.CanExpire && keys.Expires.Before(t.Expires) {
		t.Expires = keys.Expires // it ends with the credentials that signed it
	}
	return t, nil
}

// awaitReady returns when the API server is ready for the first apply.
func (p *Provider) awaitReady(ctx context.Context, h holding, progress providers.Progress) error {
	progress.Say("waiting for the API server")
	config, err := h.kubeconfig(map[string]any{})
	if err != nil {
		return err
	}
	token := func(ctx context.Context) (kube.Credential, error) {
		t, err := p.sign(ctx, h.set, h.name)
		return kube.Credential{Value: t.Value, Expires: t.Expires}, err
	}
	c, err := kube.Connect(config, "", kube.Options{Now: p.opts.Now, Token: token})
	if err != nil {
		return err
	}
	if err := c.Ready(ctx); err != nil {
		return h.unreachable(err)
	}
	return p.awaitServiceAccount(ctx, c)
}

// unreachable says why an API server may not answer us.
func (h holding) unreachable(err error) error {
	e := &Error{What: err.Error(), Err: err, Remedy: "look at the cluster in the EKS console; running the same again goes on where this one was"}
	switch text := err.Error(); {
	case strings.Contains(text, "does not let us in"):
		e.Remedy = fmt.Sprintf("whoever made the cluster is in, and %s is not: run this with the credentials that made it, or let this role in (settings.access)", h.account.caller)
	case !h.set.Endpoint.public():
		e.Remedy = "its API server is reached from its own network alone (settings.endpoint.public: false): run rekindle there, or make it public for some addresses (settings.endpoint.cidrs)"
	case len(h.set.Endpoint.CIDRs) > 0:
		e.Remedy = "look whether this machine's public address is one of settings.endpoint.cidrs"
	}
	return e
}

// awaitServiceAccount waits until the default ServiceAccount is there: pods are refused
// before.
func (p *Provider) awaitServiceAccount(ctx context.Context, c *kube.Cluster) error {
	accounts := object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"}, Resource: "serviceaccounts", Namespaced: true}
	for {
		_, err := c.Get(ctx, accounts, "default", "default")
		if err == nil {
			return nil
		}
		if ended := sleep(ctx, min(p.opts.Every, time.Second)); ended != nil {
			return fmt.Errorf("waiting for the default ServiceAccount: %w (%w)", err, ended)
		}
	}
}

// isCaller tells whether a principal of IAM is who asks: a role is one under another
// name, without its path.
func (a *account) isCaller(principal string) bool {
	role, isRole := strings.CutPrefix(principal, "arn:"+a.partition()+":iam::"+a.number+":role/")
	taken, isTaken := strings.CutPrefix(a.caller, "arn:"+a.partition()+":sts::"+a.number+":assumed-role/")
	name, _, _ := strings.Cut(taken, "/")
	return principal == a.caller || isRole && isTaken && name == role[strings.LastIndex(role, "/")+1:]
}

// partition is the part of AWS that the account lies in: "aws", "aws-cn".
func (a *account) partition() string {
	parts := strings.SplitN(a.caller, ":", 3)
	if len(parts) < 3 || parts[1] == "" {
		return "aws"
	}
	return parts[1]
}
