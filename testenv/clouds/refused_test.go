package clouds

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// somebodyElses makes a cluster of that name with these tags, as somebody else does.
func (p *person) somebodyElses(name string, tags map[string]string) {
	p.t.Helper()
	key, err := p.world.Grant(account, "somebody", aws.Everything)
	if err != nil {
		p.t.Fatal(err)
	}
	role, err := p.world.IAM.At(account).CreateRole(iam.Role{Name: "theirs",
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`})
	if err != nil {
		p.t.Fatal(err)
	}
	place := p.world.EC2.At(account, region)
	vpc, err := place.CreateVPC("172.16.0.0/16", map[string]string{"Name": "theirs"})
	if err != nil {
		p.t.Fatal(err)
	}
	var subnets []string
	for i, cidr := range []string{"172.16.0.0/20", "172.16.16.0/20"} {
		s, err := place.CreateSubnet(ec2.Subnet{VPC: vpc.ID, CIDR: cidr, Zone: place.Zones()[i].Name})
		if err != nil {
			p.t.Fatal(err)
		}
		subnets = append(subnets, s.ID)
	}
	client := awseks.NewFromConfig(p.world.Config(key, region))
	if _, err := client.CreateCluster(p.t.Context(), &awseks.CreateClusterInput{Name: awssdk.String(name), RoleArn: awssdk.String(role.ARN), Tags: tags,
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: subnets}}); err != nil {
		p.t.Fatal(err)
	}
	active := awseks.NewClusterActiveWaiter(client, func(o *awseks.ClusterActiveWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 50*time.Millisecond
	})
	if err := active.Wait(p.t.Context(), &awseks.DescribeClusterInput{Name: awssdk.String(name)}, limit); err != nil {
		p.t.Fatal(err)
	}
}

const wholeMark = "made by another rekindle"

// What does not bear our mark and the id is never touched, whatever its name.
func TestOthersClustersAreRefused(t *testing.T) {
	for name, tags := range map[string]map[string]string{
		"no tags":         nil,
		"the name alone":  {"rekindle.io/cluster": "prod"},
		"the id alone":    {"rekindle.io/id": "theid"},
		"of another name": {"rekindle.io/cluster": "test", "rekindle.io/id": "theid"},
		wholeMark:         {"rekindle.io/cluster": "prod", "rekindle.io/id": "theid", "rekindle.io/created": "2026-11-22T10:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t, aws.Options{})
			p.somebodyElses("prod", tags)
			before := p.things()
			tried := [][]string{restore, teardown, append(slices.Clone(restore), "--fresh", "--confirm", "prod"), {"clusters", "delete", "prod", "--provider", "eks", "--confirm", "prod"}}
			if name == wholeMark {
				tried = tried[:2] // whoever confirms the name of one that bears our whole mark may remove it
			}
			for _, words := range tried {
				r := p.run(words...)
				t.Logf("%v: %s", words, r)
				if r.code != 5 && r.code != 2 && (r.code != 0 || words[0] != "teardown") {
					t.Errorf("rekindle %v: %s", words, r)
				}
				if after := p.things(); !slices.Equal(before, after) {
					t.Fatalf("rekindle %v changed what is there:\n%s\n\n%s", words, strings.Join(before, "\n"), strings.Join(after, "\n"))
				}
			}
		})
	}
}

// Credentials of another account are refused before AWS is asked anything else.
func TestAnotherAccountIsRefused(t *testing.T) {
	p := newPerson(t, aws.Options{})
	p.as(p.granted("210987654321"))
	p.world.Fault(nil)
	r := p.run(restore...)
	t.Log(r)
	if r.code != 5 || !strings.Contains(r.errors, "210987654321") || !strings.Contains(r.errors, "allow") {
		t.Error(r)
	}
	for _, c := range p.world.Calls() {
		if c.Operation != "GetCallerIdentity" {
			t.Errorf("%s was asked", c.Operation)
		}
	}
	p.nothing()
}

// halfWay is refused when the control plane is there already.
const halfWay = "refused half-way"

// What is wrong is said, with what to do about it, and nothing is left half made.
func TestWhatGoesWrongIsSaid(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings string
		prepare  func(p *person)
		code     int
		want     []string
	}{
		{name: "no credentials", code: 1, want: []string{"credentials", "AWS_PROFILE"},
			prepare: func(p *person) {
				p.env = slices.DeleteFunc(p.env, func(v string) bool { return strings.HasPrefix(v, "AWS_ACCESS") || strings.HasPrefix(v, "AWS_SECRET") })
			}},
		{name: "expired token", code: 1, want: []string{"expired", "aws sso login"},
			prepare: func(p *person) { p.as(p.world.Lend(p.granted(account), time.Now().Add(-time.Minute))) }},
		{name: "unknown key", code: 1, want: []string{"does not know these credentials"},
			prepare: func(p *person) { k := p.granted(account); k.Access = "AKIANOBODY"; p.as(k) }},
		{name: "missing permission", code: 1, want: []string{"eks:CreateCluster"},
			prepare: func(p *person) {
				k, err := p.world.Grant(account, "weak", aws.Everything, `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "eks:CreateCluster", "Resource": "*"}]}`)
				if err != nil {
					p.t.Fatal(err)
				}
				p.as(k)
			}},
		{name: "quota", code: 1, want: []string{"quota"}, prepare: func(p *person) { p.world.EKS.Limit(account, region, 0) }},
		{name: "version not offered", code: 1, settings: `      version: "1.31"` + "\n", want: []string{"1.31", "1.36"}},
		{name: "not a region", code: 2, settings: "      region: Frankfurt\n", want: []string{"Frankfurt", "region"}},
		{name: "no answer", code: 1, want: []string{"STS", "127.0.0.1:1", "reach"}, prepare: func(p *person) {
			p.env = append(slices.DeleteFunc(p.env, func(v string) bool { return strings.HasPrefix(v, "AWS_ENDPOINT_URL") }), "AWS_ENDPOINT_URL=http://127.0.0.1:1")
		}},
		{name: halfWay, code: 1, want: []string{"CreateNodegroup", "InvalidRequestException"}, prepare: func(p *person) {
			p.world.Fault(func(c wire.Call, _ int) aws.Fault {
				if c.Operation == "CreateNodegroup" {
					return aws.Fault{Error: &wire.Error{Status: http.StatusBadRequest, Code: "InvalidRequestException", Message: "not today"}}
				}
				return aws.Fault{}
			})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t, aws.Options{})
			if test.settings != "" {
				p.replace("      version: \"1.36\"\n", test.settings)
			}
			if test.prepare != nil {
				test.prepare(p)
			}
			r := p.run(restore...)
			t.Log(r)
			if r.code != test.code {
				t.Errorf("exit %d, want %d", r.code, test.code)
			}
			for _, word := range test.want {
				if !strings.Contains(strings.ToLower(r.errors), strings.ToLower(word)) {
					t.Errorf("it does not say %q", word)
				}
			}
			if test.name != halfWay { // what is there stays, to be finished by a resumed run
				p.nothing()
				return
			}
			p.world.Fault(nil)
			p.must("clusters", "delete", "prod", "--confirm", "prod")
			p.nothing()
		})
	}
}
