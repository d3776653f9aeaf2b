package eks

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// nodeGroup is a managed node group.
type nodeGroup struct {
	thing
	name, arn string
	asked     createNodes
	instances []string
	// issue and why are what is wrong with it; empty when nothing is.
	issue, why string
}

// createNodes is the body of CreateNodegroup.
type createNodes struct {
	Name     string            `json:"nodegroupName"`
	Role     string            `json:"nodeRole"`
	Subnets  []string          `json:"subnets"`
	Types    []string          `json:"instanceTypes"`
	Capacity string            `json:"capacityType"`
	AMI      string            `json:"amiType"`
	Disk     int               `json:"diskSize"`
	Labels   map[string]string `json:"labels"`
	Tags     map[string]string `json:"tags"`
	Token    string            `json:"clientRequestToken"`
	Version  string            `json:"version"`
	Taints   []map[string]any  `json:"taints"`
	Scaling  struct {
		Min     int `json:"minSize"`
		Max     int `json:"maxSize"`
		Desired int `json:"desiredSize"`
	} `json:"scalingConfig"`
}

func (n *nodeGroup) status(now time.Time, delay time.Duration) string {
	switch {
	case n.ending():
		return "DELETING"
	case n.issue != "":
		return "CREATE_FAILED"
	case now.Before(n.made.Add(delay)):
		return "CREATING"
	}
	return "ACTIVE"
}

func (c *Cloud) createNodes(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[createNodes](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.active(call, now)
	if err != nil {
		return nil, err
	}
	for _, n := range k.nodes {
		switch {
		case n.name != in.Name || !n.there(now):
		case in.Token != "" && n.token == in.Token && n.request == string(call.Body):
			return map[string]any{"nodegroup": c.describeGroup(k, n, now)}, nil
		default:
			return nil, inUse("NodeGroup already exists with name %s and cluster name %s", in.Name, k.name)
		}
	}
	s := in.Scaling
	if s.Min > s.Desired || s.Desired > s.Max || s.Max < 1 {
		return nil, invalid("Minimum capacity %d can't be greater than desired size %d", s.Min, s.Desired)
	}
	if err := c.parts.Roles.Assumable(k.account, in.Role, "ec2.amazonaws.com"); err != nil {
		return nil, err
	}
	place := c.parts.Network.At(k.account, k.region)
	for _, id := range in.Subnets {
		if _, err := place.Subnet(id); err != nil {
			return nil, invalid("The following supplied subnets are invalid or do not exist: [%s]", id)
		}
	}
	n := &nodeGroup{thing: thing{made: now, tags: in.Tags, token: in.Token, request: string(call.Body)}, name: in.Name, asked: in,
		arn: k.arn2("nodegroup", in.Name, c.digits("nodegroup"))}
	k.nodes = append(k.nodes, n)
	c.launch(k, n)
	return map[string]any{"nodegroup": c.describeGroup(k, n, now)}, nil
}

// launch starts the machines of a node group, of the first type that there is.
func (c *Cloud) launch(k *cluster, n *nodeGroup) {
	place := c.parts.Network.At(k.account, k.region)
	tags := map[string]string{"eks:cluster-name": k.name, "eks:nodegroup-name": n.name, "kubernetes.io/cluster/" + k.name: "owned", "aws:autoscaling:groupName": "eks-" + n.name}
	part := map[string]string{"eks:cluster-name": k.name, "eks:nodegroup-name": n.name}
	maps.Copy(part, n.tags)
	for i := range n.asked.Scaling.Desired {
		var err error
		for _, kind := range n.asked.Types {
			var m ec2.Instance
			m, err = place.Launch(ec2.Launch{Type: kind, Image: "ami-0123456789abcdef0", Subnet: n.asked.Subnets[i%len(n.asked.Subnets)], Groups: []string{k.group},
				Spot: n.asked.Capacity == "SPOT", DiskGB: n.asked.Disk, Tags: tags, PartTags: part})
			if err == nil {
				n.instances = append(n.instances, m.ID)
				break
			}
		}
		var said *wire.Error
		if errors.As(err, &said) {
			n.issue, n.why = "AsgInstanceLaunchFailures", "Could not launch On-Demand Instances. "+said.Code+" - "+said.Message+" Launching EC2 instance failed."
			return
		}
	}
}

// advanceNodes ends the machines of a node group that is gone.
func (c *Cloud) advanceNodes(k *cluster, n *nodeGroup, now time.Time) {
	if n.there(now) || len(n.instances) == 0 {
		return
	}
	n.instances = nil
}

func (c *Cloud) describeNodes(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k := c.find(of(call), call.Path["clusterName"], now)
	if k == nil {
		return nil, noCluster(call.Path["clusterName"])
	}
	for _, n := range slices.Backward(k.nodes) {
		if n.name == call.Path["nodegroupName"] && n.seen(now, c.options.Lag) {
			return map[string]any{"nodegroup": c.describeGroup(k, n, now)}, nil
		}
	}
	return nil, absent("No node group found for name: %s.", call.Path["nodegroupName"])
}

func (c *Cloud) describeGroup(k *cluster, n *nodeGroup, now time.Time) map[string]any {
	issues := []any{}
	if n.issue != "" {
		issues = append(issues, map[string]any{"code": n.issue, "message": n.why, "resourceIds": []string{"eks-" + n.name}})
	}
	return map[string]any{"nodegroupName": n.name, "nodegroupArn": n.arn, "clusterName": k.name, "status": n.status(now, c.options.Delay), "createdAt": seconds(n.made),
		"instanceTypes": n.asked.Types, "subnets": n.asked.Subnets, "nodeRole": n.asked.Role, "tags": n.tags, "labels": n.asked.Labels, "taints": n.asked.Taints,
		"capacityType": n.asked.Capacity, "amiType": n.asked.AMI, "diskSize": n.asked.Disk,
		"scalingConfig": n.asked.Scaling, "health": map[string]any{"issues": issues}, "resources": map[string]any{"autoScalingGroups": []any{map[string]any{"name": "eks-" + n.name}}}}
}

func (c *Cloud) listNodes(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k := c.find(of(call), call.Path["clusterName"], now)
	if k == nil {
		return nil, noCluster(call.Path["clusterName"])
	}
	var names []string
	for _, n := range k.nodes {
		if n.seen(now, c.options.Lag) {
			names = append(names, n.name)
		}
	}
	return c.page(call, "nodegroups", names)
}

func (c *Cloud) deleteNodes(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k := c.holder(of(call), call.Path["clusterName"], now)
	if k == nil {
		return nil, noCluster(call.Path["clusterName"])
	}
	for _, n := range k.nodes {
		if n.name != call.Path["nodegroupName"] || !n.there(now) {
			continue
		}
		if !n.ending() {
			n.gone = now.Add(c.options.Delay)
			if err := c.parts.Network.At(k.account, k.region).Terminate(n.instances...); err != nil && len(n.instances) > 0 {
				return nil, err
			}
		}
		return map[string]any{"nodegroup": c.describeGroup(k, n, now)}, nil
	}
	return nil, absent("No node group found for name: %s.", call.Path["nodegroupName"])
}
