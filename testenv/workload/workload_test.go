package workload

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// TestImage: the same sources are the same image, which holds its program and
// bears its name.
func TestImage(t *testing.T) {
	var first, second bytes.Buffer
	for _, to := range []*bytes.Buffer{&first, &second} {
		if err := WriteImage(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two builds differ")
	}
	files := map[string][]byte{}
	for r := tar.NewReader(&first); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var manifests []imageManifest
	if err := json.Unmarshal(files["manifest.json"], &manifests); err != nil || len(manifests) != 1 {
		t.Fatalf("%v, %v", manifests, err)
	}
	m := manifests[0]
	if m.RepoTags[0] != Image || digest(files[m.Config])+".json" != m.Config {
		t.Errorf("the manifest is %+v", m)
	}
	var config imageConfig
	if err := json.Unmarshal(files[m.Config], &config); err != nil {
		t.Fatal(err)
	}
	if layer := files[m.Layers[0]]; config.RootFS.DiffIDs[0] != "sha256:"+digest(layer) || !bytes.Contains(layer, []byte("\x7fELF")) {
		t.Errorf("the configuration %+v does not fit its layer", config)
	}
}

// TestRepo: each commit differs from the good one in the file that its trouble
// is about, and in nothing else.
func TestRepo(t *testing.T) {
	dir := Repo(t)
	changed := func(revision string) string {
		t.Helper()
		diff := exec.CommandContext(t.Context(), "git", "diff", "--name-only", Greeted, revision)
		diff.Dir = dir
		out, err := diff.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	want := map[string]string{
		Good: "deploy/web.yaml", Guarded: "deploy/guard.yaml", Denied: "deploy/guard.yaml\ndeploy/judged.yaml", StuckStore: "deploy/store.yaml",
		Provisioned: "deploy/archive.yaml", "main": "",
	}
	for _, trouble := range Troubles() {
		want[trouble.Name] = "deploy/" + trouble.Name + ".yaml"
		if trouble.File != "" {
			want[trouble.Name] = "deploy/" + trouble.File
		}
	}
	for revision, files := range want {
		if have := changed(revision); have != files {
			t.Errorf("%s changes %q, want %q", revision, have, files)
		}
	}
}
