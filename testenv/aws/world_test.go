package aws_test

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	ec2state "github.com/rekindle-io/rekindle/testenv/aws/ec2"

	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
)

func world(t *testing.T, o aws.Options) *aws.World {
	t.Helper()
	o.Root, o.Binary = t.TempDir(), testenv.Binary(t)
	return aws.Start(t, o)
}

// key is one that may do what the policies say.
func key(t *testing.T, w *aws.World, policies ...string) aws.Key {
	t.Helper()
	k, err := w.Grant(account, "tester", policies...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ground makes what a cluster stands on.
func ground(t *testing.T, w *aws.World) (role string, subnets []string) {
	t.Helper()
	r, err := w.IAM.At(account).CreateRole(iam.Role{Name: "cluster",
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`})
	if err != nil {
		t.Fatal(err)
	}
	place := w.EC2.At(account, region)
	v, err := place.CreateVPC("10.0.0.0/16", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, cidr := range []string{"10.0.0.0/20", "10.0.16.0/20"} {
		s, err := place.CreateSubnet(ec2state.Subnet{VPC: v.ID, CIDR: cidr, Zone: place.Zones()[i].Name})
		if err != nil {
			t.Fatal(err)
		}
		subnets = append(subnets, s.ID)
	}
	return r.ARN, subnets
}

// code is what AWS calls an error.
func code(err error) string {
	var said smithy.APIError
	if !errors.As(err, &said) {
		return ""
	}
	return said.ErrorCode()
}

func TestLifeOfACluster(t *testing.T) {
	w := world(t, aws.Options{Lag: 50 * time.Millisecond})
	client := awseks.NewFromConfig(w.Config(key(t, w, aws.Everything), region))
	role, subnets := ground(t, w)
	in := &awseks.CreateClusterInput{Name: awssdk.String("a"), RoleArn: awssdk.String(role), ClientRequestToken: awssdk.String("t"),
		ResourcesVpcConfig: vpcOf(subnets)}
	for end := time.Now().Add(time.Minute); ; { // IAM tells of a role after a while
		_, err := client.CreateCluster(t.Context(), in)
		if err == nil {
			break
		}
		if code(err) != "InvalidParameterException" || time.Now().After(end) {
			t.Fatal(err)
		}
	}
	for range 2 { // with one token it is one cluster
		if _, err := client.CreateCluster(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: in.Name}); code(err) != "ResourceNotFoundException" {
		t.Errorf("it is seen at once: %v", err)
	}
	active := awseks.NewClusterActiveWaiter(client, func(o *awseks.ClusterActiveWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 50*time.Millisecond
		seen := o.Retryable
		o.Retryable = func(ctx context.Context, in *awseks.DescribeClusterInput, out *awseks.DescribeClusterOutput, err error) (bool, error) {
			if code(err) == "ResourceNotFoundException" {
				return true, nil
			}
			return seen(ctx, in, out, err)
		}
	})
	if err := active.Wait(t.Context(), &awseks.DescribeClusterInput{Name: in.Name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	in.ClientRequestToken = awssdk.String("another")
	if _, err := client.CreateCluster(t.Context(), in); code(err) != "ResourceInUseException" {
		t.Errorf("a second one: %v", err)
	}
	out, err := client.DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: in.Name})
	if err != nil || !strings.HasPrefix(awssdk.ToString(out.Cluster.Endpoint), "https://127.0.0.1:") || awssdk.ToString(out.Cluster.CertificateAuthority.Data) == "" {
		t.Fatal(out, err)
	}
	if _, err := client.DeleteCluster(t.Context(), &awseks.DeleteClusterInput{Name: in.Name}); err != nil {
		t.Fatal(err)
	}
	gone := awseks.NewClusterDeletedWaiter(client, func(o *awseks.ClusterDeletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 50*time.Millisecond
	})
	if err := gone.Wait(t.Context(), &awseks.DescribeClusterInput{Name: in.Name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, thing := range w.Things() {
		if thing.Kind == "eks cluster" || thing.Kind == "network-interface" || thing.Kind == "security-group" {
			t.Errorf("left: %s", thing)
		}
	}
}

func TestWhoAsksIsProven(t *testing.T) {
	w := world(t, aws.Options{})
	k := key(t, w, aws.Everything)
	ask := func(k aws.Key) error {
		c := w.Config(k, region)
		c.RetryMaxAttempts = 1
		_, err := ec2.NewFromConfig(c).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		return err
	}
	if err := ask(k); err != nil {
		t.Error(err)
	}
	wrong, nobody, late := k, k, w.Lend(k, time.Now().Add(-time.Second))
	wrong.Secret += "x"
	nobody.Access = "AKIANOBODY"
	for want, key := range map[string]aws.Key{"SignatureDoesNotMatch": wrong, "AuthFailure": nobody, "RequestExpired": late} {
		if err := ask(key); code(err) != want {
			t.Errorf("want %s: %v", want, err)
		}
	}
	if err := ask(w.Lend(k, time.Now().Add(time.Hour))); err != nil {
		t.Error(err)
	}
	out, err := sts.NewFromConfig(w.Config(k, region)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || awssdk.ToString(out.Account) != account || awssdk.ToString(out.Arn) != "arn:aws:sts::"+account+":assumed-role/tester/session" {
		t.Errorf("%+v %v", out, err)
	}
}

func TestWhatNoPolicyAllowsIsDenied(t *testing.T) {
	w := world(t, aws.Options{})
	k := key(t, w, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "eks:ListClusters", "Resource": "*"}]}`)
	client := awseks.NewFromConfig(w.Config(k, region))
	if _, err := client.ListClusters(t.Context(), &awseks.ListClustersInput{}); err != nil {
		t.Error(err)
	}
	_, err := client.DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: awssdk.String("a")})
	if code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "eks:DescribeCluster on resource: arn:aws:eks:"+region+":"+account+":cluster/a") {
		t.Errorf("%v", err)
	}
	if _, err := ec2.NewFromConfig(w.Config(k, region)).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); code(err) != "UnauthorizedOperation" {
		t.Errorf("%v", err)
	}
}

func TestFaults(t *testing.T) {
	w := world(t, aws.Options{})
	c := w.Config(key(t, w, aws.Everything), region)
	role, subnets := ground(t, w)
	w.Fault(func(_ wire.Call, n int) aws.Fault {
		switch n {
		case 0:
			return aws.Fault{Error: &wire.Error{Status: http.StatusTooManyRequests, Code: "ThrottlingException", Message: "Rate exceeded"}}
		case 1:
			return aws.Fault{Lost: true}
		}
		return aws.Fault{}
	})
	// The SDK tries again by itself; that the answer of the second attempt was lost does
	// not make two clusters.
	if _, err := awseks.NewFromConfig(c).CreateCluster(t.Context(), &awseks.CreateClusterInput{Name: awssdk.String("a"), RoleArn: awssdk.String(role),
		ResourcesVpcConfig: vpcOf(subnets), ClientRequestToken: awssdk.String("t")}); err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, r := range w.Calls() {
		codes = append(codes, r.Operation+":"+r.Code)
	}
	if got := strings.Join(codes, " "); got != "CreateCluster:ThrottlingException CreateCluster: CreateCluster:" {
		t.Errorf("calls: %s", got)
	}
	clusters := 0
	for _, thing := range w.Things() {
		if thing.Kind == "eks cluster" {
			clusters++
		}
	}
	if clusters != 1 {
		t.Errorf("%d clusters", clusters)
	}
}

// What nothing simulates is not passed over: the test fails at its end.
func TestWhatIsNotSimulatedIsTold(t *testing.T) {
	w, err := aws.New(aws.Options{Root: t.TempDir(), Binary: testenv.Binary(t)})
	if err != nil {
		t.Fatal(err)
	}
	k := key(t, w, aws.Everything)
	if _, err := cloudwatchlogs.NewFromConfig(w.Config(k, region)).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: awssdk.String("x")}); err == nil {
		t.Error("it is simulated")
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "CreateLogGroup is not simulated") {
		t.Errorf("%v", err)
	}
}

// The program that people get contains nothing of this.
func TestTheProgramDoesNotContainIt(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/rekindle")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "rekindle/providers/local\n") {
		t.Fatal("the list of what it contains is not whole")
	}
	if strings.Contains(string(out), "rekindle/testenv") {
		t.Error("it does")
	}
}

func vpcOf(subnets []string) *types.VpcConfigRequest {
	return &types.VpcConfigRequest{SubnetIds: subnets}
}
