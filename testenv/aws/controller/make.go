package controller

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
)

// MakeService makes what the controllers would make for a Service of type LoadBalancer
// with these annotations, without any control plane: what is found in AWS when a
// cluster's API server is dead.
func MakeService(o Options, namespace, name string, annotations map[string]string) (elb.Balancer, error) {
	c := &controllers{Options: o}
	w, _ := c.wishOfService(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: id(), Annotations: annotations},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80, NodePort: 30080, Protocol: corev1.ProtocolTCP}}},
	})
	return c.make(w)
}

// MakeIngress does so for an Ingress.
func MakeIngress(o Options, namespace, name string) (elb.Balancer, error) {
	c := &controllers{Options: o}
	return c.make(c.wishOfIngress(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: id()}}))
}

// MakeClaim does so for a claim of some GiB.
func MakeClaim(o Options, namespace, name string, size int) (ec2.Volume, error) {
	c := &controllers{Options: o}
	made, err := c.ensureVolume(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: id()},
		Spec: corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceStorage: resource.MustParse(fmt.Sprintf("%dGi", size)),
		}}},
	}, &storagev1.StorageClass{})
	if err != nil {
		return ec2.Volume{}, err
	}
	return o.Network.Volume(made)
}

func id() types.UID { return uuid.NewUUID() }

func (c *controllers) make(w wish) (elb.Balancer, error) {
	if _, err := c.ensure(w); err != nil {
		return elb.Balancer{}, err
	}
	b, _ := c.balancer(w)
	return b, nil
}
