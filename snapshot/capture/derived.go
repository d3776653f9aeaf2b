package capture

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// fleeting are kinds whose objects controllers and kubelets make and nobody
// declares, with the reason. They are not even listed.
var fleeting = map[schema.GroupKind]string{
	{Kind: "Event"}:                                        "an event is a message, not a state",
	{Group: "events.k8s.io", Kind: "Event"}:                "an event is a message, not a state",
	{Group: "coordination.k8s.io", Kind: "Lease"}:          "a lease of who is at work now",
	{Group: "coordination.k8s.io", Kind: "LeaseCandidate"}: "a lease of who is at work now",
	{Group: "apps", Kind: "ControllerRevision"}:            "the history of a workload",
	{Kind: "Node"}:                                                    "a node registers itself",
	{Kind: "ComponentStatus"}:                                         "a measurement, not a state",
	{Group: "storage.k8s.io", Kind: "CSINode"}:                        "a node registers itself",
	{Group: "storage.k8s.io", Kind: "CSIStorageCapacity"}:             "a measurement, not a state",
	{Group: "storage.k8s.io", Kind: "VolumeAttachment"}:               "made when a Pod uses a volume",
	{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}: "a request that ends by itself",
	{Group: "networking.k8s.io", Kind: "IPAddress"}:                   "an address that a Service was given",
	{Group: "resource.k8s.io", Kind: "ResourceSlice"}:                 "a node registers itself",
	{Group: "internal.apiserver.k8s.io", Kind: "StorageVersion"}:      "made by the API server for itself",
	{Group: "metrics.k8s.io", Kind: "PodMetrics"}:                     "a measurement, not a state",
	{Group: "metrics.k8s.io", Kind: "NodeMetrics"}:                    "a measurement, not a state",
}

// Made judges whether Kubernetes or a controller made u, rather than a person,
// so that finding it is no surprise. It needs no more than u's metadata.
func Made(id object.ID, u *unstructured.Unstructured) Verdict {
	if why, ok := fleeting[id.GroupKind()]; ok {
		return Verdict{Class: Derived, Why: why}
	}
	if v := owned(u); !v.Taken() {
		return v
	}
	if v := system(id, u); v.Class == Derived || v.Class == System && asMade(id, u) {
		return v
	}
	if v := addresses(id, u); !v.Taken() {
		return v
	}
	return byControlPlane(u)
}

// asMade tells whether what every cluster has is as Kubernetes makes it, as far as
// its metadata tells: nobody else wrote to it. A name alone proves nothing.
func asMade(id object.ID, u *unstructured.Unstructured) bool {
	return isInventory(id, u.GetLabels()) || Touched(u).IsZero() && !isFilled(id, u)
}

// NeedsBody tells the kind of which more than metadata has to be seen to tell a
// changed object from an unchanged one: Kubernetes makes an empty ServiceAccount in
// each namespace, and of what was empty the server does not know who changes it.
func NeedsBody(kind schema.GroupKind) bool { return kind == schema.GroupKind{Kind: "ServiceAccount"} }

// isFilled tells whether somebody put something into an account that Kubernetes
// made, leaving no trace.
func isFilled(id object.ID, u *unstructured.Unstructured) bool {
	if !NeedsBody(id.GroupKind()) || len(managers(u)) > 0 {
		return false
	}
	form := object.Form(u)
	pulls := slices.DeleteFunc(slices.Clone(field.List(form, "imagePullSecrets")), func(ref any) bool {
		m, _ := ref.(map[string]any)
		return strings.HasPrefix(field.Text(m, "name"), id.Name+"-dockercfg-") // OpenShift's
	})
	return len(pulls) > 0 || form["automountServiceAccountToken"] != nil || form["secrets"] != nil ||
		len(field.Map(form, "metadata", "labels"))+len(field.Map(form, "metadata", "annotations")) > 0
}

// owned judges by the owner that made u.
func owned(u *unstructured.Unstructured) Verdict {
	kind, name := Owner(u)
	if kind == "" {
		return Verdict{}
	}
	return Verdict{Class: Derived, Why: "owned by a " + kind, Detail: kind + " " + name}
}

// Owner returns the kind and name of the owner that made u and makes it again,
// empty when there is none. An owner that is not u's controller may only want it
// removed with itself: what people made by hand stays theirs.
func Owner(u *unstructured.Unstructured) (kind, name string) {
	owners := field.Maps(u.Object, "metadata", "ownerReferences")
	by := slices.IndexFunc(owners, func(owner map[string]any) bool { return owner["controller"] == true })
	if by < 0 && len(owners) > 0 && !byPeople(u) {
		by = 0
	}
	if by < 0 {
		return "", ""
	}
	return field.Text(owners[by], "kind"), field.Text(owners[by], "name")
}

// Every tells whether u is named or marked as one of the objects that every cluster
// has: nobody may prune them, whatever marks they bear and whoever changed them.
func Every(id object.ID, u *unstructured.Unstructured) bool { return !system(id, u).Taken() }

// sign is what tells by an object's metadata that Kubernetes made it.
type sign struct {
	why string
	of  func(id object.ID, labels, annotations map[string]string) bool
}

var signs = []sign{
	{"a role that the API server makes when it starts", func(id object.ID, labels, _ map[string]string) bool {
		return id.Group == "rbac.authorization.k8s.io" && labels["kubernetes.io/bootstrapping"] == "rbac-defaults"
	}},
	{"the API server registers its own groups", func(id object.ID, labels, _ map[string]string) bool {
		return id.Kind == "APIService" && labels["kube-aggregator.kubernetes.io/automanaged"] != ""
	}},
	{"the inventory of a restore", func(id object.ID, labels, _ map[string]string) bool { return isInventory(id, labels) }},
	{"the API server's own flow control", func(id object.ID, _, annotations map[string]string) bool {
		return id.Group == "flowcontrol.apiserver.k8s.io" && annotations["apf.kubernetes.io/autoupdate-spec"] != ""
	}},
}

// isInventory tells the books that tools keep of what they applied.
func isInventory(id object.ID, labels map[string]string) bool {
	return id.Group == "" && (id.Kind == "ConfigMap" || id.Kind == "Secret") && labels["applyset.kubernetes.io/id"] != ""
}

// known is what tells by kind, name and annotations that Kubernetes, or a tool,
// made an object.
type known struct {
	kind, why string
	class     Class
	of        func(id object.ID, annotations map[string]string) bool
}

func byName(names ...string) func(object.ID, map[string]string) bool {
	return func(id object.ID, _ map[string]string) bool {
		for _, name := range names {
			if id.Name == name {
				return true
			}
		}
		return false
	}
}

func byPrefix(prefixes ...string) func(object.ID, map[string]string) bool {
	return func(id object.ID, _ map[string]string) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(id.Name, prefix) {
				return true
			}
		}
		return false
	}
}

func byAnnotation(key string) func(object.ID, map[string]string) bool {
	return func(_ object.ID, annotations map[string]string) bool { return annotations[key] != "" }
}

func within(namespace string, of func(object.ID, map[string]string) bool) func(object.ID, map[string]string) bool {
	return func(id object.ID, annotations map[string]string) bool {
		return id.Namespace == namespace && of(id, annotations)
	}
}

// inSystem narrows a name to the namespaces in which Kubernetes itself uses it.
func inSystem(of func(object.ID, map[string]string) bool) func(object.ID, map[string]string) bool {
	return func(id object.ID, annotations map[string]string) bool {
		return systemNamespace(id.Namespace) && of(id, annotations)
	}
}

const rbac = ".rbac.authorization.k8s.io"

// knowns are in the order in which they are asked.
var knowns = []known{
	{"Namespace", "a namespace that every cluster has", System, byName("default", "kube-system", "kube-public", "kube-node-lease")},
	{"Service", "the Service of the API server", System, within("default", byName("kubernetes"))},
	{"ServiceAccount", "the default account of a namespace", System, byName("default")},
	{"ConfigMap", "the certificate that Kubernetes puts into each namespace", System, byName("kube-root-ca.crt")},
	{"ConfigMap", "made by the API server for itself", System,
		within("kube-system", byName("extension-apiserver-authentication", "kube-apiserver-legacy-service-account-token-tracking"))},
	{"Secret", "a bootstrap token of kubeadm", System, within("kube-system", byPrefix("bootstrap-token-"))},
	{"PersistentVolume", "provisioned for a claim", Derived, byAnnotation("pv.kubernetes.io/provisioned-by")},
	{"Pod", "a static Pod of a node", Derived, byAnnotation("kubernetes.io/config.mirror")},
	{"PriorityClass.scheduling.k8s.io", "a priority of Kubernetes itself", System, byPrefix("system-")},
	{"ServiceCIDR.networking.k8s.io", "the address range of the API server", System, byName("kubernetes")},
	{"ClusterRole" + rbac, "a role of Kubernetes itself", System, byPrefix("system:", "kubeadm:")},
	{"ClusterRoleBinding" + rbac, "a role of Kubernetes itself", System, byPrefix("system:", "kubeadm:")},
	{"Role" + rbac, "a role of Kubernetes itself", System, inSystem(byPrefix("system:", "kubeadm:"))},
	{"RoleBinding" + rbac, "a role of Kubernetes itself", System, inSystem(byPrefix("system:", "kubeadm:"))},
}

// system judges whether every cluster has u, or a tool keeps its own books in it.
func system(id object.ID, u *unstructured.Unstructured) Verdict {
	marks, annotations := u.GetLabels(), u.GetAnnotations()
	for _, s := range signs {
		if s.of(id, marks, annotations) {
			return Verdict{Class: System, Why: s.why}
		}
	}
	if isOldToken(id, u) {
		return Verdict{Class: Derived, Why: "the token that Kubernetes up to 1.23 made for each ServiceAccount"}
	}
	if isRelease(id, u) {
		return Verdict{Class: Derived, Why: "Helm's record of a release"}
	}
	kind := id.GroupKind().String()
	for _, k := range knowns {
		if k.kind == kind && k.of(id, annotations) {
			return Verdict{Class: k.class, Why: k.why}
		}
	}
	return Verdict{}
}

// named judges by name what the empty cluster had, where nobody recorded it.
func named(id object.ID) Verdict {
	switch {
	case systemNamespace(id.Namespace):
		return Verdict{Class: Baseline, Why: "in a namespace of the system, and what the empty cluster had there is not recorded", Detail: id.Namespace}
	case id.Group == "rbac.authorization.k8s.io" && id.Namespace == "" && userFacing[id.Name]:
		return Verdict{Class: System, Why: "a role of Kubernetes itself"}
	}
	return Verdict{}
}

func systemNamespace(name string) bool {
	return name == "kube-system" || name == "kube-public" || name == "kube-node-lease"
}

// userFacing are the roles for people that every cluster has.
var userFacing = map[string]bool{"cluster-admin": true, "admin": true, "edit": true, "view": true}

// isOldToken tells a token that nobody asked for. One that a person asked for,
// by making a Secret of that type, is the person's: only what is in it is not.
func isOldToken(id object.ID, u *unstructured.Unstructured) bool {
	account := u.GetAnnotations()["kubernetes.io/service-account.name"]
	if id.Group != "" || id.Kind != "Secret" || account == "" {
		return false
	}
	rest, named := strings.CutPrefix(id.Name, account+"-token-")
	return named && len(rest) == 5 && typed(u, "kubernetes.io/service-account-token")
}

// typed tells whether a Secret is of a type, or its metadata alone is known.
func typed(u *unstructured.Unstructured, want string) bool {
	kind, known := u.Object["type"]
	return !known || kind == want
}

// NamesRelease tells whether an object is named as Helm names its record of a
// release: a Secret, or a ConfigMap where people tell Helm so. It holds all that
// was rendered, Secrets among it, packed but in plain text.
func NamesRelease(id object.ID) bool {
	return id.Group == "" && (id.Kind == "Secret" || id.Kind == "ConfigMap") && strings.HasPrefix(id.Name, "sh.helm.release.v1.")
}

// isRelease tells Helm's record of a release.
func isRelease(id object.ID, u *unstructured.Unstructured) bool {
	return NamesRelease(id) && (id.Kind == "Secret" && typed(u, "helm.sh/release.v1") || u.GetLabels()["owner"] == "helm")
}
