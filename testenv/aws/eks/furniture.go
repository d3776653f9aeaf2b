package eks

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// addon is one of EKS' add-ons.
type addon struct {
	thing
	name, version, arn string
}

// entry lets a principal in.
type entry struct {
	thing
	principal, arn string
	groups         []string
	policies       []policy
}

// policy is an access policy that an entry has.
type policy struct {
	arn, scope string
	namespaces []string
}

const scopeCluster = "cluster"

// identity gives pods a role.
type identity struct {
	thing
	id, arn, namespace, account, role string
}

// active is the cluster that a call is about, for what needs it to be active.
func (c *Cloud) active(call *wire.Call, now time.Time) (*cluster, error) {
	k := c.holder(of(call), call.Path["clusterName"], now)
	if k == nil {
		return nil, noCluster(call.Path["clusterName"])
	}
	return k, c.usable(k, now)
}

// usable refuses clusters that are not active.
func (c *Cloud) usable(k *cluster, now time.Time) error {
	if s := k.status(now, c.options.Delay); s != active {
		return refuse(400, "InvalidRequestException", "Cluster '%s' is not in ACTIVE status: it is %s", k.name, s)
	}
	return nil
}

// shown is the cluster that a call asks about.
func (c *Cloud) shown(call *wire.Call, now time.Time) (*cluster, error) {
	if k := c.find(of(call), call.Path["clusterName"], now); k != nil {
		return k, nil
	}
	return nil, noCluster(call.Path["clusterName"])
}

func (c *Cloud) createAddon(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Name    string            `json:"addonName"`
		Version string            `json:"addonVersion"`
		Token   string            `json:"clientRequestToken"`
		Tags    map[string]string `json:"tags"`
	}](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.active(call, now)
	if err != nil {
		return nil, err
	}
	usual, offered := addons()[in.Name]
	if !offered {
		return nil, invalid("Addon %s specified is not supported", in.Name)
	}
	if in.Version != "" && in.Version != usual {
		return nil, invalid("Addon version specified is not supported")
	}
	for _, a := range k.addons {
		if a.name != in.Name || !a.there(now) {
			continue
		}
		same, err := a.again(call, in.Token)
		if same {
			return map[string]any{"addon": c.describeAddonOf(k, a, now)}, nil
		}
		return nil, cmp.Or(err, error(inUse("Addon already exists.")))
	}
	a := &addon{thing: begun(call, now, in.Token, in.Tags), name: in.Name, version: usual,
		arn: k.arnOf("addon", in.Name, c.digits("addon"))}
	k.addons = append(k.addons, a)
	return map[string]any{"addon": c.describeAddonOf(k, a, now)}, nil
}

// addons are those on offer, with their versions.
func addons() map[string]string {
	return map[string]string{"vpc-cni": "v1.21.1-eksbuild.1", "coredns": "v1.13.1-eksbuild.1", "kube-proxy": "v1.36.0-eksbuild.1", "aws-ebs-csi-driver": "v1.55.0-eksbuild.1",
		"eks-pod-identity-agent": "v1.3.10-eksbuild.1", "metrics-server": "v0.8.0-eksbuild.1"}
}

func (c *Cloud) describeAddon(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	for _, a := range slices.Backward(k.addons) {
		if a.name == call.Path["addonName"] && a.seen(now, c.options.Lag) {
			return map[string]any{"addon": c.describeAddonOf(k, a, now)}, nil
		}
	}
	return nil, absent("No addon: %s found in cluster: %s", call.Path["addonName"], k.name)
}

// describeAddonOf is what EKS says of an add-on. Some of them want machines.
func (c *Cloud) describeAddonOf(k *cluster, a *addon, now time.Time) map[string]any {
	status, issues := active, []any{}
	wants := a.name == "coredns" || a.name == "metrics-server" || a.name == "aws-ebs-csi-driver"
	machines := slices.ContainsFunc(k.nodes, func(n *nodeGroup) bool { return n.status(now, c.options.Delay) == active && len(n.instances) > 0 })
	switch {
	case a.ending():
		status = deleting
	case now.Before(a.made.Add(c.options.Delay)):
		status = creating
	case wants && !machines:
		status = "DEGRADED"
		issues = append(issues, map[string]any{"code": "InsufficientNumberOfReplicas", "message": "The add-on is unhealthy because it doesn't have the desired number of replicas."})
	}
	return map[string]any{"addonName": a.name, "addonArn": a.arn, "clusterName": k.name, "addonVersion": a.version, "status": status, "tags": a.tags,
		"createdAt": seconds(a.made), "health": map[string]any{"issues": issues}}
}

func (c *Cloud) listAddons(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range k.addons {
		if a.seen(now, c.options.Lag) {
			names = append(names, a.name)
		}
	}
	return page(c, call, "addons", names)
}

func (c *Cloud) deleteAddon(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	for _, a := range k.addons {
		if a.name == call.Path["addonName"] && a.there(now) {
			if !a.ending() {
				a.gone = now.Add(c.options.Delay)
			}
			return map[string]any{"addon": c.describeAddonOf(k, a, now)}, nil
		}
	}
	return nil, absent("No addon: %s found in cluster: %s", call.Path["addonName"], k.name)
}

func (c *Cloud) createEntry(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Principal string            `json:"principalArn"`
		Groups    []string          `json:"kubernetesGroups"`
		Tags      map[string]string `json:"tags"`
		Token     string            `json:"clientRequestToken"`
	}](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.active(call, now)
	if err != nil {
		return nil, err
	}
	for _, e := range k.entries {
		if e.principal != in.Principal {
			continue
		}
		same, err := e.again(call, in.Token)
		if same {
			return map[string]any{"accessEntry": k.describeEntry(e)}, nil
		}
		return nil, cmp.Or(err, error(inUse("The specified access entry resource is already in use on this cluster.")))
	}
	e := &entry{thing: begun(call, now, in.Token, in.Tags), principal: in.Principal, groups: in.Groups, arn: k.arnOf("access-entry", "role", c.digits("entry"))}
	k.entries = append(k.entries, e)
	return map[string]any{"accessEntry": k.describeEntry(e)}, nil
}

func (k *cluster) describeEntry(e *entry) map[string]any {
	return map[string]any{"clusterName": k.name, "principalArn": e.principal, "kubernetesGroups": e.groups, "accessEntryArn": e.arn, "createdAt": seconds(e.made), "tags": e.tags, "type": "STANDARD", "username": e.principal}
}

// entryOf finds the entry that a call is about.
func (c *Cloud) entryOf(call *wire.Call, now time.Time) (*cluster, *entry, error) {
	k, err := c.shown(call, now)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range k.entries {
		if e.principal == call.Path["principalArn"] {
			return k, e, nil
		}
	}
	return nil, nil, absent("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.")
}

func (c *Cloud) describeEntryOf(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, e, err := c.entryOf(call, now)
	if err != nil {
		return nil, err
	}
	return map[string]any{"accessEntry": k.describeEntry(e)}, nil
}

func (c *Cloud) associate(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Policy string `json:"policyArn"`
		Scope  struct {
			Type       string   `json:"type"`
			Namespaces []string `json:"namespaces"`
		} `json:"accessScope"`
	}](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	_, e, err := c.entryOf(call, now)
	if err != nil {
		return nil, err
	}
	e.policies = slices.DeleteFunc(e.policies, func(p policy) bool { return p.arn == in.Policy })
	e.policies = append(e.policies, policy{arn: in.Policy, scope: in.Scope.Type, namespaces: in.Scope.Namespaces})
	return map[string]any{"clusterName": call.Path["clusterName"], "principalArn": e.principal}, nil
}

func (c *Cloud) createIdentity(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Namespace string            `json:"namespace"`
		Account   string            `json:"serviceAccount"`
		Role      string            `json:"roleArn"`
		Tags      map[string]string `json:"tags"`
		Token     string            `json:"clientRequestToken"`
	}](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.active(call, now)
	if err != nil {
		return nil, err
	}
	if err := c.parts.Roles.Assumable(k.account, in.Role, "pods.eks.amazonaws.com"); err != nil {
		return nil, err
	}
	for _, i := range k.identities {
		if i.namespace != in.Namespace || i.account != in.Account || !i.there(now) {
			continue
		}
		same, err := i.again(call, in.Token)
		if same {
			return map[string]any{"association": k.describeIdentity(i)}, nil
		}
		return nil, cmp.Or(err, error(inUse("Association already exists: %s", i.id)))
	}
	id := "a-" + c.digits("identity")[:17]
	i := &identity{thing: begun(call, now, in.Token, in.Tags), id: id, namespace: in.Namespace, account: in.Account, role: in.Role,
		arn: k.where.arn("podidentityassociation/" + k.name + "/" + id)}
	k.identities = append(k.identities, i)
	return map[string]any{"association": k.describeIdentity(i)}, nil
}

func (k *cluster) describeIdentity(i *identity) map[string]any {
	return map[string]any{"clusterName": k.name, "namespace": i.namespace, "serviceAccount": i.account, "roleArn": i.role, "associationId": i.id, "associationArn": i.arn, "tags": i.tags}
}

func (c *Cloud) listIdentities(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, i := range k.identities {
		if i.there(now) && (call.Query.Get("namespace") == "" || call.Query.Get("namespace") == i.namespace) &&
			(call.Query.Get("serviceAccount") == "" || call.Query.Get("serviceAccount") == i.account) {
			list = append(list, k.describeIdentity(i))
		}
	}
	return page(c, call, "associations", list)
}

func (c *Cloud) deleteIdentity(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	for n, i := range k.identities {
		if i.id == call.Path["associationId"] {
			k.identities = slices.Delete(k.identities, n, n+1)
			return map[string]any{"association": k.describeIdentity(i)}, nil
		}
	}
	return nil, absent("Association ID %s could not be found.", call.Path["associationId"])
}
