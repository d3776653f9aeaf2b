package cloudformation

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/policy/policytest"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// A template as rekindle writes it.
//
//go:embed testdata/template.json
var whole string

const (
	delay = time.Second
	lag   = 100 * time.Millisecond
	name  = "rekindle-prod"
)

type world struct {
	*policytest.Server
	now     time.Time
	network *ec2.Cloud
	roles   *iam.Cloud
	cloud   *Cloud
	client  *cloudformation.Client
}

func start(t *testing.T) *world {
	w := &world{now: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.network, w.roles = ec2.New(ec2.Options{Clock: clock}), iam.New(iam.Options{Clock: clock})
	w.Server = &policytest.Server{Policy: policytest.Everything, Clock: clock}
	w.cloud = New(Options{Clock: clock, Delay: delay, Lag: lag, Page: 7}, Parts{
		Network: w.network, Roles: w.roles, May: func(c *wire.Call, needs ...wire.Need) error { return w.Allow(c, needs) },
	})
	w.Operations = w.cloud.Operations()
	w.client = cloudformation.NewFromConfig(w.Start(t))
	return w
}

func (w *world) place() *ec2.Place { return w.network.At(policytest.Account, policytest.Region) }

func (w *world) after(d time.Duration) { w.now = w.now.Add(d) }

// input asks for the whole template.
func input() *cloudformation.CreateStackInput {
	return &cloudformation.CreateStackInput{
		StackName: aws.String(name), TemplateBody: aws.String(whole), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		ClientRequestToken: aws.String("token"), Tags: []types.Tag{{Key: aws.String("rekindle.io/id"), Value: aws.String("x")}},
	}
}

// make asks for a stack, and returns its ID.
func (w *world) make(t *testing.T, in *cloudformation.CreateStackInput) string {
	t.Helper()
	out, err := w.client.CreateStack(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.after(lag)
	return aws.ToString(out.StackId)
}

func (w *world) stack(t *testing.T, id string) types.Stack {
	t.Helper()
	out, err := w.client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(id)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Stacks[0]
}

// reach waits until a stack has a state.
func (w *world) reach(t *testing.T, id string, want types.StackStatus) types.Stack {
	t.Helper()
	for range 20 {
		if s := w.stack(t, id); s.StackStatus == want {
			return s
		}
		w.after(delay)
	}
	t.Fatalf("stack %s is %s and not %s: %v", id, w.stack(t, id).StackStatus, want, w.failures(t, id))
	return types.Stack{}
}

func (w *world) remove(t *testing.T, id string) {
	t.Helper()
	if _, err := w.client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String(id)}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) events(t *testing.T, id string) []types.StackEvent {
	t.Helper()
	var all []types.StackEvent
	for pages := cloudformation.NewDescribeStackEventsPaginator(w.client, &cloudformation.DescribeStackEventsInput{StackName: aws.String(id)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.StackEvents...)
	}
	return all
}

// failures are the reasons of what failed, first things first.
func (w *world) failures(t *testing.T, id string) []string {
	t.Helper()
	var list []string
	for _, e := range slices.Backward(w.events(t, id)) {
		if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") {
			list = append(list, fmt.Sprintf("%s %s: %s", aws.ToString(e.LogicalResourceId), e.ResourceStatus, aws.ToString(e.ResourceStatusReason)))
		}
	}
	return list
}

// left is all that is there of EC2 and IAM.
func (w *world) left() []string {
	var list []string
	for _, i := range w.network.Things() {
		if !i.Implied {
			list = append(list, i.Type)
		}
	}
	for _, i := range w.roles.Things() {
		list = append(list, i.Type)
	}
	slices.Sort(list)
	return list
}

func code(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return e.ErrorCode()
}

func TestAStackComesAndGoes(t *testing.T) {
	w := start(t)
	id := w.make(t, input())
	if s := w.stack(t, name); s.StackStatus != types.StackStatusCreateInProgress || len(s.Outputs) > 0 {
		t.Errorf("at once it is %+v", s)
	}
	s := w.reach(t, name, types.StackStatusCreateComplete)
	if got, want := w.left(), []string{"internet-gateway", "role", "role", "route-table", "subnet", "subnet", "vpc"}; !slices.Equal(got, want) {
		t.Errorf("there are %v", got)
	}
	out := map[string]string{}
	for _, o := range s.Outputs {
		out[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	v, err := w.place().VPC(out["VPC"])
	if err != nil {
		t.Fatal(err)
	}
	subnets := w.place().Subnets(v.ID)
	if len(subnets) != 2 || out["Subnets"] != subnets[0].ID+","+subnets[1].ID || subnets[0].Zone == subnets[1].Zone || !subnets[0].Public {
		t.Errorf("the outputs are %v, the subnets %+v", out, subnets)
	}
	if v.Tags["rekindle.io/id"] != "x" || v.Tags["Name"] != "rekindle-prod-vpc" || v.Tags["aws:cloudformation:stack-name"] != name || v.Tags["aws:cloudformation:logical-id"] != "VPC" {
		t.Errorf("the VPC's tags are %v", v.Tags)
	}
	if subnets[1].Tags["kubernetes.io/role/elb"] != "1" {
		t.Errorf("a subnet's tags are %v", subnets[1].Tags)
	}
	if err := errors.Join(w.roles.At(policytest.Account).Assume(out["ClusterRole"], "eks.amazonaws.com"), w.roles.At(policytest.Account).Assume(out["NodeRole"], "ec2.amazonaws.com")); err != nil {
		t.Error(err)
	}
	for _, r := range w.roles.Things() {
		role, err := w.roles.At(policytest.Account).Role(r.Name)
		if err != nil || !strings.HasPrefix(r.Name, "rekindle-prod-") || r.Tags["rekindle.io/id"] != "x" || len(role.Policies) == 0 || len(r.Tags) != 1 {
			t.Errorf("role %+v, %v", role, err)
		}
	}
	w.remove(t, name)
	w.remove(t, name) // twice is once
	if s := w.reach(t, id, types.StackStatusDeleteComplete); s.DeletionTime == nil {
		t.Error("it does not say when it was removed")
	}
	if got := w.left(); len(got) > 0 {
		t.Errorf("there are still %v", got)
	}
	if _, err := w.client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(name)}); code(err) != "ValidationError" || !strings.Contains(err.Error(), "Stack with id rekindle-prod does not exist") {
		t.Errorf("by its name it is still known: %v", err)
	}
	w.remove(t, name)
	w.remove(t, id)
}

func TestListsOfStacks(t *testing.T) {
	w := start(t)
	for i := range 9 {
		in := input()
		in.StackName = aws.String(fmt.Sprint("s", i))
		w.make(t, in)
	}
	w.after(10 * delay)
	w.remove(t, "s3")
	w.after(20 * delay)
	count := map[bool]int{}
	for pages := cloudformation.NewDescribeStacksPaginator(w.client, &cloudformation.DescribeStacksInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		count[true] += len(page.Stacks)
	}
	for pages := cloudformation.NewListStacksPaginator(w.client, &cloudformation.ListStacksInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		count[false] += len(page.StackSummaries)
	}
	if count[true] != 8 || count[false] != 9 {
		t.Errorf("%d are described and %d listed: those that are gone are listed alone", count[true], count[false])
	}
	out, err := w.client.ListStacks(t.Context(), &cloudformation.ListStacksInput{StackStatusFilter: []types.StackStatus{types.StackStatusDeleteComplete}})
	if err != nil || len(out.StackSummaries) != 1 || aws.ToString(out.StackSummaries[0].StackName) != "s3" {
		t.Errorf("gone is %+v, %v", out, err)
	}
	resources, err := w.client.DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: aws.String("s1")})
	if err != nil || len(resources.StackResources) != 11 {
		t.Errorf("the resources are %+v, %v", resources, err)
	}
}

func TestTokens(t *testing.T) {
	w := start(t)
	id := w.make(t, input())
	again := input()
	if got := w.make(t, again); got != id {
		t.Errorf("the same request makes %s and %s", id, got)
	}
	again.Tags = append(again.Tags, types.Tag{Key: aws.String("a"), Value: aws.String("b")})
	if _, err := w.client.CreateStack(t.Context(), again); !errors.As(err, new(*types.TokenAlreadyExistsException)) {
		t.Errorf("another request with the same token: %v", err)
	}
	again.ClientRequestToken = aws.String("other")
	if _, err := w.client.CreateStack(t.Context(), again); !errors.As(err, new(*types.AlreadyExistsException)) {
		t.Errorf("another token: %v", err)
	}
}

func TestNotKnownAtOnce(t *testing.T) {
	w := start(t)
	if _, err := w.client.CreateStack(t.Context(), input()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(name)}); code(err) != "ValidationError" {
		t.Errorf("it is known at once: %v", err)
	}
	w.after(lag)
	w.stack(t, name)
}

func TestAFailedCreationIsTakenBack(t *testing.T) {
	w := start(t)
	w.place().Limit("internet-gateway", 0)
	w.make(t, input())
	w.reach(t, name, types.StackStatusRollbackComplete)
	if got := w.left(); len(got) > 0 {
		t.Errorf("there are still %v", got)
	}
	why := w.failures(t, name)
	if len(why) < 2 || !strings.Contains(why[0], `Gateway CREATE_FAILED: Resource handler returned message: "The maximum number of internet gateways has been reached. (Service: Ec2, Status Code: 400,`) ||
		!strings.Contains(why[0], "HandlerErrorCode: ServiceLimitExceeded") || !strings.HasSuffix(why[1], "Resource creation cancelled") {
		t.Errorf("the reasons are %q", why)
	}
	in := input()
	in.ClientRequestToken = aws.String("again")
	if _, err := w.client.CreateStack(t.Context(), in); !errors.As(err, new(*types.AlreadyExistsException)) {
		t.Errorf("its name is free: %v", err)
	}
	w.remove(t, name)
	w.after(5 * delay)
	w.place().Limit("internet-gateway", -1)
	w.make(t, in)
	w.reach(t, name, types.StackStatusCreateComplete)
}

func TestOnFailure(t *testing.T) {
	for onFailure, want := range map[types.OnFailure]types.StackStatus{types.OnFailureDoNothing: types.StackStatusCreateFailed, types.OnFailureDelete: types.StackStatusDeleteComplete} {
		w := start(t)
		w.roles.At(policytest.Account).Limit("role", 1)
		in := input()
		in.OnFailure = onFailure
		w.reach(t, w.make(t, in), want)
		if stays := len(w.left()) > 0; stays != (onFailure == types.OnFailureDoNothing) {
			t.Errorf("%s leaves %v", onFailure, w.left())
		}
	}
}

// What still uses a network keeps it, and what does not stand on that goes.
func TestWhatIsUsedStays(t *testing.T) {
	w := start(t)
	id := w.make(t, input())
	w.reach(t, name, types.StackStatusCreateComplete)
	vpcs := w.network.Things()
	vpc := vpcs[slices.IndexFunc(vpcs, func(i ec2.Item) bool { return i.Type == "vpc" })].ID
	subnet := w.place().Subnets(vpc)[0].ID
	holder, err := w.place().CreateInterface(ec2.Interface{Subnet: subnet})
	if err != nil {
		t.Fatal(err)
	}
	w.remove(t, name)
	s := w.reach(t, name, types.StackStatusDeleteFailed)
	if got := aws.ToString(s.StackStatusReason); got != "The following resource(s) failed to delete: [Subnet1]. " {
		t.Errorf("it says %q", got)
	}
	why := w.failures(t, id)
	if want := "Subnet1 DELETE_FAILED: Resource handler returned message: \"The subnet '" + subnet + "' has dependencies and cannot be deleted. (Service: Ec2"; !strings.HasPrefix(why[0], want) {
		t.Errorf("the reason is %q", why)
	}
	if got, want := w.left(), []string{"network-interface", "subnet", "vpc"}; !slices.Equal(got, want) {
		t.Errorf("there are still %v", got)
	}
	if err := w.place().DeleteInterface(holder.ID); err != nil {
		t.Fatal(err)
	}
	w.remove(t, id)
	w.reach(t, id, types.StackStatusDeleteComplete)
	if got := w.left(); len(got) > 0 {
		t.Errorf("there are still %v", got)
	}
}

func TestSomebodyElseWasFaster(t *testing.T) {
	w := start(t)
	id := w.make(t, input())
	w.reach(t, name, types.StackStatusCreateComplete)
	for _, r := range w.roles.Things() {
		a := w.roles.At(policytest.Account)
		role, err := a.Role(r.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range role.Policies {
			err = errors.Join(err, a.DetachPolicy(r.Name, p))
		}
		if err = errors.Join(err, a.DeleteRole(r.Name)); err != nil {
			t.Fatal(err)
		}
	}
	w.remove(t, name)
	w.reach(t, id, types.StackStatusDeleteComplete)
}

func TestRemovedWhileItIsMade(t *testing.T) {
	w := start(t)
	id := w.make(t, input())
	w.after(delay)
	w.remove(t, name)
	w.reach(t, id, types.StackStatusDeleteComplete)
	if got := w.left(); len(got) > 0 {
		t.Errorf("there are still %v", got)
	}
}

func TestProtected(t *testing.T) {
	w := start(t)
	w.make(t, input())
	if err := w.cloud.Protect(policytest.Account, policytest.Region, name, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String(name)}); err == nil || !strings.Contains(err.Error(), "TerminationProtection is enabled") {
		t.Errorf("it is removed: %v", err)
	}
	if !aws.ToBool(w.stack(t, name).EnableTerminationProtection) {
		t.Error("it does not say so")
	}
}

// Everything that a stack makes or removes is asked for as whoever wants it.
func TestPermissionsOfTheCaller(t *testing.T) {
	without := func(action, effect string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"` + action + `","Resource":"*"` + effect + `}]}`
	}
	for _, c := range []struct{ denied, fails string }{
		{"ec2:CreateVpc", "VPC"}, {"ec2:ModifyVpcAttribute", "VPC"}, {"ec2:DescribeNetworkAcls", "VPC"}, {"ec2:CreateTags", "Gateway"}, {"ec2:CreateSubnet", "Subnet1"}, {"ec2:ModifySubnetAttribute", "Subnet1"},
		{"ec2:AttachInternetGateway", "Attachment"}, {"ec2:CreateRoute", "Route"}, {"ec2:AssociateRouteTable", "Subnet1Routes"}, {"iam:CreateRole", "ClusterRole"},
		{"iam:TagRole", "ClusterRole"}, {"iam:AttachRolePolicy", "ClusterRole"}, {"iam:ListRolePolicies", "ClusterRole"},
	} {
		w := start(t)
		w.Policy = without(c.denied, "")
		w.make(t, input())
		w.after(5 * delay)
		why := w.failures(t, name)
		if len(why) == 0 || !strings.HasPrefix(why[0], c.fails+" CREATE_FAILED: Resource handler returned message: ") || !strings.Contains(why[0], "is not authorized to perform: "+c.denied+" on resource: ") {
			t.Errorf("without %s: %q", c.denied, why)
		}
		w.Policy = policytest.Everything
		w.remove(t, name)
		w.after(20 * delay)
		if stacks := w.cloud.Things(); len(stacks) > 0 || len(w.left()) > 0 {
			t.Errorf("without %s there are still %v and %v", c.denied, stacks, w.left())
		}
	}
	for _, denied := range []string{"ec2:DeleteVpc", "ec2:DeleteSubnet", "ec2:DetachInternetGateway", "ec2:DeleteInternetGateway", "ec2:DeleteRouteTable", "ec2:DeleteRoute", "ec2:DisassociateRouteTable", "iam:DeleteRole", "iam:DetachRolePolicy"} {
		w := start(t)
		id := w.make(t, input())
		w.reach(t, name, types.StackStatusCreateComplete)
		w.Policy = without(denied, "")
		w.remove(t, name)
		w.reach(t, id, types.StackStatusDeleteFailed)
		if why := w.failures(t, id); !strings.Contains(why[0], denied) {
			t.Errorf("without %s: %q", denied, why)
		}
	}
	w := start(t)
	w.Policy = without("ec2:*", `,"Condition":{"StringNotEquals":{"aws:CalledViaFirst":"cloudformation.amazonaws.com"}}`)
	w.make(t, input())
	w.reach(t, name, types.StackStatusCreateComplete)
}

func TestRefused(t *testing.T) {
	w := start(t)
	with := func(change func(*cloudformation.CreateStackInput)) *cloudformation.CreateStackInput {
		in := input()
		change(in)
		return in
	}
	text := func(body string) *cloudformation.CreateStackInput {
		return with(func(in *cloudformation.CreateStackInput) { in.TemplateBody = aws.String(body) })
	}
	w.cloud.Limit(policytest.Account, "eu-west-1", 0)
	for _, c := range []struct {
		in   *cloudformation.CreateStackInput
		says string
	}{
		{with(func(in *cloudformation.CreateStackInput) { in.Capabilities = nil }), "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]"},
		{with(func(in *cloudformation.CreateStackInput) {
			in.TemplateBody = aws.String(strings.Replace(whole, `"ManagedPolicyArns"`, `"RoleName": "x", "ManagedPolicyArns"`, 1))
		}), "CAPABILITY_NAMED_IAM"},
		{with(func(in *cloudformation.CreateStackInput) { in.StackName = aws.String("1x") }), "stackName"},
		{with(func(in *cloudformation.CreateStackInput) { in.Tags[0].Key = aws.String("aws:x") }), "aws: prefixed"},
		{with(func(in *cloudformation.CreateStackInput) {
			in.OnFailure, in.DisableRollback = types.OnFailureDelete, aws.Bool(true)
		}), "only one of"},
		{text("{"), "not well-formed"},
		{text(whole + "}"), "not well-formed"},
		{text(`{"Resources":{}}`), "At least one Resources"},
		{text(`{"Resources":{"A":{"Type":"AWS::S3::Bucket"}}}`), "Unrecognized resource types: [AWS::S3::Bucket]"},
		{text(`{"Resources":{"A":{"Type":"AWS::EC2::RouteTable","Properties":{"VpcId":{"Ref":"B"}}}}}`), "Unresolved resource dependencies [B] in the Resources"},
		{text(`{"Resources":{"A":{"Type":"AWS::EC2::InternetGateway"}},"Outputs":{"O":{"Value":{"Fn::Sub":"${B.Id}"}}}}`), "Unresolved resource dependencies [B] in the Outputs"},
		{text(`{"Resources":{"A":{"Type":"AWS::EC2::InternetGateway","DependsOn":"B"},"B":{"Type":"AWS::EC2::InternetGateway","DependsOn":["A"]}}}`), "Circular dependency between resources: [A, B]"},
		{text(strings.Repeat(" ", 51201)), "51200"},
	} {
		if _, err := w.client.CreateStack(t.Context(), c.in); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("the error is %v, and does not say %q", err, c.says)
		}
	}
	if n := len(w.cloud.Things()); n > 0 {
		t.Errorf("there are %d stacks", n)
	}
	w.cloud.Limit(policytest.Account, policytest.Region, 0)
	if _, err := w.client.CreateStack(t.Context(), input()); !errors.As(err, new(*types.LimitExceededException)) {
		t.Errorf("one too many: %v", err)
	}
}

func TestRoleNamesFit(t *testing.T) {
	for _, n := range []int{1, 40, 128} {
		j := &job{stack: &stack{name: strings.Repeat("r", n)}, made: &made{name: "ClusterRole"}}
		if got := j.roleName("ABCDEFGHIJKL"); len(got) > maxRoleName || !strings.HasSuffix(got, "-ClusterRole-ABCDEFGHIJKL") || got[0] != 'r' {
			t.Errorf("%q", got)
		}
	}
}
