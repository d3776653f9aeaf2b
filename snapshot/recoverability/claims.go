package recoverability

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

var (
	claimKind     = schema.GroupKind{Kind: "PersistentVolumeClaim"}
	volumeKind    = schema.GroupKind{Kind: "PersistentVolume"}
	namespaceKind = schema.GroupKind{Kind: "Namespace"}
	classKind     = schema.GroupKind{Group: "storage.k8s.io", Kind: "StorageClass"}
)

// claimKinds are the kinds that tell where data is. Claims and volumes are not
// among what is in the cluster alone: their data is what counts.
var claimKinds = map[schema.GroupKind]bool{claimKind: true, volumeKind: true}

// claims are the claims for volumes, with what tells whether their data is saved.
type claims struct {
	list    map[object.ID]claim
	volumes map[string]volume
	// classes are the provisioners by StorageClass; kept is who saves the data of
	// a class or a namespace, as its annotation says.
	classes                         map[string]string
	keptByClass, keptByNamespace    map[string]string
	covers                          []cover
	chosenForBackup, leftFromBackup map[object.ID]bool
}

type claim struct {
	size, class, volume, kept string
	labels, annotations       map[string]string
	// holds: it is bound to a volume, and not one that goes with a Pod.
	holds bool
}

type volume struct {
	place place
	kept  string
}

func newClaims() claims {
	return claims{
		list: map[object.ID]claim{}, volumes: map[string]volume{}, classes: map[string]string{},
		keptByClass: map[string]string{}, keptByNamespace: map[string]string{},
		chosenForBackup: map[object.ID]bool{}, leftFromBackup: map[object.ID]bool{},
	}
}

// see takes from a live object what it says about data.
func (c *claims) see(o drift.Sighting) {
	u := o.Live
	switch o.ID.GroupKind() {
	case claimKind:
		spec := field.Map(u.Object, "spec")
		class := cmp.Or(field.Text(spec, "storageClassName"), u.GetAnnotations()["volume.beta.kubernetes.io/storage-class"])
		c.list[o.ID] = claim{
			size:  cmp.Or(field.Text(u.Object, "status", "capacity", "storage"), field.Text(spec, "resources", "requests", "storage")),
			class: class, volume: field.Text(spec, "volumeName"), kept: keptBy(u),
			labels: u.GetLabels(), annotations: u.GetAnnotations(),
			holds: field.Text(u.Object, "status", "phase") == "Bound" && !ofAPod(u),
		}
	case volumeKind:
		c.volumes[o.ID.Name] = volume{place: placeOf(field.Map(u.Object, "spec")), kept: keptBy(u)}
	case classKind:
		c.classes[o.ID.Name] = field.Text(u.Object, "provisioner")
		c.keptByClass[o.ID.Name] = keptBy(u)
	case namespaceKind:
		c.keptByNamespace[o.ID.Name] = keptBy(u)
	case podKind:
		c.annotatedVolumes(o)
	default:
		if covers := savers[o.ID.GroupKind()]; covers != nil {
			if by, ok := covers(u.Object); ok {
				by.by = o.ID.Kind + " " + strings.TrimPrefix(o.ID.Namespace+"/"+o.ID.Name, "/")
				c.covers = append(c.covers, by)
			}
		}
	}
}

// ofAPod tells whether a claim is a Pod's own and goes with it: an ephemeral
// volume.
func ofAPod(u *unstructured.Unstructured) bool {
	owners := u.GetOwnerReferences()
	return len(owners) > 0 && owners[0].Kind == podKind.Kind
}

// annotatedVolumes reads the annotations by which Pods choose what Velero copies.
func (c *claims) annotatedVolumes(o drift.Sighting) {
	for key, into := range map[string]map[object.ID]bool{
		"backup.velero.io/backup-volumes": c.chosenForBackup, "backup.velero.io/backup-volumes-excludes": c.leftFromBackup,
	} {
		for name := range strings.SplitSeq(o.Live.GetAnnotations()[key], ",") {
			for _, v := range field.Maps(o.Live.Object, "spec", "volumes") {
				if claimed := field.Text(v, "persistentVolumeClaim", "claimName"); claimed != "" && field.Text(v, "name") == strings.TrimSpace(name) {
					into[object.ID{Kind: claimKind.Kind, Namespace: o.ID.Namespace, Name: claimed}] = true
				}
			}
		}
	}
}

// report adds a finding for each claim whose data is not saved, and returns how
// many claims hold data and how many of them are saved.
func (c *claims) report(add func(Finding)) (held, saved int) {
	for id, cl := range c.list {
		if !cl.holds {
			continue
		}
		held++
		if cmp.Or(cl.kept, c.volumes[cl.volume].kept, c.keptByNamespace[id.Namespace], c.keptByClass[cl.class]) != "" {
			saved++
			continue
		}
		f, ok := c.judge(id, cl)
		if ok {
			f.Category, f.Size, f.Class = Data, cl.size, cl.class
			add(of(id, f))
		} else {
			saved++
		}
	}
	return held, saved
}

// judge says what would be lost of a claim's data; ok is false when nothing
// would be.
func (c *claims) judge(id object.ID, cl claim) (f Finding, ok bool) {
	where := c.placeOf(cl)
	var waiting, near *cover
	for i := range c.covers {
		by := &c.covers[i]
		switch {
		case !by.of(id, cl, c.chosenForBackup[id], c.leftFromBackup[id]):
		case by.near, by.cloud && where != outside && !c.chosenForBackup[id]:
			near = first(near, by)
		case by.ran:
			return Finding{}, false
		default:
			waiting = first(waiting, by)
		}
	}
	risk := risks[where]
	switch {
	case waiting != nil:
		return Finding{
			Rule: "claim-waiting", Points: risk.points / 2, What: waiting.by + " would save it, but has not yet",
			Do: "look why it has not run, or run it once by hand",
		}, true
	case near != nil:
		return Finding{
			Rule: "claim-near", Points: risk.nearPoints, What: near.by + " saves it on the storage that it is on; " + risk.words,
			Do: "copy the snapshot to another place",
		}, true
	}
	return Finding{
		Rule: "claim-unsaved", Points: risk.points, What: "nothing seems to save its data; " + risk.words,
		Do: "back it up (Velero, VolSync, K8up, a dump to another place), or say who does with the annotation " + SavedBy,
	}, true
}

func first(a, b *cover) *cover {
	if a == nil || b.by < a.by {
		return b
	}
	return a
}

// place is where the data of a volume is.
type place int

const (
	unsure place = iota
	onNode
	inside
	outside
)

// risks are what it costs to leave data in a place: not saved at all, or only by
// snapshots in the same place.
var risks = map[place]struct {
	words              string
	points, nearPoints int
}{
	onNode:  {"it is on the disk of one node and gone with it", 20, 20},
	inside:  {"it is on storage that runs in this cluster and is gone with it", 20, 20},
	outside: {"its disk may outlive the cluster, if nobody removes it with the cluster", 10, 3},
	unsure:  {"where it is is not known", 15, 8},
}

// placeOf tells by the spec of a PersistentVolume where its data is.
func placeOf(spec map[string]any) place {
	switch {
	case spec["local"] != nil, spec["hostPath"] != nil:
		return onNode
	case spec["csi"] != nil:
		return placeOfDriver(field.Text(spec, "csi", "driver"))
	}
	for key := range spec {
		switch key {
		case "nfs", "awsElasticBlockStore", "gcePersistentDisk", "azureDisk", "azureFile", "cinder", "fc", "iscsi", "vsphereVolume", "cephfs", "rbd":
			return outside
		}
	}
	return unsure
}

// placeOf tells where the data of a claim is: by its volume, else by the
// provisioner of its class.
func (c *claims) placeOf(cl claim) place {
	if v, ok := c.volumes[cl.volume]; ok {
		return v.place
	}
	if by := c.classes[cl.class]; by != "" {
		return placeOfDriver(by)
	}
	return unsure
}

// nodeDrivers keep data on the node that uses it, clusterDrivers on the nodes of
// the cluster: prefixes or whole names of drivers.
var (
	nodeDrivers = []string{
		"rancher.io/local-path", "kubernetes.io/no-provisioner", "k8s.io/minikube-hostpath", "docker.io/hostpath", "microk8s.io/hostpath",
		"hostpath.csi.k8s.io", "topolvm.io", "topolvm.cybozu.com", "local.csi.openebs.io", "openebs.io/local", "zfs.csi.openebs.io",
		"lvm.csi.metal-stack.io", "local.csi.aliyun.com", "kubevirt.io.hostpath-provisioner", "directpv-min-io",
	}
	clusterDrivers = []string{
		"driver.longhorn.io", "rook-ceph.", "linstor.csi.linbit.com", "io.openebs.csi-mayastor", "cstor.csi.openebs.io", "jiva.csi.openebs.io",
		"pxd.portworx.com", "csi.simplyblock.io", "storageos",
	}
)

func placeOfDriver(name string) place {
	for _, d := range nodeDrivers {
		if strings.HasPrefix(name, d) {
			return onNode
		}
	}
	for _, d := range clusterDrivers {
		if strings.HasPrefix(name, d) {
			return inside
		}
	}
	if name == "" {
		return unsure
	}
	return outside
}
