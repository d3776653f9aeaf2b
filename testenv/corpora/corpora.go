// Package corpora finds the real repositories that tests run over. They are
// git bundles that lie outside of the project; a test that needs one which is
// absent is skipped, so that the project builds and passes without them.
package corpora

import (
	"os"
	"path/filepath"
	"testing"
)

// EnvDir names the folder that holds NAME.bundle, when it is not one of the
// places that Path looks at.
const EnvDir = "REKINDLE_CORPUS_DIR"

// The corpora.
const (
	KubePrometheus    = "kube-prometheus"
	MicroservicesDemo = "microservices-demo"
	FluxExample       = "flux2-kustomize-helm-example"
)

// All names every corpus.
func All() []string { return []string{KubePrometheus, MicroservicesDemo, FluxExample} }

// Path is the path of the bundle called name. It lies in the folder that EnvDir
// names, or in shared/corpus beside the module or beside one of the folders
// above it. The test is skipped when it is in none of them.
func Path(t testing.TB, name string) string {
	t.Helper()
	file := name + ".bundle"
	if dir := os.Getenv(EnvDir); dir != "" {
		path := filepath.Join(dir, file)
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s is set, but has no corpus %s: %v", EnvDir, name, err)
		}
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "shared", "corpus", file)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skipf("the corpus %s is absent: put %s into shared/corpus beside the project, or set %s", name, file, EnvDir)
		}
		dir = parent
	}
}
