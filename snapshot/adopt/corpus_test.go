package adopt_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/testenv/corpora"
)

// TestAdoptIntoCorpora makes up drift for repositories that people wrote, and
// adopts it. Whatever is adopted renders to exactly what was wanted.
func TestAdoptIntoCorpora(t *testing.T) {
	cases := []struct {
		corpus, path string
		// atLeast is how many percent of the changes are adopted.
		atLeast int
		// times is how often; the large ones take a while to render.
		times int
	}{
		{corpora.KubePrometheus, "manifests", 95, 3},
		{corpora.MicroservicesDemo, "kustomize", 95, 6},
		{corpora.MicroservicesDemo, "kustomize/tests/service-mesh-istio-with-all-components", 90, 3},
		{corpora.FluxExample, "apps/production", 90, 10},
		{corpora.FluxExample, "infrastructure/controllers", 90, 10},
	}
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.corpus+" "+c.path, "/", "-"), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "repo")
			if out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", corpora.Path(t, c.corpus), dir).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
				t.Fatal(err)
			}
			req := adopt.Request{Tree: os.DirFS(dir), Renderer: adopt.RenderFunc(render.Render)}
			req.Options = render.Options{Path: c.path, KubeVersion: "v1.36.3"}
			before, err := render.Render(t.Context(), req.Tree, req.Options)
			if err != nil {
				t.Fatal(err)
			}
			adopted, all := 0, 0
			draw := rapid.Custom(func(rt *rapid.T) []adopt.Wanted { return manyDrifted(rt, before.Objects) })
			for seed := range c.times {
				req.Wanted = draw.Example(seed)
				result, err := adopt.Adopt(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				checkProof(t.Context(), t, req, result)
				adopted, all = adopted+len(result.Adopted), all+len(result.Adopted)+len(result.Refused)
				for _, r := range result.Refused {
					t.Logf("refused: %s", r)
				}
			}
			t.Logf("%d of %d adopted", adopted, all)
			if adopted*100 < all*c.atLeast {
				t.Errorf("only %d of %d were adopted", adopted, all)
			}
		})
	}
}

// manyDrifted draws what is wanted of some of the objects.
func manyDrifted(t *rapid.T, objects *object.Set) []adopt.Wanted {
	some := rapid.SliceOfNDistinct(rapid.SampledFrom(objects.Sorted()), 1, 6, (*object.Object).ID)
	var list []adopt.Wanted
	for _, o := range some.Draw(t, "objects") {
		list = append(list, drifted(t, o))
	}
	return list
}

// drifted draws how an object differs in the cluster.
func drifted(t *rapid.T, o *object.Object) adopt.Wanted {
	w := adopt.Wanted{ID: o.ID()}
	if rapid.IntRange(0, 9).Draw(t, "delete") == 0 {
		w.Delete = true
		return w
	}
	var leaves []edit.Path
	fields(o.Object, nil, &leaves)
	leaves = slices.DeleteFunc(leaves, func(p edit.Path) bool {
		return p[0].Key == "apiVersion" || p[0].Key == "kind" || p[0].Key == "metadata" && p[1].Key != "labels" && p[1].Key != "annotations" ||
			p[len(p)-1].Key == "name"
	})
	if len(leaves) == 0 || rapid.IntRange(0, 4).Draw(t, "label") == 0 {
		w.Fields = []drift.Field{{Path: `metadata.labels["adopt.test/new"]`, Have: "yes"}}
		if labels := o.GetLabels(); len(labels) == 0 {
			w.Fields = []drift.Field{{Path: "metadata.labels", Have: map[string]any{"adopt.test/new": "yes"}}}
		}
		return w
	}
	at := rapid.SampledFrom(leaves).Draw(t, "field")
	was, _ := edit.Get(o.Object, at)
	f := drift.Field{Path: at.String(), Want: was}
	switch v := was.(type) {
	case string:
		f.Have = v + "-x"
	case int64:
		f.Have = v + 1
	case bool:
		f.Have = !v
	default:
		f.Have = "x"
	}
	if !at[len(at)-1].Item && rapid.IntRange(0, 4).Draw(t, "remove") == 0 {
		f.Have = nil
	}
	w.Fields = []drift.Field{f}
	return w
}

// fields lists the scalars of an object as a comparison names them: list items
// by their name, when each has one of its own.
func fields(v any, at edit.Path, to *[]edit.Path) {
	at = at[:len(at):len(at)]
	switch v := v.(type) {
	case map[string]any:
		for k, below := range v {
			fields(below, append(at, edit.Key(k)), to)
		}
		if at == nil {
			slices.SortFunc(*to, func(a, b edit.Path) int { return strings.Compare(a.String(), b.String()) })
		}
	case []any:
		names := map[string]bool{}
		for _, item := range v {
			m, _ := item.(map[string]any)
			if name, ok := m["name"].(string); ok {
				names[name] = true
			}
		}
		for i, item := range v {
			step := edit.Index(i)
			m, _ := item.(map[string]any)
			if name, ok := m["name"].(string); ok {
				if len(names) != len(v) {
					continue
				}
				step = edit.Named(name)
			}
			fields(item, append(at, step), to)
		}
	default:
		*to = append(*to, at)
	}
}
