package eks

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// kind is what something in AWS is, as people call it.
type kind string

// What a cluster can leave behind, beside itself.
const (
	kindClassic   kind = "classic load balancer"
	kindBalancer  kind = "load balancer"
	kindTargets   kind = "target group"
	kindInstance  kind = "instance"
	kindGroup     kind = "security group"
	kindInterface kind = "network interface"
	kindVolume    kind = "volume"
	kindSnapshot  kind = "snapshot"
	kindLogs      kind = "log group"
	kindIssuer    kind = "OIDC provider"
	kindStack     kind = "stack"
)

// thing is something that AWS has, as far as it matters for whose it is.
type thing struct {
	kind kind
	// id is what AWS calls it in requests: an ARN, an id, or a name.
	id string
	// label is what it is called for people, beside its id; may be empty.
	label string
	tags  map[string]string
	// vpc is the network that it lies in; empty where there is none.
	vpc string
	// created is the zero time where AWS does not tell.
	created time.Time
	// groups are the security groups that it is in; of a security group those that
	// its rules name.
	groups []string
	// holders are the things that it belongs to: a target group's load balancers, a
	// volume's instances, a snapshot's volume.
	holders []string
	// free: nothing uses it. Asked of interfaces alone.
	free bool
	// why it is still there, where AWS says so.
	why string
}

// String names it for people.
func (t thing) String() string {
	if t.label == "" {
		return fmt.Sprintf("%s %s", t.kind, t.id)
	}
	return fmt.Sprintf("%s %s (%s)", t.kind, t.id, t.label)
}

// kept tells whether it may hold data, so that we never remove it.
func (t thing) kept() bool { return t.kind == kindVolume || t.kind == kindSnapshot }

// scope says what may be a cluster's.
type scope struct {
	mark
	// named: in this account and region the name is the cluster's, or was when it
	// went. What controllers have tagged with the name may then be the cluster's.
	named bool
	// since is when the cluster was made.
	since time.Time
	// vpc is the network that the cluster is in; ours when our stack made it.
	vpc     string
	ownsVPC bool
	// group is the security group that EKS made for the cluster.
	group string
}

// Tags of controllers. The first is followed by the cluster's name and has a value
// that says whether others share it; the others have the name for their value.
const (
	tagShared = "kubernetes.io/cluster/"
	owned     = "owned"
	// tagNode is on the interfaces that the VPC's network add-on makes.
	tagNode = "node.k8s.amazonaws.com/instance_id"
	// tagBalancing is on what the AWS Load Balancer Controller makes.
	tagBalancing = "elbv2.k8s.aws/cluster"
	// tagScaler is on instances that come back when they are removed.
	tagScaler = "aws:autoscaling:groupName"
)

func namingTags() []string {
	return []string{
		tagBalancing, "ingress.k8s.aws/cluster", "KubernetesCluster", "kubernetes.io/cluster-name", "cluster.k8s.amazonaws.com/name",
		"aws:eks:cluster-name", "eks:cluster-name", "eks:eks-cluster-name",
	}
}

// names tells whether tags of controllers name this cluster, and it alone.
func names(tags map[string]string, cluster string) bool {
	found := false
	for key, value := range tags {
		if rest, is := strings.CutPrefix(key, tagShared); is {
			if rest != cluster || value != owned {
				return false // another's, or shared with others
			}
			found = true
		} else if slices.Contains(namingTags(), key) {
			if value != cluster {
				return false
			}
			found = true
		}
	}
	return found
}

// marked tells whether it bears any tag of ours, of whichever cluster.
func marked(tags map[string]string) bool {
	for key := range tags {
		if strings.HasPrefix(key, tagPrefix) {
			return true
		}
	}
	return false
}

// bears tells whether it bears this cluster's name and id.
func (m mark) bears(tags map[string]string) bool {
	other, is := markOf(tags)
	return is && other.name == m.name && other.id == m.id
}

// claim is a thing that is the cluster's without bearing its mark.
type claim struct {
	thing
	// proof is why, for people.
	proof string
}

// claims are the things that controllers made for the cluster, each with its proof.
// The tags of controllers are a name, which anybody can give to a cluster, so that
// more is asked for: the network of our stack, the cluster's own security group, a
// thing that is proven already, or its age. What bears a mark of ours needs no
// proof when it is this cluster's, and cannot have any when it is another's.
func (s scope) claims(all []thing) []claim {
	if !s.named {
		return nil
	}
	k := s.known(all)
	var found []claim
	for _, kind := range []kind{kindInstance, kindClassic, kindBalancer, kindTargets, kindGroup, kindInterface, kindVolume, kindSnapshot, kindLogs} {
		for _, t := range all {
			if t.kind != kind || marked(t.tags) {
				continue
			}
			if proof := s.proof(t, k); proof != "" {
				k.take(t)
				found = append(found, claim{thing: t, proof: proof})
			}
		}
	}
	return found
}

// knowledge is what is proven so far.
type knowledge struct {
	// things are ids of things that are the cluster's.
	things map[string]bool
	// worn are the security groups that these are in, or name.
	worn map[string]bool
	// rivals: the name is also on something in another network, so that another
	// cluster may be called the same.
	rivals bool
}

func (k knowledge) take(t thing) {
	k.things[t.id] = true
	for _, g := range t.groups {
		k.worn[g] = true
	}
}

func (s scope) known(all []thing) knowledge {
	k := knowledge{things: map[string]bool{}, worn: map[string]bool{}}
	if s.group != "" {
		k.things[s.group] = true
	}
	for _, t := range all {
		if s.bears(t.tags) || t.kind == kindGroup && s.group != "" && t.id == s.group {
			k.take(t)
		}
		k.rivals = k.rivals || t.vpc != "" && t.vpc != s.vpc && names(t.tags, s.name)
	}
	return k
}

// proof says why a thing is the cluster's; it is empty when nothing proves that.
func (s scope) proof(t thing, k knowledge) string {
	younger := !t.created.IsZero() && !s.since.IsZero() && !t.created.Before(s.since)
	switch t.kind {
	case kindLogs:
		if t.id == logGroup(s.name) && younger {
			return "EKS made it for the cluster"
		}
		return ""
	case kindVolume, kindSnapshot:
		return s.proofOfDisk(t, k, younger)
	case kindIssuer, kindStack:
		return "" // we make them, with our tags
	}
	within := slices.ContainsFunc(t.groups, func(g string) bool { return k.things[g] })
	byNode := t.kind == kindInterface && within && t.tags[tagNode] != ""
	switch {
	case s.vpc == "" || t.vpc != s.vpc:
		return ""
	case !names(t.tags, s.name) && !byNode:
		return ""
	case t.kind == kindGroup && t.id == s.group:
		return "EKS made it for the cluster"
	case s.ownsVPC:
		return "it is in the network that was made for the cluster"
	case t.kind == kindGroup && !byController(t):
		return "" // the tag alone is also put on groups that people made for nodes
	case within:
		return "it goes with a security group of the cluster"
	case slices.ContainsFunc(t.holders, func(id string) bool { return k.things[id] }), t.kind == kindGroup && k.worn[t.id]:
		return "it belongs to something of the cluster"
	case younger:
		return "it is younger than the cluster, and in its network"
	}
	return ""
}

// byController tells that a security group was made by EKS, or by the controllers of load
// balancers: that of Kubernetes calls it so, the other one tags it.
func byController(t thing) bool {
	return strings.HasPrefix(t.label, "eks-cluster-sg-") || strings.HasPrefix(t.label, "k8s-elb-") || t.tags[tagBalancing] != ""
}

// proofOfDisk: volumes and snapshots lie in no network. What holds one says most;
// without that its age does, unless another cluster may be called the same.
func (s scope) proofOfDisk(t thing, k knowledge, younger bool) string {
	switch {
	case !names(t.tags, s.name):
		return ""
	case slices.ContainsFunc(t.holders, func(id string) bool { return k.things[id] }):
		return "it belongs to something of the cluster"
	case t.kind == kindVolume && len(t.holders) > 0: // an instance of somebody else
		return ""
	case younger && !k.rivals:
		return "it is younger than the cluster, and no other of that name is known"
	}
	return ""
}

// logGroup is where EKS writes a control plane's logs.
func logGroup(cluster string) string { return "/aws/eks/" + cluster + "/cluster" }
