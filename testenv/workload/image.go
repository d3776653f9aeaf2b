package workload

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// Image is the name under which the image of the test workloads is known to
// Docker and in manifests. No registry has it.
const Image = "rekindle.test/workload:v1"

// WriteImage builds the binary in app with the go command and writes an image
// with nothing but it, in the format of docker save, so that docker load and
// ctr images import read it. The same sources give the same bytes, and so the
// same image id, wherever they lie.
func WriteImage(ctx context.Context, to io.Writer) error {
	binary, err := buildApp(ctx)
	if err != nil {
		return err
	}
	layer, err := archive(
		file{name: "data/", mode: 0o1777},
		file{name: "app", mode: 0o755, content: binary})
	if err != nil {
		return err
	}
	config, err := json.Marshal(imageConfig{
		Architecture: runtime.GOARCH, OS: "linux", Created: epoch(),
		Config:  execution{Entrypoint: []string{"/app"}, Env: []string{"PATH=/"}, WorkingDir: "/"},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{"sha256:" + digest(layer)}},
		History: []history{{Created: epoch(), CreatedBy: "testenv/workload"}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]imageManifest{{Config: digest(config) + ".json", RepoTags: []string{Image}, Layers: []string{digest(layer) + "/layer.tar"}}})
	if err != nil {
		return err
	}
	image, err := archive(
		file{name: digest(config) + ".json", mode: 0o644, content: config},
		file{name: digest(layer) + "/layer.tar", mode: 0o644, content: layer},
		file{name: "manifest.json", mode: 0o644, content: manifest})
	if err != nil {
		return err
	}
	_, err = to.Write(image)
	return err
}

// LoadImage brings the image into the Docker of this machine.
func LoadImage(ctx context.Context) error {
	var image bytes.Buffer
	if err := WriteImage(ctx, &image); err != nil {
		return err
	}
	load := exec.CommandContext(ctx, "docker", "load")
	load.Stdin = &image
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("docker load: %w\n%s", err, out)
	}
	return nil
}

// buildApp returns the static binary.
func buildApp(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "rekindle-workload-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "app")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out,
		"github.com/rekindle-io/rekindle/testenv/workload/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the workload: %w\n%s", err, said)
	}
	return os.ReadFile(out)
}

// The parts of an image (Docker Image Specification v1.2) that are needed here.
type (
	imageConfig struct {
		Architecture string    `json:"architecture"`
		OS           string    `json:"os"`
		Created      time.Time `json:"created"`
		Config       execution `json:"config"`
		RootFS       rootFS    `json:"rootfs"`
		History      []history `json:"history"`
	}
	execution struct {
		Entrypoint []string
		Env        []string
		WorkingDir string
	}
	rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	history struct {
		Created   time.Time `json:"created"`
		CreatedBy string    `json:"created_by"`
	}
	imageManifest struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
)

// epoch dates everything in the image.
func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// file is an entry of an archive; a folder when its name ends with a slash.
type file struct {
	name    string
	mode    int64
	content []byte
}

func archive(files ...file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: epoch(), Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
