package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Driver is the name by which a StorageClass asks for EBS volumes.
const Driver = "ebs.csi.aws.com"

// What the volume controller of Kubernetes and provisioners write on claims and volumes.
const (
	annProvisioner    = "volume.kubernetes.io/storage-provisioner"
	annSelectedNode   = "volume.kubernetes.io/selected-node"
	annProvisionedBy  = "pv.kubernetes.io/provisioned-by"
	finalizerProvider = "external-provisioner.volume.kubernetes.io/finalizer"
)

// syncClaim makes the EBS volume that a claim waits for, and its PersistentVolume.
func (c *controllers) syncClaim(ctx context.Context, p *corev1.PersistentVolumeClaim) error {
	if p.DeletionTimestamp != nil || p.Spec.VolumeName != "" || p.Annotations[annProvisioner] != Driver || p.Spec.StorageClassName == nil {
		return nil
	}
	class, err := c.core.Storage().V1().StorageClasses().Lister().Get(*p.Spec.StorageClassName)
	if err != nil {
		return fmt.Errorf("the class of claim %s/%s: %w", p.Namespace, p.Name, err)
	}
	waits := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	if waits && p.Annotations[annSelectedNode] == "" {
		return nil
	}
	id, err := c.ensureVolume(p, class)
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().PersistentVolumes().Create(ctx, persistent(p, class, id), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func volumeName(p *corev1.PersistentVolumeClaim) string { return "pvc-" + string(p.UID) }

// ensureVolume returns the EBS volume of a claim, and makes it when it is not there.
func (c *controllers) ensureVolume(p *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) (string, error) {
	name := volumeName(p)
	have := c.Network.Volumes()
	i := slices.IndexFunc(have, func(v ec2.Volume) bool { return v.Tags["CSIVolumeName"] == name })
	if i >= 0 {
		return have[i].ID, nil
	}
	subnet, err := c.Network.Subnet(c.Cluster.Subnets[0])
	if err != nil {
		return "", err
	}
	asked := p.Spec.Resources.Requests[corev1.ResourceStorage]
	made, err := c.Network.CreateVolume(ec2.Volume{
		Zone: subnet.Zone, Size: max(1, int((asked.Value()+1<<30-1)>>30)), Type: class.Parameters["type"], Encrypted: class.Parameters["encrypted"] == "true",
		Thing: ec2.Thing{Tags: map[string]string{
			"ebs.csi.aws.com/cluster": "true", tagShared + c.Cluster.Name: owned, "KubernetesCluster": c.Cluster.Name, "CSIVolumeName": name,
			"Name":                               c.Cluster.Name + "-dynamic-" + name,
			"kubernetes.io/created-for/pvc/name": p.Name,
			"kubernetes.io/created-for/pvc/namespace": p.Namespace,
			"kubernetes.io/created-for/pv/name":       name,
		}},
	})
	return made.ID, err
}

// persistent is the volume as Kubernetes sees it. It lacks the zone that a real one is
// bound to, because simulated nodes are in none of AWS.
func persistent(p *corev1.PersistentVolumeClaim, class *storagev1.StorageClass, id string) *corev1.PersistentVolume {
	reclaim := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: volumeName(p), Annotations: map[string]string{annProvisionedBy: Driver}, Finalizers: []string{finalizerProvider},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: p.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes: p.Spec.AccessModes, VolumeMode: p.Spec.VolumeMode, StorageClassName: class.Name, PersistentVolumeReclaimPolicy: reclaim,
			ClaimRef: &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				CSI: &corev1.CSIPersistentVolumeSource{Driver: Driver, VolumeHandle: id, FSType: "ext4"},
			},
		},
	}
}

// syncVolume removes the EBS volume of a PersistentVolume that nobody claims any more,
// where its reclaim policy is Delete, and then the PersistentVolume.
func (c *controllers) syncVolume(ctx context.Context, v *corev1.PersistentVolume) error {
	if v.Annotations[annProvisionedBy] != Driver || v.Spec.CSI == nil {
		return nil
	}
	deletes := v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
	if v.Status.Phase == corev1.VolumeReleased && deletes {
		if err := c.removeVolume(v.Spec.CSI.VolumeHandle); err != nil {
			return err
		}
		if v.DeletionTimestamp == nil {
			return gone(c.client.CoreV1().PersistentVolumes().Delete(ctx, v.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &v.UID}}))
		}
	}
	if v.DeletionTimestamp == nil || v.Status.Phase == corev1.VolumeBound {
		return nil
	}
	left := slices.DeleteFunc(slices.Clone(v.Finalizers), func(f string) bool { return f == finalizerProvider })
	if len(left) == len(v.Finalizers) {
		return nil
	}
	v.Finalizers = left
	_, err := c.client.CoreV1().PersistentVolumes().Update(ctx, v, metav1.UpdateOptions{})
	return gone(err)
}

// removeVolume asks for the removal of an EBS volume, until it is gone.
func (c *controllers) removeVolume(id string) error {
	err := c.Network.DeleteVolume(id)
	var refused *wire.Error
	if errors.As(err, &refused) && refused.Code == "InvalidVolume.NotFound" {
		if _, there := c.Network.Volume(id); there == nil {
			return stillThere(id)
		}
		return nil
	}
	if err != nil {
		return err
	}
	return stillThere(id)
}

// stillThere is why a PersistentVolume has to wait.
func stillThere(id string) error { return fmt.Errorf("AWS is still removing %s", id) }
