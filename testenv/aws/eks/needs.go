package eks

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// What calls need is taken from
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html.

type needs = func(*wire.Call) ([]wire.Need, error)

// needsNothing is a permission on nothing in particular.
func needsNothing(operation string) needs {
	return func(*wire.Call) ([]wire.Need, error) { return []wire.Need{{Action: "eks:" + operation}}, nil }
}

// needsOn is a permission on the cluster that a part of the path names.
func (c *Cloud) needsOn(part, operation string) needs {
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
	return k.keys(now, c.options.Lag)
}

// keys are the tags that permissions see, as condition keys.
func (t *thing) keys(now time.Time, lag time.Duration) map[string]string {
	keys := map[string]string{}
	for key, value := range t.tags {
		if put, late := t.tagged[key]; !late || !now.Before(put.Add(lag)) {
			keys["aws:ResourceTag/"+key] = value
		}
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

// paths are how paths name something of a cluster, by its kind: the collection, and the
// part of the path.
var paths = map[string]struct{ collection, part string }{
	"nodegroup": {"node-groups", "nodegroupName"}, "addon": {"addons", "addonName"},
	"access-entry": {"access-entries", "principalArn"}, "podidentityassociation": {"pod-identity-associations", "associationId"},
}

// needsPart is a permission on what the path names below a cluster.
func (c *Cloud) needsPart(operation string) needs {
	return func(call *wire.Call) ([]wire.Need, error) {
		now := c.lock()
		defer c.mu.Unlock()
		w, name := of(call), call.Path["clusterName"]
		need := wire.Need{Action: "eks:" + operation}
		k := c.holder(w, name, now)
		for kind, p := range paths {
			value := call.Path[p.part]
			if value == "" {
				continue
			}
			// What is not there has no ARN: EKS asks about its path then, as is reported in
			// https://github.com/terraform-aws-modules/terraform-aws-eks/issues/1725.
			need.Resources = []string{w.arn("/clusters/" + name + "/" + p.collection + "/" + value)}
			if t, arn := k.part(kind, value, now); t != nil {
				need.Resources, need.Keys = []string{arn}, t.keys(now, c.options.Lag)
			}
		}
		return []wire.Need{need}, nil
	}
}

// part finds something of a cluster; nil for nothing.
func (k *cluster) part(kind, name string, now time.Time) (t *thing, arn string) {
	if k == nil {
		return nil, ""
	}
	switch kind {
	case "nodegroup":
		if n := k.nodeGroup(name, now); n != nil {
			return &n.thing, n.arn
		}
	case "addon":
		if a := k.addon(name, now); a != nil {
			return &a.thing, a.arn
		}
	case "access-entry":
		if e := k.entry(name, now); e != nil {
			return &e.thing, e.arn
		}
	case "podidentityassociation":
		if i := k.identity(name, now); i != nil {
			return &i.thing, i.arn
		}
	}
	return nil, ""
}

// needsMaking is a permission to make something in a cluster, and to put its tags on
// what an ARN names.
func (c *Cloud) needsMaking(operation, tagged string, more func(where, map[string]any) []wire.Need) needs {
	return func(call *wire.Call) ([]wire.Need, error) {
		in, err := body[map[string]any](call)
		if err != nil {
			return nil, err
		}
		w, name, tags := of(call), call.Path["clusterName"], tagsIn(in)
		keys := requestTags(tags)
		maps.Copy(keys, c.keysOf(w, name))
		list := []wire.Need{{Action: "eks:" + operation, Resources: []string{w.arn("cluster/" + name)}, Keys: keys}}
		list = append(list, tagging(w.arn(strings.ReplaceAll(tagged, "{name}", name)), tags)...)
		return append(list, more(w, in)...), nil
	}
}

// needsForNodes are what EKS does with the caller's permissions before it makes a node
// group: it looks at roles, and makes its own.
func (c *Cloud) needsForNodes(w where, in map[string]any) []wire.Need {
	role, _ := in["nodeRole"].(string)
	capacity, _ := in["capacityType"].(string)
	list := []wire.Need{passing(role, "ec2.amazonaws.com"), {Action: "iam:ListAttachedRolePolicies", Resources: []string{role}}}
	return append(list, c.needsServiceRoles(w, servicesOfNodes(capacity)...)...)
}

func needsForIdentity(_ where, in map[string]any) []wire.Need {
	role, _ := in["roleArn"].(string)
	return []wire.Need{{Action: "iam:GetRole", Resources: []string{role}}, passing(role, "pods.eks.amazonaws.com")}
}

func needsForAddon(_ where, in map[string]any) []wire.Need {
	role, _ := in["serviceAccountRoleArn"].(string)
	if role == "" {
		return nil
	}
	return []wire.Need{passing(role, "eks.amazonaws.com")}
}

func needsNoMore(where, map[string]any) []wire.Need { return nil }

// clusterService is whose role clusters need.
const clusterService = "eks.amazonaws.com"

// servicesOfNodes are whose roles a node group needs.
func servicesOfNodes(capacity string) []string {
	list := []string{"eks-nodegroup.amazonaws.com"}
	if capacity == "SPOT" {
		list = append(list, "spot.amazonaws.com")
	}
	return list
}

func (c *Cloud) needsServiceRoles(w where, services ...string) (list []wire.Need) {
	if c.parts.ServiceRoles == nil {
		return nil
	}
	for _, s := range services {
		list = append(list, c.parts.ServiceRoles.Needs(w.account, s)...)
	}
	return list
}

// serviceRoles makes the roles of services unless they are there.
func (c *Cloud) serviceRoles(w where, services ...string) error {
	if c.parts.ServiceRoles == nil {
		return nil
	}
	for _, s := range services {
		if err := c.parts.ServiceRoles.Make(w.account, s); err != nil {
			return err
		}
	}
	return nil
}

// passing is the permission to hand a role to a service.
func passing(role, service string) wire.Need {
	return wire.Need{Action: "iam:PassRole", Resources: []string{role}, Keys: map[string]string{"iam:PassedToService": service}}
}

// tagging is the permission to put tags on what is made.
func tagging(arn string, tags map[string]string) []wire.Need {
	if len(tags) == 0 {
		return nil
	}
	return []wire.Need{{Action: "eks:TagResource", Resources: []string{arn}, Keys: requestTags(tags)}}
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
	var in struct {
		Name string            `json:"name"`
		Role string            `json:"roleArn"`
		Tags map[string]string `json:"tags"`
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return nil, refuse(400, "SerializationException", "%v", err)
	}
	arn := of(call).arn("cluster/" + in.Name)
	list := append([]wire.Need{{Action: "eks:CreateCluster", Resources: []string{arn}, Keys: requestTags(in.Tags)}}, tagging(arn, in.Tags)...)
	list = append(list, passing(in.Role, "eks.amazonaws.com"))
	return append(list, c.needsServiceRoles(of(call), clusterService)...), nil
}

// needsTag is a permission on what an ARN names.
func (c *Cloud) needsTag(operation string) needs {
	return func(call *wire.Call) ([]wire.Need, error) {
		in, err := body[map[string]any](call)
		if err != nil {
			return nil, err
		}
		now := c.lock()
		defer c.mu.Unlock()
		keys := requestTags(tagsIn(in))
		if gone := call.Query["tagKeys"]; len(gone) > 0 {
			keys["aws:TagKeys"] = strings.Join(slices.Sorted(slices.Values(gone)), ",")
		}
		if t := c.tagged(call, now); t != nil {
			maps.Copy(keys, t.keys(now, c.options.Lag))
		}
		return []wire.Need{{Action: "eks:" + operation, Resources: []string{call.Path["resourceArn"]}, Keys: keys}}, nil
	}
}
