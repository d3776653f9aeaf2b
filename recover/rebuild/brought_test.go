package rebuild_test

import (
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/object"
)

// brought is what somebody else brings to the cluster, manifest by manifest, each
// with the collection that it is posted to.
var brought = [][2]string{
	{"/api/v1/namespaces", "apiVersion: v1\nkind: Namespace\nmetadata: {name: brought}"},
	{"/api/v1/namespaces/brought/serviceaccounts", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot, namespace: brought}"},
	{"/api/v1/namespaces/brought/services", `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: brought}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}`},
	{"/api/v1/namespaces/brought/services", `
apiVersion: v1
kind: Service
metadata: {name: balanced, namespace: brought}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}`},
	{"/apis/apps/v1/namespaces/brought/deployments", `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: brought}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: robot
      initContainers: [{name: init, image: "registry.example.com/init"}]
      containers:
      - name: web
        image: registry.example.com/web:1
        ports: [{containerPort: 80}]
        env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
        resources: {requests: {cpu: 1000m, memory: 1024Mi}}
        livenessProbe: {httpGet: {path: /, port: 80}}
        startupProbe: {grpc: {port: 80}}
      volumes: [{name: config, configMap: {name: config}}, {name: tmp, emptyDir: {}}, {name: all, projected: {sources: [{serviceAccountToken: {path: token}}]}}]`},
	{"/apis/apps/v1/namespaces/brought/statefulsets", `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: brought}
spec:
  replicas: 0
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "registry.example.com/db:1"}]}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}]`},
	{"/apis/apps/v1/namespaces/brought/daemonsets", `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: brought}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, containers: [{name: agent, image: "registry.example.com/agent:1", ports: [{containerPort: 9100}]}]}`},
	{"/apis/batch/v1/namespaces/brought/cronjobs", `
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: brought}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: "registry.example.com/job:1"}]}}}}`},
	{"/apis/batch/v1/namespaces/brought/jobs", `
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: brought}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: job, image: "registry.example.com/job:1"}]}}}`},
	{"/api/v1/namespaces/brought/persistentvolumeclaims", `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: brought}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}`},
	{"/apis/networking.k8s.io/v1/namespaces/brought/ingresses", `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: brought}
spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}`},
	{"/apis/policy/v1/namespaces/brought/poddisruptionbudgets", `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: brought}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}`},
	{"/apis/autoscaling/v2/namespaces/brought/horizontalpodautoscalers", `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: db, namespace: brought}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: db}, maxReplicas: 3}`},
	{"/api/v1/namespaces/brought/pods", `
apiVersion: v1
kind: Pod
metadata: {name: alone, namespace: brought}
spec: {containers: [{name: alone, image: "registry.example.com/alone:1"}]}`},
	{"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: brought}
webhooks:
- name: nothing.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {service: {name: web, namespace: brought}}
  objectSelector: {matchLabels: {nobody: has-this}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]`},
}

// claim is a claim that asks for something.
func claim(spec string) string {
	return "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: claimed, namespace: shop}\nspec: {accessModes: [ReadWriteOnce], " + spec + "}"
}

const oneGi = "storageClassName: standard, resources: {requests: {storage: 1Gi}}"

// Who creates an object owns the defaults of it, too, and they are no difference:
// what others brought to the cluster from the commit is the commit's.
func (p *place) othersBrought(t *testing.T) {
	manifests := []string{editable, queues, scaled("first"), credentials("zaphod-one", "beeblebrox-two"), held, claim(oneGi)}
	for i, b := range brought {
		p.by(t, []string{"kubectl-client-side-apply", "helm"}[i%2]).post(b[0], b[1])
		manifests = append(manifests, b[1])
	}
	p.commit(t, manifests...)
	d := p.compare(t, nil)
	for _, o := range d.Objects {
		if strings.Contains(o.ID.String(), "brought") {
			t.Errorf("it is the commit's: %s", words(t, o))
		}
	}
	p.verified(t)
}

// A claim cannot be changed, so that the server refuses to say what differs; what
// is only written another way does not.
func (p *place) claimsAreCompared(t *testing.T) {
	p.commit(t, editable, queues, scaled("first"), credentials("zaphod-one", "beeblebrox-two"), held,
		claim(oneGi))
	p.verified(t)
	p.commit(t, editable, queues, scaled("first"), credentials("zaphod-one", "beeblebrox-two"), held, claim("resources: {requests: {storage: 1024Mi}}"))
	id := object.ID{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "claimed"}
	if o := differing(p.compare(t, nil), id); o != nil {
		t.Errorf("it is the same claim: %s", words(t, o))
	}
	p.commit(t, editable, queues, scaled("first"), credentials("zaphod-one", "beeblebrox-two"), held, claim("resources: {requests: {storage: 512Mi}}"))
	o := differing(p.compare(t, nil), id)
	if o == nil || len(o.Fields) != 1 || o.Fields[0].Path != "spec.resources.requests.storage" || strings.Contains(o.Note, "{") {
		t.Errorf("it wants less: %s", words(t, o))
	}
}
