package plan

import (
	"strings"

	"github.com/rekindle-io/rekindle/recover/object/field"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A reference in a Kubernetes object nearly always has one of a few shapes, in
// built-in kinds and custom ones alike: secretName: x, secretKeyRef: {name: x},
// imagePullSecrets: [{name: x}], {kind: K, name: x}. So references are found by
// shape, wherever they are, and count only when the set has what they name. One
// that was no reference costs at most a wait.

// textReferences are fields whose text is a name.
var textReferences = map[string]string{
	"secretName":                "Secret",
	"existingSecret":            "Secret",
	"configMapName":             "ConfigMap",
	"claimName":                 "PersistentVolumeClaim",
	"serviceName":               "Service",
	"resourceClaimName":         "ResourceClaim",
	"resourceClaimTemplateName": "ResourceClaimTemplate",
}

// mapReferences are fields that hold {name: x} and perhaps a namespace.
var mapReferences = map[string]string{
	"secret":          "Secret",
	"secretRef":       "Secret",
	"secretKeyRef":    "Secret",
	"configMap":       "ConfigMap",
	"configMapRef":    "ConfigMap",
	"configMapKeyRef": "ConfigMap",
	"service":         "Service",
}

// listReferences are fields that hold a list of names or of {name: x}, with the
// kind where the element names none.
var listReferences = map[string]string{
	"imagePullSecrets": "Secret",
	"pullSecrets":      "Secret",
	"secrets":          "Secret",
	"configMaps":       "ConfigMap",
	"certificateRefs":  "Secret",
	"backendRefs":      "Service",
	"parentRefs":       "Gateway",
}

// classReferences are fields whose text names a class.
var classReferences = map[string]string{
	"storageClassName":          "StorageClass",
	"volumeAttributesClassName": "VolumeAttributesClass",
	"ingressClassName":          "IngressClass",
	"priorityClassName":         "PriorityClass",
	"runtimeClassName":          "RuntimeClass",
	"gatewayClassName":          "GatewayClass",
	"volumeSnapshotClassName":   "VolumeSnapshotClass",
	"deviceClassName":           "DeviceClass",
}

// classGroups are the API groups of classes.
var classGroups = map[string]string{
	"StorageClass":          "storage.k8s.io",
	"VolumeAttributesClass": "storage.k8s.io",
	"IngressClass":          "networking.k8s.io",
	"PriorityClass":         "scheduling.k8s.io",
	"RuntimeClass":          "node.k8s.io",
	"GatewayClass":          "gateway.networking.k8s.io",
	"VolumeSnapshotClass":   "snapshot.storage.k8s.io",
	"DeviceClass":           "resource.k8s.io",
}

// referenceEdges makes vertex i come after what it names.
func (b *builder) referenceEdges(i int) {
	v := &b.vertices[i]
	for _, owner := range field.Maps(v.Object.Object, "metadata", "ownerReferences") {
		b.soft(i, field.Text(owner, "kind"), v.ID.Namespace, field.Text(owner, "name"), "its owner")
	}
	switch v.ID.GroupKind().String() {
	case "ConfigMap", "Secret", "Namespace", "Event", "ServiceAccount",
		"CustomResourceDefinition.apiextensions.k8s.io",
		"RoleBinding.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io",
		"Role.rbac.authorization.k8s.io", "ClusterRole.rbac.authorization.k8s.io",
		"APIService.apiregistration.k8s.io",
		"ValidatingWebhookConfiguration.admissionregistration.k8s.io",
		"MutatingWebhookConfiguration.admissionregistration.k8s.io":
		return // data, or rules of their own
	}
	for field, value := range v.Object.Object {
		switch field {
		case "apiVersion", "kind", "metadata", "status", "data":
		default:
			b.walk(i, field, value)
		}
	}
}

// walk looks for references in one field and below.
func (b *builder) walk(i int, field string, value any) {
	switch value := value.(type) {
	case string:
		b.textReference(i, field, value)
	case map[string]any:
		b.mapReference(i, field, value)
		for k, child := range value {
			b.walk(i, k, child)
		}
	case []any:
		kind := listReferences[field]
		for _, item := range value {
			switch item := item.(type) {
			case string:
				if kind != "" {
					b.soft(i, kind, b.vertices[i].ID.Namespace, item, "it names the "+kind)
				}
			case map[string]any:
				if kind != "" {
					b.reference(i, kind, item)
				} else {
					b.mapReference(i, "", item)
				}
				for k, child := range item {
					b.walk(i, k, child)
				}
			}
		}
	}
}

func (b *builder) textReference(i int, field, name string) {
	switch field {
	case "serviceAccountName", "serviceAccount":
		if name != "" {
			b.account(i, name)
		}
		return
	}
	if kind, ok := textReferences[field]; ok {
		b.soft(i, kind, b.vertices[i].ID.Namespace, name, "it names the "+kind)
		if kind == "Secret" {
			b.soft(i, "SealedSecret", b.vertices[i].ID.Namespace, name, "what its Secret comes from")
		}
		return
	}
	if kind, ok := classReferences[field]; ok {
		b.class(i, kind, name)
	}
}

// mapReference takes a map for a reference when its field or its own kind says
// what it names.
func (b *builder) mapReference(i int, key string, m map[string]any) {
	kind := mapReferences[key]
	if kind == "" && strings.HasSuffix(key, "SecretRef") {
		kind = "Secret"
	}
	if kind != "" || field.Text(m, "kind") != "" {
		b.reference(i, kind, m)
	}
}

// reference makes i come after what {kind, name, namespace, apiVersion} names;
// kind is what to assume where the map names none.
func (b *builder) reference(i int, kind string, m map[string]any) {
	name, namespace := field.Text(m, "name"), field.Text(m, "namespace")
	if k := field.Text(m, "kind"); k != "" {
		kind = k
	}
	if name == "" || kind == "" {
		return
	}
	if namespace == "" {
		namespace = b.vertices[i].ID.Namespace
	}
	group := field.Text(m, "group")
	for _, key := range []string{"apiVersion", "apiGroup"} {
		if text := field.Text(m, key); text != "" && group == "" {
			group = text
			if gv, err := schema.ParseGroupVersion(text); err == nil && key == "apiVersion" {
				group = gv.Group
			}
		}
	}
	if to, ok := b.find(kind, group, namespace, name); ok {
		b.need(i, to, Soft, Exists, "it names the "+b.vertices[to].ID.Kind)
	}
	if kind == "Secret" {
		b.soft(i, "SealedSecret", namespace, name, "what its Secret comes from")
	}
}
