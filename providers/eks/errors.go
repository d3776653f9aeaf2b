package eks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/providers"
)

// Error is what AWS said, as a person needs it.
type Error struct {
	// What was wanted, and what AWS said.
	What string
	// Remedy is what to do about it.
	Remedy string
	// Action is the permission that is missing, "eks:CreateCluster"; empty when that
	// is not what is wrong.
	Action string
	Err    error
}

func (e *Error) Error() string { return e.What }

// Hint says what to do next.
func (e *Error) Hint() string { return e.Remedy }

func (e *Error) Unwrap() error { return e.Err }

// What to do about errors that have several names.
const (
	expired     = "the credentials have expired: get new ones (aws sso login), and run the same again"
	notEnabled  = "AWS does not know these credentials, or the region is not enabled in this account: look at AWS_PROFILE and settings.region"
	wrongSecret = "the secret key does not belong to the access key, or this machine's clock is wrong: set both right"
	usedUp      = "the account's quota is used up: remove what is not needed, or ask AWS for more (Service Quotas in the console)"
	fewerCPUs   = "the account's quota of machines is used up: take smaller types or fewer nodes (settings.nodeGroups), or ask AWS for more (Service Quotas in the console)"
	noMachines  = "AWS has no such machines now: add other types to settings.nodeGroups[].instanceTypes, take capacity: on-demand, or try again later"
	busy        = "AWS is busy or has trouble (https://health.aws.amazon.com): run the same again, which goes on where this one was"
	lookAtIt    = "mend what AWS names; running the same again goes on where this one was"
)

// remedies are what to do about errors of AWS by their codes.
var remedies = map[string]string{
	"ExpiredToken": expired, "ExpiredTokenException": expired,
	"RequestExpired":       "the credentials have expired, or this machine's clock is wrong: set it right, or get new ones",
	"InvalidClientTokenId": notEnabled, "UnrecognizedClientException": notEnabled, "AuthFailure": notEnabled,
	"SignatureDoesNotMatch": wrongSecret, "InvalidSignatureException": wrongSecret,
	"OptInRequired":                  "enable the region in the account, or take another one (settings.region)",
	"ResourceLimitExceededException": usedUp, "LimitExceededException": usedUp, "LimitExceeded": usedUp,
	"VpcLimitExceeded": usedUp, "InternetGatewayLimitExceeded": usedUp,
	"VcpuLimitExceeded": fewerCPUs, "InstanceLimitExceeded": fewerCPUs, "InsufficientInstanceCapacity": noMachines,
	"UnsupportedAvailabilityZoneException": "EKS cannot use one of the availability zones: name subnets in others (settings.network.subnets)",
	"Throttling":                           busy, "ThrottlingException": busy, "RequestLimitExceeded": busy, "TooManyRequestsException": busy,
	"ServiceUnavailable": busy, "ServiceUnavailableException": busy, "ServerException": busy, "InternalFailure": busy, "InternalError": busy,
	"InvalidSubnetID.NotFound": "name subnets that are there, in this account and region (settings.network.subnets)",
	"InvalidGroup.NotFound":    "name security groups that are there, in this account and region (settings.network.securityGroups)",
}

// services are the first words of permissions, by the SDK's names of services.
var services = map[string]string{
	"CloudFormation": "cloudformation", "CloudWatch Logs": "logs", "Elastic Load Balancing": "elasticloadbalancing",
	"Elastic Load Balancing v2": "elasticloadbalancing",
}

// deniedAction finds the permission in what AWS says of one that is missing.
var deniedAction = regexp.MustCompile(`not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)`)

// deniedIn returns the permission that is missing by what AWS says, "" for none.
func deniedIn(text string) string {
	if found := deniedAction.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// grant says what to do about a permission that is missing.
func grant(action string) string {
	return fmt.Sprintf("give the caller the permission %s: docs/providers/eks.md has the whole policy", action)
}

// quotaIn says what to do when AWS says of a part of a stack that there are too many,
// "" when it does not.
func quotaIn(text string) string {
	if strings.Contains(text, "LimitExceeded") || strings.Contains(text, "maximum number of") || strings.Contains(text, "Cannot exceed quota") {
		return usedUp
	}
	return ""
}

// explain makes an error of the SDK one that says what to do.
func explain(err error, region string) error {
	if err == nil || errors.As(err, new(*Error)) || errors.As(err, new(*AccountError)) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !unidentified(err) {
		return err
	}
	what := "AWS in " + region
	var op *smithy.OperationError
	if errors.As(err, &op) {
		what = fmt.Sprintf("%s %s in %s", op.Service(), op.Operation(), region)
	}
	var said smithy.APIError
	if !errors.As(err, &said) {
		return silent(err, what, region)
	}
	e := &Error{What: fmt.Sprintf("%s: %s: %s", what, said.ErrorCode(), said.ErrorMessage()), Remedy: remedies[said.ErrorCode()], Err: err}
	if code := said.ErrorCode(); strings.Contains(code, "AccessDenied") || code == "UnauthorizedOperation" {
		e.Action = deniedIn(said.ErrorMessage())
		if e.Action == "" && op != nil {
			e.Action = serviceWord(op.Service()) + ":" + op.Operation()
		}
		e.Remedy = grant(e.Action)
	}
	if throttledBelow(err) {
		e.Remedy = busy
	}
	e.Remedy = cmp.Or(e.Remedy, lookAtIt)
	return e
}

func serviceWord(service string) string {
	if word, ok := services[service]; ok {
		return word
	}
	return strings.ToLower(service)
}

// unidentified tells that the SDK found nobody to be, whether it was told so or gave up
// asking the machine that it runs on.
func unidentified(err error) bool {
	text := err.Error()
	return strings.Contains(text, "get credentials") || strings.Contains(text, "get identity") || strings.Contains(text, "failed to refresh cached credentials")
}

// silent explains errors without an answer of AWS: no credentials, no network, a
// region that is none.
func silent(err error, what, region string) error {
	e := &Error{What: fmt.Sprintf("%s: %v", what, err), Err: err, Remedy: "look whether this machine reaches AWS (its network, its proxy settings, AWS_ENDPOINT_URL), and run the same again"}
	switch text := err.Error(); {
	case errors.As(err, new(*unanswered)):
		e.Remedy = busy
	case strings.Contains(text, "SSO"):
		e.What = what + ": the session of AWS SSO has expired or was never begun"
		e.Remedy = "aws sso login, and run the same again"
	case strings.Contains(text, "shared config profile"):
		e.Remedy = "name a profile that ~/.aws/config has (AWS_PROFILE)"
	case unidentified(err):
		e.What = what + ": there are no AWS credentials that work"
		e.Remedy = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role gives them"
	case strings.Contains(text, "no such host"):
		e.Remedy = fmt.Sprintf("look whether %s is a region of AWS (settings.region), and at the network of this machine", region)
	}
	return e
}

// whileWaiting says what was waited for when a wait failed. What a refusal is stays one.
func whileWaiting(ctx context.Context, what string, err error, region string) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
	case errors.As(err, new(*providers.ForeignError)) || errors.As(err, new(*providers.TakenError)):
		return err
	}
	return explain(err, region)
}

// about says which cluster an error is about, and whose deadline ended a call.
func about(ctx context.Context, name string, err error) error {
	if err == nil || errors.Is(err, providers.ErrNotFound) {
		return err
	}
	if errors.As(err, new(*providers.ForeignError)) || errors.As(err, new(*providers.TakenError)) || errors.As(err, new(*providers.NotRunningError)) {
		return err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	return fmt.Errorf("provider %s: cluster %q: %w", ProviderName, name, err)
}
