package show_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/testenv"
)

// reader is a live cluster as a comparison reads it.
type reader struct{ *kube.Cluster }

func (r reader) List(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*unstructured.Unstructured) error) error {
	return r.Cluster.List(ctx, kind, kube.ListOptions{MetadataOnly: metadataOnly}, each)
}

func (r reader) DryRun(ctx context.Context, kind object.Kind, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	applied, err := r.Apply(ctx, kind, o, kube.ApplyOptions{DryRun: true})
	return applied.Object, err
}

// hand is a person or program that works on the cluster under a name.
type hand struct {
	t *testing.T
	*kube.Cluster
	catalogue *object.Catalogue
}

func dial(t *testing.T, c *testenv.Cluster, manager string) hand {
	t.Helper()
	conn, err := kube.Connect(c.Kubeconfig, "", kube.Options{Now: time.Now, FieldManager: manager})
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := conn.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return hand{t, conn, catalogue}
}

// apply brings a YAML document onto the cluster.
func (h hand) apply(text string) drift.Expected {
	h.t.Helper()
	u := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = u.UnmarshalJSON(raw)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	kind, ok := h.catalogue.Lookup(u.GroupVersionKind())
	if !ok {
		h.t.Fatalf("%s is not served", u.GroupVersionKind())
	}
	if _, err := h.Apply(h.t.Context(), kind, u, kube.ApplyOptions{}); err != nil {
		h.t.Fatal(err)
	}
	return drift.Expected{Object: &object.Object{Unstructured: u, From: object.Provenance{File: "deploy/all.yaml", Line: 7}}, Kind: kind}
}

// What people do to a real cluster is found, ignored as rules say, shown in
// every form, and counted for the day of the disaster. No form shows what a
// Secret holds.
func TestALiveClusterIsShown(t *testing.T) {
	c := testenv.Start(t)
	git, person := dial(t, c, object.FieldManager), dial(t, c, "kubectl-edit")
	const (
		marker   = "hunter2-4711"
		settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {level: %s, pool: \"%d\"}"
		secret   = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {password: %s}"
	)
	expected := []drift.Expected{
		git.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}"),
		git.apply(fmt.Sprintf(settings, "info", 10)),
		git.apply(fmt.Sprintf(secret, marker+"-old")),
		git.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: untouched, namespace: shop}\ndata: {a: b}"),
	}
	gone := expected[3]
	gone.Object = gone.Object.Copy()
	gone.Object.SetName("gone")
	expected = append(expected, gone)
	person.apply(fmt.Sprintf(settings, "debug", 20))
	person.apply(fmt.Sprintf(secret, marker+"-new"))
	person.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: scratch, namespace: shop}\ndata: {x: z}")
	person.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: stripe, namespace: shop}\nstringData: {key: " + marker + "}")
	person.apply(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: caches.example.com}, spec: {group: example.com, scope: Namespaced,
  names: {kind: Cache, plural: caches, singular: cache, listKind: CacheList}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}}`)

	rules, err := ignore.Compile([]ignore.Rule{
		{Kind: "ConfigMap", Name: "settings", Fields: []string{"/data/pool"}, Managers: []string{"kubectl-*"}, Reason: "pools are tried out"},
		{Kind: "Widget", Reason: "there are none"},
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var objects []*object.Object
	for _, e := range expected {
		objects = append(objects, e.Object)
		rules.Met(e.Object.ID())
	}
	filter, err := capture.New(capture.Options{Exclude: []capture.Rule{{Kind: "StorageClass", Name: "standard"}}})
	if err != nil {
		t.Fatal(err)
	}
	survey := recoverability.New(recoverability.Options{Expected: objects})
	d, err := drift.Compare(t.Context(), reader{git.Cluster}, expected, drift.Options{
		Commit: "3f9a1c2d4e5f60718293a4b5c6d7e8f901234567", Catalogue: git.catalogue, Capture: filter, Ignore: rules, Observer: survey, Whole: survey.Needs, Tolerant: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := show.Of(show.Input{Cluster: "live", Drift: d, Rules: rules.Statuses(), Recoverability: survey.Report(d)})
	var have []string
	for _, o := range r.Objects {
		for _, f := range o.Fields {
			have = append(have, fmt.Sprintf("%s %s %s by %s", o.Drift, o.ID, f.Path, names(f.By)))
		}
		if o.By != nil {
			have = append(have, fmt.Sprintf("%s %s by %s", o.Drift, o.ID, o.By))
		}
		if o.Drift == show.Missing {
			have = append(have, fmt.Sprintf("%s %s at %s", o.Drift, o.ID, o.From))
		}
	}
	want := []string{
		"missing ConfigMap shop/gone at deploy/all.yaml:7",
		"unexpected ConfigMap shop/scratch by kubectl-edit",
		"changed ConfigMap shop/settings data.level by kubectl-edit",
		"changed Secret shop/db data.password by kubectl-edit",
		"unexpected Secret shop/stripe by kubectl-edit",
		"unexpected CustomResourceDefinition.apiextensions.k8s.io caches.example.com by kubectl-edit",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("what differs (-want +have):\n%s", diff)
	}
	if len(r.Ignored) != 1 || r.Ignored[0].Path != "data.pool" || r.Ignored[0].Why != "pools are tried out" {
		t.Errorf("ignored: %+v", r.Ignored)
	}
	if r.Rules[0].State != ignore.Used || r.Rules[1].State != ignore.Unmatched {
		t.Errorf("rules: %+v", r.Rules)
	}
	var found []string
	for _, f := range r.Recoverability.Findings {
		found = append(found, f.Rule)
	}
	if diff := cmp.Diff([]string{"secret-unexpected", "object-unexpected", "object-changed", "object-changed", "definition-unused"}, found); diff != "" {
		t.Errorf("findings (-want +have):\n%s", diff)
	}
	sarif := schema(t, "testdata/sarif-schema-2.1.0.json")
	out := all(t, r)
	fits(t, sarif, out["sarif"])
	for name, raw := range out {
		if strings.Contains(string(raw), marker) || strings.Contains(string(raw), "aHVudGVyMi") {
			t.Errorf("%s shows what a Secret holds:\n%s", name, raw)
		}
	}
}

func names(by []show.Author) string {
	var list []string
	for _, a := range by {
		list = append(list, a.String())
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
