package capture

import "strings"

// Hand is what a field manager is, as far as its name tells. Names are what
// programs say of themselves: nothing proves them.
type Hand int

const (
	// Somebody is a person, a tool that brings to the cluster what people wrote, or
	// a program of which nothing is known.
	Somebody Hand = iota
	// Controller is a program that is named as controllers are.
	Controller
	// Component is a part of Kubernetes itself.
	Component
)

// HandOf tells what a field manager is.
func HandOf(manager string) Hand {
	name, _, _ := strings.Cut(manager, "/")
	name = strings.ToLower(name)
	switch {
	case components[name], strings.HasPrefix(name, "vpa-"), strings.HasPrefix(name, "api-priority-and-fairness-"):
		return Component
	case IsDeployer(name):
		return Somebody
	case controllers[name], strings.HasPrefix(name, "cert-manager-"), hasSuffix(name, controllerSuffixes):
		return Controller
	}
	return Somebody
}

// IsDeployer tells whether a field manager is a tool that brings manifests to
// clusters: what it writes is what people wrote elsewhere, also when it is named
// as a controller is.
func IsDeployer(manager string) bool {
	name := strings.ToLower(manager)
	for _, prefix := range deployers {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// components are the programs that Kubernetes itself consists of: those of
// kubeadm's clusters and kubeadm, the one program of k3s and MicroK8s, the autoscalers of the
// project, and the simulated nodes of local clusters.
var components = map[string]bool{
	"kube-apiserver": true, "kube-controller-manager": true, "kube-scheduler": true, "kubelet": true, "kube-proxy": true,
	"cloud-controller-manager": true, "cloud-node-manager": true, "clusterrole-aggregation-controller": true,
	"cluster-autoscaler": true, "k3s": true, "kubelite": true, "hyperkube": true, "kwok": true, "kwok-controller": true,
	"kubeadm": true,
}

// controllers are whole names: kubebuilder and the Operator SDK call the program
// they make "manager", others call theirs by what it is.
var controllers = map[string]bool{"manager": true, "cainjector": true}

var controllerSuffixes = []string{"controller", "controllers", "controller-manager", "operator", "webhook", "injector", "autoscaler"}

// deployers are prefixes, in lower case.
var deployers = []string{"argocd", "argo-cd", "flux", "kustomize", "helm", "kapp", "fleet", "terraform", "hashicorp", "pulumi", "kubectl"}

func hasSuffix(name string, suffixes []string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
