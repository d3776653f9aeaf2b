package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
)

// parse reads documents separated by --- lines as a file of a repository.
func parse(t testing.TB, file, text string) []*object.Object {
	t.Helper()
	var list []*object.Object
	line := 1
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(doc), &content); err != nil {
			t.Fatalf("%s:%d: %v", file, line, err)
		}
		if len(content) > 0 {
			list = append(list, object.New(content, object.Provenance{File: file, Line: line}))
		}
		line += strings.Count(doc, "\n") + 2
	}
	return list
}

func setOf(t testing.TB, list ...*object.Object) *object.Set {
	t.Helper()
	set, err := object.SetOf(list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func builtin(t testing.TB) *object.Catalogue {
	t.Helper()
	c, ok := plan.Builtin("")
	if !ok {
		t.Fatal("no catalogue is built in")
	}
	return c
}

func makePlan(t testing.TB, text string, change ...func(*plan.Options)) *plan.Plan {
	t.Helper()
	opts := plan.Options{Catalogue: builtin(t)}
	for _, c := range change {
		c(&opts)
	}
	p, err := plan.Make(setOf(t, parse(t, "all.yaml", text)...), opts)
	if err != nil {
		t.Fatal(err)
	}
	checkOrder(t, p)
	return p
}

// checkOrder fails unless every edge points to an earlier node of a lower wave.
func checkOrder(t interface{ Fatalf(string, ...any) }, p *plan.Plan) {
	at := map[object.ID]int{}
	for i, n := range p.Nodes {
		for _, e := range n.Edges {
			to, ok := at[e.To]
			if !ok {
				t.Fatalf("%s needs %s, which does not come before it", n.ID, e.To)
			}
			if p.Nodes[to].Wave >= n.Wave {
				t.Fatalf("%s in wave %d needs %s in wave %d", n.ID, n.Wave, e.To, p.Nodes[to].Wave)
			}
		}
		if _, twice := at[n.ID]; twice {
			t.Fatalf("%s is in the plan twice", n.ID)
		}
		at[n.ID] = i
	}
}

// edges prints all edges, one a line, in the order of the plan.
func edges(p *plan.Plan) string {
	var b strings.Builder
	for _, n := range p.Nodes {
		for _, e := range n.Edges {
			fmt.Fprintf(&b, "%s -%s/%s-> %s\n", n.ID, e.Strength, e.Until, e.To)
		}
	}
	return b.String()
}

func notes(p *plan.Plan) string {
	var b strings.Builder
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "%s: %s %s\n", n.Kind, n.ID, n.Text)
	}
	return b.String()
}

func wantEdges(t *testing.T, p *plan.Plan, want ...string) {
	t.Helper()
	have := strings.Split(edges(p), "\n")
	for _, w := range want {
		if !slices.Contains(have, w) {
			t.Errorf("no edge %s in:\n%s", w, strings.Join(have, "\n"))
		}
	}
}

func TestObjectsWaitForWhatTheyNeed(t *testing.T) {
	p := makePlan(t, `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      priorityClassName: high
      imagePullSecrets: [{name: pull}]
      containers:
      - name: web
        envFrom: [{configMapRef: {name: settings}}]
        env: [{name: X, valueFrom: {secretKeyRef: {name: key, key: x}}}]
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: data}
      - name: both
        projected: {sources: [{configMap: {name: projected}}]}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: v1
kind: Secret
metadata: {name: pull, namespace: shop}
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: projected, namespace: shop}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: shop}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
`)
	wantEdges(t, p,
		"Deployment.apps shop/web -hard/exists-> Namespace shop",
		"Deployment.apps shop/web -hard/exists-> PriorityClass.scheduling.k8s.io high",
		"Deployment.apps shop/web -soft/exists-> ServiceAccount shop/web",
		"Deployment.apps shop/web -soft/exists-> Secret shop/pull",
		"Deployment.apps shop/web -soft/exists-> Secret shop/key",
		"Deployment.apps shop/web -soft/exists-> ConfigMap shop/settings",
		"Deployment.apps shop/web -soft/exists-> ConfigMap shop/projected",
		"Deployment.apps shop/web -soft/exists-> PersistentVolumeClaim shop/data",
		"Deployment.apps shop/web -soft/exists-> NetworkPolicy.networking.k8s.io shop/closed",
		"Deployment.apps shop/web -soft/exists-> RoleBinding.rbac.authorization.k8s.io shop/web",
		"RoleBinding.rbac.authorization.k8s.io shop/web -soft/exists-> Role.rbac.authorization.k8s.io shop/web",
		"HorizontalPodAutoscaler.autoscaling shop/web -soft/exists-> Deployment.apps shop/web",
	)
	if len(p.Notes) > 0 || len(p.Unserved) > 0 {
		t.Errorf("unexpected: %s %v", notes(p), p.Unserved)
	}
}
