package kube

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const defaultClass = "storageclass.kubernetes.io/is-default-class"

// explainClaim finds why a PersistentVolumeClaim is not bound.
func explainClaim(e evidence, claim *unstructured.Unstructured) finding {
	if text(claim.Object, "status", "phase") == "Lost" {
		return finding{Reason: "VolumeLost", Message: fmt.Sprintf("its volume %s does not exist any more", text(claim.Object, "spec", "volumeName")), Hint: "restore the volume, or make the claim anew"}
	}
	if volume := text(claim.Object, "spec", "volumeName"); volume != "" {
		return finding{Reason: "VolumeNotBound", Message: or(lastWords(e, claim), fmt.Sprintf("it waits for the volume %s", volume)), Hint: "remove spec.volumeName when the volume belongs to the old cluster"}
	}
	wanted, set := className(claim)
	class := findClass(e.classes, wanted)
	switch {
	case !set:
		return finding{Reason: "NoStorageClass", Message: "it names no storage class and the cluster has no default one" + known(e.classes), Hint: "name a storage class, or mark one as the default"}
	case wanted == "":
		return finding{Reason: "NoVolume", Message: "it asks for a volume made by hand and none fits: " + or(lastWords(e, claim), "no volume is available"), Hint: "add the PersistentVolume to the commit, or name a storage class"}
	case class == nil:
		return finding{Reason: "UnknownStorageClass", Message: fmt.Sprintf("the storage class %s does not exist%s", wanted, known(e.classes)), Hint: "map it to a class that this cluster has"}
	}
	return explainProvisioning(e, claim, class)
}

func explainProvisioning(e evidence, claim, class *unstructured.Unstructured) finding {
	provisioner := text(class.Object, "provisioner")
	late := text(class.Object, "volumeBindingMode") == "WaitForFirstConsumer"
	node := claim.GetAnnotations()["volume.kubernetes.io/selected-node"]
	if late && node == "" {
		f := finding{Reason: "WaitForFirstConsumer", Message: "it is bound once a Pod that uses it is scheduled"}
		f.fine = e.subject.GetUID() == claim.GetUID() && !e.claimUsed
		return f
	}
	for _, ev := range slices.Backward(e.events[string(claim.GetUID())]) {
		switch ev.Reason {
		case "ProvisioningFailed":
			return finding{Reason: "ProvisioningFailed", Message: fmt.Sprintf("%s (storage class %s)", ev.Message, class.GetName())}
		case "ExternalProvisioning":
			return finding{Reason: "NoProvisioner", Message: fmt.Sprintf("the provisioner %s of storage class %s has not made a volume", provisioner, class.GetName()),
				Hint: "check that the provisioner runs in this cluster, or map the storage class"}
		}
	}
	if provisioner == "kubernetes.io/no-provisioner" {
		return finding{Reason: "NoVolume", Message: fmt.Sprintf("storage class %s has no provisioner and no volume fits", class.GetName()), Hint: "add a PersistentVolume, or map the storage class"}
	}
	return finding{Reason: "Provisioning", Message: or(lastWords(e, claim), fmt.Sprintf("it waits for the provisioner %s of storage class %s", provisioner, class.GetName()))}
}

// className returns the class that a claim names, and whether it names one;
// the empty name is a choice too.
func className(claim *unstructured.Unstructured) (string, bool) {
	name, set, _ := unstructured.NestedString(claim.Object, "spec", "storageClassName")
	if !set {
		name, set = claim.GetAnnotations()["volume.beta.kubernetes.io/storage-class"]
	}
	return name, set
}

func findClass(classes []*unstructured.Unstructured, name string) *unstructured.Unstructured {
	for _, c := range classes {
		if c.GetName() == name {
			return c
		}
	}
	return nil
}

// known lists the classes that there are.
func known(classes []*unstructured.Unstructured) string {
	if len(classes) == 0 {
		return " (it has none at all)"
	}
	var names []string
	for _, c := range classes {
		name := c.GetName()
		if c.GetAnnotations()[defaultClass] == "true" {
			name += " (default)"
		}
		names = append(names, name)
	}
	return " (it has " + strings.Join(names, ", ") + ")"
}

func lastWords(e evidence, u *unstructured.Unstructured) string {
	events := e.events[string(u.GetUID())]
	if len(events) == 0 {
		return ""
	}
	return events[len(events)-1].Message
}
