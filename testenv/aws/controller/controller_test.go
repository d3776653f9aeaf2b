package controller

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
)

var shared *testenv.Cluster

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, func(c *testenv.Cluster) { shared = c }))
}

const (
	region = "eu-central-1"
	delay  = 50 * time.Millisecond
)

// world is a real control plane with controllers, and what AWS has for it.
type world struct {
	*testing.T
	client    kubernetes.Interface
	config    *rest.Config
	network   *ec2.Place
	balancing *elb.Place
	cluster   Cluster
	namespace string
	// stop ends the controllers.
	stop func()
}

func newWorld(t *testing.T) *world {
	testenv.Binary(t)
	network := ec2.New(ec2.Options{Clock: time.Now, Delay: delay})
	w := &world{T: t, network: network.At("1", region), balancing: elb.New(elb.Options{Clock: time.Now, Delay: delay}, network).At("1", region)}
	vpc := must(w.network.CreateVPC("10.0.0.0/16", nil)).ID
	w.cluster = Cluster{Name: "prod", VPC: vpc, Group: must(w.network.CreateGroup(ec2.Group{Name: "eks-cluster-sg-prod-1", VPC: vpc})).ID}
	for i, zone := range []string{"a", "b"} {
		s := must(w.network.CreateSubnet(ec2.Subnet{VPC: vpc, CIDR: fmt.Sprintf("10.0.%d.0/24", i), Zone: region + zone}))
		w.cluster.Subnets = append(w.cluster.Subnets, s.ID)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(shared.Kubeconfig)
	w.ok(err)
	w.config, w.client = config, must(kubernetes.NewForConfig(config))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "cloud-"}}
	w.namespace = must(w.client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})).Name
	w.start()
	return w
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, w.config, Options{Cluster: w.cluster, Network: w.network, Balancing: w.balancing, Log: slog.New(slog.DiscardHandler)})
	}()
	stopped := false
	w.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			w.ok(<-done)
		}
	}
	w.Cleanup(func() { w.stop() })
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// eventually waits until something is true.
func (w *world) eventually(what string, is func(context.Context) bool) {
	w.Helper()
	err := wait.PollUntilContextTimeout(w.Context(), 5*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) { return is(ctx), nil })
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

// service makes a Service and waits for its address.
func (w *world) service(name string, annotations map[string]string) elb.Balancer {
	w.Helper()
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	must(w.client.CoreV1().Services(w.namespace).Create(w.Context(), s, metav1.CreateOptions{}))
	var host string
	w.eventually(name+" has a load balancer", func(ctx context.Context) bool {
		s := must(w.client.CoreV1().Services(w.namespace).Get(ctx, name, metav1.GetOptions{}))
		for _, i := range s.Status.LoadBalancer.Ingress {
			host = i.Hostname
		}
		return host != ""
	})
	return w.balancer(host)
}

func (w *world) balancer(host string) elb.Balancer {
	w.Helper()
	list := w.balancing.Balancers(w.cluster.VPC)
	i := slices.IndexFunc(list, func(b elb.Balancer) bool { return b.DNS == host })
	if i < 0 {
		w.Fatalf("no load balancer has the name %s: %+v", host, list)
	}
	return list[i]
}

// removed removes a Service and waits until it, and what AWS had for it, is gone.
func (w *world) removed(name string) {
	w.Helper()
	w.ok(w.client.CoreV1().Services(w.namespace).Delete(w.Context(), name, metav1.DeleteOptions{}))
	w.eventually(name+" is gone", func(ctx context.Context) bool {
		_, err := w.client.CoreV1().Services(w.namespace).Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	w.eventually("its interfaces are gone", func(context.Context) bool { return len(w.network.Interfaces(w.cluster.VPC)) == 0 })
	if left := w.balancing.Balancers(w.cluster.VPC); len(left) > 0 {
		w.Errorf("left: %+v", left)
	}
	if groups := w.network.Groups(w.cluster.VPC); len(groups) != 2 { // the VPC's and the cluster's
		w.Errorf("left: %+v", groups)
	}
	if into := must(w.network.Group(w.cluster.Group)); len(into.Ingress) != 0 {
		w.Errorf("left: %+v", into.Ingress)
	}
}

func TestServices(t *testing.T) {
	w := newWorld(t)
	owned := map[string]string{"kubernetes.io/cluster/prod": "owned"}
	tests := []struct {
		name        string
		annotations map[string]string
		kind        elb.Kind
		tags        map[string]string // of the load balancer
		groupTags   map[string]string // nil: it has no security group
		targets     int
		internal    bool
	}{
		{"classic", nil, elb.Classic, owned, owned, 0, false},
		{"inside", map[string]string{annInternal: "true"}, elb.Classic, owned, owned, 0, true},
		{"net", map[string]string{annType: "nlb"}, elb.Network, owned, nil, 1, false},
		{"lbc", map[string]string{annType: "external", annScheme: "internet-facing"}, elb.Network, map[string]string{"elbv2.k8s.aws/cluster": "prod"}, map[string]string{"elbv2.k8s.aws/cluster": "prod"}, 1, false},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			w := *w
			w.T = t
			b := w.service(c.name, c.annotations)
			if b.Kind != c.kind || b.Internal != c.internal || len(b.Targets) != c.targets || !slices.Equal(b.Subnets, w.cluster.Subnets) {
				t.Errorf("it is %+v", b)
			}
			for k, v := range c.tags {
				if b.Tags[k] != v {
					t.Errorf("its tags are %v", b.Tags)
				}
			}
			if (len(b.Groups) > 0) != (c.groupTags != nil) {
				t.Errorf("its security groups are %v", b.Groups)
			}
			for _, id := range b.Groups {
				g := must(w.network.Group(id))
				for k, v := range c.groupTags {
					if g.Tags[k] != v {
						t.Errorf("the tags of its group are %v", g.Tags)
					}
				}
			}
			w.removed(c.name)
		})
	}
}

// An Ingress gets an application load balancer.
func TestIngress(t *testing.T) {
	w := newWorld(t)
	class, path := classALB, networkingv1.PathTypePrefix
	g := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Spec: networkingv1.IngressSpec{IngressClassName: &class, Rules: []networkingv1.IngressRule{{
		IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
			Path: "/", PathType: &path, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}},
		}}}},
	}}}}
	in := w.client.NetworkingV1().Ingresses(w.namespace)
	must(in.Create(t.Context(), g, metav1.CreateOptions{}))
	var host string
	w.eventually("it has a load balancer", func(ctx context.Context) bool {
		for _, i := range must(in.Get(ctx, "shop", metav1.GetOptions{})).Status.LoadBalancer.Ingress {
			host = i.Hostname
		}
		return host != ""
	})
	if b := w.balancer(host); b.Kind != elb.Application || !b.Internal || b.Tags["ingress.k8s.aws/stack"] != w.namespace+"/shop" || len(b.Targets) != 1 {
		t.Errorf("it is %+v", b)
	}
	w.ok(in.Delete(t.Context(), "shop", metav1.DeleteOptions{}))
	w.eventually("it is gone", func(ctx context.Context) bool {
		_, err := in.Get(ctx, "shop", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	if left := w.balancing.Balancers(w.cluster.VPC); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
}

// claim makes a claim of a class and returns its EBS volume.
func (w *world) claim(name, class string) (*corev1.PersistentVolume, ec2.Volume) {
	w.Helper()
	p := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1500Mi")}},
	}}
	claims := w.client.CoreV1().PersistentVolumeClaims(w.namespace)
	must(claims.Create(w.Context(), p, metav1.CreateOptions{}))
	w.eventually(name+" is bound", func(ctx context.Context) bool {
		p = must(claims.Get(ctx, name, metav1.GetOptions{}))
		return p.Status.Phase == corev1.ClaimBound
	})
	v := must(w.client.CoreV1().PersistentVolumes().Get(w.Context(), p.Spec.VolumeName, metav1.GetOptions{}))
	return v, must(w.network.Volume(v.Spec.CSI.VolumeHandle))
}

func (w *world) class(name string, reclaim corev1.PersistentVolumeReclaimPolicy, binding storagev1.VolumeBindingMode) string {
	w.Helper()
	c := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: w.namespace + name}, Provisioner: Driver, ReclaimPolicy: &reclaim, VolumeBindingMode: &binding}
	must(w.client.StorageV1().StorageClasses().Create(w.Context(), c, metav1.CreateOptions{}))
	return c.Name
}

func TestVolumes(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	pv, v := w.claim("data", w.class("delete", corev1.PersistentVolumeReclaimDelete, storagev1.VolumeBindingImmediate))
	if v.Size != 2 || v.Tags["kubernetes.io/cluster/prod"] != "owned" || v.Tags["ebs.csi.aws.com/cluster"] != "true" || v.Tags["CSIVolumeName"] != pv.Name ||
		v.Tags["kubernetes.io/created-for/pvc/name"] != "data" || v.Tags["kubernetes.io/created-for/pvc/namespace"] != w.namespace || v.Tags["kubernetes.io/created-for/pv/name"] != pv.Name {
		t.Errorf("volume: %+v", v)
	}
	kept, keptVolume := w.claim("kept", w.class("retain", corev1.PersistentVolumeReclaimRetain, storagev1.VolumeBindingImmediate))
	claims := w.client.CoreV1().PersistentVolumeClaims(w.namespace)
	w.ok(claims.Delete(ctx, "data", metav1.DeleteOptions{}))
	w.ok(claims.Delete(ctx, "kept", metav1.DeleteOptions{}))
	w.eventually("the volume is gone", func(ctx context.Context) bool {
		_, err := w.client.CoreV1().PersistentVolumes().Get(ctx, pv.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	if _, err := w.network.Volume(v.ID); err == nil {
		t.Error("AWS still has the volume")
	}
	w.eventually("the other is released", func(ctx context.Context) bool {
		return must(w.client.CoreV1().PersistentVolumes().Get(ctx, kept.Name, metav1.GetOptions{})).Status.Phase == corev1.VolumeReleased
	})
	w.ok(w.client.CoreV1().PersistentVolumes().Delete(ctx, kept.Name, metav1.DeleteOptions{}))
	w.eventually("the other is forgotten", func(ctx context.Context) bool {
		_, err := w.client.CoreV1().PersistentVolumes().Get(ctx, kept.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	must(w.network.Volume(keptVolume.ID))
}

// A pod is what a claim may wait for, and it comes up.
func TestVolumeForPod(t *testing.T) {
	w := newWorld(t)
	class := w.class("late", corev1.PersistentVolumeReclaimDelete, storagev1.VolumeBindingWaitForFirstConsumer)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "db", Image: "db:1", VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}}},
		Volumes:    []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}},
	}}
	pods := w.client.CoreV1().Pods(w.namespace)
	w.eventually("there is an account", func(ctx context.Context) bool {
		_, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		return err == nil
	})
	w.claim("data", class)
	w.eventually("the pod is ready", func(ctx context.Context) bool {
		return must(pods.Get(ctx, "db", metav1.GetOptions{})).Status.Phase == corev1.PodRunning
	})
}

// What was there when the controllers ended they know again when they begin, and what
// they were not told to remove stays.
func TestControllersEndAndBegin(t *testing.T) {
	w := newWorld(t)
	b := w.service("web", nil)
	w.stop()
	w.ok(w.client.CoreV1().Services(w.namespace).Delete(t.Context(), "web", metav1.DeleteOptions{}))
	if len(w.balancing.Balancers(w.cluster.VPC)) != 1 {
		t.Fatal("the load balancer went by itself")
	}
	w.start()
	w.eventually("the load balancer is gone", func(context.Context) bool { return len(w.balancing.Balancers(w.cluster.VPC)) == 0 })
	w.eventually("the Service is gone", func(ctx context.Context) bool {
		_, err := w.client.CoreV1().Services(w.namespace).Get(ctx, "web", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	if _, err := w.network.Group(b.Groups[0]); err == nil {
		t.Error("its security group is still there")
	}
}

// A load balancer that is protected from deletion holds its Service.
func TestProtected(t *testing.T) {
	w := newWorld(t)
	b := w.service("safe", map[string]string{annType: "external", annAttributes: protection})
	w.ok(w.client.CoreV1().Services(w.namespace).Delete(t.Context(), "safe", metav1.DeleteOptions{}))
	w.eventually("it is asked to go", func(ctx context.Context) bool {
		return must(w.client.CoreV1().Services(w.namespace).Get(ctx, "safe", metav1.GetOptions{})).DeletionTimestamp != nil
	})
	w.ok(w.balancing.Protect(b.ARN, false))
	w.eventually("it is gone", func(ctx context.Context) bool {
		_, err := w.client.CoreV1().Services(w.namespace).Get(ctx, "safe", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

// What is made without a control plane is what controllers make.
func TestMake(t *testing.T) {
	w := newWorld(t)
	w.stop()
	o := Options{Cluster: w.cluster, Network: w.network, Balancing: w.balancing}
	for kind, annotations := range map[elb.Kind]map[string]string{elb.Classic: nil, elb.Network: {annType: "nlb"}} {
		if b := must(MakeService(o, "shop", "web", annotations)); b.Kind != kind || b.Tags["kubernetes.io/service-name"] != "shop/web" || b.VPC != w.cluster.VPC {
			t.Errorf("it is %+v", b)
		}
	}
	if b := must(MakeIngress(o, "shop", "web")); b.Kind != elb.Application || b.Tags["elbv2.k8s.aws/cluster"] != "prod" || len(b.Groups) != 1 || len(b.Targets) != 1 {
		t.Errorf("it is %+v", b)
	}
	if v := must(MakeClaim(o, "shop", "data", 8)); v.Size != 8 || v.Tags["kubernetes.io/created-for/pvc/name"] != "data" || v.Tags["kubernetes.io/cluster/prod"] != "owned" {
		t.Errorf("it is %+v", v)
	}
	if n := len(w.network.Interfaces(w.cluster.VPC)); n != 6 {
		t.Errorf("%d interfaces", n)
	}
}
