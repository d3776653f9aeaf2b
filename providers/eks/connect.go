package eks

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/providers"
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
	return p.kubeconfig(h)
}

// kubeconfig is one cluster, user and context, with a token by command.
func (p *Provider) kubeconfig(h holding) ([]byte, error) {
	if h.cluster.CertificateAuthority == nil || aws.ToString(h.cluster.Endpoint) == "" {
		return nil, errors.New("EKS gives no address and no certificate authority for it yet")
	}
	if len(p.opts.Token) == 0 {
		return nil, errors.New("no command is known that makes tokens (Options.Token)")
	}
	called := "eks-" + h.name
	return yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": called,
		"clusters": []any{map[string]any{"name": called, "cluster": map[string]any{
			"server": aws.ToString(h.cluster.Endpoint), "certificate-authority-data": aws.ToString(h.cluster.CertificateAuthority.Data),
		}}},
		"users": []any{map[string]any{"name": called, "user": map[string]any{"exec": map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1", "command": p.opts.Token[0], "args": append(p.opts.Token[1:len(p.opts.Token):len(p.opts.Token)], h.name),
			"interactiveMode": "Never", "provideClusterInfo": false,
		}}}},
		"contexts": []any{map[string]any{"name": called, "context": map[string]any{"cluster": called, "user": called}}},
	})
}

// Token is what an API server of EKS takes for who we are.
type Token struct {
	Value string
	// Expires is when it is to be made anew.
	Expires time.Time
}

// tokenLife is how long a token is taken by EKS, and the margin before its end.
const (
	tokenLife   = 15 * time.Minute
	tokenMargin = time.Minute
)

// Token makes a token for a cluster: a request to STS that is signed and not sent.
func (p *Provider) Token(ctx context.Context, name string) (Token, error) {
	if err := providers.CheckName(ProviderName, name); err != nil {
		return Token{}, err
	}
	ctx, cancel := bounded(ctx, p.opts.Timeout, "making a token for cluster "+name)
	defer cancel()
	places, err := p.places(name)
	if err != nil {
		return Token{}, about(ctx, name, err)
	}
	if len(places) != 1 {
		h, err := p.find(ctx, name)
		if err != nil {
			return Token{}, about(ctx, name, err)
		}
		places = []settings{h.set}
	}
	cfg, err := p.opts.Load(ctx, places[0].Region)
	if err != nil {
		return Token{}, about(ctx, name, explain(err, places[0].Region))
	}
	cfg.Region = places[0].Region
	signed, err := sts.NewPresignClient(sts.NewFromConfig(cfg)).PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, sts.WithAPIOptions(
			smithyhttp.AddHeaderValue("x-k8s-aws-id", name), smithyhttp.AddHeaderValue("X-Amz-Expires", "60")))
	})
	if err != nil {
		return Token{}, about(ctx, name, explain(err, places[0].Region))
	}
	return Token{
		Value:   "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(signed.URL)),
		Expires: p.opts.Now().Add(tokenLife - tokenMargin),
	}, nil
}

// partition is the part of AWS that the account lies in: "aws", "aws-cn".
func (a *account) partition() string {
	parts := strings.SplitN(a.caller, ":", 3)
	if len(parts) < 3 || parts[1] == "" {
		return "aws"
	}
	return parts[1]
}

// issuerOf is who signs the tokens of a cluster's service accounts: "" when unknown.
func issuerOf(c *awseks.Cluster) string {
	if c == nil || c.Identity == nil || c.Identity.Oidc == nil {
		return ""
	}
	return aws.ToString(c.Identity.Oidc.Issuer)
}

// providerARN is the ARN of the OIDC provider of an issuer.
func (a *account) providerARN(issuer string) string {
	return fmt.Sprintf("arn:%s:iam::%s:oidc-provider/%s", a.partition(), a.number, strings.TrimPrefix(issuer, "https://"))
}
