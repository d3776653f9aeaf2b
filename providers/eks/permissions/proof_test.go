package permissions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/eks"
	"github.com/rekindle-io/rekindle/providers/eks/permissions"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	app     = "arn:aws:iam::" + account + ":role/shop"
	trustOf = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":%s,"Action":["sts:AssumeRole","sts:TagSession","sts:AssumeRoleWithWebIdentity"]}]}`
)

// stage is an AWS in which a principal has one policy.
type stage struct {
	testing.TB
	*aws.World
	provider *eks.Provider
	spec     providers.Spec
}

func published(t testing.TB) string {
	t.Helper()
	text, err := permissions.Policy(permissions.Scope{Account: account, Regions: []string{region}, Roles: []string{app}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// enact makes an AWS, and a provider that may do what a policy says.
func enact(t testing.TB, policy string) *stage {
	t.Helper()
	w := aws.Start(t, aws.Options{Root: t.TempDir(), Binary: testenv.Binary(t), Delay: time.Millisecond})
	key, err := w.Grant(account, "rekindle", policy)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{TB: t, World: w, spec: providers.Spec{Name: "prod", ID: "0123456789abcdef", Settings: settings(nil)}}
	s.provider, err = eks.New(eks.Options{
		Load: func(_ context.Context, region string) (sdk.Config, error) {
			c := w.Config(key, region)
			c.Retryer = func() sdk.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
			}
			return c, nil
		},
		Declared: func() (map[string]providers.Settings, error) {
			return map[string]providers.Settings{"prod": s.spec.Settings}, nil
		},
		Root: t.TempDir(), Now: time.Now, Every: 2 * time.Millisecond, Settle: 100 * time.Millisecond, DeleteTimeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// settings have all that needs a permission of its own.
func settings(more map[string]any) providers.Settings {
	s := providers.Settings{
		"region": region, "allow": map[string]any{"accounts": []any{account}}, "irsa": true, "logging": []any{"api"}, "tags": map[string]any{"team": "blue"},
		"nodeGroups": []any{map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large"}, "size": 1}},
		"addons":     []any{map[string]any{"name": "vpc-cni"}, map[string]any{"name": "aws-ebs-csi-driver"}},
		"access": []any{map[string]any{"principal": "arn:aws:iam::" + account + ":role/dev", "policy": "AmazonEKSViewPolicy", "namespaces": []any{"shop"}},
			map[string]any{"principal": "arn:aws:iam::" + account + ":role/rekindle", "policy": "AmazonEKSClusterAdminPolicy"}}, // who makes the cluster
		"podIdentities": []any{map[string]any{"namespace": "shop", "serviceAccount": "web", "role": app}},
		"wait":          "30s",
	}
	maps.Copy(s, more)
	return s
}

func (s *stage) no(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// role is what the pods of the shop take on; it trusts an issuer that is gone.
func (s *stage) role(trusts string) {
	s.Helper()
	_, err := s.IAM.At(account).CreateRole(iam.Role{Name: "shop", Trust: fmt.Sprintf(trustOf, trusts)})
	s.no(err)
}

// litter is what the controllers of a cluster leave when nobody tells them to clean up.
func (s *stage) litter(c providers.Cluster) {
	s.Helper()
	net, lbs := s.EC2.At(account, region), s.ELB.At(account, region)
	vpc := ""
	for _, i := range s.EC2.Things() {
		if i.Type == "vpc" {
			vpc = i.ID
		}
	}
	subnet := net.Subnets(vpc)[0].ID
	mine := map[string]string{"kubernetes.io/cluster/" + c.Name: "owned"}
	front, err := net.CreateGroup(ec2.Group{Name: "k8s-elb-1", VPC: vpc, Thing: ec2.Thing{Tags: maps.Clone(mine)}})
	s.no(err)
	back, err := net.CreateGroup(ec2.Group{Name: "k8s-traffic-1", VPC: vpc, Thing: ec2.Thing{Tags: maps.Clone(mine)}})
	s.no(err)
	s.no(net.AuthorizeIngress(front.ID, ec2.Rule{Protocol: "-1", Group: back.ID}))
	s.no(net.AuthorizeEgress(back.ID, ec2.Rule{Protocol: "-1", Group: front.ID}))
	_, err = lbs.Create(elb.Balancer{Kind: elb.Classic, Name: "a1", Subnets: []string{subnet}, Groups: []string{front.ID}, Tags: maps.Clone(mine)})
	s.no(err)
	targets, err := lbs.CreateTargetGroup(elb.TargetGroup{Name: "k8s-1", VPC: vpc, Protocol: "TCP", Port: 80, Type: "ip", Tags: maps.Clone(mine)})
	s.no(err)
	_, err = lbs.Create(elb.Balancer{Kind: elb.Network, Name: "n1", Subnets: []string{subnet}, Targets: []string{targets.ARN}, Tags: maps.Clone(mine)})
	s.no(err)
	_, err = net.CreateInterface(ec2.Interface{Subnet: subnet, Thing: ec2.Thing{Tags: maps.Clone(mine)}})
	s.no(err)
	_, err = net.Launch(ec2.Launch{Type: "m6i.large", Image: "ami-0123456789abcdef0", Subnet: subnet, Tags: maps.Clone(mine)})
	s.no(err)
	volume, err := net.CreateVolume(ec2.Volume{Zone: region + "a", Size: 8, Thing: ec2.Thing{Tags: maps.Clone(mine)}})
	s.no(err)
	_, err = net.CreateSnapshot(ec2.Snapshot{Volume: volume.ID, Thing: ec2.Thing{Tags: maps.Clone(mine)}})
	s.no(err)
}

// live lets a cluster live from its making to its end, and a bit more.
func (s *stage) live(ctx context.Context) {
	s.Helper()
	const gone = "oidc.eks." + region + ".amazonaws.com/id/GONE"
	s.role(fmt.Sprintf(`{"Service":"pods.eks.amazonaws.com","Federated":"arn:aws:iam::%s:oidc-provider/%s"}`, account, gone))
	s.EC2.At(account, region).Limit("vpc", 0)
	if _, err := s.provider.Create(ctx, s.spec, nil); err == nil || !strings.Contains(err.Error(), "maximum number of VPCs") {
		s.Errorf("without room for a network: %v", err)
	}
	s.EC2.At(account, region).Limit("vpc", -1)
	c, err := s.provider.Create(ctx, s.spec, nil)
	s.no(err)
	trusts, err := s.provider.Trusts(ctx, "prod", c.ID, []string{"https://" + gone}, true)
	s.no(err)
	if len(trusts) != 1 || !trusts[0].Updated {
		s.Errorf("the trust of roles: %+v", trusts)
	}
	_, err = s.provider.List(ctx)
	s.no(err)
	for _, f := range s.provider.Diagnose(ctx) {
		if !f.OK {
			s.Errorf("doctor: %+v", f)
		}
	}
	s.litter(c)
	s.no(s.provider.Delete(ctx, "prod", c.ID, nil))
	left, err := s.provider.Leftovers(ctx)
	s.no(err)
	var kept []string
	for _, l := range left {
		if !l.Kept {
			s.Errorf("left over: %+v", l)
		}
		kept = append(kept, l.What)
	}
	if len(kept) != 2 {
		s.Errorf("kept are %v, and not a volume and its snapshot", kept)
	}
}

// TestThePolicyIsComplete: with it, and no more, all works.
func TestThePolicyIsComplete(t *testing.T) {
	s := enact(t, published(t))
	s.live(t.Context())
	for _, c := range s.Calls() {
		if strings.Contains(c.Code, "AccessDenied") || c.Code == "UnauthorizedOperation" {
			t.Errorf("%s %s was denied", c.Service, c.Operation)
		}
	}
}

// unproven are the actions that AWS asks for in places where the simulated one does not,
// by its documentation or public reports.
var unproven = map[string]string{
	"ec2:DescribeVpnGateways": "CloudFormation's handler of gateway attachments",
}

// TestThePolicyHasNothingTooMuch: each action is used, or something fails without it.
func TestThePolicyHasNothingTooMuch(t *testing.T) {
	whole := published(t)
	s := enact(t, whole)
	s.live(t.Context())
	used := map[string]bool{}
	var stack *cloudformation.CreateStackInput
	for _, c := range s.Calls() {
		used[c.Service+":"+c.Operation] = true
		if c.Operation == "CreateStack" {
			stack = &cloudformation.CreateStackInput{TemplateBody: sdk.String(c.Form.Get("TemplateBody")), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
				StackName: sdk.String("rekindle-prod"), Tags: []types.Tag{{Key: sdk.String("rekindle.io/id"), Value: sdk.String("x")}}}
		}
	}
	for _, action := range actions(t, whole) {
		_, known := unproven[action]
		switch needed := used[action] || s.denies(without(t, whole, action), action, *stack); {
		case needed && known:
			t.Errorf("%s is proven now: take it off the list", action)
		case !needed && !known:
			t.Errorf("nothing needs %s", action)
		}
	}
}

// denies tells whether EKS, or CloudFormation, is denied an action under a policy. What
// is not asked of AWS itself is asked by these two.
func (s *stage) denies(policy, action string, stack cloudformation.CreateStackInput) bool {
	s.Helper()
	switch action {
	case "cloudformation:ListStacks":
		_, err := enact(s.TB, policy).provider.List(s.Context())
		return err != nil && strings.Contains(err.Error(), action)
	case "iam:PassRole", "iam:TagOpenIDConnectProvider", "iam:CreateServiceLinkedRole":
		s := enact(s.TB, policy)
		s.role(`{"Service":"pods.eks.amazonaws.com"}`)
		_, err := s.provider.Create(s.Context(), s.spec, nil)
		return err != nil && strings.Contains(err.Error(), action)
	}
	name := strings.ReplaceAll(action, ":", "-")
	key, err := s.Grant(account, name, policy)
	s.no(err)
	client := cloudformation.NewFromConfig(s.Config(key, region))
	stack.StackName = sdk.String("rekindle-" + name)
	if _, err := client.CreateStack(s.Context(), &stack); err != nil {
		return strings.Contains(err.Error(), action)
	}
	said := s.settled(*stack.StackName)
	_, err = client.DeleteStack(s.Context(), &cloudformation.DeleteStackInput{StackName: stack.StackName})
	s.no(err)
	return strings.Contains(said+s.settled(*stack.StackName), action)
}

// settled waits until a stack changes no more, and returns what was said of it: nothing
// once it is gone.
func (s *stage) settled(name string) string {
	s.Helper()
	key, err := s.Grant(account, "admin", aws.Everything)
	s.no(err)
	client := cloudformation.NewFromConfig(s.Config(key, region))
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	for {
		out, err := client.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: sdk.String(name)})
		if err != nil {
			if ctx.Err() != nil {
				s.Fatal(err)
			}
			return ""
		}
		var said strings.Builder
		for _, e := range out.StackEvents {
			said.WriteString(sdk.ToString(e.ResourceStatusReason))
		}
		if last := out.StackEvents[0]; sdk.ToString(last.ResourceType) == "AWS::CloudFormation::Stack" && !strings.HasSuffix(string(last.ResourceStatus), "_IN_PROGRESS") {
			return said.String()
		}
	}
}

// statement is one of a policy, as far as this test changes it.
type statement struct {
	Sid, Effect         string
	Action              any
	Resource, Condition any `json:",omitempty"`
}

type document struct {
	Version   string
	Statement []statement
}

func read(t *testing.T, policy string) document {
	t.Helper()
	var d document
	if err := json.Unmarshal([]byte(policy), &d); err != nil {
		t.Fatal(err)
	}
	for i, s := range d.Statement {
		if one, is := s.Action.(string); is {
			d.Statement[i].Action = []any{one}
		}
	}
	return d
}

func actions(t *testing.T, policy string) []string {
	t.Helper()
	var list []string
	for _, s := range read(t, policy).Statement {
		for _, a := range s.Action.([]any) {
			list = append(list, a.(string))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// without is a policy without an action.
func without(t *testing.T, policy, action string) string {
	t.Helper()
	d := read(t, policy)
	d.Statement = slices.DeleteFunc(d.Statement, func(s statement) bool { return len(s.Action.([]any)) == 1 && s.Action.([]any)[0] == action })
	for i, s := range d.Statement {
		d.Statement[i].Action = slices.DeleteFunc(s.Action.([]any), func(a any) bool { return a == action })
	}
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
