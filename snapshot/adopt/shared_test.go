package adopt_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
)

const (
	baseWeb  = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: a}\nspec: {replicas: 1}\n"
	baseConf = "configMapGenerator:\n- name: conf\n  namespace: a\n  files: [app.conf]\ngeneratorOptions: {disableNameSuffixHash: true}\n"
)

// TestOthersStayAsTheyAre adopts into one folder of repositories in which others
// are made of the same files, whichever way they come to them.
func TestOthersStayAsTheyAre(t *testing.T) {
	replicas := "change: Deployment.apps a/web spec.replicas = 3"
	for _, c := range []struct {
		name  string
		files map[string]string // "-> x" is a symbolic link
		// head asks for a change of prod; other is the folder that must not change.
		head, other string
		adopted     bool
	}{
		{"a base by a linked folder", map[string]string{
			"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": baseWeb,
			"prod/kustomization.yaml": "resources: [../base]\n", "other/kustomization.yaml": "resources: [base]\n", "other/base": "-> ../base",
		}, "path: prod\n" + replicas, "other", true},
		{"a base by a linked folder of our own", map[string]string{
			"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": baseWeb,
			"other/kustomization.yaml": "resources: [../base]\n", "prod/kustomization.yaml": "resources: [base]\n", "prod/base": "-> ../base",
		}, "path: prod\n" + replicas, "other", true},
		{"a file by a link", map[string]string{
			"prod/kustomization.yaml": "resources: [web.yaml]\n", "prod/web.yaml": baseWeb,
			"other/kustomization.yaml": "resources: [web.yaml]\n", "other/web.yaml": "-> ../prod/web.yaml",
		}, "path: prod\n" + replicas, "other", true},
		{"a linked kustomization", map[string]string{
			"prod/kustomization.yaml": "resources: [../base]\nreplicas:\n- name: web\n  count: 2\n", "other/kustomization.yaml": "-> ../prod/kustomization.yaml",
			"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": baseWeb,
		}, "path: prod\n" + replicas, "other", false},
		{"a linked kustomization of our own", map[string]string{
			"other/kustomization.yaml": "resources: [../base]\nreplicas:\n- name: web\n  count: 2\n", "prod/kustomization.yaml": "-> ../other/kustomization.yaml",
			"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": baseWeb,
		}, "path: prod\n" + replicas, "other", false},
		{"a file of two generators", map[string]string{
			"prod/app.conf": "a=1\n", "other/app.conf": "-> ../prod/app.conf", "prod/kustomization.yaml": baseConf, "other/kustomization.yaml": baseConf,
		}, "path: prod\nchange: ConfigMap a/conf data[\"app.conf\"] = \"a=2\\n\"", "other", true},
		{"a linked file of a generator", map[string]string{
			"other/app.conf": "a=1\n", "prod/app.conf": "-> ../other/app.conf", "prod/kustomization.yaml": baseConf, "other/kustomization.yaml": baseConf,
		}, "path: prod\nchange: ConfigMap a/conf data[\"app.conf\"] = \"a=2\\n\"", "other", true},
		{"a patch of two overlays", map[string]string{
			"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": baseWeb, "prod/r.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: a}\nspec: {replicas: 2}\n",
			"prod/kustomization.yaml": "resources: [../base]\npatches: [{path: r.yaml}]\n", "other/kustomization.yaml": "resources: [../base]\npatches: [{path: r.yaml}]\n", "other/r.yaml": "-> ../prod/r.yaml",
		}, "path: prod\n" + replicas, "other", true},
		{"a component of two overlays", map[string]string{
			"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": baseWeb,
			"more/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nreplicas:\n- name: web\n  count: 2\n",
			"prod/kustomization.yaml": "resources: [../base]\ncomponents: [../more]\n", "other/kustomization.yaml": "resources: [../base]\ncomponents: [../more]\n",
		}, "path: prod\n" + replicas, "other", true},
		{"a component of two overlays, whose object goes", map[string]string{
			"more/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [web.yaml]\n", "more/web.yaml": baseWeb,
			"prod/kustomization.yaml": "components: [../more]\n", "other/kustomization.yaml": "components: [../more]\n",
		}, "path: prod\ndelete: Deployment.apps a/web", "other", true},
		{"a root by a linked file", map[string]string{
			"prod/web.yaml": baseWeb, "other/web.yaml": "-> ../prod/web.yaml",
		}, "path: prod\nroot: other\n" + replicas, "other", false},
		{"a linked folder that nobody follows", map[string]string{
			"prod/web.yaml": baseWeb, "other/all": "-> ../prod", "other/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
		}, "path: prod\nroot: other\n" + replicas, "other", true},
		{"a root that is a kustomization of plain files", map[string]string{
			"prod/web.yaml": baseWeb, "other/kustomization.yaml": "resources: [web.yaml]\n", "other/web.yaml": "-> ../prod/web.yaml",
		}, "path: prod\nroot: other\n" + replicas, "other", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := written(t, c.files)
			req := request(t, c.head, tree, nil)
			result, err := adopt.Adopt(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			checkProof(t.Context(), t, req, result)
			if (len(result.Adopted) == 1) != c.adopted {
				t.Errorf("adopted %v, refused %v", result.Adopted, result.Refused)
			}
			for _, r := range result.Refused {
				t.Log(r)
			}
			for _, a := range result.Adopted {
				t.Log(a.Where, a.Also)
			}
			before, after := rendered(t, tree, c.other), rendered(t, result.Overlay.On(tree), c.other)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("%s changed:\n%s", c.other, diff)
			}
			for file := range result.Overlay {
				if info, err := os.Lstat(filepath.Join(string(tree), file)); err == nil && !info.Mode().IsRegular() {
					t.Errorf("%s would be written over a link", file)
				}
			}
		})
	}
}

func rendered(t *testing.T, tree fs.FS, path string) map[string]any {
	t.Helper()
	result, err := render.Render(t.Context(), tree, render.Options{Path: path, KubeVersion: "v1.36.3"})
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	for o := range result.Objects.All() {
		m[o.ID().String()] = o.Object
	}
	return m
}

// folder is one with links, as os.DirFS is, whose name is known.
type folder string

func (f folder) Open(name string) (fs.File, error)      { return os.DirFS(string(f)).Open(name) }
func (f folder) ReadLink(name string) (string, error)   { return fs.ReadLink(os.DirFS(string(f)), name) }
func (f folder) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(os.DirFS(string(f)), name) }
func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(os.DirFS(string(f)), name)
}

func written(t *testing.T, files map[string]string) folder {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		target, isLink := strings.CutPrefix(content, "-> ")
		var err error
		if isLink {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder(dir)
}
