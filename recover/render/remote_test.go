package render

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRemoteFiles: without leave nothing is asked of the network; with it the
// file is fetched, and its being remote is noted.
func TestRemoteFiles(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(object1))
	}))
	defer server.Close()
	url := server.URL + "/a.yaml"
	for name, head := range map[string]string{
		"resource": "resources: ['" + url + "']",
		"upper":    "resources: ['" + strings.Replace(url, "http", "HTTP", 1) + "']",
		"folded":   "resources:\n- >-\n  " + url,
		"inline":   "resources: [a.yaml]\ntransformers: ['{apiVersion: builtin, kind: PatchTransformer, metadata: {name: x}, path: \"" + url + "\"}']",
		"alias":    "x: &x '" + url + "'\nresources: [*x]",
		"merge":    "<<: {resources: ['" + url + "']}",
		"crd":      "resources: [a.yaml]\ncrds: ['" + url + "']",
		"openapi":  "resources: [a.yaml]\nopenapi: {path: '" + url + "'}",
		"replace":  "resources: [a.yaml]\nreplacements: [{path: '" + url + "'}]",
		"envs":     "configMapGenerator: [{name: x, envs: ['" + url + "']}]",
		"validate": "resources: [a.yaml]\nvalidators: ['" + url + "']",
	} {
		_, err := Render(t.Context(), files("kustomization.yaml", head, "a.yaml", object1), Options{})
		if err == nil || asked.Load() != 0 {
			t.Fatalf("%s: asked the server %d times, error %v", name, asked.Load(), err)
		}
	}
	result, err := Render(t.Context(), files("kustomization.yaml", "resources: ['"+url+"']"), Options{AllowRemote: true})
	if err != nil || result.Objects.Len() != 1 || asked.Load() == 0 {
		t.Fatalf("allowed: %+v, %v", result, err)
	}
	if len(result.Notes) != 1 || result.Notes[0].Code != NoteFloating {
		t.Errorf("notes %v", result.Notes)
	}
}

// TestRemoteBases clones a base with git, when it is there, and leaves nothing.
func TestRemoteBases(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is absent")
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	base := t.TempDir()
	write(t, filepath.Join(base, "deploy/kustomization.yaml"), "resources: [a.yaml]")
	write(t, filepath.Join(base, "deploy/a.yaml"), object1)
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "x"}} {
		if out, err := exec.CommandContext(t.Context(), git, append([]string{"-C", base}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	tree := files("kustomization.yaml", "resources: ['file://"+base+"//deploy?ref=main']")
	if _, err := Render(t.Context(), tree, Options{}); err == nil || !strings.Contains(err.Error(), "is remote") {
		t.Fatalf("not allowed: %v", err)
	}
	result, err := Render(t.Context(), tree, Options{AllowRemote: true})
	if err != nil || result.Objects.Len() != 1 {
		t.Fatalf("allowed: %+v, %v", result, err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
