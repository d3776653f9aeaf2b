package eks

import (
	"encoding/json"
	"errors"
	"fmt"
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
	// Size nodes are made, 2 when absent. Min and Max are how far an autoscaler may go;
	// they are Size when absent.
	Size *int32 `json:"size,omitempty"`
	Min  *int32 `json:"min,omitempty"`
	Max  *int32 `json:"max,omitempty"`
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
		return errors.New("wait: want a duration such as 45m")
	}
	var err error
	if d.Duration, err = time.ParseDuration(word); err != nil {
		return fmt.Errorf("wait: %q is no duration, write one such as 45m", word)
	}
	return nil
}

// Limits of what a cluster may be, and what is taken when nothing is said.
const (
	defaultWait  = 45 * time.Minute
	minWait      = time.Second
	maxWait      = 24 * time.Hour
	defaultCIDR  = "10.0.0.0/16"
	defaultSize  = 2
	maxNodes     = 450 // of one node group, by EKS' quota
	maxGroups    = 30
	maxDisk      = 16384 // GiB, of gp3
	maxTags      = 40    // 50 by AWS, beside ours and those of CloudFormation
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

// scaling is the least, the wanted and the greatest number of nodes.
func (g nodeGroup) scaling() (least, size, most int32) {
	size = defaultSize
	if g.Min != nil {
		size = max(size, *g.Min)
	}
	if g.Max != nil {
		size = min(size, *g.Max)
	}
	if g.Size != nil {
		size = *g.Size
	}
	least, most = size, max(size, 1) // EKS wants room for one, always
	if g.Min != nil {
		least = *g.Min
	}
	if g.Max != nil {
		most = *g.Max
	}
	return least, size, most
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
