package adopt_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

func TestAnOverlayIsAFileSystem(t *testing.T) {
	tree := fstest.MapFS{
		"a/keep":   {Data: []byte("keep")},
		"a/change": {Data: []byte("old")},
		"a/gone":   {Data: []byte("gone")},
	}
	over := adopt.Overlay{"a/change": []byte("new"), "a/gone": nil, "new/deep/file": []byte("x")}.On(tree)
	for name, want := range map[string]string{"a/keep": "keep", "a/change": "new", "new/deep/file": "x"} {
		got, err := fs.ReadFile(over, name)
		if err != nil || string(got) != want {
			t.Errorf("%s is %q (%v), not %q", name, got, err, want)
		}
	}
	var names []string
	err := fs.WalkDir(over, ".", func(p string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			names = append(names, p)
		}
		return err
	})
	if diff := cmp.Diff([]string{"a/change", "a/keep", "new/deep/file"}, names); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := fs.Stat(over, "a/gone"); err == nil {
		t.Error("a deleted file is still there")
	}
}

// TestSymbolicLinks: a manifest that is reached through a link is edited where it
// is, and the link stays.
func TestSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"real", "deploy"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n"
	if err := os.WriteFile(filepath.Join(dir, "real", "a.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../real/a.yaml", filepath.Join(dir, "deploy", "a.yaml")); err != nil {
		t.Fatal(err)
	}
	req := adopt.Request{
		Tree:     os.DirFS(dir),
		Renderer: adopt.RenderFunc(render.Render),
		Options:  render.Options{Path: "deploy"},
		Wanted: []adopt.Wanted{{
			ID:     object.ID{Kind: "ConfigMap", Name: "a"},
			Fields: []drift.Field{{Path: "data.k", Want: "v", Have: "w"}},
		}},
	}
	result, err := adopt.Adopt(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"real/a.yaml"}, result.Overlay.Files()); diff != "" || len(result.Refused) > 0 {
		t.Errorf("%v\n%s", result.Refused, diff)
	}
}

// TestARendererThatDoesNotKeepItsWord: when a change shows elsewhere as well,
// nothing is written, and the other object is named.
func TestARendererThatDoesNotKeepItsWord(t *testing.T) {
	tree := fstest.MapFS{"a.yaml": {Data: []byte(
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: &d {k: v}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n")}}
	copying := adopt.RenderFunc(func(ctx context.Context, tree fs.FS, opts render.Options) (*render.Result, error) {
		result, err := render.Render(ctx, tree, opts)
		if err == nil {
			result.Objects.Get(object.ID{Kind: "ConfigMap", Name: "b"}).Object["data"] = result.Objects.Get(object.ID{Kind: "ConfigMap", Name: "a"}).Object["data"]
		}
		return result, err
	})
	result, err := adopt.Adopt(t.Context(), adopt.Request{Tree: tree, Renderer: copying, Wanted: []adopt.Wanted{
		{ID: object.ID{Kind: "ConfigMap", Name: "a"}, Fields: []drift.Field{{Path: "data.k", Want: "v", Have: "w"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Overlay) > 0 || len(result.Refused) != 1 || !strings.Contains(result.Refused[0].Reason, "ConfigMap b would come out differently") {
		t.Errorf("%v, %v", result.Overlay.Files(), result.Refused)
	}
}
