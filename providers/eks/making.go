package eks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// making is one cluster that is being made or finished.
type making struct {
	*account
	mark
	pace
	set settings
	// held is what AWS has of it, ground what it stands on once that is known.
	held   holding
	ground ground
	// accepted: AWS has a control plane of the name, or has taken on to make one.
	accepted bool
	record   record
	keep     func(record) error
}

// all makes whatever is not there yet.
func (m *making) all(ctx context.Context) (err error) {
	m.accepted = m.held.cluster != nil
	if m.ground, err = m.prepare(ctx); err != nil {
		return err
	}
	m.record.VPC = cmp.Or(m.record.VPC, m.ground.vpc) // is kept with the next thing that is asked for
	if err := m.controlPlane(ctx); err != nil {
		return err
	}
	m.record.VPC, m.record.Issuer = cmp.Or(vpcOf(m.held.cluster), m.ground.vpc), issuerOf(m.held.cluster)
	if err := m.keep(m.record); err != nil {
		return err
	}
	return m.furnish(ctx)
}

// vpcOf is the VPC that a cluster lies in, "" when EKS does not say.
func vpcOf(c *types.Cluster) string {
	if c.ResourcesVpcConfig == nil {
		return ""
	}
	return aws.ToString(c.ResourcesVpcConfig.VpcId)
}

// asking writes down that AWS is asked for something that holds the name: until it
// shows that, a delete has to wait for it.
func (m *making) asking() error {
	m.record.Asked = m.now().UTC()
	return m.keep(m.record)
}

// fits asks AWS, before anything is made, whether it can be made at all.
func (m *making) fits(ctx context.Context) error {
	if m.set.Version != "" {
		if err := m.offered(ctx); err != nil {
			return err
		}
	}
	if m.set.Network != nil {
		return m.spread(ctx)
	}
	return nil
}

// versions are the versions of Kubernetes that EKS makes clusters of, oldest first.
func (a *account) versions(ctx context.Context) ([]types.ClusterVersionInformation, error) {
	var all []types.ClusterVersionInformation
	pages := awseks.NewDescribeClusterVersionsPaginator(a.eks, &awseks.DescribeClusterVersionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err, a.region)
		}
		for _, v := range page.ClusterVersions {
			if v.VersionStatus != types.VersionStatusUnsupported && aws.ToString(v.ClusterVersion) != "" {
				all = append(all, v)
			}
		}
	}
	slices.SortFunc(all, func(a, b types.ClusterVersionInformation) int {
		x, y := aws.ToString(a.ClusterVersion), aws.ToString(b.ClusterVersion)
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
	return all, nil
}

// offered refuses a version that EKS does not make.
func (m *making) offered(ctx context.Context) error {
	all, err := m.versions(ctx)
	if err != nil {
		return err
	}
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = aws.ToString(v.ClusterVersion)
	}
	if slices.Contains(words, m.set.Version) {
		return nil
	}
	return &Error{What: fmt.Sprintf("version %s is not offered by EKS in %s, which has %s", m.set.Version, m.region, strings.Join(words, ", ")),
		Remedy: "set settings.version to one of those, in quotes, or leave it out for the default of EKS"}
}

// spread refuses subnets that are not there, or lie where EKS cannot use them.
func (m *making) spread(ctx context.Context) error {
	out, err := m.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: m.set.Network.Subnets})
	if err != nil {
		return explain(err, m.region)
	}
	in, vpcs := map[string]bool{}, map[string]bool{}
	for _, s := range out.Subnets {
		in[aws.ToString(s.AvailabilityZone)] = true
		vpcs[aws.ToString(s.VpcId)] = true
	}
	switch {
	case len(vpcs) > 1:
		return &Error{What: "the subnets lie in several VPCs", Remedy: "name subnets of one (settings.network.subnets)"}
	case len(in) < zones:
		return &Error{What: fmt.Sprintf("the subnets lie in %d availability zone, and EKS wants %d", len(in), zones),
			Remedy: "name another one in another zone (settings.network.subnets)"}
	}
	return nil
}

// ready says on the cluster that it is whole, unless somebody began to delete it.
func (m *making) ready(ctx context.Context) error {
	c := m.held.cluster
	if c.Tags[tagPhase] == phaseReady {
		return nil
	}
	now, err := m.cluster(ctx, m.name)
	if err != nil {
		return err
	}
	if now == nil || now.Status == types.ClusterStatusDeleting || now.Tags[tagPhase] == phaseDeleting {
		return deleting(m.name)
	}
	if err := m.owns(now.Tags, clusterHolder(now)); err != nil {
		return err
	}
	if _, err := m.eks.TagResource(ctx, &awseks.TagResourceInput{ResourceArn: c.Arn, Tags: map[string]string{tagPhase: phaseReady}}); err != nil {
		return explain(err, m.region)
	}
	c.Tags[tagPhase] = phaseReady
	return nil
}
