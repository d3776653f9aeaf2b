package eks

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
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
	VPC        struct {
		Subnets []string `json:"subnetIds"`
		Groups  []string `json:"securityGroupIds"`
		Public  *bool    `json:"endpointPublicAccess"`
		Private *bool    `json:"endpointPrivateAccess"`
		CIDRs   []string `json:"publicAccessCidrs"`
	} `json:"resourcesVpcConfig"`
	Access struct {
		Mode      string `json:"authenticationMode"`
		Bootstrap *bool  `json:"bootstrapClusterCreatorAdminPermissions"`
	} `json:"accessConfig"`
	Logging struct {
		Setup []struct {
			Types   []string `json:"types"`
			Enabled bool     `json:"enabled"`
		} `json:"clusterLogging"`
	} `json:"logging"`
	Encryption []struct {
		Resources []string `json:"resources"`
		Provider  struct {
			Key string `json:"keyArn"`
		} `json:"provider"`
	} `json:"encryptionConfig"`
	Network map[string]any `json:"kubernetesNetworkConfig"`
	Upgrade map[string]any `json:"upgradePolicy"`
	Self    *bool          `json:"bootstrapSelfManagedAddons"`
}

var nameShape = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`)

func (c *Cloud) createCluster(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[createCluster](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	w := of(call)
	if k := c.holder(w, in.Name, now); k != nil {
		same, err := k.again(call, in.Token)
		if same {
			return map[string]any{"cluster": c.describe(k, now)}, nil
		}
		return nil, cmp.Or(err, error(inUse("Cluster already exists with name: %s", in.Name)))
	}
	if err := c.checkCluster(w, &in, now); err != nil {
		return nil, err
	}
	vpc, group, cards, err := c.ground(w, in)
	if err != nil {
		return nil, err
	}
	id := c.digits("cluster")
	k := &cluster{
		thing: begun(call, now, in.Token, in.Tags), where: w, name: in.Name, id: id, arn: w.arn("cluster/" + in.Name),
		issuer: "https://oidc.eks." + w.region + ".amazonaws.com/id/" + upper(c.digits("issuer")), vpc: vpc, group: group, interfaces: cards, asked: in,
		creator: call.Principal, protected: in.Protection,
	}
	if in.Access.Bootstrap == nil || *in.Access.Bootstrap {
		k.entries = append(k.entries, &entry{thing: thing{made: now}, principal: call.Principal, arn: w.arn("access-entry/" + in.Name + "/" + c.digits("entry")),
			policies: []policy{{arn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", scope: scopeCluster}}})
	}
	c.clusters = append(c.clusters, k)
	for _, l := range in.Logging.Setup {
		if l.Enabled && len(l.Types) > 0 {
			c.parts.Logs.Ensure(w.account, w.region, "/aws/eks/"+in.Name+"/cluster")
		}
	}
	c.begin(k)
	return map[string]any{"cluster": c.describe(k, now)}, nil
}

// checkCluster refuses what EKS would, and fills in what it would.
func (c *Cloud) checkCluster(w where, in *createCluster, now time.Time) error {
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
	if in.Version == "" {
		in.Version = c.versions[0].Name
	}
	if !slices.ContainsFunc(c.versions, func(v Version) bool { return v.Name == in.Version && v.Support != "UNSUPPORTED" }) {
		return invalid("unsupported Kubernetes version")
	}
	if err := c.parts.Roles.Assumable(w.account, in.Role, "eks.amazonaws.com"); err != nil {
		return err
	}
	return nil
}

// unusedZones are zones in which EKS makes no control planes.
var unusedZones = []string{"use1-az3", "usw1-az2", "cac1-az3"}

// ground makes the security group and the interfaces of a control plane.
func (c *Cloud) ground(w where, in createCluster) (vpc, group string, cards []string, err error) {
	place := c.parts.Network.At(w.account, w.region)
	zones := map[string]bool{}
	for _, id := range in.VPC.Subnets {
		s, err := place.Subnet(id)
		if err != nil {
			return "", "", nil, invalid("The subnet ID '%s' does not exist (Service: AmazonEC2; Status Code: 400; Error Code: InvalidSubnetID.NotFound)", id)
		}
		if vpc != "" && vpc != s.VPC {
			return "", "", nil, invalid("Subnets specified must belong to the same VPC")
		}
		for _, z := range place.Zones() {
			if z.Name == s.Zone && slices.Contains(unusedZones, z.ID) {
				return "", "", nil, refuse(400, "UnsupportedAvailabilityZoneException", "Cannot create cluster '%s' because EKS does not support creating control plane instances in %s, the targeted availability zone.", in.Name, s.Zone)
			}
		}
		vpc, zones[s.Zone] = s.VPC, true
	}
	if len(zones) < 2 {
		return "", "", nil, invalid("Subnets specified must be in at least two different AZs")
	}
	tags := map[string]string{"aws:eks:cluster-name": in.Name, "kubernetes.io/cluster/" + in.Name: "owned", "Name": "eks-cluster-sg-" + in.Name}
	maps.Copy(tags, in.Tags)
	g, err := place.CreateGroup(ec2.Group{Name: "eks-cluster-sg-" + in.Name + "-" + c.digits("sg")[:9], VPC: vpc, Thing: ec2.Thing{Tags: tags},
		Description: "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads."})
	if err != nil {
		return "", "", nil, invalid("%v", err)
	}
	if err := place.AuthorizeIngress(g.ID, ec2.Rule{Protocol: "-1", Group: g.ID}); err != nil {
		return "", "", nil, err
	}
	for _, id := range in.VPC.Subnets[:2] {
		n, err := place.CreateInterface(ec2.Interface{Subnet: id, Groups: append([]string{g.ID}, in.VPC.Groups...), Description: "Amazon EKS " + in.Name, Managed: true,
			Requester: w.account, Attachment: &ec2.Attachment{InstanceOwner: "amazon-eks"}})
		if err != nil {
			return "", "", nil, invalid("%v", err)
		}
		cards = append(cards, n.ID)
	}
	return vpc, g.ID, cards, nil
}

func (c *Cloud) describeCluster(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k := c.find(of(call), call.Path["name"], now)
	if k == nil {
		return nil, noCluster(call.Path["name"])
	}
	return map[string]any{"cluster": c.describe(k, now)}, nil
}

func (c *Cloud) describe(k *cluster, now time.Time) map[string]any {
	status := k.status(now, c.options.Delay)
	out := map[string]any{
		"name": k.name, "arn": k.arn, "createdAt": seconds(k.made), "version": k.asked.Version, "roleArn": k.asked.Role, "status": status, "tags": k.tags,
		"platformVersion": "eks.1", "clientRequestToken": k.token, "deletionProtection": k.protected, "logging": map[string]any{"clusterLogging": k.asked.Logging.Setup},
		"identity": map[string]any{"oidc": map[string]any{"issuer": k.issuer}},
		"resourcesVpcConfig": map[string]any{"subnetIds": k.asked.VPC.Subnets, "securityGroupIds": k.asked.VPC.Groups, "clusterSecurityGroupId": k.group, "vpcId": k.vpc,
			"endpointPublicAccess": truth(k.asked.VPC.Public), "endpointPrivateAccess": truth(k.asked.VPC.Private), "publicAccessCidrs": k.asked.VPC.CIDRs},
		"accessConfig": map[string]any{"authenticationMode": k.asked.Access.Mode}, "health": map[string]any{"issues": []any{}},
	}
	if status == active || status == deleting && k.endpoint != "" {
		out["endpoint"], out["certificateAuthority"] = k.endpoint, map[string]any{"data": k.authority}
	}
	if k.failed != "" {
		out["health"] = map[string]any{"issues": []any{map[string]any{"code": "InternalFailure", "message": k.failed}}}
	}
	return out
}

func (c *Cloud) listClusters(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	var names []string
	for _, k := range c.clusters {
		if k.where == of(call) && k.seen(now, c.options.Lag) {
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

func (c *Cloud) remove(k *cluster, name string, now time.Time) (answer any, stop bool, err error) {
	switch {
	case k == nil:
		return nil, false, noCluster(name)
	case k.protected:
		return nil, false, refuse(400, "InvalidRequestException", "Cannot delete cluster %s: deletion protection is enabled", name)
	case slices.ContainsFunc(k.nodes, func(n *nodeGroup) bool { return n.there(now) }):
		return nil, false, inUse("Cluster has nodegroups attached")
	case k.status(now, c.options.Delay) == creating:
		return nil, false, inUse("Cannot delete because cluster %s currently has an update in progress", name)
	case k.ending():
		return map[string]any{"cluster": c.describe(k, now)}, false, nil
	}
	k.gone = now.Add(c.options.Delay)
	return map[string]any{"cluster": c.describe(k, now)}, k.endpoint != "", nil
}

func (c *Cloud) describeVersions(_ context.Context, call *wire.Call) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []any
	for _, v := range c.versions {
		asked := call.Query["clusterVersions"]
		if len(asked) > 0 && !slices.Contains(asked, v.Name) || v.Support == "UNSUPPORTED" && call.Query.Get("includeAll") != "true" ||
			call.Query.Get("defaultOnly") == "true" && !v.Default {
			continue
		}
		list = append(list, map[string]any{"clusterVersion": v.Name, "clusterType": "eks", "defaultVersion": v.Default, "versionStatus": v.Support, "kubernetesPatchVersion": v.Name + ".3"})
	}
	return map[string]any{"clusterVersions": list}, nil
}
