package patch_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/snapshot/patch"
)

func tree(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, content := range files {
		m[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return m
}

func TestLooksLikeGitDiff(t *testing.T) {
	files, err := patch.Of(tree(map[string]string{"web.yaml": "a: 1\nb: 2\nc: 3\n", "old.yaml": "x: 1\n"}), map[string][]byte{
		"web.yaml": []byte("a: 1\nb: 5\nc: 3\n"), "old.yaml": nil, "new.yaml": []byte("y: 1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range files {
		text.WriteString(f.Diff)
	}
	want := `diff --git a/new.yaml b/new.yaml
new file mode 100644
--- /dev/null
+++ b/new.yaml
@@ -0,0 +1 @@
+y: 1
\ No newline at end of file
diff --git a/old.yaml b/old.yaml
deleted file mode 100644
--- a/old.yaml
+++ /dev/null
@@ -1 +0,0 @@
-x: 1
diff --git a/web.yaml b/web.yaml
--- a/web.yaml
+++ b/web.yaml
@@ -1,3 +1,3 @@
 a: 1
-b: 2
+b: 5
 c: 3
`
	if got := withoutIndex(text.String()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if f := files[2]; f.Status != patch.Changed || f.Added != 1 || f.Removed != 1 || files[0].Status != patch.Added || files[1].Status != patch.Deleted {
		t.Errorf("got %+v", files)
	}
}

// withoutIndex leaves out the names of contents.
func withoutIndex(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "index ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestNeighbouringSecretsAreNotShown(t *testing.T) {
	before := "kind: Secret\nstringData: {password: hunter2}\nmetadata:\n  labels: {a: b}\ndata: {password: hunter2}\nnone: hunter2\nlabels: {a: b}\n"
	files, err := patch.Of(tree(map[string]string{"s.yaml": before}), map[string][]byte{"s.yaml": []byte(strings.ReplaceAll(before, "a: b", "a: c"))})
	if err != nil || len(files) != 1 || strings.Contains(files[0].Diff, "hunter2") || !strings.Contains(files[0].Diff, "+  labels: {a: c}") {
		t.Errorf("got %+v, %v", files, err)
	}
}

// TestValuesOfSecretsAreNotShown: a change that takes them out of git says only
// how many lines it has; another change of the same file is shown.
func TestValuesOfSecretsAreNotShown(t *testing.T) {
	const (
		web    = "kind: ConfigMap\ndata:\n  a: b\n"
		secret = "kind: Secret\nmetadata:\n  name: x\nstringData:\n  password: |\n    hunter2\n"
		other  = "---\nkind: Secret\nmetadata:\n  name: y\n"
	)
	generator := "images: [{name: a}]\nsecretGenerator:\n- name: x\n  literals:\n  - password=hunter2\nnamespace: a\n"
	for what, tt := range map[string]struct{ before, after string }{
		"a file":         {secret, ""},
		"a document":     {web + "---\n" + secret, web},
		"between others": {other + "---\n" + secret + other, other + other},
		"JSON":           {`{"kind": "Secret", "data": {"password": "hunter2"}}`, ""},
		"in a list":      {"kind: List\nitems:\n- kind: Secret\n  data:\n    p: hunter2\n- kind: Pod\n", "kind: List\nitems:\n- kind: Pod\n"},
		"a generator":    {generator, "images: [{name: a}]\nnamespace: a\n"},
		"a patch":        {"patches:\n- patch: |\n    kind: Secret\n    data: {p: hunter2}\n", "resources: []\n"},
		"a template":     {"kind: Secret\n{{ if }}\np: hunter2\n", ""},
		"an annotation":  {"kind: Secret\nmetadata:\n  annotations:\n    last: hunter2\n", "kind: Secret\n"},
		"a new value":    {secret, strings.ReplaceAll(secret, "hunter2", "hunter23")},
		"an odd line":    {"kind: Secret # \u2028\ndata:\n  p: hunter2\n", ""},
	} {
		overlay := map[string][]byte{"s.yaml": []byte(tt.after)}
		if tt.after == "" {
			overlay["s.yaml"] = nil
		}
		files, err := patch.Of(tree(map[string]string{"s.yaml": tt.before}), overlay)
		if err != nil || len(files) != 1 || files[0].Removed == 0 || strings.Contains(files[0].Diff, "hunter2") || !strings.Contains(files[0].Diff, "s.yaml") {
			t.Errorf("%s: got %+v, %v", what, files, err)
		}
	}
	for before, after := range map[string]string{
		web + "---\n" + secret: strings.Replace(web, "a: b", "a: c", 1) + "---\n" + secret,
		generator:              strings.Replace(generator, "namespace: a", "namespace: c", 1),
	} {
		files, err := patch.Of(tree(map[string]string{"s.yaml": before}), map[string][]byte{"s.yaml": []byte(after)})
		if err != nil || len(files) != 1 || strings.Contains(files[0].Diff, "hunter2") || !strings.Contains(files[0].Diff, "\n+") {
			t.Errorf("got %+v, %v", files, err)
		}
	}
}

// TestGitAppliesIt has git make the change.
func TestGitAppliesIt(t *testing.T) {
	text := rapid.StringMatching(`((a|b: 1|  c|é|)\r?\n){0,12}(a|end)?`)
	rapid.Check(t, func(t *rapid.T) {
		before := map[string]string{"x/a.yaml": text.Draw(t, "a"), "b c.yaml": text.Draw(t, "b")}
		after := rapid.MapOf(rapid.SampledFrom([]string{"x/a.yaml", "b c.yaml", "new/c.yaml"}), text).Draw(t, "after")
		overlay := map[string][]byte{}
		want := maps.Clone(before)
		for name, content := range after {
			if content == before[name] { // no change, or an empty file
				continue
			}
			overlay[name], want[name] = []byte(content), content
			if content == "" {
				overlay[name] = nil
				delete(want, name)
			}
		}
		files, err := patch.Of(tree(before), overlay)
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, f := range files {
			all.WriteString(f.Diff)
		}
		if len(files) == 0 {
			return
		}
		if got := applied(t, before, all.String()); !maps.Equal(got, want) {
			t.Fatalf("git made %q\nof %q\nwith\n%s", got, before, all.String())
		}
	})
}

// TestGitAppliesItBesideSecrets has git make changes next to Secrets, whose values
// are in no diff.
func TestGitAppliesItBesideSecrets(t *testing.T) {
	parts := []string{
		"kind: ConfigMap\ndata:\n  a: OLD\n  b: x\n",
		"kind: ConfigMap\nmetadata: {name: secret}\ndata:\n  a: OLD\n",
		"kind: Secret\nmetadata:\n  labels:\n    a: OLD\n  name: s\nstringData:\n  p: hunter2\n",
		"# hunter2\nkind: Secret\nmetadata:\n  labels:\n    a: OLD\ndata:\n  p: |\n    hunter2\n    hunter2\n  # hunter2\n",
		"kind: Secret\nstringData: {p: hunter2}\nmetadata:\n  name: t\n  labels:\n    a: OLD\n    b: c\n",
		"apiVersion: v1\nkind: Secret\nmetadata:\n  annotations: {last: hunter2}\n  labels:\n    a: OLD\n  name: t\n",
	}
	rapid.Check(t, func(t *rapid.T) {
		docs := rapid.SliceOfN(rapid.SampledFrom(parts), 1, 6).Draw(t, "documents")
		now := slices.Clone(docs)
		for i := range now {
			if new := rapid.SampledFrom([]string{"OLD", "NEW", "N\n# more"}).Draw(t, "new"); new != "OLD" {
				now[i] = strings.Replace(now[i], "OLD", new, 1)
			}
		}
		before, after := strings.Join(docs, "---\n"), strings.Join(now, "---\n")
		if before == after {
			return
		}
		files, err := patch.Of(tree(map[string]string{"x/a.yaml": before}), map[string][]byte{"x/a.yaml": []byte(after)})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(files[0].Diff, "hunter2") {
			t.Fatalf("a value is shown:\n%s", files[0].Diff)
		}
		if got := applied(t, map[string]string{"x/a.yaml": before}, files[0].Diff)["x/a.yaml"]; got != after {
			t.Fatalf("git made\n%s\nof\n%s\nwith\n%s", got, before, files[0].Diff)
		}
	})
}

func applied(t *rapid.T, files map[string]string, diff string) map[string]string {
	dir, err := os.MkdirTemp("", "patch-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(diff)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, out, diff)
	}
	got := map[string]string{}
	for _, name := range []string{"x/a.yaml", "b c.yaml", "new/c.yaml"} {
		if content, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			got[name] = string(content)
		}
	}
	return got
}
