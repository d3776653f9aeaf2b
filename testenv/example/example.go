// Package example hands the example repository to tests: a small web shop with
// a history of six commits, the last but one of which deletes nearly all of it.
// The files under commits/ are its source, make-repo.sh builds it; what comes
// out has the same hashes on every machine.
package example

import (
	"embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The commits of the repository, oldest first.
const (
	// V1_0 (tag v1.0): a web tier and a nightly report; deploy/ is plain YAML.
	V1_0 = "c79b39a57c58817956538e509a16c87891506221"
	// Autoscaled: an autoscaler and a disruption budget; replicas are left out.
	Autoscaled = "31f6f658a35fee6223f923da7f756823d5c511e9"
	// V1_1 (tag v1.1): a worker, a CRD and two objects of its kind; deploy/
	// becomes a kustomize base, overlays/staging builds on it.
	V1_1 = "d1d411453ff02b5b40adb8a78b37a49b50942c91"
	// V1_2 (tag v1.2): other images, configuration and replicas; the report is
	// gone. The last commit that anybody wants back.
	V1_2 = "cac8a0886e51c28ce9672db4faa37d49625a5036"
	// FatFinger deletes web tier, worker, CRD and overlay.
	FatFinger = "f0b5e6eccdbd25e8574f49ba277ba696e68d4220"
	// Head (branch main): a change of configuration on top of it.
	Head = "80eb1bf1f634819e789b1fb44a9a6579e3809ed2"
)

//go:embed make-repo.sh commits
var files embed.FS

// Repo builds the repository for one test and returns the path of its bare git
// directory. It needs git and a shell.
func Repo(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "example"), files); err != nil {
		t.Fatal(err)
	}
	repo := filepath.Join(dir, "shop.git")
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(dir, "example", "make-repo.sh"), repo)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the example repository: %v\n%s", err, out)
	}
	return repo
}
