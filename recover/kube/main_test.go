package kube

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/testenv"
)

var shared *testenv.Cluster

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, func(c *testenv.Cluster) { shared = c }))
}

// dial connects to the shared cluster.
func dial(t testing.TB, opts Options) *Cluster {
	t.Helper()
	return dialTo(t, shared, opts)
}

func dialTo(t testing.TB, to *testenv.Cluster, opts Options) *Cluster {
	t.Helper()
	if to == nil {
		t.Skip("no control plane")
	}
	opts.Now = time.Now
	c, err := Connect(to.Kubeconfig, "", opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dialServer connects to a server that only seems to be one of Kubernetes.
func dialServer(t testing.TB, h http.Handler) *Cluster {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := Connect([]byte(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u}], clusters: [{name: c, cluster: {server: "`+server.URL+`"}}]}`), "", Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// parse reads one manifest.
func parse(t testing.TB, manifest string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return u
}

func catalogue(t testing.TB, c *Cluster) *object.Catalogue {
	t.Helper()
	cat, err := c.Discover(within(t, 30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func kindOf(t testing.TB, cat *object.Catalogue, u *unstructured.Unstructured) object.Kind {
	t.Helper()
	k, ok := cat.Lookup(u.GroupVersionKind())
	if !ok {
		t.Fatalf("the server does not serve %s", u.GroupVersionKind())
	}
	return k
}

// apply applies manifests separated by "---" and returns them as targets.
func apply(t testing.TB, c *Cluster, manifests string) []Target {
	t.Helper()
	cat := catalogue(t, c)
	var targets []Target
	for doc := range strings.SplitSeq(manifests, "\n---\n") {
		u := parse(t, doc)
		k := kindOf(t, cat, u)
		if _, err := c.Apply(within(t, 30*time.Second), k, u, ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		targets = append(targets, Target{Kind: k, ID: object.IDOf(u)})
	}
	return targets
}

// namespace makes a namespace for one test, with the ServiceAccount that Pods need.
func namespace(t testing.TB, c *Cluster) string {
	t.Helper()
	name := "t-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	apply(t, c, "{apiVersion: v1, kind: Namespace, metadata: {name: "+name+"}}")
	err := c.Await(within(t, 30*time.Second), coreKind("ServiceAccount", "serviceaccounts"), name, "default", func(u *unstructured.Unstructured) (bool, string) {
		return u != nil, "no default ServiceAccount"
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func gvk(group, version, kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
}

func configMaps() object.Kind { return coreKind("ConfigMap", "configmaps") }

func configMap(namespace, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"data":     map[string]any{"key": "value"},
	}}
}

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
