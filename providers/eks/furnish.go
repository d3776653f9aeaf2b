package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"golang.org/x/sync/errgroup"

	"github.com/rekindle-io/rekindle/providers"
)

// work puts into a cluster what belongs into it beside the control plane.
type work struct {
	*account
	mark
	set      settings
	ground   ground
	issuer   string
	every    time.Duration
	progress providers.Progress
}

// agent is the add-on that pod identities need.
const agent = "eks-pod-identity-agent"

// furnish makes what is not there yet, and waits until all of it is active. Node
// groups and add-ons come up side by side: some add-ons need nodes to do so.
func (w *work) furnish(ctx context.Context) error {
	for _, entry := range w.set.Access {
		if err := w.letIn(ctx, entry); err != nil {
			return err
		}
	}
	if w.set.IRSA {
		if err := w.trustIssuer(ctx); err != nil {
			return err
		}
	}
	addons := w.set.Addons
	if len(w.set.PodIdentities) > 0 && !slices.ContainsFunc(addons, func(a addon) bool { return a.Name == agent }) {
		addons = append(slices.Clone(addons), addon{Name: agent})
	}
	for _, id := range w.set.PodIdentities {
		if err := w.identify(ctx, id); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, g := range w.set.NodeGroups {
		group.Go(func() error { return w.nodes(ctx, g) })
	}
	for _, a := range addons {
		group.Go(func() error { return w.addOn(ctx, a) })
	}
	return group.Wait()
}

// nodes makes a node group and waits until it is active.
func (w *work) nodes(ctx context.Context, g nodeGroup) error {
	for asked := false; ; {
		n, err := w.nodeGroup(ctx, g.Name)
		if err != nil {
			return err
		}
		switch {
		case n == nil && !asked:
			w.progress.Say("making node group " + g.Name)
			if err := w.makeNodes(ctx, g); err != nil {
				return err
			}
			asked = true
			continue
		case n == nil:
		case w.owns(n.Tags, "the node group "+aws.ToString(n.NodegroupArn)) != nil:
			return w.owns(n.Tags, "the node group "+aws.ToString(n.NodegroupArn))
		case n.Status == types.NodegroupStatusActive:
			return nil
		case n.Status == types.NodegroupStatusCreateFailed || n.Status == types.NodegroupStatusDegraded:
			return nodesFailed(g, n)
		}
		if err := sleep(ctx, w.every); err != nil {
			return fmt.Errorf("waiting for node group %s: %w", g.Name, err)
		}
	}
}

// nodeGroup finds a node group of the cluster; nil when there is none.
func (w *work) nodeGroup(ctx context.Context, name string) (*types.Nodegroup, error) {
	out, err := w.eks.DescribeNodegroup(ctx, &awseks.DescribeNodegroupInput{ClusterName: aws.String(w.name), NodegroupName: aws.String(name)})
	if errors.As(err, new(*types.ResourceNotFoundException)) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, w.region)
	}
	return out.Nodegroup, nil
}

func (w *work) makeNodes(ctx context.Context, g nodeGroup) error {
	least, size, most := g.scaling()
	in := &awseks.CreateNodegroupInput{
		ClusterName: aws.String(w.name), NodegroupName: aws.String(g.Name), NodeRole: aws.String(w.ground.nodeRole), Subnets: w.ground.subnets,
		InstanceTypes: g.InstanceTypes, Labels: g.Labels, AmiType: types.AMITypes(g.AMI), Tags: w.tags(w.set.Tags),
		ScalingConfig:      &types.NodegroupScalingConfig{MinSize: aws.Int32(least), DesiredSize: aws.Int32(size), MaxSize: aws.Int32(most)},
		ClientRequestToken: aws.String(w.token("nodes/" + g.Name)),
	}
	if g.Capacity == capacitySpot {
		in.CapacityType = types.CapacityTypesSpot
	}
	if g.Disk > 0 {
		in.DiskSize = aws.Int32(g.Disk)
	}
	for _, t := range g.Taints {
		effect := map[string]types.TaintEffect{"NoSchedule": types.TaintEffectNoSchedule, "NoExecute": types.TaintEffectNoExecute, "PreferNoSchedule": types.TaintEffectPreferNoSchedule}[t.Effect]
		in.Taints = append(in.Taints, types.Taint{Key: aws.String(t.Key), Value: aws.String(t.Value), Effect: effect})
	}
	_, err := w.eks.CreateNodegroup(ctx, in)
	if errors.As(err, new(*types.ResourceInUseException)) {
		return nil
	}
	return explain(err, w.region)
}

// nodesFailed says why nodes do not come up.
func nodesFailed(g nodeGroup, n *types.Nodegroup) error {
	var why []string
	remedy := "mend what it names, and run the same again"
	if n.Health != nil {
		for _, i := range n.Health.Issues {
			why = append(why, fmt.Sprintf("%s: %s", i.Code, aws.ToString(i.Message)))
			if i.Code == types.NodegroupIssueCodeAsgInstanceLaunchFailures || i.Code == types.NodegroupIssueCodeInstanceLimitExceeded {
				remedy = "AWS has no such machines now, or the account's quota is used up: add other types to settings.nodeGroups[].instanceTypes, " +
					"take capacity: on-demand, or ask AWS for more"
			}
		}
	}
	return &Error{What: fmt.Sprintf("node group %s is %s: %s", g.Name, n.Status, strings.Join(why, "; ")), Remedy: remedy}
}

// addOn makes an add-on and waits until it is active.
func (w *work) addOn(ctx context.Context, wanted addon) error {
	for asked := false; ; {
		out, err := w.eks.DescribeAddon(ctx, &awseks.DescribeAddonInput{ClusterName: aws.String(w.name), AddonName: aws.String(wanted.Name)})
		switch {
		case errors.As(err, new(*types.ResourceNotFoundException)) && !asked:
			w.progress.Say("making add-on " + wanted.Name)
			if err := w.makeAddOn(ctx, wanted); err != nil {
				return err
			}
			asked = true
			continue
		case errors.As(err, new(*types.ResourceNotFoundException)):
		case err != nil:
			return explain(err, w.region)
		case out.Addon.Status == types.AddonStatusActive:
			return nil
		case out.Addon.Status == types.AddonStatusCreateFailed:
			return addOnFailed(out.Addon)
		}
		if err := sleep(ctx, w.every); err != nil {
			return fmt.Errorf("waiting for add-on %s: %w", wanted.Name, err)
		}
	}
}

func addOnFailed(a *types.Addon) error {
	var why []string
	if a.Health != nil {
		for _, i := range a.Health.Issues {
			why = append(why, fmt.Sprintf("%s: %s", i.Code, aws.ToString(i.Message)))
		}
	}
	return &Error{What: fmt.Sprintf("add-on %s: %s", aws.ToString(a.AddonName), strings.Join(why, "; ")),
		Remedy: "look at its version and configuration (settings.addons)"}
}

func (w *work) makeAddOn(ctx context.Context, a addon) error {
	in := &awseks.CreateAddonInput{
		ClusterName: aws.String(w.name), AddonName: aws.String(a.Name), ResolveConflicts: types.ResolveConflictsOverwrite,
		Tags: w.tags(w.set.Tags), ClientRequestToken: aws.String(w.token("addon/" + a.Name)),
	}
	if a.Version != "" {
		in.AddonVersion = aws.String(a.Version)
	}
	if len(a.Configuration) > 0 {
		text, err := json.Marshal(a.Configuration)
		if err != nil {
			return fmt.Errorf("add-on %s: its configuration: %w", a.Name, err)
		}
		in.ConfigurationValues = aws.String(string(text))
	}
	_, err := w.eks.CreateAddon(ctx, in)
	if errors.As(err, new(*types.ResourceInUseException)) {
		return nil
	}
	return explain(err, w.region)
}

// letIn lets a principal into the cluster.
func (w *work) letIn(ctx context.Context, a access) error {
	_, err := w.eks.CreateAccessEntry(ctx, &awseks.CreateAccessEntryInput{
		ClusterName: aws.String(w.name), PrincipalArn: aws.String(a.Principal), KubernetesGroups: a.Groups,
		Tags: w.tags(w.set.Tags), ClientRequestToken: aws.String(w.token("access/" + a.Principal)),
	})
	if err != nil && !errors.As(err, new(*types.ResourceInUseException)) { // whoever made the cluster is in already
		return explain(err, w.region)
	}
	if a.Policy == "" {
		return nil
	}
	scope := &types.AccessScope{Type: types.AccessScopeTypeCluster}
	if len(a.Namespaces) > 0 {
		scope = &types.AccessScope{Type: types.AccessScopeTypeNamespace, Namespaces: a.Namespaces}
	}
	_, err = w.eks.AssociateAccessPolicy(ctx, &awseks.AssociateAccessPolicyInput{
		ClusterName: aws.String(w.name), PrincipalArn: aws.String(a.Principal), AccessScope: scope,
		PolicyArn: aws.String(fmt.Sprintf("arn:%s:eks::aws:cluster-access-policy/%s", w.partition(), a.Policy)),
	})
	return explain(err, w.region)
}

// identify gives the pods of a service account their role.
func (w *work) identify(ctx context.Context, id podIdentity) error {
	_, err := w.eks.CreatePodIdentityAssociation(ctx, &awseks.CreatePodIdentityAssociationInput{
		ClusterName: aws.String(w.name), Namespace: aws.String(id.Namespace), ServiceAccount: aws.String(id.ServiceAccount), RoleArn: aws.String(id.Role),
		Tags: w.tags(w.set.Tags), ClientRequestToken: aws.String(w.token("identity/" + id.Namespace + "/" + id.ServiceAccount)),
	})
	if errors.As(err, new(*types.ResourceInUseException)) {
		return nil
	}
	return explain(err, w.region)
}
