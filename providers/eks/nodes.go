package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// How long to wait until AWS is asked again for machines that it did not have, in
// looks: longer each time.
const (
	firstBackoff = 4
	lastBackoff  = 40
)

// nodes makes a node group and waits until it is active. When AWS has no machines for
// it now, it is made again and again until the context ends: then the error says why the
// last try that ended came to nothing.
func (m *making) nodes(ctx context.Context, g nodeGroup) (err error) {
	again := ""
	var before error
	defer func() {
		if err != nil && before != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", before, err)
		}
	}()
	for backoff := firstBackoff * m.every; ; backoff = min(2*backoff, lastBackoff*m.every) {
		n, err := m.nodeGroup(ctx, g.Name)
		if err != nil {
			return err
		}
		if n != nil && (n.Status == types.NodegroupStatusDeleting || n.Status == types.NodegroupStatusCreateFailed) { // of an earlier try
			if err := m.removeNodes(ctx, g); err != nil {
				return err
			}
			n, again = nil, m.now().String()
		}
		if n != nil && n.Status == types.NodegroupStatusActive {
			return nil
		}
		if n == nil {
			m.progress.Say("making node group " + g.Name)
			if err := m.makeNodes(ctx, g, again); err != nil {
				return err
			}
		}
		n, err = m.awaitNodes(ctx, g)
		switch {
		case errors.Is(err, errUnseen) && again == "":
		case err != nil:
			return err
		case n.Status == types.NodegroupStatusDegraded:
			m.progress.Say(fmt.Sprintf("node group %s is there, and AWS says of it: %s", g.Name, nodeIssues(n)))
			return nil
		case n.Status != types.NodegroupStatusCreateFailed:
			return nil
		case !passing(n):
			return nodesFailed(g, n)
		default:
			before = nil
			if err := m.tryNodesLater(ctx, g, n, backoff); err != nil {
				return err
			}
			before = nodesFailed(g, n)
		}
		again = m.now().String()
	}
}

// nodeGroup finds a node group of the cluster; nil when there is none. One that is not
// ours is an error.
func (m *making) nodeGroup(ctx context.Context, name string) (*types.Nodegroup, error) {
	out, err := m.eks.DescribeNodegroup(ctx, &awseks.DescribeNodegroupInput{ClusterName: aws.String(m.name), NodegroupName: aws.String(name)})
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, m.region)
	}
	return out.Nodegroup, m.owns(out.Nodegroup.Tags, nodesHolder(out.Nodegroup))
}

func nodesHolder(n *types.Nodegroup) string { return "the node group " + aws.ToString(n.NodegroupArn) }

// awaitNodes waits until a node group is active, degraded or has failed.
func (m *making) awaitNodes(ctx context.Context, g nodeGroup) (*types.Nodegroup, error) {
	unseen, tell := m.unseen(), m.telling("node group "+g.Name)
	waiter := awseks.NewNodegroupActiveWaiter(m.eks, func(o *awseks.NodegroupActiveWaiterOptions) {
		o.MinDelay, o.MaxDelay = m.every, m.every
		o.Retryable = func(_ context.Context, _ *awseks.DescribeNodegroupInput, out *awseks.DescribeNodegroupOutput, err error) (bool, error) {
			if err != nil {
				return missing(err, unseen)
			}
			if err := m.owns(out.Nodegroup.Tags, nodesHolder(out.Nodegroup)); err != nil {
				return false, err
			}
			tell(string(out.Nodegroup.Status))
			switch out.Nodegroup.Status {
			case types.NodegroupStatusActive, types.NodegroupStatusCreateFailed, types.NodegroupStatusDegraded, types.NodegroupStatusDeleteFailed:
				return false, nil
			}
			return true, nil
		}
	})
	out, err := waiter.WaitForOutput(ctx, &awseks.DescribeNodegroupInput{ClusterName: aws.String(m.name), NodegroupName: aws.String(g.Name)}, patient)
	if errors.Is(err, errUnseen) {
		return nil, fmt.Errorf("node group %s: %w", g.Name, errUnseen)
	}
	if err != nil {
		return nil, whileWaiting(ctx, "node group "+g.Name, err, m.region)
	}
	return out.Nodegroup, nil
}

// tryNodesLater waits for a while and removes a node group that came to nothing. When
// there is no time for another try it says why there are no nodes.
func (m *making) tryNodesLater(ctx context.Context, g nodeGroup, n *types.Nodegroup, backoff time.Duration) error {
	if end, ok := ctx.Deadline(); ok && end.Sub(m.now()) < backoff {
		return nodesFailed(g, n)
	}
	m.progress.Say(fmt.Sprintf("node group %s did not come to be (%s): trying again in %s", g.Name, nodeIssues(n), backoff))
	err := sleep(ctx, backoff)
	if err == nil {
		err = m.removeNodes(ctx, g)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w (%w)", nodesFailed(g, n), context.Cause(ctx))
	}
	return err
}

// removeNodes removes a node group that came to nothing, and waits until it is gone.
func (m *making) removeNodes(ctx context.Context, g nodeGroup) error {
	in := &awseks.DeleteNodegroupInput{ClusterName: aws.String(m.name), NodegroupName: aws.String(g.Name)}
	if _, err := m.eks.DeleteNodegroup(ctx, in); err != nil && !gone(err) && !inUse(err) {
		return explain(err, m.region)
	}
	waiter := awseks.NewNodegroupDeletedWaiter(m.eks, func(o *awseks.NodegroupDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = m.every, m.every })
	err := waiter.Wait(ctx, &awseks.DescribeNodegroupInput{ClusterName: aws.String(m.name), NodegroupName: aws.String(g.Name)}, patient)
	return whileWaiting(ctx, "the end of node group "+g.Name, err, m.region)
}

func (m *making) makeNodes(ctx context.Context, g nodeGroup, again string) error {
	if m.ground.nodeRole == "" {
		return &Error{What: "node group " + g.Name + " has no role: the cluster was made without one for nodes",
			Remedy: "name a role in settings.nodeRole, or make the cluster anew"}
	}
	in := m.nodesInput(g)
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	in.ClientRequestToken = aws.String(m.token("nodes", string(text), again))
	err = m.settling(ctx, "node group "+g.Name, func() error {
		_, err := m.eks.CreateNodegroup(ctx, in)
		return ignoring(err, inUse)
	})
	return explain(err, m.region)
}

func (m *making) nodesInput(g nodeGroup) *awseks.CreateNodegroupInput {
	least, size, most := g.scaling()
	in := &awseks.CreateNodegroupInput{
		ClusterName: aws.String(m.name), NodegroupName: aws.String(g.Name), NodeRole: aws.String(m.ground.nodeRole), Subnets: m.ground.subnets,
		InstanceTypes: g.InstanceTypes, Labels: g.Labels, AmiType: types.AMITypes(g.AMI), Tags: m.tags(m.set.Tags),
		ScalingConfig: &types.NodegroupScalingConfig{MinSize: aws.Int32(least), DesiredSize: aws.Int32(size), MaxSize: aws.Int32(most)},
	}
	if g.Capacity == capacitySpot {
		in.CapacityType = types.CapacityTypesSpot
	}
	if g.Disk > 0 {
		in.DiskSize = aws.Int32(g.Disk)
	}
	for _, t := range g.Taints {
		in.Taints = append(in.Taints, types.Taint{Key: aws.String(t.Key), Value: aws.String(t.Value), Effect: taintEffects[t.Effect]})
	}
	return in
}

// taintEffects are EKS' words for those of Kubernetes.
var taintEffects = map[string]types.TaintEffect{
	"NoSchedule": types.TaintEffectNoSchedule, "NoExecute": types.TaintEffectNoExecute, "PreferNoSchedule": types.TaintEffectPreferNoSchedule,
}

// lacking is what AWS says when it has no machines of a type at the moment.
var lacking = regexp.MustCompile(`(?i)InsufficientInstanceCapacity|UnfulfillableCapacity|insufficient .*capacity|sufficient capacity|no spot capacity`)

// transient are issues that go away by themselves: AWS had trouble, or did not know yet
// of a role that was just made.
var transient = []types.NodegroupIssueCode{
	types.NodegroupIssueCodeInternalFailure, types.NodegroupIssueCodeIamThrottling, types.NodegroupIssueCodeAutoScalingGroupRateLimitExceeded,
	types.NodegroupIssueCodeIamNodeRoleNotFound, types.NodegroupIssueCodeIamInstanceProfileNotFound,
}

// passing tells that a node group failed for a reason that may pass: above all that AWS
// has no such machines now, and may have some later. A quota that is used up does not
// grow by waiting.
func passing(n *types.Nodegroup) bool {
	if n.Health == nil {
		return false
	}
	for _, i := range n.Health.Issues {
		scarce := i.Code == types.NodegroupIssueCodeAsgInstanceLaunchFailures && lacking.MatchString(aws.ToString(i.Message))
		if scarce || slices.Contains(transient, i.Code) {
			return true
		}
	}
	return false
}

// nodesFailed says why nodes do not come up.
func nodesFailed(g nodeGroup, n *types.Nodegroup) error {
	e := &Error{What: fmt.Sprintf("node group %s is %s: %s", g.Name, n.Status, nodeIssues(n)), Remedy: "mend what it names, and run the same again: it is made anew"}
	var why string
	if n.Health != nil {
		for _, i := range n.Health.Issues {
			why += string(i.Code) + " " + aws.ToString(i.Message) + "\n"
		}
	}
	switch {
	case lacking.MatchString(why):
		e.Remedy = noMachines
	case strings.Contains(why, "LimitExceeded"):
		e.Remedy = fewerCPUs
	case deniedIn(why) != "":
		e.Action = deniedIn(why)
		e.Remedy = grant(e.Action)
	}
	return e
}
