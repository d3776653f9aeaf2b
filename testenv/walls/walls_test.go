package walls

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheWallsStand(t *testing.T) {
	tr, err := read("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.imports) < 10 || tr.imports["recover/object"] == nil {
		t.Fatalf("only %d packages were read", len(tr.imports))
	}
	for _, line := range tr.broken() {
		t.Error(line)
	}
}

func TestBrokenWallsAreSeen(t *testing.T) {
	ours := func(p string) string { return module + "/" + p }
	for name, tc := range map[string]struct{ pkg, imported, want string }{
		"upward":              {"recover/plan", ours("recover/rebuild"), "imports run downward only"},
		"up to cmd":           {"schedule", ours("cmd/internal/cli"), "imports run downward only"},
		"downward":            {"cmd/internal/cli", ours("recover/rebuild"), ""},
		"own folder":          {"recover/source", ours("recover/source/signature"), ""},
		"object imports none": {"recover/object", ours("recover/run"), "side by side"},
		"sideways":            {"recover/render", ours("recover/kube"), "side by side"},
		"sideways, allowed":   {"recover/plan", ours("recover/convert"), ""},
		"another provider":    {"providers/kind", ours("providers/local"), "does not know another"},
		"the contract":        {"providers/kind", ours("providers"), ""},
		"own provider":        {"providers/kind/image", ours("providers/kind"), ""},
		"contract to one":     {"providers", ours("providers/kind"), "does not know another"},
		"a recipe":            {"providers/kind", ours("recover/rebuild"), "does not know the recipes"},
		"client-go":           {"recover/rebuild", "k8s.io/client-go/dynamic", "only recover/kube"},
		"client-go in kube":   {"recover/kube", "k8s.io/client-go/dynamic", ""},
		"tui":                 {"tui/screen/runs", ours("recover/kube"), "interface of its own"},
		"tui by a detour":     {"tui", ours("snapshot/capture"), "interface of its own"},
		"test tools":          {"recover/plan", ours("testenv/gitserver"), "for tests"},
		"suite":               {"providers/local", ours("providers/providertest"), "for tests"},
		"no layer":            {"misc", "fmt", "lies in no layer"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := tree{imports: map[string][]string{
				"snapshot/capture": {ours("recover/kube")},
				tc.pkg:             {tc.imported},
			}}
			have := strings.Join(tr.broken(), "\n")
			if (tc.want == "") != (have == "") || !strings.Contains(have, tc.want) {
				t.Errorf("have %q, want %q", have, tc.want)
			}
		})
	}
}

func TestProvidersTestsKeepTheWallsToo(t *testing.T) {
	tr := tree{testImports: map[string][]string{
		"providers/kind": {module + "/providers/providertest", module + "/providers/local"},
	}}
	want := []string{"providers/kind (test) imports providers/local: a provider does not know another"}
	if diff := cmp.Diff(want, tr.broken()); diff != "" {
		t.Errorf("broken (-want +have):\n%s", diff)
	}
}
