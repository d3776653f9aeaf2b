package eks

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Operations are what the SDK may call.
func (c *Cloud) Operations() map[string]wire.Operation {
	named := c.on
	return map[string]wire.Operation{
		"CreateCluster":           {Required: []string{"name", "roleArn", "resourcesVpcConfig"}, Needs: c.needsCluster, Do: c.createCluster},
		"DescribeCluster":         {Needs: named("name", "DescribeCluster"), Do: c.describeCluster},
		"DeleteCluster":           {Needs: named("name", "DeleteCluster"), Do: c.deleteCluster},
		"ListClusters":            {Needs: everything("ListClusters"), Do: c.listClusters},
		"DescribeClusterVersions": {Needs: everything("DescribeClusterVersions"), Do: c.describeVersions},
		"TagResource":             {Required: []string{"tags"}, Needs: c.needsTag, Do: c.tag},

		"CreateNodegroup":   {Required: []string{"nodegroupName", "subnets", "nodeRole"}, Needs: c.making("CreateNodegroup", "nodeRole", "ec2.amazonaws.com"), Do: c.createNodes},
		"DescribeNodegroup": {Needs: c.part("DescribeNodegroup"), Do: c.describeNodes},
		"ListNodegroups":    {Needs: named("clusterName", "ListNodegroups"), Do: c.listNodes},
		"DeleteNodegroup":   {Needs: c.part("DeleteNodegroup"), Do: c.deleteNodes},

		"CreateAddon":   {Required: []string{"addonName"}, Needs: c.making("CreateAddon", "", ""), Do: c.createAddon},
		"DescribeAddon": {Needs: c.part("DescribeAddon"), Do: c.describeAddon},
		"ListAddons":    {Needs: named("clusterName", "ListAddons"), Do: c.listAddons},
		"DeleteAddon":   {Needs: c.part("DeleteAddon"), Do: c.deleteAddon},

		"CreateAccessEntry":     {Required: []string{"principalArn"}, Needs: c.making("CreateAccessEntry", "", ""), Do: c.createEntry},
		"DescribeAccessEntry":   {Needs: c.part("DescribeAccessEntry"), Do: c.describeEntryOf},
		"AssociateAccessPolicy": {Required: []string{"policyArn", "accessScope"}, Needs: c.part("AssociateAccessPolicy"), Do: c.associate},

		"CreatePodIdentityAssociation": {Required: []string{"namespace", "serviceAccount", "roleArn"},
			Needs: c.making("CreatePodIdentityAssociation", "roleArn", "pods.eks.amazonaws.com"), Do: c.createIdentity},
		"ListPodIdentityAssociations":  {Needs: named("clusterName", "ListPodIdentityAssociations"), Do: c.listIdentities},
		"DeletePodIdentityAssociation": {Needs: c.part("DeletePodIdentityAssociation"), Do: c.deleteIdentity},
	}
}

// everything is a permission on nothing in particular.
func everything(operation string) func(*wire.Call) ([]wire.Need, error) {
	return func(*wire.Call) ([]wire.Need, error) { return []wire.Need{{Action: "eks:" + operation}}, nil }
}

// on is a permission on the cluster that a part of the path names.
func (c *Cloud) on(part, operation string) func(*wire.Call) ([]wire.Need, error) {
	return func(call *wire.Call) ([]wire.Need, error) {
		w := of(call)
		return []wire.Need{{Action: "eks:" + operation, Resources: []string{w.arn("cluster/" + call.Path[part])}, Keys: c.keysOf(w, call.Path[part])}}, nil
	}
}

// keysOf are the tags of a cluster, as condition keys.
func (c *Cloud) keysOf(w where, name string) map[string]string {
	now := c.lock()
	defer c.mu.Unlock()
	k := c.holder(w, name, now)
	if k == nil {
		return nil
	}
	return resourceTags(k.tags)
}

func resourceTags(tags map[string]string) map[string]string {
	keys := map[string]string{}
	for key, value := range tags {
		keys["aws:ResourceTag/"+key] = value
	}
	return keys
}

func requestTags(tags map[string]string) map[string]string {
	keys := map[string]string{}
	for key, value := range tags {
		keys["aws:RequestTag/"+key] = value
	}
	if len(tags) > 0 {
		keys["aws:TagKeys"] = strings.Join(slices.Sorted(maps.Keys(tags)), ",")
	}
	return keys
}

// part is a permission on what the path names below a cluster.
func (c *Cloud) part(operation string) func(*wire.Call) ([]wire.Need, error) {
	return func(call *wire.Call) ([]wire.Need, error) {
		now := c.lock()
		defer c.mu.Unlock()
		w, name := of(call), call.Path["clusterName"]
		need := wire.Need{Action: "eks:" + operation, Resources: []string{w.arn("cluster/" + name)}}
		k := c.holder(w, name, now)
		for kind, part := range map[string]string{"nodegroup": "nodegroupName", "addon": "addonName", "access-entry": "principalArn", "podidentityassociation": "associationId"} {
			value := call.Path[part]
			if value == "" {
				continue
			}
			need.Resources = []string{w.arn(kind + "/" + name + "/" + strings.NewReplacer(":", "/").Replace(value) + "/0")}
			if k != nil {
				if arn, tags, there := k.partOf(kind, value, now); there {
					need.Resources, need.Keys = []string{arn}, resourceTags(tags)
				}
			}
		}
		return []wire.Need{need}, nil
	}
}

// partOf finds something of a cluster.
func (k *cluster) partOf(kind, name string, now time.Time) (arn string, tags map[string]string, there bool) {
	switch kind {
	case "nodegroup":
		for _, n := range k.nodes {
			if n.name == name && n.there(now) {
				return n.arn, n.tags, true
			}
		}
	case "addon":
		for _, a := range k.addons {
			if a.name == name && a.there(now) {
				return a.arn, a.tags, true
			}
		}
	case "access-entry":
		for _, e := range k.entries {
			if e.principal == name {
				return e.arn, e.tags, true
			}
		}
	case "podidentityassociation":
		for _, i := range k.identities {
			if i.id == name {
				return i.arn, i.tags, true
			}
		}
	}
	return "", nil, false
}

// making is a permission to make something in a cluster, and to hand it a role.
func (c *Cloud) making(operation, role, service string) func(*wire.Call) ([]wire.Need, error) {
	return func(call *wire.Call) ([]wire.Need, error) {
		in, err := body[map[string]any](call)
		if err != nil {
			return nil, err
		}
		w, name := of(call), call.Path["clusterName"]
		keys := requestTags(tagsIn(in))
		maps.Copy(keys, c.keysOf(w, name))
		needs := []wire.Need{{Action: "eks:" + operation, Resources: []string{w.arn("cluster/" + name)}, Keys: keys}}
		if arn, ok := in[role].(string); ok && role != "" {
			needs = append(needs, passing(arn, service))
		}
		return needs, nil
	}
}

// passing is the permission to hand a role to a service.
func passing(role, service string) wire.Need {
	return wire.Need{Action: "iam:PassRole", Resources: []string{role}, Keys: map[string]string{"iam:PassedToService": service}}
}

func tagsIn(in map[string]any) map[string]string {
	tags := map[string]string{}
	list, _ := in["tags"].(map[string]any)
	for key, value := range list {
		tags[key], _ = value.(string)
	}
	return tags
}

func (c *Cloud) needsCluster(call *wire.Call) ([]wire.Need, error) {
	in, err := body[createCluster](call)
	if err != nil {
		return nil, err
	}
	return []wire.Need{{Action: "eks:CreateCluster", Resources: []string{of(call).arn("cluster/" + in.Name)}, Keys: requestTags(in.Tags)},
		passing(in.Role, "eks.amazonaws.com")}, nil
}

func (c *Cloud) needsTag(call *wire.Call) ([]wire.Need, error) {
	in, err := body[map[string]any](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	keys := requestTags(tagsIn(in))
	if t := c.tagged(call.Path["resourceArn"], now); t != nil {
		maps.Copy(keys, resourceTags(t.tags))
	}
	return []wire.Need{{Action: "eks:TagResource", Resources: []string{call.Path["resourceArn"]}, Keys: keys}}, nil
}

// tagged finds what has an ARN; nil for nothing.
func (c *Cloud) tagged(arn string, now time.Time) *thing {
	for _, k := range c.clusters {
		if k.arn == arn && k.there(now) {
			return &k.thing
		}
		for _, n := range k.nodes {
			if n.arn == arn && n.there(now) {
				return &n.thing
			}
		}
		for _, a := range k.addons {
			if a.arn == arn && a.there(now) {
				return &a.thing
			}
		}
	}
	return nil
}

func (c *Cloud) tag(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[map[string]any](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	t := c.tagged(call.Path["resourceArn"], now)
	if t == nil {
		return nil, refuse(404, "NotFoundException", "No resource found for %s", call.Path["resourceArn"])
	}
	t.tags = maps.Clone(t.tags)
	if t.tags == nil {
		t.tags = map[string]string{}
	}
	maps.Copy(t.tags, tagsIn(in))
	return nil, nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// truth is a setting that EKS has switched on unless somebody says otherwise.
func truth(b *bool) bool { return b == nil || *b }

func upper(s string) string { return strings.ToUpper(s) }

// arnOf is the ARN of something of a cluster.
func (k *cluster) arnOf(kind, name, id string) string {
	return k.where.arn(kind + "/" + k.name + "/" + name + "/" + id)
}
