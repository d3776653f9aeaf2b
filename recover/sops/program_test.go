package sops_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/sops"
)

const programVersion = "v3.13.3"

// program is the real sops: $REKINDLE_SOPS, or built once from its module and
// kept in the user's cache, which takes half a minute to some minutes.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program sops")
	}
	if name := os.Getenv("REKINDLE_SOPS"); name != "" {
		return name
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "rekindle", "sops", programVersion)
	ready := filepath.Join(dir, "sops")
	if _, err := os.Stat(ready); err == nil {
		return ready
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	built, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(built)
	install := exec.CommandContext(t.Context(), "go", "install", "github.com/getsops/sops/v3/cmd/sops@"+programVersion)
	install.Env = append(os.Environ(), "GOBIN="+built, "CGO_ENABLED=0")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("build sops (or name one in REKINDLE_SOPS): %v\n%s", err, out)
	}
	if err := os.Rename(filepath.Join(built, "sops"), ready); err != nil {
		t.Fatal(err)
	}
	return ready
}

// real runs sops with one secret key, and returns what it printed.
func real(t *testing.T, binary, key, dir string, args ...string) []byte {
	t.Helper()
	out, err := tryReal(t, binary, key, dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryReal(t *testing.T, binary, key, dir string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + t.TempDir(), "SOPS_AGE_KEY=" + key, "SOPS_DISABLE_VERSION_CHECK=1"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sops %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSopsDecryptsOurs: what this package encrypts, the real program decrypts
// and checks, edits and gives back.
func TestSopsDecryptsOurs(t *testing.T) {
	binary, key := program(t), pair(t)
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	sealer := sealerFor(t, key.Recipient().String(), hybrid.Recipient().String())
	dir := t.TempDir()
	name := filepath.Join(dir, "secret.yaml")
	manifests := []map[string]any{secret(), {"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "bare"}}}
	drawn := rapid.Custom(anySecret)
	for seed := range 8 {
		manifests = append(manifests, drawn.Example(seed))
	}
	for i, manifest := range manifests {
		file, err := sealer.Seal(manifest, nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, name, file)
		with := key.String()
		if i%2 == 1 {
			with = hybrid.String()
		}
		var have map[string]any
		if err := json.Unmarshal(real(t, binary, with, dir, "decrypt", "--output-type", "json", name), &have); err != nil {
			t.Fatal(err)
		}
		equal(t, throughJSON(t, manifest), have)
	}
	file, err := sealer.Seal(secret(), nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, file)
	real(t, binary, key.String(), dir, "set", name, `["stringData"]["config.yaml"]`, `"changed"`)
	edited, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := secret()
	want["stringData"].(map[string]any)["config.yaml"] = "changed"
	equal(t, want, opened(t, openerWith(sops.EnvKey, key.String()), edited))
	again, err := sealer.Seal(secret(), edited)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(again, edited) {
		t.Error("a file that somebody has edited is taken for the unchanged one")
	}
	// The program refuses what was changed by hand, as we do.
	write(t, name, bytes.Replace(file, []byte("name: web"), []byte("name: wab"), 1))
	if _, err := tryReal(t, binary, key.String(), dir, "decrypt", name); err == nil || !strings.Contains(err.Error(), "MAC mismatch") {
		t.Errorf("sops does not check our MAC: %v", err)
	}
}

func throughJSON(t *testing.T, v any) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(plainJSON(t, v)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// plain is what people encrypt: comments, anchors, numbers and all.
const plain = `# Before all.
apiVersion: v1
kind: Secret
metadata:
  name: db # inline
  namespace: shop
  labels: &labels {app: shop, version: "1.10", n: "1"}
  annotations:
    <<: *labels
type: Opaque
stringData:
  # about the password
  password: correct horse
  port: 5432
  flag: true
  ratio: 1.50
  at: 2026-01-02
  "on": "yes"
  empty: ""
  nothing: null
  multi: |
    line one
      two

  # the end
`

const several = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
` + plain + `---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: YQ==}}
  - apiVersion: v1
    kind: Secret
    metadata: {name: b}
    data: {k: Yg==}
`

const asJSON = `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "j", "labels": {"e": "\ud83d\ude00\/"}},
 "stringData": {"a": "x", "n": 1, "f": 1.0, "b": false, "z": null, "é": "ü"}, "immutable": true}`

// TestOpensWhatSopsEncrypts holds our reading against the program's own.
func TestOpensWhatSopsEncrypts(t *testing.T) {
	binary, key, other := program(t), pair(t), pair(t)
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file, content string
		rule          string
	}{
		"as Flux asks":         {"s.yaml", plain, "encrypted_regex: " + sops.Regex},
		"all but the rest":     {"s.yaml", plain, "unencrypted_regex: ^(apiVersion|kind|metadata)$"},
		"a suffix":             {"s.yaml", strings.Replace(plain, "stringData:", "stringData_enc:", 1), "encrypted_suffix: _enc"},
		"MAC of the encrypted": {"s.yaml", plain, "encrypted_regex: " + sops.Regex + ", mac_only_encrypted: true"},
		"a merge":              {"s.yaml", plain + "  more: &m {k: v}\n  <<: *m\n", "encrypted_regex: " + sops.Regex},
		"several documents":    {"s.yaml", several, "encrypted_regex: " + sops.Regex},
		"JSON":                 {"s.json", asJSON, "encrypted_regex: " + sops.Regex},
		"a label named data":   {"s.yaml", strings.Replace(plain, "{app:", "{data: d, app:", 1), "encrypted_regex: " + sops.Regex},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, c.file)
			write(t, path, []byte(c.content))
			recipients := fmt.Sprintf("age: %q", strings.Join([]string{other.Recipient().String(), key.Recipient().String(), hybrid.Recipient().String()}, ","))
			write(t, filepath.Join(dir, ".sops.yaml"), []byte("creation_rules:\n  - "+strings.ReplaceAll(c.rule, ", ", "\n    ")+"\n    "+recipients+"\n"))
			sealed := real(t, binary, "", dir, "encrypt", path)
			write(t, path, sealed)
			want, err := parsed(real(t, binary, key.String(), dir, "decrypt", path))
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{key.String(), hybrid.String()} {
				have := openedAll(t, openerWith(sops.EnvKey, secret), sealed)
				if len(have) != len(want) {
					t.Fatalf("%d documents of %d", len(have), len(want))
				}
				for i, root := range want {
					var content map[string]any
					if err := root.Decode(&content); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(plainJSON(t, content), plainJSON(t, have[i])); diff != "" {
						t.Errorf("-want +have:\n%s", diff)
					}
				}
			}
		})
	}
}

// openedAll decrypts all manifests in file.
func openedAll(t testing.TB, o *sops.Opener, file []byte) []map[string]any {
	t.Helper()
	docs := documents(t, file)
	values, err := o.Open(docs)
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	var all []map[string]any
	for _, root := range docs {
		var content map[string]any
		if err := root.Decode(&content); err != nil {
			t.Fatal(err)
		}
		items, ok := content["items"].([]any)
		if !ok {
			items = []any{content}
		}
		for _, item := range items {
			if !values.Fill(item.(map[string]any)) {
				t.Fatalf("something is still encrypted:\n%v", content)
			}
		}
		delete(content, sops.Section)
		all = append(all, content)
	}
	return all
}

// TestRefusesWhatSopsHides: a file of which more than the content is encrypted
// would have its labels and names in plans and reports.
func TestRefusesWhatSopsHides(t *testing.T) {
	binary, key := program(t), pair(t)
	for rule, says := range map[string]string{
		"":                      "its very kind encrypted",
		"^(apiVersion|kind)$":   "only the content of a Secret may be",
		"^(apiVersion|sopsx)$":  "its very kind encrypted",
		"^(kind|metadata|type)": "only Secrets of v1",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "s.yaml")
		write(t, path, []byte(plain))
		args := []string{"encrypt", "--age", key.Recipient().String(), path}
		if rule != "" {
			args = append([]string{"encrypt", "--unencrypted-regex", rule}, args[1:]...)
		}
		_, err := openerWith(sops.EnvKey, key.String()).Open(documents(t, real(t, binary, key.String(), dir, args...)))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", rule, err, says)
		}
	}
}
