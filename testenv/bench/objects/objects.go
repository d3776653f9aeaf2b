// Package objects generates Kubernetes objects for benchmarks: mixed kinds in
// the proportions of an ordinary cluster, many namespaces, and the same bytes
// for the same number on every machine.
//
// Deployments ask for no replicas. What is measured is how fast a commit gets
// onto an API server; pods would put the load of controllers and nodes, which
// differs from run to run, on top of it.
package objects

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Object is one generated object.
type Object struct {
	// Resource is where the API server takes it.
	Resource  schema.GroupVersionResource
	Namespace string // "" for a namespace itself
	Name      string
	Content   map[string]any
	// File is its path in the tree, several objects share one.
	File string
}

// each is how often a kind occurs in one namespace; together they are
// perNamespace.
const (
	configMaps, secrets, workloads, budgets = 5, 3, 4, 2
	perNamespace                            = 1 + 3 + configMaps + secrets + 2*workloads + budgets + 3
)

// Generate returns n objects, each namespace before what lies in it.
func Generate(n int) []Object {
	list := make([]Object, 0, n+perNamespace)
	for i := 0; len(list) < n; i++ {
		list = append(list, namespace(fmt.Sprintf("team-%04d", i))...)
	}
	return list[:n]
}

// namespace returns one namespace and all that lies in it.
func namespace(ns string) []Object {
	b := builder{ns: ns}
	b.add("00-namespace", "", "v1", "namespaces", "Namespace", ns, map[string]any{})
	b.access()
	for i := range configMaps {
		b.add("config", "", "v1", "configmaps", "ConfigMap", fmt.Sprintf("settings-%d", i), map[string]any{"data": map[string]any{
			"log.level":  "info",
			"app.yaml":   "listen: :8080\nupstream: http://backend." + ns + ".svc\n" + lines("route", 20),
			"limits.ini": lines("limit", 10),
		}})
	}
	for i := range secrets {
		b.add("secret", "", "v1", "secrets", "Secret", fmt.Sprintf("token-%d", i), map[string]any{
			"type": "Opaque", "data": map[string]any{"token": "bm90LWEtc2VjcmV0LWp1c3QtYnl0ZXMtZm9yLWEtYmVuY2htYXJr"},
		})
	}
	for i := range workloads {
		b.workload(fmt.Sprintf("app-%d", i), i)
	}
	for i := range budgets {
		name := fmt.Sprintf("app-%d", i)
		b.spec("budget", "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", name, map[string]any{
			"maxUnavailable": 1, "selector": selector(name),
		})
	}
	b.edge()
	return b.list
}

type builder struct {
	ns   string
	list []Object
}

// add adds an object with the given fields beside its metadata.
func (b *builder) add(file, group, version, resource, kind, name string, fields map[string]any) {
	gvr := schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
	meta := map[string]any{"name": name, "labels": map[string]any{"app.kubernetes.io/part-of": b.ns}}
	o := Object{Resource: gvr, Name: name, File: b.ns + "/" + file + ".yaml"}
	if kind != "Namespace" {
		meta["namespace"], o.Namespace = b.ns, b.ns
	}
	o.Content = map[string]any{"apiVersion": gvr.GroupVersion().String(), "kind": kind, "metadata": meta}
	for k, v := range fields {
		o.Content[k] = v
	}
	b.list = append(b.list, o)
}

func (b *builder) spec(file, group, version, resource, kind, name string, spec map[string]any) {
	b.add(file, group, version, resource, kind, name, map[string]any{"spec": spec})
}

// access adds a ServiceAccount and the role bound to it.
func (b *builder) access() {
	const rbac = "rbac.authorization.k8s.io"
	b.add("access", "", "v1", "serviceaccounts", "ServiceAccount", "app", map[string]any{})
	b.add("access", rbac, "v1", "roles", "Role", "app", map[string]any{"rules": []any{
		map[string]any{"apiGroups": []any{""}, "resources": []any{"configmaps", "endpoints"}, "verbs": []any{"get", "list", "watch"}},
		map[string]any{"apiGroups": []any{"apps"}, "resources": []any{"deployments"}, "verbs": []any{"get"}},
	}})
	b.add("access", rbac, "v1", "rolebindings", "RoleBinding", "app", map[string]any{
		"roleRef":  map[string]any{"apiGroup": rbac, "kind": "Role", "name": "app"},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": "app", "namespace": b.ns}},
	})
}

// workload adds a Deployment and its Service.
func (b *builder) workload(name string, i int) {
	labels := map[string]any{"app": name}
	probe := map[string]any{"httpGet": map[string]any{"path": "/healthz", "port": "http"}, "periodSeconds": 5}
	container := map[string]any{
		"name": "app", "image": fmt.Sprintf("registry.example.com/%s/%s:1.%d", b.ns, name, i),
		"ports":   []any{map[string]any{"name": "http", "containerPort": 8080}},
		"envFrom": []any{map[string]any{"configMapRef": map[string]any{"name": "settings-0"}}},
		"env": []any{map[string]any{"name": "TOKEN", "valueFrom": map[string]any{
			"secretKeyRef": map[string]any{"name": "token-0", "key": "token"},
		}}},
		"resources": map[string]any{
			"requests": map[string]any{"cpu": "50m", "memory": "64Mi"}, "limits": map[string]any{"memory": "128Mi"},
		},
		"readinessProbe": probe, "livenessProbe": probe,
	}
	b.spec("app", "apps", "v1", "deployments", "Deployment", name, map[string]any{
		"replicas": 0,
		"selector": selector(name),
		"template": map[string]any{
			"metadata": map[string]any{"labels": labels},
			"spec":     map[string]any{"serviceAccountName": "app", "containers": []any{container}},
		},
	})
	b.spec("app", "", "v1", "services", "Service", name, map[string]any{
		"selector": labels, "ports": []any{map[string]any{"name": "http", "port": 80, "targetPort": "http"}},
	})
}

// edge adds what stands around the workloads: Ingress, NetworkPolicy and
// autoscaler.
func (b *builder) edge() {
	backend := map[string]any{"service": map[string]any{"name": "app-0", "port": map[string]any{"name": "http"}}}
	b.spec("edge", "networking.k8s.io", "v1", "ingresses", "Ingress", "app", map[string]any{"rules": []any{map[string]any{
		"host": b.ns + ".example.com",
		"http": map[string]any{"paths": []any{map[string]any{"path": "/", "pathType": "Prefix", "backend": backend}}},
	}}})
	b.spec("edge", "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "app", map[string]any{
		"podSelector": map[string]any{}, "policyTypes": []any{"Ingress"},
		"ingress": []any{map[string]any{"from": []any{map[string]any{"podSelector": map[string]any{}}}}},
	})
	b.spec("edge", "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "app-0", map[string]any{
		"scaleTargetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "app-0"},
		"minReplicas":    1, "maxReplicas": 5,
		"metrics": []any{map[string]any{"type": "Resource", "resource": map[string]any{
			"name": "cpu", "target": map[string]any{"type": "Utilization", "averageUtilization": 80},
		}}},
	})
}

func selector(app string) map[string]any {
	return map[string]any{"matchLabels": map[string]any{"app": app}}
}

func lines(word string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s-%02d = value-%02d\n", word, i, i*7)
	}
	return b.String()
}

// WriteTree writes the objects as a tree of YAML files below dir, in an order
// in which kubectl may read them: each namespace's folder begins with it.
func WriteTree(dir string, list []Object) error {
	files := map[string]*bytes.Buffer{}
	for _, o := range list {
		raw, err := yaml.Marshal(o.Content)
		if err != nil {
			return fmt.Errorf("%s %s/%s: %w", o.Resource.Resource, o.Namespace, o.Name, err)
		}
		b := files[o.File]
		if b == nil {
			b = &bytes.Buffer{}
			files[o.File] = b
		} else {
			b.WriteString("---\n")
		}
		b.Write(raw)
	}
	for file, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
