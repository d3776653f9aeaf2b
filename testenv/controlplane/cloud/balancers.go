package cloud

import (
	"context"
	"errors"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// balancers gives Services of type LoadBalancer an address that no real network
// uses (RFC 5737), each its own.
type balancers struct {
	client    kubernetes.Interface
	serviceIn corelisters.ServiceLister
	services  *worker
	// given maps each address to the Service that has it. The informer may not
	// have seen what was given a moment ago. Only the worker touches it.
	given map[string]string
}

func newBalancers(client kubernetes.Interface, factory informers.SharedInformerFactory) *balancers {
	services := factory.Core().V1().Services()
	b := &balancers{client: client, serviceIn: services.Lister(), given: map[string]string{}}
	b.services = newWorker("services", services.Informer(), b.assign)
	return b
}

// pool is the TEST-NETs without network and broadcast addresses; the first of
// TEST-NET-1 belong to the control plane itself.
func pool() []string {
	var addresses []string
	for _, net := range []struct {
		prefix string
		first  int
	}{{"192.0.2.0/24", 10}, {"198.51.100.0/24", 1}, {"203.0.113.0/24", 1}} {
		octets := netip.MustParsePrefix(net.prefix).Addr().As4()
		for last := net.first; last < 255; last++ {
			octets[3] = byte(last)
			addresses = append(addresses, netip.AddrFrom4(octets).String())
		}
	}
	return addresses
}

// assign gives the Service an address, or takes it back from one that is no
// load balancer any more.
func (b *balancers) assign(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return nil
	}
	service, err := b.serviceIn.Services(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		b.release(key)
		return nil
	}
	if err != nil {
		return err
	}
	ours := service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil &&
		service.DeletionTimestamp == nil
	switch has := len(service.Status.LoadBalancer.Ingress) > 0; {
	case ours == has:
		return nil
	case !ours && service.Spec.Type == corev1.ServiceTypeLoadBalancer:
		return nil // somebody else's class
	}
	updated := service.DeepCopy()
	updated.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	if ours {
		address, err := b.address(key, service.Spec.LoadBalancerIP)
		if err != nil {
			return err
		}
		mode := corev1.LoadBalancerIPModeVIP
		updated.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address, IPMode: &mode}}
	} else {
		b.release(key)
	}
	_, err = b.client.CoreV1().Services(namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// address returns the address wanted, where somebody wanted one, or the first
// that no Service has.
func (b *balancers) address(key, wanted string) (string, error) {
	if wanted != "" {
		return wanted, nil
	}
	taken, err := b.taken()
	if err != nil {
		return "", err
	}
	for _, address := range pool() {
		if holder, ok := taken[address]; !ok || holder == key {
			b.given[address] = key
			return address, nil
		}
	}
	return "", errors.New("all simulated load balancer addresses are given out")
}

func (b *balancers) taken() (map[string]string, error) {
	services, err := b.serviceIn.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	taken := make(map[string]string, len(b.given))
	for address, key := range b.given {
		taken[address] = key
	}
	for _, s := range services {
		for _, ingress := range s.Status.LoadBalancer.Ingress {
			taken[ingress.IP] = s.Namespace + "/" + s.Name
		}
	}
	return taken, nil
}

func (b *balancers) release(key string) {
	for address, holder := range b.given {
		if holder == key {
			delete(b.given, address)
		}
	}
}
