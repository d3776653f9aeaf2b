package drift

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// leftTo says to whom a field is left that manager added to an object of the
// commit; empty when nobody is, so that it counts. What Kubernetes itself writes is
// its own, and so is what programs write that are named as controllers are: to undo
// it would be to fight them. A name proves nothing, so that what gives rights or
// runs code counts whoever added it.
func leftTo(kind schema.GroupKind, manager string, at fieldpath.Path, have any) string {
	hand := capture.HandOf(manager)
	switch {
	case grants(kind, at, have):
		return ""
	case hand == capture.Component:
		return "added by " + manager + ", which is a part of Kubernetes"
	case hand == capture.Controller:
		return "added by " + manager + ", which is named as controllers are"
	case isFinalizer(at) && !capture.IsPeoples(manager) && !capture.IsDeployer(manager):
		return "a finalizer of " + manager
	case isTrack(at, have):
		return "added by " + manager + ", to know what it brings to the cluster"
	}
	return ""
}

// names are the names of the fields on a path, without the items of lists.
func names(p fieldpath.Path) []string {
	var list []string
	for _, element := range p {
		if element.FieldName != nil {
			list = append(list, *element.FieldName)
		}
	}
	return list
}

func isFinalizer(at fieldpath.Path) bool {
	steps := names(at)
	return len(steps) == 2 && steps[0] == "metadata" && steps[1] == "finalizers"
}

// tracks are labels and annotations by which tools know what they brought to a
// cluster, with the value where only one is such. They are on each object of a
// cluster that such a tool looks after, and in no manifest.
var tracks = map[string]string{
	"kustomize.toolkit.fluxcd.io/name": "", "kustomize.toolkit.fluxcd.io/namespace": "", "kustomize.toolkit.fluxcd.io/checksum": "",
	"helm.toolkit.fluxcd.io/name": "", "helm.toolkit.fluxcd.io/namespace": "",
	"argocd.argoproj.io/instance": "", "app.kubernetes.io/managed-by": "Helm",
	"kapp.k14s.io/app": "", "kapp.k14s.io/association": "", "kapp.k14s.io/identity": "", "kapp.k14s.io/original": "", "kapp.k14s.io/original-diff-md5": "",
	"objectset.rio.cattle.io/hash": "", "objectset.rio.cattle.io/applied": "", "objectset.rio.cattle.io/id": "",
	"objectset.rio.cattle.io/owner-gvk": "", "objectset.rio.cattle.io/owner-name": "", "objectset.rio.cattle.io/owner-namespace": "",
}

func isTrack(at fieldpath.Path, have any) bool {
	steps := names(at)
	if len(steps) != 3 || steps[0] != "metadata" || steps[1] != "labels" && steps[1] != "annotations" {
		return false
	}
	only, known := tracks[steps[2]]
	return known && (only == "" || only == have)
}

// powers are the fields of a Pod, wherever its template is, that let it run more
// code or do more than before.
var powers = map[string]bool{
	"containers": true, "initContainers": true, "command": true, "args": true, "lifecycle": true, "image": true,
	"hostNetwork": true, "hostPID": true, "hostIPC": true, "hostUsers": true, "hostPath": true, "hostPort": true,
	"privileged": true, "allowPrivilegeEscalation": true, "capabilities": true, "runAsUser": true, "procMount": true,
	"serviceAccountName": true, "serviceAccount": true,
}

// rights are further such fields, by the group of the objects that have them.
var rights = map[string][]string{
	"rbac.authorization.k8s.io":    {"rules", "subjects", "roleRef", "aggregationRule"},
	"admissionregistration.k8s.io": {"webhooks", "mutations", "validations"},
	"":                             {"externalIPs"},
}

// grants tells whether the field at a path, or one below it, gives rights or runs
// code: a container, the host's files or network, a rule.
func grants(kind schema.GroupKind, at fieldpath.Path, have any) bool {
	steps := names(at)
	if len(steps) == 0 || steps[0] == "metadata" || steps[0] == "data" {
		return false
	}
	last := steps[len(steps)-1]
	return powers[last] || slices.Contains(rights[kind.Group], last) || empowers(have)
}

// empowers looks for powers below a value.
func empowers(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			if powers[key] || empowers(below) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, empowers)
	}
	return false
}
