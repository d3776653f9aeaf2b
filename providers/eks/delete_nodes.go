package eks

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"golang.org/x/sync/errgroup"
)

// removeFurniture removes pod identities, add-ons and node groups, whoever made them:
// they are parts of the cluster, which is ours, and the control plane cannot go
// before its node groups.
func (r *removal) removeFurniture(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.removeIdentities(ctx) })
	group.Go(func() error { return r.removeAddons(ctx) })
	group.Go(func() error { return r.removeNodeGroups(ctx) })
	return group.Wait()
}

func (r *removal) removeIdentities(ctx context.Context) error {
	list, err := pages(ctx, awseks.NewListPodIdentityAssociationsPaginator(r.eks, &awseks.ListPodIdentityAssociationsInput{ClusterName: aws.String(r.name)}),
		func(p *awseks.ListPodIdentityAssociationsOutput) []types.PodIdentityAssociationSummary {
			return p.Associations
		})
	if code(err) == "InvalidRequestException" { // of a cluster that never ran, with which they go
		return nil
	}
	if err != nil && !absent(err) {
		return explain(err, r.region)
	}
	for _, i := range list {
		_, err := r.eks.DeletePodIdentityAssociation(ctx, &awseks.DeletePodIdentityAssociationInput{ClusterName: aws.String(r.name), AssociationId: i.AssociationId})
		if err := parting(err); err != nil {
			return explain(err, r.region)
		}
	}
	return nil
}

// parting is what is wrong with a request to remove a part of the cluster that goes
// with it at the latest.
func parting(err error) error {
	if absent(err) || inTheWay(err) {
		return nil
	}
	return err
}

// removeAddons has EKS let go of its add-ons. What they put into the cluster goes with
// the cluster: EKS would need the API server to remove it, and the network's add-on
// has to serve the nodes until they are gone.
func (r *removal) removeAddons(ctx context.Context) error {
	list, err := pages(ctx, awseks.NewListAddonsPaginator(r.eks, &awseks.ListAddonsInput{ClusterName: aws.String(r.name)}),
		func(p *awseks.ListAddonsOutput) []string { return p.Addons })
	if err != nil && !absent(err) {
		return explain(err, r.region)
	}
	for _, name := range list {
		_, err := r.eks.DeleteAddon(ctx, &awseks.DeleteAddonInput{ClusterName: aws.String(r.name), AddonName: aws.String(name), Preserve: true})
		if err := parting(err); err != nil {
			return explain(err, r.region)
		}
	}
	return nil
}

// removeNodeGroups removes all at once, and waits until none is left.
func (r *removal) removeNodeGroups(ctx context.Context) error {
	failed := map[string]int{}
	return r.until(ctx, "node groups are gone", func(ctx context.Context) ([]Held, error) {
		if err := r.proven(ctx); err != nil {
			return nil, err
		}
		list, err := pages(ctx, awseks.NewListNodegroupsPaginator(r.eks, &awseks.ListNodegroupsInput{ClusterName: aws.String(r.name)}),
			func(p *awseks.ListNodegroupsOutput) []string { return p.Nodegroups })
		if absent(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		slices.Sort(list)
		left := make([]Held, 0, len(list))
		for _, name := range list {
			why, err := r.removeNodeGroup(ctx, name, failed)
			if err != nil {
				return nil, err
			}
			if why != "" {
				left = append(left, Held{What: "node group " + name, Why: why})
			}
		}
		return left, nil
	})
}

// giveUp is how often the removal of a node group may fail.
const giveUp = 5

func (r *removal) removeNodeGroup(ctx context.Context, name string, failed map[string]int) (why string, err error) {
	out, err := r.eks.DescribeNodegroup(ctx, &awseks.DescribeNodegroupInput{ClusterName: aws.String(r.name), NodegroupName: aws.String(name)})
	switch {
	case absent(err):
		return "", nil
	case err != nil:
		return "", err
	case out.Nodegroup.Status == types.NodegroupStatusDeleting:
		return "EKS is removing it", nil
	case out.Nodegroup.Status == types.NodegroupStatusDeleteFailed:
		if failed[name]++; failed[name] > giveUp {
			return "", &HeldError{List: []Held{{What: "node group " + name, Why: nodeIssues(out.Nodegroup)}}}
		}
	}
	r.saying(thing{kind: "node group", id: name})
	_, err = r.eks.DeleteNodegroup(ctx, &awseks.DeleteNodegroupInput{ClusterName: aws.String(r.name), NodegroupName: aws.String(name)})
	why, err = r.answer(name, err)
	if why == "" {
		why = fmt.Sprintf("it was %s, and EKS was asked to remove it", out.Nodegroup.Status)
	}
	return why, err
}

// removeInstances ends nodes that are in no group, such as Karpenter's, which nobody
// else does once the cluster is gone. One that somebody has protected is named.
func (r *removal) removeInstances(ctx context.Context) error {
	byTag := []ec2types.Filter{filter("tag-key", tagKeys([]string{r.name})...)}
	guarded := map[string]Held{}
	err := r.until(ctx, "nodes are gone", func(ctx context.Context) ([]Held, error) {
		list, err := r.instances(ctx, byTag)
		if err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(t thing) bool { return t.tags[tagScaler] != "" })
		return r.each(ctx, list, guarded, func(ctx context.Context, t thing) error {
			_, err := r.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{t.id}})
			return err
		})
	})
	if err != nil {
		return err
	}
	return heldBy(guarded)
}
