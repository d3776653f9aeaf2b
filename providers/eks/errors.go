package eks

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
)

// Error is what AWS said, as a person needs it.
type Error struct {
	// What was wanted, and what AWS said.
	What string
	// Remedy is what to do about it; may be empty.
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

// remedies are what to do about errors of AWS by their codes.
var remedies = map[string]string{ //nolint:gochecknoglobals // a table that does not change
	"ExpiredToken":                "the credentials have expired: get new ones (aws sso login), and run the same again",
	"ExpiredTokenException":       "the credentials have expired: get new ones (aws sso login), and run the same again",
	"RequestExpired":              "the credentials have expired, or this machine's clock is wrong",
	"InvalidClientTokenId":        "AWS does not know these credentials: look at AWS_PROFILE and AWS_ACCESS_KEY_ID",
	"UnrecognizedClientException": "AWS does not know these credentials, or the region is not enabled in this account",
	"SignatureDoesNotMatch":       "the secret key does not belong to the access key, or this machine's clock is wrong",
	"AuthFailure":                 "AWS does not know these credentials, or the region is not enabled in this account",
	"OptInRequired":               "enable the region in the account, or take another one (settings.region)",
	"ResourceLimitExceededException": "the account's quota is used up: remove what is not needed, or ask AWS for more " +
		"(Service Quotas in the console)",
	"VcpuLimitExceeded":                    "the account's quota of CPUs is used up: smaller instance types, fewer nodes, or ask AWS for more",
	"InsufficientInstanceCapacity":         "AWS has no such machines now: add other types to settings.nodeGroups[].instanceTypes, or capacity: on-demand",
	"UnsupportedAvailabilityZoneException": "EKS cannot use one of the availability zones: name subnets in others (settings.network.subnets)",
}

// deniedAction finds the permission in what AWS says of one that is missing.
var deniedAction = regexp.MustCompile(`(?:is not authorized to perform:?|not authorized to perform) ([a-z0-9-]+:[A-Za-z]+)`)

// explain makes an error of the SDK one that says what to do.
func explain(err error, region string) error {
	if err == nil || errors.As(err, new(*Error)) || errors.As(err, new(*AccountError)) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var op *smithy.OperationError
	what := "AWS"
	if errors.As(err, &op) {
		what = fmt.Sprintf("%s %s in %s", op.Service(), op.Operation(), region)
	}
	var said smithy.APIError
	if !errors.As(err, &said) {
		return silent(err, what, region)
	}
	e := &Error{What: fmt.Sprintf("%s: %s: %s", what, said.ErrorCode(), said.ErrorMessage()), Remedy: remedies[said.ErrorCode()], Err: err}
	switch code := said.ErrorCode(); {
	case strings.Contains(code, "AccessDenied") || code == "UnauthorizedOperation":
		if op != nil {
			e.Action = strings.ToLower(strings.ReplaceAll(op.Service(), " ", "")) + ":" + op.Operation()
		}
		if found := deniedAction.FindStringSubmatch(said.ErrorMessage()); found != nil {
			e.Action = found[1]
		}
		e.Remedy = fmt.Sprintf("give the caller the permission %s: docs/providers/eks.md has the whole policy", e.Action)
	case code == "InvalidParameterException" && strings.Contains(said.ErrorMessage(), "version"):
		e.Remedy = "take a version that EKS offers (settings.version)"
	}
	return e
}

// silent explains errors without an answer of AWS: no credentials, no network, a
// region that is none.
func silent(err error, what, region string) error {
	e := &Error{What: fmt.Sprintf("%s: %v", what, err), Err: err}
	switch text := err.Error(); {
	case strings.Contains(text, "get credentials") || strings.Contains(text, "get identity"):
		e.What = what + ": there are no AWS credentials that work"
		e.Remedy = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role gives them"
	case strings.Contains(text, "no such host"):
		e.Remedy = fmt.Sprintf("look whether %s is a region of AWS, and at the network of this machine", region)
	}
	return e
}
