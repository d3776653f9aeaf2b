package eks

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// removeControlPlane removes the EKS cluster and waits until it is gone.
func (r *removal) removeControlPlane(ctx context.Context) error {
	r.progress.Say("removing the control plane")
	return r.until(ctx, "the control plane is gone", func(ctx context.Context) ([]Held, error) {
		c, err := r.account.cluster(ctx, r.name)
		if err != nil || c == nil {
			return nil, err
		}
		if err := r.owns(c.Tags, "the EKS cluster "+aws.ToString(c.Arn)); err != nil {
			return nil, err
		}
		held := Held{What: "the EKS cluster " + aws.ToString(c.Arn), Why: "EKS is removing it"}
		if c.Status == types.ClusterStatusDeleting {
			return []Held{held}, nil
		}
		_, err = r.eks.DeleteCluster(ctx, &awseks.DeleteClusterInput{Name: aws.String(r.name)})
		if protected(err) {
			return nil, &ProtectedError{What: held.What}
		}
		if inUse(err) && strings.Contains(strings.ToLower(said(err)), "fargate") {
			return nil, &Error{What: held.What + " has Fargate profiles: " + said(err),
				Remedy: "remove its Fargate profiles in AWS, and delete the cluster again", Err: err}
		}
		why, err := r.answer(held.What, err)
		if why != "" {
			held.Why = why
		}
		if c.Status == types.ClusterStatusFailed {
			held.Why += "; it had failed: " + strings.Join(issues(c.Health), "; ")
		}
		return []Held{held}, err
	})
}

// removeLogs removes the control plane's log group. What the control plane wrote last
// may come a while after its end, and makes the group again.
func (r *removal) removeLogs(ctx context.Context) error {
	if r.keepLogs {
		return nil
	}
	guarded := map[string]Held{}
	var asked time.Time // when its removal was asked for last
	err := r.until(ctx, "the log group is gone", func(ctx context.Context) ([]Held, error) {
		list, err := r.logGroups(ctx, []string{r.name})
		if err != nil {
			return nil, err
		}
		if err := r.give(ctx, r.claims(list)); err != nil {
			return nil, err
		}
		left, err := r.each(ctx, list, guarded, func(ctx context.Context, t thing) error {
			_, err := r.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String(t.id)})
			return err
		})
		switch {
		case len(left) > 0:
			asked = r.now()
		case err == nil && r.now().Sub(asked) < r.settle:
			left = []Held{{What: "log group " + logGroup(r.name), Why: "EKS may write into it once more"}}
		}
		return left, err
	})
	if err != nil {
		return err
	}
	return heldBy(guarded)
}

// removeIssuers removes the OIDC provider of the cluster's issuer.
func (r *removal) removeIssuers(ctx context.Context) error {
	return r.until(ctx, "the OIDC provider is gone", func(ctx context.Context) ([]Held, error) {
		list, err := r.oidcProviders(ctx)
		if err != nil {
			return nil, err
		}
		return r.each(ctx, list, nil, func(ctx context.Context, t thing) error {
			_, err := r.iam.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(t.id)})
			return err
		})
	})
}

// removeStack removes the stack, and asks again when CloudFormation could not remove
// a part because something still held it, which AWS lets go a while later.
func (r *removal) removeStack(ctx context.Context) error {
	id := ""     // a stack that is gone is found by this alone, and another may take its name
	before := "" // why it could not be removed the last time
	return r.until(ctx, "the stack is gone", func(ctx context.Context) ([]Held, error) {
		s, err := r.account.stack(ctx, r.name)
		if err != nil || s == nil || !r.bears(stackTags(s)) || id != "" && id != aws.ToString(s.StackId) {
			return nil, err
		}
		id = aws.ToString(s.StackId)
		held := Held{What: string(kindStack) + " " + stackName(r.name), Why: "CloudFormation is removing it" + before}
		switch s.StackStatus {
		case cftypes.StackStatusDeleteInProgress:
			return []Held{held}, nil
		case cftypes.StackStatusDeleteFailed:
			if held.Why, err = r.whyStack(ctx, s); err != nil {
				return nil, err
			}
			before = "; the last time it could not: " + held.Why
		}
		r.saying(thing{kind: kindStack, id: stackName(r.name)})
		_, err = r.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: s.StackId})
		if protected(err) || err != nil && strings.Contains(said(err), "TerminationProtection") {
			return nil, &ProtectedError{What: held.What}
		}
		why, err := r.answer(held.What, err)
		if why != "" {
			held.Why = why
		}
		return []Held{held}, err
	})
}

// whyStack says why CloudFormation could not remove the stack: what it says itself of
// the last time that it tried, and what is in the network.
func (r *removal) whyStack(ctx context.Context, s *cftypes.Stack) (string, error) {
	why, err := r.lastFailures(ctx, s)
	if err != nil {
		return "", err
	}
	if r.ownsVPC {
		holders, err := r.networkHolders(ctx, r.vpc)
		if err != nil {
			return "", err
		}
		why = append(why, holders...)
	}
	if len(why) == 0 {
		why = []string{aws.ToString(s.StackStatusReason)}
	}
	return strings.Join(why, "; "), nil
}

// lastFailures are what could not be removed when a stack was removed last.
func (r *removal) lastFailures(ctx context.Context, s *cftypes.Stack) ([]string, error) {
	var why []string
	pages := cloudformation.NewDescribeStackEventsPaginator(r.stacks, &cloudformation.DescribeStackEventsInput{StackName: s.StackId})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.StackEvents { // newest first
			whole := aws.ToString(e.PhysicalResourceId) == aws.ToString(s.StackId)
			switch e.ResourceStatus {
			case cftypes.ResourceStatusDeleteInProgress:
				if whole {
					return why, nil
				}
			case cftypes.ResourceStatusDeleteFailed:
				if !whole {
					why = append(why, fmt.Sprintf("%s %s: %s", aws.ToString(e.ResourceType), aws.ToString(e.PhysicalResourceId), aws.ToString(e.ResourceStatusReason)))
				}
			}
		}
	}
	return why, nil
}
