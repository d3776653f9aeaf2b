package eks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/rekindle-io/rekindle/providers"
)

// List returns our clusters in all accounts and regions that are known and that the
// credentials are for, half-made ones included, by name. Where nothing is known AWS is
// not asked.
func (p *Provider) List(ctx context.Context) ([]providers.Cluster, error) {
	ctx, cancel := bounded(ctx, p.opts.Timeout, "asking AWS for clusters")
	defer cancel()
	list, err := p.list(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w (%w)", cause, err)
		}
		return nil, fmt.Errorf("provider %s: %w", ProviderName, err)
	}
	return list, nil
}

func (p *Provider) list(ctx context.Context) ([]providers.Cluster, error) {
	places, err := p.places("")
	if err != nil {
		return nil, err
	}
	reached, err := p.reach(ctx, places)
	if err != nil {
		return nil, err
	}
	var list []providers.Cluster
	for _, a := range reached {
		names, err := p.names(ctx, a.account)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			h, err := p.holding(ctx, a.account, a.set, name)
			if errors.Is(err, providers.ErrNotFound) || errors.As(err, new(*providers.ForeignError)) {
				continue
			}
			if err != nil {
				return nil, err
			}
			list = append(list, h.describe())
		}
	}
	slices.SortFunc(list, func(a, b providers.Cluster) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// names are those of all clusters and stacks that may be ours, by what AWS and our
// records say.
func (p *Provider) names(ctx context.Context, a *account) ([]string, error) {
	var names []string
	clusters := awseks.NewListClustersPaginator(a.eks, &awseks.ListClustersInput{})
	for clusters.HasMorePages() {
		page, err := clusters.NextPage(ctx)
		if err != nil {
			return nil, explain(err, a.region)
		}
		names = append(names, page.Clusters...)
	}
	stacks, err := a.ourStacks(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range stacks {
		if name, whole := strings.CutPrefix(aws.ToString(s.StackName), stackName("")); whole {
			names = append(names, name)
		}
	}
	records, err := p.recorded("")
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.Account == a.number && r.Region == a.region {
			names = append(names, r.Name)
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return providers.CheckName(ProviderName, n) != nil }) // never one of ours
	slices.Sort(names)
	return slices.Compact(names), nil
}
