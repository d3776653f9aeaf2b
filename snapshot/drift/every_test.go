package drift_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/corpora"
	"github.com/rekindle-io/rekindle/testenv/example"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

const everyKind = "testdata/every-kind.yaml"

// What an export of a cluster with an object of every kind brings back is the
// same to the byte.
func TestEveryKindReplays(t *testing.T) {
	s := dial(t, testenv.Start(t).Kubeconfig)
	s.remember()
	s.create(manifests(t, everyKind))
	s.settleEveryKind()
	newWorld(t).replays(t, s, "replay")
}

// settleEveryKind waits until controllers did to the objects what they do.
func (s *server) settleEveryKind() {
	s.t.Helper()
	catalogue := s.catalogue()
	done := func(apiVersion, kind, name string, is func(map[string]any) bool) {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
		k, _ := catalogue.Lookup(u.GroupVersionKind())
		namespace := ""
		if k.Namespaced {
			namespace = "every"
		}
		s.await(time.Minute, "settling", func() string {
			live, err := s.kube.Get(s.t.Context(), k, namespace, name)
			if err == nil && is(live.Object) {
				return ""
			}
			return kind + " " + name
		})
	}
	bound := func(o map[string]any) bool { return field.Text(o, "status", "phase") == "Bound" }
	for _, claim := range []string{"static", "chosen", "dynamic", "data-db-0", "data-db-1"} {
		done("v1", "PersistentVolumeClaim", claim, bound)
	}
	done("v1", "Secret", "robot-token", func(o map[string]any) bool { return field.Text(o, "data", "token") != "" })
	done("v1", "Pod", "bare", func(o map[string]any) bool { return field.Text(o, "spec", "nodeName") != "" })
	done("v1", "Service", "balanced", func(o map[string]any) bool { return len(field.List(o, "status", "loadBalancer", "ingress")) > 0 })
	done("rbac.authorization.k8s.io/v1", "ClusterRole", "example:whole", func(o map[string]any) bool { return len(field.List(o, "rules")) > 0 })
	done("batch/v1", "Job", "once", func(o map[string]any) bool { return field.Map(o, "status") != nil })
}

// The fixture has an object of each kind that people make.
func TestTheFixtureHasEveryKind(t *testing.T) {
	has := map[string]bool{}
	for _, content := range manifests(t, everyKind) {
		u := &unstructured.Unstructured{Object: content}
		has[u.GroupVersionKind().GroupKind().String()] = true
	}
	catalogue, ok := plan.Builtin("v1.36.3")
	if !ok {
		t.Fatal("no catalogue")
	}
	filter, err := capture.New(capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range catalogue.Kinds() {
		_, skipped := filter.Skips(kind.GroupKind())
		if kind.Can("list") && kind.Can("create") && !skipped && !has[kind.GroupKind().String()] {
			t.Errorf("%s is missing in %s", kind.GroupKind(), everyKind)
		}
	}
}

// The same of real repositories: what was restored of them, with all that the
// server and controllers made of it, comes back from its export. They share the
// two clusters that this takes: most of the time goes into making those.
func TestRepositoriesReplay(t *testing.T) {
	all := gitserver.Repo(t)
	for name, from := range map[string]rebuild.Source{
		"kube-prometheus":    {Repo: corpora.Path(t, corpora.KubePrometheus), Path: "manifests", Revision: "main"},
		"microservices-demo": {Repo: corpora.Path(t, corpora.MicroservicesDemo), Path: "kustomize", Revision: "main"},
		"the-example":        {Repo: example.Repo(t), Path: "deploy", Revision: "v1.2"},
	} {
		copyFolder(t, from, filepath.Join(all.Dir, name))
	}
	all.Commit("three repositories")
	w := newWorld(t)
	first := w.restore(t, "first", rebuild.Source{Repo: all.Dir, Revision: "main"})
	first.had = w.baseline(t, "first")
	exported := first.export()
	for _, of := range []object.ID{ // each of them is there
		{Group: "monitoring.coreos.com", Kind: "Prometheus", Namespace: "monitoring", Name: "k8s"},
		{Group: "apps", Kind: "Deployment", Namespace: "default", Name: "frontend"},
		{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"},
	} {
		if exported[of] == "" {
			t.Errorf("%s was not restored and exported", of)
		}
	}
	w.replays(t, first, "second")
}

// copyFolder copies a folder of a commit to dir.
func copyFolder(t *testing.T, from rebuild.Source, dir string) {
	t.Helper()
	repo, err := source.Open(t.Context(), from.Repo, source.Options{CacheDir: t.TempDir(), Getenv: os.Getenv, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	commit, err := repo.Resolve(t.Context(), from.Revision)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Folder(t.Context(), commit.SHA, from.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, tree); err != nil {
		t.Fatal(err)
	}
}
