package elb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	classicsdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	classictypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

const (
	account = "111122223333"
	region  = "eu-central-1"
	delay   = time.Second
	lag     = time.Second / 2
)

// world is a Cloud with a network whose time passes only when a test says so, and the
// SDK's clients of it.
type world struct {
	*testing.T
	now     time.Time
	cloud   *Cloud
	place   *Place
	network *ec2.Place
	subnets []string
	vpc     string
	classic *classicsdk.Client
	v2      *sdk.Client
	// needs are what the last call needed.
	needs []wire.Need
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, now: time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	network := ec2.New(ec2.Options{Clock: clock, Delay: delay, Lag: lag})
	w.cloud = New(Options{Clock: clock, Delay: delay, Lag: lag}, network)
	w.place, w.network = w.cloud.At(account, region), network.At(account, region)
	w.vpc = must(w.network.CreateVPC("10.0.0.0/16", nil)).ID
	for i, zone := range []string{"a", "b"} {
		s := must(w.network.CreateSubnet(ec2.Subnet{VPC: w.vpc, CIDR: fmt.Sprintf("10.0.%d.0/24", i), Zone: region + zone}))
		w.subnets = append(w.subnets, s.ID)
	}
	w.connect()
	return w
}

func (w *world) connect() {
	server := httptest.NewServer(http.HandlerFunc(w.serve))
	w.Cleanup(server.Close)
	url := aws.String(server.URL)
	keys := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
	})
	w.classic = classicsdk.New(classicsdk.Options{Region: region, BaseEndpoint: url, Retryer: aws.NopRetryer{}, Credentials: keys})
	w.v2 = sdk.New(sdk.Options{Region: region, BaseEndpoint: url, Retryer: aws.NopRetryer{}, Credentials: keys})
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	c, err := wire.Read(r, w.now)
	c.Account = account
	operations := w.cloud.V2().Operations()
	if c.Version == "2012-06-01" {
		operations = w.cloud.Classic().Operations()
	}
	var answer any
	if o := operations[c.Operation]; err == nil {
		if w.needs, err = o.Needs(c); err == nil {
			answer, err = o.Do(r.Context(), c)
		}
	}
	if err == nil {
		err = wire.Write(rw, c, answer)
	}
	if err != nil {
		wire.WriteError(rw, c, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) code(code string, err error) {
	w.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		w.Errorf("got %v, want %s", err, code)
	}
}

func (w *world) refused(code string, err error) {
	w.Helper()
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != code {
		w.Fatalf("got %v, want %s", err, code)
	}
}

func TestClassic(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	g := must(w.network.CreateGroup(ec2.Group{Name: "k8s-elb-a1", VPC: w.vpc}))
	b := must(w.place.Create(Balancer{Kind: Classic, Name: "a1", Subnets: w.subnets, Groups: []string{g.ID}, Listeners: []Listener{{"TCP", 80, 30080}},
		Tags: map[string]string{"kubernetes.io/cluster/prod": "owned"}}))
	list := must(w.classic.DescribeLoadBalancers(ctx, &classicsdk.DescribeLoadBalancersInput{})).LoadBalancerDescriptions
	if len(list) != 0 {
		t.Errorf("it is seen at once: %+v", list)
	}
	w.now = w.now.Add(lag)
	list = must(w.classic.DescribeLoadBalancers(ctx, &classicsdk.DescribeLoadBalancersInput{LoadBalancerNames: []string{"a1"}})).LoadBalancerDescriptions
	got := list[0]
	if *got.LoadBalancerName != "a1" || *got.DNSName != b.DNS || !got.CreatedTime.Equal(b.Created) || *got.VPCId != w.vpc || *got.Scheme != "internet-facing" ||
		!slices.Equal(got.Subnets, w.subnets) || !slices.Equal(got.SecurityGroups, []string{g.ID}) || !slices.Equal(got.AvailabilityZones, []string{region + "a", region + "b"}) ||
		got.ListenerDescriptions[0].Listener.LoadBalancerPort != 80 || *got.ListenerDescriptions[0].Listener.InstancePort != 30080 {
		t.Errorf("it is %+v", got)
	}
	_, err := w.classic.AddTags(ctx, &classicsdk.AddTagsInput{LoadBalancerNames: []string{"a1"}, Tags: []classictypes.Tag{{Key: aws.String("rekindle.io/id"), Value: aws.String("x")}}})
	w.ok(err)
	need := w.needs[0]
	if need.Action != "elasticloadbalancing:AddTags" || need.Resources[0] != "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/a1" ||
		need.Keys["aws:ResourceTag/kubernetes.io/cluster/prod"] != "owned" || need.Keys["aws:RequestTag/rekindle.io/id"] != "x" || need.Keys["aws:TagKeys"] != "rekindle.io/id" {
		t.Errorf("it needed %+v", need)
	}
	tags := must(w.classic.DescribeTags(ctx, &classicsdk.DescribeTagsInput{LoadBalancerNames: []string{"a1"}})).TagDescriptions
	if len(tags) != 1 || *tags[0].LoadBalancerName != "a1" || len(tags[0].Tags) != 2 || *tags[0].Tags[1].Key != "rekindle.io/id" {
		t.Errorf("tags: %+v", tags)
	}
	_, err = w.classic.DescribeTags(ctx, &classicsdk.DescribeTagsInput{LoadBalancerNames: []string{"a1", "a2"}})
	w.code("LoadBalancerNotFound", err)

	// Its interfaces outlive it, and hold its subnets and its security group.
	cards := w.network.Interfaces(w.vpc)
	if len(cards) != 2 || cards[0].Description != "ELB a1" || !cards[0].Managed || cards[0].PublicIP == "" {
		t.Fatalf("interfaces: %+v", cards)
	}
	_, err = w.classic.DeleteLoadBalancer(ctx, &classicsdk.DeleteLoadBalancerInput{LoadBalancerName: aws.String("a1")})
	w.ok(err)
	if need := w.needs[0]; need.Keys["aws:ResourceTag/rekindle.io/id"] != "" || need.Keys["aws:ResourceTag/kubernetes.io/cluster/prod"] != "owned" {
		t.Errorf("a tag counts at once: %+v", need)
	}
	must(w.classic.DescribeLoadBalancers(ctx, &classicsdk.DescribeLoadBalancersInput{LoadBalancerNames: []string{"a1"}}))
	w.refused("DependencyViolation", w.network.DeleteGroup(g.ID))
	w.refused("DependencyViolation", w.network.DeleteSubnet(w.subnets[0]))
	w.now = w.now.Add(delay)
	if needs, err := w.cloud.Classic().Operations()["DeleteLoadBalancer"].Needs(&wire.Call{Account: account, Region: region, Form: url.Values{"LoadBalancerName": {"a1"}}}); err != nil || len(needs[0].Keys) > 0 {
		t.Errorf("what is gone has tags: %+v, %v", needs, err)
	}
	w.ok(w.network.DeleteGroup(g.ID))
	w.ok(w.network.DeleteSubnet(w.subnets[0]))
	_, err = w.classic.DescribeLoadBalancers(ctx, &classicsdk.DescribeLoadBalancersInput{LoadBalancerNames: []string{"a1"}})
	w.code("LoadBalancerNotFound", err)
	_, err = w.classic.DeleteLoadBalancer(ctx, &classicsdk.DeleteLoadBalancerInput{LoadBalancerName: aws.String("a1")})
	w.ok(err)
	if left := w.cloud.Things(); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestV2(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	tg := must(w.place.CreateTargetGroup(TargetGroup{Name: "web", VPC: w.vpc, Protocol: "TCP", Port: 30080, Type: "instance", Tags: map[string]string{"a": "b"}}))
	b := must(w.place.Create(Balancer{Kind: Network, Name: "web", Subnets: w.subnets, Internal: true, Targets: []string{tg.ARN}}))
	_, err := w.place.Create(Balancer{Kind: Application, Name: "web", Subnets: w.subnets})
	w.refused("DuplicateLoadBalancerName", err)
	w.now = w.now.Add(lag)
	one := func() types.LoadBalancer {
		list := must(w.v2.DescribeLoadBalancers(ctx, &sdk.DescribeLoadBalancersInput{Names: []string{"web"}})).LoadBalancers
		return list[0]
	}
	if got := one(); *got.LoadBalancerArn != b.ARN || got.State.Code != types.LoadBalancerStateEnumProvisioning || got.Type != types.LoadBalancerTypeEnumNetwork ||
		got.Scheme != types.LoadBalancerSchemeEnumInternal || *got.DNSName != b.DNS || *got.VpcId != w.vpc || *got.AvailabilityZones[1].SubnetId != w.subnets[1] || !got.CreatedTime.Equal(b.Created) {
		t.Errorf("it is %+v", got)
	}
	w.now = w.now.Add(delay)
	if got := one(); got.State.Code != types.LoadBalancerStateEnumActive {
		t.Errorf("it is %+v", got.State)
	}
	groups := must(w.v2.DescribeTargetGroups(ctx, &sdk.DescribeTargetGroupsInput{LoadBalancerArn: &b.ARN})).TargetGroups
	if len(groups) != 1 || *groups[0].TargetGroupArn != tg.ARN || *groups[0].TargetGroupName != "web" || *groups[0].VpcId != w.vpc || !slices.Equal(groups[0].LoadBalancerArns, []string{b.ARN}) ||
		groups[0].TargetType != types.TargetTypeEnumInstance || *groups[0].Port != 30080 {
		t.Errorf("target groups: %+v", groups)
	}
	_, err = w.v2.AddTags(ctx, &sdk.AddTagsInput{ResourceArns: []string{b.ARN, tg.ARN}, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	w.ok(err)
	tags := must(w.v2.DescribeTags(ctx, &sdk.DescribeTagsInput{ResourceArns: []string{tg.ARN, b.ARN}})).TagDescriptions
	if len(tags) != 2 || *tags[0].ResourceArn != tg.ARN || len(tags[0].Tags) != 2 || len(tags[1].Tags) != 1 {
		t.Errorf("tags: %+v", tags)
	}
	_, err = w.v2.DeleteTargetGroup(ctx, &sdk.DeleteTargetGroupInput{TargetGroupArn: &tg.ARN})
	w.code("ResourceInUse", err)
	if need := w.needs[0]; need.Keys["aws:ResourceTag/a"] != "b" || need.Keys["aws:ResourceTag/k"] != "" {
		t.Errorf("a tag counts at once: %+v", need)
	}
	w.now = w.now.Add(lag)
	_, err = w.v2.DeleteTargetGroup(ctx, &sdk.DeleteTargetGroupInput{TargetGroupArn: &tg.ARN})
	w.code("ResourceInUse", err)
	if need := w.needs[0]; need.Keys["aws:ResourceTag/k"] != "v" {
		t.Errorf("it needed %+v", need)
	}
	w.ok(w.place.Protect(b.ARN, true))
	_, err = w.v2.DeleteLoadBalancer(ctx, &sdk.DeleteLoadBalancerInput{LoadBalancerArn: &b.ARN})
	w.code("OperationNotPermitted", err)
	w.ok(w.place.Protect(b.ARN, false))
	if card := w.network.Interfaces(w.vpc)[0]; len(card.Groups) != 0 || card.Type != "network_load_balancer" || card.PublicIP != "" || !strings.HasPrefix(card.Description, "ELB net/web/") {
		t.Errorf("its interface: %+v", card)
	}
	_, err = w.v2.DeleteLoadBalancer(ctx, &sdk.DeleteLoadBalancerInput{LoadBalancerArn: &b.ARN})
	w.ok(err)
	_, err = w.v2.DeleteTargetGroup(ctx, &sdk.DeleteTargetGroupInput{TargetGroupArn: &tg.ARN})
	w.ok(err)
	_, err = w.v2.DescribeTags(ctx, &sdk.DescribeTagsInput{ResourceArns: []string{tg.ARN}})
	w.code("TargetGroupNotFound", err)
	w.now = w.now.Add(delay)
	_, err = w.v2.DescribeLoadBalancers(ctx, &sdk.DescribeLoadBalancersInput{LoadBalancerArns: []string{b.ARN}})
	w.code("LoadBalancerNotFound", err)
	if left := w.network.Interfaces(w.vpc); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	_, err = w.v2.DeleteLoadBalancer(ctx, &sdk.DeleteLoadBalancerInput{LoadBalancerArn: aws.String("web")})
	w.code("ValidationError", err)
}

// Lists come in pages, and tags of twenty things at most.
func TestPagesAndBatches(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var arns, names []string
	for i := range 21 {
		name := fmt.Sprintf("web-%d", i)
		arns = append(arns, must(w.place.Create(Balancer{Kind: Application, Name: name, Subnets: w.subnets})).ARN)
		must(w.place.Create(Balancer{Kind: Classic, Name: name, Subnets: w.subnets}))
		names = append(names, name)
	}
	w.now = w.now.Add(lag)
	_, err := w.v2.DescribeTags(ctx, &sdk.DescribeTagsInput{ResourceArns: arns})
	w.code("ValidationError", err)
	must(w.v2.DescribeTags(ctx, &sdk.DescribeTagsInput{ResourceArns: arns[:20]}))
	_, err = w.classic.DescribeTags(ctx, &classicsdk.DescribeTagsInput{LoadBalancerNames: names})
	w.code("ValidationError", err)

	var seen []string
	for p := sdk.NewDescribeLoadBalancersPaginator(w.v2, &sdk.DescribeLoadBalancersInput{PageSize: aws.Int32(8)}); p.HasMorePages(); {
		out := must(p.NextPage(ctx))
		for _, b := range out.LoadBalancers {
			seen = append(seen, *b.LoadBalancerArn)
		}
		w.ok(w.place.Delete(seen[0]))
		w.now = w.now.Add(lag)
	}
	if !slices.Equal(seen, arns) {
		t.Errorf("seen: %v", seen)
	}
	w.cloud.options.Page = 10
	pages, count := 0, 0
	for p := classicsdk.NewDescribeLoadBalancersPaginator(w.classic, &classicsdk.DescribeLoadBalancersInput{}); p.HasMorePages(); pages++ {
		count += len(must(p.NextPage(ctx)).LoadBalancerDescriptions)
	}
	if pages != 3 || count != 21 {
		t.Errorf("%d in %d pages", count, pages)
	}
	_, err = w.v2.DescribeLoadBalancers(ctx, &sdk.DescribeLoadBalancersInput{Marker: aws.String("?")})
	w.code("ValidationError", err)
}
