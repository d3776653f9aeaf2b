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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/testenv"
)

var update = flag.Bool("update", false, "write golden files and the built-in catalogue anew")

// serverKinds asks a real, empty API server what it serves and writes it as the
// catalogue files do.
func serverKinds(t *testing.T) (version, text string) {
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
	var b strings.Builder
	for _, list := range resources {
		group, version, ok := strings.Cut(list.GroupVersion, "/")
		if !ok {
			group, version = "-", list.GroupVersion
		}
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
			fmt.Fprintln(&b, group, version, r.Kind, r.Name, scope, strings.Join(r.Verbs, ","))
		}
	}
	return info.GitVersion, b.String()
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
	if string(have) != want {
		t.Errorf("%s differs from what Kubernetes %s serves: run this test with -update and look at the difference", file, version)
	}
	c, ok := plan.Builtin(version)
	if !ok || len(c.All()) != strings.Count(served, "\n") {
		t.Errorf("Builtin(%q) has %d kinds, the server %d", version, len(c.All()), strings.Count(served, "\n"))
	}
}
