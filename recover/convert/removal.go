package convert

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Removal says what became of an API version that Kubernetes no longer serves.
type Removal struct {
	// RemovedIn is the first release without it, "v1.25". Empty for a version
	// that was never, or is not any more, served unless somebody turns it on.
	RemovedIn string `json:"removedIn,omitempty"`
	// Replacement is the version that took its place; empty when there is none.
	Replacement schema.GroupVersionKind `json:"replacement,omitzero"`
	// Mechanical tells that most objects can be written in the replacement
	// without a person's decision. Whether one object can, To says.
	Mechanical bool `json:"mechanical"`
	// Note is what to do where there is no replacement, in words.
	Note string `json:"note,omitempty"`
}

// String returns the removal in words: "removed in v1.25, replaced by policy/v1".
func (r Removal) String() string {
	s := "not served by default any more"
	if r.RemovedIn != "" {
		s = "removed in " + r.RemovedIn
	}
	if r.Replacement.Empty() {
		s += ", no replacement"
	} else {
		s += ", replaced by " + r.Replacement.GroupVersion().String()
		if r.Note == "" {
			return s
		}
	}
	if r.Note != "" {
		s += ": " + r.Note
	}
	return s
}

// Removed tells whether gvk is a version that Kubernetes once served and serves
// no more, and what took its place. It knows nothing of custom resources.
func Removed(gvk schema.GroupVersionKind) (Removal, bool) {
	row, ok := lookup(gvk)
	return row.Removal, ok
}

// removal is a row of the table with the function that reshapes an object.
type removal struct {
	Removal
	reshape reshape
}

// rule is one line of the deprecation guide. Kinds are separated by spaces; a
// kind that changed its name is written "Old>New".
type rule struct {
	old, kinds, removedIn, new string
	reshape                    reshape
	note                       string
}

// guide is https://kubernetes.io/docs/reference/using-api/deprecation-guide/ and,
// for the years before it and for alpha versions, the release notes. It
// is only read.
var guide = []rule{
	{old: "apps/v1alpha1", kinds: "PetSet>StatefulSet", removedIn: "v1.5", new: "apps/v1", reshape: statefulSet},
	{old: "apps/v1beta1", kinds: "Deployment", removedIn: "v1.16", new: "apps/v1", reshape: deploymentV1beta1},
	{old: "apps/v1beta1", kinds: "StatefulSet", removedIn: "v1.16", new: "apps/v1", reshape: statefulSet},
	{old: "apps/v1beta1", kinds: "ControllerRevision", removedIn: "v1.16", new: "apps/v1", reshape: sameShape},
	{old: "apps/v1beta2", kinds: "Deployment DaemonSet StatefulSet ReplicaSet", removedIn: "v1.16", new: "apps/v1", reshape: requireSelector},
	{old: "apps/v1beta2", kinds: "ControllerRevision", removedIn: "v1.16", new: "apps/v1", reshape: sameShape},
	{old: "extensions/v1beta1", kinds: "Deployment", removedIn: "v1.16", new: "apps/v1", reshape: deploymentExtensions},
	{old: "extensions/v1beta1", kinds: "DaemonSet", removedIn: "v1.16", new: "apps/v1", reshape: daemonSetExtensions},
	{old: "extensions/v1beta1", kinds: "ReplicaSet", removedIn: "v1.16", new: "apps/v1", reshape: selectorFromTemplate},
	{old: "extensions/v1beta1", kinds: "NetworkPolicy", removedIn: "v1.16", new: "networking.k8s.io/v1", reshape: sameShape},
	{old: "extensions/v1beta1", kinds: "Ingress", removedIn: "v1.22", new: "networking.k8s.io/v1", reshape: ingress},
	{old: "extensions/v1beta1", kinds: "Job", removedIn: "v1.6", new: "batch/v1", reshape: jobExtensions},
	{old: "extensions/v1beta1", kinds: "HorizontalPodAutoscaler", removedIn: "v1.6", new: "autoscaling/v1", reshape: autoscalerExtensions},
	{old: "extensions/v1beta1", kinds: "PodSecurityPolicy", removedIn: "v1.16", note: podSecurity},
	{old: "extensions/v1beta1", kinds: "ThirdPartyResource", removedIn: "v1.8", note: "write a CustomResourceDefinition"},
	{old: "policy/v1beta1", kinds: "PodSecurityPolicy", removedIn: "v1.25", note: podSecurity},
	{old: "policy/v1beta1", kinds: "PodDisruptionBudget", removedIn: "v1.25", new: "policy/v1", reshape: disruptionBudget},
	{old: "policy/v1alpha1", kinds: "PodDisruptionBudget", removedIn: "v1.7", new: "policy/v1", reshape: disruptionBudget},
	{old: "batch/v2alpha1", kinds: "ScheduledJob>CronJob", removedIn: "v1.8", new: "batch/v1", reshape: sameShape},
	{old: "batch/v2alpha1", kinds: "CronJob", removedIn: "v1.21", new: "batch/v1", reshape: sameShape},
	{old: "batch/v1beta1", kinds: "CronJob", removedIn: "v1.25", new: "batch/v1", reshape: sameShape},
	{old: "networking.k8s.io/v1beta1", kinds: "Ingress", removedIn: "v1.22", new: "networking.k8s.io/v1", reshape: ingress},
	{old: "networking.k8s.io/v1beta1", kinds: "IngressClass", removedIn: "v1.22", new: "networking.k8s.io/v1", reshape: ingressClass},
	{old: "networking.k8s.io/v1alpha1", kinds: "IPAddress ServiceCIDR", removedIn: "v1.34", new: "networking.k8s.io/v1", reshape: sameShape},
	{old: "networking.k8s.io/v1beta1", kinds: "IPAddress ServiceCIDR", new: "networking.k8s.io/v1", reshape: sameShape},
	{old: "networking.k8s.io/v1alpha1", kinds: "ClusterCIDR", removedIn: "v1.29", note: "use the settings of the network plugin"},
	{old: "rbac.authorization.k8s.io/v1alpha1", kinds: "RoleBinding ClusterRoleBinding", removedIn: "v1.22", new: "rbac.authorization.k8s.io/v1", reshape: bindingAlpha},
	{old: "rbac.authorization.k8s.io/v1alpha1", kinds: "Role ClusterRole", removedIn: "v1.22", new: "rbac.authorization.k8s.io/v1", reshape: sameShape},
	{old: "rbac.authorization.k8s.io/v1beta1", kinds: "RoleBinding ClusterRoleBinding", removedIn: "v1.22", new: "rbac.authorization.k8s.io/v1", reshape: binding},
	{old: "rbac.authorization.k8s.io/v1beta1", kinds: "Role ClusterRole", removedIn: "v1.22", new: "rbac.authorization.k8s.io/v1", reshape: sameShape},
	{old: "apiextensions.k8s.io/v1beta1", kinds: "CustomResourceDefinition", removedIn: "v1.22", new: "apiextensions.k8s.io/v1", reshape: definition},
	{old: "apiregistration.k8s.io/v1beta1", kinds: "APIService", removedIn: "v1.22", new: "apiregistration.k8s.io/v1", reshape: sameShape},
	{old: "admissionregistration.k8s.io/v1beta1", kinds: "ValidatingWebhookConfiguration MutatingWebhookConfiguration", removedIn: "v1.22", new: "admissionregistration.k8s.io/v1", reshape: webhooks},
	{old: "admissionregistration.k8s.io/v1alpha1", kinds: "InitializerConfiguration", removedIn: "v1.14", note: "write a MutatingWebhookConfiguration"},
	{old: "admissionregistration.k8s.io/v1alpha1", kinds: "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding", removedIn: "v1.32", new: "admissionregistration.k8s.io/v1", reshape: sameShape},
	{old: "admissionregistration.k8s.io/v1beta1", kinds: "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding", removedIn: "v1.34", new: "admissionregistration.k8s.io/v1", reshape: sameShape},
	{old: "admissionregistration.k8s.io/v1alpha1", kinds: "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding", new: "admissionregistration.k8s.io/v1", reshape: sameShape},
	{old: "admissionregistration.k8s.io/v1beta1", kinds: "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding", new: "admissionregistration.k8s.io/v1", reshape: sameShape},
	{old: "authentication.k8s.io/v1beta1", kinds: "TokenReview", removedIn: "v1.22", new: "authentication.k8s.io/v1", reshape: sameShape},
	{old: "authorization.k8s.io/v1beta1", kinds: "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview", removedIn: "v1.22", new: "authorization.k8s.io/v1", reshape: accessReview},
	{old: "certificates.k8s.io/v1beta1", kinds: "CertificateSigningRequest", removedIn: "v1.22", new: "certificates.k8s.io/v1", reshape: signingRequest},
	{old: "coordination.k8s.io/v1beta1", kinds: "Lease", removedIn: "v1.22", new: "coordination.k8s.io/v1", reshape: sameShape},
	{old: "scheduling.k8s.io/v1alpha1", kinds: "PriorityClass", removedIn: "v1.22", new: "scheduling.k8s.io/v1", reshape: sameShape},
	{old: "scheduling.k8s.io/v1beta1", kinds: "PriorityClass", removedIn: "v1.22", new: "scheduling.k8s.io/v1", reshape: sameShape},
	{old: "storage.k8s.io/v1beta1", kinds: "CSIDriver CSINode StorageClass", removedIn: "v1.22", new: "storage.k8s.io/v1", reshape: sameShape},
	{old: "storage.k8s.io/v1alpha1", kinds: "VolumeAttachment", removedIn: "v1.24", new: "storage.k8s.io/v1", reshape: sameShape},
	{old: "storage.k8s.io/v1beta1", kinds: "VolumeAttachment", removedIn: "v1.22", new: "storage.k8s.io/v1", reshape: sameShape},
	{old: "storage.k8s.io/v1alpha1", kinds: "CSIStorageCapacity", removedIn: "v1.24", new: "storage.k8s.io/v1", reshape: sameShape},
	{old: "storage.k8s.io/v1beta1", kinds: "CSIStorageCapacity", removedIn: "v1.27", new: "storage.k8s.io/v1", reshape: sameShape},
	{old: "storage.k8s.io/v1alpha1", kinds: "VolumeAttributesClass", removedIn: "v1.34", new: "storage.k8s.io/v1", reshape: sameShape},
	{old: "storage.k8s.io/v1beta1", kinds: "VolumeAttributesClass", new: "storage.k8s.io/v1", reshape: sameShape},
	{old: "autoscaling/v2alpha1", kinds: "HorizontalPodAutoscaler", removedIn: "v1.9", new: "autoscaling/v2", reshape: autoscalerV2beta1},
	{old: "autoscaling/v2beta1", kinds: "HorizontalPodAutoscaler", removedIn: "v1.25", new: "autoscaling/v2", reshape: autoscalerV2beta1},
	{old: "autoscaling/v2beta2", kinds: "HorizontalPodAutoscaler", removedIn: "v1.26", new: "autoscaling/v2", reshape: autoscalerV2beta2},
	{old: "discovery.k8s.io/v1alpha1", kinds: "EndpointSlice", removedIn: "v1.19", new: "discovery.k8s.io/v1", reshape: endpointSlice},
	{old: "discovery.k8s.io/v1beta1", kinds: "EndpointSlice", removedIn: "v1.25", new: "discovery.k8s.io/v1", reshape: endpointSlice},
	{old: "events.k8s.io/v1beta1", kinds: "Event", removedIn: "v1.25", new: "events.k8s.io/v1", reshape: event},
	{old: "node.k8s.io/v1alpha1", kinds: "RuntimeClass", removedIn: "v1.22", new: "node.k8s.io/v1", reshape: runtimeClassAlpha},
	{old: "node.k8s.io/v1beta1", kinds: "RuntimeClass", removedIn: "v1.25", new: "node.k8s.io/v1", reshape: sameShape},
	{old: "flowcontrol.apiserver.k8s.io/v1alpha1", kinds: "FlowSchema PriorityLevelConfiguration", removedIn: "v1.24", new: "flowcontrol.apiserver.k8s.io/v1", reshape: flowControl},
	{old: "flowcontrol.apiserver.k8s.io/v1beta1", kinds: "FlowSchema PriorityLevelConfiguration", removedIn: "v1.26", new: "flowcontrol.apiserver.k8s.io/v1", reshape: flowControl},
	{old: "flowcontrol.apiserver.k8s.io/v1beta2", kinds: "FlowSchema PriorityLevelConfiguration", removedIn: "v1.29", new: "flowcontrol.apiserver.k8s.io/v1", reshape: flowControl},
	{old: "flowcontrol.apiserver.k8s.io/v1beta3", kinds: "FlowSchema PriorityLevelConfiguration", removedIn: "v1.32", new: "flowcontrol.apiserver.k8s.io/v1", reshape: flowControlV1beta3},
	{old: "resource.k8s.io/v1beta2", kinds: "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice", new: "resource.k8s.io/v1", reshape: sameShape},
	{old: "settings.k8s.io/v1alpha1", kinds: "PodPreset", removedIn: "v1.20", note: "write the fields into the pod templates or use a mutating webhook"},
	{old: "auditregistration.k8s.io/v1alpha1", kinds: "AuditSink", removedIn: "v1.19", note: "use the audit flags of the API server"},
}

const podSecurity = "use pod-security.kubernetes.io labels on the namespaces, or an admission policy"

// lookup finds the line about gvk in the guide.
func lookup(gvk schema.GroupVersionKind) (removal, bool) {
	old := gvk.GroupVersion().String()
	for i := range guide {
		r := &guide[i]
		if r.old != old {
			continue
		}
		for name := range strings.FieldsSeq(r.kinds) {
			kind, renamed, ok := strings.Cut(name, ">")
			if kind != gvk.Kind {
				continue
			}
			if !ok {
				renamed = kind
			}
			row := removal{reshape: r.reshape}
			row.RemovedIn, row.Note, row.Mechanical = r.removedIn, r.note, r.reshape != nil
			if r.new != "" {
				row.Replacement = groupVersion(r.new).WithKind(renamed)
			}
			return row, true
		}
	}
	return removal{}, false
}

// groupVersion splits "group/version"; every one in the guide has both.
func groupVersion(s string) schema.GroupVersion {
	group, version, _ := strings.Cut(s, "/")
	return schema.GroupVersion{Group: group, Version: version}
}
