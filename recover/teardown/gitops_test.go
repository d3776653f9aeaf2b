package teardown_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// definition is a minimal CRD that keeps every field.
func definition(group, version, kind, plural string) string {
	return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ` + plural + "." + group + `}
spec:
  group: ` + group + `
  scope: Namespaced
  names: {kind: ` + kind + `, plural: ` + plural + `, singular: ` + strings.ToLower(kind) + `}
  versions:
  - name: ` + version + `
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`
}

const argocd = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: argocd-application-controller, namespace: shop, labels: {app.kubernetes.io/name: argocd-application-controller}}
spec:
  serviceName: argo
  replicas: 1
  selector: {matchLabels: {app: argo}}
  template:
    metadata: {labels: {app: argo}}
    spec: {containers: [{name: argo, image: argo:1}]}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: site, namespace: shop}
spec:
  project: default
  syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [CreateNamespace=true]}
`

const flux = `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: shop}
spec: {interval: 5m, prune: true}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: redis, namespace: shop}
spec: {interval: 5m}
`

func gitops() []string {
	return []string{
		definition("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"),
		definition("helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases"),
		definition("argoproj.io", "v1alpha1", "Application", "applications"),
		argocd, flux, web,
	}
}

// Flux and Argo CD are stopped before anything is removed, and the export knows
// nothing of it.
func TestGitOps(t *testing.T) {
	w := newWorld(t, gitops()...)
	w.restore()
	h := w.hand()
	// Held up between suspend and delete, so that what was suspended can be seen.
	h.merge(shopPath+"/services/web", `{"metadata":{"finalizers":["cloud.example/balancer"]}}`)
	report, err := w.Teardown(t.Context(), w.request(func(req *teardown.Request) { req.Waits.Drain = time.Second }), w.log)
	if err == nil {
		t.Fatal("it was not held up")
	}
	for _, id := range []object.ID{
		{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: "shop", Name: "apps"},
		{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease", Namespace: "shop", Name: "redis"},
		{Group: "apps", Kind: "StatefulSet", Namespace: "shop", Name: "argocd-application-controller"},
		{Group: "argoproj.io", Kind: "Application", Namespace: "shop", Name: "site"},
	} {
		if !slices.Contains(report.Suspended, id) {
			t.Errorf("%s is not suspended", id)
		}
	}
	for _, path := range []string{
		"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/shop/kustomizations/apps", "/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases/redis",
	} {
		if h.get(path).Object["spec"].(map[string]any)["suspend"] != true {
			t.Errorf("%s is not suspended", path)
		}
	}
	controller := h.get("/apis/apps/v1/namespaces/shop/statefulsets/argocd-application-controller")
	if n, _ := field.Number(controller.Object, "status", "replicas"); n != 0 {
		t.Errorf("Argo CD runs, %d times", n)
	}
	site := h.get("/apis/argoproj.io/v1alpha1/namespaces/shop/applications/site")
	if policy := field.Map(site.Object, "spec", "syncPolicy"); policy["automated"] != nil || policy["syncOptions"] == nil {
		t.Errorf("Argo CD's policy is %v", policy)
	}
	live := w.exported("live/shop/kustomization.kustomize.toolkit.fluxcd.io/apps.yaml") + w.exported("live/shop/helm-release.helm.toolkit.fluxcd.io/redis.yaml")
	if !strings.Contains(live, "interval: 5m") || strings.Contains(live, "suspend") ||
		!strings.Contains(w.exported("live/shop/application.argoproj.io/site.yaml"), "selfHeal: true") {
		t.Errorf("the export has\n%s", live)
	}
	// Brought back in place, everything acts again.
	h.merge(shopPath+"/services/web", `{"metadata":{"finalizers":null}}`)
	w.restore()
	if u := h.get("/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/shop/kustomizations/apps"); field.Map(u.Object, "spec")["suspend"] != nil {
		t.Error("Flux stays suspended after a restore")
	}
	if u := h.get("/apis/argoproj.io/v1alpha1/namespaces/shop/applications/site"); field.Map(u.Object, "spec", "syncPolicy", "automated") == nil {
		t.Error("Argo CD stays suspended after a restore")
	}
	if last := w.down(nil); len(last.Suspended) != 4 || strings.Contains(w.exported("live/shop/kustomization.kustomize.toolkit.fluxcd.io/apps.yaml"), "suspend") {
		t.Errorf("%s", words(t, last))
	}
}

// Something that nobody suspends makes a Service again and again: it is named,
// with who does.
func TestComesBack(t *testing.T) {
	w := newWorld(t, web)
	w.restore()
	h := w.hand()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				_, _, _ = h.try("POST", shopPath+"/services", "application/json", []byte(`{"metadata":{"name":"again"},"spec":{"type":"LoadBalancer","ports":[{"port":80}]}}`))
			}
		}
	}()
	_, err := w.Teardown(t.Context(), w.request(func(req *teardown.Request) { req.Waits.Drain = 4 * time.Second }), nil)
	close(stop)
	<-stopped
	if err == nil || !strings.Contains(err.Error(), "Service shop/again: it comes back when it is deleted: made by kubectl-create") {
		t.Errorf("%v", err)
	}
}
