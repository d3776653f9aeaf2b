package convert_test

import (
	"context"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rekindle-io/rekindle/recover/convert"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/corpora"
)

// server is a real API server that tells what it thinks of objects.
type server struct{ dynamic.Interface }

func newServer(t *testing.T) server {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(testenv.Start(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return server{client}
}

// apply applies strictly: a field that the server does not know is an error.
func (s server) apply(ctx context.Context, kind object.Kind, o *object.Object, dryRun ...string) (*unstructured.Unstructured, error) {
	data, err := o.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var client dynamic.ResourceInterface = s.Resource(kind.GroupVersionResource())
	if kind.Namespaced {
		ns := o.GetNamespace()
		if ns == "" {
			ns = "default"
		}
		client = s.Resource(kind.GroupVersionResource()).Namespace(ns)
	}
	force := true
	return client.Patch(ctx, o.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{
		FieldManager: "test", Force: &force, DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict,
	})
}

func TestServerTakesWhatWasConverted(t *testing.T) {
	s, c := newServer(t), builtin(t)
	for file, list := range examples(t) {
		for _, o := range list {
			converted, _, err := convert.To(o, c)
			if err != nil {
				continue // its reason is in the golden file
			}
			kind, _ := c.Lookup(converted.GroupVersionKind())
			if _, err := s.apply(t.Context(), kind, converted, metav1.DryRunAll); err != nil {
				t.Errorf("%s: %s: %v", file, converted.ID(), err)
			}
		}
	}
}

// Commits of kube-prometheus from before definitions and workloads were written
// in v1; all of it is taken by a server of today.
func TestServerTakesOldCommits(t *testing.T) {
	repo, err := source.Open(t.Context(), corpora.Path(t, corpora.KubePrometheus), source.Options{
		CacheDir: t.TempDir(), Getenv: func(string) string { return "" }, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	s := newServer(t)
	for _, revision := range []string{"de14d30", "bf2efa5", "cb34005", "f4298e4"} {
		t.Run(revision, func(t *testing.T) {
			p := planOf(t, repo, revision)
			for _, u := range p.Unserved {
				t.Fatalf("%s (%s) is not served: %s, %s", u.ID, u.APIVersion, u.Reason, u.Remedy)
			}
			for i := range p.Nodes {
				if n := &p.Nodes[i]; n.Object != nil {
					s.take(t, n)
				}
			}
		})
	}
}

func planOf(t *testing.T, repo *source.Repository, revision string) *plan.Plan {
	t.Helper()
	commit, err := repo.Resolve(t.Context(), revision)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Tree(t.Context(), commit.SHA)
	if err != nil {
		t.Fatal(err)
	}
	result, err := render.Render(t.Context(), tree, render.Options{Path: "manifests", Commit: commit.SHA, Catalogue: builtin(t)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(result.Objects, plan.Options{Commit: commit.SHA, Catalogue: builtin(t), Convert: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// take makes what others need for real, and the rest as a dry run, since some of
// it cannot be changed from one commit to the next.
func (s server) take(t *testing.T, n *plan.Node) {
	t.Helper()
	dry := []string{metav1.DryRunAll}
	definition := n.ID.Kind == "CustomResourceDefinition"
	if definition || n.ID.Kind == "Namespace" {
		dry = nil
	}
	// A custom kind answers a moment after its definition is established.
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		o, err := s.apply(ctx, n.Kind, n.Object, dry...)
		if err != nil {
			again := strings.HasSuffix(n.ID.Group, ".coreos.com") && apierrors.IsNotFound(err)
			if again {
				return false, nil
			}
			return false, err
		}
		return !definition || established(o), nil
	})
	if err != nil {
		t.Errorf("%s from %s: %v", n.ID, n.From, err)
	}
}

func established(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "Established" && m["status"] == string(metav1.ConditionTrue) {
			return true
		}
	}
	return false
}
