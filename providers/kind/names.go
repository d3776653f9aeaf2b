package kind

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
)

// What Docker holds of one cluster:
//
//	volume     rekindle-kind-NAME: the claim. Names of volumes are exclusive, so
//	           of several makers one gets it. It comes first and goes last.
//	image      rekindle.invalid/kind-node:NAME.ID.ATTEMPT: the node image with our
//	           labels, which containers made from it inherit. Once it is removed,
//	           no docker command that is still under way can make another node.
//	image tags rekindle.invalid/kind-PHASE:NAME.ID: how far the cluster is
//	           in its life. All images of a cluster that is stopped may be pruned,
//	           so that its control planes have a file that says the same as the
//	           tag ready.
//	container  the nodes NAME-control-plane, NAME-worker2 …, made by kind; and for
//	           a moment rekindle-kind-NAME, from which the image is made
//
// The registry rekindle.invalid does not exist and never will (RFC 2606), so
// that nothing is pulled from there or pushed to it.
const (
	claimPrefix = "rekindle-kind-"
	registry    = "rekindle.invalid/"
	nodeImages  = registry + "kind-node"
)

// phase is a tag that says how far a cluster is.
type phase string

const (
	phaseReady    phase = "ready"    // it was made whole
	phaseStopped  phase = "stopped"  // it was stopped on purpose
	phaseDeleting phase = "deleting" // a delete began
)

// wholeFile is in the control planes of a cluster that was made whole. It bears
// the id: an image may be made from the node of another cluster.
func wholeFile(id string) string { return "/kind/rekindle-whole." + id }

func (ph phase) repository() string { return registry + "kind-" + string(ph) }

func (ph phase) ref(name, id string) string { return ph.repository() + ":" + name + "." + id }

// Labels on all that is ours.
const (
	labelProvider = "rekindle.io/provider" // "kind"
	labelRealm    = "rekindle.io/realm"
	labelCluster  = "rekindle.io/cluster" // its name
	labelID       = "rekindle.io/id"
	labelCreated  = "rekindle.io/created"        // RFC 3339
	labelNodes    = "rekindle.io/nodes"          // how many there have to be
	labelControls = "rekindle.io/control-planes" // how many of them are
	labelImage    = "rekindle.io/image"          // the node image as Docker knows it
	// labelPort is the port of the load balancer that kind puts before several
	// control planes; absent with one.
	labelPort    = "rekindle.io/port"
	labelVersion = "rekindle.io/version" // of Kubernetes, in the node image
	labelPart    = "rekindle.io/part"    // one of the parts
)

// Parts of a cluster that are containers.
const (
	partNode     = "node"
	partTemplate = "template" // what the node image is made from
)

// Labels of kind itself.
const (
	kindCluster  = "io.x-k8s.kind.cluster"
	kindRole     = "io.x-k8s.kind.role"
	roleControl  = "control-plane"
	roleBalancer = "external-load-balancer"
	// balancerImage is what kind v0.33.0 runs as load balancer, and pulls when it
	// is not there.
	balancerImage = "docker.io/envoyproxy/envoy:v1.36.2"
)

// apiPort is the port of the API server inside its container.
const apiPort = "6443/tcp"

// checkSpec refuses what is no DNS label of at most 40 characters, and ids that
// could be mistaken. Both become names of Docker's, and paths.
func checkSpec(name, id string) error { return errors.Join(checkName(name), checkID(id)) }

func checkName(name string) error { return providers.CheckName(ProviderName, name) }

func checkID(id string) error { return providers.CheckID(ProviderName, id) }

func claimName(name string) string { return claimPrefix + name }

// nodeImage is the image of one attempt at making a cluster. Each attempt has
// its own, so that what is left of an earlier one cannot add to a later one.
func nodeImage(name, id, attempt string) string {
	return nodeImages + ":" + name + "." + id + "." + attempt
}

// parseTag takes the tag of one of our images apart.
func parseTag(tag string) (name, id string, ok bool) {
	parts := strings.Split(tag, ".")
	if len(parts) < 2 || len(parts) > 3 || checkSpec(parts[0], parts[1]) != nil {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// nodeNames are the names that kind gives to the nodes of a cluster.
func nodeNames(cluster string, controlPlanes, workers int) []string {
	var names []string
	for role, n := range map[string]int{roleControl: controlPlanes, "worker": workers} {
		for i := range n {
			name := cluster + "-" + role
			if i > 0 {
				name += fmt.Sprint(i + 1)
			}
			names = append(names, name)
		}
	}
	if controlPlanes > 1 {
		names = append(names, cluster+"-"+roleBalancer)
	}
	return names
}

func foreign(name, holder string) error {
	return &providers.ForeignError{Provider: ProviderName, Name: name, Holder: holder}
}
