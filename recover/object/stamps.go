package object

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	return key == "kubernetes.io/metadata.name" || ours(key)
}

// ours tells whether rekindle itself put the label or annotation there.
func ours(key string) bool {
	return strings.HasPrefix(key, "applyset.kubernetes.io/") || strings.HasPrefix(key, "rekindle.io/")
}

// owner tells whether somebody set the field at path. List items on the way are
// not told apart: one that owns the field in any item is enough.
type owner func(path ...string) bool

// ownership reads the managedFields of u. Without any, everything in u was set
// by whoever wrote it.
func ownership(u *unstructured.Unstructured) owner {
	entries := u.GetManagedFields()
	if len(entries) == 0 {
		return func(...string) bool { return true }
	}
	return func(path ...string) bool {
		for _, e := range entries {
			if e.FieldsV1 == nil || e.Subresource != "" {
				continue
			}
			var fields map[string]any
			if json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields) == nil && owns(fields, path) {
				return true
			}
		}
		return false
	}
}

// owns looks for path in a fieldsV1 tree: "f:name" is a field, "k:{…}", "v:…"
// and "i:…" are list items.
func owns(fields map[string]any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	for key, below := range fields {
		tree, _ := below.(map[string]any)
		switch {
		case key == "f:"+path[0]:
			if owns(tree, path[1:]) {
				return true
			}
		case !strings.HasPrefix(key, "f:") && key != ".":
			if owns(tree, path) {
				return true
			}
		}
	}
	return false
}

// kindStamps says, by kind and group, what is stamped into the body of an
// object.
var kindStamps = map[string]func(content map[string]any, owned owner){
	"Service":                               serviceStamps,
	"Secret":                                func(content map[string]any, _ owner) { FoldStringData(content) },
	"ServiceAccount":                        serviceAccountStamps,
	"Namespace":                             namespaceStamps,
	"PersistentVolumeClaim":                 claimStamps,
	"PersistentVolume":                      volumeStamps,
	"Job.batch":                             jobStamps,
	"ClusterRole.rbac.authorization.k8s.io": aggregatedRules,
	"CustomResourceDefinition.apiextensions.k8s.io": crdStamps,
}

func serviceStamps(content map[string]any, owned owner) {
	spec, _ := content["spec"].(map[string]any)
	if spec == nil {
		return
	}
	if spec["clusterIP"] != "None" {
		for _, field := range []string{"clusterIP", "clusterIPs"} {
			if !owned("spec", field) {
				delete(spec, field)
			}
		}
	}
	for _, field := range []string{"ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"} {
		if !owned("spec", field) {
			delete(spec, field)
		}
	}
	if owned("spec", "ports", "nodePort") {
		return
	}
	ports, _ := spec["ports"].([]any)
	for _, p := range ports {
		if port, ok := p.(map[string]any); ok {
			delete(port, "nodePort")
		}
	}
}

// serviceAccountStamps drops the token Secrets that Kubernetes up to 1.23 made
// for each account and listed in it.
func serviceAccountStamps(content map[string]any, _ owner) {
	meta, _ := content["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	list, _ := content["secrets"].([]any)
	var kept []any
	for _, s := range list {
		secret, _ := s.(map[string]any)
		ref, _ := secret["name"].(string)
		if !strings.HasPrefix(ref, name+"-token-") && !strings.HasPrefix(ref, name+"-dockercfg-") {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		delete(content, "secrets")
		return
	}
	content["secrets"] = kept
}

func namespaceStamps(content map[string]any, _ owner) {
	if spec, ok := content["spec"].(map[string]any); ok {
		delete(spec, "finalizers")
		if len(spec) == 0 {
			delete(content, "spec")
		}
	}
}

func claimStamps(content map[string]any, owned owner) {
	if spec, ok := content["spec"].(map[string]any); ok && !owned("spec", "volumeName") {
		delete(spec, "volumeName")
	}
}

func volumeStamps(content map[string]any, _ owner) {
	spec, _ := content["spec"].(map[string]any)
	if ref, ok := spec["claimRef"].(map[string]any); ok {
		delete(ref, "uid")
		delete(ref, "resourceVersion")
	}
}

// jobStamps drops the selector and the labels that the Job controller makes for
// each Job, unless the author chose the selector.
func jobStamps(content map[string]any, _ owner) {
	spec, _ := content["spec"].(map[string]any)
	if spec == nil || spec["manualSelector"] == true {
		return
	}
	delete(spec, "selector")
	template, _ := spec["template"].(map[string]any)
	meta, _ := template["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	for _, key := range []string{
		"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name",
	} {
		delete(labels, key)
	}
}

// aggregatedRules drops the rules of a ClusterRole that a controller fills.
func aggregatedRules(content map[string]any, _ owner) {
	if content["aggregationRule"] != nil {
		delete(content, "rules")
	}
}

// crdStamps drops a webhook's CA bundle that was injected, not written.
func crdStamps(content map[string]any, owned owner) {
	spec, _ := content["spec"].(map[string]any)
	conversion, _ := spec["conversion"].(map[string]any)
	webhook, _ := conversion["webhook"].(map[string]any)
	if client, ok := webhook["clientConfig"].(map[string]any); ok && !owned("spec", "conversion", "webhook", "clientConfig", "caBundle") {
		delete(client, "caBundle")
	}
}
