package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/plan"
)

func TestDiffNamesFieldsAndHidesSecrets(t *testing.T) {
	before := makePlan(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {a.b/c: x}}
spec:
  replicas: 1
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: log, image: "l:1"}, {name: web, image: "w:1"}]}}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: hunter2, same: x}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: gone}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: same, uid: abc}
data: {a: b}
`)
	after := makePlan(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: same, creationTimestamp: "2020-01-01T00:00:00Z"}
data: {a: b}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {a.b/c: z}}
spec:
  replicas: 1
  paused: true
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "w:2"}, {name: log, image: "l:1"}]}}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: correct-horse, same: x}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: new}
`)
	var b strings.Builder
	d := plan.Diff(before, after)
	d.Write(&b)
	want := `+ ConfigMap default/new (all.yaml:20)
- ConfigMap default/gone (all.yaml:14)
~ Secret default/s (all.yaml:15)
    data.password: differs (not shown)
~ Deployment.apps default/web (all.yaml:7)
    metadata.annotations["a.b/c"]: "x" → "z"
    spec.paused: + true
    spec.template.spec.containers (order): ["log","web"] → ["web","log"]
    spec.template.spec.containers[web].image: "w:1" → "w:2"
1 added, 1 removed, 2 changed
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
	for _, secret := range []string{"hunter2", "correct-horse", "aHVudGVyMg"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	if same := plan.Diff(before, before); !same.Empty() {
		t.Errorf("a plan differs from itself: %+v", same)
	}
}
