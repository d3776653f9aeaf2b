package rebuild_test

import (
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/object"
)

// rewrites is a policy that changes each Deployment that is written, in four ways.
const rewrites = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: rewrites}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >
        Object{metadata: Object.metadata{labels: {"policy": "yes"}}, spec: Object.spec{replicas: 2, template: Object.spec.template{
        spec: Object.spec.template.spec{terminationGracePeriodSeconds: 60, containers: [
        Object.spec.template.spec.containers{name: "sidecar", image: "registry.example.com/sidecar:1"}]}}}}`

// What a policy would make of git is neither git's word nor a difference; what a
// person did beside it is.
func (p *place) policyIsNotGit(t *testing.T) {
	const policies = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolic"
	const deployment = "/apis/apps/v1/namespaces/shop/deployments/operated"
	person := p.by(t, "kubectl-label")
	person.post(policies+"ies", rewrites)
	person.post(policies+"ybindings", "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicyBinding\nmetadata: {name: rewrites}\nspec: {policyName: rewrites}")
	awaitUntil(t, "the policy", func() bool {
		person.patch(deployment, `{"metadata":{"labels":{"z":"z"}}}`)
		person.patch(deployment, `{"metadata":{"annotations":{"tick":"`+time.Now().String()+`"}}}`)
		return person.get(deployment).GetLabels()["policy"] == "yes"
	})
	p.by(t, "kubectl").patch(deployment+"/scale", `{"spec":{"replicas":0}}`)
	c, _ := changeOf(p.verify(t), object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "operated"})
	var paths []string
	for _, f := range c.Fields {
		paths = append(paths, f.Path)
		if f.Want != nil {
			t.Errorf("git does not say %v at %s", f.Want, f.Path)
		}
	}
	slices.Sort(paths)
	if diff := gocmp.Diff([]string{"metadata.annotations.tick", "metadata.labels.z"}, paths); diff != "" {
		t.Errorf("what differs (-want +have):\n%s", diff)
	}
	person.delete(policies + "ybindings/rewrites")
	person.delete(policies + "ies/rewrites")
	awaitUntil(t, "the policy is gone", func() bool {
		person.patch(deployment, `{"metadata":{"labels":{"policy":null},"annotations":{"tick":"`+time.Now().String()+`"}}}`)
		return person.get(deployment).GetLabels()["policy"] == ""
	})
}

// Kubernetes' own is left out only as Kubernetes makes it: neither a name nor a
// label hides what somebody else made, and what somebody changed is shown.
func (p *place) ownIsTold(t *testing.T) {
	p.verified(t)
	const rbac, all = "/apis/rbac.authorization.k8s.io/v1/", `[{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]`
	person := p.by(t, "kubectl-create")
	binding := func(kind, name string) string {
		return "apiVersion: rbac.authorization.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: 'system:" + name + "'}\n" +
			"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\nsubjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: evil}]"
	}
	role := func(name, labels string) string {
		return "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: '" + name + "', labels: {" + labels + "}}\nrules: " + all
	}
	person.post(rbac+"clusterrolebindings", binding("ClusterRoleBinding", "hack"))
	person.post(rbac+"namespaces/kube-system/rolebindings", binding("RoleBinding", "x"))
	person.post(rbac+"clusterroles", role("system:evil", ""))
	person.post(rbac+"clusterroles", role("marked", "kubernetes.io/bootstrapping: rbac-defaults"))
	person.post("/api/v1/namespaces/shop/configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: marked, labels: {kubernetes.io/bootstrapping: rbac-defaults}}")
	p.by(t, "evil").patch(rbac+"clusterroles/system:public-info-viewer", `[{"op":"add","path":"/rules/-","value":{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}}]`)
	p.by(t, "kubectl-annotate").patch("/apis/storage.k8s.io/v1/storageclasses/standard", `{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default-class":"false"}}}`)
	p.by(t, "my-tool").patch("/api/v1/namespaces/shop/serviceaccounts/default", `{"imagePullSecrets":[{"name":"pull"}]}`)
	p.by(t, "kubectl-label").patch("/api/v1/namespaces/kube-system", `{"metadata":{"labels":{"x":"y"}}}`)
	found := map[string]string{}
	for _, u := range p.verify(t).Drift.Unexpected {
		found[u.ID.String()] = ""
		if u.By != nil {
			found[u.ID.String()] = u.By.Manager
		}
	}
	want := map[string]string{
		"ClusterRoleBinding.rbac.authorization.k8s.io system:hack": "kubectl-create", "RoleBinding.rbac.authorization.k8s.io kube-system/system:x": "kubectl-create",
		"ClusterRole.rbac.authorization.k8s.io system:evil": "kubectl-create", "ClusterRole.rbac.authorization.k8s.io marked": "kubectl-create",
		"ConfigMap shop/marked": "kubectl-create", "ClusterRole.rbac.authorization.k8s.io system:public-info-viewer": "evil",
		"StorageClass.storage.k8s.io standard": "kubectl-annotate", "ServiceAccount shop/default": "", "Namespace kube-system": "kubectl-label",
	}
	// Of what Kubernetes makes empty the server keeps no account of who fills it.
	if diff := gocmp.Diff(want, found); diff != "" {
		t.Errorf("unexpected, by who was last (-want +have):\n%s", diff)
	}
}
