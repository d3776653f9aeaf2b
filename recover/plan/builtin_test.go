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
