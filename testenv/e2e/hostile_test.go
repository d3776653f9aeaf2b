package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// lid is the most memory, in KB, that reading any repository here may take.
const lid = 400 << 10

// secret is the content of a file outside of every repository.
const secret = "TOP-SECRET-OUTSIDE"

// TestHostileRepositories: nothing outside of the tree is read, nothing raw
// reaches the terminal, memory stays bounded, and nothing crashes.
func TestHostileRepositories(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside.yaml")
	if err := os.WriteFile(outside, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+strings.ToLower(secret)+"}\ndata: {s: "+secret+"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 30) + strings.TrimPrefix(outside, "/")
	escape := `\e]0;owned\a\e[31m\x9b2J`
	for _, c := range []struct {
		name  string
		files files
		says  string // on stderr, where it has to fail
		// anyway: it may also get through.
		anyway bool
	}{
		{name: "kustomization reaches up", files: files{"kustomization.yaml": "resources: [" + up + "]\n"}, says: "is outside of the repository"},
		{name: "kustomization names an absolute path", files: files{"kustomization.yaml": "resources: [" + outside + "]\n"}, says: "is outside of the repository"},
		{name: "generator reads outside", files: files{"kustomization.yaml": "configMapGenerator: [{name: c, files: [" + up + "]}]\n"}, says: "is outside of the repository"},
		{name: "patch reads outside", files: files{"kustomization.yaml": "resources: [c.yaml]\npatches: [{path: " + up + "}]\n", "c.yaml": configMap("c")}, says: "is outside of the repository"},
		{name: "link to a file outside", files: files{"c.yaml": configMap("c"), "link.yaml": symlinkTo + outside}, says: "link.yaml"},
		{name: "link up to a file outside", files: files{"c.yaml": configMap("c"), "link.yaml": symlinkTo + up}, says: "link.yaml"},
		{name: "link that a kustomization names", files: files{"kustomization.yaml": "resources: [link.yaml]\n", "link.yaml": symlinkTo + outside}, says: "link.yaml"},
		{name: "link to itself", files: files{"c.yaml": configMap("c"), "link.yaml": symlinkTo + "link.yaml"}, says: "link.yaml"},
		{name: "remote base", files: files{"kustomization.yaml": "resources: [\"https://127.0.0.1:1/x?ref=v1\"]\n"}, says: "127.0.0.1:1"},
		{name: "chart that reads outside", files: files{
			"Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "templates/c.yaml": "{{ .Files.Get \"" + up + "\" }}\n"}, anyway: true},
		{name: "bomb of aliases", files: files{"bomb.yaml": bomb()}, says: "bomb.yaml"},
		{name: "deep nesting", files: files{"deep.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: " + strings.Repeat("[", 100_000) + "\n"}, says: "deep.yaml"},
		{name: "flood of a template", files: files{
			"Chart.yaml":       "apiVersion: v2\nname: c\nversion: 1.0.0\n",
			"templates/c.yaml": "{{ range $i := until 1000000 }}{{ range $j := until 1000000 }}{{ $j }}{{ end }}{{ end }}\n"}, says: "templates take too"},
		{name: "weird kinds", files: files{"k.yaml": "apiVersion: ../../v1\nkind: \"../../etc/passwd\"\nmetadata: {name: c}\n---\napiVersion: v1\nkind: --all\nmetadata: {name: --help}\n"}, anyway: true},
		{name: "escapes in what is broken", files: files{"\x1b[31mred\n.yaml": "kind: [\n"}, says: "red"},
		{name: "escapes everywhere", files: files{"e.yaml": `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "` + jsonEscapes(escape) + `", "namespace": "` + jsonEscapes(escape) + `"}}`}, anyway: true},
		{name: "escapes in kinds", files: files{"e.yaml": `{"apiVersion": "` + jsonEscapes(escape) + `/v1", "kind": "` + jsonEscapes(escape) + `", "metadata": {"name": "e"}}`}, anyway: true},
		{name: "twice the same with escapes", files: files{"e.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"" + escape + "\"}\n", "f.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"" + escape + "\"}\n"}, says: "f.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			repo := gitRepo(t, c.files)
			r := m.run("plan", "--repo", repo)
			harmless(t, r)
			if !c.anyway {
				r.want(t, 1).says(t, c.says)
				return
			}
			// Whatever it says, it says it in so many words, in JSON as well.
			if r.code < 0 || r.code == 2 {
				r.want(t, 1)
			}
			harmless(t, m.run("plan", "--json", "--repo", repo))
		})
	}
}

// harmless wants that a command gave nothing away, took little memory and sent
// the terminal nothing but text.
func harmless(t *testing.T, r result) {
	t.Helper()
	for stream, text := range map[string]string{"stdout": r.out, "stderr": r.err} {
		if strings.Contains(text, secret) || strings.Contains(text, strings.ToLower(secret)) {
			t.Errorf("%s gives away what lies outside:\n%s", stream, text)
		}
		if strings.Contains(text, "panic") || strings.Contains(text, "goroutine ") {
			t.Errorf("it crashed:\n%s", text)
		}
		for i, c := range text {
			if c == utf8.RuneError || unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c) {
				t.Errorf("%s has %U at %d: %q", stream, c, i, text[max(0, i-40):min(len(text), i+40)])
				break
			}
		}
		if len(text) > 1<<20 {
			t.Errorf("%s is %d bytes long", stream, len(text))
		}
	}
	if r.peakKB > lid {
		t.Errorf("it took %d MB", r.peakKB>>10)
	}
	if r.took > limit/5 {
		t.Errorf("it took %s", r.took)
	}
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"
}

// jsonEscapes writes YAML's escapes as JSON has them.
func jsonEscapes(text string) string {
	return strings.NewReplacer(`\e`, `\u001b`, `\a`, `\u0007`, `\x9b`, `\u009b`).Replace(text)
}

// bomb is a document whose aliases expand to 9^9 strings.
func bomb() string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n")
	for i := range 9 {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 9), ","))
	}
	return b.String()
}

// TestManyDocuments: one file of 5,000 documents is a plan like any other.
func TestManyDocuments(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-%d, namespace: default}\ndata: {n: \"%d\"}\n", i, i)
	}
	m := newMachine(t)
	r := m.must(0, "plan", "--repo", gitRepo(t, files{"all.yaml": b.String()}))
	if !strings.Contains(r.out, "5000") {
		t.Errorf("no word about 5000 objects:\n%.500s", r.out)
	}
	if r.peakKB > lid {
		t.Errorf("it took %d MB", r.peakKB>>10)
	}
}
