package plan

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// explicitEdges are the orders that authors write for one object: dependsOn of
// Flux and the annotation of cli-utils. Waves and hooks are in waves.go.
func (b *builder) explicitEdges(i int) {
	v := &b.vertices[i]
	if text, ok := field.Texts(v.Object.Object, "metadata", "annotations")[dependsOn]; ok {
		for _, ref := range list(text) {
			id, ok := parseDependsOn(ref)
			if !ok {
				b.note(Malformed, i, fmt.Sprintf("%s %q is neither group/kind/name nor group/namespaces/namespace/kind/name: ignored", dependsOn, ref))
				continue
			}
			b.explicit(i, id, dependsOn)
		}
	}
	switch v.ID.GroupKind().String() {
	case "Kustomization.kustomize.toolkit.fluxcd.io", "HelmRelease.helm.toolkit.fluxcd.io":
		for _, ref := range field.Maps(v.Object.Object, "spec", "dependsOn") {
			id := v.ID
			id.Name = field.Text(ref, "name")
			id.Namespace = cmp.Or(field.Text(ref, "namespace"), v.ID.Namespace)
			b.explicit(i, id, "dependsOn")
		}
	}
}

func (b *builder) explicit(i int, id object.ID, why string) {
	to, ok := b.byID[id]
	if !ok {
		b.note(Missing, i, fmt.Sprintf("%s names %s, which is not in the commit: not waited for", why, id))
		return
	}
	until := Settled
	if id.Kind == "Job" && id.Group == "batch" {
		until = Completed
	}
	b.need(i, to, Explicit, until, why)
}

// parseDependsOn reads group/kind/name or group/namespaces/namespace/kind/name,
// the group being empty for the core. See the package dependson of cli-utils.
func parseDependsOn(ref string) (object.ID, bool) {
	parts := strings.Split(ref, "/")
	var id object.ID
	switch {
	case len(parts) == 3:
		id = object.ID{Group: parts[0], Kind: parts[1], Name: parts[2]}
	case len(parts) == 5 && parts[1] == "namespaces" && parts[2] != "":
		id = object.ID{Group: parts[0], Namespace: parts[2], Kind: parts[3], Name: parts[4]}
	}
	return id, id.Kind != "" && id.Name != ""
}
