package eks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// What services of AWS write into the description of interfaces of their own, which
// go a while after what they were made for.
const (
	balancersInterface = "ELB "
	clustersInterface  = "Amazon EKS "
)

// passing are the interfaces in the cluster's own network that AWS itself removes.
func (r *removal) passing(ctx context.Context) ([]Held, error) {
	if !r.ownsVPC {
		return nil, nil
	}
	list, err := r.networkInterfaces(ctx, filter("vpc-id", r.vpc))
	if err != nil {
		return nil, err
	}
	var left []Held
	for _, n := range list {
		what := aws.ToString(n.Description)
		if aws.ToBool(n.RequesterManaged) && strings.HasPrefix(what, balancersInterface) || what == clustersInterface+r.name {
			left = append(left, Held{What: interfaceThing(n).String(), Why: "AWS is removing it"})
		}
	}
	return left, nil
}

// groupHolders says what keeps a security group from going.
func (a *account) groupHolders(ctx context.Context, g thing) ([]string, error) {
	interfaces, err := a.networkInterfaces(ctx, filter("group-id", g.id))
	if err != nil {
		return nil, err
	}
	holders := make([]string, len(interfaces))
	for i, n := range interfaces {
		holders[i] = "held by " + user(n)
	}
	groups, err := a.securityGroups(ctx, filter("vpc-id", g.vpc))
	if err != nil {
		return nil, err
	}
	for _, other := range groups {
		if slices.Contains(referred(other), g.id) {
			holders = append(holders, "named by rules of "+groupThing(other).String())
		}
	}
	return holders, nil
}

// networkHolders says what is still in a network: what keeps it from going.
func (a *account) networkHolders(ctx context.Context, vpc string) ([]string, error) {
	interfaces, err := a.networkInterfaces(ctx, filter("vpc-id", vpc))
	if err != nil {
		return nil, err
	}
	var holders []string
	for _, n := range interfaces {
		holders = append(holders, fmt.Sprintf("subnet %s is held by %s", aws.ToString(n.SubnetId), user(n)))
	}
	groups, err := a.securityGroups(ctx, filter("vpc-id", vpc))
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if aws.ToString(g.GroupName) != "default" {
			holders = append(holders, fmt.Sprintf("network %s is held by %s", vpc, groupThing(g)))
		}
	}
	return holders, nil
}

// user says which interface it is, and whose.
func user(n types.NetworkInterface) string {
	what := interfaceThing(n).String()
	switch {
	case n.Attachment != nil && aws.ToString(n.Attachment.InstanceId) != "":
		return what + " of instance " + aws.ToString(n.Attachment.InstanceId)
	case aws.ToBool(n.RequesterManaged) && aws.ToString(n.RequesterId) != "":
		return what + " of " + aws.ToString(n.RequesterId)
	case n.Status == types.NetworkInterfaceStatusAvailable:
		return what + ", which nothing uses"
	}
	return what
}
