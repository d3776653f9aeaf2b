package eks

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// vpcs are the networks that have a tag with this value.
func (a *account) vpcs(ctx context.Context, key, value string) ([]types.Vpc, error) {
	return pages(ctx, ec2.NewDescribeVpcsPaginator(a.ec2, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("tag:"+key, value)}}),
		func(p *ec2.DescribeVpcsOutput) []types.Vpc { return p.Vpcs })
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

func (a *account) securityGroups(ctx context.Context, filters ...types.Filter) ([]types.SecurityGroup, error) {
	return pages(ctx, ec2.NewDescribeSecurityGroupsPaginator(a.ec2, &ec2.DescribeSecurityGroupsInput{Filters: filters}),
		func(p *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return p.SecurityGroups })
}

func (a *account) networkInterfaces(ctx context.Context, filters ...types.Filter) ([]types.NetworkInterface, error) {
	return pages(ctx, ec2.NewDescribeNetworkInterfacesPaginator(a.ec2, &ec2.DescribeNetworkInterfacesInput{Filters: filters}),
		func(p *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return p.NetworkInterfaces })
}

func (a *account) groups(ctx context.Context, filters []types.Filter) ([]thing, error) {
	list, err := a.securityGroups(ctx, filters...)
	if err != nil {
		return nil, err
	}
	found := make([]thing, len(list))
	for i, g := range list {
		found[i] = groupThing(g)
	}
	return found, nil
}

func groupThing(g types.SecurityGroup) thing {
	return thing{kind: kindGroup, id: aws.ToString(g.GroupId), label: aws.ToString(g.GroupName), tags: tagsOfEC2(g.Tags), vpc: aws.ToString(g.VpcId), groups: referred(g)}
}

// referred are the other security groups that the rules of one name.
func referred(g types.SecurityGroup) []string {
	var ids []string
	for _, p := range slices.Concat(g.IpPermissions, g.IpPermissionsEgress) {
		for _, pair := range p.UserIdGroupPairs {
			if id := aws.ToString(pair.GroupId); id != "" && id != aws.ToString(g.GroupId) && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// interfaces are those that a caller may remove: AWS's own services remove theirs.
func (a *account) interfaces(ctx context.Context, filters []types.Filter) ([]thing, error) {
	list, err := a.networkInterfaces(ctx, filters...)
	if err != nil {
		return nil, err
	}
	var found []thing
	for _, n := range list {
		if !aws.ToBool(n.RequesterManaged) {
			found = append(found, interfaceThing(n))
		}
	}
	return found, nil
}

func interfaceThing(n types.NetworkInterface) thing {
	return thing{kind: kindInterface, id: aws.ToString(n.NetworkInterfaceId), label: aws.ToString(n.Description), tags: tagsOfEC2(n.TagSet),
		vpc: aws.ToString(n.VpcId), groups: groupIDs(n.Groups), free: n.Status == types.NetworkInterfaceStatusAvailable}
}

// clearNetwork removes interfaces and security groups that were left over, and waits
// until AWS has removed those of its own that were there for the cluster.
func (r *removal) clearNetwork(ctx context.Context) error {
	return r.until(ctx, "network interfaces and security groups are gone", func(ctx context.Context) ([]Held, error) {
		byTag := []types.Filter{filter("tag-key", tagKeys([]string{r.name})...)}
		groups, err := r.securityGroups(ctx, byTag...)
		if err != nil {
			return nil, err
		}
		interfaces, err := r.interfaces(ctx, byTag)
		if err != nil {
			return nil, err
		}
		all := interfaces
		for _, g := range groups {
			all = append(all, groupThing(g))
		}
		if err := r.give(ctx, r.claims(all)); err != nil {
			return nil, err
		}
		left, err := r.removeInterfaces(ctx, interfaces)
		if err != nil {
			return nil, err
		}
		stuck, err := r.removeGroups(ctx, groups)
		if err != nil {
			return nil, err
		}
		passing, err := r.passing(ctx)
		return slices.Concat(left, stuck, passing), err
	})
}

// removeInterfaces removes those that nothing uses. Others go with their instances.
func (r *removal) removeInterfaces(ctx context.Context, all []thing) ([]Held, error) {
	var left []Held
	for _, t := range r.own(all) {
		why := "something uses it"
		if t.free {
			r.saying(t)
			_, err := r.ec2.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: aws.String(t.id)})
			if why, err = r.answer(t.id, err); err != nil {
				return nil, err
			}
		}
		if why != "" {
			left = append(left, Held{What: t.String(), Why: why})
		}
	}
	return left, nil
}

// removeGroups removes security groups, and before that the rules of these groups
// that name others of them, because each would hold the other.
func (r *removal) removeGroups(ctx context.Context, all []types.SecurityGroup) ([]Held, error) {
	var own []types.SecurityGroup
	for _, g := range all {
		if r.has(groupThing(g)) {
			own = append(own, g)
		}
	}
	for _, g := range own {
		if err := r.revoke(ctx, g, own); err != nil {
			return nil, err
		}
	}
	var left []Held
	for _, g := range own {
		t := groupThing(g)
		r.saying(t)
		_, err := r.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: g.GroupId})
		why, err := r.answer(t.id, err)
		if err != nil {
			return nil, err
		}
		if why == "" {
			continue
		}
		holders, err := r.groupHolders(ctx, t)
		if err != nil {
			return nil, err
		}
		left = append(left, Held{What: t.String(), Why: strings.Join(append([]string{why}, holders...), "; ")})
	}
	return left, nil
}

// revoke takes those rules out of a group that name another of these.
func (r *removal) revoke(ctx context.Context, g types.SecurityGroup, others []types.SecurityGroup) error {
	if in := crossing(g, g.IpPermissions, others); len(in) > 0 {
		_, err := r.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: g.GroupId, IpPermissions: in})
		if err != nil && !absent(err) {
			return err
		}
	}
	if out := crossing(g, g.IpPermissionsEgress, others); len(out) > 0 {
		_, err := r.ec2.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: g.GroupId, IpPermissions: out})
		if err != nil && !absent(err) {
			return err
		}
	}
	return nil
}

// crossing are the rules of a group that name others, without what else they allow.
func crossing(g types.SecurityGroup, rules []types.IpPermission, others []types.SecurityGroup) []types.IpPermission {
	var found []types.IpPermission
	for _, rule := range rules {
		var pairs []types.UserIdGroupPair
		for _, p := range rule.UserIdGroupPairs {
			another := aws.ToString(p.GroupId) != aws.ToString(g.GroupId)
			if another && slices.ContainsFunc(others, func(o types.SecurityGroup) bool { return aws.ToString(o.GroupId) == aws.ToString(p.GroupId) }) {
				pairs = append(pairs, types.UserIdGroupPair{GroupId: p.GroupId, UserId: p.UserId, Description: p.Description})
			}
		}
		if len(pairs) > 0 {
			found = append(found, types.IpPermission{IpProtocol: rule.IpProtocol, FromPort: rule.FromPort, ToPort: rule.ToPort, UserIdGroupPairs: pairs})
		}
	}
	return found
}
