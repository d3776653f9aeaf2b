package eks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/providers"
)

func answered(service, operation, code, message string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}}
}

func TestErrorsOfAWSSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		err            error
		remedy, action string
	}{
		{answered("EKS", "CreateCluster", "AccessDeniedException", "User: arn:aws:iam::123456789012:user/a is not authorized to perform: iam:PassRole on resource: x"), "iam:PassRole", "iam:PassRole"},
		{answered("EC2", "DescribeSubnets", "UnauthorizedOperation", "You are not authorized to perform this operation."), "ec2:DescribeSubnets", "ec2:DescribeSubnets"},
		{answered("EC2", "DescribeVpcs", "UnauthorizedOperation", "You are not authorized to perform this operation. User: arn:aws:iam::1:user/a is not authorized to perform: ec2:DescribeVpcs because"),
			"ec2:DescribeVpcs", "ec2:DescribeVpcs"},
		{answered("CloudWatch Logs", "DescribeLogGroups", "AccessDeniedException", "no"), "logs:DescribeLogGroups", "logs:DescribeLogGroups"},
		{answered("Elastic Load Balancing v2", "DescribeTags", "AccessDenied", "no"), "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTags"},
		{answered("STS", "GetCallerIdentity", "ExpiredToken", "The security token included in the request is expired"), "aws sso login", ""},
		{answered("STS", "GetCallerIdentity", "InvalidClientTokenId", "The security token included in the request is invalid."), "AWS_PROFILE", ""},
		{answered("EKS", "CreateCluster", "ResourceLimitExceededException", "Cluster limit exceeded"), "quota", ""},
		{answered("EKS", "CreateCluster", "NeverHeardOfException", "what"), "mend", ""},
		{fmt.Errorf("operation error STS: GetCallerIdentity, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found"), "AWS_ACCESS_KEY_ID", ""},
		{fmt.Errorf("get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found: %w", context.DeadlineExceeded), "AWS_ACCESS_KEY_ID", ""},
		{errors.New("failed to refresh cached SSO token, the SSO session has expired or is invalid"), "aws sso login", ""},
		{errors.New("failed to get shared config profile, nobody"), "AWS_PROFILE", ""},
		{errors.New("dial tcp: lookup sts.eu-nowhere-9.amazonaws.com: no such host"), "settings.region", ""},
		{errors.New("connection refused"), "network", ""},
	} {
		var e *Error
		if err := explain(c.err, "eu-central-1"); !errors.As(err, &e) || !strings.Contains(e.Hint(), c.remedy) || e.Action != c.action || !errors.Is(err, c.err) {
			t.Errorf("%v: %+v", c.err, err)
		}
	}
	for _, same := range []error{nil, context.Canceled, context.DeadlineExceeded, &AccountError{}} {
		if err := explain(same, "x"); !errors.Is(err, same) || err != same {
			t.Errorf("%v became %v", same, err)
		}
	}
}

func TestOnlyWhatAWSWillSayAgainIsARefusal(t *testing.T) {
	for code, want := range map[string]bool{
		"ResourceLimitExceededException": true, "AccessDeniedException": true, "InvalidParameterException": true,
		"ThrottlingException": false, "ServiceUnavailableException": false, "ResourceInUseException": false,
	} {
		if got := refused(explain(answered("EKS", "CreateCluster", code, ""), "x")); got != want {
			t.Errorf("%s: %t", code, got)
		}
	}
	if refused(errors.New("connection reset")) || refused(nil) {
		t.Error("no answer is no refusal")
	}
}

func TestWhatEKSAskedTooOftenIsNoRefusal(t *testing.T) {
	throttled := answered("EKS", "CreateNodegroup", "InvalidRequestException", "Request limit exceeded.")
	if refused(throttled) || !retryer().IsErrorRetryable(throttled) {
		t.Error("it is taken for one")
	}
	var e *Error
	if errors.As(explain(throttled, "x"), &e); e.Remedy != busy {
		t.Errorf("it says %q", e.Remedy)
	}
	if wrong := answered("EKS", "CreateNodegroup", "InvalidRequestException", "Subnets are required"); !refused(wrong) || retryer().IsErrorRetryable(wrong) {
		t.Error("what is wrong is tried again")
	}
}

func TestWhatWasJustMadeIsWaitedFor(t *testing.T) {
	for message, want := range map[string]bool{
		"Role with arn: arn:aws:iam::1:role/x, could not be assumed because it does not exist or the trusted entity is not correct": true,
		"The subnet ID 'subnet-1' does not exist": true,
		"Error in role params":                    true,
		"The provided role doesn't have the Amazon EKS Managed Policies associated with it. Please ensure the following policy is attached: arn:aws:iam::aws:policy/AmazonEKSClusterPolicy": true,
		"IAM role's policy must include the `ec2:DescribeSubnets` action": true,
		"unsupported Kubernetes version":                                  false,
	} {
		if got := notYet(answered("EKS", "CreateCluster", "InvalidParameterException", message)); got != want {
			t.Errorf("%s: %t", message, got)
		}
	}
	if notYet(answered("EKS", "CreateCluster", "AccessDeniedException", "does not exist")) {
		t.Error("a refusal is waited for")
	}
	if !notYet(&types.ResourcePropagationDelayException{}) {
		t.Error("what EKS says of propagation is not waited for")
	}
	at := time.Unix(0, 0)
	p := pace{every: time.Microsecond, settle: time.Minute, now: func() time.Time { at = at.Add(time.Second); return at }}
	tries := 0
	err := p.settling(t.Context(), "x", func() error { tries++; return &types.ResourcePropagationDelayException{} })
	if !notYet(err) || tries < 20 || tries > 60 {
		t.Errorf("%d tries: %v", tries, err)
	}
}

func TestAClusterThatEndedIsGoneInBothOfItsWords(t *testing.T) {
	for _, err := range []error{
		&types.ResourceNotFoundException{}, answered("EKS", "DeleteCluster", "ResourceNotFoundException", "No cluster found for name: prod."),
		answered("EKS", "DeleteCluster", "ClientException", "No cluster found for name: prod."),
	} {
		if !absent(err) {
			t.Errorf("%v", err)
		}
	}
	for _, err := range []error{&types.ClientException{}, answered("EKS", "DeleteCluster", "ServerException", "No cluster found for name: prod."), nil} {
		if gone(err) || absent(err) {
			t.Errorf("%v is taken for gone", err)
		}
	}
}

func TestPeopleAreToldOnceAMinute(t *testing.T) {
	at, lines := time.Unix(0, 0), []string(nil)
	p := pace{now: func() time.Time { return at }, progress: func(m string) { lines = append(lines, m) }}
	tell := p.telling("the control plane")
	for range 60 {
		tell("CREATING")
		at = at.Add(10 * time.Second)
	}
	if len(lines) != 9 || lines[0] != "waiting for the control plane: CREATING after 1m0s" {
		t.Errorf("%q", lines)
	}
}

func TestScarceMachinesAreTriedAgainAndQuotasAreNot(t *testing.T) {
	for _, c := range []struct {
		code            types.NodegroupIssueCode
		message, remedy string
		passes          bool
	}{
		{types.NodegroupIssueCodeAsgInstanceLaunchFailures, "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient m6i.large capacity", "instanceTypes", true},
		{types.NodegroupIssueCodeAsgInstanceLaunchFailures, "Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity", "instanceTypes", true},
		{types.NodegroupIssueCodeAsgInstanceLaunchFailures, "Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more vCPU capacity than your current limit", "quota", false},
		{types.NodegroupIssueCodeInstanceLimitExceeded, "too many", "quota", false},
		{types.NodegroupIssueCodeAccessDenied, "x is not authorized to perform: ec2:RunInstances on", "ec2:RunInstances", false},
		{types.NodegroupIssueCodeInternalFailure, "An internal error has occurred", "mend", true},
		{types.NodegroupIssueCodeNodeCreationFailure, "Instances failed to join the kubernetes cluster", "mend", false},
	} {
		n := &types.Nodegroup{Status: types.NodegroupStatusCreateFailed, Health: &types.NodegroupHealth{Issues: []types.Issue{{Code: c.code, Message: aws.String(c.message)}}}}
		var e *Error
		if err := nodesFailed(nodeGroup{Name: "workers"}, n); passing(n) != c.passes || !errors.As(err, &e) || !strings.Contains(e.Remedy, c.remedy) || !strings.Contains(e.What, c.message) {
			t.Errorf("%s: passing is %t: %+v", c.message, passing(n), err)
		}
	}
}

func TestOurDeadlineIsSaidToBeOurs(t *testing.T) {
	ctx, cancel := bounded(t.Context(), time.Nanosecond, "the create (settings.wait)")
	defer cancel()
	<-ctx.Done()
	err := about(ctx, "prod", whileWaiting(ctx, "the control plane", ctx.Err(), "x"))
	var hinted interface{ Hint() string }
	if !strings.Contains(err.Error(), "settings.wait") || !errors.As(err, &hinted) {
		t.Errorf("%v", err)
	}
	foreign := &providers.ForeignError{Name: "prod"}
	if err := about(ctx, "prod", foreign); err != foreign {
		t.Errorf("a refusal became %v", err)
	}
}
