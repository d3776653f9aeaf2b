package eks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// stackName is what a cluster's stack is called: it holds the name while there is no
// cluster yet, or no more.
func stackName(cluster string) string { return "rekindle-" + cluster }

// stack finds the cluster's stack; nil when there is none.
func (a *account) stack(ctx context.Context, cluster string) (*types.Stack, error) {
	out, err := a.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stackName(cluster))})
	if noStack(err) {
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

// noStack tells that CloudFormation knows no such stack: it has no error of its own
// for that.
func noStack(err error) bool {
	var said smithy.APIError
	return errors.As(err, &said) && said.ErrorCode() == "ValidationError" && strings.Contains(said.ErrorMessage(), "does not exist")
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
	// vpc is that of our stack; empty when the settings name subnets.
	vpc            string
	subnets        []string
	role, nodeRole string
	// driverRole is that of the driver of volumes; empty when no stack of ours has one.
	driverRole string
	// made: a stack of ours is part of it.
	made bool
}

// prepare sees to it that there is what the cluster stands on: what the settings
// name, and a stack of ours for the rest, whose creation it waits for. A cluster that is
// there stands on what it was made with, whatever the settings say now.
func (m *making) prepare(ctx context.Context) (ground, error) {
	g := ground{role: m.set.Role, nodeRole: m.set.NodeRole}
	if m.set.Network != nil {
		g.subnets = m.set.Network.Subnets
	}
	s := m.held.stack
	if c := m.held.cluster; c != nil {
		g.role = aws.ToString(c.RoleArn)
		if s != nil && m.owns(stackTags(s), "") == nil {
			g.take(s)
		}
		return g, nil
	}
	if s == nil && !wantsStack(m.set) {
		return g, nil
	}
	s, err := m.standing(ctx, s)
	if err == nil {
		g.take(s)
	}
	return g, err
}

// take takes what a stack of ours gives.
func (g *ground) take(s *types.Stack) {
	g.made = true
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
		case outDriver:
			g.driverRole = v
		}
	}
}

// standing returns the stack once it is made. What is left of a creation that failed
// is removed before.
func (m *making) standing(ctx context.Context, s *types.Stack) (*types.Stack, error) {
	again := ""
	if s != nil && unusable(s.StackStatus) {
		m.progress.Say(fmt.Sprintf("removing stack %s, whose creation ended before (%s)", stackName(m.name), s.StackStatus))
		again = aws.ToString(s.StackId)
		if err := m.removeStack(ctx, s); err != nil {
			return nil, err
		}
		s = nil
	}
	for tries := 0; ; tries++ {
		if s == nil {
			if err := m.makeStack(ctx, again); err != nil {
				return nil, err
			}
		}
		made, err := m.awaitStack(ctx)
		if !errors.Is(err, errUnseen) || tries == 2 {
			return made, err
		}
		s, again = nil, m.now().String()
	}
}

// unusable tells that a stack is what is left of a creation that failed, or of one
// that was removed.
func unusable(s types.StackStatus) bool {
	switch s {
	case types.StackStatusCreateFailed, types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusRollbackInProgress,
		types.StackStatusDeleteInProgress, types.StackStatusDeleteFailed, types.StackStatusDeleteComplete:
		return true
	}
	return false
}

func (m *making) makeStack(ctx context.Context, again string) error {
	zones, err := m.zones(ctx)
	if err != nil {
		return err
	}
	m.progress.Say("making stack " + stackName(m.name) + ": network and roles")
	text := template(m.mark, m.set, zones)
	in := &cloudformation.CreateStackInput{
		StackName: aws.String(stackName(m.name)), TemplateBody: aws.String(text), ClientRequestToken: aws.String(m.token("stack", text, again)),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam}, OnFailure: types.OnFailureRollback,
	}
	for k, v := range m.tags(m.set.Tags) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	if err := m.asking(); err != nil {
		return err
	}
	_, err = m.stacks.CreateStack(ctx, in)
	if errors.As(err, new(*types.AlreadyExistsException)) || errors.As(err, new(*types.TokenAlreadyExistsException)) {
		return nil // by an attempt of which we did not hear; whose it is is looked at while it is waited for
	}
	return explain(err, m.region)
}

// awaitStack waits until the stack is made. Whose it is, it looks at each time.
func (m *making) awaitStack(ctx context.Context) (*types.Stack, error) {
	var last *types.Stack
	name, unseen := stackName(m.name), m.unseen()
	tell := m.telling("stack " + name)
	waiter := cloudformation.NewStackCreateCompleteWaiter(m.stacks, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = m.every, m.every
		o.Retryable = func(_ context.Context, _ *cloudformation.DescribeStacksInput, out *cloudformation.DescribeStacksOutput, err error) (bool, error) {
			switch {
			case noStack(err) || err == nil && len(out.Stacks) == 0:
				if last == nil && unseen() {
					return true, nil
				}
				return false, errUnseen
			case err != nil:
				return false, err
			}
			last = &out.Stacks[0]
			if err := m.owns(stackTags(last), stackHolder(m.name)); err != nil {
				return false, err
			}
			tell(string(last.StackStatus))
			return !unusable(last.StackStatus) && !standing(last.StackStatus), nil
		}
	})
	_, err := waiter.WaitForOutput(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(name)}, patient)
	switch {
	case errors.Is(err, errUnseen) && last != nil:
		return nil, &Error{What: fmt.Sprintf("stack %s is gone: somebody removed it while it was made", name), Remedy: "run the same again: it is made anew"}
	case errors.Is(err, errUnseen):
		return nil, &Error{What: fmt.Sprintf("stack %s: %v", name, err), Remedy: "run the same again; AWS may have trouble (https://health.aws.amazon.com)", Err: err}
	case err != nil:
		return nil, whileWaiting(ctx, "stack "+name, err, m.region)
	case unusable(last.StackStatus):
		return nil, m.stackFailed(ctx, m.name, last)
	}
	return last, nil
}

// standing tells that a stack is done.
func standing(s types.StackStatus) bool {
	switch s {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete, types.StackStatusImportComplete:
		return true
	}
	return false
}

func stackHolder(cluster string) string { return "the CloudFormation stack " + stackName(cluster) }

// stackFailed tells what failed first in a stack.
func (a *account) stackFailed(ctx context.Context, cluster string, s *types.Stack) error {
	name := stackName(cluster)
	e := &Error{What: fmt.Sprintf("stack %s is %s: %s", name, s.StackStatus, aws.ToString(s.StackStatusReason)),
		Remedy: "mend what it names, and run the same again", Err: errStack}
	pages := cloudformation.NewDescribeStackEventsPaginator(a.stacks, &cloudformation.DescribeStackEventsInput{StackName: s.StackId})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return errors.Join(e, explain(err, a.region))
		}
		for _, ev := range page.StackEvents { // newest first: the last that is found was the first to fail
			reason := aws.ToString(ev.ResourceStatusReason)
			if !strings.HasSuffix(string(ev.ResourceStatus), "_FAILED") || strings.Contains(reason, "cancelled") {
				continue
			}
			e.What = fmt.Sprintf("stack %s: %s %s: %s", name, aws.ToString(ev.ResourceType), aws.ToString(ev.LogicalResourceId), reason)
			if action := deniedIn(reason); action != "" {
				e.Action, e.Remedy = action, grant(action)
			} else if remedy := quotaIn(reason); remedy != "" {
				e.Remedy = remedy
			}
		}
	}
	return e
}

// errStack: the creation of a stack failed for a reason that stands in its events.
var errStack = errors.New("the stack failed")

// removeStack removes one stack of ours and waits until it is gone.
func (m *making) removeStack(ctx context.Context, s *types.Stack) error {
	if err := m.owns(stackTags(s), stackHolder(m.name)); err != nil {
		return err
	}
	id := s.StackId // what is made meanwhile under the same name is another stack
	if s.StackStatus != types.StackStatusDeleteInProgress {
		if _, err := m.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: id}); err != nil {
			return explain(err, m.region)
		}
	}
	var last *types.Stack
	tell := m.telling("the end of stack " + stackName(m.name))
	began := m.unseen()
	waiter := cloudformation.NewStackDeleteCompleteWaiter(m.stacks, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = m.every, m.every
		o.Retryable = func(_ context.Context, _ *cloudformation.DescribeStacksInput, out *cloudformation.DescribeStacksOutput, err error) (bool, error) {
			if noStack(err) || err == nil && len(out.Stacks) == 0 {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			last = &out.Stacks[0]
			tell(string(last.StackStatus))
			switch last.StackStatus {
			case types.StackStatusDeleteComplete:
				return false, nil
			case types.StackStatusDeleteFailed: // perhaps of the time before, and not told anew yet
				if s.StackStatus == types.StackStatusDeleteFailed && began() {
					return true, nil
				}
				return false, errStack
			}
			return true, nil
		}
	})
	_, err := waiter.WaitForOutput(ctx, &cloudformation.DescribeStacksInput{StackName: id}, patient)
	if errors.Is(err, errStack) {
		return m.stackFailed(ctx, m.name, last)
	}
	return whileWaiting(ctx, "the end of stack "+stackName(m.name), err, m.region)
}
