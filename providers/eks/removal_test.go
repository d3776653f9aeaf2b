package eks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/providers"
)

func apiError(code, message string) error {
	return &smithy.OperationError{ServiceID: "EC2", OperationName: "DeleteSecurityGroup", Err: &smithy.GenericAPIError{Code: code, Message: message}}
}

// clocked is a removal by a clock that each look turns on.
func clocked() (r *removal, turn func(time.Duration)) {
	now := clusterMade
	r = &removal{
		account: &account{region: "eu-central-1"}, scope: ourScope(), every: time.Microsecond, settle: time.Minute, now: func() time.Time { return now },
		mine: map[string]bool{}, said: map[string]bool{}, denied: map[string]time.Time{},
	}
	return r, func(d time.Duration) { now = now.Add(d) }
}

func TestUntilTellsWhatHoldsWhat(t *testing.T) {
	r, turn := clocked()
	var lines []string
	r.progress = func(line string) { lines = append(lines, line) }
	slow := &slowError{what: "the delete", limit: 45 * time.Minute}
	ctx, cancel := context.WithCancelCause(t.Context())
	looks := 0
	err := r.until(ctx, "the stack is gone", func(context.Context) ([]Held, error) {
		turn(25 * time.Second)
		if looks++; looks == 10 {
			cancel(slow)
		}
		return []Held{{What: "subnet subnet-1", Why: "held by eni-1 of i-1"}}, nil
	})
	if !isHeld(err) || !errors.Is(err, slow) {
		t.Fatalf("have %v", err)
	}
	for _, want := range []string{"subnet subnet-1", "eni-1 of i-1", "the stack is gone", "45m"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if len(lines) != 3 || !strings.Contains(lines[0], "still waiting until the stack is gone: subnet subnet-1") {
		t.Errorf("told %d times in four minutes: %q", len(lines), lines)
	}
}

// A look that the deadline interrupts says what was left the time before.
func TestUntilInterrupted(t *testing.T) {
	r, _ := clocked()
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	err := r.until(ctx, "x", func(ctx context.Context) ([]Held, error) {
		if looks++; looks == 2 {
			cancel()
			return nil, ctx.Err()
		}
		return []Held{{What: "it", Why: "because"}}, nil
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "it: because") {
		t.Fatalf("have %v", err)
	}
}

func TestUntilKeepsRefusalsAsTheyAre(t *testing.T) {
	for _, want := range []error{&providers.TakenError{Name: "prod"}, &ProtectedError{What: "it"}, &HeldError{List: []Held{{What: "a"}}}} {
		r, _ := clocked()
		if err := r.until(t.Context(), "x", func(context.Context) ([]Held, error) { return nil, want }); err != want { //nolint:errorlint // the very same
			t.Errorf("%v became %v", want, err)
		}
	}
	r, _ := clocked()
	var e *Error
	err := r.until(t.Context(), "x", func(context.Context) ([]Held, error) {
		return nil, apiError("UnauthorizedOperation", "not authorized to perform ec2:DeleteSecurityGroup")
	})
	if !errors.As(err, &e) || e.Action != "ec2:DeleteSecurityGroup" {
		t.Errorf("have %v", err)
	}
}

func TestAnswer(t *testing.T) {
	r, turn := clocked()
	for _, c := range []struct {
		name   string
		err    error
		again  bool
		failed bool
	}{
		{name: "done"},
		{name: "gone", err: apiError("InvalidGroup.NotFound", "does not exist")},
		{name: "gone from IAM", err: apiError("NoSuchEntity", "x")},
		{name: "still used", err: apiError("DependencyViolation", "resource sg-1 has a dependent object"), again: true},
		{name: "attached", err: apiError("InvalidParameterValue", "Network interface 'eni-1' is currently in use."), again: true},
		{name: "wrong", err: apiError("InvalidParameterValue", "no such thing"), failed: true},
		{name: "no answer", err: errors.New("connection reset"), failed: true},
		{name: "denied", err: apiError("AccessDenied", "User: x is not authorized to perform: elasticloadbalancing:DeleteLoadBalancer on resource: y"), again: true},
	} {
		why, err := r.answer(c.name, c.err)
		if (why != "") != c.again || (err != nil) != c.failed {
			t.Errorf("%s: %q, %v", c.name, why, err)
		}
	}
	turn(time.Minute)
	denial := apiError("AccessDenied", "User: x is not authorized to perform: elasticloadbalancing:DeleteLoadBalancer on resource: y")
	if _, err := r.answer("denied", denial); err == nil {
		t.Error("a thing that AWS still shows cannot be removed, and that is not said")
	}
	if why, err := r.answer("another", denial); why == "" || err != nil {
		t.Errorf("the first denial about another: %q, %v", why, err)
	}
}

func TestProtected(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, errors.New("deletion protection"): false, apiError("DependencyViolation", "x"): false,
		apiError("OperationNotPermitted", "Load balancer 'x' cannot be deleted because deletion protection is enabled"): true,
	} {
		if protected(err) != want {
			t.Errorf("%v: protected is %t", err, !want)
		}
	}
}

func TestMerged(t *testing.T) {
	a, b := Held{What: "a", Why: "x"}, Held{What: "b", Why: "y"}
	other := errors.New("other")
	if err := merged(nil, nil); err != nil {
		t.Fatal(err)
	}
	err := merged(&HeldError{List: []Held{a}}, nil, other, &HeldError{List: []Held{b, a}})
	var held *HeldError
	if !errors.As(err, &held) || len(held.List) != 2 || !errors.Is(err, other) {
		t.Fatalf("have %v", err)
	}
}

func TestAllowed(t *testing.T) {
	r, _ := clocked()
	tags := []cftypes.Tag{{Key: aws.String(tagCluster), Value: aws.String("prod")}, {Key: aws.String(tagID), Value: aws.String("id1")}}
	for _, c := range []struct {
		name string
		h    holding
		want bool
	}{
		{"nothing is protected", holding{cluster: &types.Cluster{}, stack: &cftypes.Stack{Tags: tags}}, true},
		{"the cluster is", holding{cluster: &types.Cluster{DeletionProtection: aws.Bool(true)}}, false},
		{"our stack is", holding{stack: &cftypes.Stack{Tags: tags, EnableTerminationProtection: aws.Bool(true)}}, false},
		{"somebody's stack is", holding{cluster: &types.Cluster{}, stack: &cftypes.Stack{EnableTerminationProtection: aws.Bool(true)}}, true},
	} {
		err := r.allowed(c.h)
		var e *ProtectedError
		if (err == nil) != c.want || err != nil && !errors.As(err, &e) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
