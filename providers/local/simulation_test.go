package local

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kind "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/providers"
)

// rig is a cluster that one test uses.
type rig struct {
	*testing.T
	p       *Provider
	c       providers.Cluster
	config  []byte
	client  *kubernetes.Clientset
	dynamic dynamic.Interface
}

func newRig(t *testing.T, settings providers.Settings) *rig {
	t.Helper()
	p := newProvider(t, filepath.Join(t.TempDir(), "clusters"))
	c, err := p.Create(t.Context(), providers.Spec{Name: "sim", ID: "id-" + strings.ToLower(t.Name()), Settings: settings},
		func(m string) { t.Log(m) })
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, p: p, c: c}
	r.connect()
	return r
}

// connect makes the clients anew, as another process would.
func (r *rig) connect() {
	r.Helper()
	config, err := r.p.Connect(r.Context(), r.c.Name)
	if err != nil {
		r.Fatal(err)
	}
	r.config, r.client = config, clientset(r.T, config)
	r.dynamic, err = dynamic.NewForConfig(r.rest())
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) rest() *rest.Config {
	config, err := clientcmd.RESTConfigFromKubeConfig(r.config)
	if err != nil {
		r.Fatal(err)
	}
	return config
}

// eventually waits until check returns nil, and fails with its last error.
func (r *rig) eventually(what string, check func(ctx context.Context) error) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	begun := time.Now()
	for {
		err := check(ctx)
		if err == nil {
			r.Logf("%s after %s", what, time.Since(begun).Round(time.Millisecond))
			return
		}
		select {
		case <-ctx.Done():
			r.Fatalf("%s: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// make creates the objects of a YAML text.
func (r *rig) make(text string) {
	r.Helper()
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			r.Fatal(err)
		}
		gvr := kind.GroupVersionResource{
			Group: o.GroupVersionKind().Group, Version: o.GroupVersionKind().Version,
			Resource: strings.ToLower(o.GetKind()) + "s",
		}
		if o.GetKind() == "StorageClass" {
			gvr.Resource = "storageclasses"
		}
		var err error
		if o.GetNamespace() == "" {
			_, err = r.dynamic.Resource(gvr).Create(r.Context(), &o, metav1.CreateOptions{})
		} else {
			_, err = r.dynamic.Resource(gvr).Namespace(o.GetNamespace()).Create(r.Context(), &o, metav1.CreateOptions{})
		}
		if err != nil {
			r.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}

const podTemplate = `
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: example.invalid/web, readinessProbe: {httpGet: {path: /, port: 80}}}]`

// Health means something: what controllers, nodes and the cloud do elsewhere
// happens here too.
func TestWhatASimulatedClusterDoes(t *testing.T) {
	r := newRig(t, providers.Settings{"nodes": 2})

	t.Run("the nodes become ready", func(t *testing.T) { r.sub(t).nodesBecomeReady() })
	t.Run("workloads become available", func(t *testing.T) { r.sub(t).workloads() })
	t.Run("a job completes", func(t *testing.T) { r.sub(t).job() })
	t.Run("claims are bound and their volumes reclaimed", func(t *testing.T) { r.sub(t).claims() })
	t.Run("load balancers get addresses", func(t *testing.T) { r.sub(t).loadBalancers() })
	t.Run("an API without a backend is unavailable", func(t *testing.T) { r.sub(t).aggregatedAPI() })
	t.Run("a webhook without a backend fails at once", func(t *testing.T) { r.sub(t).webhook() })
	t.Run("tokens and roles are real", func(t *testing.T) { r.sub(t).rbac() })
	t.Run("a namespace goes away", func(t *testing.T) { r.sub(t).namespace() })
}

func (r *rig) sub(t *testing.T) *rig {
	s := *r
	s.T = t
	return &s
}

func (r *rig) nodesBecomeReady() {
	r.eventually("nodes ready and untainted", func(ctx context.Context) error {
		nodes, err := r.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready := 0
		for _, n := range nodes.Items {
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && len(n.Spec.Taints) == 0 {
					ready++
				}
			}
		}
		if ready != 2 || len(nodes.Items) != 2 {
			return fmt.Errorf("%d of %d nodes are ready", ready, len(nodes.Items))
		}
		return nil
	})
}

func (r *rig) workloads() {
	r.make(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:` + podTemplate + `
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: default}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: web}}
  template:` + podTemplate + `
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:` + podTemplate)
	apps := r.client.AppsV1()
	r.eventually("workloads available", func(ctx context.Context) error {
		deployment, err1 := apps.Deployments("default").Get(ctx, "web", metav1.GetOptions{})
		set, err2 := apps.StatefulSets("default").Get(ctx, "db", metav1.GetOptions{})
		agent, err3 := apps.DaemonSets("default").Get(ctx, "agent", metav1.GetOptions{})
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		if deployment.Status.AvailableReplicas != 3 || set.Status.AvailableReplicas != 2 || agent.Status.NumberAvailable != 2 {
			return fmt.Errorf("available: deployment %d, statefulset %d, daemonset %d",
				deployment.Status.AvailableReplicas, set.Status.AvailableReplicas, agent.Status.NumberAvailable)
		}
		return nil
	})
}

func (r *rig) job() {
	r.make(`
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: default}
spec:
  completions: 2
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: example.invalid/migrate}]`)
	r.eventually("job complete", func(ctx context.Context) error {
		job, err := r.client.BatchV1().Jobs("default").Get(ctx, "migrate", metav1.GetOptions{})
		if err == nil && job.Status.Succeeded != 2 {
			err = fmt.Errorf("%d of 2 succeeded", job.Status.Succeeded)
		}
		return err
	})
}

func (r *rig) claims() {
	r.make(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: late}
provisioner: rekindle.io/local
reclaimPolicy: Retain
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: default}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: late, namespace: default}
spec: {storageClassName: late, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}`)
	claims := r.client.CoreV1().PersistentVolumeClaims("default")
	phase := func(name string, want corev1.PersistentVolumeClaimPhase) func(context.Context) error {
		return func(ctx context.Context) error {
			claim, err := claims.Get(ctx, name, metav1.GetOptions{})
			if err == nil && claim.Status.Phase != want {
				err = fmt.Errorf("claim %s is %s", name, claim.Status.Phase)
			}
			return err
		}
	}
	r.eventually("claim bound", phase("data", corev1.ClaimBound))
	if err := phase("late", corev1.ClaimPending)(r.Context()); err != nil {
		r.Errorf("before its first consumer: %v", err)
	}
	r.make(`
apiVersion: v1
kind: Pod
metadata: {name: consumer, namespace: default}
spec:
  containers: [{name: c, image: example.invalid/c}]
  volumes: [{name: late, persistentVolumeClaim: {claimName: late}}]`)
	r.eventually("late claim bound", phase("late", corev1.ClaimBound))

	claim, err := claims.Get(r.Context(), "data", metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	if err := claims.Delete(r.Context(), "data", metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.eventually("volume reclaimed", func(ctx context.Context) error {
		_, err := r.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("volume is still there (%w)", err)
	})
}

func (r *rig) loadBalancers() {
	for _, name := range []string{"front", "back"} {
		r.make(`
apiVersion: v1
kind: Service
metadata: {name: ` + name + `, namespace: default}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}`)
	}
	services := r.client.CoreV1().Services("default")
	seen := map[string]bool{}
	for _, name := range []string{"front", "back"} {
		r.eventually("address of "+name, func(ctx context.Context) error {
			s, err := services.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if len(s.Status.LoadBalancer.Ingress) != 1 {
				return errors.New("no address")
			}
			seen[s.Status.LoadBalancer.Ingress[0].IP] = true
			return nil
		})
	}
	if len(seen) != 2 {
		r.Errorf("two Services share one address: %v", seen)
	}
	patch := []byte(`{"spec":{"type":"ClusterIP"}}`)
	if _, err := services.Patch(r.Context(), "front", "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
		r.Fatal(err)
	}
	r.eventually("address taken back", func(ctx context.Context) error {
		s, err := services.Get(ctx, "front", metav1.GetOptions{})
		if err == nil && len(s.Status.LoadBalancer.Ingress) > 0 {
			err = errors.New("it has an address")
		}
		return err
	})
}

func (r *rig) aggregatedAPI() {
	r.make(`
apiVersion: v1
kind: Service
metadata: {name: metrics, namespace: default}
spec: {selector: {app: web}, ports: [{port: 443}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: metrics, namespace: default}`)
	r.eventually("unavailable", func(ctx context.Context) error {
		_, err := r.client.RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1").DoRaw(ctx)
		if apierrors.IsServiceUnavailable(err) {
			return nil
		}
		return fmt.Errorf("want 503, have %v", err)
	})
	err := r.dynamic.Resource(kind.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}).
		Delete(r.Context(), "v1beta1.metrics.k8s.io", metav1.DeleteOptions{})
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) webhook() {
	r.make(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: gate}
webhooks:
- name: gate.example.invalid
  sideEffects: None
  admissionReviewVersions: [v1]
  clientConfig: {service: {name: metrics, namespace: default}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]`)
	r.eventually("webhook refuses", func(ctx context.Context) error {
		begun := time.Now()
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "gated-", Namespace: "default"}}
		_, err := r.client.CoreV1().ConfigMaps("default").Create(ctx, m, metav1.CreateOptions{})
		if err == nil {
			return errors.New("created")
		}
		if took := time.Since(begun); took > 3*time.Second || !strings.Contains(err.Error(), "no-container-network") {
			r.Errorf("after %s: %v", took, err)
		}
		return nil
	})
	err := r.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(r.Context(), "gate", metav1.DeleteOptions{})
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) rbac() {
	token, err := r.client.CoreV1().ServiceAccounts("default").CreateToken(r.Context(), "default",
		&authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		r.Fatal(err)
	}
	config := rest.AnonymousClientConfig(r.rest())
	config.BearerToken = token.Status.Token
	nobody, err := kubernetes.NewForConfig(config)
	if err != nil {
		r.Fatal(err)
	}
	_, err = nobody.CoreV1().Secrets("kube-system").List(r.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "system:serviceaccount:default:default") {
		r.Errorf("secrets as a service account without roles: %v", err)
	}
	config.BearerToken = "made-up"
	stranger, err := kubernetes.NewForConfig(config)
	if err != nil {
		r.Fatal(err)
	}
	if _, err = stranger.CoreV1().Secrets("kube-system").List(r.Context(), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		r.Errorf("secrets with a made-up token: %v", err)
	}
	// Nobody talks to etcd past the API server, not even its administrator.
	var ports struct{ Etcd int }
	h := r.p.home(r.c.Name)
	if err := readJSON(h.path("ports.json"), &ports); err != nil {
		r.Fatal(err)
	}
	admin, err := tls.LoadX509KeyPair(h.path("pki", "admin.crt"), h.path("pki", "admin.key"))
	if err != nil {
		r.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{admin}}}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/version", ports.Etcd), nil)
	if err != nil {
		r.Fatal(err)
	}
	if resp, err := (&http.Client{Transport: transport}).Do(req); err == nil {
		resp.Body.Close()
		r.Errorf("etcd answers somebody else's certificate: %s", resp.Status)
	}
}

func (r *rig) namespace() {
	r.make("{apiVersion: v1, kind: Namespace, metadata: {name: brief}}")
	r.make("{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: brief}}")
	namespaces := r.client.CoreV1().Namespaces()
	if err := namespaces.Delete(r.Context(), "brief", metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.eventually("namespace gone", func(ctx context.Context) error {
		if _, err := namespaces.Get(ctx, "brief", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("still there (%w)", err)
		}
		return nil
	})
}
