package render

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// definedKinds returns the kinds that the CustomResourceDefinitions among list
// define, and whether each is namespaced.
func definedKinds(list []*object.Object) map[schema.GroupVersionKind]bool {
	kinds := map[schema.GroupVersionKind]bool{}
	for _, o := range list {
		if o.ID().GroupKind() != (schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}) {
			continue
		}
		spec, _ := o.Object["spec"].(map[string]any)
		names, _ := spec["names"].(map[string]any)
		group, _ := spec["group"].(string)
		kind, _ := names["kind"].(string)
		namespaced := spec["scope"] != "Cluster"
		versions, _ := spec["versions"].([]any)
		if v, ok := spec["version"].(string); ok { // v1beta1
			versions = append(slices.Clone(versions), map[string]any{"name": v})
		}
		for _, v := range versions {
			version, _ := v.(map[string]any)
			if name, ok := version["name"].(string); ok {
				kinds[schema.GroupVersionKind{Group: group, Version: name, Kind: kind}] = namespaced
			}
		}
	}
	return kinds
}

// clusterScoped tells of Kubernetes' own kinds whether they live outside of
// namespaces.
func clusterScoped(gk schema.GroupKind) bool {
	switch gk.Group {
	case "":
		return slices.Contains([]string{"Namespace", "Node", "PersistentVolume", "ComponentStatus"}, gk.Kind)
	case "apiextensions.k8s.io", "apiregistration.k8s.io", "certificates.k8s.io", "scheduling.k8s.io",
		"node.k8s.io", "flowcontrol.apiserver.k8s.io", "admissionregistration.k8s.io", "internal.apiserver.k8s.io", "storagemigration.k8s.io":
		return true
	case "rbac.authorization.k8s.io":
		return strings.HasPrefix(gk.Kind, "Cluster")
	case "storage.k8s.io":
		return gk.Kind != "CSIStorageCapacity"
	case "networking.k8s.io":
		return slices.Contains([]string{"IngressClass", "IPAddress", "ServiceCIDR"}, gk.Kind)
	case "policy", "extensions":
		return gk.Kind == "PodSecurityPolicy"
	case "resource.k8s.io":
		return slices.Contains([]string{"DeviceClass", "ResourceSlice", "DeviceTaintRule"}, gk.Kind)
	case "authentication.k8s.io", "authorization.k8s.io":
		return gk.Kind != "LocalSubjectAccessReview"
	}
	return false
}

// isBuiltinGroup tells whether clusterScoped knows the group.
func isBuiltinGroup(group string) bool {
	if !strings.Contains(group, ".") {
		return true
	}
	known := []string{"apiextensions.k8s.io", "apiregistration.k8s.io", "certificates.k8s.io", "scheduling.k8s.io", "node.k8s.io",
		"flowcontrol.apiserver.k8s.io", "admissionregistration.k8s.io", "internal.apiserver.k8s.io", "storagemigration.k8s.io",
		"rbac.authorization.k8s.io", "storage.k8s.io", "networking.k8s.io", "resource.k8s.io", "authentication.k8s.io",
		"authorization.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"}
	return slices.Contains(known, group)
}

// setNamespaces puts the objects that live in a namespace and name none into
// that of the release, as Helm does. A custom kind that neither the catalogue
// nor the chart defines is taken for namespaced, with a note.
func (c *helmChart) setNamespaces(list []*object.Object) {
	defined := definedKinds(list)
	unknown := map[string]bool{}
	for _, o := range list {
		if o.GetNamespace() != "" {
			continue
		}
		gvk := o.GroupVersionKind()
		namespaced, known := c.scope(gvk, defined)
		if !known {
			unknown[gvk.GroupKind().String()] = true
		}
		if namespaced {
			o.SetNamespace(c.namespace)
		}
	}
	if len(unknown) > 0 {
		c.r.note(NoteChosen, c.dir, 0, "%s", fmt.Sprintf("put into the namespace %s of the release, because it is not known whether these kinds live in namespaces: %s",
			c.namespace, strings.Join(sortedKeys(unknown), ", ")))
	}
}

func (c *helmChart) scope(gvk schema.GroupVersionKind, defined map[schema.GroupVersionKind]bool) (namespaced, known bool) {
	if catalogue := c.r.opts.Catalogue; catalogue != nil {
		if kind, ok := catalogue.Lookup(gvk); ok {
			return kind.Namespaced, true
		}
		if kind, ok := catalogue.Preferred(gvk.GroupKind()); ok {
			return kind.Namespaced, true
		}
	}
	if namespaced, ok := defined[gvk]; ok {
		return namespaced, true
	}
	return !clusterScoped(gvk.GroupKind()), isBuiltinGroup(gvk.Group)
}
