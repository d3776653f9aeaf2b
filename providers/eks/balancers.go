package eks

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	classictypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// classicBalancers are all of the account in the region.
func (a *account) classicBalancers(ctx context.Context) ([]thing, error) {
	list, err := pages(ctx, elasticloadbalancing.NewDescribeLoadBalancersPaginator(a.classic, &elasticloadbalancing.DescribeLoadBalancersInput{}),
		func(p *elasticloadbalancing.DescribeLoadBalancersOutput) []classictypes.LoadBalancerDescription {
			return p.LoadBalancerDescriptions
		})
	if err != nil {
		return nil, err
	}
	found := make([]thing, len(list))
	for i, b := range list {
		found[i] = thing{kind: kindClassic, id: aws.ToString(b.LoadBalancerName), vpc: aws.ToString(b.VPCId), created: aws.ToTime(b.CreatedTime), groups: b.SecurityGroups}
	}
	return tagged(found, func(names []string) (map[string]map[string]string, error) {
		out, err := a.classic.DescribeTags(ctx, &elasticloadbalancing.DescribeTagsInput{LoadBalancerNames: names})
		if err != nil {
			return nil, err
		}
		byName := map[string]map[string]string{}
		for _, d := range out.TagDescriptions {
			byName[aws.ToString(d.LoadBalancerName)] = tagMap(d.Tags, func(t classictypes.Tag) (key, value *string) { return t.Key, t.Value })
		}
		return byName, nil
	})
}

// balancers are all network and application load balancers of the account in the
// region.
func (a *account) balancers(ctx context.Context) ([]thing, error) {
	list, err := pages(ctx, elasticloadbalancingv2.NewDescribeLoadBalancersPaginator(a.elb, &elasticloadbalancingv2.DescribeLoadBalancersInput{}),
		func(p *elasticloadbalancingv2.DescribeLoadBalancersOutput) []elbtypes.LoadBalancer {
			return p.LoadBalancers
		})
	if err != nil {
		return nil, err
	}
	found := make([]thing, len(list))
	for i, b := range list {
		found[i] = thing{kind: kindBalancer, id: aws.ToString(b.LoadBalancerArn), label: fmt.Sprintf("%s, %s", aws.ToString(b.LoadBalancerName), b.Type),
			vpc: aws.ToString(b.VpcId), created: aws.ToTime(b.CreatedTime), groups: b.SecurityGroups}
	}
	return a.taggedELB(ctx, found)
}

// targetGroups are all of the account in the region.
func (a *account) targetGroups(ctx context.Context) ([]thing, error) {
	list, err := pages(ctx, elasticloadbalancingv2.NewDescribeTargetGroupsPaginator(a.elb, &elasticloadbalancingv2.DescribeTargetGroupsInput{}),
		func(p *elasticloadbalancingv2.DescribeTargetGroupsOutput) []elbtypes.TargetGroup {
			return p.TargetGroups
		})
	if err != nil {
		return nil, err
	}
	found := make([]thing, len(list))
	for i, g := range list {
		found[i] = thing{kind: kindTargets, id: aws.ToString(g.TargetGroupArn), label: aws.ToString(g.TargetGroupName), vpc: aws.ToString(g.VpcId), holders: g.LoadBalancerArns}
	}
	return a.taggedELB(ctx, found)
}

func (a *account) taggedELB(ctx context.Context, found []thing) ([]thing, error) {
	return tagged(found, func(arns []string) (map[string]map[string]string, error) {
		out, err := a.elb.DescribeTags(ctx, &elasticloadbalancingv2.DescribeTagsInput{ResourceArns: arns})
		if err != nil {
			return nil, err
		}
		byARN := map[string]map[string]string{}
		for _, d := range out.TagDescriptions {
			byARN[aws.ToString(d.ResourceArn)] = tagMap(d.Tags, func(t elbtypes.Tag) (key, value *string) { return t.Key, t.Value })
		}
		return byARN, nil
	})
}

// tagged adds their tags to things that AWS lists without. What is gone meanwhile is
// left out.
func tagged(list []thing, look func(ids []string) (map[string]map[string]string, error)) ([]thing, error) {
	ids := make([]string, len(list))
	for i, t := range list {
		ids[i] = t.id
	}
	tags := map[string]map[string]string{}
	err := inBatches(ids, batchELB, func(batch []string) error {
		found, err := look(batch)
		maps.Copy(tags, found)
		return err
	})
	if err != nil {
		return nil, err
	}
	found := list[:0]
	for _, t := range list {
		if of, there := tags[t.id]; there {
			t.tags = of
			found = append(found, t)
		}
	}
	return found, nil
}

// removeBalancers removes the cluster's load balancers and their target groups, and
// waits until they are gone. One that somebody has protected from that is named, and
// does not keep the rest from going.
func (r *removal) removeBalancers(ctx context.Context) error {
	guarded := map[string]Held{}
	err := r.until(ctx, "load balancers and target groups are gone", func(ctx context.Context) ([]Held, error) {
		lists := make([][]thing, 3)
		for i, list := range []func(context.Context) ([]thing, error){r.classicBalancers, r.balancers, r.targetGroups} {
			var err error
			if lists[i], err = list(ctx); err != nil {
				return nil, err
			}
		}
		all := slices.Concat(lists...)
		if err := r.give(ctx, r.claims(all)); err != nil { // a controller that still runs may have made more
			return nil, err
		}
		left, err := r.each(ctx, all, guarded, r.removeBalancer)
		// Those of a load balancer that stays, stay with it.
		return slices.DeleteFunc(left, func(h Held) bool {
			return slices.ContainsFunc(all, func(t thing) bool {
				return t.String() == h.What && slices.ContainsFunc(t.holders, func(id string) bool { _, stays := guarded[id]; return stays })
			})
		}), err
	})
	if err != nil {
		return err
	}
	return heldBy(guarded)
}

func (r *removal) removeBalancer(ctx context.Context, t thing) error {
	var err error
	switch t.kind {
	case kindClassic:
		_, err = r.classic.DeleteLoadBalancer(ctx, &elasticloadbalancing.DeleteLoadBalancerInput{LoadBalancerName: aws.String(t.id)})
	case kindBalancer:
		_, err = r.elb.DeleteLoadBalancer(ctx, &elasticloadbalancingv2.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(t.id)})
	default:
		_, err = r.elb.DeleteTargetGroup(ctx, &elasticloadbalancingv2.DeleteTargetGroupInput{TargetGroupArn: aws.String(t.id)})
	}
	return err
}

// each asks for the removal of those things that are the cluster's, and says which
// are still there. Those that are protected are put into guarded, and not said.
func (r *removal) each(ctx context.Context, all []thing, guarded map[string]Held, remove func(context.Context, thing) error) ([]Held, error) {
	var left []Held
	for _, t := range r.own(all) {
		if _, is := guarded[t.id]; is {
			continue
		}
		r.saying(t)
		err := remove(ctx, t)
		if protected(err) {
			guarded[t.id] = Held{What: t.String(), Why: "it is protected from deletion: " + said(err)}
			continue
		}
		why, err := r.answer(t.id, err)
		if err != nil {
			return nil, explain(err, r.region)
		}
		if why == "" {
			why = "AWS is removing it"
		}
		left = append(left, Held{What: t.String(), Why: why})
	}
	return left, nil
}

// heldBy is the error about what was protected; nil when nothing was.
func heldBy(guarded map[string]Held) error {
	if len(guarded) == 0 {
		return nil
	}
	e := &HeldError{}
	for _, id := range slices.Sorted(maps.Keys(guarded)) {
		e.List = append(e.List, guarded[id])
	}
	return e
}
