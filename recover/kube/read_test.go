package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

func TestDiscoverAndVersion(t *testing.T) {
	c := dial(t, Options{})
	if err := c.Ready(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	cat := catalogue(t, c)
	if !strings.HasPrefix(cat.Server, "v1.") {
		t.Errorf("server %q", cat.Server)
	}
	k, ok := cat.Lookup(gvk("apps", "v1", "Deployment"))
	if !ok || k.Resource != "deployments" || !k.Namespaced || !k.Can("patch") {
		t.Errorf("Deployment: %+v, %v", k, ok)
	}
	for _, k := range cat.All() {
		if strings.Contains(k.Resource, "/") {
			t.Errorf("a subresource: %+v", k)
		}
	}
	if v := cat.Versions(gvk("autoscaling", "", "HorizontalPodAutoscaler").GroupKind()); len(v) < 2 || v[0] != "v2" {
		t.Errorf("versions of HorizontalPodAutoscaler: %v", v)
	}
}

func TestDiscoverWithABrokenAPIService(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	apply(t, c, strings.ReplaceAll(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.broken.example.com}
spec:
  group: broken.example.com
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: nobody, namespace: NS}
`, "NS", ns))
	services := object.Kind{GroupVersionKind: gvk("apiregistration.k8s.io", "v1", "APIService"), Resource: "apiservices"}
	t.Cleanup(func() {
		_ = c.Delete(context.WithoutCancel(t.Context()), services, "", "v1beta1.broken.example.com", "", DeleteOptions{})
	})
	err := c.Await(within(t, 20*time.Second), services, "", "v1beta1.broken.example.com", func(u *unstructured.Unstructured) (bool, string) {
		return u != nil && conditionOf(u, "Available").Status == "False", "not judged yet"
	})
	if err != nil {
		t.Fatal(err)
	}
	cat := catalogue(t, c)
	if _, ok := cat.Lookup(gvk("apps", "v1", "Deployment")); !ok {
		t.Error("Deployment is not served any more")
	}
	if why := cat.Failed[gvk("broken.example.com", "v1beta1", "").GroupVersion()]; why == "" {
		t.Errorf("failed: %v", cat.Failed)
	}
	broken := object.Kind{GroupVersionKind: gvk("broken.example.com", "v1beta1", "Thing"), Resource: "things", Namespaced: true}
	seen := 0
	err = c.ListAll(within(t, 40*time.Second), []object.Kind{broken, configMaps()}, ListOptions{Namespace: "kube-system"}, func(k object.Kind, _ *unstructured.Unstructured) error {
		if k.Resource == "configmaps" {
			seen++
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "things.broken.example.com") || seen == 0 {
		t.Errorf("listing all: %v, %d ConfigMaps", err, seen)
	}
}

func TestListPagesWhole(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	const n = pageSize + 60
	fill(t, c, ns, n)
	for _, metadataOnly := range []bool{false, true} {
		names := map[string]int{}
		opts := ListOptions{Namespace: ns, LabelSelector: "fill=yes", MetadataOnly: metadataOnly}
		err := c.List(within(t, 30*time.Second), configMaps(), opts, func(u *unstructured.Unstructured) error {
			names[u.GetName()]++
			if u.GetKind() != "ConfigMap" || u.GetAPIVersion() != "v1" {
				return fmt.Errorf("an item of kind %s %s", u.GetAPIVersion(), u.GetKind())
			}
			if _, whole := u.Object["data"]; whole == metadataOnly {
				return fmt.Errorf("metadata only %v, data %v", metadataOnly, whole)
			}
			return nil
		})
		if err != nil || len(names) != n {
			t.Errorf("%d names, %v", len(names), err)
		}
		for name, times := range names {
			if times != 1 {
				t.Errorf("%s came %d times", name, times)
			}
		}
	}
	own := errors.New("enough of this")
	if err := c.List(t.Context(), configMaps(), ListOptions{Namespace: ns}, func(*unstructured.Unstructured) error { return own }); !errors.Is(err, own) {
		t.Errorf("the error of each: %v", err)
	}
}

// fill makes n ConfigMaps.
func fill(t testing.TB, c *Cluster, ns string, n int) {
	t.Helper()
	g, ctx := errgroup.WithContext(within(t, time.Minute))
	for i := range n {
		g.Go(func() error {
			_, err := c.Apply(ctx, configMaps(), configMap(ns, fmt.Sprintf("c%04d", i)), ApplyOptions{Labels: map[string]string{"fill": "yes"}})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestDeleteMeansThatVeryObject(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	applied, err := c.Apply(t.Context(), configMaps(), configMap(ns, "a"), ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var mismatch *UIDMismatchError
	if err := c.Delete(t.Context(), configMaps(), ns, "a", "another", DeleteOptions{}); !errors.As(err, &mismatch) {
		t.Errorf("with another uid: %v", err)
	}
	if err := c.Delete(t.Context(), configMaps(), ns, "a", applied.UID, DeleteOptions{DryRun: true}); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := c.Delete(t.Context(), configMaps(), ns, "a", applied.UID, DeleteOptions{Foreground: true}); err != nil {
			t.Error(err)
		}
	}
	if err := c.AwaitGone(within(t, 10*time.Second), configMaps(), ns, "a", string(applied.UID)); err != nil {
		t.Error(err)
	}
}

func TestEndpointsReady(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	apply(t, c, strings.ReplaceAll(`
apiVersion: v1
kind: Service
metadata: {namespace: NS, name: web}
spec: {ports: [{name: http, port: 80}], selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {namespace: NS, name: dead}
spec: {ports: [{port: 80}], selector: {app: dead}}
---
`+deployment, "NS", ns))
	if err := c.EndpointsReady(within(t, 30*time.Second), ns, "web", 80); err != nil {
		t.Error(err)
	}
	for service, why := range map[string]string{"dead": "no ready endpoint", "absent": "does not exist"} {
		if err := c.EndpointsReady(within(t, 500*time.Millisecond), ns, service, 80); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", service, err)
		}
	}
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: NS, name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web, ports: [{containerPort: 80}]}]}}
`
