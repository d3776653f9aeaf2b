package eks

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// addon is one of EKS' add-ons.
type addon struct {
	thing
	name, arn string
	asked     createAddon
}

// createAddon is the body of CreateAddon.
type createAddon struct {
	Name          string            `json:"addonName"`
	Version       string            `json:"addonVersion"`
	Role          string            `json:"serviceAccountRoleArn"`
	Configuration string            `json:"configurationValues"`
	Conflicts     string            `json:"resolveConflicts"`
	Token         string            `json:"clientRequestToken"`
	Tags          map[string]string `json:"tags"`
}

// addonNames are those on offer.
var addonNames = []string{driver, "coredns", "eks-pod-identity-agent", "kube-proxy", "metrics-server", "vpc-cni"}

// needNodes are those that have pods of their own, which want machines to run on.
var needNodes = []string{"coredns", "metrics-server", driver}

// driver makes volumes. Its controller asks EC2 for them, and does not run without a role.
const driver = "aws-ebs-csi-driver"

// drives tells whether the driver has a role: its own, or one that the agent gives to its
// service account.
func (k *cluster) drives(a *addon, now time.Time) bool {
	return a.asked.Role != "" || k.addon("eks-pod-identity-agent", now) != nil && slices.ContainsFunc(k.identities, func(i *identity) bool {
		return i.namespace == "kube-system" && i.account == "ebs-csi-controller-sa" && i.there(now)
	})
}

// addonVersions are the versions of an add-on for a version of Kubernetes, the usual one
// first; none for what is not on offer.
func addonVersions(name, kubernetes string) []string {
	switch name {
	case "vpc-cni":
		return []string{"v1.21.1-eksbuild.1", "v1.20.4-eksbuild.2"}
	case "coredns":
		return []string{"v1.13.1-eksbuild.1", "v1.12.4-eksbuild.1"}
	case "kube-proxy":
		return []string{"v" + kubernetes + ".0-eksbuild.2", "v" + kubernetes + ".0-eksbuild.1"}
	case driver:
		return []string{"v1.55.0-eksbuild.1", "v1.54.0-eksbuild.1"}
	case "eks-pod-identity-agent":
		return []string{"v1.3.10-eksbuild.1", "v1.3.9-eksbuild.3"}
	case "metrics-server":
		return []string{"v0.8.0-eksbuild.1", "v0.7.2-eksbuild.4"}
	}
	return nil
}

// addon finds an add-on by its name; nil for none.
func (k *cluster) addon(name string, now time.Time) *addon {
	for _, a := range k.addons {
		if a.name == name && a.there(now) {
			return a
		}
	}
	return nil
}

func (c *Cloud) createAddon(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[createAddon](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.active(call, now)
	if err != nil {
		return nil, err
	}
	if a := k.addon(in.Name, now); a != nil {
		same, err := a.again(call, in.Token)
		if same {
			return map[string]any{"addon": c.describeAddonOf(k, a, now)}, nil
		}
		return nil, cmp.Or(err, error(inUse("Addon already exists.")))
	}
	if err := c.checkAddon(k, &in); err != nil {
		return nil, err
	}
	a := &addon{thing: begun(call, now, in.Token, in.Tags), name: in.Name, asked: in, arn: k.arnOf("addon", in.Name, c.digits("addon"))}
	k.addons = append(k.addons, a)
	return map[string]any{"addon": c.describeAddonOf(k, a, now)}, nil
}

// checkAddon refuses what EKS would, and fills in what it would.
func (c *Cloud) checkAddon(k *cluster, in *createAddon) error {
	versions := addonVersions(in.Name, k.asked.Version)
	switch {
	case len(versions) == 0:
		return invalid("Addon %s specified is not supported in %s kubernetes version", in.Name, k.asked.Version)
	case in.Version != "" && !slices.Contains(versions, in.Version):
		return invalid("Addon version specified is not supported")
	case !slices.Contains([]string{"", "NONE", "OVERWRITE", "PRESERVE"}, in.Conflicts):
		return invalid("Unknown value %s of resolveConflicts", in.Conflicts)
	case in.Conflicts == "PRESERVE":
		return invalid("The PRESERVE value is not supported for CreateAddon")
	}
	in.Version = cmp.Or(in.Version, versions[0])
	if text := strings.TrimSpace(in.Configuration); strings.HasPrefix(text, "{") && !json.Valid([]byte(text)) {
		return invalid("ConfigurationValue provided in request is not supported: it is neither JSON nor YAML")
	}
	if err := checkTags(in.Tags); err != nil || in.Role == "" {
		return err
	}
	return c.parts.Roles.Assumable(k.account, in.Role, "eks.amazonaws.com")
}

func noAddon(k *cluster, name string) *wire.Error {
	return absent("No addon: %s found in cluster: %s", name, k.name)
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
	return nil, noAddon(k, call.Path["addonName"])
}

// describeAddonOf is what EKS says of an add-on.
func (c *Cloud) describeAddonOf(k *cluster, a *addon, now time.Time) map[string]any {
	status, issues := active, []issue{}
	machines := slices.ContainsFunc(k.nodes, func(n *nodeGroup) bool { return n.status(now, c.options.Delay) == active && len(n.instances) > 0 })
	switch {
	case a.ending():
		status = deleting
	case now.Before(a.made.Add(c.options.Delay)):
		status = creating
	case !machines && slices.Contains(needNodes, a.name), a.name == driver && !k.drives(a, now):
		status = "DEGRADED"
		issues = append(issues, issue{Code: "InsufficientNumberOfReplicas", Message: "The add-on is unhealthy because it doesn't have the desired number of replicas."})
	}
	out := map[string]any{"addonName": a.name, "addonArn": a.arn, "clusterName": k.name, "addonVersion": a.asked.Version, "status": status, "tags": maps.Clone(a.tags),
		"createdAt": seconds(a.made), "modifiedAt": seconds(a.made), "health": map[string]any{"issues": issues}}
	if a.asked.Configuration != "" {
		out["configurationValues"] = a.asked.Configuration
	}
	if a.asked.Role != "" {
		out["serviceAccountRoleArn"] = a.asked.Role
	}
	return out
}

func (c *Cloud) listAddons(_ context.Context, call *wire.Call) (any, error) {
	return c.names(call, "addons", func(k *cluster, add func(string, *thing)) {
		for _, a := range k.addons {
			add(a.name, &a.thing)
		}
	})
}

func (c *Cloud) deleteAddon(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.owner(call, now)
	if err != nil {
		return nil, err
	}
	a := k.addon(call.Path["addonName"], now)
	if a == nil {
		return nil, noAddon(k, call.Path["addonName"])
	}
	if !a.ending() {
		a.gone = now.Add(c.options.Delay)
	}
	return map[string]any{"addon": c.describeAddonOf(k, a, now)}, nil
}

func (c *Cloud) describeAddonVersions(_ context.Context, call *wire.Call) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	only, kubernetes := call.Query.Get("addonName"), call.Query.Get("kubernetesVersion")
	list := []map[string]any{}
	for _, name := range addonNames {
		if only != "" && only != name {
			continue
		}
		// What a version is good for: kube-proxy is for one version of Kubernetes each.
		good := map[string][]any{}
		var order []string
		for _, v := range c.versions {
			if v.Support == unsupported || kubernetes != "" && kubernetes != v.Name {
				continue
			}
			for i, version := range addonVersions(name, v.Name) {
				if _, known := good[version]; !known {
					order = append(order, version)
				}
				good[version] = append(good[version], map[string]any{"clusterVersion": v.Name, "defaultVersion": i == 0, "platformVersions": []string{"*"}})
			}
		}
		var versions []any
		for _, version := range order {
			versions = append(versions, map[string]any{"addonVersion": version, "architecture": []string{"amd64", "arm64"}, "compatibilities": good[version],
				"computeTypes": []string{"ec2"}, "requiresConfiguration": false, "requiresIamPermissions": name == "vpc-cni" || name == driver})
		}
		if len(versions) > 0 {
			list = append(list, map[string]any{"addonName": name, "addonVersions": versions, "owner": "aws", "publisher": "eks", "type": "networking"})
		}
	}
	return page(c, call, "addons", list)
}
