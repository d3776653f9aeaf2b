package eks

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// nodeGroup is a managed node group.
type nodeGroup struct {
	thing
	name, arn string
	asked     createNodes
	// instances are the IDs of its machines.
	instances []string
	// issue is what is wrong with it.
	issue issue
}

// issue is something wrong, as EKS names it; without a code there is none.
type issue struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	IDs     []string `json:"resourceIds,omitempty"`
}

// scaling is how many machines a node group has.
type scaling struct {
	Min     int `json:"minSize"`
	Max     int `json:"maxSize"`
	Desired int `json:"desiredSize"`
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
	Scaling  *scaling          `json:"scalingConfig"`
	Update   map[string]any    `json:"updateConfig"`
}

func (n *nodeGroup) status(now time.Time, delay time.Duration) string {
	switch {
	case n.ending():
		return deleting
	case now.Before(n.made.Add(delay)):
		return creating
	case n.issue.Code != "":
		return "CREATE_FAILED"
	case now.Before(n.changed.Add(delay)):
		return updating
	}
	return active
}

func (c *Cloud) createNodes(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[createNodes](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.owner(call, now)
	if err != nil {
		return nil, err
	}
	if n := k.nodeGroup(in.Name, now); n != nil {
		same, err := n.again(call, in.Token)
		if same {
			return map[string]any{"nodegroup": c.describeGroup(k, n, now)}, nil
		}
		return nil, cmp.Or(err, error(inUse("NodeGroup already exists with name %s and cluster name %s", in.Name, k.name)))
	}
	if err := c.usable(k, now); err != nil {
		return nil, err
	}
	if err := c.checkNodes(k, &in, now); err != nil {
		return nil, err
	}
	if err := c.serviceRoles(k.where, servicesOfNodes(in.Capacity)...); err != nil {
		return nil, err
	}
	n := &nodeGroup{thing: begun(call, now, in.Token, in.Tags), name: in.Name, asked: in, arn: k.arnOf("nodegroup", in.Name, c.digits("nodegroup"))}
	k.nodes = append(k.nodes, n)
	c.launch(k, n, in.Scaling.Desired)
	return map[string]any{"nodegroup": c.describeGroup(k, n, now)}, nil
}

// nodeGroup finds a node group by its name; nil for none.
func (k *cluster) nodeGroup(name string, now time.Time) *nodeGroup {
	for _, n := range k.nodes {
		if n.name == name && n.there(now) {
			return n
		}
	}
	return nil
}

// Quotas of EKS: node groups in a cluster, and machines in a node group
// (https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html).
const (
	nodeGroupLimit = 100
	machineLimit   = 450
)

// checkNodes refuses what EKS would, and fills in what it would.
func (c *Cloud) checkNodes(k *cluster, in *createNodes, now time.Time) error {
	if !nameShape.MatchString(in.Name) || len(in.Name) > 63 {
		return invalid("The node group name can't be longer than 63 characters and must match %s", nameShape)
	}
	have := 0
	for _, n := range k.nodes {
		if n.there(now) {
			have++
		}
	}
	if have >= nodeGroupLimit {
		return refuse(400, "ResourceLimitExceededException", "Nodegroup limit exceeded for cluster %s.", k.name)
	}
	if in.Scaling == nil {
		in.Scaling = &scaling{Min: 1, Desired: 2, Max: 2}
	}
	if err := in.Scaling.check(); err != nil {
		return err
	}
	in.Capacity, in.AMI, in.Disk = cmp.Or(in.Capacity, "ON_DEMAND"), cmp.Or(in.AMI, "AL2023_x86_64_STANDARD"), cmp.Or(in.Disk, 20)
	in.Version = cmp.Or(in.Version, k.asked.Version)
	if len(in.Types) == 0 {
		in.Types = []string{"t3.medium"}
	}
	if in.Update == nil {
		in.Update = map[string]any{"maxUnavailable": 1}
	}
	if in.Capacity != "ON_DEMAND" && in.Capacity != "SPOT" {
		return invalid("Capacity type %s is not supported", in.Capacity)
	}
	if in.Version != k.asked.Version {
		return invalid("Requested Nodegroup release version %s is invalid for kubernetes version %s", in.Version, k.asked.Version)
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if err := c.parts.Roles.Assumable(k.account, in.Role, "ec2.amazonaws.com"); err != nil {
		return err
	}
	place := c.parts.Network.At(k.account, k.region)
	for _, id := range in.Subnets {
		s, err := place.Subnet(id)
		if err != nil {
			return invalid("The following supplied subnets are invalid or do not exist: [%s]", id)
		}
		if s.VPC != k.vpc {
			return invalid("Subnets are not tagged or do not belong to the VPC of the cluster %s: [%s]", k.vpc, id)
		}
	}
	return nil
}

func (s scaling) check() error {
	switch {
	case s.Min < 0 || s.Max < 1:
		return invalid("Minimum capacity can't be less than 0 and maximum capacity can't be less than 1")
	case s.Min > s.Max:
		return invalid("Minimum capacity %d can't be greater than maximum capacity %d", s.Min, s.Max)
	case s.Max > machineLimit:
		return refuse(400, "ResourceLimitExceededException", "Maximum capacity %d is more than the %d nodes that a node group can have", s.Max, machineLimit)
	case s.Desired < s.Min:
		return invalid("Minimum capacity %d can't be greater than desired size %d", s.Min, s.Desired)
	case s.Desired > s.Max:
		return invalid("Desired capacity %d can't be greater than max size %d", s.Desired, s.Max)
	}
	return nil
}

func noNodes(name string) *wire.Error { return absent("No node group found for name: %s.", name) }

func (c *Cloud) describeNodes(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Backward(k.nodes) {
		if n.name == call.Path["nodegroupName"] && n.seen(now, c.options.Lag) {
			return map[string]any{"nodegroup": c.describeGroup(k, n, now)}, nil
		}
	}
	return nil, noNodes(call.Path["nodegroupName"])
}

func (c *Cloud) describeGroup(k *cluster, n *nodeGroup, now time.Time) map[string]any {
	status, issues := n.status(now, c.options.Delay), []issue{}
	if n.issue.Code != "" && status != creating {
		issues = append(issues, n.issue)
	}
	return map[string]any{"nodegroupName": n.name, "nodegroupArn": n.arn, "clusterName": k.name, "status": status, "createdAt": seconds(n.made),
		"modifiedAt": seconds(n.made), "instanceTypes": n.asked.Types, "subnets": n.asked.Subnets, "nodeRole": n.asked.Role, "tags": maps.Clone(n.tags),
		"labels": maps.Clone(n.asked.Labels), "taints": n.asked.Taints, "capacityType": n.asked.Capacity, "amiType": n.asked.AMI, "diskSize": n.asked.Disk,
		"version": n.asked.Version, "releaseVersion": n.asked.Version + ".0-20261101", "updateConfig": n.asked.Update, "scalingConfig": *n.asked.Scaling,
		"health": map[string]any{"issues": issues}, "resources": map[string]any{"autoScalingGroups": []any{map[string]any{"name": n.scaler()}}}}
}

func (c *Cloud) listNodes(_ context.Context, call *wire.Call) (any, error) {
	return c.names(call, "nodegroups", func(k *cluster, add func(string, *thing)) {
		for _, n := range k.nodes {
			add(n.name, &n.thing)
		}
	})
}

func (c *Cloud) deleteNodes(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.owner(call, now)
	if err != nil {
		return nil, err
	}
	n := k.nodeGroup(call.Path["nodegroupName"], now)
	if n == nil {
		return nil, noNodes(call.Path["nodegroupName"])
	}
	if !n.ending() {
		n.gone = now.Add(c.options.Delay)
		if err := c.terminate(k, n, len(n.instances)); err != nil {
			return nil, err
		}
	}
	return map[string]any{"nodegroup": c.describeGroup(k, n, now)}, nil
}
