package eks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscf "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/rekindle-io/rekindle/providers"
)

// tagPhase on a cluster says how far it is, as AWS cannot: a control plane that runs
// may still lack its nodes.
const (
	tagPhase      = tagPrefix + "phase"
	phaseReady    = "ready"
	phaseDeleting = "deleting"
)

// holding is what AWS has under a cluster's name: the cluster, the stack, or both.
type holding struct {
	mark
	account *account
	set     settings
	cluster *types.Cluster
	stack   *awscf.Stack
}

// places are the settings that say where a cluster may be: its own when it is
// declared, or else one for each region and account that any cluster names. A
// throwaway cluster of a drill is declared by nobody.
func (p *Provider) places(name string) ([]settings, error) {
	declared, err := p.opts.Declared()
	if err != nil {
		return nil, err
	}
	if own, ok := declared[name]; ok {
		set, err := decode(own)
		if err != nil {
			return nil, fmt.Errorf("cluster %s: %w", name, err)
		}
		return []settings{set}, nil
	}
	byPlace := map[string]settings{}
	for _, s := range declared {
		set, err := decode(s)
		if err != nil {
			continue // it is told where it is declared
		}
		byPlace[set.Region+"/"+strings.Join(set.Allow.Accounts, ",")] = set
	}
	found := make([]settings, 0, len(byPlace))
	for _, set := range byPlace {
		found = append(found, set)
	}
	slices.SortFunc(found, func(a, b settings) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(strings.Join(a.Allow.Accounts, ","), strings.Join(b.Allow.Accounts, ",")))
	})
	return found, nil
}

// find looks for what holds a name: ErrNotFound when it is free everywhere, a
// *ForeignError when something without our mark holds it.
func (p *Provider) find(ctx context.Context, name string) (holding, error) {
	places, err := p.places(name)
	if err != nil {
		return holding{}, err
	}
	for _, set := range places {
		a, err := p.enter(ctx, set)
		if err != nil {
			return holding{}, err
		}
		h, err := a.holds(ctx, name)
		if err == nil {
			h.set = set
		}
		if !errors.Is(err, providers.ErrNotFound) {
			return h, err
		}
	}
	return holding{}, providers.ErrNotFound
}

// holds looks for what holds a name in one place.
func (a *account) holds(ctx context.Context, name string) (holding, error) {
	h := holding{account: a}
	var err error
	if h.cluster, err = a.cluster(ctx, name); err != nil {
		return h, err
	}
	if h.stack, err = a.stack(ctx, name); err != nil {
		return h, err
	}
	if h.cluster == nil && h.stack == nil {
		return h, providers.ErrNotFound
	}
	tags, holder := map[string]string(nil), ""
	if h.cluster != nil {
		tags, holder = h.cluster.Tags, "the EKS cluster "+aws.ToString(h.cluster.Arn)
	} else {
		tags, holder = stackTags(h.stack), "the CloudFormation stack "+stackName(name)
	}
	m, ours := markOf(tags)
	if !ours || m.name != name {
		return h, &providers.ForeignError{Provider: ProviderName, Name: name, Holder: holder}
	}
	h.mark = m
	return h, nil
}

// cluster finds the cluster of a name, whoever made it; nil when there is none.
func (a *account) cluster(ctx context.Context, name string) (*types.Cluster, error) {
	out, err := a.eks.DescribeCluster(ctx, &awseks.DescribeClusterInput{Name: aws.String(name)})
	var gone *types.ResourceNotFoundException
	if errors.As(err, &gone) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, a.region)
	}
	return out.Cluster, nil
}

// state is where a cluster is in its life, and why it is broken when it is.
func (h holding) state() (providers.State, string) {
	if h.cluster == nil {
		switch {
		case h.stack == nil: // nothing holds the name
			return providers.StateCreating, ""
		case strings.HasPrefix(string(h.stack.StackStatus), "DELETE"):
			return providers.StateDeleting, ""
		case unusable(h.stack.StackStatus):
			return providers.StateBroken, fmt.Sprintf("its stack is %s: %s", h.stack.StackStatus, aws.ToString(h.stack.StackStatusReason))
		}
		return providers.StateCreating, ""
	}
	switch phase := h.cluster.Tags[tagPhase]; {
	case h.cluster.Status == types.ClusterStatusDeleting || phase == phaseDeleting:
		return providers.StateDeleting, ""
	case h.cluster.Status == types.ClusterStatusFailed:
		return providers.StateBroken, strings.Join(issues(h.cluster.Health), "; ")
	case h.cluster.Status == types.ClusterStatusCreating || phase != phaseReady:
		return providers.StateCreating, ""
	}
	return providers.StateRunning, ""
}

// issues are what EKS says is wrong with a cluster.
func issues(h *types.ClusterHealth) []string {
	if h == nil {
		return []string{"EKS says that it has failed, and not why"}
	}
	said := make([]string, len(h.Issues))
	for i, issue := range h.Issues {
		said[i] = fmt.Sprintf("%s: %s", issue.Code, aws.ToString(issue.Message))
	}
	return said
}

func (h holding) describe() providers.Cluster {
	state, reason := h.state()
	c := providers.Cluster{Provider: ProviderName, Name: h.name, ID: h.id, State: state, Created: h.created,
		Detail: map[string]string{"account": h.account.number, "region": h.account.region}}
	if h.cluster != nil {
		c.Endpoint, c.Detail["arn"] = aws.ToString(h.cluster.Endpoint), aws.ToString(h.cluster.Arn)
		if v := aws.ToString(h.cluster.Version); v != "" {
			c.Version = "v" + v
		}
	}
	if reason != "" {
		c.Detail["reason"] = reason
	}
	return c
}

// Find returns the cluster of that name as it is at this moment.
func (p *Provider) Find(ctx context.Context, name string) (providers.Cluster, error) {
	if err := providers.CheckName(ProviderName, name); err != nil {
		return providers.Cluster{}, err
	}
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking AWS about cluster "+name)
	defer cancel()
	h, err := p.find(ctx, name)
	if err != nil {
		return providers.Cluster{}, about(ctx, name, err)
	}
	return h.describe(), nil
}

// about says which cluster an error is about, and whose deadline ended a call.
func about(ctx context.Context, name string, err error) error {
	if err == nil || errors.Is(err, providers.ErrNotFound) {
		return err
	}
	if errors.As(err, new(*providers.ForeignError)) || errors.As(err, new(*providers.TakenError)) || errors.As(err, new(*providers.NotRunningError)) {
		return err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	return fmt.Errorf("provider %s: cluster %q: %w", ProviderName, name, err)
}
