package eks

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// A node group has machines in all its subnets; it holds its cluster, and its machines
// go with it.
func TestLifeOfANodeGroup(t *testing.T) {
	w := newWorld(t, Options{Lag: lag})
	c := w.client()
	vpc := aws.ToString(w.made(c, "prod").ResourcesVpcConfig.VpcId)
	in := w.nodesInput("prod", "n")
	in.Labels = map[string]string{"app": "shop"}
	in.Taints = []types.Taint{{Key: aws.String("a"), Value: aws.String("b"), Effect: types.TaintEffectNoSchedule}}
	in.CapacityType = types.CapacityTypesSpot
	_, err := c.CreateNodegroup(t.Context(), in)
	w.ok(err)
	describe := &sdk.DescribeNodegroupInput{ClusterName: aws.String("prod"), NodegroupName: aws.String("n")}
	_, err = c.DescribeNodegroup(t.Context(), describe)
	w.refused("ResourceNotFoundException", "No node group found", err)
	w.pass(lag)
	if n := w.nodes(c, "prod", "n"); n.Status != types.NodegroupStatusCreating {
		t.Errorf("it is %s", n.Status)
	}
	w.pass(delay)
	n := w.nodes(c, "prod", "n")
	switch {
	case n.Status != types.NodegroupStatusActive || len(n.Health.Issues) > 0 || aws.ToInt32(n.ScalingConfig.DesiredSize) != 2:
		t.Errorf("%+v", n)
	case aws.ToString(n.Version) != "1.36" || n.Labels["app"] != "shop" || n.Taints[0].Effect != types.TaintEffectNoSchedule || n.AmiType == "":
		t.Errorf("%+v", n)
	}
	machines := w.Instances(vpc)
	if len(machines) != 2 || machines[0].Zone == machines[1].Zone || !machines[0].Spot || machines[0].Type != "t3.medium" ||
		machines[0].Tags["eks:nodegroup-name"] != "n" || machines[0].Tags["kubernetes.io/cluster/prod"] != "owned" {
		t.Errorf("%+v", machines)
	}
	if !slices.Equal(w.services, []string{"eks.amazonaws.com", "eks-nodegroup.amazonaws.com", "spot.amazonaws.com"}) {
		t.Errorf("the roles of %v were made", w.services)
	}

	w.ok(w.Terminate(machines[0].ID))
	w.nodes(c, "prod", "n")
	w.pass(delay)
	if now := w.Instances(vpc); len(now) != 2 || now[0].ID != machines[1].ID {
		t.Errorf("%+v", now)
	}

	_, err = c.DeleteCluster(t.Context(), &sdk.DeleteClusterInput{Name: aws.String("prod")})
	w.refused("ResourceInUseException", "nodegroups attached", err)
	_, err = c.DeleteNodegroup(t.Context(), &sdk.DeleteNodegroupInput{ClusterName: aws.String("prod"), NodegroupName: aws.String("n")})
	w.ok(err)
	if n := w.nodes(c, "prod", "n"); n.Status != types.NodegroupStatusDeleting {
		t.Errorf("it is %s", n.Status)
	}
	_, err = c.DeleteCluster(t.Context(), &sdk.DeleteClusterInput{Name: aws.String("prod")})
	w.refused("ResourceInUseException", "nodegroups attached", err)
	w.pass(delay + lag)
	_, err = c.DescribeNodegroup(t.Context(), describe)
	w.refused("ResourceNotFoundException", "No node group found", err)
	if len(w.Instances(vpc)) > 0 {
		t.Errorf("%+v", w.Instances(vpc))
	}
	_, err = c.DeleteCluster(t.Context(), &sdk.DeleteClusterInput{Name: aws.String("prod")})
	w.ok(err)
}

// Machines that AWS does not have make a node group fail after a while, with the reason
// in its health. One that is made when there are some is well.
func TestMachinesThatThereAreNone(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	vpc := aws.ToString(w.made(c, "prod").ResourcesVpcConfig.VpcId)
	fails := func(want string, change func(*sdk.CreateNodegroupInput)) {
		t.Helper()
		in := w.nodesInput("prod", "n")
		change(in)
		_, err := c.CreateNodegroup(t.Context(), in)
		w.ok(err)
		if n := w.nodes(c, "prod", "n"); n.Status != types.NodegroupStatusCreating || len(n.Health.Issues) > 0 {
			t.Errorf("it is %s", n.Status)
		}
		w.pass(delay)
		n := w.nodes(c, "prod", "n")
		if n.Status != types.NodegroupStatusCreateFailed || len(n.Health.Issues) != 1 {
			t.Fatalf("it is %s", n.Status)
		}
		if i := n.Health.Issues[0]; i.Code != types.NodegroupIssueCodeAsgInstanceLaunchFailures || !containsAll(aws.ToString(i.Message), want, "Could not launch") {
			t.Errorf("%s %s", i.Code, aws.ToString(i.Message))
		}
		_, err = c.DeleteNodegroup(t.Context(), &sdk.DeleteNodegroupInput{ClusterName: aws.String("prod"), NodegroupName: aws.String("n")})
		w.ok(err)
		w.pass(delay)
		if len(w.Instances(vpc)) > 0 {
			t.Errorf("%+v", w.Instances(vpc))
		}
	}
	w.Exhaust("t3.medium", true)
	fails("On-Demand Instances. InsufficientInstanceCapacity", func(*sdk.CreateNodegroupInput) {})
	fails("Spot Instances. UnfulfillableCapacity", func(in *sdk.CreateNodegroupInput) { in.CapacityType = types.CapacityTypesSpot })
	w.Place.Limit("instance", 1)
	fails("VcpuLimitExceeded", func(in *sdk.CreateNodegroupInput) { in.InstanceTypes = []string{"m6i.large"} })
	w.Place.Limit("instance", -1)

	in := w.nodesInput("prod", "n")
	in.InstanceTypes = []string{"t3.medium", "m6i.large"}
	_, err := c.CreateNodegroup(t.Context(), in)
	w.ok(err)
	w.pass(delay)
	if n := w.nodes(c, "prod", "n"); n.Status != types.NodegroupStatusActive || len(w.Instances(vpc)) != 2 {
		t.Errorf("it is %s", n.Status)
	}
}

func TestNodeGroupsThatAreRefused(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	w.made(c, "prod")
	w.refuse["arn:none ec2.amazonaws.com"] = invalid("The role with name none cannot be found")
	other := w.net("10.1.0.0/16", "a")[0]
	for _, test := range []struct {
		code, text string
		change     func(*sdk.CreateNodegroupInput)
	}{
		{"ResourceNotFoundException", "No cluster", func(in *sdk.CreateNodegroupInput) { in.ClusterName = aws.String("none") }},
		{"InvalidParameterException", "cannot be found", func(in *sdk.CreateNodegroupInput) { in.NodeRole = aws.String("arn:none") }},
		{"InvalidParameterException", "do not exist", func(in *sdk.CreateNodegroupInput) { in.Subnets = []string{"subnet-00000000"} }},
		{"InvalidParameterException", "VPC", func(in *sdk.CreateNodegroupInput) { in.Subnets = []string{other} }},
		{"InvalidParameterException", "capacity", func(in *sdk.CreateNodegroupInput) { in.ScalingConfig.DesiredSize = aws.Int32(4) }},
		{"InvalidParameterException", "capacity", func(in *sdk.CreateNodegroupInput) { in.ScalingConfig.DesiredSize = aws.Int32(0) }},
		{"InvalidParameterException", "version", func(in *sdk.CreateNodegroupInput) { in.Version = aws.String("1.30") }},
	} {
		in := w.nodesInput("prod", "n")
		test.change(in)
		_, err := c.CreateNodegroup(t.Context(), in)
		w.refused(test.code, test.text, err)
	}
	list, err := c.ListNodegroups(t.Context(), &sdk.ListNodegroupsInput{ClusterName: aws.String("prod")})
	w.ok(err)
	if len(list.Nodegroups) > 0 {
		t.Errorf("there are %v", list.Nodegroups)
	}
}

func TestANodeGroupGrowsAndShrinks(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	vpc := aws.ToString(w.made(c, "prod").ResourcesVpcConfig.VpcId)
	_, err := c.CreateNodegroup(t.Context(), w.nodesInput("prod", "n"))
	w.ok(err)
	w.pass(delay)
	for _, size := range []int32{3, 1} {
		_, err := c.UpdateNodegroupConfig(t.Context(), &sdk.UpdateNodegroupConfigInput{ClusterName: aws.String("prod"), NodegroupName: aws.String("n"),
			ScalingConfig: &types.NodegroupScalingConfig{DesiredSize: aws.Int32(size)}})
		w.ok(err)
		if n := w.nodes(c, "prod", "n"); n.Status != types.NodegroupStatusUpdating {
			t.Errorf("it is %s", n.Status)
		}
		w.pass(delay)
		if n := w.nodes(c, "prod", "n"); n.Status != types.NodegroupStatusActive || len(w.Instances(vpc)) != int(size) {
			t.Errorf("it is %s, with %d machines", n.Status, len(w.Instances(vpc)))
		}
	}
}
