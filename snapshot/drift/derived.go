package drift

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// fleeting are kinds whose objects controllers and kubelets make and nobody
// declares: they are never unexpected, and are not even listed.
var fleeting = map[schema.GroupKind]bool{
	{Kind: "Event"}:                                                   true,
	{Group: "events.k8s.io", Kind: "Event"}:                           true,
	{Kind: "Endpoints"}:                                               true,
	{Group: "discovery.k8s.io", Kind: "EndpointSlice"}:                true,
	{Group: "coordination.k8s.io", Kind: "Lease"}:                     true,
	{Group: "coordination.k8s.io", Kind: "LeaseCandidate"}:            true,
	{Group: "apps", Kind: "ControllerRevision"}:                       true,
	{Kind: "Node"}:                                                    true,
	{Kind: "ComponentStatus"}:                                         true,
	{Group: "storage.k8s.io", Kind: "CSINode"}:                        true,
	{Group: "storage.k8s.io", Kind: "CSIStorageCapacity"}:             true,
	{Group: "storage.k8s.io", Kind: "VolumeAttachment"}:               true,
	{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}: true,
	{Group: "networking.k8s.io", Kind: "IPAddress"}:                   true,
	{Group: "resource.k8s.io", Kind: "ResourceSlice"}:                 true,
	{Group: "internal.apiserver.k8s.io", Kind: "StorageVersion"}:      true,
	{Group: "metrics.k8s.io", Kind: "PodMetrics"}:                     true,
	{Group: "metrics.k8s.io", Kind: "NodeMetrics"}:                    true,
}

// Derived tells whether u was made by Kubernetes or by a controller rather than
// by a person, so that finding it is no surprise. It needs no more than u's
// metadata.
func Derived(id object.ID, u *unstructured.Unstructured) bool {
	return fleeting[id.GroupKind()] || len(u.GetOwnerReferences()) > 0 || System(id, u)
}

// System tells whether u is one of the objects that every cluster has: nobody
// restores them and nobody may prune them, whatever marks they bear.
func System(id object.ID, u *unstructured.Unstructured) bool {
	labels, annotations := u.GetLabels(), u.GetAnnotations()
	if labels["kubernetes.io/bootstrapping"] == "rbac-defaults" ||
		labels["kube-aggregator.kubernetes.io/automanaged"] != "" ||
		labels["applyset.kubernetes.io/id"] != "" ||
		annotations["apf.kubernetes.io/autoupdate-spec"] != "" {
		return true
	}
	return systemName(id, annotations)
}

func systemName(id object.ID, annotations map[string]string) bool {
	switch id.GroupKind().String() {
	case "Namespace":
		return id.Name == "default" || systemNamespace(id.Name)
	case "Service":
		return id.Namespace == "default" && id.Name == "kubernetes"
	case "ServiceAccount":
		return id.Name == "default"
	case "ConfigMap":
		return id.Name == "kube-root-ca.crt" || id.Namespace == "kube-system" && systemConfigMap(id.Name)
	case "Secret":
		return annotations["kubernetes.io/service-account.name"] != "" ||
			strings.HasPrefix(id.Name, "sh.helm.release.v1.") ||
			id.Namespace == "kube-system" && strings.HasPrefix(id.Name, "bootstrap-token-")
	case "PersistentVolume":
		return annotations["pv.kubernetes.io/provisioned-by"] != ""
	case "Pod":
		return annotations["kubernetes.io/config.mirror"] != ""
	case "PriorityClass.scheduling.k8s.io":
		return strings.HasPrefix(id.Name, "system-")
	case "ServiceCIDR.networking.k8s.io":
		return id.Name == "kubernetes"
	case "ClusterRole.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io",
		"Role.rbac.authorization.k8s.io", "RoleBinding.rbac.authorization.k8s.io":
		return strings.HasPrefix(id.Name, "system:") || strings.HasPrefix(id.Name, "kubeadm:")
	}
	return false
}

func systemNamespace(name string) bool {
	return name == "kube-system" || name == "kube-public" || name == "kube-node-lease"
}

func systemConfigMap(name string) bool {
	return name == "extension-apiserver-authentication" || name == "kube-apiserver-legacy-service-account-token-tracking"
}
