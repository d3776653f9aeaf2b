package plan_test

import (
	"fmt"
	"testing"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
)

// large returns n objects of the kinds that applications are made of, ten to an
// application, fifty applications to a namespace, with waves where waved.
func large(n int, waved bool) []*object.Object {
	list := make([]*object.Object, 0, n)
	add := func(apiVersion, kind, namespace, name string, rest map[string]any) {
		meta := map[string]any{"name": name}
		if namespace != "" {
			meta["namespace"] = namespace
		}
		if waved {
			meta["annotations"] = map[string]any{"argocd.argoproj.io/sync-wave": fmt.Sprint(len(list) % 5)}
		}
		content := map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": meta}
		for k, v := range rest {
			content[k] = v
		}
		list = append(list, object.New(content, object.Provenance{File: "big.yaml", Line: len(list) + 1}))
	}
	for app := 0; len(list) < n; app++ {
		ns, name := fmt.Sprintf("ns-%d", app/50), fmt.Sprintf("app-%d", app)
		labels := map[string]any{"app": name}
		if app%50 == 0 {
			add("v1", "Namespace", "", ns, nil)
			add("v1", "ResourceQuota", ns, "quota", nil)
		}
		add("v1", "ServiceAccount", ns, name, nil)
		add("v1", "ConfigMap", ns, name, map[string]any{"data": map[string]any{"a": "b", "c": "d"}})
		add("v1", "Secret", ns, name, map[string]any{"stringData": map[string]any{"a": "b"}})
		add("rbac.authorization.k8s.io/v1", "Role", ns, name, nil)
		add("rbac.authorization.k8s.io/v1", "RoleBinding", ns, name, map[string]any{
			"roleRef":  map[string]any{"kind": "Role", "name": name},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": name}},
		})
		add("networking.k8s.io/v1", "NetworkPolicy", ns, name, map[string]any{"spec": map[string]any{"podSelector": map[string]any{"matchLabels": labels}}})
		add("v1", "Service", ns, name, map[string]any{"spec": map[string]any{"selector": labels}})
		add("apps/v1", "Deployment", ns, name, map[string]any{"spec": map[string]any{
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{
					"serviceAccountName": name,
					"containers": []any{map[string]any{
						"name": "app", "image": "registry.example/app:1",
						"envFrom":   []any{map[string]any{"configMapRef": map[string]any{"name": name}}},
						"env":       []any{map[string]any{"name": "K", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": name, "key": "a"}}}},
						"resources": map[string]any{"requests": map[string]any{"cpu": "10m", "memory": "10Mi"}},
					}},
				},
			},
		}})
		add("policy/v1", "PodDisruptionBudget", ns, name, map[string]any{"spec": map[string]any{"selector": map[string]any{"matchLabels": labels}}})
		add("networking.k8s.io/v1", "Ingress", ns, name, map[string]any{"spec": map[string]any{"rules": []any{map[string]any{"http": map[string]any{"paths": []any{
			map[string]any{"path": "/", "backend": map[string]any{"service": map[string]any{"name": name}}}}}}}}})
	}
	return list[:n]
}

func BenchmarkMake(b *testing.B) {
	for _, n := range []int{1000, 30000} {
		for _, waved := range []bool{false, true} {
			set, err := object.SetOf(large(n, waved)...)
			if err != nil {
				b.Fatal(err)
			}
			c, _ := plan.Builtin("")
			b.Run(fmt.Sprintf("objects=%d,waves=%v", n, waved), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p, err := plan.Make(set, plan.Options{Catalogue: c})
					if err != nil {
						b.Fatal(err)
					}
					edges := 0
					for _, node := range p.Nodes {
						edges += len(node.Edges)
					}
					b.ReportMetric(float64(edges), "edges")
				}
			})
		}
	}
}
