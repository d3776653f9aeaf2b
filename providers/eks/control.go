package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

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
			case err != nil:
				return missing(err, unseen)
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
	ask := func() error {
		if err := m.asking(); err != nil {
			return err
		}
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
