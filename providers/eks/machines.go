package eks

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// asking is one operation of EC2.
type asking[I, O any] func(ctx context.Context, in *I, opts ...func(*ec2.Options)) (*O, error)

// machines are the operations of EC2 that are used. EC2 has more than 800, and its
// client would bring all of them into the program, if an interface held it or anything
// that has it: templates look methods up by their names, so that the linker keeps them.
type machines struct {
	describeVpcs              asking[ec2.DescribeVpcsInput, ec2.DescribeVpcsOutput]
	describeSecurityGroups    asking[ec2.DescribeSecurityGroupsInput, ec2.DescribeSecurityGroupsOutput]
	describeNetworkInterfaces asking[ec2.DescribeNetworkInterfacesInput, ec2.DescribeNetworkInterfacesOutput]
	describeVolumes           asking[ec2.DescribeVolumesInput, ec2.DescribeVolumesOutput]
	describeSnapshots         asking[ec2.DescribeSnapshotsInput, ec2.DescribeSnapshotsOutput]
	describeInstances         asking[ec2.DescribeInstancesInput, ec2.DescribeInstancesOutput]

	DescribeAvailabilityZones  asking[ec2.DescribeAvailabilityZonesInput, ec2.DescribeAvailabilityZonesOutput]
	DescribeSubnets            asking[ec2.DescribeSubnetsInput, ec2.DescribeSubnetsOutput]
	DeleteSecurityGroup        asking[ec2.DeleteSecurityGroupInput, ec2.DeleteSecurityGroupOutput]
	RevokeSecurityGroupIngress asking[ec2.RevokeSecurityGroupIngressInput, ec2.RevokeSecurityGroupIngressOutput]
	RevokeSecurityGroupEgress  asking[ec2.RevokeSecurityGroupEgressInput, ec2.RevokeSecurityGroupEgressOutput]
	DeleteNetworkInterface     asking[ec2.DeleteNetworkInterfaceInput, ec2.DeleteNetworkInterfaceOutput]
	TerminateInstances         asking[ec2.TerminateInstancesInput, ec2.TerminateInstancesOutput]
	CreateTags                 asking[ec2.CreateTagsInput, ec2.CreateTagsOutput]
}

func machinesOf(cfg aws.Config) machines {
	c := ec2.NewFromConfig(cfg)
	return machines{
		describeVpcs:              c.DescribeVpcs,
		describeSecurityGroups:    c.DescribeSecurityGroups,
		describeNetworkInterfaces: c.DescribeNetworkInterfaces,
		describeVolumes:           c.DescribeVolumes,
		describeSnapshots:         c.DescribeSnapshots,
		describeInstances:         c.DescribeInstances,

		DescribeAvailabilityZones:  c.DescribeAvailabilityZones,
		DescribeSubnets:            c.DescribeSubnets,
		DeleteSecurityGroup:        c.DeleteSecurityGroup,
		RevokeSecurityGroupIngress: c.RevokeSecurityGroupIngress,
		RevokeSecurityGroupEgress:  c.RevokeSecurityGroupEgress,
		DeleteNetworkInterface:     c.DeleteNetworkInterface,
		TerminateInstances:         c.TerminateInstances,
		CreateTags:                 c.CreateTags,
	}
}

// What follows is for the SDK's paginators.

// DescribeVpcs lists one page.
func (m machines) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput, opts ...func(*ec2.Options)) (*ec2.DescribeVpcsOutput, error) {
	return m.describeVpcs(ctx, in, opts...)
}

// DescribeSecurityGroups lists one page.
func (m machines) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput, opts ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	return m.describeSecurityGroups(ctx, in, opts...)
}

// DescribeNetworkInterfaces lists one page.
func (m machines) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput, opts ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	return m.describeNetworkInterfaces(ctx, in, opts...)
}

// DescribeVolumes lists one page.
func (m machines) DescribeVolumes(ctx context.Context, in *ec2.DescribeVolumesInput, opts ...func(*ec2.Options)) (*ec2.DescribeVolumesOutput, error) {
	return m.describeVolumes(ctx, in, opts...)
}

// DescribeSnapshots lists one page.
func (m machines) DescribeSnapshots(ctx context.Context, in *ec2.DescribeSnapshotsInput, opts ...func(*ec2.Options)) (*ec2.DescribeSnapshotsOutput, error) {
	return m.describeSnapshots(ctx, in, opts...)
}

// DescribeInstances lists one page.
func (m machines) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, opts ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	return m.describeInstances(ctx, in, opts...)
}
