package eks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rekindle-io/rekindle/recover/run"
)

// account is one account in one region, which the settings allow.
type account struct {
	number, region string
	// caller is the ARN of who asks.
	caller string
	config aws.Config

	eks     *awseks.Client
	ec2     machines
	classic *elasticloadbalancing.Client
	elb     *elasticloadbalancingv2.Client
	iam     *iam.Client
	stacks  *cloudformation.Client
	logs    *cloudwatchlogs.Client
	sts     *sts.Client
}

// maxAttempts is how often a request is sent that AWS throttles or fails by itself;
// the SDK waits longer each time, 20 s at most.
const maxAttempts = 8

// introductions is how often AWS is asked who we are: somebody who waits for that wants
// to know soon that nobody answers.
const introductions = 4

func retryer() aws.Retryer {
	return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
			o.MaxAttempts = maxAttempts
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(nowhere), retry.IsErrorRetryableFunc(overrun)}, o.Retryables...)
		})
	})
}

// nowhere: a region that is none has no address, however often it is asked for.
func nowhere(err error) aws.Ternary {
	if unknown := new(net.DNSError); errors.As(err, &unknown) && unknown.IsNotFound {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// overrun: EKS hands on that EC2 is asked too often, as if the request were wrong.
func overrun(err error) aws.Ternary {
	if throttledBelow(err) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// enter asks AWS who we are, and refuses to work anywhere but where the settings
// allow it. Nothing else is asked before.
func (p *Provider) enter(ctx context.Context, set settings) (*account, error) {
	cfg, err := p.opts.Load(ctx, set.Region)
	if err != nil {
		return nil, explain(err, set.Region)
	}
	cfg.Region = set.Region
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = p.connections
	}
	cfg.HTTPClient = wholeBodies{cfg.HTTPClient}
	if cfg.Retryer == nil {
		cfg.Retryer = retryer
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), patientFor(p.opts.Answer))
	a := &account{region: set.Region, config: cfg, sts: sts.NewFromConfig(cfg)}
	who, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.Options) { o.RetryMaxAttempts = introductions })
	if err != nil {
		return nil, explain(err, set.Region)
	}
	a.number, a.caller = aws.ToString(who.Account), aws.ToString(who.Arn)
	if !slices.Contains(set.Allow.Accounts, a.number) {
		return nil, &AccountError{Account: a.number, Caller: a.caller, Allowed: set.Allow.Accounts}
	}
	a.eks, a.ec2, a.iam = awseks.NewFromConfig(cfg), machinesOf(cfg), iam.NewFromConfig(cfg)
	a.classic, a.elb = elasticloadbalancing.NewFromConfig(cfg), elasticloadbalancingv2.NewFromConfig(cfg)
	a.stacks, a.logs = cloudformation.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg)
	return a, nil
}

// AccountError: the credentials are for an account that the settings do not allow.
type AccountError struct {
	Account, Caller string
	Allowed         []string
}

func (e *AccountError) Error() string {
	return fmt.Sprintf("the credentials are for AWS account %s (%s), and only %s may be worked in", e.Account, e.Caller, strings.Join(e.Allowed, ", "))
}

// Hint says what to do next.
func (*AccountError) Hint() string {
	return "use the credentials of an allowed account (AWS_PROFILE), or allow this one in rekindle.yaml (providers.eks.allow.accounts)"
}

// Outcome makes it a refusal.
func (*AccountError) Outcome() run.Outcome { return run.Refused }

// unusedZones are zones in which EKS makes no control planes, by their IDs (EKS user
// guide, "Amazon EKS networking requirements for VPC and subnets").
var unusedZones = []string{"use1-az3", "usw1-az2", "cac1-az3"}

// zones are the names of the availability zones that a VPC of ours has subnets in.
func (a *account) zones(ctx context.Context) ([]string, error) {
	out, err := a.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	if err != nil {
		return nil, explain(err, a.region)
	}
	var names []string
	for _, z := range out.AvailabilityZones {
		own := z.ZoneType == nil || *z.ZoneType == "availability-zone"
		if own && z.State == ec2types.AvailabilityZoneStateAvailable && !slices.Contains(unusedZones, aws.ToString(z.ZoneId)) {
			names = append(names, aws.ToString(z.ZoneName))
		}
	}
	slices.Sort(names)
	if len(names) < zones {
		return nil, &Error{What: fmt.Sprintf("region %s has %d availability zones that EKS can use (%s), and it wants %d", a.region, len(names), strings.Join(names, ", "), zones),
			Remedy: "take another region (settings.region), or name subnets that are there (settings.network.subnets)"}
	}
	return names[:zones], nil
}
