package recoverability

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

var (
	podKind        = schema.GroupKind{Kind: "Pod"}
	secretKind     = schema.GroupKind{Kind: "Secret"}
	definitionKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
)

// weights are what it costs to have an object of a kind in the cluster alone.
// What runs costs most, what only ran once least.
var weights = map[schema.GroupKind]int{
	{Group: "apps", Kind: "Deployment"}:  3,
	{Group: "apps", Kind: "StatefulSet"}: 3,
	{Group: "apps", Kind: "DaemonSet"}:   3,
	{Group: "batch", Kind: "CronJob"}:    3,
	{Group: "batch", Kind: "Job"}:        1,
	{Group: "apps", Kind: "ReplicaSet"}:  1,
	podKind:                              1,
}

// weight is 3 for custom resources too, of which nobody knows what hangs on
// them, and 2 for the rest.
func weight(kind schema.GroupKind) int {
	switch w := weights[kind]; {
	case w > 0:
		return w
	case custom(kind):
		return 3
	}
	return 2
}

// custom tells a group of somebody's from one of Kubernetes itself.
func custom(kind schema.GroupKind) bool {
	return strings.Contains(kind.Group, ".") && !strings.HasSuffix(kind.Group, ".k8s.io") ||
		kind.Group == "gateway.networking.k8s.io" || kind.Group == "snapshot.storage.k8s.io"
}

// madeBy tells which program made u first, in words, "" when nobody knows.
func madeBy(u *unstructured.Unstructured) string {
	if u == nil {
		return ""
	}
	first, when := "", ""
	for _, e := range u.GetManagedFields() {
		at := ""
		if e.Time != nil {
			at = e.Time.UTC().Format("2006-01-02T15:04:05Z")
		}
		if e.Manager != "" && e.Subresource == "" && (first == "" || at < when) {
			first, when = e.Manager, at
		}
	}
	if first == "" {
		return ""
	}
	return ", made with " + first
}

// reportDrift adds what a comparison says: what was changed in the cluster alone
// would be lost too.
func reportDrift(d *drift.Report, unknown map[string]bool, add func(Finding)) {
	for _, c := range d.Changed {
		if c.Terminating {
			continue
		}
		what := fmt.Sprintf("%d fields have values that are in the cluster alone", len(c.Fields))
		if len(c.Fields) == 1 {
			what = "one field has a value that is in the cluster alone"
		}
		add(of(c.ID, Finding{
			Category: Objects, Rule: "object-changed", Points: 1,
			What: what,
			Do:   "write them into the source (rekindle drift adopt does), or restore the object",
		}))
	}
	for _, u := range d.Unknown {
		unknown[u.Kind] = true
	}
	for what := range d.Unlisted {
		unknown[what] = true
	}
}

// customKinds are what is known about definitions and the objects of their kinds.
type customKinds struct {
	defined map[schema.GroupKind]definition
	seen    map[schema.GroupKind]int
}

// definition is a live CustomResourceDefinition.
type definition struct {
	id object.ID
	// installer is who installs it again, in words, when somebody seems to.
	installer string
}

// define takes a live definition.
func (k *customKinds) define(o drift.Sighting, inGit map[schema.GroupKind]bool) {
	gk, ok := defines(o.Live.Object)
	if ok && o.Expected == nil && !inGit[gk] {
		k.defined[gk] = definition{id: o.ID, installer: installer(o.Live)}
	}
}

// defines returns the kind that a definition defines.
func defines(content map[string]any) (schema.GroupKind, bool) {
	gk := schema.GroupKind{Group: field.Text(content, "spec", "group"), Kind: field.Text(content, "spec", "names", "kind")}
	return gk, gk.Kind != ""
}

// installer tells who seems to have brought u along, and would again.
func installer(u *unstructured.Unstructured) string {
	if release := u.GetAnnotations()["meta.helm.sh/release-name"]; release != "" {
		return "the Helm release " + release
	}
	for key := range u.GetLabels() {
		if key == "olm.managed" || strings.HasPrefix(key, "operators.coreos.com/") {
			return "the Operator Lifecycle Manager"
		}
	}
	if kind, name := capture.Owner(u); kind != "" {
		return kind + " " + name
	}
	if by := u.GetLabels()["app.kubernetes.io/managed-by"]; by != "" {
		return by
	}
	return ""
}

// report adds a finding for each definition that is not in the commit.
func (k *customKinds) report(inGit map[schema.GroupKind]bool, add func(Finding)) {
	for gk, d := range k.defined {
		n := k.seen[gk]
		if inGit[gk] {
			continue
		}
		f := Finding{Category: Definitions, Rule: "definition-missing", Points: 5, Do: "write the CustomResourceDefinition into the source"}
		switch n {
		case 0:
			f.Rule, f.Points, f.What = "definition-unused", 1, "the definition is not in git; there are no objects of its kind"
		case 1:
			f.What = "the definition is not in git, and without it the one " + gk.Kind + " cannot be made again"
		default:
			f.What = fmt.Sprintf("the definition is not in git, and without it %d objects of the kind %s cannot be made again", n, gk.Kind)
		}
		if d.installer != "" && n > 0 {
			f.Points = 2
			f.What += ", unless " + d.installer + " installs it first"
		}
		add(of(d.id, f))
	}
}

// removedVersion looks at the API version in which the commit has an object.
func (s *Survey) removedVersion(o *object.Object) {
	if s.opts.Removed == nil {
		return
	}
	if words, ok := s.opts.Removed(o.GroupVersionKind()); ok {
		s.find(of(o.ID(), Finding{
			Category: Versions, Rule: "version-removed", Points: 2,
			What: fmt.Sprintf("%s has it in %s, which newer Kubernetes does not serve: %s", from(o.From), o.GetAPIVersion(), words),
			Do:   "write it in the version that is served (rekindle restore --convert does that during a restore)",
		}))
	}
}

func from(p object.Provenance) string {
	if s := p.String(); s != "" {
		return s
	}
	return "the source"
}

// storedVersions looks whether objects may be stored in versions that a
// definition does not have any more: then they cannot be read one day.
func (s *Survey) storedVersions(o drift.Sighting) {
	served := map[string]bool{}
	for _, v := range field.Maps(o.Live.Object, "spec", "versions") {
		served[field.Text(v, "name")] = v["served"] == true
	}
	for _, stored := range field.List(o.Live.Object, "status", "storedVersions") {
		version, ok := stored.(string)
		if !ok || len(served) == 0 || served[version] {
			continue
		}
		s.find(of(o.ID, Finding{
			Category: Versions, Rule: "version-stored", Points: 1,
			What: "objects may be stored in " + version + ", which the definition does not serve",
			Do:   "write each object once more, then take " + version + " out of status.storedVersions",
		}))
	}
}
