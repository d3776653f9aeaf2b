package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
)

// drawn draws objects that refer to each other in every way a plan knows, in
// circles too.
func drawn() *rapid.Generator[[]*object.Object] {
	names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	namespaces := rapid.SampledFrom([]string{"", "x", "y"})
	kinds := rapid.SampledFrom([]string{
		"v1 Namespace", "v1 ConfigMap", "v1 Secret", "v1 Service", "v1 ServiceAccount", "v1 ResourceQuota",
		"apps/v1 Deployment", "extensions/v1beta1 Deployment", "batch/v1 Job", "policy/v1 PodDisruptionBudget",
		"networking.k8s.io/v1 Ingress", "rbac.authorization.k8s.io/v1 RoleBinding", "rbac.authorization.k8s.io/v1 ClusterRole",
		"admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding",
		"apiregistration.k8s.io/v1 APIService", "storage.k8s.io/v1 StorageClass", "v1 PersistentVolumeClaim",
		"example.com/v1 Thing", "kustomize.toolkit.fluxcd.io/v1 Kustomization",
	})
	one := rapid.Custom(func(t *rapid.T) *object.Object {
		apiVersion, kind, _ := strings.Cut(kinds.Draw(t, "kind"), " ")
		other := names.Draw(t, "other")
		annotations := map[string]any{}
		switch rapid.IntRange(0, 5).Draw(t, "order") {
		case 0:
			annotations["argocd.argoproj.io/sync-wave"] = fmt.Sprint(rapid.IntRange(-2, 2).Draw(t, "wave"))
		case 1:
			annotations["config.kubernetes.io/depends-on"] = "/namespaces/x/ConfigMap/" + other + ",apps/namespaces/x/Deployment/" + other
		case 2:
			annotations["helm.sh/hook"] = rapid.SampledFrom([]string{"pre-install", "post-install", "test"}).Draw(t, "hook")
		}
		service := map[string]any{"namespace": "x", "name": other}
		meta := map[string]any{"name": names.Draw(t, "name"), "annotations": annotations}
		if ns := namespaces.Draw(t, "namespace"); ns != "" {
			meta["namespace"] = ns
		}
		made := rapid.SampledFrom([]string{"", "chart web, release web"}).Draw(t, "made")
		return object.New(map[string]any{
			"apiVersion": apiVersion, "kind": kind, "metadata": meta,
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": other}},
			"webhooks": []any{map[string]any{"name": "w", "clientConfig": map[string]any{"service": service}}},
			"spec": map[string]any{
				"service":          service,
				"dependsOn":        []any{map[string]any{"name": other}},
				"configMapRef":     map[string]any{"name": other},
				"secretName":       other,
				"storageClassName": other,
				"selector":         map[string]any{"app": other, "matchLabels": map[string]any{"app": other}},
				"template": map[string]any{
					"metadata": map[string]any{"labels": map[string]any{"app": other}},
					"spec":     map[string]any{"serviceAccountName": other, "containers": []any{}},
				},
			},
		}, object.Provenance{File: fmt.Sprintf("%s.yaml", other), Line: rapid.IntRange(1, 9).Draw(t, "line"), Made: made})
	})
	return rapid.Custom(func(t *rapid.T) []*object.Object {
		list := rapid.SliceOfNDistinct(one, 0, 40, func(o *object.Object) string {
			id := o.ID()
			return fmt.Sprint(id.Kind, " ", id.Name, " ", id.Namespace)
		}).Draw(t, "objects")
		if rapid.Bool().Draw(t, "defined") {
			list = append(list, things())
		}
		return list
	})
}

func things() *object.Object {
	var content map[string]any
	_ = yaml.Unmarshal([]byte(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec: {group: example.com, scope: Namespaced, names: {kind: Thing, plural: things}, versions: [{name: v1, served: true, storage: true}]}
`), &content)
	return object.New(content, object.Provenance{File: "crd.yaml", Line: 1})
}

// Whatever comes in, in whatever order: the same plan, every edge to an earlier
// node, nothing lost, nothing changed in place.
func TestPlanningAnything(t *testing.T) {
	c := builtin(t)
	rapid.Check(t, func(t *rapid.T) {
		list := drawn().Draw(t, "list")
		convert := rapid.Bool().Draw(t, "convert")
		before := make([]*object.Object, len(list))
		for i, o := range list {
			before[i] = o.Copy()
		}
		p, err := makeOf(list, plan.Options{Catalogue: c, Convert: convert})
		shuffled := slices.Clone(list)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		q, errShuffled := makeOf(shuffled, plan.Options{Catalogue: c, Convert: convert})
		if diff := cmp.Diff(fmt.Sprint(err), fmt.Sprint(errShuffled)); diff != "" {
			t.Fatalf("the order of objects changes the error: %s", diff)
		}
		var duplicate *object.DuplicateError
		if err != nil && !errors.As(err, &duplicate) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(asJSON(t, p), asJSON(t, q)); diff != "" {
			t.Fatalf("the order of objects changes the plan: %s", diff)
		}
		checkOrder(t, p)
		checkNothingLost(t, list, p)
		for i, o := range list {
			if diff := cmp.Diff(before[i].Object, o.Object); diff != "" {
				t.Fatalf("an object was changed in place: %s", diff)
			}
		}
	})
}

func makeOf(list []*object.Object, opts plan.Options) (*plan.Plan, error) {
	set, err := object.SetOf(list...)
	if err != nil {
		return nil, err
	}
	return plan.Make(set, opts)
}

func asJSON(t interface{ Fatal(...any) }, p *plan.Plan) string {
	data, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func checkNothingLost(t *rapid.T, list []*object.Object, p *plan.Plan) {
	skipped, added, made := 0, 0, 0
	for _, n := range p.Notes {
		switch n.Kind {
		case plan.Skipped:
			skipped++
		case plan.Implied:
			added++
		}
	}
	unserved := map[object.ID]bool{}
	for _, u := range p.Unserved {
		unserved[u.ID] = true
	}
	for _, n := range p.Nodes {
		if n.Barrier != (n.Object == nil) {
			t.Fatalf("%s is neither an object nor a barrier", n.ID)
		}
		if n.Barrier {
			continue
		}
		made++
		if unserved[n.ID] != (n.Awaited || n.Removed) {
			t.Fatalf("%s is marked unserved and not listed, or the other way round", n.ID)
		}
		if n.Kind.Namespaced != (n.ID.Namespace != "") || n.Object.ID() != n.ID || n.Kind.GroupKind() != n.ID.GroupKind() {
			t.Fatalf("%s has kind %v", n.ID, n.Kind)
		}
	}
	if made != len(list)-skipped+added {
		t.Fatalf("%d objects in, %d skipped, %d added, but %d in the plan", len(list), skipped, added, made)
	}
}

func TestDuplicatesOnceNamespacesAreKnown(t *testing.T) {
	list := parse(t, "all.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}")
	_, err := makeOf(list, plan.Options{Catalogue: builtin(t)})
	var duplicate *object.DuplicateError
	if !errors.As(err, &duplicate) || duplicate.First.Line != 1 || duplicate.Second.Line != 5 {
		t.Errorf("error %v, want a duplicate at lines 1 and 5", err)
	}
	if _, err := makeOf(list, plan.Options{Catalogue: builtin(t), Namespace: "elsewhere"}); err != nil {
		t.Errorf("with another default namespace they are two: %v", err)
	}
}

func TestGroupThatCannotBeDescribedIsAwaited(t *testing.T) {
	c := object.NewCatalogue("v1.36.3", builtin(t).All())
	c.Failed[schema.GroupVersion{Group: "metrics.k8s.io", Version: "v1beta1"}] = "503 service unavailable"
	p, err := makeOf(parse(t, "all.yaml", "apiVersion: metrics.k8s.io/v1beta1\nkind: PodMetrics\nmetadata: {name: a, namespace: default}"), plan.Options{Catalogue: c})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Unserved) != 1 || !p.Unserved[0].Awaited || !strings.Contains(p.Unserved[0].Reason, "503") {
		t.Errorf("unserved: %+v", p.Unserved)
	}
}

func TestHostileNamesDoNotReachTheTerminal(t *testing.T) {
	o := object.New(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap\x1b[2J",
		"metadata": map[string]any{"name": "a\x1b]0;owned\x07\u202e\nWave 9", "namespace": "n\u009bs"},
	}, object.Provenance{File: "x\x1b[31m.yaml", Line: 1})
	p, err := makeOf([]*object.Object{o}, plan.Options{Catalogue: builtin(t)})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	p.WriteTree(&b)
	plan.Diff(&plan.Plan{}, p).Write(&b)
	for _, bad := range []string{"\x1b", "\x07", "\u202e", "\u009b", "\nWave 9"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%q reaches the terminal:\n%q", bad, b.String())
		}
	}
	if !strings.Contains(b.String(), `\x1b`) {
		t.Errorf("nothing is escaped:\n%s", b.String())
	}
}
