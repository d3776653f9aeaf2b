package eks

import (
	"errors"
	"slices"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// scaler is the name of the group of EC2 Auto Scaling that keeps up the machines.
func (n *nodeGroup) scaler() string { return "eks-" + n.name + "-" + n.arn[len(n.arn)-8:] }

// launch starts more machines of a node group, in its subnets in turn. What there is none
// of is looked for in the other types and subnets. That there are not enough machines at
// all is an issue of the node group; those that were started stay.
func (c *Cloud) launch(k *cluster, n *nodeGroup, more int) {
	for range more {
		id, err := c.machine(k, n)
		if err != nil {
			n.issue = launchFailed(n, err)
			return
		}
		n.instances = append(n.instances, id)
	}
}

// machine starts one machine.
func (c *Cloud) machine(k *cluster, n *nodeGroup) (id string, err error) {
	place := c.parts.Network.At(k.account, k.region)
	for i := range n.asked.Subnets {
		subnet := n.asked.Subnets[(len(n.instances)+i)%len(n.asked.Subnets)]
		for _, kind := range n.asked.Types {
			var m ec2.Instance
			m, err = place.Launch(ec2.Launch{
				Type: kind, Image: "ami-0123456789abcdef0", Subnet: subnet, Groups: []string{k.group}, Spot: n.asked.Capacity == "SPOT", DiskGB: n.asked.Disk,
				Tags: map[string]string{"eks:cluster-name": k.name, "eks:nodegroup-name": n.name, "kubernetes.io/cluster/" + k.name: "owned",
					"k8s.io/cluster-autoscaler/enabled": "true", "k8s.io/cluster-autoscaler/" + k.name: "owned", "aws:autoscaling:groupName": n.scaler()},
				PartTags: map[string]string{"eks:cluster-name": k.name, "eks:nodegroup-name": n.name},
			})
			if err == nil {
				return m.ID, nil
			}
		}
	}
	return "", err
}

// launchFailed says in EKS' words why there are no machines.
func launchFailed(n *nodeGroup, err error) issue {
	what, code, text := "On-Demand", "InternalFailure", err.Error()
	var said *wire.Error
	if errors.As(err, &said) {
		code, text = said.Code, said.Message
	}
	if code == "InsufficientFreeAddressesInSubnet" {
		return issue{Code: "InsufficientFreeAddresses", Message: text, IDs: n.asked.Subnets}
	}
	if n.asked.Capacity == "SPOT" {
		what = "Spot"
		if code == "InsufficientInstanceCapacity" {
			code, text = "UnfulfillableCapacity", "Unable to fulfill capacity due to your request configuration. Please adjust your request and try again."
		}
	}
	return issue{Code: "AsgInstanceLaunchFailures", IDs: []string{n.scaler()},
		Message: "Could not launch " + what + " Instances. " + code + " - " + text + " Launching EC2 instance failed."}
}

// terminate ends machines of a node group, the youngest first. Those that somebody else
// has ended are left.
func (c *Cloud) terminate(k *cluster, n *nodeGroup, some int) error {
	place := c.parts.Network.At(k.account, k.region)
	for _, id := range n.instances[len(n.instances)-some:] {
		var said *wire.Error
		if err := place.Terminate(id); err != nil && (!errors.As(err, &said) || said.Code != "InvalidInstanceID.NotFound") {
			return err
		}
	}
	n.instances = n.instances[:len(n.instances)-some]
	return nil
}

// replace starts machines in the place of those that somebody has ended, as EC2 Auto
// Scaling does for as long as there is the node group.
func (c *Cloud) replace(k *cluster, n *nodeGroup) {
	if n.ending() || n.issue.Code != "" {
		return
	}
	place := c.parts.Network.At(k.account, k.region)
	have := len(n.instances)
	n.instances = slices.DeleteFunc(n.instances, func(id string) bool {
		m, err := place.Instance(id)
		return err != nil || m.State == ec2.StateShuttingDown || m.State == ec2.StateTerminated
	})
	c.launch(k, n, have-len(n.instances))
}
