package eks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// settings are what rekindle.yaml may say below `settings`.
type settings struct {
	// Region is where the cluster is made, "eu-central-1".
	Region string `json:"region"`
	// Allow says in which accounts and regions anything may be made or removed.
	// Accounts must not be empty: credentials for another account are refused.
	Allow allow `json:"allow"`
	// Version of Kubernetes, "1.33"; what EKS takes for its default when empty.
	Version string `json:"version,omitempty"`
	// Role is the ARN of the cluster's role, NodeRole that of its nodes. Both are
	// made by our stack when empty.
	Role     string `json:"role,omitempty"`
	NodeRole string `json:"nodeRole,omitempty"`
	// Network names subnets that are there already; a stack of ours makes a VPC when
	// it is absent.
	Network *network `json:"network,omitempty"`
	// CIDR is the address range of the VPC that we make; 10.0.0.0/16 when empty.
	CIDR     string   `json:"cidr,omitempty"`
	Endpoint endpoint `json:"endpoint,omitzero"`
	// Logging are the control plane's logs that go to CloudWatch.
	Logging []string `json:"logging,omitempty"`
	// KeepLogs leaves their log group when the cluster is deleted.
	KeepLogs bool `json:"keepLogs,omitempty"`
	// EncryptionKey is the ARN of a KMS key for Secrets in etcd.
	EncryptionKey string        `json:"encryptionKey,omitempty"`
	NodeGroups    []nodeGroup   `json:"nodeGroups,omitempty"`
	Addons        []addon       `json:"addons,omitempty"`
	Access        []access      `json:"access,omitempty"`
	PodIdentities []podIdentity `json:"podIdentities,omitempty"`
	// IRSA makes an OIDC provider in IAM, for roles of service accounts that trust
	// one. Pod identities need none.
	IRSA bool `json:"irsa,omitempty"`
	// Tags are put on everything that is made, beside ours.
	Tags map[string]string `json:"tags,omitempty"`
	// Wait bounds how long a create may take; 45 minutes when absent.
	Wait duration `json:"wait,omitzero"`
}

// allow is where the provider may work.
type allow struct {
	// Accounts are numbers of AWS accounts, of twelve digits.
	Accounts []string `json:"accounts"`
	// Regions are all others too when empty: Region says where.
	Regions []string `json:"regions,omitempty"`
}

// network is what is there already and is used.
type network struct {
	// Subnets of at least two availability zones, of one VPC.
	Subnets []string `json:"subnets"`
	// SecurityGroups are put on the control plane's interfaces, beside EKS' own.
	SecurityGroups []string `json:"securityGroups,omitempty"`
}

// endpoint says from where the API server is reached.
type endpoint struct {
	// Public and Private are true and true when absent.
	Public  *bool `json:"public,omitempty"`
	Private *bool `json:"private,omitempty"`
	// CIDRs may reach the public one; anybody when empty.
	CIDRs []string `json:"cidrs,omitempty"`
}

// nodeGroup is a managed node group.
type nodeGroup struct {
	Name          string   `json:"name"`
	InstanceTypes []string `json:"instanceTypes"`
	// Capacity is on-demand (when empty) or spot.
	Capacity string `json:"capacity,omitempty"`
	// Size nodes are made, at least Min and at most Max: 2, Size and Size when 0.
	Size int32 `json:"size,omitempty"`
	Min  int32 `json:"min,omitempty"`
	Max  int32 `json:"max,omitempty"`
	// Disk is the size of a node's disk in GiB; 20 when 0.
	Disk int32 `json:"disk,omitempty"`
	// AMI is a type of image as EKS names them: AL2023_x86_64_STANDARD.
	AMI    string            `json:"ami,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Taints []taint           `json:"taints,omitempty"`
}

// taint is one of Kubernetes'.
type taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// addon is one of EKS' add-ons.
type addon struct {
	Name string `json:"name"`
	// Version is as EKS writes it, v1.19.0-eksbuild.1; its default when empty.
	Version string `json:"version,omitempty"`
	// Configuration is the add-on's own.
	Configuration map[string]any `json:"configuration,omitempty"`
}

// access lets somebody of IAM into the cluster.
type access struct {
	// Principal is the ARN of a role or user.
	Principal string `json:"principal"`
	// Policy is one of EKS' access policies by its last word, AmazonEKSViewPolicy;
	// Namespaces are where it holds, everywhere when empty.
	Policy     string   `json:"policy,omitempty"`
	Namespaces []string `json:"namespaces,omitempty"`
	// Groups are groups of Kubernetes' that the principal is in.
	Groups []string `json:"groups,omitempty"`
}

// podIdentity gives the pods of a service account a role of IAM.
type podIdentity struct {
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	Role           string `json:"role"`
}

// duration is a time.Duration in words, "45m".
type duration struct{ time.Duration }

func (d *duration) UnmarshalJSON(raw []byte) error {
	var word string
	if err := json.Unmarshal(raw, &word); err != nil {
		return errors.New("settings.wait: want a duration such as 45m")
	}
	var err error
	if d.Duration, err = time.ParseDuration(word); err != nil {
		return fmt.Errorf("settings.wait: %q is no duration, write one such as 45m", word)
	}
	return nil
}

// Limits of what a cluster may be, and what is taken when nothing is said.
const (
	defaultWait  = 45 * time.Minute
	minWait      = time.Second
	defaultCIDR  = "10.0.0.0/16"
	defaultSize  = 2
	maxNodes     = 450 // of one node group, by EKS' quota
	maxGroups    = 30
	capacitySpot = "spot"
	onDemand     = "on-demand"
)

func decode(s providers.Settings) (settings, error) {
	var out settings
	if err := s.Decode(&out); err != nil {
		return settings{}, err
	}
	return out, out.check()
}

var (
	regionShape   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	accountShape  = regexp.MustCompile(`^\d{12}$`)
	versionShape  = regexp.MustCompile(`^1\.\d{2}$`)
	roleShape     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}$`)
	whoShape      = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]{1,576}$`)
	keyShape      = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[\w/-]{1,256}$`)
	subnetShape   = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	groupShape    = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	nameShape     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
	instanceShape = regexp.MustCompile(`^[a-z0-9-]{1,16}\.[a-z0-9-]{1,16}$`)
	policyShape   = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
	wordShape     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
)

// complaint takes what is wrong with a field.
type complaint func(field, format string, args ...any)

// in complains about the fields of a part.
func (bad complaint) in(part string) complaint {
	return func(field, format string, args ...any) { bad(part+"."+field, format, args...) }
}

func (s settings) check() error {
	var errs []error
	bad := complaint(func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("settings."+field+": "+format, args...))
	})
	s.checkPlace(bad)
	s.checkControlPlane(bad)
	s.checkNodes(bad)
	s.checkAccess(bad)
	s.checkTags(bad)
	if w := s.Wait.Duration; w != 0 && w < minWait {
		bad("wait", "%s is less than %s", w, minWait)
	}
	return errors.Join(errs...)
}

func (s settings) checkPlace(bad complaint) {
	if !regionShape.MatchString(s.Region) {
		bad("region", "%q is no region, want one such as eu-central-1", s.Region)
	}
	if len(s.Allow.Accounts) == 0 {
		bad("allow.accounts", "name the accounts in which clusters may be made and removed, such as [\"123456789012\"]")
	}
	for i, a := range s.Allow.Accounts {
		if !accountShape.MatchString(a) {
			bad(fmt.Sprintf("allow.accounts[%d]", i), "%q is no account, want twelve digits in quotes", a)
		}
	}
	for i, r := range s.Allow.Regions {
		if !regionShape.MatchString(r) {
			bad(fmt.Sprintf("allow.regions[%d]", i), "%q is no region", r)
		}
	}
	if len(s.Allow.Regions) > 0 && !slices.Contains(s.Allow.Regions, s.Region) {
		bad("region", "%s is none of allow.regions (%s)", s.Region, strings.Join(s.Allow.Regions, ", "))
	}
	if s.Network == nil {
		if p, err := netip.ParsePrefix(s.cidr()); err != nil || !p.Addr().Is4() || p.Bits() < 16 || p.Bits() > 22 || p != p.Masked() {
			bad("cidr", "%q is no range for a VPC, want one such as %s, of 16 to 22 bits", s.CIDR, defaultCIDR)
		}
		return
	}
	if s.CIDR != "" {
		bad("cidr", "network says which subnets are used: give one of the two")
	}
	if len(s.Network.Subnets) < 2 {
		bad("network.subnets", "EKS wants two or more, in different availability zones")
	}
	for i, n := range s.Network.Subnets {
		if !subnetShape.MatchString(n) {
			bad(fmt.Sprintf("network.subnets[%d]", i), "%q is no subnet's ID", n)
		}
	}
	for i, g := range s.Network.SecurityGroups {
		if !groupShape.MatchString(g) {
			bad(fmt.Sprintf("network.securityGroups[%d]", i), "%q is no security group's ID", g)
		}
	}
}

// logTypes are what a control plane can log.
var logTypes = []string{"api", "audit", "authenticator", "controllerManager", "scheduler"} //nolint:gochecknoglobals // a list that does not change

func (s settings) checkControlPlane(bad complaint) {
	if s.Version != "" && !versionShape.MatchString(s.Version) {
		bad("version", "%q is no version of EKS, want one such as \"1.33\", in quotes", s.Version)
	}
	for field, role := range map[string]string{"role": s.Role, "nodeRole": s.NodeRole} {
		if role != "" && !roleShape.MatchString(role) {
			bad(field, "%q is no role's ARN", role)
		}
	}
	if s.EncryptionKey != "" && !keyShape.MatchString(s.EncryptionKey) {
		bad("encryptionKey", "%q is no KMS key's ARN", s.EncryptionKey)
	}
	for i, l := range s.Logging {
		if !slices.Contains(logTypes, l) {
			bad(fmt.Sprintf("logging[%d]", i), "%q is none of %s", l, strings.Join(logTypes, ", "))
		}
	}
	if !s.Endpoint.public() && !s.Endpoint.private() {
		bad("endpoint", "neither public nor private: nobody could reach the API server")
	}
	for i, c := range s.Endpoint.CIDRs {
		if _, err := netip.ParsePrefix(c); err != nil {
			bad(fmt.Sprintf("endpoint.cidrs[%d]", i), "%q is no range of addresses", c)
		}
	}
}

func (s settings) checkNodes(bad complaint) {
	if len(s.NodeGroups) > maxGroups {
		bad("nodeGroups", "%d are more than %d", len(s.NodeGroups), maxGroups)
	}
	seen := map[string]bool{}
	for i, g := range s.NodeGroups {
		in := bad.in(fmt.Sprintf("nodeGroups[%d]", i))
		g.check(in)
		if seen[g.Name] {
			in("name", "%q is another group's, too", g.Name)
		}
		seen[g.Name] = true
	}
	for i, a := range s.Addons {
		in := bad.in(fmt.Sprintf("addons[%d]", i))
		if !nameShape.MatchString(a.Name) {
			in("name", "%q is no add-on's name", a.Name)
		}
		if seen["addon/"+a.Name] {
			in("name", "%q is there twice", a.Name)
		}
		seen["addon/"+a.Name] = true
	}
}

func (g nodeGroup) check(bad complaint) {
	if !nameShape.MatchString(g.Name) {
		bad("name", "%q is no name for a node group", g.Name)
	}
	if len(g.InstanceTypes) == 0 {
		bad("instanceTypes", "name one or more, such as [m6i.large]")
	}
	for i, t := range g.InstanceTypes {
		if !instanceShape.MatchString(t) {
			bad(fmt.Sprintf("instanceTypes[%d]", i), "%q is no instance type", t)
		}
	}
	if g.Capacity != "" && g.Capacity != onDemand && g.Capacity != capacitySpot {
		bad("capacity", "%q is neither %s nor %s", g.Capacity, onDemand, capacitySpot)
	}
	least, size, most := g.scaling()
	if least < 0 || least > size || size > most || most < 1 || most > maxNodes {
		bad("size", "want 0 <= min (%d) <= size (%d) <= max (%d) <= %d", least, size, most, maxNodes)
	}
	for i, t := range g.Taints {
		if t.Key == "" || !slices.Contains([]string{"NoSchedule", "NoExecute", "PreferNoSchedule"}, t.Effect) {
			bad(fmt.Sprintf("taints[%d]", i), "want a key, and NoSchedule, NoExecute or PreferNoSchedule as effect")
		}
	}
}

// scaling is the least, the wanted and the greatest number of nodes.
func (g nodeGroup) scaling() (least, size, most int32) {
	size = g.Size
	if size == 0 {
		size = max(g.Min, defaultSize)
		if g.Max > 0 {
			size = min(size, g.Max)
		}
	}
	least, most = g.Min, g.Max
	if least == 0 {
		least = size
	}
	if most == 0 {
		most = size
	}
	return least, size, most
}

func (s settings) checkAccess(bad complaint) {
	for i, a := range s.Access {
		in := bad.in(fmt.Sprintf("access[%d]", i))
		if !whoShape.MatchString(a.Principal) {
			in("principal", "%q is the ARN of no role or user", a.Principal)
		}
		if a.Policy == "" && len(a.Groups) == 0 {
			in("policy", "name a policy such as AmazonEKSClusterAdminPolicy, or groups")
		}
		if a.Policy != "" && !policyShape.MatchString(a.Policy) {
			in("policy", "%q is no access policy's name", a.Policy)
		}
		if a.Policy == "" && len(a.Namespaces) > 0 {
			in("namespaces", "they limit a policy, and none is named")
		}
	}
	for i, p := range s.PodIdentities {
		in := bad.in(fmt.Sprintf("podIdentities[%d]", i))
		for field, word := range map[string]string{"namespace": p.Namespace, "serviceAccount": p.ServiceAccount} {
			if !wordShape.MatchString(word) {
				in(field, "%q is no name of Kubernetes'", word)
			}
		}
		if !roleShape.MatchString(p.Role) {
			in("role", "%q is no role's ARN", p.Role)
		}
	}
}

func (s settings) checkTags(bad complaint) {
	for key := range s.Tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") || strings.HasPrefix(key, tagPrefix) || key == "" || len(key) > 128 {
			bad("tags", "%q cannot be a tag's key here", key)
		}
	}
}

func (s settings) cidr() string {
	if s.CIDR == "" {
		return defaultCIDR
	}
	return s.CIDR
}

func (s settings) wait() time.Duration {
	if s.Wait.Duration == 0 {
		return defaultWait
	}
	return s.Wait.Duration
}

func (e endpoint) public() bool  { return e.Public == nil || *e.Public }
func (e endpoint) private() bool { return e.Private == nil || *e.Private }
