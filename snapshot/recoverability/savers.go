package recoverability

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/ignore/glob"
)

// cover is something that saves the data of claims.
type cover struct {
	// by is what saves it, "Schedule velero/nightly".
	by string
	// ran: it has saved something already.
	ran bool
	// near: what it saves is on the storage that the data is on. cloud: it is
	// where that storage comes from, which is near when that is the cluster.
	near, cloud bool
	// of tells of which claims it saves the data. chosen and left say what the
	// annotations of Pods choose for a backup, and leave out of it.
	of func(id object.ID, cl claim, chosen, left bool) bool
}

// savers read, from the object by which a tool is told to save data, which data
// that is; ok is false when it saves none now. They are heuristics over what the
// tools document: Velero, the CSI snapshotter, VolSync, K8up, snapscheduler,
// Stash, Kasten and CloudNativePG. For all others there is the annotation.
var savers = map[schema.GroupKind]func(content map[string]any) (_ cover, ok bool){
	{Group: "velero.io", Kind: "Schedule"}:                     velero,
	{Group: "snapshot.storage.k8s.io", Kind: "VolumeSnapshot"}: volumeSnapshot,
	{Group: "volsync.backube", Kind: "ReplicationSource"}:      volSync,
	{Group: "k8up.io", Kind: "Schedule"}:                       k8up,
	{Group: "snapscheduler.backube", Kind: "SnapshotSchedule"}: snapScheduler,
	{Group: "stash.appscode.com", Kind: "BackupConfiguration"}: stash,
	{Group: "config.kio.kasten.io", Kind: "Policy"}:            kasten,
	{Group: "postgresql.cnpg.io", Kind: "ScheduledBackup"}:     cloudNativePG,
}

// velero: https://velero.io/docs/main/api-types/schedule/
func velero(content map[string]any) (cover, bool) {
	spec := field.Map(content, "spec")
	template := field.Map(spec, "template")
	included, excluded := globs(field.List(template, "includedNamespaces")), globs(field.List(template, "excludedNamespaces"))
	resources := field.List(template, "includedResources")
	about := len(resources) == 0 || slices.ContainsFunc(resources, func(r any) bool {
		return r == "*" || r == "pvc" || r == "persistentvolumeclaims" || r == "persistentvolumeclaim"
	})
	left := slices.ContainsFunc(field.List(template, "excludedResources"), func(r any) bool {
		return r == "pvc" || r == "persistentvolumeclaims" || r == "persistentvolumes" || r == "pv"
	})
	if spec["paused"] == true || !about || left || field.Text(content, "status", "phase") == "FailedValidation" {
		return cover{}, false
	}
	selected := selector(field.Map(template, "labelSelector"))
	files := template["defaultVolumesToFsBackup"] == true || template["defaultVolumesToRestic"] == true
	snapshots := template["snapshotVolumes"] != false
	return cover{
		ran:   field.Text(content, "status", "lastBackup") != "",
		cloud: !files && template["snapshotMoveData"] != true,
		of: func(id object.ID, cl claim, chosen, left bool) bool {
			switch {
			case cl.labels["velero.io/exclude-from-backup"] == "true", !selected.Matches(labels.Set(cl.labels)):
				return false
			case len(included) > 0 && !matches(included, id.Namespace), matches(excluded, id.Namespace):
				return false
			}
			return snapshots || files && !left || chosen
		},
	}, true
}

func volumeSnapshot(content map[string]any) (cover, bool) {
	ready, _ := field.Map(content, "status")["readyToUse"].(bool)
	return cover{
		ran: true, near: true,
		of: named(content, field.Text(content, "spec", "source", "persistentVolumeClaimName")),
	}, ready
}

func volSync(content map[string]any) (cover, bool) {
	spec := field.Map(content, "spec")
	near := spec["restic"] == nil && spec["rsync"] == nil && spec["rsyncTLS"] == nil && spec["rclone"] == nil &&
		spec["syncthing"] == nil && spec["external"] == nil
	return cover{
		ran: field.Text(content, "status", "lastSyncTime") != "", near: near,
		of: named(content, field.Text(spec, "sourcePVC")),
	}, spec["paused"] != true
}

func k8up(content map[string]any) (cover, bool) {
	return cover{
		ran: true,
		of: func(id object.ID, cl claim, _, _ bool) bool {
			return id.Namespace == namespaceOf(content) && cl.annotations["k8up.io/backup"] != "false"
		},
	}, field.Text(content, "spec", "backup", "schedule") != ""
}

func snapScheduler(content map[string]any) (cover, bool) {
	spec := field.Map(content, "spec")
	selected := selector(field.Map(spec, "claimSelector"))
	return cover{
		ran: field.Text(content, "status", "lastSnapshotTime") != "", near: true,
		of: func(id object.ID, cl claim, _, _ bool) bool {
			return id.Namespace == namespaceOf(content) && selected.Matches(labels.Set(cl.labels))
		},
	}, spec["disabled"] != true
}

func stash(content map[string]any) (cover, bool) {
	target := field.Map(content, "spec", "target", "ref")
	return cover{
		ran: true, of: named(content, field.Text(target, "name")),
	}, field.Map(content, "spec")["paused"] != true && field.Text(target, "kind") == claimKind.Kind
}

// kasten policies choose applications, which are namespaces.
func kasten(content map[string]any) (cover, bool) {
	spec := field.Map(content, "spec")
	backup, export := false, false
	for _, a := range field.Maps(spec, "actions") {
		backup = backup || a["action"] == "backup"
		export = export || a["action"] == "export"
	}
	chosen := selector(field.Map(spec, "selector"))
	return cover{
		ran: true, near: !export,
		of: func(id object.ID, _ claim, _, _ bool) bool {
			return chosen.Matches(labels.Set{"k10.kasten.io/appNamespace": id.Namespace})
		},
	}, backup && spec["paused"] != true
}

func cloudNativePG(content map[string]any) (cover, bool) {
	cluster := field.Text(content, "spec", "cluster", "name")
	return cover{
		ran:  field.Text(content, "status", "lastScheduleTime") != "",
		near: field.Text(content, "spec", "method") == "volumeSnapshot",
		of: func(id object.ID, cl claim, _, _ bool) bool {
			return id.Namespace == namespaceOf(content) && cl.labels["cnpg.io/cluster"] == cluster
		},
	}, field.Map(content, "spec")["suspend"] != true && cluster != ""
}

// named is about the one claim of that name in the namespace of content.
func named(content map[string]any, name string) func(object.ID, claim, bool, bool) bool {
	want := object.ID{Kind: claimKind.Kind, Namespace: namespaceOf(content), Name: name}
	return func(id object.ID, _ claim, _, _ bool) bool { return id == want }
}

func namespaceOf(content map[string]any) string { return field.Text(content, "metadata", "namespace") }

// selector reads a label selector. One that is not written selects everything,
// one that cannot be read nothing.
func selector(content map[string]any) labels.Selector {
	if len(content) == 0 {
		return labels.Everything()
	}
	var s metav1.LabelSelector
	raw, err := json.Marshal(content)
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return labels.Nothing()
	}
	parsed, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		return labels.Nothing()
	}
	return parsed
}

// globs reads names that may hold stars.
func globs(list []any) []glob.Glob {
	var out []glob.Glob
	for _, item := range list {
		text, _ := item.(string)
		if g, err := glob.Parse(strings.TrimSpace(text)); err == nil {
			out = append(out, g)
		}
	}
	return out
}

func matches(list []glob.Glob, name string) bool {
	return slices.ContainsFunc(list, func(g glob.Glob) bool { return g.Match(name) })
}
