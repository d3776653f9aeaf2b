package ec2

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// furnished is a network with one thing of each kind, seen by everybody.
func (w *world) furnished() (n net, i Instance) {
	n = w.net()
	i = must(w.Launch(Launch{Type: "m6i.large", Image: "ami-1", Subnet: n.subnet.ID, Spot: true, Tags: map[string]string{"eks:cluster-name": "prod", "kubernetes.io/cluster/prod": "owned"}}))
	w.pass(delay)
	return n, i
}

// The SDK reads back what there is.
func TestDescribe(t *testing.T) {
	w := newWorld(t)
	n, i := w.furnished()
	c, ctx := w.client(), t.Context()
	vpcs := must(c.DescribeVpcs(ctx, &sdk.DescribeVpcsInput{Filters: []types.Filter{filterBy("tag:Name", "n?t")}}))
	if len(vpcs.Vpcs) != 1 || *vpcs.Vpcs[0].VpcId != n.vpc.ID || *vpcs.Vpcs[0].CidrBlock != "10.0.0.0/16" || vpcs.Vpcs[0].State != types.VpcStateAvailable || *vpcs.Vpcs[0].OwnerId != account {
		t.Errorf("VPCs: %+v", vpcs.Vpcs)
	}
	subnets := must(c.DescribeSubnets(ctx, &sdk.DescribeSubnetsInput{SubnetIds: []string{n.subnet.ID}})).Subnets
	if s := subnets[0]; *s.VpcId != n.vpc.ID || *s.AvailabilityZone != region+"a" || *s.AvailabilityZoneId != "euc1-az1" || !*s.MapPublicIpOnLaunch || *s.AvailableIpAddressCount != 4090 {
		t.Errorf("subnet: %+v", s)
	}
	instances := must(c.DescribeInstances(ctx, &sdk.DescribeInstancesInput{Filters: []types.Filter{filterBy("tag-key", "other", "eks:cluster-name"), filterBy("instance-state-name", "running")}}))
	got := instances.Reservations[0].Instances[0]
	want := types.Instance{
		InstanceId: &i.ID, ImageId: aws.String("ami-1"), InstanceType: "m6i.large", InstanceLifecycle: types.InstanceLifecycleTypeSpot, State: &types.InstanceState{Code: aws.Int32(16), Name: types.InstanceStateNameRunning},
		SubnetId: &n.subnet.ID, VpcId: &n.vpc.ID, PrivateIpAddress: aws.String("10.0.0.4"), PublicIpAddress: &i.PublicIP, LaunchTime: &i.Created,
		Placement:      &types.Placement{AvailabilityZone: aws.String(region + "a"), Tenancy: types.TenancyDefault},
		SecurityGroups: []types.GroupIdentifier{{GroupId: &i.Groups[0], GroupName: aws.String("default")}},
		Tags:           []types.Tag{{Key: aws.String("eks:cluster-name"), Value: aws.String("prod")}, {Key: aws.String("kubernetes.io/cluster/prod"), Value: aws.String("owned")}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.Instance{}, types.InstanceState{}, types.Placement{}, types.GroupIdentifier{}, types.Tag{})); diff != "" {
		t.Errorf("instance (-want +got):\n%s", diff)
	}
	zones := must(c.DescribeAvailabilityZones(ctx, &sdk.DescribeAvailabilityZonesInput{Filters: []types.Filter{filterBy("zone-name", "*b")}})).AvailabilityZones
	if len(zones) != 1 || *zones[0].ZoneId != "euc1-az2" || zones[0].State != types.AvailabilityZoneStateAvailable || *zones[0].RegionName != region {
		t.Errorf("zones: %+v", zones)
	}
}

func TestDescribeInterfaces(t *testing.T) {
	w := newWorld(t)
	n, i := w.furnished()
	lb := must(w.CreateInterface(Interface{Subnet: n.subnet.ID, Description: "ELB app/a/1", Managed: true, Requester: "amazon-elb", PublicIP: "auto", Attachment: &Attachment{InstanceOwner: "amazon-elb"}}))
	free := must(w.CreateInterface(Interface{Subnet: n.subnet.ID, Description: "aws-K8S-" + i.ID, Thing: Thing{Tags: map[string]string{"node.k8s.amazonaws.com/instance_id": i.ID}}}))
	w.pass(lag)
	c, ctx := w.client(), t.Context()
	for _, by := range []struct {
		filter types.Filter
		want   string
	}{
		{filterBy("description", "ELB *"), lb.ID},
		{filterBy("description", `ELB \*`), ""},
		{filterBy("requester-managed", "true"), lb.ID},
		{filterBy("attachment.instance-owner-id", "amazon-elb"), lb.ID},
		{filterBy("attachment.instance-id", i.ID), i.Interface},
		{filterBy("attachment.delete-on-termination", "true"), i.Interface},
		{filterBy("status", "available"), free.ID},
		{filterBy("tag:node.k8s.amazonaws.com/instance_id", "i-*"), free.ID},
		{filterBy("tag-key", "node.k8s.amazonaws.com/*"), free.ID},
		{filterBy("group-id", free.Groups[0]), i.Interface + " " + free.ID},
		{filterBy("vpc-id", n.vpc.ID), i.Interface + " " + lb.ID + " " + free.ID},
		{filterBy("vpc-id", "vpc-0"), ""},
	} {
		out, err := c.DescribeNetworkInterfaces(ctx, &sdk.DescribeNetworkInterfacesInput{Filters: []types.Filter{by.filter}})
		w.ok(err)
		var ids []string
		for _, n := range out.NetworkInterfaces {
			ids = append(ids, *n.NetworkInterfaceId)
		}
		if got := strings.Join(ids, " "); got != by.want {
			t.Errorf("%s %v: got %q, want %q", *by.filter.Name, by.filter.Values, got, by.want)
		}
	}
	out := must(c.DescribeNetworkInterfaces(ctx, &sdk.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{lb.ID}})).NetworkInterfaces[0]
	if !*out.RequesterManaged || *out.RequesterId != "amazon-elb" || out.Status != types.NetworkInterfaceStatusInUse || *out.Attachment.InstanceOwnerId != "amazon-elb" ||
		*out.Association.PublicIp != lb.PublicIP || out.Attachment.InstanceId != nil || len(out.Groups) != 0 {
		t.Errorf("interface: %+v", out)
	}
	_, err := c.DeleteNetworkInterface(ctx, &sdk.DeleteNetworkInterfaceInput{NetworkInterfaceId: &lb.ID})
	w.code("OperationNotPermitted", err)
	_, err = c.DeleteNetworkInterface(ctx, &sdk.DeleteNetworkInterfaceInput{NetworkInterfaceId: &free.ID})
	w.ok(err)
}

// What the SDK says of a group's rules it may take away again.
func TestRevoke(t *testing.T) {
	w := newWorld(t)
	n := w.net()
	a, b := must(w.CreateGroup(Group{Name: "a", VPC: n.vpc.ID, Description: "d"})), must(w.CreateGroup(Group{Name: "b", VPC: n.vpc.ID}))
	w.ok(w.AuthorizeIngress(a.ID, Rule{Protocol: "tcp", From: 443, To: 443, Group: b.ID, Description: "why"}, Rule{Protocol: "tcp", From: 443, To: 443, CIDR: "10.0.0.0/8"}, Rule{Protocol: "tcp", From: 443, To: 443, CIDR6: "::/0"}))
	w.ok(w.AuthorizeEgress(a.ID, Rule{Protocol: "-1", Group: b.ID}))
	w.pass(lag)
	c, ctx := w.client(), t.Context()
	g := must(c.DescribeSecurityGroups(ctx, &sdk.DescribeSecurityGroupsInput{Filters: []types.Filter{filterBy("ip-permission.group-id", b.ID)}})).SecurityGroups[0]
	if *g.GroupId != a.ID || len(g.IpPermissions) != 1 || len(g.IpPermissions[0].UserIdGroupPairs) != 1 || len(g.IpPermissions[0].IpRanges) != 1 || len(g.IpPermissions[0].Ipv6Ranges) != 1 ||
		*g.IpPermissions[0].FromPort != 443 || *g.IpPermissions[0].UserIdGroupPairs[0].UserId != account || len(g.IpPermissionsEgress) != 1 || g.IpPermissionsEgress[0].FromPort != nil {
		t.Fatalf("group: %+v", g)
	}
	_, err := c.DeleteSecurityGroup(ctx, &sdk.DeleteSecurityGroupInput{GroupId: &b.ID})
	w.code("DependencyViolation", err)
	_, err = c.RevokeSecurityGroupIngress(ctx, &sdk.RevokeSecurityGroupIngressInput{GroupId: &a.ID, IpPermissions: g.IpPermissions})
	w.ok(err)
	_, err = c.RevokeSecurityGroupEgress(ctx, &sdk.RevokeSecurityGroupEgressInput{GroupId: &a.ID, IpPermissions: g.IpPermissionsEgress})
	w.ok(err)
	if left := must(w.Group(a.ID)); len(left.Ingress)+len(left.Egress) > 0 {
		t.Errorf("left: %+v", left)
	}
	_, err = c.RevokeSecurityGroupIngress(ctx, &sdk.RevokeSecurityGroupIngressInput{GroupId: &a.ID, IpPermissions: g.IpPermissions})
	w.code("InvalidPermission.NotFound", err)
	out, err := c.DeleteSecurityGroup(ctx, &sdk.DeleteSecurityGroupInput{GroupId: &b.ID})
	w.ok(err)
	if *out.GroupId != b.ID {
		t.Errorf("it says %s", *out.GroupId)
	}
}

func TestVolumesAndSnapshots(t *testing.T) {
	w := newWorld(t)
	_, i := w.furnished()
	v := must(w.CreateVolume(Volume{Zone: region + "a", Size: 8, Thing: Thing{Tags: map[string]string{"CSIVolumeName": "pvc-1"}}}))
	s := must(w.CreateSnapshot(Snapshot{Volume: v.ID, Description: "nightly"}))
	w.pass(delay)
	c, ctx := w.client(), t.Context()
	own := must(c.DescribeVolumes(ctx, &sdk.DescribeVolumesInput{Filters: []types.Filter{filterBy("attachment.instance-id", i.ID)}})).Volumes
	if len(own) != 1 || own[0].State != types.VolumeStateInUse || !*own[0].Attachments[0].DeleteOnTermination || *own[0].Attachments[0].InstanceId != i.ID {
		t.Errorf("its disk: %+v", own)
	}
	free := must(c.DescribeVolumes(ctx, &sdk.DescribeVolumesInput{Filters: []types.Filter{filterBy("status", "available")}})).Volumes
	if len(free) != 1 || *free[0].VolumeId != v.ID || *free[0].Size != 8 || free[0].VolumeType != "gp3" || !free[0].CreateTime.Equal(v.Created) {
		t.Errorf("volumes: %+v", free)
	}
	snaps := must(c.DescribeSnapshots(ctx, &sdk.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: []types.Filter{filterBy("volume-id", v.ID)}})).Snapshots
	if len(snaps) != 1 || *snaps[0].SnapshotId != s.ID || snaps[0].State != types.SnapshotStateCompleted || *snaps[0].VolumeSize != 8 || !snaps[0].StartTime.Equal(s.Created) {
		t.Errorf("snapshots: %+v", snaps)
	}
	if others := must(c.DescribeSnapshots(ctx, &sdk.DescribeSnapshotsInput{OwnerIds: []string{"amazon"}})).Snapshots; len(others) != 0 {
		t.Errorf("others' snapshots: %+v", others)
	}
	_, err := c.DeleteVolume(ctx, &sdk.DeleteVolumeInput{VolumeId: &v.ID})
	w.ok(err)
	if going := must(c.DescribeVolumes(ctx, &sdk.DescribeVolumesInput{VolumeIds: []string{v.ID}})).Volumes; going[0].State != types.VolumeStateDeleting {
		t.Errorf("volume: %+v", going)
	}
	_, err = c.DeleteSnapshot(ctx, &sdk.DeleteSnapshotInput{SnapshotId: &s.ID})
	w.ok(err)
	w.pass(delay + lag)
	_, err = c.DescribeVolumes(ctx, &sdk.DescribeVolumesInput{VolumeIds: []string{v.ID}})
	w.code("InvalidVolume.NotFound", err)
	_, err = c.DescribeVolumes(ctx, &sdk.DescribeVolumesInput{VolumeIds: []string{"vol-1"}})
	w.code("InvalidVolumeID.Malformed", err)
}

// A describe operation lags; what is told to change knows at once.
func TestLag(t *testing.T) {
	w := newWorld(t)
	n := w.net()
	c, ctx := w.client(), t.Context()
	g := must(w.CreateGroup(Group{Name: "g", VPC: n.vpc.ID}))
	byID := &sdk.DescribeSecurityGroupsInput{GroupIds: []string{g.ID}}
	_, err := c.DescribeSecurityGroups(ctx, byID)
	w.code("InvalidGroup.NotFound", err)
	w.pass(lag)
	must(c.DescribeSecurityGroups(ctx, byID))
	_, err = c.DeleteSecurityGroup(ctx, &sdk.DeleteSecurityGroupInput{GroupId: &g.ID})
	w.ok(err)
	must(c.DescribeSecurityGroups(ctx, byID))
	_, err = c.DeleteSecurityGroup(ctx, &sdk.DeleteSecurityGroupInput{GroupId: &g.ID})
	w.code("InvalidGroup.NotFound", err)
	w.pass(lag)
	_, err = c.DescribeSecurityGroups(ctx, byID)
	w.code("InvalidGroup.NotFound", err)
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	for i := range 12 {
		must(w.CreateVPC(fmt.Sprintf("10.%d.0.0/16", i), nil))
	}
	w.pass(lag)
	c, ctx := w.client(), t.Context()
	count := func(in *sdk.DescribeVpcsInput) (pages int, cidrs []string) {
		for p := sdk.NewDescribeVpcsPaginator(c, in); p.HasMorePages(); pages++ {
			out := must(p.NextPage(ctx))
			for _, v := range out.Vpcs {
				cidrs = append(cidrs, *v.CidrBlock)
			}
			if pages == 0 { // what goes meanwhile moves nothing out of sight
				w.ok(w.DeleteVPC(*out.Vpcs[0].VpcId))
			}
		}
		return pages, cidrs
	}
	if pages, cidrs := count(&sdk.DescribeVpcsInput{MaxResults: aws.Int32(5)}); pages != 3 || len(slices.Compact(cidrs)) != 12 {
		t.Errorf("%d pages: %v", pages, cidrs)
	}
	w.pass(lag)
	w.cloud.options.Page = 4
	if pages, cidrs := count(&sdk.DescribeVpcsInput{}); pages != 3 || len(cidrs) != 11 {
		t.Errorf("%d pages: %v", pages, cidrs)
	}
	_, err := c.DescribeVpcs(ctx, &sdk.DescribeVpcsInput{NextToken: aws.String("x")})
	w.code("InvalidNextToken", err)
	_, err = c.DescribeVpcs(ctx, &sdk.DescribeVpcsInput{MaxResults: aws.Int32(2)})
	w.code("InvalidParameterValue", err)
	_, err = c.DescribeVpcs(ctx, &sdk.DescribeVpcsInput{Filters: []types.Filter{filterBy("vpcid", "x")}})
	w.code("InvalidParameterValue", err)
	_, err = c.DescribeVolumes(ctx, &sdk.DescribeVolumesInput{VolumeIds: []string{"vol-1"}, MaxResults: aws.Int32(5)})
	w.code("InvalidParameterCombination", err)
}

func TestTagsAndTermination(t *testing.T) {
	w := newWorld(t)
	n, i := w.furnished()
	c, ctx := w.client(), t.Context()
	tags := func(key string) []types.Tag { return []types.Tag{{Key: aws.String(key), Value: aws.String("v")}} }
	_, err := c.CreateTags(ctx, &sdk.CreateTagsInput{Resources: []string{i.ID, i.Disk, i.Interface, n.vpc.ID}, Tags: tags("rekindle.io/id")})
	w.ok(err)
	if v, card := must(w.Volume(i.Disk)), must(w.Interface(i.Interface)); v.Tags["rekindle.io/id"] != "v" || card.Tags["rekindle.io/id"] != "v" {
		t.Errorf("tags: %v, %v", v.Tags, card.Tags)
	}
	_, err = c.CreateTags(ctx, &sdk.CreateTagsInput{Resources: []string{i.ID, "vol-00000000000000000"}, Tags: tags("other")})
	w.code("InvalidVolume.NotFound", err)
	if got := must(w.Instance(i.ID)).Tags; got["other"] != "" {
		t.Errorf("one of two has it: %v", got)
	}
	_, err = c.CreateTags(ctx, &sdk.CreateTagsInput{Resources: []string{"nonsense"}, Tags: tags("k")})
	w.code("InvalidID", err)
	_, err = c.CreateTags(ctx, &sdk.CreateTagsInput{Resources: []string{i.ID}, Tags: tags("aws:eks")})
	w.code("InvalidParameterValue", err)
	needs := func() map[string]string {
		call := &wire.Call{Account: account, Region: region, Form: url.Values{"InstanceId.1": {i.ID}}}
		return must(w.cloud.Operations()["TerminateInstances"].Needs(call))[0].Keys
	}
	if keys := needs(); keys["aws:ResourceTag/rekindle.io/id"] != "" || keys["aws:ResourceTag/eks:cluster-name"] != "prod" {
		t.Errorf("a tag counts at once: %v", keys)
	}
	w.pass(lag)
	if keys := needs(); keys["aws:ResourceTag/rekindle.io/id"] != "v" {
		t.Errorf("tags: %v", keys)
	}
	out, err := c.TerminateInstances(ctx, &sdk.TerminateInstancesInput{InstanceIds: []string{i.ID}})
	w.ok(err)
	if ch := out.TerminatingInstances[0]; ch.CurrentState.Name != types.InstanceStateNameShuttingDown || ch.PreviousState.Name != types.InstanceStateNameRunning {
		t.Errorf("change: %+v", ch)
	}
	w.pass(delay)
	list := must(c.DescribeInstances(ctx, &sdk.DescribeInstancesInput{InstanceIds: []string{i.ID}})).Reservations
	if got := list[0].Instances[0]; got.State.Name != types.InstanceStateNameTerminated || got.VpcId != nil || len(got.Tags) != 3 {
		t.Errorf("instance: %+v", got)
	}
	_, err = c.TerminateInstances(ctx, &sdk.TerminateInstancesInput{InstanceIds: []string{"i-00000000000000000"}})
	w.code("InvalidInstanceID.NotFound", err)
}
