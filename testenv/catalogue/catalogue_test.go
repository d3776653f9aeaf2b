package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/plan"
)

const catalogues = "../../recover/plan/catalogue"

// TestDerivedIsServed: what is derived from the release that the local provider
// runs is what its real server answers, so that the way to derive it is right.
func TestDerivedIsServed(t *testing.T) {
	file := filepath.Join(catalogues, plan.BuiltinVersion+".txt")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	title, rest, _ := strings.Cut(string(raw), "\n")
	_, answered, _ := strings.Cut(rest, "\n")
	release := strings.Fields(title)[5]
	if testing.Short() {
		t.Skip("needs the module k8s.io/kubernetes@" + release)
	}
	dir, err := download(t.Context(), release)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := served(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(answered, derived); diff != "" {
		t.Errorf("%s: -answered by the server +derived from %s\n%s", file, release, diff)
	}
}

// release is a small release: a stable version, an old beta resource that is still
// on, a new beta that is off.
func release(instance string) fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"api/discovery/api__v1.json": file(`{"resources": [
			{"name": "pods", "kind": "Pod", "namespaced": true, "verbs": ["list", "get"]},
			{"name": "pods/log", "kind": "Pod", "namespaced": true, "verbs": ["get"]}]}`),
		"api/discovery/aggregated_v2beta1.json": file(`{"items": [
			{"metadata": {"name": "flow.k8s.io"}, "versions": [
				{"version": "v1beta3", "resources": [
					{"resource": "flows", "scope": "Cluster", "responseKind": {"kind": "Flow"}, "verbs": ["get"]},
					{"resource": "drops", "scope": "Cluster", "responseKind": {"kind": "Drop"}, "verbs": ["get"]}]},
				{"version": "v1", "resources": [{"resource": "flows", "scope": "Cluster", "responseKind": {"kind": "Flow"}, "verbs": ["get"]}]}]},
			{"metadata": {"name": "apiextensions.k8s.io"}, "versions": [{"version": "v1", "resources": [{"resource": "defs", "scope": "Cluster", "responseKind": {"kind": "Def"}, "verbs": ["get"]}]}]},
			{"metadata": {"name": "apiregistration.k8s.io"}, "versions": [{"version": "v1", "resources": [{"resource": "apis", "scope": "Cluster", "responseKind": {"kind": "Api"}, "verbs": ["get"]}]}]},
			{"metadata": {"name": "new.k8s.io"}, "versions": [{"version": "v1beta1", "resources": [{"resource": "news", "scope": "Cluster", "responseKind": {"kind": "New"}, "verbs": ["get"]}]}]}]}`),
		defaultsFile: file("package controlplane\n" + instance),
	}
}

func TestOnlyDefaultsAreServed(t *testing.T) {
	imports := `import (
		apiv1 "k8s.io/api/core/v1"
		flowv1 "k8s.io/kubernetes/pkg/apis/flow/v1"
		flowv1beta3 "k8s.io/api/flow/v1beta3"
		newv1beta1 "k8s.io/api/new/v1beta1"
		gonev1 "k8s.io/api/gone/v1"
	)
	`
	for name, tc := range map[string]struct{ source, want, err string }{
		"all kinds of lists": {
			source: `var (
				stableAPIGroupVersionsEnabledByDefault = []schema.GroupVersion{apiv1.SchemeGroupVersion, flowv1.SchemeGroupVersion}
				legacyBetaEnabledByDefaultResources = []schema.GroupVersionResource{flowv1beta3.SchemeGroupVersion.WithResource("flows")}
				betaAPIGroupVersionsDisabledByDefault = []schema.GroupVersion{newv1beta1.SchemeGroupVersion}
			)`,
			want: "- v1 Pod pods Namespaced get,list\napiextensions.k8s.io v1 Def defs Cluster get\napiregistration.k8s.io v1 Api apis Cluster get\n" +
				"flow.k8s.io v1 Flow flows Cluster get\nflow.k8s.io v1beta3 Flow flows Cluster get\n",
		},
		"written in another way": {source: `var stable = list()`, err: "written in another way"},
		"no such group": {
			source: `var stableEnabledByDefault = []schema.GroupVersion{apiv1.SchemeGroupVersion, gonev1.SchemeGroupVersion}`,
			err:    `no group of api/discovery begins with "gone"`,
		},
		"no such resource": {
			source: `var stableEnabledByDefault = []schema.GroupVersion{apiv1.SchemeGroupVersion}
				var betaEnabledByDefaultResources = []schema.GroupVersionResource{newv1beta1.SchemeGroupVersion.WithResource("olds")}`,
			err: "unknown to api/discovery: new.k8s.io/v1beta1, Resource=olds",
		},
		"a computed list": {
			source: `var stableEnabledByDefault = []schema.GroupVersion{apiv1.SchemeGroupVersion, more()}`,
			err:    "what is called here is unknown",
		},
	} {
		t.Run(name, func(t *testing.T) {
			have, err := served(release(imports + tc.source))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, have); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
		})
	}
}

func TestReleaseIsNamedInFull(t *testing.T) {
	for _, args := range [][]string{nil, {"v1.34"}, {"1.34.4"}, {"v1.34.4", "v1.35.4"}, {"v1.34.4@x"}} {
		if err := write(t.Context(), args); err == nil || !strings.Contains(err.Error(), "such as v1.34.4") {
			t.Errorf("%q: %v", args, err)
		}
	}
}
