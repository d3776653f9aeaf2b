package iam

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/testenv/aws/policy/policytest"
)

const (
	trustEKS = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`
	trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	issuer   = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC"
	lag      = 10 * time.Second
)

// world is an IAM with a clock that a test moves, and a client of it.
type world struct {
	*policytest.Server
	now    time.Time
	cloud  *Cloud
	client *iam.Client
}

func start(t *testing.T, page int) *world {
	w := &world{now: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.cloud = New(Options{Clock: clock, Lag: lag, Page: page})
	w.Server = &policytest.Server{Operations: w.cloud.Operations(), Policy: policytest.Everything, Clock: clock}
	w.client = iam.NewFromConfig(w.Start(t))
	return w
}

func (w *world) account() *Account { return w.cloud.At(policytest.Account) }

func (w *world) role(t *testing.T, name, trust string) Role {
	t.Helper()
	r, err := w.account().CreateRole(Role{Name: name, Trust: trust, Tags: map[string]string{"team": "blue"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func code(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return e.ErrorCode()
}

func TestProviders(t *testing.T) {
	w := start(t, 0)
	ctx := t.Context()
	in := &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String(issuer), ClientIDList: []string{"sts.amazonaws.com"}, Tags: []types.Tag{{Key: aws.String("rekindle.io/id"), Value: aws.String("x")}},
	}
	made, err := w.client.CreateOpenIDConnectProvider(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	arn := made.OpenIDConnectProviderArn
	if want := "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC"; aws.ToString(arn) != want {
		t.Errorf("its ARN is %s", aws.ToString(arn))
	}
	if _, err := w.client.CreateOpenIDConnectProvider(ctx, in); !errors.As(err, new(*types.EntityAlreadyExistsException)) {
		t.Errorf("made twice: %v", err)
	}
	get := &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}
	if _, err := w.client.GetOpenIDConnectProvider(ctx, get); !errors.As(err, new(*types.NoSuchEntityException)) {
		t.Errorf("it is shown at once: %v", err)
	}
	w.now = w.now.Add(lag)
	if _, err := w.client.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}); err != nil {
		t.Fatal(err)
	}
	got, err := w.client.GetOpenIDConnectProvider(ctx, get)
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(got.Url)+" "+strings.Join(got.ClientIDList, " ") != strings.TrimPrefix(issuer, "https://")+" sts.amazonaws.com" || len(got.Tags) != 2 || aws.ToString(got.Tags[1].Key) != "rekindle.io/id" || !got.CreateDate.Equal(w.now.Add(-lag)) {
		t.Errorf("it is %+v", got)
	}
	if _, err := w.account().CreateProvider(Provider{URL: issuer + "D"}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(lag)
	listed := func() int {
		list, err := w.client.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.OpenIDConnectProviderList)
	}
	if n := listed(); n != 2 {
		t.Errorf("%d are listed", n)
	}
	remove := &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}
	if _, err := w.client.DeleteOpenIDConnectProvider(ctx, remove); err != nil {
		t.Fatal(err)
	}
	if n := listed(); n != 2 {
		t.Errorf("%d are listed right after one was removed", n)
	}
	if _, err := w.client.DeleteOpenIDConnectProvider(ctx, remove); !errors.As(err, new(*types.NoSuchEntityException)) {
		t.Errorf("removed twice: %v", err)
	}
	w.now = w.now.Add(lag)
	if n := listed(); n != 1 {
		t.Errorf("%d are listed in the end", n)
	}
}

func TestRoles(t *testing.T) {
	w := start(t, 2)
	ctx := t.Context()
	for _, name := range []string{"c", "a", "b", "e", "d"} {
		w.role(t, name, trustEKS)
	}
	w.now = w.now.Add(lag)
	var names []string
	for pages := iam.NewListRolesPaginator(w.client, &iam.ListRolesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Roles {
			names = append(names, aws.ToString(r.RoleName))
			if plain, err := url.PathUnescape(aws.ToString(r.AssumeRolePolicyDocument)); err != nil || plain != trustEKS {
				t.Errorf("its trust policy is %q, %v", plain, err)
			}
			if len(r.Tags) > 0 {
				t.Error("a list of roles has their tags, which IAM leaves out")
			}
		}
	}
	if !slices.Equal(names, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("they are %v", names)
	}
	out, err := w.client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("a")})
	if err != nil {
		t.Fatal(err)
	}
	if r := out.Role; aws.ToString(r.Arn) != "arn:aws:iam::123456789012:role/a" || len(r.Tags) != 1 || aws.ToString(r.Tags[0].Value) != "blue" {
		t.Errorf("it is %+v", r)
	}
	tags, err := w.client.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: aws.String("a")})
	if err != nil || len(tags.Tags) != 1 {
		t.Errorf("its tags are %+v, %v", tags, err)
	}
	if _, err := w.client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("z")}); !errors.As(err, new(*types.NoSuchEntityException)) {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestRolesAreTakenOnAfterAWhile(t *testing.T) {
	w := start(t, 0)
	arn := w.role(t, "a", trustEKS).ARN
	assume := func(service string) string { return fmt.Sprint(w.account().Assume(arn, service)) }
	if got := assume("eks.amazonaws.com"); !strings.Contains(got, "does not exist") {
		t.Errorf("at once: %s", got)
	}
	w.now = w.now.Add(lag)
	if got := assume("eks.amazonaws.com"); got != "<nil>" {
		t.Error(got)
	}
	if got := assume("ec2.amazonaws.com"); !strings.Contains(got, "could not be assumed") {
		t.Errorf("by a service that it does not trust: %s", got)
	}
	if _, err := w.client.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("a"), PolicyDocument: aws.String(trustEC2)}); err != nil {
		t.Fatal(err)
	}
	if got := assume("eks.amazonaws.com"); got != "<nil>" {
		t.Errorf("a change is known at once: %s", got)
	}
	w.now = w.now.Add(lag)
	if got := assume("ec2.amazonaws.com"); got != "<nil>" {
		t.Error(got)
	}
}

func TestAttachedPolicies(t *testing.T) {
	w := start(t, 0)
	w.role(t, "a", trustEKS)
	a := w.account()
	const cluster = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
	for _, c := range []struct {
		name string
		err  error
		says string
	}{
		{"attach", a.AttachPolicy("a", cluster), ""},
		{"attach again", a.AttachPolicy("a", cluster), ""},
		{"attach what is not there", a.AttachPolicy("a", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicies"), "NoSuchEntity"},
		{"attach what is in another partition", a.AttachPolicy("a", "arn:aws-cn:iam::aws:policy/AmazonEKSClusterPolicy"), "NoSuchEntity"},
		{"attach what is no ARN", a.AttachPolicy("a", "AmazonEKSClusterPolicy"), "ValidationError"},
		{"attach to what is not there", a.AttachPolicy("z", cluster), "NoSuchEntity"},
		{"remove a role with policies", a.DeleteRole("a"), "DeleteConflict"},
		{"detach", a.DetachPolicy("a", cluster), ""},
		{"detach again", a.DetachPolicy("a", cluster), "NoSuchEntity"},
		{"remove", a.DeleteRole("a"), ""},
		{"remove again", a.DeleteRole("a"), "NoSuchEntity"},
	} {
		if got := fmt.Sprint(c.err); c.says == "" && c.err != nil || !strings.Contains(got, c.says) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	if left := w.cloud.Things(); len(left) > 0 {
		t.Errorf("there is still %+v", left)
	}
}

func TestRefusedRoles(t *testing.T) {
	w := start(t, 0)
	w.account().Limit("role", 1)
	w.role(t, "a", trustEKS)
	for _, c := range []struct {
		role Role
		says string
	}{
		{Role{Name: "a", Trust: trustEKS}, "EntityAlreadyExists"},
		{Role{Name: "b", Trust: trustEKS}, "LimitExceeded"},
		{Role{Name: "b/c", Trust: trustEKS}, "ValidationError"},
		{Role{Name: strings.Repeat("x", 65), Trust: trustEKS}, "ValidationError"},
		{Role{Name: "b", Trust: "{}"}, "MalformedPolicyDocument"},
		{Role{Name: "b", Trust: strings.Replace(trustEKS, "eks", strings.Repeat("x", 2048), 1)}, "LimitExceeded"},
		{Role{Name: "b", Trust: trustEKS, Tags: map[string]string{"aws:x": "y"}}, "InvalidInput"},
	} {
		if _, err := w.account().CreateRole(c.role); err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.role, err)
		}
	}
	if err := w.account().CreateLinked("eks.amazonaws.com"); err != nil {
		t.Errorf("roles of services count for the quota: %v", err)
	}
}

func TestRolesOfServices(t *testing.T) {
	w := start(t, 0)
	a := w.account()
	needs := a.LinkedNeeds("eks.amazonaws.com")
	if len(needs) != 1 || needs[0].Action != "iam:CreateServiceLinkedRole" || needs[0].Keys["iam:AWSServiceName"] != "eks.amazonaws.com" {
		t.Errorf("before it is there: %+v", needs)
	}
	if err := errors.Join(a.CreateLinked("eks.amazonaws.com"), a.CreateLinked("eks.amazonaws.com"), a.CreateLinked("eks-nodegroup.amazonaws.com")); err != nil {
		t.Fatal(err)
	}
	if needs := a.LinkedNeeds("eks.amazonaws.com"); len(needs) > 0 {
		t.Errorf("once it is there: %+v", needs)
	}
	if needs := a.LinkedNeeds("eks-nodegroup.amazonaws.com"); len(needs) != 1 || needs[0].Action != "iam:GetRole" {
		t.Errorf("EKS looks whether the role of node groups is there: %+v", needs)
	}
	if err := a.DeleteRole("AWSServiceRoleForAmazonEKS"); err == nil || !strings.HasPrefix(err.Error(), "UnmodifiableEntity") {
		t.Errorf("it can be removed: %v", err)
	}
	if err := a.CreateLinked("s3.amazonaws.com"); err == nil {
		t.Error("a service that has none has one")
	}
}

// What the published policy goes by: tags of what is there and of what is asked for.
func TestPermissionsByTags(t *testing.T) {
	w := start(t, 0)
	ctx := t.Context()
	w.role(t, "a", trustEKS)
	w.now = w.now.Add(lag)
	w.Policy = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:CreateOpenIDConnectProvider","Resource":"arn:aws:iam::123456789012:oidc-provider/oidc.eks.*"},
		{"Effect":"Allow","Action":"iam:GetRole","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue","aws:RequestedRegion":"us-east-1"}}},
		{"Effect":"Allow","Action":"iam:TagOpenIDConnectProvider","Resource":"*","Condition":{"ForAllValues:StringLike":{"aws:TagKeys":"rekindle.io/*"}}}]}`
	create := func(tags ...string) error {
		in := &iam.CreateOpenIDConnectProviderInput{Url: aws.String(issuer + "/" + strings.Join(tags, "/"))}
		for _, k := range tags {
			in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String("x")})
		}
		_, err := w.client.CreateOpenIDConnectProvider(ctx, in)
		return err
	}
	if err := errors.Join(create(), create("rekindle.io/id", "rekindle.io/cluster")); err != nil {
		t.Error(err)
	}
	if err := create("rekindle.io/id", "other"); code(err) != "AccessDenied" || !strings.Contains(err.Error(), "not authorized to perform: iam:TagOpenIDConnectProvider on resource: arn:aws:iam::123456789012:oidc-provider/oidc.eks") {
		t.Errorf("with another tag: %v", err)
	}
	if _, err := w.client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("a")}); err != nil {
		t.Error(err)
	}
	if _, err := w.client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("b")}); code(err) != "AccessDenied" {
		t.Errorf("a role without tags: %v", err)
	}
}
