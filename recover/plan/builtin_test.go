package plan_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/testenv"
)

var update = flag.Bool("update", false, "write golden files and the built-in catalogue anew")

// serverKinds asks a real, empty API server what it serves and writes it as the
// catalogue files do.
func serverKinds(t *testing.T) (running, text string) {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(testenv.Start(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	info, err := client.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	_, resources, err := client.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	// Which group comes first is chance, and on a server that just began, so is
	// which version of a group does.
	slices.SortFunc(resources, func(x, y *metav1.APIResourceList) int {
		return cmp.Or(cmp.Compare(group(x), group(y)), version.CompareKubeAwareVersionStrings(versionOf(y), versionOf(x)))
	})
	var b strings.Builder
	for _, list := range resources {
		slices.SortFunc(list.APIResources, func(x, y metav1.APIResource) int { return cmp.Compare(x.Kind, y.Kind) })
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") {
				continue
			}
			scope := "Cluster"
			if r.Namespaced {
				scope = "Namespaced"
			}
			slices.Sort(r.Verbs)
			fmt.Fprintln(&b, group(list), versionOf(list), r.Kind, r.Name, scope, strings.Join(r.Verbs, ","))
		}
	}
	return info.GitVersion, b.String()
}

// group is the group of a list, - for the core.
func group(list *metav1.APIResourceList) string {
	if g, _, ok := strings.Cut(list.GroupVersion, "/"); ok {
		return g
	}
	return "-"
}

func versionOf(list *metav1.APIResourceList) string {
	return list.GroupVersion[strings.Index(list.GroupVersion, "/")+1:]
}

// The file is what plans without a cluster go by. With -update it is written anew
// from the real API server.
func TestBuiltinIsWhatTheServerServes(t *testing.T) {
	version, served := serverKinds(t)
	parts := strings.SplitN(version, ".", 3)
	minor := strings.Join(parts[:2], ".")
	file := filepath.Join("catalogue", minor+".txt")
	want := fmt.Sprintf("# What an empty Kubernetes %s serves: group (- is the core), version, kind, plural, scope, verbs.\n"+
		"# Preferred versions first. Written by: go test ./recover/plan -run %s -update\n%s", version, t.Name(), served)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(have)); diff != "" {
		t.Errorf("%s is not what Kubernetes %s serves, run this test with -update: -served +file\n%s", file, version, diff)
	}
	c, ok := plan.Builtin(version)
	if !ok || len(c.All()) != strings.Count(served, "\n") {
		t.Errorf("Builtin(%q) has %d kinds, the server %d", version, len(c.All()), strings.Count(served, "\n"))
	}
}

// TestReleasesDiffer: a commit is planned for the release that a cloud would make,
// by what that release serves unless it is told otherwise.
func TestReleasesDiffer(t *testing.T) {
	for _, tc := range []struct{ apiVersion, kind, from, until string }{
		{"v1", "ConfigMap", "v1.30", "v1.36"},
		{"flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "v1.30", "v1.36"},
		{"flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", "v1.30", "v1.31"},
		{"networking.k8s.io/v1", "ServiceCIDR", "v1.33", "v1.36"},
		{"networking.k8s.io/v1beta1", "ServiceCIDR", "", ""},
		{"resource.k8s.io/v1", "ResourceClaimTemplate", "v1.34", "v1.36"},
		{"resource.k8s.io/v1beta1", "ResourceClaimTemplate", "", ""},
		{"storage.k8s.io/v1", "VolumeAttributesClass", "v1.34", "v1.36"},
		{"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "v1.30", "v1.36"},
		{"admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "v1.36", "v1.36"},
		{"admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy", "", ""},
		{"scheduling.k8s.io/v1alpha2", "PodGroup", "", ""},
	} {
		for minor := 30; minor <= 36; minor++ {
			release := fmt.Sprintf("v1.%d", minor)
			catalogue, ok := plan.Builtin(release + ".2")
			if !ok {
				t.Fatalf("%s is unknown", release)
			}
			o := fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: x, namespace: default}}", tc.apiVersion, tc.kind)
			p, err := makeOf(parse(t, "all.yaml", o), plan.Options{Catalogue: catalogue})
			if err != nil {
				t.Fatal(err)
			}
			want := tc.from != "" && tc.from <= release && release <= tc.until
			if have := len(p.Unserved) == 0; have != want {
				t.Errorf("%s %s on %s: served %v, want %v: %+v", tc.apiVersion, tc.kind, release, have, want, p.Unserved)
			}
		}
	}
}

// The range that is told to people is the range that is known.
func TestRangeOfReleases(t *testing.T) {
	files, err := filepath.Glob("catalogue/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if first, last := files[0], files[len(files)-1]; first != "catalogue/"+plan.OldestBuiltin+".txt" || last != "catalogue/"+plan.BuiltinVersion+".txt" {
		t.Errorf("%q to %q", first, last)
	}
	for version, known := range map[string]bool{"1.30": true, "v1.34.4-eks-3a1": true, "": true, "v1.29": false, "v1.37.0": false, "v1": false, "../v1.36": false, "v2.30": false} {
		c, ok := plan.Builtin(version)
		if ok != known || ok && len(c.All()) < 60 {
			t.Errorf("Builtin(%q): %v", version, ok)
		}
	}
}
