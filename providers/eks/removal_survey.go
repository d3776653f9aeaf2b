package eks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/sync/errgroup"
)

// survey looks for everything in the account and region that bears a tag of ours, or
// one of controllers for a cluster of these names, and the control plane's logs of
// these clusters, or of all when logs is nil. Load balancers are all that there are:
// they cannot be asked for by their tags.
func (a *account) survey(ctx context.Context, clusters, logs []string) ([]thing, error) {
	byTag := []types.Filter{filter("tag-key", tagKeys(clusters)...)}
	looks := []func(context.Context) ([]thing, error){
		a.classicBalancers, a.balancers, a.targetGroups,
		func(ctx context.Context) ([]thing, error) { return a.instances(ctx, byTag) },
		func(ctx context.Context) ([]thing, error) { return a.groups(ctx, byTag) },
		func(ctx context.Context) ([]thing, error) { return a.interfaces(ctx, byTag) },
		func(ctx context.Context) ([]thing, error) { return a.volumes(ctx, byTag) },
		func(ctx context.Context) ([]thing, error) { return a.snapshots(ctx, byTag) },
		func(ctx context.Context) ([]thing, error) { return a.logGroups(ctx, logs) },
		a.oidcProviders,
	}
	found := make([][]thing, len(looks))
	group, ctx := errgroup.WithContext(ctx)
	for i, look := range looks {
		group.Go(func() (err error) { found[i], err = look(ctx); return explain(err, a.region) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}

// tagKeys are the keys by which EC2 is asked for what may be of these clusters.
func tagKeys(clusters []string) []string {
	keys := append([]string{tagID, tagNode}, namingTags()...)
	for _, c := range clusters {
		keys = append(keys, tagShared+c)
	}
	return keys
}

// pager is what the SDK's paginators have in common.
type pager[Page, Options any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*Options)) (*Page, error)
}

// pages collects what is on all pages.
func pages[Page, Options, Item any](ctx context.Context, p pager[Page, Options], items func(*Page) []Item) ([]Item, error) {
	var all []Item
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, items(page)...)
	}
	return all, nil
}

func (a *account) instances(ctx context.Context, filters []types.Filter) ([]thing, error) {
	list, err := pages(ctx, ec2.NewDescribeInstancesPaginator(a.ec2, &ec2.DescribeInstancesInput{Filters: filters}),
		func(p *ec2.DescribeInstancesOutput) []types.Reservation { return p.Reservations })
	if err != nil {
		return nil, err
	}
	var found []thing
	for _, r := range list {
		for _, i := range r.Instances {
			if i.State != nil && i.State.Name == types.InstanceStateNameTerminated {
				continue // still listed for an hour
			}
			found = append(found, thing{kind: kindInstance, id: aws.ToString(i.InstanceId), label: string(i.InstanceType), tags: tagsOfEC2(i.Tags),
				vpc: aws.ToString(i.VpcId), created: aws.ToTime(i.LaunchTime), groups: groupIDs(i.SecurityGroups)})
		}
	}
	return found, nil
}

func groupIDs(list []types.GroupIdentifier) []string {
	ids := make([]string, len(list))
	for i, g := range list {
		ids[i] = aws.ToString(g.GroupId)
	}
	return ids
}

// logGroups are those of EKS' control planes: of these clusters, or all of them when
// none is named.
func (a *account) logGroups(ctx context.Context, clusters []string) ([]thing, error) {
	prefixes := []string{"/aws/eks/"}
	if len(clusters) > 0 {
		prefixes = nil
		for _, c := range clusters {
			prefixes = append(prefixes, logGroup(c))
		}
	}
	var found []thing
	for _, prefix := range prefixes {
		p := cloudwatchlogs.NewDescribeLogGroupsPaginator(a.logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(prefix)})
		for p.HasMorePages() {
			page, err := p.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, g := range page.LogGroups {
				name := aws.ToString(g.LogGroupName)
				if !strings.HasPrefix(name, "/aws/eks/") || !strings.HasSuffix(name, "/cluster") || len(clusters) > 0 && name != prefix {
					continue
				}
				t := thing{kind: kindLogs, id: name, created: time.UnixMilli(aws.ToInt64(g.CreationTime))}
				out, err := a.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(a.logARN(name))})
				if absent(err) {
					continue
				}
				if err != nil {
					return nil, err
				}
				t.tags = out.Tags
				found = append(found, t)
			}
		}
	}
	return found, nil
}

func (a *account) logARN(name string) string {
	return fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s", a.partition(), a.region, a.number, name)
}

// oidcProviders are those of the region's issuers: IAM has no regions.
func (a *account) oidcProviders(ctx context.Context) ([]thing, error) {
	out, err := a.iam.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
	if err != nil {
		return nil, err
	}
	var found []thing
	for _, p := range out.OpenIDConnectProviderList {
		arn := aws.ToString(p.Arn)
		if !strings.Contains(arn, ":oidc-provider/oidc.eks."+a.region+".") {
			continue
		}
		t, err := a.oidcProvider(ctx, arn)
		if err != nil {
			return nil, err
		}
		if t != nil {
			found = append(found, *t)
		}
	}
	return found, nil
}

// oidcProvider finds one by its ARN; nil when it is not there.
func (a *account) oidcProvider(ctx context.Context, arn string) (*thing, error) {
	out, err := a.iam.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn)})
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &thing{kind: kindIssuer, id: arn, tags: tagsOf(out.Tags), created: aws.ToTime(out.CreateDate)}, nil
}
