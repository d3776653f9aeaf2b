package eks

import (
	"cmp"
	"context"
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// createCluster is the body of CreateCluster.
type createCluster struct {
	Name       string            `json:"name"`
	Role       string            `json:"roleArn"`
	Version    string            `json:"version"`
	Token      string            `json:"clientRequestToken"`
	Tags       map[string]string `json:"tags"`
	Protection bool              `json:"deletionProtection"`
	VPC        network           `json:"resourcesVpcConfig"`
	Access     struct {
		Mode      string `json:"authenticationMode"`
		Bootstrap *bool  `json:"bootstrapClusterCreatorAdminPermissions"`
	} `json:"accessConfig"`
	Logging    logging          `json:"logging"`
	Encryption []map[string]any `json:"encryptionConfig"`
	Network    struct {
		CIDR   string `json:"serviceIpv4Cidr"`
		Family string `json:"ipFamily"`
	} `json:"kubernetesNetworkConfig"`
	Upgrade *struct {
		Support string `json:"supportType"`
	} `json:"upgradePolicy"`
	Self *bool `json:"bootstrapSelfManagedAddons"`
}

// network is where a cluster is, and who reaches its API server.
type network struct {
	Subnets []string `json:"subnetIds"`
	Groups  []string `json:"securityGroupIds"`
	Public  *bool    `json:"endpointPublicAccess"`
	Private *bool    `json:"endpointPrivateAccess"`
	CIDRs   []string `json:"publicAccessCidrs"`
}

// logging is what a cluster's control plane writes logs of.
type logging struct {
	Setup []struct {
		Types   []string `json:"types"`
		Enabled bool     `json:"enabled"`
	} `json:"clusterLogging"`
}

var nameShape = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`)

func (c *Cloud) createCluster(ctx context.Context, call *wire.Call) (any, error) {
	in, err := body[createCluster](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	w := of(call)
	for _, k := range c.clusters {
		if k.where != w || !k.there(now) {
			continue
		}
		if same, err := k.again(call, in.Token); err != nil || same {
			return c.told(k, now), err
		}
		if k.name == in.Name {
			return nil, inUse("Cluster already exists with name: %s", in.Name)
		}
	}
	if err := c.checkCluster(w, &in, now); err != nil {
		return nil, err
	}
	vpc, err := c.checkGround(w, in)
	if err != nil {
		return nil, err
	}
	k := &cluster{
		thing: begun(call, now, in.Token, in.Tags), where: w, name: in.Name, id: c.digits("cluster"), arn: w.arn("cluster/" + in.Name),
		issuer: "https://oidc.eks." + w.region + ".amazonaws.com/id/" + upper(c.digits("issuer")), vpc: vpc, asked: in, protected: in.Protection,
	}
	if err := c.serviceRoles(w, clusterService); err != nil {
		return nil, err
	}
	if err := c.lay(k); err != nil {
		return nil, err
	}
	k.laid = true
	if in.Access.Bootstrap == nil || *in.Access.Bootstrap {
		k.entries = append(k.entries, &entry{thing: thing{made: now}, principal: principalOf(call.Principal), user: call.Principal, kind: "STANDARD",
			arn: k.entryARN(principalOf(call.Principal), c.digits("entry")), policies: []policy{{ARN: policyARN(w, clusterAdmin), Scope: scope{Type: scopeCluster}, Since: seconds(now)}}})
	}
	c.clusters = append(c.clusters, k)
	c.log(k)
	c.begin(ctx, k)
	return c.told(k, now), nil
}

// told is the answer about a cluster.
func (c *Cloud) told(k *cluster, now time.Time) map[string]any {
	return map[string]any{"cluster": c.describe(k, now)}
}

// log makes the log group of a cluster, when it writes any.
func (c *Cloud) log(k *cluster) {
	for _, l := range k.asked.Logging.Setup {
		if l.Enabled && len(l.Types) > 0 {
			c.parts.Logs.Ensure(k.account, k.region, "/aws/eks/"+k.name+"/cluster")
		}
	}
}

// checkCluster refuses what EKS would, and fills in what it would.
func (c *Cloud) checkCluster(w where, in *createCluster, now time.Time) (err error) {
	if !nameShape.MatchString(in.Name) {
		return invalid("The cluster name should match the regular expression %s", nameShape)
	}
	limit, set := c.limits[w]
	if !set {
		limit = usualLimit
	}
	have := 0
	for _, k := range c.clusters {
		if k.where == w && k.there(now) {
			have++
		}
	}
	if have >= limit {
		return refuse(400, "ResourceLimitExceededException", "Cluster limit exceeded for account.")
	}
	if in.Version, err = c.version(in.Version); err != nil {
		return err
	}
	in.Access.Mode = cmp.Or(in.Access.Mode, "CONFIG_MAP")
	in.Network.CIDR, in.Network.Family = cmp.Or(in.Network.CIDR, "10.100.0.0/16"), cmp.Or(in.Network.Family, "ipv4")
	if !slices.Contains([]string{"API", "API_AND_CONFIG_MAP", "CONFIG_MAP"}, in.Access.Mode) {
		return invalid("Authentication mode %s is not supported", in.Access.Mode)
	}
	if err := in.VPC.check(); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return c.parts.Roles.Assumable(w.account, in.Role, "eks.amazonaws.com")
}

// check refuses what nobody could reach, and says who may.
func (n *network) check() error {
	if !n.public() && !n.private() {
		return invalid("Private and public endpoint access cannot be false")
	}
	if !n.public() && len(n.CIDRs) > 0 {
		return invalid("Public access CIDRs can only be set when public endpoint access is on")
	}
	if n.public() && len(n.CIDRs) == 0 {
		n.CIDRs = []string{"0.0.0.0/0"}
	}
	return nil
}

func (n *network) public() bool  { return n.Public == nil || *n.Public }
func (n *network) private() bool { return n.Private != nil && *n.Private }

func (c *Cloud) describeCluster(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k := c.find(of(call), call.Path["name"], now)
	if k == nil {
		return nil, noCluster(call.Path["name"])
	}
	return c.told(k, now), nil
}

func (c *Cloud) describe(k *cluster, now time.Time) map[string]any {
	status, issues := k.status(now, c.options.Delay), []issue{}
	if k.failed != "" {
		issues = append(issues, issue{Code: "InternalFailure", Message: k.failed, IDs: []string{k.name}})
	}
	in, support := k.asked, "EXTENDED"
	if in.Upgrade != nil {
		support = cmp.Or(in.Upgrade.Support, support)
	}
	out := map[string]any{
		"name": k.name, "arn": k.arn, "createdAt": seconds(k.made), "version": in.Version, "roleArn": in.Role, "status": status, "tags": maps.Clone(k.tags),
		"platformVersion": "eks.1", "deletionProtection": k.protected, "logging": map[string]any{"clusterLogging": in.Logging.Setup},
		"resourcesVpcConfig": map[string]any{"subnetIds": in.VPC.Subnets, "securityGroupIds": append([]string{}, in.VPC.Groups...), "clusterSecurityGroupId": k.group, "vpcId": k.vpc,
			"endpointPublicAccess": in.VPC.public(), "endpointPrivateAccess": in.VPC.private(), "publicAccessCidrs": append([]string{}, in.VPC.CIDRs...)},
		"kubernetesNetworkConfig": in.Network, "encryptionConfig": in.Encryption, "upgradePolicy": map[string]any{"supportType": support},
		"accessConfig": map[string]any{"authenticationMode": in.Access.Mode, "bootstrapClusterCreatorAdminPermissions": in.Access.Bootstrap == nil || *in.Access.Bootstrap},
		"health":       map[string]any{"issues": issues},
	}
	if k.token != "" {
		out["clientRequestToken"] = k.token
	}
	if k.endpoint != "" && status != creating {
		out["endpoint"], out["certificateAuthority"] = k.endpoint, map[string]any{"data": base64.StdEncoding.EncodeToString(k.authority)}
		out["identity"] = map[string]any{"oidc": map[string]any{"issuer": k.issuer}}
	}
	return out
}

func (c *Cloud) listClusters(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	var names []string
	for _, k := range c.clusters {
		if k.where == of(call) && k.seen(now, c.options.Lag) && !slices.Contains(names, k.name) {
			names = append(names, k.name)
		}
	}
	return page(c, call, "clusters", names)
}

func (c *Cloud) deleteCluster(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	k := c.holder(of(call), call.Path["name"], now)
	answer, stop, err := c.remove(k, call.Path["name"], now)
	c.mu.Unlock()
	if stop {
		c.parts.Planes.Stop(c.plane(k))
	}
	return answer, err
}

// remove begins to remove a cluster; stop tells that its control plane is to end.
func (c *Cloud) remove(k *cluster, name string, now time.Time) (answer any, stop bool, err error) {
	if k == nil {
		return nil, false, noCluster(name)
	}
	switch status := k.status(now, c.options.Delay); {
	case k.protected:
		return nil, false, refuse(400, "InvalidRequestException", "Cannot delete cluster %s: deletion protection is enabled", name)
	case slices.ContainsFunc(k.nodes, func(n *nodeGroup) bool { return n.there(now) }):
		return nil, false, inUse("Cluster has nodegroups attached")
	case status == creating || status == updating:
		return nil, false, inUse("Cannot delete because cluster %s currently has an update in progress", name)
	case k.ending():
		return c.told(k, now), false, nil
	}
	k.gone = now.Add(c.options.Delay)
	return c.told(k, now), k.endpoint != "", nil
}
