package eks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	testaws "github.com/rekindle-io/rekindle/testenv/aws"
)

// settings of a job, decoded.
func (j job) settings(t *testing.T) settings {
	t.Helper()
	set, err := decode(j.Settings)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// foreign makes an EKS cluster of that name with these tags, as somebody else would,
// and returns what finds out whether it is as it was, and then removes it.
func (c *cloud) foreign(t *testing.T, name string, tags map[string]string) func(*testing.T) {
	t.Helper()
	ctx := t.Context()
	j := c.as(t, "somebody", testaws.Everything, c.job.Settings)
	a, err := j.open(t).enter(ctx, j.settings(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{T: t, account: a, set: j.settings(t)}
	g := s.ground(ctx, "theirs-"+name)
	in := &awseks.CreateClusterInput{Name: aws.String(name), RoleArn: aws.String(g.role), Tags: tags, ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: g.subnets}}
	s.until(ctx, "the cluster is asked for", func() bool {
		_, err := a.eks.CreateCluster(ctx, in)
		return !notYet(err) && s.fine(err)
	})
	before := s.active(ctx, name)
	c.Fault(nil) // the calls from here on are looked at
	return func(t *testing.T) {
		t.Helper()
		for _, call := range c.Calls() {
			if call.Account == c.account && changes(call.Call) && call.Code == "" {
				t.Errorf("%s did %s %s", call.Principal, call.Service, call.Operation)
			}
		}
		s.T = t
		after := s.active(ctx, name)
		if !aws.ToTime(after.CreatedAt).Equal(aws.ToTime(before.CreatedAt)) || len(after.Tags) != len(tags) || aws.ToString(after.Endpoint) != aws.ToString(before.Endpoint) {
			t.Errorf("it was %+v and is %+v", before, after)
		}
		s.raze(ctx, name, "theirs-"+name)
	}
}

// stranger is somebody else who works in the account, without rekindle.
type stranger struct {
	*testing.T
	account *account
	set     settings
}

func (s *stranger) fine(err error) bool {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	return true
}

// until waits for a condition.
func (s *stranger) until(ctx context.Context, what string, done func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !done() {
		if err := sleep(ctx, 2*time.Millisecond); err != nil {
			s.Fatalf("%s: %v", what, err)
		}
	}
}

// ground makes a network and roles by a stack of theirs.
func (s *stranger) ground(ctx context.Context, stack string) (g ground) {
	s.Helper()
	zones, err := s.account.zones(ctx)
	s.fine(err)
	_, err = s.account.stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String(stack), TemplateBody: aws.String(template(mark{name: stack}, s.set, zones)),
		Capabilities: []cftypes.Capability{cftypes.CapabilityCapabilityIam}})
	s.fine(err)
	s.until(ctx, "the stack is made", func() bool {
		out, err := s.account.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
		if noStack(err) {
			return false
		}
		s.fine(err)
		g = ground{}
		g.take(&out.Stacks[0])
		return standing(out.Stacks[0].StackStatus)
	})
	return g
}

// active waits until a cluster is active.
func (s *stranger) active(ctx context.Context, name string) (c *types.Cluster) {
	s.Helper()
	s.until(ctx, "the cluster is active", func() bool {
		var err error
		c, err = s.account.cluster(ctx, name)
		s.fine(err)
		return c != nil && c.Status == types.ClusterStatusActive
	})
	return c
}

// raze removes a cluster and the stack that it stands on.
func (s *stranger) raze(ctx context.Context, name, stack string) {
	s.Helper()
	_, err := s.account.eks.DeleteCluster(ctx, &awseks.DeleteClusterInput{Name: aws.String(name)})
	s.fine(err)
	s.until(ctx, "the cluster is gone", func() bool {
		c, err := s.account.cluster(ctx, name)
		s.fine(err)
		return c == nil
	})
	asked := false
	s.until(ctx, "the stack is gone", func() bool {
		out, err := s.account.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
		if noStack(err) {
			return true
		}
		s.fine(err)
		if status := out.Stacks[0].StackStatus; !asked || strings.HasSuffix(string(status), "FAILED") {
			_, err := s.account.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String(stack)})
			s.fine(err)
			asked = true
		}
		return false
	})
}
