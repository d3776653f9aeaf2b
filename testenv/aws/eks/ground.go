package eks

import (
	"slices"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
)

// unusedZones are zones in which EKS makes no control planes
// (https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html).
var unusedZones = []string{"use1-az3", "usw1-az2", "cac1-az3"}

// interfacesPerPlane is how many network interfaces a control plane has.
const interfacesPerPlane = 2

// checkGround refuses subnets and security groups that a control plane cannot have, and
// returns the VPC.
func (c *Cloud) checkGround(w where, in createCluster) (vpc string, err error) {
	place := c.parts.Network.At(w.account, w.region)
	zones := map[string]bool{}
	for _, id := range in.VPC.Subnets {
		s, err := place.Subnet(id)
		if err != nil {
			return "", invalid("The subnet ID '%s' does not exist (Service: AmazonEC2; Status Code: 400; Error Code: InvalidSubnetID.NotFound)", id)
		}
		if vpc != "" && vpc != s.VPC {
			return "", invalid("Subnets specified must belong to the same VPC")
		}
		for _, z := range place.Zones() {
			if z.Name == s.Zone && slices.Contains(unusedZones, z.ID) {
				return "", refuse(400, "UnsupportedAvailabilityZoneException", "Cannot create cluster '%s' because EKS does not support creating control plane instances in %s, the targeted availability zone.", in.Name, s.Zone)
			}
		}
		vpc, zones[s.Zone] = s.VPC, true
	}
	if len(zones) < 2 {
		return "", invalid("Subnets specified must be in at least two different AZs")
	}
	for _, id := range in.VPC.Groups {
		g, err := place.Group(id)
		if err != nil {
			return "", invalid("The security group '%s' does not exist (Service: AmazonEC2; Status Code: 400; Error Code: InvalidGroup.NotFound)", id)
		}
		if g.VPC != vpc {
			return "", invalid("Security group(s) [%s] are not in the same VPC as the subnets", id)
		}
	}
	return vpc, nil
}

// lay makes the security group and the network interfaces of a control plane. The tags
// of the cluster are not put on them.
func (c *Cloud) lay(k *cluster) error {
	place := c.parts.Network.At(k.account, k.region)
	g, err := place.CreateGroup(ec2.Group{
		Name: "eks-cluster-sg-" + k.name + "-" + c.digits("sg")[:9], VPC: k.vpc,
		Thing:       ec2.Thing{Tags: map[string]string{"aws:eks:cluster-name": k.name, "kubernetes.io/cluster/" + k.name: "owned", "Name": "eks-cluster-sg-" + k.name}},
		Description: "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.",
	})
	if err != nil {
		return invalid("%v", err)
	}
	k.group = g.ID
	if err := place.AuthorizeIngress(g.ID, ec2.Rule{Protocol: "-1", Group: g.ID}); err != nil {
		c.clear(k)
		return err
	}
	for _, id := range k.asked.VPC.Subnets[:interfacesPerPlane] {
		n, err := place.CreateInterface(ec2.Interface{Subnet: id, Groups: append([]string{g.ID}, k.asked.VPC.Groups...), Description: "Amazon EKS " + k.name, Managed: true,
			Requester: k.account, Attachment: &ec2.Attachment{InstanceOwner: "amazon-eks"}})
		if err != nil {
			c.clear(k)
			return invalid("%v", err)
		}
		k.interfaces = append(k.interfaces, n.ID)
	}
	return nil
}

// clear removes what lay has made. A security group that something else is still in
// stays behind, as it does with EKS.
func (c *Cloud) clear(k *cluster) {
	place := c.parts.Network.At(k.account, k.region)
	for _, id := range k.interfaces {
		place.RemoveInterface(id, 0)
	}
	_ = place.DeleteGroup(k.group)
	k.laid = false
}
