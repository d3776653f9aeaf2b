package render_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/corpora"
)

// tree returns a corpus at a revision.
func tree(t testing.TB, name, revision string) (*source.Tree, string) {
	t.Helper()
	return at(t, open(t, name), revision)
}

func open(t testing.TB, name string) *source.Repository {
	t.Helper()
	repo, err := source.Open(t.Context(), corpora.Path(t, name), source.Options{CacheDir: t.TempDir(), Getenv: func(string) string { return "" }, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = repo.Close() })
	return repo
}

func at(t testing.TB, repo *source.Repository, revision string) (*source.Tree, string) {
	t.Helper()
	commit, err := repo.Resolve(t.Context(), revision)
	if err != nil {
		t.Fatal(err)
	}
	files, err := repo.Tree(t.Context(), commit.SHA)
	if err != nil {
		t.Fatal(err)
	}
	return files, commit.SHA
}

func mustRender(t testing.TB, tree fs.FS, opts render.Options) *render.Result {
	t.Helper()
	if opts.KubeVersion == "" {
		opts.KubeVersion = "v1.36.3"
	}
	result, err := render.Render(t.Context(), tree, opts)
	if err != nil {
		t.Fatalf("%s: %v", opts.Path, err)
	}
	return result
}

// TestKubePrometheus renders the repository at commits spread over its history;
// every object names its file and line and is what stands there.
func TestKubePrometheus(t *testing.T) {
	repo := open(t, corpora.KubePrometheus)
	for back := 0; back <= 660; back += 60 {
		t.Run(fmt.Sprintf("HEAD~%d", back), func(t *testing.T) {
			files, sha := at(t, repo, fmt.Sprintf("HEAD~%d", back))
			result := mustRender(t, files, render.Options{Path: "manifests", Commit: sha})
			if result.Kind != render.KindPlain || result.Objects.Len() < 40 {
				t.Errorf("%s: %d objects", result.Kind, result.Objects.Len())
			}
			for o := range result.Objects.All() {
				if o.From.Commit != sha || o.From.Line < 1 || strings.HasSuffix(o.GetKind(), "List") {
					t.Errorf("%s from %s", o.ID(), o.From)
				}
				checkPlace(t, files, o)
			}
		})
	}
}

// TestKubePrometheusAlternatives: in its first year the repository kept
// alternatives of the same objects side by side, and once gave a key twice. All
// of that is told, with both places.
func TestKubePrometheusAlternatives(t *testing.T) {
	repo := open(t, corpora.KubePrometheus)
	for back, want := range map[int]string{
		720: "Service etcd-k8s is defined twice: at manifests/etcd/etcd-bootkube-gce.yaml:1 and at manifests/etcd/etcd-bootkube-vagrant-multi.yaml:1",
		840: "manifests/grafana/grafana-deployment.yaml:48:9: the key \"volumeMounts\" is given twice in one mapping, first at line 38",
	} {
		files, _ := at(t, repo, fmt.Sprintf("HEAD~%d", back))
		_, err := render.Render(t.Context(), files, render.Options{Path: "manifests"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("HEAD~%d: %v", back, err)
		}
	}
}

func checkPlace(t *testing.T, files fs.FS, o *object.Object) {
	t.Helper()
	data, err := fs.ReadFile(files, o.From.File)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	if o.From.Line > len(lines) || !strings.Contains(strings.Join(lines[o.From.Line-1:], "\n"), o.GetName()) {
		t.Errorf("%s is not at %s", o.ID(), o.From)
	}
}

func TestMicroservicesDemo(t *testing.T) {
	files, _ := tree(t, corpora.MicroservicesDemo, "HEAD")
	flat := mustRender(t, files, render.Options{Path: "release/kubernetes-manifests.yaml"})
	if n := flat.Objects.Len(); n < 30 {
		t.Errorf("the flat file has %d objects", n)
	}
	for _, set := range [][]string{nil, {"frontend.externalService=false"}, {"networkPolicies.create=true", "sidecars.create=true", "authorizationPolicies.create=true"},
		{"opentelemetryCollector.create=true", "opentelemetryCollector.projectId=p", "googleCloudOperations.tracing=true"}, {"cartDatabase.inClusterRedis.create=false", "cartDatabase.connectionString=x:1"}} {
		result := mustRender(t, files, render.Options{Path: "helm-chart", Helm: render.HelmOptions{Release: "shop", Namespace: "shop", Set: set}})
		if result.Kind != render.KindHelm || result.Objects.Len() < 25 {
			t.Errorf("chart with %v: %d objects", set, result.Objects.Len())
		}
		for o := range result.Objects.All() {
			if o.GetNamespace() != "shop" || !strings.HasPrefix(o.From.File, "helm-chart/templates/") {
				t.Errorf("%s from %s", o.ID(), o.From)
			}
		}
		for _, n := range result.Notes {
			if n.Code == render.NoteFloating {
				t.Errorf("chart with %v: %s", set, n)
			}
		}
	}
	if result := mustRender(t, files, render.Options{Path: "kustomize"}); result.Objects.Len() < 30 {
		t.Errorf("kustomize: %d objects", result.Objects.Len())
	}
}

// TestMicroservicesHistory renders all three shapes all over the history,
// wherever a commit has them.
func TestMicroservicesHistory(t *testing.T) {
	repo := open(t, corpora.MicroservicesDemo)
	for back := 0; back < 250; back += 25 {
		files, _ := at(t, repo, fmt.Sprintf("HEAD~%d", back))
		for _, p := range []string{"kustomize", "helm-chart", "release/kubernetes-manifests.yaml"} {
			if _, err := fs.Stat(files, p); err != nil {
				continue
			}
			if n := mustRender(t, files, render.Options{Path: p}).Objects.Len(); n < 20 {
				t.Errorf("HEAD~%d: %s has %d objects", back, p, n)
			}
		}
	}
}

func TestFluxExample(t *testing.T) {
	files, _ := tree(t, corpora.FluxExample, "HEAD")
	for p, kind := range map[string]render.Kind{
		"apps/production": render.KindKustomize, "apps/staging": render.KindKustomize, "apps/base/podinfo": render.KindKustomize,
		"infrastructure": render.KindPlain, "clusters/production": render.KindPlain, "clusters/staging": render.KindPlain,
	} {
		result := mustRender(t, files, render.Options{Path: p})
		if result.Kind != kind || result.Objects.Len() == 0 {
			t.Errorf("%s: %s with %d objects", p, result.Kind, result.Objects.Len())
		}
	}
}

// TestKustomizeAsKubectl builds every kustomization of the corpora, and overlays
// that switch components on, with kubectl as well.
func TestKustomizeAsKubectl(t *testing.T) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is absent")
	}
	compared := 0
	for _, name := range []string{corpora.MicroservicesDemo, corpora.FluxExample} {
		files, _ := tree(t, name, "HEAD")
		dir := t.TempDir()
		if err := os.CopyFS(dir, files); err != nil {
			t.Fatal(err)
		}
		overlays(t, dir)
		onDisk := os.DirFS(dir)
		for _, p := range kustomizations(t, onDisk) {
			ctx := t.Context()
			out, err := exec.CommandContext(ctx, kubectl, "kustomize", filepath.Join(dir, p)).Output()
			result, ours := render.Render(ctx, onDisk, render.Options{Path: p})
			if err != nil || ours != nil {
				if (err == nil) != (ours == nil) {
					t.Errorf("%s %s: kubectl %v, rekindle %v", name, p, err, ours)
				}
				continue
			}
			compared++
			if diff := cmp.Diff(contents(t, out), rendered(t, result)); diff != "" {
				t.Errorf("%s %s: -kubectl +rekindle:\n%s", name, p, diff)
			}
		}
	}
	if compared < 15 {
		t.Errorf("only %d kustomizations compared", compared)
	}
}

// overlays writes kustomizations that use the components of microservices-demo.
func overlays(t *testing.T, dir string) {
	components, _ := filepath.Glob(filepath.Join(dir, "kustomize/components/*/kustomization.yaml"))
	sets := [][]string{}
	for _, c := range components {
		sets = append(sets, []string{filepath.Base(filepath.Dir(c))})
	}
	if len(components) > 0 {
		sets = append(sets, []string{"cymbal-branding", "network-policies", "non-public-frontend", "without-loadgenerator", "google-cloud-operations"})
	}
	for i, set := range sets {
		text := "resources: [../../kustomize/base]\nnamespace: shop\ncommonLabels: {set: \"" + fmt.Sprint(i) + "\"}\ncomponents:\n"
		for _, c := range set {
			text += "- ../../kustomize/components/" + c + "\n"
		}
		p := filepath.Join(dir, "overlays", fmt.Sprint(i), "kustomization.yaml")
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func kustomizations(t *testing.T, files fs.FS) []string {
	t.Helper()
	var dirs []string
	err := fs.WalkDir(files, ".", func(p string, _ fs.DirEntry, err error) error {
		if path.Base(p) == "kustomization.yaml" {
			dirs = append(dirs, path.Dir(p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// contents returns YAML documents as sorted JSON texts.
func contents(t *testing.T, out []byte) []string {
	t.Helper()
	var list []string
	for _, doc := range strings.Split("\n"+string(out), "\n---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		data, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(data))
	}
	sort.Strings(list)
	return list
}

func rendered(t *testing.T, result *render.Result) []string {
	t.Helper()
	var list []string
	for o := range result.Objects.All() {
		data, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, contents(t, data)...)
	}
	sort.Strings(list)
	return list
}

// TestCatalogueDecides: what the target serves decides about scopes and about
// what templates see.
func TestCatalogueDecides(t *testing.T) {
	gvk := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Thing"}
	files := fstest.MapFS{
		"c/Chart.yaml": {Data: []byte("apiVersion: v2\nname: web\nversion: 1.0.0\n")},
		"c/templates/a.yaml": {Data: []byte(`{{ if .Capabilities.APIVersions.Has "example.com/v1/Thing" }}
apiVersion: example.com/v1
kind: Thing
metadata: {name: x}
spec: {minor: {{ .Capabilities.KubeVersion.Minor }}, apps: {{ .Capabilities.APIVersions.Has "apps/v1" }}}
{{ end }}`)},
	}
	for namespaced, want := range map[bool]string{true: "n", false: ""} {
		catalogue := object.NewCatalogue("v1.31.2", []object.Kind{{GroupVersionKind: gvk, Resource: "things", Namespaced: namespaced}})
		result, err := render.Render(t.Context(), files, render.Options{Path: "c", Catalogue: catalogue, Helm: render.HelmOptions{Namespace: "n"}})
		if err != nil {
			t.Fatal(err)
		}
		o := result.Objects.Get(object.ID{Group: "example.com", Kind: "Thing", Namespace: want, Name: "x"})
		if o == nil || len(result.Notes) != 0 {
			t.Fatalf("namespaced %t: %v %v", namespaced, result.Objects.Sorted(), result.Notes)
		}
		if diff := cmp.Diff(map[string]any{"minor": int64(31), "apps": false}, o.Object["spec"]); diff != "" {
			t.Error(diff)
		}
	}
	result, err := render.Render(t.Context(), files, render.Options{Path: "c"})
	if err != nil || result.Objects.Len() != 0 {
		t.Errorf("without a catalogue: %v, %v", result, err)
	}
}

func BenchmarkKubePrometheus(b *testing.B) {
	files, sha := tree(b, corpora.KubePrometheus, "HEAD")
	b.ReportAllocs()
	for b.Loop() {
		result := mustRender(b, files, render.Options{Path: "manifests", Commit: sha})
		b.ReportMetric(float64(result.Objects.Len()), "objects")
	}
}

func BenchmarkMicroservicesDemo(b *testing.B) {
	files, _ := tree(b, corpora.MicroservicesDemo, "HEAD")
	for _, p := range []string{"kustomize", "helm-chart", "release"} {
		b.Run(p, func(b *testing.B) {
			for b.Loop() {
				mustRender(b, files, render.Options{Path: p})
			}
		})
	}
}
