package eks

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/providers"
)

// pace is how AWS is waited for, by the SDK's waiters: the context says for how long.
type pace struct {
	// every is the time between two looks.
	every time.Duration
	// settle is how long AWS may not know everywhere what was just made.
	settle   time.Duration
	now      func() time.Time
	progress providers.Progress
}

func (p *Provider) pace(progress providers.Progress) pace {
	return pace{every: p.opts.Every, settle: p.opts.Settle, now: p.opts.Now, progress: progress}
}

// patient is the longest that a waiter of the SDK may wait by itself: longer than any
// deadline of a context.
const patient = 7 * 24 * time.Hour

// sayEvery is how often people are told that something is still waited for.
const sayEvery = time.Minute

// telling returns a function that tells people about one wait, and how far it is: not
// at once, and then not more often than they want to read.
func (p pace) telling(what string) func(state string) {
	begun := p.now()
	last := begun
	return func(state string) {
		if now := p.now(); now.Sub(last) >= sayEvery {
			last = now
			p.progress.Say(fmt.Sprintf("waiting for %s: %s after %s", what, state, now.Sub(begun).Round(time.Second)))
		}
	}
}

// errUnseen: AWS does not know what it was asked to make, and has had time to learn it.
var errUnseen = errors.New("AWS took the request, and does not know of it")

// unseen returns a function that tells whether what was made may still become visible.
func (p pace) unseen() func() bool {
	begun := p.now()
	return func() bool { return p.now().Sub(begun) < p.settle }
}

// missing says how to go on waiting for something of EKS that cannot be described: a
// waiter of the SDK wants to know whether to look again, or what is wrong.
func missing(err error, unseen func() bool) (again bool, failed error) {
	switch {
	case gone(err) && unseen():
		return true, nil
	case gone(err):
		return false, errUnseen
	}
	return false, err
}

// unsettled is what AWS says of roles, subnets and clusters that it has just made and
// not told to all of its services.
var unsettled = regexp.MustCompile(`(?i)could not be assumed|cannot be assumed|cannot be found|could not be found|does not exist|trust relationship|trusted entity|` +
	`no cluster found|not authorized to perform sts:AssumeRole|still propagating|` +
	`error in role params|managed policies associated with it|role's policy must include`)

// notYet tells that AWS does not know yet what was made a moment ago.
func notYet(err error) bool {
	if errors.As(err, new(*types.ResourcePropagationDelayException)) {
		return true
	}
	var said smithy.APIError
	if !errors.As(err, &said) {
		return false
	}
	switch said.ErrorCode() {
	case "InvalidParameterException", "InvalidRequestException", "ResourceNotFoundException":
		return unsettled.MatchString(said.ErrorMessage())
	}
	return false
}

// settling does something that needs what was made a moment ago, again and again while
// AWS does not know of that yet.
func (p pace) settling(ctx context.Context, what string, do func() error) error {
	young := p.unseen()
	tell := p.telling(what)
	for {
		err := do()
		if err == nil || !notYet(err) || !young() {
			return err
		}
		tell("AWS does not know everywhere yet what it stands on")
		if ended := sleep(ctx, p.every); ended != nil {
			return errors.Join(err, ended)
		}
	}
}

// sleep waits, or returns why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// throttledBelow tells that what EKS asked of another service was too much for that.
func throttledBelow(err error) bool {
	return code(err) == "InvalidRequestException" && strings.Contains(said(err), "Request limit exceeded")
}

// gone tells that EKS does not know what was asked about. Of a cluster that ended a
// moment ago it may say so with the code that it has for mistakes of clients.
func gone(err error) bool {
	return errors.As(err, new(*types.ResourceNotFoundException)) || code(err) == "ClientException" && strings.Contains(said(err), "No cluster found")
}

// inUse tells that EKS has something of that name already, or is working on it.
func inUse(err error) bool {
	return errors.As(err, new(*types.ResourceInUseException))
}

// refused tells that AWS will say the same again: the request is at fault, not AWS.
func refused(err error) bool {
	var said smithy.APIError
	if !errors.As(err, &said) || said.ErrorFault() == smithy.FaultServer {
		return false
	}
	if throttledBelow(err) {
		return false
	}
	switch said.ErrorCode() {
	case "Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "ServiceUnavailable", "ServiceUnavailableException",
		"InternalFailure", "InternalError", "InternalServerError", "ServerException", "RequestTimeout", "ResourceInUseException":
		return false
	}
	return true
}
