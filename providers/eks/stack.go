package eks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/providers"
)

// stackName is what a cluster's stack is called: it holds the name while there is no
// cluster yet, or no more.
func stackName(cluster string) string { return "rekindle-" + cluster }

// stack finds the cluster's stack; nil when there is none.
func (a *account) stack(ctx context.Context, cluster string) (*types.Stack, error) {
	out, err := a.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stackName(cluster))})
	var said smithy.APIError
	if errors.As(err, &said) && said.ErrorCode() == "ValidationError" && strings.Contains(said.ErrorMessage(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, a.region)
	}
	if len(out.Stacks) == 0 || out.Stacks[0].StackStatus == types.StackStatusDeleteComplete {
		return nil, nil
	}
	return &out.Stacks[0], nil
}

func stackTags(s *types.Stack) map[string]string {
	tags := map[string]string{}
	for _, t := range s.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

// ground is what a cluster stands on.
type ground struct {
	vpc            string
	subnets        []string
	role, nodeRole string
}

// prepare sees to it that there is what the cluster stands on: what the settings
// name, and a stack of ours for the rest, whose creation it waits for.
func (a *account) prepare(ctx context.Context, m mark, set settings, every time.Duration, progress providers.Progress) (ground, error) {
	g := ground{role: set.Role, nodeRole: set.NodeRole}
	if set.Network != nil {
		g.subnets = set.Network.Subnets
	}
	text := template(m, set)
	if text == "" {
		return g, nil
	}
	s, err := a.stack(ctx, m.name)
	if err != nil {
		return g, err
	}
	if s != nil && unusable(s.StackStatus) {
		progress.Say(fmt.Sprintf("removing stack %s, whose creation failed before (%s)", stackName(m.name), s.StackStatus))
		if err := a.removeStack(ctx, m, every); err != nil {
			return g, err
		}
		s = nil
	}
	if s == nil {
		progress.Say("making stack " + stackName(m.name) + ": network and roles")
		if err := a.makeStack(ctx, m, set, text); err != nil {
			return g, err
		}
	}
	if s, err = a.awaitStack(ctx, m, every); err != nil {
		return g, err
	}
	for _, o := range s.Outputs {
		switch v := aws.ToString(o.OutputValue); aws.ToString(o.OutputKey) {
		case outVPC:
			g.vpc = v
		case outSubnets:
			g.subnets = strings.Split(v, ",")
		case outRole:
			g.role = v
		case outNodes:
			g.nodeRole = v
		}
	}
	return g, nil
}

// unusable tells that a stack is what is left of a creation that failed.
func unusable(s types.StackStatus) bool {
	switch s {
	case types.StackStatusCreateFailed, types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusRollbackInProgress,
		types.StackStatusDeleteInProgress, types.StackStatusDeleteFailed:
		return true
	}
	return false
}

func (a *account) makeStack(ctx context.Context, m mark, set settings, text string) error {
	in := &cloudformation.CreateStackInput{
		StackName: aws.String(stackName(m.name)), TemplateBody: aws.String(text), ClientRequestToken: aws.String(m.token("stack")),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam}, OnFailure: types.OnFailureRollback,
	}
	for k, v := range m.tags(set.Tags) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	_, err := a.stacks.CreateStack(ctx, in)
	var there *types.AlreadyExistsException
	if errors.As(err, &there) {
		return nil // by an attempt of which we did not hear; whose it is was looked at before, and is again
	}
	return explain(err, a.region)
}

// awaitStack waits until the stack is made. Whose it is, it looks at each time.
func (a *account) awaitStack(ctx context.Context, m mark, every time.Duration) (*types.Stack, error) {
	for {
		s, err := a.stack(ctx, m.name)
		if err != nil {
			return nil, err
		}
		if s == nil {
			return nil, fmt.Errorf("stack %s is gone: somebody removed it while it was made", stackName(m.name))
		}
		if err := m.owns(stackTags(s), "the stack "+stackName(m.name)); err != nil {
			return nil, err
		}
		switch {
		case s.StackStatus == types.StackStatusCreateComplete || s.StackStatus == types.StackStatusUpdateComplete:
			return s, nil
		case unusable(s.StackStatus):
			return nil, a.stackFailed(ctx, m.name, s)
		}
		if err := sleep(ctx, every); err != nil {
			return nil, fmt.Errorf("waiting for stack %s (%s): %w", stackName(m.name), s.StackStatus, err)
		}
	}
}

// stackFailed tells what failed first in a stack.
func (a *account) stackFailed(ctx context.Context, cluster string, s *types.Stack) error {
	e := &Error{What: fmt.Sprintf("stack %s: %s: %s", stackName(cluster), s.StackStatus, aws.ToString(s.StackStatusReason)),
		Remedy: "mend what it names, and run the same again: the stack is removed and made anew"}
	pages := cloudformation.NewDescribeStackEventsPaginator(a.stacks, &cloudformation.DescribeStackEventsInput{StackName: s.StackId})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return errors.Join(e, explain(err, a.region))
		}
		for _, ev := range page.StackEvents { // newest first: the last that is found was the first to fail
			if strings.HasSuffix(string(ev.ResourceStatus), "_FAILED") && !strings.Contains(aws.ToString(ev.ResourceStatusReason), "Resource creation cancelled") {
				e.What = fmt.Sprintf("stack %s: %s %s: %s", stackName(cluster), aws.ToString(ev.ResourceType), aws.ToString(ev.LogicalResourceId), aws.ToString(ev.ResourceStatusReason))
			}
		}
	}
	return e
}

// removeStack removes the stack and waits until it is gone.
func (a *account) removeStack(ctx context.Context, m mark, every time.Duration) error {
	asked := false
	for {
		s, err := a.stack(ctx, m.name)
		if err != nil || s == nil {
			return err
		}
		if err := m.owns(stackTags(s), "the stack "+stackName(m.name)); err != nil {
			return err
		}
		switch {
		case asked && s.StackStatus == types.StackStatusDeleteFailed:
			return a.stackFailed(ctx, m.name, s)
		case s.StackStatus != types.StackStatusDeleteInProgress && !asked:
			if _, err := a.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{
				StackName: s.StackId, ClientRequestToken: aws.String(m.token("delete-stack")),
			}); err != nil {
				return explain(err, a.region)
			}
			asked = true
		case s.StackStatus == types.StackStatusDeleteInProgress:
			asked = true
		}
		if err := sleep(ctx, every); err != nil {
			return fmt.Errorf("waiting until stack %s is gone (%s): %w", stackName(m.name), s.StackStatus, err)
		}
	}
}

// sleep waits, or returns why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
