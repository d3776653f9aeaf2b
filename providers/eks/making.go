package eks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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
	m.record.KeepLogs = m.set.KeepLogs
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

// maxRemakes is how often a control plane that did not come to be is made anew.
const maxRemakes = 2

// controlPlane makes the EKS cluster unless it is there, and waits until it is active.
// One that failed before it ever ran is removed and made anew.
func (m *making) controlPlane(ctx context.Context) error {
	again := ""
	for remade := 0; ; remade++ {
		if m.held.cluster == nil {
			m.progress.Say("making the control plane, which takes EKS about ten minutes")
			if err := m.makeCluster(ctx, again); err != nil {
				return err
			}
			m.accepted = true
		}
		c, err := m.awaitCluster(ctx)
		switch {
		case errors.Is(err, errUnseen) && remade < maxRemakes:
		case errors.Is(err, errUnseen):
			return &Error{What: "the control plane: " + err.Error(), Remedy: busy, Err: err}
		case err != nil:
			return err
		case c.Status != types.ClusterStatusFailed:
			m.held.cluster = c
			m.stands(c)
			return nil
		case remade == maxRemakes || c.Tags[tagPhase] == phaseReady:
			return &Error{What: "the control plane has failed: " + strings.Join(issues(c.Health), "; "),
				Remedy: "mend what it names, and run the same again: the control plane is made anew"}
		default:
			m.progress.Say("removing the control plane, which has failed: " + strings.Join(issues(c.Health), "; "))
			if err := m.removeFailed(ctx); err != nil {
				return err
			}
		}
		m.held.cluster, again = nil, m.now().String()
	}
}

// stands takes what the cluster stands on from the cluster itself: the settings may
// have changed since it was made.
func (m *making) stands(c *types.Cluster) {
	if c.ResourcesVpcConfig != nil && len(c.ResourcesVpcConfig.SubnetIds) > 0 && (m.set.Network == nil || len(m.ground.subnets) == 0) {
		m.ground.subnets = slices.Sorted(slices.Values(c.ResourcesVpcConfig.SubnetIds))
	}
	if v := aws.ToString(c.Version); m.set.Version != "" && v != m.set.Version {
		m.progress.Say(fmt.Sprintf("the cluster has version %s and the settings say %s: it keeps what it has until it is made anew", v, m.set.Version))
	}
}

// awaitCluster waits until the control plane is active or has failed. Whose it is, it
// looks at each time.
func (m *making) awaitCluster(ctx context.Context) (*types.Cluster, error) {
	seen := m.held.cluster != nil
	unseen, tell := m.unseen(), m.telling("the control plane")
	waiter := awseks.NewClusterActiveWaiter(m.eks, func(o *awseks.ClusterActiveWaiterOptions) {
		o.MinDelay, o.MaxDelay = m.every, m.every
		o.Retryable = func(_ context.Context, _ *awseks.DescribeClusterInput, out *awseks.DescribeClusterOutput, err error) (bool, error) {
			switch {
			case gone(err) && seen:
				return false, &Error{What: "the control plane is gone: somebody removed it while it was made", Remedy: "run the same again: it is made anew"}
			case gone(err) && unseen():
				return true, nil
			case gone(err):
				return false, errUnseen
			case err != nil:
				return false, err
			}
			seen = true
			if err := m.owns(out.Cluster.Tags, clusterHolder(out.Cluster)); err != nil {
				return false, err
			}
			tell(string(out.Cluster.Status))
			switch out.Cluster.Status {
			case types.ClusterStatusDeleting:
				return false, deleting(m.name)
			case types.ClusterStatusActive, types.ClusterStatusUpdating, types.ClusterStatusFailed:
				if out.Cluster.Tags[tagPhase] == phaseDeleting {
					return false, deleting(m.name)
				}
				return false, nil
			}
			return true, nil
		}
	})
	out, err := waiter.WaitForOutput(ctx, &awseks.DescribeClusterInput{Name: aws.String(m.name)}, patient)
	if errors.Is(err, errUnseen) {
		return nil, errUnseen
	}
	if err != nil {
		return nil, whileWaiting(ctx, "the control plane", err, m.region)
	}
	return out.Cluster, nil
}

func clusterHolder(c *types.Cluster) string { return "the EKS cluster " + aws.ToString(c.Arn) }

// removeFailed removes a control plane of ours that never ran.
func (m *making) removeFailed(ctx context.Context) error {
	if _, err := m.eks.DeleteCluster(ctx, &awseks.DeleteClusterInput{Name: aws.String(m.name)}); err != nil && !gone(err) && !inUse(err) {
		return explain(err, m.region)
	}
	tell := m.telling("the end of the control plane that failed")
	waiter := awseks.NewClusterDeletedWaiter(m.eks, func(o *awseks.ClusterDeletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = m.every, m.every
		o.Retryable = func(_ context.Context, _ *awseks.DescribeClusterInput, out *awseks.DescribeClusterOutput, err error) (bool, error) {
			if err != nil {
				return false, ignoring(err, gone)
			}
			tell(string(out.Cluster.Status))
			return true, m.owns(out.Cluster.Tags, clusterHolder(out.Cluster))
		}
	})
	err := waiter.Wait(ctx, &awseks.DescribeClusterInput{Name: aws.String(m.name)}, patient)
	return whileWaiting(ctx, "the end of the control plane that failed", err, m.region)
}

// ignoring returns err unless it is of that kind.
func ignoring(err error, kind func(error) bool) error {
	if kind(err) {
		return nil
	}
	return err
}

func (m *making) makeCluster(ctx context.Context, again string) error {
	in := m.clusterInput()
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	in.ClientRequestToken = aws.String(m.token("cluster", string(text), again))
	if err := m.asking(); err != nil {
		return err
	}
	ask := func() error {
		_, err := m.eks.CreateCluster(ctx, in)
		return ignoring(err, inUse) // whose it is is looked at while it is waited for
	}
	if m.ground.made {
		err = m.settling(ctx, "the control plane", ask)
	} else {
		err = ask()
	}
	return explain(err, m.region)
}

func (m *making) clusterInput() *awseks.CreateClusterInput {
	set := m.set
	in := &awseks.CreateClusterInput{
		Name: aws.String(m.name), RoleArn: aws.String(m.ground.role), Tags: m.tags(set.Tags),
		AccessConfig: &types.CreateAccessConfigRequest{
			AuthenticationMode: types.AuthenticationModeApi, BootstrapClusterCreatorAdminPermissions: aws.Bool(true),
		},
		ResourcesVpcConfig: &types.VpcConfigRequest{
			SubnetIds: m.ground.subnets, EndpointPublicAccess: aws.Bool(set.Endpoint.public()), EndpointPrivateAccess: aws.Bool(set.Endpoint.private()),
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
	return in
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
