package eks

import (
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
)

// The same request with the same token makes one thing, however its JSON is written (the
// SDK writes maps in any order); what differs is refused.
func TestTokens(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	first := w.made(c, "prod")
	for range 20 {
		out, err := c.CreateCluster(t.Context(), w.clusterInput("prod"))
		w.ok(err)
		if aws.ToString(out.Cluster.Identity.Oidc.Issuer) != aws.ToString(first.Identity.Oidc.Issuer) {
			t.Fatal("it is another cluster")
		}
	}
	other := w.clusterInput("prod")
	other.Tags["a"] = "9"
	_, err := c.CreateCluster(t.Context(), other)
	w.refused("InvalidParameterException", "token", err)
	other.ClientRequestToken = aws.String("another token")
	_, err = c.CreateCluster(t.Context(), other)
	w.refused("ResourceInUseException", "already exists", err)

	for range 20 {
		_, err := c.CreateNodegroup(t.Context(), w.nodesInput("prod", "n"))
		w.ok(err)
	}
	in := w.nodesInput("prod", "n")
	in.DiskSize = aws.Int32(50)
	_, err = c.CreateNodegroup(t.Context(), in)
	w.refused("InvalidParameterException", "token", err)
	in.ClientRequestToken = nil
	_, err = c.CreateNodegroup(t.Context(), in)
	w.refused("ResourceInUseException", "already exists", err)
	list, err := c.ListNodegroups(t.Context(), &sdk.ListNodegroupsInput{ClusterName: aws.String("prod")})
	w.ok(err)
	if len(list.Nodegroups) != 1 || len(w.Instances(aws.ToString(first.ResourcesVpcConfig.VpcId))) != 2 {
		t.Errorf("there are %v", list.Nodegroups)
	}
}

// What a cluster is made of comes with it, is seen late, and goes with it.
func TestLifeOfACluster(t *testing.T) {
	w := newWorld(t, Options{Lag: lag})
	c := w.client()
	vpc := w.vpcOf(w.subnets[0])
	in := w.clusterInput("prod")
	in.Logging = &types.Logging{ClusterLogging: []types.LogSetup{{Enabled: aws.Bool(true), Types: []types.LogType{types.LogTypeApi}}}}
	in.EncryptionConfig = []types.EncryptionConfig{{Resources: []string{"secrets"}, Provider: &types.Provider{KeyArn: aws.String("arn:aws:kms:x")}}}
	made, err := c.CreateCluster(t.Context(), in)
	w.ok(err)
	if s := made.Cluster.Status; s != types.ClusterStatusCreating {
		t.Errorf("it is %s", s)
	}
	describe := &sdk.DescribeClusterInput{Name: aws.String("prod")}
	_, err = c.DescribeCluster(t.Context(), describe)
	w.refused("ResourceNotFoundException", "No cluster found", err)
	w.pass(lag)
	if k := w.cluster(c, "prod"); k.Status != types.ClusterStatusCreating || k.Endpoint != nil {
		t.Errorf("it is %s at %s", k.Status, aws.ToString(k.Endpoint))
	}
	_, err = c.DeleteCluster(t.Context(), &sdk.DeleteClusterInput{Name: aws.String("prod")})
	w.refused("ResourceInUseException", "in progress", err)
	_, err = c.CreateNodegroup(t.Context(), w.nodesInput("prod", "n"))
	w.refused("InvalidRequestException", "CREATING", err)
	w.up("prod")

	k := w.cluster(c, "prod")
	authority, err := base64.StdEncoding.DecodeString(aws.ToString(k.CertificateAuthority.Data))
	w.ok(err)
	group := aws.ToString(k.ResourcesVpcConfig.ClusterSecurityGroupId)
	g, err := w.Group(group)
	w.ok(err)
	switch {
	case k.Status != types.ClusterStatusActive || !strings.HasPrefix(aws.ToString(k.Endpoint), "https://") || string(authority) != "authority of prod":
		t.Errorf("%+v", k)
	case aws.ToString(k.Version) != "1.36" || aws.ToString(k.ResourcesVpcConfig.VpcId) != vpc || !maps.Equal(k.Tags, in.Tags) || k.CreatedAt.IsZero():
		t.Errorf("%+v", k)
	case !strings.HasPrefix(aws.ToString(k.Identity.Oidc.Issuer), "https://oidc.eks."+region+".amazonaws.com/id/"):
		t.Errorf("the issuer is %s", aws.ToString(k.Identity.Oidc.Issuer))
	case aws.ToString(k.EncryptionConfig[0].Provider.KeyArn) != "arn:aws:kms:x" || !aws.ToBool(k.Logging.ClusterLogging[0].Enabled):
		t.Errorf("%+v %+v", k.EncryptionConfig, k.Logging)
	case g.Tags["kubernetes.io/cluster/prod"] != "owned" || g.Tags["a"] != "" || len(w.Interfaces(vpc)) != 2:
		t.Errorf("%+v %+v", g, w.Interfaces(vpc))
	case !slices.Equal(w.logs, []string{"/aws/eks/prod/cluster"}) || !slices.Equal(w.services, []string{"eks.amazonaws.com"}):
		t.Errorf("%v %v", w.logs, w.services)
	}

	_, err = c.DeleteCluster(t.Context(), &sdk.DeleteClusterInput{Name: aws.String("prod")})
	w.ok(err)
	if k := w.cluster(c, "prod"); k.Status != types.ClusterStatusDeleting || !slices.Equal(w.stopped, []string{"prod"}) {
		t.Errorf("it is %s, and stopped were %v", k.Status, w.stopped)
	}
	_, err = c.CreateCluster(t.Context(), w.clusterInput("prod"))
	w.refused("InvalidParameterException", "token", err) // in is another request
	w.pass(delay)
	if list := w.clusters(c); !slices.Equal(list, []string{"prod"}) {
		t.Errorf("there are %v, while it is still listed", list)
	}
	w.pass(lag)
	_, err = c.DescribeCluster(t.Context(), describe)
	w.refused("ResourceNotFoundException", "No cluster found", err)
	if len(w.Interfaces(vpc)) > 0 || len(w.Cloud.Things()) > 0 || len(w.Groups(vpc)) != 1 {
		t.Errorf("left are %+v %+v", w.Interfaces(vpc), w.Groups(vpc))
	}
	if again := w.made(c, "prod"); aws.ToString(again.Identity.Oidc.Issuer) == aws.ToString(k.Identity.Oidc.Issuer) {
		t.Error("the next cluster of the name has the same issuer")
	}
}

// A security group that something is still in stays behind when its cluster is gone.
func TestTheSecurityGroupMayStay(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	group := aws.ToString(w.made(c, "prod").ResourcesVpcConfig.ClusterSecurityGroupId)
	_, err := w.Launch(ec2.Launch{Type: "m6i.large", Subnet: w.subnets[0], Groups: []string{group}})
	w.ok(err)
	_, err = c.DeleteCluster(t.Context(), &sdk.DeleteClusterInput{Name: aws.String("prod")})
	w.ok(err)
	w.pass(delay)
	if things := w.Cloud.Things(); len(things) > 0 {
		t.Errorf("there are %v", things)
	}
	_, err = w.Group(group)
	w.ok(err)
}

func TestAControlPlaneThatDoesNotStart(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	w.failing = errors.New("no room")
	_, err := c.CreateCluster(t.Context(), w.clusterInput("prod"))
	w.ok(err)
	w.up("prod")
	k := w.cluster(c, "prod")
	if k.Status != types.ClusterStatusFailed || k.Endpoint != nil || len(k.Health.Issues) != 1 || aws.ToString(k.Health.Issues[0].Message) != "no room" {
		t.Errorf("%s %+v", k.Status, k.Health)
	}
	_, err = c.DeleteCluster(t.Context(), &sdk.DeleteClusterInput{Name: aws.String("prod")})
	w.ok(err)
	w.pass(delay)
	if list := w.clusters(c); len(list) > 0 || len(w.stopped) > 0 {
		t.Errorf("there are %v, stopped were %v", list, w.stopped)
	}
}

// What EKS refuses leaves nothing behind.
func TestClustersThatAreRefused(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	w.refuse["arn:none eks.amazonaws.com"] = invalid("Role with arn: arn:none, could not be assumed")
	other := w.net("10.1.0.0/16", "a")[0]
	alien, err := w.CreateGroup(ec2.Group{Name: "alien", VPC: w.vpcOf(other)})
	w.ok(err)
	w.SetZones(ec2.Zone{Name: region + "a", ID: "use1-az1"}, ec2.Zone{Name: region + "b", ID: "use1-az2"}, ec2.Zone{Name: region + "c", ID: "use1-az3"})
	w.subnets = w.subnets[:2]
	third := w.Subnets(w.vpcOf(w.subnets[0]))[2].ID
	before := len(w.network.Things())
	for _, test := range []struct {
		name, code, text string
		change           func(*sdk.CreateClusterInput)
	}{
		{"name", "InvalidParameterException", "name", func(in *sdk.CreateClusterInput) { in.Name = aws.String("-a") }},
		{"version", "InvalidParameterException", "unsupported Kubernetes version", func(in *sdk.CreateClusterInput) { in.Version = aws.String("1.29") }},
		{"role", "InvalidParameterException", "could not be assumed", func(in *sdk.CreateClusterInput) { in.RoleArn = aws.String("arn:none") }},
		{"one zone", "InvalidParameterException", "two different AZs", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = w.subnets[:1] }},
		{"no subnet", "InvalidParameterException", "does not exist", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = []string{"subnet-00000000"} }},
		{"two VPCs", "InvalidParameterException", "same VPC", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = []string{w.subnets[0], other} }},
		{"zone", "UnsupportedAvailabilityZoneException", region + "c", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SubnetIds = []string{w.subnets[0], third} }},
		{"group", "InvalidParameterException", "does not exist", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SecurityGroupIds = []string{"sg-00000000"} }},
		{"group elsewhere", "InvalidParameterException", "same VPC", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.SecurityGroupIds = []string{alien.ID} }},
		{"nobody reaches it", "InvalidParameterException", "cannot be false", func(in *sdk.CreateClusterInput) { in.ResourcesVpcConfig.EndpointPublicAccess = aws.Bool(false) }},
		{"tags", "InvalidParameterException", "aws:", func(in *sdk.CreateClusterInput) { in.Tags = map[string]string{"aws:a": "b"} }},
	} {
		in := w.clusterInput("prod")
		test.change(in)
		_, err := c.CreateCluster(t.Context(), in)
		w.refused(test.code, test.text, err)
		if len(w.network.Things()) != before || len(w.Cloud.Things()) > 0 {
			t.Errorf("%s: something was made", test.name)
		}
	}
	w.Cloud.Limit(account, region, 1)
	w.made(c, "prod")
	_, err = c.CreateCluster(t.Context(), w.clusterInput("test"))
	w.refused("ResourceLimitExceededException", "limit", err)
}

func TestVersions(t *testing.T) {
	w := newWorld(t, Options{Page: 2})
	c := w.client()
	all := func(in *sdk.DescribeClusterVersionsInput) (names []string) {
		for pages := sdk.NewDescribeClusterVersionsPaginator(c, in); pages.HasMorePages(); {
			out, err := pages.NextPage(t.Context())
			w.ok(err)
			for _, v := range out.ClusterVersions {
				names = append(names, aws.ToString(v.ClusterVersion))
			}
		}
		return names
	}
	for _, test := range []struct {
		in   sdk.DescribeClusterVersionsInput
		want []string
	}{
		{sdk.DescribeClusterVersionsInput{}, []string{"1.36", "1.35", "1.34", "1.32"}},
		{sdk.DescribeClusterVersionsInput{DefaultOnly: aws.Bool(true)}, []string{"1.36"}},
		{sdk.DescribeClusterVersionsInput{IncludeAll: aws.Bool(true)}, []string{"1.36", "1.35", "1.34", "1.32", "1.29"}},
		{sdk.DescribeClusterVersionsInput{ClusterVersions: []string{"1.29"}}, []string{"1.29"}},
		{sdk.DescribeClusterVersionsInput{VersionStatus: types.VersionStatusExtendedSupport}, []string{"1.32"}},
	} {
		if got := all(&test.in); !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %v, want %v", test.in, got, test.want)
		}
	}
	w.Offer(Version{Name: "1.40", Support: standard, Default: true})
	if k := w.made(c, "prod"); aws.ToString(k.Version) != "1.40" {
		t.Errorf("it has %s", aws.ToString(k.Version))
	}
}

func TestDeletionProtection(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	in := w.clusterInput("prod")
	in.DeletionProtection = aws.Bool(true)
	_, err := c.CreateCluster(t.Context(), in)
	w.ok(err)
	w.up("prod")
	remove := &sdk.DeleteClusterInput{Name: aws.String("prod")}
	_, err = c.DeleteCluster(t.Context(), remove)
	w.refused("InvalidRequestException", "deletion protection", err)
	_, err = c.UpdateClusterConfig(t.Context(), &sdk.UpdateClusterConfigInput{Name: aws.String("prod"), DeletionProtection: aws.Bool(false)})
	w.ok(err)
	if k := w.cluster(c, "prod"); k.Status != types.ClusterStatusUpdating {
		t.Errorf("it is %s", k.Status)
	}
	_, err = c.DeleteCluster(t.Context(), remove)
	w.refused("ResourceInUseException", "in progress", err)
	w.pass(delay)
	_, err = c.DeleteCluster(t.Context(), remove)
	w.ok(err)
}
