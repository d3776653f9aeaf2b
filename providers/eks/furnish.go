package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"golang.org/x/sync/errgroup"
)

// agent is the add-on that pod identities need.
const agent = "eks-pod-identity-agent"

// furnish makes what is not there yet, and waits until all of it is active. Node
// groups and add-ons come up side by side: some add-ons need nodes to do so. When one
// of them fails the others are still waited for, so that all that is wrong is named.
func (m *making) furnish(ctx context.Context) error {
	for _, entry := range m.set.Access {
		if err := m.letIn(ctx, entry); err != nil {
			return err
		}
	}
	if m.set.IRSA {
		if err := m.trustIssuer(ctx, issuerOf(m.held.cluster)); err != nil {
			return err
		}
	}
	identities := m.identities()
	for _, id := range identities {
		if err := m.identify(ctx, id); err != nil {
			return err
		}
	}
	addons := m.set.Addons
	if len(identities) > 0 && !has(addons, agent) {
		addons = append(slices.Clone(addons), addon{Name: agent})
	}
	nodes := make(chan struct{})   // closed once no more nodes are to be expected
	serving := make(chan struct{}) // closed once the agent is there, or is not to be expected
	if !has(addons, agent) {
		close(serving)
	}
	errs := make([]error, 1+len(addons))
	var all errgroup.Group
	all.Go(func() error {
		defer close(nodes)
		errs[0] = m.allNodes(ctx)
		return nil
	})
	for i, a := range addons {
		all.Go(func() error {
			switch a.Name {
			case agent:
				defer close(serving)
			case driver: // it does not come up before it can have its role
				select {
				case <-serving:
				case <-ctx.Done():
				}
			}
			errs[1+i] = m.addOn(ctx, a, nodes)
			return nil
		})
	}
	return errors.Join(all.Wait(), errors.Join(errs...))
}

// has tells whether an add-on of that name is among them.
func has(addons []addon, name string) bool {
	return slices.ContainsFunc(addons, func(a addon) bool { return a.Name == name })
}

func (m *making) allNodes(ctx context.Context) error {
	errs := make([]error, len(m.set.NodeGroups))
	var all errgroup.Group
	for i, g := range m.set.NodeGroups {
		all.Go(func() error { errs[i] = m.nodes(ctx, g); return nil })
	}
	return errors.Join(all.Wait(), errors.Join(errs...))
}

// addOn makes an add-on and waits until it is active. One that failed while there were
// no nodes for it is made again once they are there.
func (m *making) addOn(ctx context.Context, wanted addon, nodes <-chan struct{}) error {
	again, complete := "", false
	for {
		a, err := m.findAddOn(ctx, wanted.Name)
		if err != nil {
			return err
		}
		if a != nil && a.Status == types.AddonStatusActive {
			return nil
		}
		if a == nil {
			m.progress.Say("making add-on " + wanted.Name)
			if err := m.makeAddOn(ctx, wanted, again); err != nil {
				return err
			}
		}
		switch a, err = m.awaitAddOn(ctx, wanted.Name, nodes); {
		case errors.Is(err, errUnseen) && again == "":
		case err != nil:
			return err
		case a.Status == types.AddonStatusDegraded && len(m.set.NodeGroups) == 0:
			m.progress.Say(fmt.Sprintf("add-on %s waits for nodes, and the settings have none: %s", wanted.Name, addonIssues(a)))
			return nil
		case a.Status == types.AddonStatusDegraded:
			return addOnFailed(a)
		case a.Status != types.AddonStatusCreateFailed:
			return nil
		case complete:
			return addOnFailed(a)
		default:
			select {
			case <-nodes:
			case <-ctx.Done():
				return errors.Join(context.Cause(ctx), addOnFailed(a))
			}
			complete = true
			if err := m.removeAddOn(ctx, wanted.Name); err != nil {
				return err
			}
		}
		again = m.now().String()
	}
}

// findAddOn finds an add-on of the cluster; nil when there is none.
func (m *making) findAddOn(ctx context.Context, name string) (*types.Addon, error) {
	out, err := m.eks.DescribeAddon(ctx, &awseks.DescribeAddonInput{ClusterName: aws.String(m.name), AddonName: aws.String(name)})
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, m.region)
	}
	return out.Addon, nil
}

// patience is how long an add-on may stay degraded once there are nodes, in looks.
const patience = 40

// awaitAddOn waits until an add-on is active or has failed. A degraded one may wait for
// nodes: it is waited for as long as nodes are to be expected, and a while longer where
// there are some.
func (m *making) awaitAddOn(ctx context.Context, name string, nodes <-chan struct{}) (*types.Addon, error) {
	unseen, tell := m.unseen(), m.telling("add-on "+name)
	var last *types.Addon
	degraded := 0
	waiter := awseks.NewAddonActiveWaiter(m.eks, func(o *awseks.AddonActiveWaiterOptions) {
		o.MinDelay, o.MaxDelay = m.every, m.every
		o.Retryable = func(_ context.Context, _ *awseks.DescribeAddonInput, out *awseks.DescribeAddonOutput, err error) (bool, error) {
			if err != nil {
				return missing(err, unseen)
			}
			last = out.Addon
			switch last.Status {
			case types.AddonStatusActive, types.AddonStatusCreateFailed, types.AddonStatusUpdateFailed, types.AddonStatusDeleteFailed:
				return false, nil
			case types.AddonStatusDegraded:
				tell("DEGRADED, " + addonIssues(last))
				if closed(nodes) {
					degraded++
				}
				return degraded == 0 || len(m.set.NodeGroups) > 0 && degraded < patience, nil
			}
			tell(string(last.Status))
			return true, nil
		}
	})
	_, err := waiter.WaitForOutput(ctx, &awseks.DescribeAddonInput{ClusterName: aws.String(m.name), AddonName: aws.String(name)}, patient)
	switch {
	case errors.Is(err, errUnseen):
		return nil, fmt.Errorf("add-on %s: %w", name, errUnseen)
	case err != nil && last != nil && last.Status == types.AddonStatusDegraded && ctx.Err() != nil:
		return nil, errors.Join(whileWaiting(ctx, "add-on "+name, err, m.region), addOnFailed(last))
	case err != nil:
		return nil, whileWaiting(ctx, "add-on "+name, err, m.region)
	}
	return last, nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func addOnFailed(a *types.Addon) error {
	e := &Error{What: fmt.Sprintf("add-on %s is %s: %s", aws.ToString(a.AddonName), a.Status, addonIssues(a)),
		Remedy: "look at its version and configuration (settings.addons) and whether there are nodes for it, and run the same again"}
	if aws.ToString(a.AddonName) == driver {
		e.Remedy = "look whether its service account " + driverAccount + " of " + driverSpace + " has a role (settings.podIdentities), at its version and configuration (settings.addons) " +
			"and whether there are nodes for it, and run the same again"
	}
	return e
}

// removeAddOn removes an add-on that failed, and waits until it is gone.
func (m *making) removeAddOn(ctx context.Context, name string) error {
	m.progress.Say("removing add-on " + name + ", which has failed, to make it again")
	in := &awseks.DeleteAddonInput{ClusterName: aws.String(m.name), AddonName: aws.String(name)}
	if _, err := m.eks.DeleteAddon(ctx, in); err != nil && !gone(err) && !inUse(err) {
		return explain(err, m.region)
	}
	waiter := awseks.NewAddonDeletedWaiter(m.eks, func(o *awseks.AddonDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = m.every, m.every })
	err := waiter.Wait(ctx, &awseks.DescribeAddonInput{ClusterName: in.ClusterName, AddonName: in.AddonName}, patient)
	return whileWaiting(ctx, "the end of add-on "+name, err, m.region)
}

func (m *making) makeAddOn(ctx context.Context, a addon, again string) error {
	in := &awseks.CreateAddonInput{
		ClusterName: aws.String(m.name), AddonName: aws.String(a.Name), ResolveConflicts: types.ResolveConflictsOverwrite, Tags: m.tags(m.set.Tags),
	}
	if a.Version != "" {
		in.AddonVersion = aws.String(a.Version)
	}
	if len(a.Configuration) > 0 {
		text, err := json.Marshal(a.Configuration)
		if err != nil {
			return fmt.Errorf("settings.addons: the configuration of %s cannot be written as JSON: %w", a.Name, err)
		}
		in.ConfigurationValues = aws.String(string(text))
	}
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	in.ClientRequestToken = aws.String(m.token("addon", string(text), again))
	err = m.settling(ctx, "add-on "+a.Name, func() error {
		_, err := m.eks.CreateAddon(ctx, in)
		return ignoring(err, inUse)
	})
	return explain(err, m.region)
}

// letIn lets a principal into the cluster.
func (m *making) letIn(ctx context.Context, a access) error {
	in := &awseks.CreateAccessEntryInput{
		ClusterName: aws.String(m.name), PrincipalArn: aws.String(a.Principal), KubernetesGroups: a.Groups,
		Tags: m.tags(m.set.Tags),
	}
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	in.ClientRequestToken = aws.String(m.token("access", string(text)))
	known := false
	err = m.settling(ctx, "the access of "+a.Principal, func() error {
		_, err := m.eks.CreateAccessEntry(ctx, in)
		known = inUse(err)
		return ignoring(err, inUse)
	})
	if err != nil || a.Policy == "" {
		return explain(err, m.region)
	}
	if known && m.isCaller(a.Principal) {
		return nil // who makes a cluster may do everything in it, by an entry that EKS made
	}
	scope := &types.AccessScope{Type: types.AccessScopeTypeCluster}
	if len(a.Namespaces) > 0 {
		scope = &types.AccessScope{Type: types.AccessScopeTypeNamespace, Namespaces: a.Namespaces}
	}
	err = m.settling(ctx, "the policy of "+a.Principal, func() error {
		_, err := m.eks.AssociateAccessPolicy(ctx, &awseks.AssociateAccessPolicyInput{
			ClusterName: aws.String(m.name), PrincipalArn: aws.String(a.Principal), AccessScope: scope,
			PolicyArn: aws.String(fmt.Sprintf("arn:%s:eks::aws:cluster-access-policy/%s", m.partition(), a.Policy)),
		})
		return err
	})
	return explain(err, m.region)
}

// identify gives the pods of a service account their role.
func (m *making) identify(ctx context.Context, id podIdentity) error {
	in := &awseks.CreatePodIdentityAssociationInput{
		ClusterName: aws.String(m.name), Namespace: aws.String(id.Namespace), ServiceAccount: aws.String(id.ServiceAccount), RoleArn: aws.String(id.Role),
		Tags: m.tags(m.set.Tags),
	}
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	in.ClientRequestToken = aws.String(m.token("identity", string(text)))
	err = m.settling(ctx, "the pod identity of "+id.Namespace+"/"+id.ServiceAccount, func() error {
		_, err := m.eks.CreatePodIdentityAssociation(ctx, in)
		return ignoring(err, inUse)
	})
	return explain(err, m.region)
}
