package cloud

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
)

const (
	// annProvisioner is what the volume controller writes on a claim when an
	// external provisioner has to act; for WaitForFirstConsumer classes only
	// once a pod was scheduled.
	annProvisioner   = "volume.kubernetes.io/storage-provisioner"
	annProvisionedBy = "pv.kubernetes.io/provisioned-by"
	annSelectedNode  = "volume.kubernetes.io/selected-node"
)

// volumes is an external provisioner whose volumes hold nothing.
type volumes struct {
	client   kubernetes.Interface
	claimsIn corelisters.PersistentVolumeClaimLister
	volumeIn corelisters.PersistentVolumeLister
	classIn  storagelisters.StorageClassLister
	claims   *worker
	released *worker
}

func newVolumes(client kubernetes.Interface, factory informers.SharedInformerFactory) *volumes {
	core, storage := factory.Core().V1(), factory.Storage().V1()
	v := &volumes{
		client:   client,
		claimsIn: core.PersistentVolumeClaims().Lister(),
		volumeIn: core.PersistentVolumes().Lister(),
		classIn:  storage.StorageClasses().Lister(),
	}
	storage.StorageClasses().Informer()
	v.claims = newWorker("claims", core.PersistentVolumeClaims().Informer(), v.provision)
	v.released = newWorker("volumes", core.PersistentVolumes().Informer(), v.reclaim)
	return v
}

// provision makes the volume that a claim waits for.
func (v *volumes) provision(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return nil
	}
	claim, err := v.claimsIn.PersistentVolumeClaims(namespace).Get(name)
	if err != nil || claim.DeletionTimestamp != nil || claim.Spec.VolumeName != "" ||
		claim.Annotations[annProvisioner] != Provisioner || claim.Spec.StorageClassName == nil {
		return nil
	}
	class, err := v.classIn.Get(*claim.Spec.StorageClassName)
	if err != nil {
		return fmt.Errorf("StorageClass %s: %w", *claim.Spec.StorageClassName, err)
	}
	if class.VolumeBindingMode != nil && *class.VolumeBindingMode == "WaitForFirstConsumer" &&
		claim.Annotations[annSelectedNode] == "" {
		return nil
	}
	reclaim := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	_, err = v.client.CoreV1().PersistentVolumes().Create(ctx, volumeFor(claim, class.Name, reclaim), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func volumeFor(claim *corev1.PersistentVolumeClaim, class string, reclaim corev1.PersistentVolumeReclaimPolicy) *corev1.PersistentVolume {
	name := "pvc-" + string(claim.UID)
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{annProvisionedBy: Provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: reclaim,
			StorageClassName:              class,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/var/lib/rekindle-simulated/" + name},
			},
		},
	}
}

// reclaim removes our volumes whose claim has gone.
func (v *volumes) reclaim(ctx context.Context, name string) error {
	volume, err := v.volumeIn.Get(name)
	if err != nil || volume.Annotations[annProvisionedBy] != Provisioner || volume.DeletionTimestamp != nil ||
		volume.Status.Phase != corev1.VolumeReleased ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	err = v.client.CoreV1().PersistentVolumes().Delete(ctx, name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &volume.UID},
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
