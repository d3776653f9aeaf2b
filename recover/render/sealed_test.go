package render_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"filippo.io/age"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/sops"
)

// vault encrypts manifests, and opens them again.
type vault struct {
	sealer *sops.Sealer
	opener *sops.Opener
}

func newVault(t *testing.T) vault {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recipients, err := sops.ParseRecipients([]string{key.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	return vault{
		&sops.Sealer{Recipients: recipients, Key: bytes.Repeat([]byte{1}, sops.KeySize), Now: time.Now, Rand: rand.Reader},
		&sops.Opener{Getenv: func(name string) string {
			if name == sops.EnvKey {
				return key.String()
			}
			return ""
		}},
	}
}

const password = "correct-horse"

// sealed is a Secret with the password, encrypted, after one line of comment.
func (v vault) sealed(t *testing.T, name string) string {
	t.Helper()
	file, err := v.sealer.Seal(secretNamed(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

func secretNamed(name string) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name},
		"stringData": map[string]any{"password": password},
	}
}

func treeOf(files map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, content := range files {
		tree[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return tree
}

// TestSealedSecrets: a sealed Secret comes out plain, wherever it lies and
// whatever a kustomization does to it.
func TestSealedSecrets(t *testing.T) {
	v := newVault(t)
	config := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
	for name, c := range map[string]struct {
		files map[string]string
		path  string
		want  []string
	}{
		"a file": {map[string]string{"s.yaml": v.sealed(t, "s")}, "", []string{"Secret s < s.yaml:2"}},
		"a document": {map[string]string{"s.yaml": config + "---\n" + v.sealed(t, "s")}, "",
			[]string{"ConfigMap c < s.yaml:1", "Secret s < s.yaml:6"}},
		"two files put together": {map[string]string{"s.yaml": v.sealed(t, "s") + "---\n" + v.sealed(t, "r")}, "", []string{"Secret s < s.yaml:2", "Secret r < s.yaml:"}},
		"a kustomization": {map[string]string{
			"base/kustomization.yaml": "resources: [s.yaml]\n",
			"base/s.yaml":             v.sealed(t, "s"),
			"prod/kustomization.yaml": "resources: [../base]\nnamespace: shop\nnamePrefix: x-\nlabels: [{pairs: {a: b}}]\npatches: [{path: more.yaml}]\n",
			"prod/more.yaml":          v.sealed(t, "s"),
		}, "prod", []string{"Secret shop/x-s < base/s.yaml:2 (kustomization prod)"}},
		"a nested kustomization": {map[string]string{
			"k/kustomization.yaml": "resources: [s.yaml]\n",
			"k/s.yaml":             v.sealed(t, "s"),
		}, "", []string{"Secret s < k/s.yaml:2 (kustomization k)"}},
		"a chart": {map[string]string{
			"Chart.yaml":       "apiVersion: v2\nname: c\nversion: 1.0.0\n",
			"templates/s.yaml": v.sealed(t, "s"),
		}, "", []string{"Secret default/s < templates/s.yaml (chart "}},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := render.Render(t.Context(), treeOf(c.files), render.Options{Path: c.path, Secrets: v.opener})
			if err != nil {
				t.Fatal(err)
			}
			var have []string
			for o := range result.Objects.All() {
				have = append(have, fmt.Sprintf("%s < %s", o.ID(), o.From))
				data, _ := o.Object["stringData"].(map[string]any)
				if o.GetKind() == "Secret" && data["password"] != password || o.Object["sops"] != nil {
					t.Errorf("%s is not plain: %v", o.ID(), o.Object)
				}
			}
			if len(have) != len(c.want) {
				t.Fatalf("%q, want %q", have, c.want)
			}
			for i := range have {
				if !strings.HasPrefix(have[i], c.want[i]) {
					t.Errorf("%q, want %q", have[i], c.want[i])
				}
			}
		})
	}
}

// TestSealedRefused: what cannot be opened, or would come out where it is shown,
// is refused by name; the value is in no message.
func TestSealedRefused(t *testing.T) {
	v, other := newVault(t), newVault(t)
	value := func(file string) string {
		_, rest, _ := strings.Cut(file, "password: ")
		text, _, _ := strings.Cut(rest, "\n")
		return text
	}
	s := v.sealed(t, "s")
	for name, c := range map[string]struct {
		opener *sops.Opener
		files  map[string]string
		says   string
		is     any
	}{
		"without a key":     {other.opener, map[string]string{"s.yaml": s}, "s.yaml:2: is encrypted for the age recipients age1", new(*sops.NoKeyError)},
		"without an opener": {nil, map[string]string{"s.yaml": s}, "s.yaml:2: Secret s is encrypted with SOPS", new(*render.EncryptedError)},
		"changed":           {v.opener, map[string]string{"s.yaml": strings.Replace(s, "name: s", "name: t", 1)}, "s.yaml:2: the values were changed", new(*render.FileError)},
		"without a key, in a kustomization": {other.opener, map[string]string{"kustomization.yaml": "resources: [s.yaml]\n", "s.yaml": s},
			"s.yaml:2: is encrypted for the age recipients", new(*sops.NoKeyError)},
		"as a generator's file": {v.opener, map[string]string{"kustomization.yaml": "secretGenerator: [{name: g, envs: [.env]}]\n", ".env": "password=" + value(s) + "\nsops_version=3.9.0\n"},
			"would get ciphertext", new(*render.EncryptedError)},
		"copied to another key": {v.opener, map[string]string{
			"kustomization.yaml": "resources: [s.yaml]\npatches: [{target: {kind: Secret}, patch: '[{\"op\": \"copy\", \"from\": \"/stringData/password\", \"path\": \"/stringData/other\"}]'}]\n", "s.yaml": s},
			"Secret s is encrypted", new(*render.EncryptedError)},
		"moved into a ConfigMap": {v.opener, map[string]string{
			"kustomization.yaml": "resources: [s.yaml, c.yaml]\n", "s.yaml": s,
			"c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nstringData: {password: '" + value(s) + "'}\nsops: {}\n"},
			"c.yaml:5: has a sops section without", new(*render.FileError)},
		"a ConfigMap that says it is sealed": {v.opener, map[string]string{
			"kustomization.yaml": "resources: [s.yaml, c.yaml]\npatches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"add\", \"path\": \"/sops\", \"value\": {\"mac\": \"x\"}}]'}]\n", "s.yaml": s,
			"c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nstringData: {password: '" + value(s) + "'}\n"},
			"ConfigMap c is encrypted", new(*render.EncryptedError)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := render.Render(t.Context(), treeOf(c.files), render.Options{Secrets: c.opener})
			if err == nil || !strings.Contains(err.Error(), c.says) || !errors.As(err, c.is) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error quotes the value: %v", err)
			}
		})
	}
}

func TestDigestsAreNeverObjects(t *testing.T) {
	v := newVault(t)
	digests, err := sops.Digest(secretNamed("s"), v.sealer.Key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := yaml.Marshal(digests)
	if err != nil {
		t.Fatal(err)
	}
	tree := treeOf(map[string]string{"s.yaml": string(file), "r.yaml": v.sealed(t, "r")})
	_, err = render.Render(t.Context(), tree, render.Options{Secrets: v.opener})
	var refused *render.DigestsError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "s.yaml:1: Secret s holds digests") {
		t.Fatalf("%v", err)
	}
	result, err := render.Render(t.Context(), tree, render.Options{Secrets: v.opener, KeepDigests: true})
	if err != nil {
		t.Fatal(err)
	}
	if result.Objects.Len() != 1 || len(result.Digests) != 1 || result.Digests[0].GetName() != "s" {
		t.Errorf("%d objects, digests %v", result.Objects.Len(), result.Digests)
	}
}
