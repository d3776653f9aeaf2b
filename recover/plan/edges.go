package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// hardEdges are what the API server asks for before it takes the object.
func (b *builder) hardEdges(i int) {
	v := &b.vertices[i]
	if v.ID.Namespace != "" {
		if to, ok := b.byID[object.ID{Kind: "Namespace", Name: v.ID.Namespace}]; ok {
			b.need(i, to, Hard, Exists, "its namespace")
		}
	}
	if d, ok := b.definitions[v.ID.GroupKind()]; ok {
		if to, ok := b.byID[d.id]; ok && d.blocked == "" {
			b.need(i, to, Hard, Established, "the definition of its kind")
		}
		if d.webhook != nil && !v.Removed && v.Kind.Version != d.storage {
			b.backend(i, field.Text(d.webhook, "namespace"), field.Text(d.webhook, "name"), "converts its version")
		}
	}
}

// kindEdges are rules of single kinds.
func (b *builder) kindEdges(i int) {
	v := &b.vertices[i]
	content := v.Object.Object
	switch v.ID.GroupKind().String() {
	case "RoleBinding.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io":
		b.soft(i, field.Text(content, "roleRef", "kind"), v.ID.Namespace, field.Text(content, "roleRef", "name"), "the role that it binds")
	case "ServiceAccount":
		b.accountSecrets(i)
	case "Secret":
		if field.Text(content, "type") == tokenType {
			b.soft(i, "ServiceAccount", v.ID.Namespace, field.Texts(content, "metadata", "annotations")[tokenOf], "the account of its token")
		}
	case "Endpoints":
		b.soft(i, "Service", v.ID.Namespace, v.ID.Name, "the Service of the same name")
	case "EndpointSlice.discovery.k8s.io":
		b.soft(i, "Service", v.ID.Namespace, field.Texts(content, "metadata", "labels")["kubernetes.io/service-name"], "the Service that it belongs to")
	case "PersistentVolumeClaim":
		b.soft(i, "PersistentVolume", "", field.Text(content, "spec", "volumeName"), "the volume that it names")
		b.guarded(i)
	case "PersistentVolume":
		claim := field.Map(content, "spec", "claimRef")
		if to, ok := b.find("PersistentVolumeClaim", "", field.Text(claim, "namespace"), field.Text(claim, "name")); ok && claim != nil {
			b.need(to, i, Soft, Exists, "the volume that waits for it")
		}
	case "StorageClass.storage.k8s.io":
		b.soft(i, "CSIDriver", "", field.Text(content, "provisioner"), "the driver of the class")
	case "StatefulSet.apps":
		b.claims(i)
	case "Ingress.networking.k8s.io", "Ingress.extensions":
		b.class(i, "IngressClass", field.Texts(content, "metadata", "annotations")["kubernetes.io/ingress.class"])
	case "PodDisruptionBudget.policy":
		b.selected(i, v.ID.Namespace, field.Texts(content, "spec", "selector", "matchLabels"), "the pods that it protects")
	case "ServiceMonitor.monitoring.coreos.com":
		b.monitored(i)
	case "PodMonitor.monitoring.coreos.com":
		b.selected(i, v.ID.Namespace, field.Texts(content, "spec", "selector", "matchLabels"), "the pods that it watches")
	case "SealedSecret.bitnami.com":
		b.sealingKeys(i)
	}
	if spec := podSpec(content); spec != nil {
		b.workload(i, spec)
	}
}

// workload are the rules of everything that has a pod template.
func (b *builder) workload(i int, spec map[string]any) {
	b.guarded(i)
	if field.Text(spec, "serviceAccountName") == "" && field.Text(spec, "serviceAccount") == "" {
		b.account(i, "default")
	}
	for _, c := range field.Maps(spec, "containers") {
		if strings.Contains(field.Text(c, "image"), "sealed-secrets-controller") {
			b.sealingKeys(i)
		}
	}
}

// guarded makes i wait for what limits its namespace, so that it is limited from
// its first moment.
func (b *builder) guarded(i int) {
	ns := b.vertices[i].ID.Namespace
	b.needAll(i, "guards "+ns, "quotas, limits and network policies of "+ns, b.guards[ns], Soft, Exists, "limits its namespace")
}

// soft makes i come after what a reference names, when the set has it.
func (b *builder) soft(i int, kind, namespace, name, why string) {
	if name == "" || kind == "" {
		return
	}
	if to, ok := b.find(kind, "", namespace, name); ok {
		b.need(i, to, Soft, Exists, why)
	}
}

// class makes i wait for the class that it names. Classes that are nowhere are
// remembered for a note. Classes name no classes: what looks like it is a
// malformed object, and must not close a circle.
func (b *builder) class(i int, kind, name string) {
	if _, isClass := classGroups[b.vertices[i].ID.Kind]; name == "" || isClass {
		return
	}
	if to, ok := b.find(kind, classGroups[kind], "", name); ok {
		b.need(i, to, Hard, Exists, "its "+kind)
		return
	}
	if b.exists(object.ID{Group: classGroups[kind], Kind: kind, Name: name}) {
		return
	}
	at := named{kind: kind, name: name}
	if b.missing[at] == nil {
		b.missing[at] = &absence{first: i}
	}
	b.missing[at].count++
}

// NobodyHas ends the text of a note about a class that nobody has.
const NobodyHas = "which neither the commit nor the target has"

// noteMissing notes the classes that somebody names and nobody has.
func (b *builder) noteMissing() {
	keys := slices.SortedFunc(maps.Keys(b.missing), func(a, c named) int {
		return cmp.Or(cmp.Compare(a.kind, c.kind), cmp.Compare(a.name, c.name))
	})
	for _, at := range keys {
		m := b.missing[at]
		text := fmt.Sprintf("names %s %s, %s", at.kind, at.name, NobodyHas)
		if m.count > 1 {
			text = fmt.Sprintf("and %d more: %s", m.count-1, text)
		}
		b.note(Missing, m.first, text)
	}
}

// account makes i wait for a ServiceAccount and for the bindings that give it
// its rights.
func (b *builder) account(i int, name string) {
	ns := b.vertices[i].ID.Namespace
	b.soft(i, "ServiceAccount", ns, name, "its ServiceAccount")
	for _, subject := range []named{
		{"ServiceAccount", ns, name},
		{"Group", "", "system:serviceaccounts:" + ns},
		{"Group", "", "system:serviceaccounts"},
	} {
		key := fmt.Sprintf("rights %s %s %s", subject.kind, subject.namespace, subject.name)
		title := fmt.Sprintf("the rights of %s %s/%s", subject.kind, subject.namespace, subject.name)
		b.needAll(i, key, title, b.bindings[subject], Soft, Exists, "the rights of its ServiceAccount")
	}
}

// indexSubjects enters a role binding under each of its subjects.
func (b *builder) indexSubjects(i int) {
	v := &b.vertices[i]
	for _, s := range field.Maps(v.Object.Object, "subjects") {
		subject := named{kind: field.Text(s, "kind"), name: field.Text(s, "name")}
		if subject.kind == "ServiceAccount" {
			subject.namespace = cmp.Or(field.Text(s, "namespace"), v.ID.Namespace)
		}
		if list := b.bindings[subject]; len(list) == 0 || list[len(list)-1] != i {
			b.bindings[subject] = append(list, i)
		}
	}
}

const (
	tokenType = "kubernetes.io/service-account-token"
	tokenOf   = "kubernetes.io/service-account.name"
)

// accountSecrets makes a ServiceAccount wait for the Secrets that it lists,
// except for its own tokens, which wait for it.
func (b *builder) accountSecrets(i int) {
	v := &b.vertices[i]
	for _, list := range []string{"secrets", "imagePullSecrets"} {
		for _, ref := range field.Maps(v.Object.Object, list) {
			to, ok := b.find("Secret", "", v.ID.Namespace, field.Text(ref, "name"))
			if ok && field.Text(b.vertices[to].Object.Object, "type") != tokenType {
				b.need(i, to, Soft, Exists, "a Secret that it lists")
			}
		}
	}
}

// claims makes a StatefulSet wait for the claims of its replicas that the commit
// brings along.
func (b *builder) claims(i int) {
	v := &b.vertices[i]
	replicas, ok := field.Number(v.Object.Object, "spec", "replicas")
	if !ok {
		replicas = 1
	}
	for _, t := range field.Maps(v.Object.Object, "spec", "volumeClaimTemplates") {
		for n := range min(replicas, 100) {
			name := fmt.Sprintf("%s-%s-%d", field.Text(t, "metadata", "name"), v.ID.Name, n)
			b.soft(i, "PersistentVolumeClaim", v.ID.Namespace, name, "the claim of a replica")
		}
	}
}

// sealingKeys makes i wait for every key that sealed secrets were sealed with.
func (b *builder) sealingKeys(i int) {
	const label = "sealedsecrets.bitnami.com/sealed-secrets-key"
	if b.keys == nil {
		b.keys = []int{}
		for j := range b.vertices {
			v := &b.vertices[j]
			if v.ID.Kind == "Secret" && v.ID.Group == "" {
				if _, ok := field.Texts(v.Object.Object, "metadata", "labels")[label]; ok {
					b.keys = append(b.keys, j)
				}
			}
		}
	}
	b.needAll(i, "sealing keys", "the keys of sealed secrets", b.keys, Soft, Exists, "a key that unseals")
}
