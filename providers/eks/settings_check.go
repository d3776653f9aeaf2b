package eks

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

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
	tagShape      = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$`)
	wordShape     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
)

// Examples are shown to whoever wrote something else.
const (
	regionExample = "eu-central-1"
	roleExample   = "arn:aws:iam::123456789012:role/name"
)

// complaint takes what is wrong with a field, and what is wanted there.
type complaint func(field, format string, args ...any)

// in complains about the fields of a part.
func (bad complaint) in(part string) complaint {
	return func(field, format string, args ...any) { bad(part+"."+field, format, args...) }
}

// at is a field of a list.
func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

func (s settings) check() error {
	var errs []error
	bad := complaint(func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("settings.%s: %s", field, fmt.Sprintf(format, args...)))
	})
	s.checkPlace(bad)
	s.checkNetwork(bad)
	s.checkControlPlane(bad)
	s.checkNodes(bad)
	s.checkAccess(bad)
	s.checkTags(bad)
	if w := s.Wait.Duration; w != 0 && (w < minWait || w > maxWait) {
		bad("wait", "%s: want something between %s and %s", w, minWait, maxWait)
	}
	return errors.Join(errs...)
}

func (s settings) checkPlace(bad complaint) {
	if !regionShape.MatchString(s.Region) {
		bad("region", "%q is no region, want one such as %s", s.Region, regionExample)
	}
	if len(s.Allow.Accounts) == 0 {
		bad("allow.accounts", "name the accounts in which clusters may be made and removed, such as [\"123456789012\"]")
	}
	for i, a := range s.Allow.Accounts {
		if !accountShape.MatchString(a) {
			bad(at("allow.accounts", i), "%q is no account, want twelve digits in quotes", a)
		}
	}
	for i, r := range s.Allow.Regions {
		if !regionShape.MatchString(r) {
			bad(at("allow.regions", i), "%q is no region, want one such as %s", r, regionExample)
		}
	}
	if len(s.Allow.Regions) > 0 && !slices.Contains(s.Allow.Regions, s.Region) {
		bad("region", "%s is not allowed: want one of allow.regions (%s)", s.Region, strings.Join(s.Allow.Regions, ", "))
	}
}

func (s settings) checkNetwork(bad complaint) {
	if s.Network == nil {
		if p, err := netip.ParsePrefix(s.cidr()); err != nil || !p.Addr().Is4() || p.Bits() < 16 || p.Bits() > 22 || p != p.Masked() {
			bad("cidr", "%q is no range for a VPC, want one such as %s, of 16 to 22 bits", s.CIDR, defaultCIDR)
		}
		return
	}
	if s.CIDR != "" {
		bad("cidr", "network says which subnets are used: give one of the two")
	}
	if len(s.Network.Subnets) < zones {
		bad("network.subnets", "name two or more, in different availability zones: EKS wants that")
	}
	for i, n := range s.Network.Subnets {
		if !subnetShape.MatchString(n) {
			bad(at("network.subnets", i), "%q is no subnet's ID, want one such as subnet-0123456789abcdef0", n)
		}
	}
	for i, g := range s.Network.SecurityGroups {
		if !groupShape.MatchString(g) {
			bad(at("network.securityGroups", i), "%q is no security group's ID, want one such as sg-0123456789abcdef0", g)
		}
	}
}

// logTypes are what a control plane can log.
var logTypes = []string{"api", "audit", "authenticator", "controllerManager", "scheduler"}

func (s settings) checkControlPlane(bad complaint) {
	if s.Version != "" && !versionShape.MatchString(s.Version) {
		bad("version", "%q is no version of EKS, want one such as \"1.33\", in quotes", s.Version)
	}
	for _, r := range []struct{ field, role string }{{"role", s.Role}, {"nodeRole", s.NodeRole}} {
		if r.role != "" && !roleShape.MatchString(r.role) {
			bad(r.field, "%q is no role's ARN, want one such as %s", r.role, roleExample)
		}
	}
	if s.EncryptionKey != "" && !keyShape.MatchString(s.EncryptionKey) {
		bad("encryptionKey", "%q is no KMS key's ARN, want one such as arn:aws:kms:eu-central-1:123456789012:key/…", s.EncryptionKey)
	}
	for i, l := range s.Logging {
		if !slices.Contains(logTypes, l) {
			bad(at("logging", i), "%q is no log of a control plane, want one of %s", l, strings.Join(logTypes, ", "))
		}
	}
	if !s.Endpoint.public() && !s.Endpoint.private() {
		bad("endpoint", "neither public nor private: nobody could reach the API server, so set one of them")
	}
	if !s.Endpoint.public() && len(s.Endpoint.CIDRs) > 0 {
		bad("endpoint.cidrs", "they are about the public endpoint, which public: false takes away: leave one of the two out")
	}
	for i, c := range s.Endpoint.CIDRs {
		if p, err := netip.ParsePrefix(c); err != nil || p != p.Masked() {
			bad(at("endpoint.cidrs", i), "%q is no range of addresses, want one such as 203.0.113.0/24", c)
		}
	}
}

func (s settings) checkNodes(bad complaint) {
	if len(s.NodeGroups) > maxGroups {
		bad("nodeGroups", "%d are more than EKS allows: want %d at most", len(s.NodeGroups), maxGroups)
	}
	groups, addons := map[string]bool{}, map[string]bool{}
	for i, g := range s.NodeGroups {
		in := bad.in(at("nodeGroups", i))
		g.check(in)
		once(groups, g.Name, "name", in)
	}
	for i, a := range s.Addons {
		in := bad.in(at("addons", i))
		if !nameShape.MatchString(a.Name) {
			in("name", "%q is no add-on's name, want one such as vpc-cni", a.Name)
		}
		once(addons, a.Name, "name", in)
	}
}

// once complains about what was seen before.
func once(seen map[string]bool, word, field string, bad complaint) {
	if seen[word] {
		bad(field, "%q is there twice: leave one out", word)
	}
	seen[word] = true
}

func (g nodeGroup) check(bad complaint) {
	if !nameShape.MatchString(g.Name) {
		bad("name", "%q is no name for a node group: want 1 to 63 letters, digits, '-' and '_'", g.Name)
	}
	if len(g.InstanceTypes) == 0 {
		bad("instanceTypes", "name one or more, such as [m6i.large]")
	}
	for i, t := range g.InstanceTypes {
		if !instanceShape.MatchString(t) {
			bad(at("instanceTypes", i), "%q is no instance type, want one such as m6i.large", t)
		}
	}
	if g.Capacity != "" && g.Capacity != onDemand && g.Capacity != capacitySpot {
		bad("capacity", "%q: want %s or %s", g.Capacity, onDemand, capacitySpot)
	}
	least, size, most := g.scaling()
	if least < 0 || least > size || size > most || most < 1 || most > maxNodes {
		bad("size", "want 0 <= min (%d) <= size (%d) <= max (%d) <= %d, and room for one node", least, size, most, maxNodes)
	}
	if g.Disk < 0 || g.Disk > maxDisk {
		bad("disk", "%d: want 1 to %d GiB", g.Disk, maxDisk)
	}
	if g.AMI != "" && !slices.Contains(types.AMITypes("").Values(), types.AMITypes(g.AMI)) {
		bad("ami", "%q is no type of image, want one such as %s", g.AMI, types.AMITypesAl2023X8664Standard)
	}
	for i, t := range g.Taints {
		if _, known := taintEffects[t.Effect]; t.Key == "" || !known {
			bad(at("taints", i), "want a key, and NoSchedule, NoExecute or PreferNoSchedule as effect")
		}
	}
}

func (s settings) checkAccess(bad complaint) {
	principals, accounts := map[string]bool{}, map[string]bool{}
	for i, a := range s.Access {
		in := bad.in(at("access", i))
		if !whoShape.MatchString(a.Principal) {
			in("principal", "%q is the ARN of no role or user, want one such as %s", a.Principal, roleExample)
		}
		once(principals, a.Principal, "principal", in)
		if a.Policy == "" && len(a.Groups) == 0 {
			in("policy", "name a policy such as AmazonEKSClusterAdminPolicy, or groups")
		}
		if a.Policy != "" && !policyShape.MatchString(a.Policy) {
			in("policy", "%q is no access policy's name, want one such as AmazonEKSViewPolicy", a.Policy)
		}
		if a.Policy == "" && len(a.Namespaces) > 0 {
			in("namespaces", "they limit a policy, and none is named: name one")
		}
	}
	for i, p := range s.PodIdentities {
		in := bad.in(at("podIdentities", i))
		for _, n := range []struct{ field, word string }{{"namespace", p.Namespace}, {"serviceAccount", p.ServiceAccount}} {
			if !wordShape.MatchString(n.word) {
				in(n.field, "%q is no name of Kubernetes: want small letters, digits, '-' and '.'", n.word)
			}
		}
		once(accounts, p.Namespace+"/"+p.ServiceAccount, "serviceAccount", in)
		if !roleShape.MatchString(p.Role) {
			in("role", "%q is no role's ARN, want one such as %s", p.Role, roleExample)
		}
	}
}

func (s settings) checkTags(bad complaint) {
	if len(s.Tags) > maxTags {
		bad("tags", "%d are too many: want %d at most", len(s.Tags), maxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		if value := s.Tags[key]; !goodKey(key) || value != "" && !tagShape.MatchString(value) || len(value) > 256 {
			bad("tags", "%q: %q cannot be a tag here: want letters, digits, spaces and _.:/=+-@, and a key that is not of AWS, Kubernetes or ours", key, value)
		}
	}
}

// goodKey tells whether a tag may be called so by the settings.
func goodKey(key string) bool {
	low := strings.ToLower(key)
	return tagShape.MatchString(key) && len(key) <= 128 && !strings.HasPrefix(low, "aws:") && !strings.HasPrefix(low, tagPrefix) &&
		!strings.HasPrefix(low, "kubernetes.io/cluster/") && !strings.HasPrefix(low, "elbv2.k8s.aws/")
}
