package eks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
)

// Create makes the cluster, or finishes one of the same id: the stack it stands on,
// the control plane, node groups, access, add-ons and pod identities, in this order;
// each is looked for before it is made. It returns when the API server is ready and
// everything is active; what does not become active is named with what EKS says.
func (p *Provider) Create(ctx context.Context, s providers.Spec, progress providers.Progress) (providers.Cluster, error) {
	if err := errors.Join(providers.CheckName(ProviderName, s.Name), providers.CheckID(ProviderName, s.ID)); err != nil {
		return providers.Cluster{}, err
	}
	set, err := decode(s.Settings)
	if err != nil {
		return providers.Cluster{}, about(ctx, s.Name, err)
	}
	if ctx.Err() != nil {
		return providers.Cluster{}, about(ctx, s.Name, context.Cause(ctx))
	}
	ctx, cancel := bounded(ctx, set.wait(), "the create (settings.wait)")
	defer cancel()
	h, err := p.create(ctx, s, set, progress)
	if err != nil {
		return providers.Cluster{}, about(ctx, s.Name, err)
	}
	return h.describe(), nil
}

func (p *Provider) create(ctx context.Context, s providers.Spec, set settings, progress providers.Progress) (holding, error) {
	a, err := p.enter(ctx, set)
	if err != nil {
		return holding{}, err
	}
	h, err := a.holds(ctx, s.Name)
	switch {
	case errors.Is(err, providers.ErrNotFound):
		h.mark = mark{name: s.Name, id: s.ID, created: p.opts.Now().UTC().Truncate(time.Second)}
	case err != nil:
		return h, err
	case h.id != s.ID:
		return h, &providers.TakenError{Provider: ProviderName, Name: s.Name, Wanted: s.ID, Have: h.id}
	}
	h.set = set
	if state, _ := h.state(); state == providers.StateDeleting {
		return h, fmt.Errorf("it is being deleted: wait until it is gone, or delete it again")
	}
	g, err := a.prepare(ctx, h.mark, set, p.opts.Every, progress)
	if err != nil {
		return h, err
	}
	if h.cluster, err = p.controlPlane(ctx, h, g, progress); err != nil {
		return h, err
	}
	w := &work{account: a, mark: h.mark, set: set, ground: g, every: p.opts.Every, progress: progress, issuer: issuerOf(h.cluster)}
	if err := w.furnish(ctx); err != nil {
		return h, err
	}
	if err := p.awaitReady(ctx, h, progress); err != nil {
		return h, err
	}
	if _, err := a.eks.TagResource(ctx, &awseks.TagResourceInput{ResourceArn: h.cluster.Arn, Tags: map[string]string{tagPhase: phaseReady}}); err != nil {
		return h, explain(err, a.region)
	}
	h.cluster.Tags[tagPhase] = phaseReady
	return h, nil
}


// controlPlane makes the EKS cluster unless it is there, and waits until it is active.
func (p *Provider) controlPlane(ctx context.Context, h holding, g ground, progress providers.Progress) (*types.Cluster, error) {
	if h.cluster == nil {
		progress.Say("making the control plane, which takes EKS about ten minutes")
		if err := h.account.makeCluster(ctx, h.mark, h.set, g); err != nil {
			return nil, err
		}
	}
	for {
		c, err := h.account.cluster(ctx, h.name)
		if err != nil {
			return nil, err
		}
		if c == nil { // not seen yet, by an eventually consistent API
			c = &types.Cluster{Status: types.ClusterStatusCreating, Tags: h.tags(nil)}
		}
		if err := h.owns(c.Tags, "the EKS cluster "+aws.ToString(c.Arn)); err != nil {
			return nil, err
		}
		switch c.Status {
		case types.ClusterStatusActive, types.ClusterStatusUpdating:
			return c, nil
		case types.ClusterStatusFailed, types.ClusterStatusDeleting:
			return nil, &Error{What: fmt.Sprintf("the control plane is %s: %v", c.Status, issues(c.Health)),
				Remedy: "remove it (rekindle clusters delete " + h.name + "), mend what it names, and restore again"}
		}
		if err := sleep(ctx, p.opts.Every); err != nil {
			return nil, fmt.Errorf("waiting for the control plane (%s): %w", c.Status, err)
		}
	}
}

func (a *account) makeCluster(ctx context.Context, m mark, set settings, g ground) error {
	in := &awseks.CreateClusterInput{
		Name: aws.String(m.name), RoleArn: aws.String(g.role), Tags: m.tags(set.Tags), ClientRequestToken: aws.String(m.token("cluster")),
		AccessConfig: &types.CreateAccessConfigRequest{
			AuthenticationMode: types.AuthenticationModeApi, BootstrapClusterCreatorAdminPermissions: aws.Bool(true),
		},
		ResourcesVpcConfig: &types.VpcConfigRequest{
			SubnetIds: g.subnets, EndpointPublicAccess: aws.Bool(set.Endpoint.public()), EndpointPrivateAccess: aws.Bool(set.Endpoint.private()),
			PublicAccessCidrs: set.Endpoint.CIDRs,
		},
	}
	if set.Network != nil {
		in.ResourcesVpcConfig.SecurityGroupIds = set.Network.SecurityGroups
	}
	if set.Version != "" {
		in.Version = aws.String(set.Version)
	}
	if len(set.Logging) > 0 {
		kinds := make([]types.LogType, len(set.Logging))
		for i, l := range set.Logging {
			kinds[i] = types.LogType(l)
		}
		in.Logging = &types.Logging{ClusterLogging: []types.LogSetup{{Enabled: aws.Bool(true), Types: kinds}}}
	}
	if set.EncryptionKey != "" {
		in.EncryptionConfig = []types.EncryptionConfig{{Provider: &types.Provider{KeyArn: aws.String(set.EncryptionKey)}, Resources: []string{"secrets"}}}
	}
	_, err := a.eks.CreateCluster(ctx, in)
	var there *types.ResourceInUseException
	if errors.As(err, &there) {
		return nil // whose it is is looked at while it is waited for
	}
	return explain(err, a.region)
}

// awaitReady returns when the API server is ready for the first apply.
func (p *Provider) awaitReady(ctx context.Context, h holding, progress providers.Progress) error {
	progress.Say("waiting for the API server")
	config, err := p.kubeconfig(h)
	if err != nil {
		return err
	}
	c, err := kube.Connect(config, "", kube.Options{Now: p.opts.Now})
	if err != nil {
		return err
	}
	return c.Ready(ctx)
}
