package rebuild_test

import "testing"

// scaled is two Deployments with an autoscaler each, in two API versions: one
// says how many replicas to start with.
func scaled(note string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: counted, namespace: shop, annotations: {note: ` + note + `}}
spec:
  replicas: 2
  selector: {matchLabels: {app: counted}}
  template:
    metadata: {labels: {app: counted}}
    spec: {containers: [{name: app, image: "registry.example.com/app:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: free, namespace: shop, annotations: {note: ` + note + `}}
spec:
  selector: {matchLabels: {app: free}}
  template:
    metadata: {labels: {app: free}}
    spec: {containers: [{name: app, image: "registry.example.com/app:1"}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: counted, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: counted}
  minReplicas: 1
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: free, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: free}
  minReplicas: 1
  maxReplicas: 10
  targetCPUUtilizationPercentage: 80
`
}

func (p *place) autoscalerKeepsItsReplicas(t *testing.T) {
	autoscaler := p.by(t, "kube-controller-manager")
	for _, name := range []string{"counted", "free"} {
		autoscaler.patch("/apis/apps/v1/namespaces/shop/deployments/"+name+"/scale", `{"spec":{"replicas":4}}`)
	}
	if report := p.verify(t); !report.Verified {
		t.Errorf("replicas are the autoscaler's: %s", words(t, report.Drift))
	}
	p.commit(t, editable, queues, scaled("second"), credentials("zaphod-one", "beeblebrox-two"), held)
	p.verified(t)
	for _, name := range []string{"counted", "free"} {
		live := autoscaler.get("/apis/apps/v1/namespaces/shop/deployments/" + name)
		if note := live.GetAnnotations()["note"]; note != "second" {
			t.Errorf("%s: the commit's annotation is %q", name, note)
		}
		if n := live.Object["spec"].(map[string]any)["replicas"]; n != int64(4) {
			t.Errorf("%s: the restore set the replicas to %v", name, n)
		}
	}
}

func (p *place) strangerIsOne(t *testing.T) {
	const path = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
	person := p.by(t, "kubectl-create")
	person.post(path, `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: stranger, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nothing}
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]`)
	defer person.delete(path + "/stranger")
	report := p.verify(t)
	if len(report.Drift.Unexpected) != 1 || report.Drift.Unexpected[0].ID.Name != "stranger" {
		t.Errorf("there is one stranger: %s", words(t, report.Drift.Unexpected))
	}
}
