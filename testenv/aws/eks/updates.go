package eks

import (
	"context"
	"maps"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// updated is what EKS says of a change that has begun.
func (c *Cloud) updated(kind string, now time.Time) map[string]any {
	return map[string]any{"update": map[string]any{"id": c.digits("update"), "status": "InProgress", "type": kind, "createdAt": seconds(now), "params": []any{}, "errors": []any{}}}
}

// updateCluster changes settings of a cluster, which is updating for a while.
func (c *Cloud) updateCluster(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Protection *bool    `json:"deletionProtection"`
		VPC        *network `json:"resourcesVpcConfig"`
		Logging    *logging `json:"logging"`
		Token      string   `json:"clientRequestToken"`
	}](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k := c.holder(of(call), call.Path["name"], now)
	if k == nil {
		return nil, noCluster(call.Path["name"])
	}
	if status := k.status(now, c.options.Delay); status != active {
		return nil, inUse("Cannot %s because cluster %s is %s", call.Operation, k.name, status)
	}
	kind := ""
	switch {
	case in.VPC != nil && in.Logging != nil:
		return nil, invalid("Only one type of update can be allowed.")
	case in.Logging != nil:
		kind, k.asked.Logging = "LoggingUpdate", *in.Logging
		c.log(k)
	case in.VPC != nil:
		kind = "EndpointAccessUpdate"
		next := k.asked.VPC
		if in.VPC.Public != nil {
			next.Public = in.VPC.Public
		}
		if in.VPC.Private != nil {
			next.Private = in.VPC.Private
		}
		if next.CIDRs = in.VPC.CIDRs; next.CIDRs == nil && next.public() {
			next.CIDRs = k.asked.VPC.CIDRs
		}
		if err := next.check(); err != nil {
			return nil, err
		}
		k.asked.VPC = next
	case in.Protection != nil:
		kind, k.protected = "DeletionProtectionUpdate", *in.Protection
	default:
		return nil, invalid("No changes needed for the cluster config provided")
	}
	k.changed = now
	return c.updated(kind, now), nil
}

// updateNodes changes settings of a node group, and how many machines it has.
func (c *Cloud) updateNodes(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Scaling *struct {
			Min     *int `json:"minSize"`
			Max     *int `json:"maxSize"`
			Desired *int `json:"desiredSize"`
		} `json:"scalingConfig"`
		Labels struct {
			Put    map[string]string `json:"addOrUpdateLabels"`
			Remove []string          `json:"removeLabels"`
		} `json:"labels"`
		Token string `json:"clientRequestToken"`
	}](call)
	if err != nil {
		return nil, err
	}
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
	if status := n.status(now, c.options.Delay); status != active {
		return nil, inUse("Nodegroup cannot be updated as it is currently not in Active State: it is %s", status)
	}
	size := *n.asked.Scaling
	if s := in.Scaling; s != nil {
		set(&size.Min, s.Min)
		set(&size.Max, s.Max)
		set(&size.Desired, s.Desired)
	}
	if err := size.check(); err != nil {
		return nil, err
	}
	if fewer := len(n.instances) - size.Desired; fewer > 0 {
		if err := c.terminate(k, n, fewer); err != nil {
			return nil, err
		}
	}
	n.asked.Scaling, n.changed = &size, now
	c.launch(k, n, size.Desired-len(n.instances))
	labels := maps.Clone(n.asked.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, in.Labels.Put)
	for _, key := range in.Labels.Remove {
		delete(labels, key)
	}
	n.asked.Labels = labels
	return c.updated("ConfigUpdate", now), nil
}

func set(to, wanted *int) {
	if wanted != nil {
		*to = *wanted
	}
}
