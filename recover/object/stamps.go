package object

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// The tables below name what is stamped on objects by somebody else than their
// author. Sources: the well-known labels, annotations and taints of the
// Kubernetes reference, and the hazards met in exporters that strip too much
// (headless Services) or too little (allocated addresses).

var stampedFinalizers = map[string]bool{
	"kubernetes.io/pv-protection":                         true,
	"kubernetes.io/pvc-protection":                        true,
	"foregroundDeletion":                                  true,
	"orphan":                                              true,
	"service.kubernetes.io/load-balancer-cleanup":         true,
	"customresourcecleanup.apiextensions.k8s.io":          true,
	"external-provisioner.volume.kubernetes.io/finalizer": true,
	"batch.kubernetes.io/job-tracking":                    true,
}

var stampedAnnotations = map[string]bool{
	"kubectl.kubernetes.io/last-applied-configuration": true,
	"deployment.kubernetes.io/revision":                true,
	"deployment.kubernetes.io/desired-replicas":        true,
	"deployment.kubernetes.io/max-replicas":            true,
	"deprecated.daemonset.template.generation":         true,
	"control-plane.alpha.kubernetes.io/leader":         true,
	"endpoints.kubernetes.io/last-change-trigger-time": true,
	"batch.kubernetes.io/job-tracking":                 true,
	"pv.kubernetes.io/bind-completed":                  true,
	"pv.kubernetes.io/bound-by-controller":             true,
	"pv.kubernetes.io/provisioned-by":                  true,
	"volume.kubernetes.io/selected-node":               true,
	"volume.kubernetes.io/storage-provisioner":         true,
	"volume.beta.kubernetes.io/storage-provisioner":    true,
	"volume.kubernetes.io/storage-resizer":             true,
	"kubernetes.io/service-account.uid":                true,
	"argocd.argoproj.io/tracking-id":                   true,
	"meta.helm.sh/release-name":                        true,
	"meta.helm.sh/release-namespace":                   true,
	"autoscaling.alpha.kubernetes.io/conditions":       true,
	"autoscaling.alpha.kubernetes.io/current-metrics":  true,
	"batch.kubernetes.io/cronjob-scheduled-timestamp":  true,
	"cloud.google.com/neg-status":                      true,
}

func stampedAnnotation(key string) bool {
	return stampedAnnotations[key] || ours(key)
}

func stampedLabel(key string) bool {
	return stampedLabels[key] || ours(key)
}

var stampedLabels = map[string]bool{
	"kubernetes.io/metadata.name":              true,
	"kubernetes.io/legacy-token-last-used":     true,
	"kubernetes.io/legacy-token-invalid-since": true,
}

// SavedByAnnotation is how people say who keeps what git does not, see
// snapshot/recoverability. It is theirs, and the only key of our domain that is.
const SavedByAnnotation = "rekindle.io/data-saved-by"

// ours tells whether rekindle itself put the label or annotation there.
func ours(key string) bool {
	return strings.HasPrefix(key, "applyset.kubernetes.io/") || strings.HasPrefix(key, "rekindle.io/") && key != SavedByAnnotation
}

// kindStamps says, by kind and group, what is stamped into the body of an
// object. Each may change content and all below its spec; what lies below other
// fields is shared with others.
var kindStamps = map[string]func(content map[string]any, owned *ownership){
	"Service":                               serviceStamps,
	"Secret":                                secretStamps,
	"ServiceAccount":                        serviceAccountStamps,
	"Namespace":                             namespaceStamps,
	"PersistentVolumeClaim":                 claimStamps,
	"PersistentVolume":                      volumeStamps,
	"Pod":                                   podStamps,
	"StatefulSet.apps":                      statefulSetStamps,
	"Job.batch":                             jobStamps,
	"ClusterRole.rbac.authorization.k8s.io": aggregatedRules,
	"CustomResourceDefinition.apiextensions.k8s.io": crdStamps,
}

// allocated are the fields that stamps drop unless somebody owns them.
var allocated = map[schema.GroupKind][][]string{
	{Kind: "Service"}: {
		{"spec", "clusterIP"}, {"spec", "clusterIPs"}, {"spec", "ipFamilies"}, {"spec", "ipFamilyPolicy"},
		{"spec", "healthCheckNodePort"}, {"spec", "ports", "nodePort"},
	},
	{Kind: "PersistentVolumeClaim"}: {{"spec", "volumeName"}},
	{Kind: "Pod"}:                   {{"spec", "nodeName"}},
	{Group: "batch", Kind: "Job"}:   {{"metadata", "labels"}},
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: {{"spec", "conversion", "webhook", "clientConfig", "caBundle"}},
}

// serviceStamps drops the addresses and ports that the server allocated. None
// is no address: it makes a Service headless.
func serviceStamps(content map[string]any, owned *ownership) {
	spec := field.Map(content, "spec")
	if spec == nil {
		return
	}
	if spec["clusterIP"] != "None" {
		for _, name := range []string{"clusterIP", "clusterIPs"} {
			if !owned.field("spec", name) {
				delete(spec, name)
			}
		}
	}
	for _, name := range []string{"ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"} {
		if !owned.field("spec", name) {
			delete(spec, name)
		}
	}
	for _, port := range field.Maps(content, "spec", "ports") {
		if !owned.nodePort(port) {
			delete(port, "nodePort")
		}
	}
}

// secretStamps folds stringData in, and drops the token that Kubernetes puts
// into a Secret that asks for one: it is good in one cluster only.
func secretStamps(content map[string]any, _ *ownership) {
	FoldStringData(content)
	if content["type"] != "kubernetes.io/service-account-token" {
		return
	}
	data := shallow(field.Map(content, "data"))
	for _, key := range []string{"token", "ca.crt", "namespace"} {
		delete(data, key)
	}
	content["data"] = data
	if len(data) == 0 {
		delete(content, "data")
	}
}

// serviceAccountStamps drops the token Secrets that Kubernetes up to 1.23 made
// for each account and listed in it.
func serviceAccountStamps(content map[string]any, _ *ownership) {
	name := field.Text(content, "metadata", "name")
	list, _ := content["secrets"].([]any)
	kept := slices.DeleteFunc(slices.Clone(list), func(item any) bool {
		secret, _ := item.(map[string]any)
		ref, _ := secret["name"].(string)
		return generated(ref, name+"-token-") || generated(ref, name+"-dockercfg-")
	})
	if len(kept) == 0 {
		delete(content, "secrets")
		return
	}
	content["secrets"] = kept
}

// generated tells whether a name is prefix and the five characters that the
// server makes up.
func generated(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && len(rest) == 5
}

func namespaceStamps(content map[string]any, _ *ownership) {
	if spec := field.Map(content, "spec"); spec != nil {
		delete(spec, "finalizers")
		if len(spec) == 0 {
			delete(content, "spec")
		}
	}
}

// claimStamps drops the volume that a controller bound a claim to. The volume
// still names the claim, so that they find each other again.
func claimStamps(content map[string]any, owned *ownership) {
	spec := field.Map(content, "spec")
	if spec != nil && (owned.annotation("pv.kubernetes.io/bound-by-controller") || !owned.field("spec", "volumeName")) {
		delete(spec, "volumeName")
	}
}

func volumeStamps(content map[string]any, _ *ownership) {
	if ref := field.Map(content, "spec", "claimRef"); ref != nil {
		delete(ref, "uid")
		delete(ref, "resourceVersion")
	}
}

// podStamps drops what scheduler and admission write into a Pod: its node, its
// priority's number, the token's volume, the tolerations that every Pod has.
// Ephemeral containers are an act, and no Pod can be made with them.
func podStamps(content map[string]any, owned *ownership) {
	spec := field.Map(content, "spec")
	if spec == nil {
		return
	}
	if !owned.field("spec", "nodeName") {
		delete(spec, "nodeName")
	}
	delete(spec, "priority")
	delete(spec, "ephemeralContainers")
	dropItems(spec, "tolerations", everywhereTolerated)
	dropItems(spec, "volumes", isTokenVolume)
	for _, list := range []string{"containers", "initContainers"} {
		for _, container := range field.Maps(spec, list) {
			dropItems(container, "volumeMounts", isTokenVolume)
		}
	}
}

// dropItems removes the items of a list that drop tells of, and the list when
// none is left of it.
func dropItems(m map[string]any, key string, drop func(item map[string]any) bool) {
	list, ok := m[key].([]any)
	if !ok {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(list), func(item any) bool {
		element, ok := item.(map[string]any)
		return ok && drop(element)
	})
	switch {
	case len(kept) == len(list):
	case len(kept) == 0:
		delete(m, key)
	default:
		m[key] = kept
	}
}

// everywhereTolerated tells the two tolerations that admission adds.
func everywhereTolerated(t map[string]any) bool {
	key, _ := t["key"].(string)
	seconds, _ := field.Number(t, "tolerationSeconds")
	return (key == "node.kubernetes.io/not-ready" || key == "node.kubernetes.io/unreachable") &&
		t["operator"] == "Exists" && t["effect"] == "NoExecute" && seconds == 300
}

// isTokenVolume tells the volume in which admission projects a token, or a mount
// of it.
func isTokenVolume(v map[string]any) bool {
	name, _ := v["name"].(string)
	return generated(name, "kube-api-access-")
}

// statefulSetStamps drops the state that the server prints into the templates of
// claims.
func statefulSetStamps(content map[string]any, _ *ownership) {
	for _, template := range field.Maps(content, "spec", "volumeClaimTemplates") {
		delete(template, "status")
	}
}

// jobStamps drops the selector and the labels that the server makes for each Job,
// unless the author chose the selector. A Job that has no labels shows those of
// its template as its own.
func jobStamps(content map[string]any, owned *ownership) {
	spec := field.Map(content, "spec")
	if spec == nil || spec["manualSelector"] == true {
		return
	}
	delete(spec, "selector")
	pods, own := field.Map(content, "spec", "template", "metadata", "labels"), field.Map(content, "metadata", "labels")
	for _, key := range []string{
		"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name",
	} {
		delete(pods, key)
		if !owned.field("metadata", "labels", key) {
			delete(own, key)
		}
	}
	if own != nil && len(own) == 0 {
		delete(field.Map(content, "metadata"), "labels")
	}
}

// aggregatedRules drops the rules of a ClusterRole that a controller fills.
func aggregatedRules(content map[string]any, _ *ownership) {
	if content["aggregationRule"] != nil {
		delete(content, "rules")
	}
}

// crdStamps drops a webhook's CA bundle that was injected, not written.
func crdStamps(content map[string]any, owned *ownership) {
	client := field.Map(content, "spec", "conversion", "webhook", "clientConfig")
	if client != nil && !owned.field("spec", "conversion", "webhook", "clientConfig", "caBundle") {
		delete(client, "caBundle")
	}
}
