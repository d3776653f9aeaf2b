package capture

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

// controlPlane are the field managers of Kubernetes' own components.
var controlPlane = map[string]bool{
	"kube-apiserver": true, "kube-controller-manager": true, "cloud-controller-manager": true, "kube-scheduler": true, "kubelet": true,
}

// peoplesTools are field managers under which people change objects by hand.
// What controllers and webhooks add goes under other names and is their
// business.
var peoplesTools = map[string]bool{
	"kubectl": true, "oc": true, "k9s": true, "helm": true, "Lens": true, "node-fetch": true, "curl": true, "Mozilla": true,
	"HashiCorp": true, "Terraform": true, "terraform": true, "pulumi": true, "pulumi-kubernetes": true,
	"OpenAPI-Generator": true, "kustomize": true, "unknown": true,
}

// IsPeoples tells whether a field manager is a tool that people work with by
// hand.
func IsPeoples(manager string) bool {
	name, _, _ := strings.Cut(manager, "/")
	return peoplesTools[name] || strings.HasPrefix(name, "kubectl-")
}

// byControlPlane judges by who set the fields of u: what nobody but Kubernetes'
// own components wrote, they write again. So it is with the claims of a
// StatefulSet, the volumes made for claims, the addresses behind a Service.
func byControlPlane(u *unstructured.Unstructured) Verdict {
	names := managers(u)
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !controlPlane[name] }) {
		return Verdict{}
	}
	return Verdict{Class: Derived, Why: "made by " + names[0]}
}

// addresses judges Endpoints and EndpointSlices, which controllers make of
// Services and Pods, and people for Services without a selector. Controllers leave
// a label or annotation; Endpoints of a Service without Pods may bear no trace at
// all.
func addresses(id object.ID, u *unstructured.Unstructured) Verdict {
	made := false
	labels, annotations := u.GetLabels(), u.GetAnnotations()
	switch id.GroupKind().String() {
	case "Endpoints":
		made = labels["endpoints.kubernetes.io/managed-by"] != "" || annotations["endpoints.kubernetes.io/last-change-trigger-time"] != "" ||
			annotations["control-plane.alpha.kubernetes.io/leader"] != "" || len(managers(u)) == 0
	case "EndpointSlice.discovery.k8s.io":
		made = strings.HasSuffix(labels["endpointslice.kubernetes.io/managed-by"], "-controller.k8s.io")
	}
	if !made {
		return Verdict{}
	}
	return Verdict{Class: Derived, Why: "made from Services and Pods"}
}

// managers are the field managers of u itself, subresources left out. It reads
// them as they are decoded: turning them into their Go type costs more than all
// the rest of a judgement.
func managers(u *unstructured.Unstructured) []string {
	meta, _ := u.Object["metadata"].(map[string]any)
	entries, _ := meta["managedFields"].([]any)
	var names []string
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		name, _ := entry["manager"].(string)
		if sub, _ := entry["subresource"].(string); sub == "" && name != "" {
			names = append(names, name)
		}
	}
	return names
}
