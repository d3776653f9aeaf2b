package kube

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/recover/object"
)

// mixed are the kinds of a usual commit; NAME and NS are replaced.
const mixed = `
{apiVersion: v1, kind: ConfigMap, metadata: {namespace: NS, name: NAME, labels: {app: NAME}}, data: {app.conf: "listen 8080\nworkers 4\nlog info\n", other: value}}
---
{apiVersion: v1, kind: Secret, metadata: {namespace: NS, name: NAME, labels: {app: NAME}}, data: {password: aHVudGVyMjI=}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {namespace: NS, name: NAME}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {namespace: NS, name: NAME}, rules: [{apiGroups: [""], resources: [pods, services], verbs: [get, list, watch]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {namespace: NS, name: NAME}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}, subjects: [{kind: ServiceAccount, name: NAME, namespace: NS}]}
---
{apiVersion: v1, kind: Service, metadata: {namespace: NS, name: NAME}, spec: {selector: {app: NAME}, ports: [{name: http, port: 80, targetPort: 8080}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: NS, name: NAME}, spec: {replicas: 0, selector: {matchLabels: {app: NAME}}, template: {metadata: {labels: {app: NAME}}, spec: {serviceAccountName: NAME, containers: [{name: web, image: "web:1", ports: [{containerPort: 8080}], env: [{name: A, value: b}], resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}}, readinessProbe: {httpGet: {path: /, port: 8080}}}]}}}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: NS, name: NAME}, spec: {rules: [{host: NAME.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: NAME, port: {number: 80}}}}]}}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: NS, name: NAME}, spec: {podSelector: {matchLabels: {app: NAME}}, ingress: [{ports: [{port: 8080}]}]}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {namespace: NS, name: NAME}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: NAME}, minReplicas: 1, maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}}
`

// mixedObjects makes n objects in ten namespaces that begin with prefix.
func mixedObjects(tb testing.TB, prefix string, n int) (namespaces, rest []*unstructured.Unstructured) {
	tb.Helper()
	for i := range 10 {
		namespaces = append(namespaces, parse(tb, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s-%d}}", prefix, i)))
	}
	docs := strings.Split(mixed, "\n---\n")
	for i := 0; len(rest)+len(namespaces) < n; i++ {
		doc := docs[i%len(docs)]
		doc = strings.NewReplacer("NAME", fmt.Sprintf("app-%d", i/len(docs)), "NS", fmt.Sprintf("%s-%d", prefix, i/len(docs)%10)).Replace(doc)
		rest = append(rest, parse(tb, doc))
	}
	return namespaces, rest
}

// applier applies one object.
type applier struct {
	name    string
	workers int
	apply   func(object.Kind, *unstructured.Unstructured) error
}

// BenchmarkApply compares Apply with the limit: a bare loop of 16 workers that
// does server-side apply with the dynamic client. One operation is 1000 objects.
// Later rounds meet a fuller server, so of the figures only those of "ratio",
// where both take turns, compare the two.
func BenchmarkApply(b *testing.B) {
	if shared == nil {
		b.Skip("no control plane")
	}
	c := dial(b, Options{})
	cat := catalogue(b, c)
	rekindle := applier{"rekindle", 128, func(k object.Kind, u *unstructured.Unstructured) error {
		_, err := c.Apply(b.Context(), k, u, ApplyOptions{})
		return err
	}}
	bare := bareApplier(b)
	round := 0
	once := func(b *testing.B, a applier) time.Duration {
		b.StopTimer()
		round++
		namespaces, rest := mixedObjects(b, fmt.Sprintf("bench-%s-%d", a.name, round), 1000)
		b.StartTimer()
		began := time.Now()
		for _, wave := range [][]*unstructured.Unstructured{namespaces, rest} {
			var g errgroup.Group
			g.SetLimit(a.workers)
			for _, u := range wave {
				g.Go(func() error { return a.apply(kindOf(b, cat, u), u) })
			}
			if err := g.Wait(); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(began)
	}
	for _, a := range []applier{rekindle, bare} {
		b.Run(a.name, func(b *testing.B) {
			for b.Loop() {
				once(b, a)
			}
		})
	}
	b.Run("ratio", func(b *testing.B) {
		var ours, theirs time.Duration
		for b.Loop() {
			ours += once(b, rekindle)
			theirs += once(b, bare)
		}
		b.ReportMetric(ours.Seconds()/theirs.Seconds(), "rekindle/bare16")
	})
}

func bareApplier(b *testing.B) applier {
	config, err := clientcmd.RESTConfigFromKubeConfig(shared.Kubeconfig)
	if err != nil {
		b.Fatal(err)
	}
	config.QPS = -1
	config.DisableCompression = true
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	return applier{"bare16", 16, func(k object.Kind, u *unstructured.Unstructured) error {
		options := metav1.ApplyOptions{FieldManager: "bare", Force: true}
		_, err := client.Resource(k.GroupVersionResource()).Namespace(u.GetNamespace()).Apply(b.Context(), u.GetName(), u, options)
		return err
	}}
}

// BenchmarkListMemory lists what is there and reports the most heap in use.
func BenchmarkListMemory(b *testing.B) {
	if shared == nil {
		b.Skip("no control plane")
	}
	c := dial(b, Options{})
	cat := catalogue(b, c)
	namespaces, rest := mixedObjects(b, "many", 5000)
	var g errgroup.Group
	for _, u := range namespaces {
		if _, err := c.Apply(b.Context(), kindOf(b, cat, u), u, ApplyOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	for _, u := range rest {
		g.Go(func() error {
			_, err := c.Apply(b.Context(), kindOf(b, cat, u), u, ApplyOptions{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	var kinds []object.Kind
	for _, k := range cat.Kinds() {
		if k.Can("list") {
			kinds = append(kinds, k)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		var most uint64
		n := 0
		var mu sync.Mutex
		err := c.ListAll(b.Context(), kinds, ListOptions{}, func(object.Kind, *unstructured.Unstructured) error {
			mu.Lock()
			defer mu.Unlock()
			if n++; n%500 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
		b.ReportMetric(float64(n), "objects")
	}
}
