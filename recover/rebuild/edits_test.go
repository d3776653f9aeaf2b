package rebuild_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Whatever people and controllers do to a restored cluster, Verify tells what is
// theirs to do from what is not, and a restore in place undoes just that. The
// cases share a cluster and come one after the other.
func TestALiveClusterThatOthersChange(t *testing.T) {
	p := newPlace(t)
	p.commit(t, editable, queues, scaled("first"), credentials("zaphod-one", "beeblebrox-two"), held)
	p.verified(t)
	t.Run("controllers leave their marks", p.controllersLeaveTheirMarks)
	t.Run("hand edits are found and undone", p.handEditsAreUndone)
	t.Run("an autoscaler keeps its replicas", p.autoscalerKeepsItsReplicas)
	t.Run("a stranger in two versions is one", p.strangerIsOne)
	t.Run("a dropped key of a Secret goes", p.droppedKeyGoes)
	t.Run("what is being deleted is a difference", p.terminatingIsADifference)
	t.Run("claims are compared by what they ask for", p.claimsAreCompared)
	t.Run("what others brought is the commit's", p.othersBrought)
	t.Run("a policy's word is not git's", p.policyIsNotGit)
	t.Run("what looks like Kubernetes' own is told from it", p.ownIsTold)
}

// editable is what people edit by hand below, one object each.
const editable = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {color: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: emptied, namespace: shop}
data: {color: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: finalized, namespace: shop}
data: {color: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: applied, namespace: shop}
data: {color: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: labelled, namespace: shop, labels: {app: web}}
data: {color: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: reconciled, namespace: shop, labels: {app: web}}
data: {color: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: scripted, namespace: shop}
data: {color: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: deployed, namespace: shop}
data: {color: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ancient, namespace: shop}
data: {color: blue}
---
apiVersion: v1
kind: Service
metadata: {name: exposed, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: ports, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: placed, namespace: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: placed}}
  template:
    metadata: {labels: {app: placed}}
    spec:
      nodeSelector: {kubernetes.io/os: linux}
      containers: [{name: app, image: "registry.example.com/app:1"}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: variables, namespace: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: variables}}
  template:
    metadata: {labels: {app: variables}}
    spec:
      containers: [{name: app, image: "registry.example.com/app:1", env: [{name: COLOR, value: blue}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sidecar, namespace: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: sidecar}}
  template:
    metadata: {labels: {app: sidecar}}
    spec:
      containers: [{name: app, image: "registry.example.com/app:1"}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mined, namespace: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: mined}}
  template:
    metadata: {labels: {app: mined}}
    spec:
      containers: [{name: app, image: "registry.example.com/app:1"}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: operated, namespace: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: operated}}
  template:
    metadata: {labels: {app: operated}}
    spec:
      containers: [{name: app, image: "registry.example.com/app:1"}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: uncounted, namespace: shop}
spec:
  selector: {matchLabels: {app: uncounted}}
  template:
    metadata: {labels: {app: uncounted}}
    spec:
      containers: [{name: app, image: "registry.example.com/app:1"}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: paused, namespace: shop}
spec:
  selector: {matchLabels: {app: paused}}
  template:
    metadata: {labels: {app: paused}}
    spec:
      volumes: [{name: tmp, emptyDir: {}}]
      containers: [{name: app, image: "registry.example.com/app:1", volumeMounts: [{name: tmp, mountPath: /tmp}]}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: narrowed, namespace: shop}
spec: {minAvailable: 1, selector: {matchLabels: {app: placed}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: swapped, namespace: shop}
spec: {minAvailable: 1, selector: {matchLabels: {app: variables}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: default, namespace: shop}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: peers, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: client}}}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: emptied, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: default, namespace: shop}]
`

// edit is what a person does to one object, with a patch as hand.patch takes it;
// field is in the path of what Verify has to name. by is the field manager, when it
// is not kubectl's.
type edit struct {
	name, path, patch, field string
	id                       object.ID
	by                       string
}

func (e edit) manager() string { return cmp.Or(e.by, "kubectl-edit") }

func edits() []edit {
	deployment := func(name string) object.ID {
		return object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: name}
	}
	budget := func(name string) object.ID {
		return object.ID{Group: "policy", Kind: "PodDisruptionBudget", Namespace: "shop", Name: name}
	}
	policy := func(name string) object.ID {
		return object.ID{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: "shop", Name: name}
	}
	rights := func(kind, name string) object.ID {
		return object.ID{Group: "rbac.authorization.k8s.io", Kind: kind, Namespace: "shop", Name: name}
	}
	const deployments, budgets = "/apis/apps/v1/namespaces/shop/deployments/", "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/"
	const policies = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/"
	const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/"
	return []edit{
		{"a value is changed", configMapPath("settings"), `{"data":{"color":"red"}}`, "data.color", configMap("settings"), ""},
		{"a label is added", configMapPath("labelled"), `{"metadata":{"labels":{"added":"yes"}}}`, "metadata.labels", configMap("labelled"), ""},
		{"a value is taken away", configMapPath("emptied"), `{"data":{"color":null}}`, "data", configMap("emptied"), ""},
		{"another tool applies it", configMapPath("applied"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied, labels: {added: yes-it-is}}\ndata: {color: red}",
			"metadata.labels", configMap("applied"), ""},
		{"a finalizer is added", configMapPath("finalized"), `{"metadata":{"finalizers":["example.com/added"]}}`, "finalizers", configMap("finalized"), ""},
		{"a Service selects by one more label", "/api/v1/namespaces/shop/services/web", `{"spec":{"selector":{"tier":"front"}}}`,
			"spec.selector", object.ID{Kind: "Service", Namespace: "shop", Name: "web"}, ""},
		{"a Service has one more port", "/api/v1/namespaces/shop/services/ports", `[{"op":"add","path":"/spec/ports/-","value":{"name":"admin","port":81}}]`,
			"spec.ports", object.ID{Kind: "Service", Namespace: "shop", Name: "ports"}, ""},
		{"a node selector has one more key", deployments + "placed", `{"spec":{"template":{"spec":{"nodeSelector":{"disk":"fast"}}}}}`,
			"nodeSelector", deployment("placed"), ""},
		{"a variable is added", deployments + "variables", `[{"op":"add","path":"/spec/template/spec/containers/0/env/-","value":{"name":"DEBUG","value":"1"}}]`,
			"env", deployment("variables"), ""},
		{"a container is added", deployments + "sidecar", `[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"proxy","image":"registry.example.com/proxy:1"}}]`,
			"containers", deployment("sidecar"), ""},
		{"a rollout is paused and scaled", deployments + "paused", `{"spec":{"paused":true,"replicas":0}}`, "spec.replicas", deployment("paused"), ""},
		{"a budget selects by one more label", budgets + "narrowed", `{"spec":{"selector":{"matchLabels":{"tier":"front"}}}}`, "spec.selector", budget("narrowed"), ""},
		{"minAvailable is swapped for maxUnavailable", budgets + "swapped", `{"spec":{"minAvailable":null,"maxUnavailable":1}}`, "vailable", budget("swapped"), ""},
		{"a rule is narrowed to names", rbac + "roles/reader", `[{"op":"add","path":"/rules/0/resourceNames","value":["only-this"]}]`, "rules", rights("Role", "reader"), ""},
		{"a subject is added", rbac + "rolebindings/readers", `[{"op":"add","path":"/subjects/-","value":{"kind":"ServiceAccount","name":"other","namespace":"shop"}}]`,
			"subjects", rights("RoleBinding", "readers"), ""},
		{"all subjects are taken away", rbac + "rolebindings/emptied", `{"subjects":null}`, "subjects", rights("RoleBinding", "emptied"), ""},
		{"a closed policy lets everything in", policies + "closed", `{"spec":{"ingress":[{}]}}`, "spec.ingress", policy("closed"), ""},
		{"a peer loses its empty selector", policies + "peers", `[{"op":"remove","path":"/spec/ingress/0/from/0/namespaceSelector"}]`,
			"spec.ingress", policy("peers"), ""},
		{"a definition has a printer column", queuesPath,
			`[{"op":"add","path":"/spec/versions/0/additionalPrinterColumns","value":[{"name":"Depth","type":"integer","jsonPath":".spec.depth"}]}]`,
			"spec.versions", object.ID{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "queues.shop.example.com"}, ""},
		{"a tool of which nothing is known adds a value", configMapPath("scripted"), `{"data":{"added":"yes"}}`, "data.added", configMap("scripted"), "my-tool"},
		{"a deployer adds a value", configMapPath("deployed"), `{"data":{"added":"yes"}}`, "data.added", configMap("deployed"), "kustomize-controller"},
		{"a person's label becomes ancient", configMapPath("ancient"), `{"metadata":{"labels":{"human":"x"}}}`, "metadata.labels.human", configMap("ancient"), ""},
		{"a stranger mines", deployments + "mined", `[{"op":"add","path":"/spec/template/spec/hostNetwork","value":true},
			{"op":"add","path":"/spec/template/spec/containers/0","value":{"name":"miner","image":"registry.example.com/miner:1"}}]`, "containers[miner]", deployment("mined"), "evil"},
		{"a program that is named as an operator takes the host's files", deployments + "operated", `[{"op":"add","path":"/spec/template/spec/volumes","value":[{"name":"host","hostPath":{"path":"/"}}]}]`,
			"volumes", deployment("operated"), "evil-operator"},
		{"a Service answers to another address", "/api/v1/namespaces/shop/services/exposed", `{"spec":{"externalIPs":["192.0.2.1"]}}`, "externalIPs",
			object.ID{Kind: "Service", Namespace: "shop", Name: "exposed"}, "evil-controller"},
	}
}

func (p *place) controllersLeaveTheirMarks(t *testing.T) {
	for _, controller := range []string{"ingress-controller", "some-operator", "cert-manager-webhook", "kube-controller-manager", "vpa-updater"} {
		p.by(t, controller).patch(configMapPath("reconciled"), `{"metadata":{"annotations":{"`+controller+`.example.com/seen":"yes"},"labels":{"`+controller+`":"yes"}}}`)
	}
	p.by(t, "kustomize-controller").patch(configMapPath("reconciled"), `apiVersion: v1
kind: ConfigMap
metadata: {name: reconciled, namespace: shop, labels: {kustomize.toolkit.fluxcd.io/name: apps}}`)
	if report := p.verify(t); !report.Verified {
		t.Errorf("what controllers write about an object is theirs: %s", words(t, report.Drift))
	}
}

func (p *place) handEditsAreUndone(t *testing.T) {
	before := map[string]map[string]any{}
	for _, e := range edits() {
		person, whole := p.by(t, e.manager()), strings.TrimSuffix(e.path, "/scale")
		before[e.name] = object.Canonical(person.get(whole))
		person.patch(e.path, e.patch)
		if gocmp.Equal(before[e.name], object.Canonical(person.get(whole))) {
			t.Fatalf("%s: the edit changed nothing", e.name)
		}
	}
	for i := range 11 { // the server then forgets by whom the first of them were
		p.by(t, fmt.Sprintf("kubectl-%d", i)).patch(configMapPath("ancient"), fmt.Sprintf(`{"metadata":{"annotations":{"a%d":"b"}}}`, i))
	}
	// Who edits all containers touches those that others added.
	p.by(t, "kubectl-set").patch("/apis/apps/v1/namespaces/shop/deployments/mined", `[{"op":"add","path":"/spec/template/spec/containers/0/env","value":[{"name":"FOO","value":"bar"}]}]`)
	found := p.verify(t)
	if found.Verified {
		t.Error("verified, after hand edits")
	}
	for _, c := range found.Drift.Changed {
		if !slices.ContainsFunc(edits(), func(e edit) bool { return e.id == c.ID }) {
			t.Errorf("%s was not edited: %s", c.ID, words(t, c))
		}
	}
	report, _, err := p.try(t, nil)
	if err != nil {
		t.Errorf("the restore in place: %v: %s", err, words(t, report))
	}
	for _, e := range edits() {
		t.Run(e.name, func(t *testing.T) {
			c, ok := changeOf(found, e.id)
			if !ok {
				t.Errorf("not found: %s", words(t, found.Drift))
			}
			if !slices.ContainsFunc(c.Fields, fieldNamed(e.field)) {
				t.Errorf("%s is not named: %s", e.field, words(t, c))
			}
			live := object.Canonical(p.by(t, "test").get(strings.TrimSuffix(e.path, "/scale")))
			if diff := gocmp.Diff(before[e.name], live); diff != "" {
				t.Errorf("not undone (-before +after the restore):\n%s", diff)
			}
		})
	}
	if again := p.verify(t); !again.Verified {
		t.Errorf("not verified after the restore: %s", words(t, again.Drift))
	}
}

// credentials is a Secret with up to two keys.
func credentials(user, password string) string {
	text := `
apiVersion: v1
kind: Secret
metadata: {name: credentials, namespace: shop}
stringData:
  user: ` + user
	if password != "" {
		text += "\n  password: " + password
	}
	return text
}

// A key that the commit drops goes, and so does one that somebody added; no
// value gets out on the way.
func (p *place) droppedKeyGoes(t *testing.T) {
	p.commit(t, editable, queues, scaled("second"), credentials("zaphod-one", ""), held)
	dropped := p.onlyUserIsLeft(t)
	p.by(t, "kubectl-edit").patch("/api/v1/namespaces/shop/secrets/credentials", `{"stringData":{"user":"trillian-four","added":"marvin-three"}}`)
	edited := p.onlyUserIsLeft(t)
	everything := words(t, []any{dropped, edited}) + p.journaled(t)
	for _, value := range []string{"zaphod-one", "beeblebrox-two", "marvin-three", "trillian-four"} {
		if strings.Contains(everything, value) || strings.Contains(everything, base64.StdEncoding.EncodeToString([]byte(value))) {
			t.Errorf("the value %s got out", value)
		}
	}
}

// onlyUserIsLeft verifies, restores, and wants the Secret to be found and
// undone. It returns all that was said.
func (p *place) onlyUserIsLeft(t *testing.T) []any {
	t.Helper()
	found := p.verify(t)
	if _, ok := changeOf(found, object.ID{Kind: "Secret", Namespace: "shop", Name: "credentials"}); !ok {
		t.Errorf("the Secret is not the commit's, and Verify has not found it: %s", words(t, found.Drift))
	}
	report, asked, err := p.try(t, nil)
	if err != nil {
		t.Errorf("the restore in place: %v: %s", err, words(t, report))
	}
	live := p.by(t, "test").get("/api/v1/namespaces/shop/secrets/credentials")
	want := map[string]any{"user": base64.StdEncoding.EncodeToString([]byte("zaphod-one"))}
	if diff := gocmp.Diff(want, live.Object["data"]); diff != "" {
		t.Errorf("the Secret's keys (-want +have):\n%s", diff)
	}
	return []any{found, report, asked}
}

// held is a ConfigMap that stays when it is deleted.
const held = `
apiVersion: v1
kind: ConfigMap
metadata: {name: held, namespace: shop, finalizers: [example.com/hold]}
data: {color: blue}
`

func (p *place) terminatingIsADifference(t *testing.T) {
	person := p.by(t, "kubectl-edit")
	person.delete(configMapPath("held"))
	report := p.verify(t)
	c, ok := changeOf(report, configMap("held"))
	if !ok || !c.Terminating || report.Verified {
		t.Errorf("a ConfigMap that is being deleted is not the commit's: %s", words(t, report.Drift))
	}
	person.patch(configMapPath("held"), `{"metadata":{"finalizers":null}}`)
	p.verified(t)
	if live := person.get(configMapPath("held")); live.GetDeletionTimestamp() != nil {
		t.Error("it was not made again")
	}
}
