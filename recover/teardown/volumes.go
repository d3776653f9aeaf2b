package teardown

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// retained names the volumes that stay, as their policy wants.
func (d *draining) retained(ctx context.Context) error {
	kind, served := d.kind("", "PersistentVolume")
	if !served {
		return nil
	}
	list, err := d.list(ctx, kind, kube.ListOptions{}, func(u *unstructured.Unstructured) bool { return !goes(u) })
	if err != nil {
		return err
	}
	for _, u := range list {
		r := Retained{Volume: u.GetName(), Handle: handle(u), Why: "its reclaim policy is " + cmp.Or(field.Text(u.Object, "spec", "persistentVolumeReclaimPolicy"), "Retain")}
		if claim := field.Map(u.Object, "spec", "claimRef"); claim != nil {
			r.Claim = field.Text(claim, "namespace") + "/" + field.Text(claim, "name")
		} else if deletes(u) {
			r.Why = "nobody claims it"
		}
		if !slices.ContainsFunc(d.made.Retained, func(known Retained) bool { return known.Volume == r.Volume }) {
			d.made.Retained = append(d.made.Retained, r)
		}
	}
	return d.s.Made(ctx, d.made)
}

// handle is what the storage calls a volume.
func handle(u *unstructured.Unstructured) string {
	spec := field.Map(u.Object, "spec")
	return cmp.Or(field.Text(spec, "csi", "volumeHandle"), field.Text(spec, "awsElasticBlockStore", "volumeID"), field.Text(spec, "gcePersistentDisk", "pdName"),
		field.Text(spec, "azureDisk", "diskURI"), field.Text(spec, "hostPath", "path"), field.Text(spec, "local", "path"), field.Text(spec, "nfs", "path"))
}

func deletes(u *unstructured.Unstructured) bool {
	return field.Text(u.Object, "spec", "persistentVolumeReclaimPolicy") == "Delete"
}

// goes tells whether a volume goes with its claim.
func goes(u *unstructured.Unstructured) bool {
	return deletes(u) && field.Map(u.Object, "spec", "claimRef") != nil
}

// claims are the claims for volumes. What would make them again, or hold them, is
// stopped first; the Pods that use them go after them, because the scheduler gives
// a claim that is being deleted to no Pod any more. Namespaces that are being
// deleted are waited for: what is in them may be outside, too.
func (d *draining) claims() []class {
	var list []class
	if kind, served := d.kind("", "PersistentVolumeClaim"); served {
		list = append(list, class{kind: kind, counts: every, before: d.stopHolders, after: d.deleteHolders, why: d.usedBy})
	}
	if kind, served := d.kind("", "Namespace"); served {
		list = append(list, class{kind: kind, kept: true, counts: func(u *unstructured.Unstructured) bool { return u.GetDeletionTimestamp() != nil }})
	}
	return list
}

// volumes are those that their provisioners remove behind the claims.
func (d *draining) volumes() []class {
	kind, served := d.kind("", "PersistentVolume")
	if !served {
		return nil
	}
	return []class{{kind: kind, kept: true, counts: func(u *unstructured.Unstructured) bool { return goes(u) && !d.claimLeft(u) },
		why: func(_ context.Context, u *unstructured.Unstructured) string {
			return fmt.Sprintf("; its phase is %s%s", field.Text(u.Object, "status", "phase"), prefixed(": ", field.Text(u.Object, "status", "message")))
		}}}
}

func prefixed(with, text string) string {
	if text == "" {
		return ""
	}
	return with + text
}

// claimLeft tells whether the claim of a volume is stuck already.
func (d *draining) claimLeft(u *unstructured.Unstructured) bool {
	claim := object.ID{Kind: "PersistentVolumeClaim", Namespace: field.Text(u.Object, "spec", "claimRef", "namespace"), Name: field.Text(u.Object, "spec", "claimRef", "name")}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.made.Stuck, func(s Stuck) bool { return s.Object == claim.String() })
}

// holders returns the Pods that use claims.
func (d *draining) holders(ctx context.Context) (object.Kind, []*unstructured.Unstructured, error) {
	kind, served := d.kind("", "Pod")
	if !served {
		return kind, nil, errors.New("the API server serves no Pods")
	}
	pods, err := d.list(ctx, kind, kube.ListOptions{}, func(u *unstructured.Unstructured) bool { return len(claimsOf(u)) > 0 })
	return kind, pods, err
}

// claimsOf are the names of the claims that a Pod uses.
func claimsOf(pod *unstructured.Unstructured) []string {
	var names []string
	for _, v := range field.Maps(pod.Object, "spec", "volumes") {
		if name := field.Text(v, "persistentVolumeClaim", "claimName"); name != "" {
			names = append(names, name)
		}
		if field.Map(v, "ephemeral") != nil {
			names = append(names, pod.GetName()+"-"+field.Text(v, "name"))
		}
	}
	return names
}

// usedBy names the Pods that keep a claim from going.
func (d *draining) usedBy(ctx context.Context, claim *unstructured.Unstructured) string {
	_, pods, err := d.holders(ctx)
	if err != nil {
		return ""
	}
	var names []string
	for _, p := range pods {
		if p.GetNamespace() == claim.GetNamespace() && slices.Contains(claimsOf(p), claim.GetName()) {
			name := p.GetName()
			if held := p.GetFinalizers(); len(held) > 0 {
				name += " (held by " + strings.Join(held, ", ") + ")"
			}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; used by Pod " + few(names)
}

// deleteHolders deletes the Pods that use claims.
func (d *draining) deleteHolders(ctx context.Context, _ []*unstructured.Unstructured) error {
	kind, pods, err := d.holders(ctx)
	if err != nil {
		return err
	}
	pods = slices.DeleteFunc(pods, func(u *unstructured.Unstructured) bool { return u.GetDeletionTimestamp() != nil })
	d.each(ctx, pods, func(ctx context.Context, u *unstructured.Unstructured) error {
		return d.cluster.Delete(ctx, kind, u.GetNamespace(), u.GetName(), u.GetUID(), kube.DeleteOptions{})
	})
	return nil
}
