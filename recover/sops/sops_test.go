package sops_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/sops"
)

// pair is an age key pair.
func pair(t testing.TB) *age.X25519Identity {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func sealerFor(t testing.TB, recipients ...string) *sops.Sealer {
	t.Helper()
	parsed, err := sops.ParseRecipients(recipients)
	if err != nil {
		t.Fatal(err)
	}
	return &sops.Sealer{
		Recipients: parsed,
		Key:        bytes.Repeat([]byte{7}, sops.KeySize),
		Now:        func() time.Time { return time.Date(2026, 11, 22, 18, 0, 0, 0, time.FixedZone("", 3600)) },
		Rand:       rand.Reader,
	}
}

// openerWith has nothing in its environment but what pairs say.
func openerWith(pairs ...string) *sops.Opener {
	env := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return &sops.Opener{Getenv: func(name string) string { return env[name] }}
}

// secret is a Secret with all that its YAML may stumble over.
func secret() map[string]any {
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Secret",
		"metadata": map[string]any{
			"name": "web", "namespace": "shop",
			"labels":      map[string]any{"app": "web", "version": "1.10", "on": "yes", "since": "2026-01-02", "octal": "0777"},
			"annotations": map[string]any{"note": "two\nlines\n", "empty": "", "odd": "\ttab \u0085 # no comment: {x}", "null": "~"},
		},
		"type":      "Opaque",
		"immutable": true,
		"data":      map[string]any{"password": base64.StdEncoding.EncodeToString([]byte("correct horse")), "empty": ""},
		"stringData": map[string]any{
			"config.yaml": "a: b\nc:\n  - d\n", "yes": "no", "tls.key": "-----BEGIN\n\tx\r\n",
		},
	}
}

func documents(t testing.TB, file []byte) []*yaml.Node {
	t.Helper()
	list, err := parsed(file)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func parsed(file []byte) ([]*yaml.Node, error) {
	var list []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	for {
		var n yaml.Node
		err := decoder.Decode(&n)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, n.Content...)
	}
}

// opened decrypts the one manifest in file.
func opened(t testing.TB, o *sops.Opener, file []byte) map[string]any {
	t.Helper()
	docs := documents(t, file)
	values, err := o.Open(docs)
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	var content map[string]any
	if err := docs[0].Decode(&content); err != nil {
		t.Fatal(err)
	}
	if !values.Fill(content) {
		t.Fatalf("something is still encrypted:\n%v", content)
	}
	return content
}

func equal(t testing.TB, want, have any) {
	t.Helper()
	if diff := cmp.Diff(plainJSON(t, want), plainJSON(t, have)); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

func plainJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEncryptOpens(t *testing.T) {
	ours, theirs := pair(t), pair(t)
	file, err := sealerFor(t, ours.Recipient().String(), theirs.Recipient().String()).Encrypt(secret())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []*age.X25519Identity{ours, theirs} {
		equal(t, secret(), opened(t, openerWith(sops.EnvKey, key.String()), file))
	}
	for _, plain := range []string{"correct horse", "Y29ycmVjdCBob3JzZQ", "BEGIN\\n", "two", "no comment"} {
		if bytes.Contains(file, []byte(plain)) {
			t.Errorf("the file holds %q:\n%s", plain, file)
		}
	}
	for _, shown := range []string{"name: web", "app: web", "type: Opaque", `encrypted_regex: ^(data|stringData|annotations)$`, `lastmodified: "2026-11-22T17:00:00Z"`} {
		if !bytes.Contains(file, []byte(shown)) {
			t.Errorf("the file lacks %q:\n%s", shown, file)
		}
	}
}

func TestEncryptAnySecret(t *testing.T) {
	key := pair(t)
	sealer, opener := sealerFor(t, key.Recipient().String()), openerWith(sops.EnvKey, key.String())
	rapid.Check(t, func(r *rapid.T) {
		manifest := anySecret(r)
		file, err := sealer.Encrypt(manifest)
		if err != nil {
			r.Fatalf("%v of %q", err, plainJSON(t, manifest))
		}
		equal(t, manifest, opened(t, opener, file))
	})
}

// anySecret draws a Secret, and one whose metadata holds anything.
func anySecret(r *rapid.T) map[string]any {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,12}`), rapid.StringMatching("[\\t\\n\\r #:'\"-]{0,6}[a-z ]{0,3}\\n?"),
		rapid.SampledFrom([]string{"yes", "null", "~", "0x1f", "1e3", "2026-01-02", "<<", "- a", "? b", "&a", "*a", "!t", "%", "@", "`", "data", "sops"}))
	key := text
	object := func(label string) map[string]any {
		m := map[string]any{}
		for k, v := range rapid.MapOfN(key, text, 0, 4).Draw(r, label) {
			m[k] = v
		}
		return m
	}
	manifest := map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": text.Draw(r, "type"),
		"metadata": map[string]any{
			"name": "s", "labels": object("labels"), "annotations": object("annotations"),
			"generation": rapid.Int64().Draw(r, "generation"), "odd": rapid.Float64Range(1e-9, 1e21).Draw(r, "odd"),
			"finalizers": []any{text.Draw(r, "finalizer"), []any{true, nil}},
		},
		"data": object("data"), "stringData": object("stringData"),
	}
	if rapid.Bool().Draw(r, "immutable") {
		manifest["immutable"] = true
	}
	return manifest
}

func BenchmarkSealUnchanged(b *testing.B) {
	sealer := sealerFor(b, pair(b).Recipient().String())
	file, err := sealer.Seal(secret(), nil)
	for b.Loop() && err == nil {
		_, err = sealer.Seal(secret(), file)
	}
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkSealNew(b *testing.B) {
	sealer := sealerFor(b, pair(b).Recipient().String())
	var err error
	for b.Loop() && err == nil {
		_, err = sealer.Seal(secret(), nil)
	}
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkOpen(b *testing.B) {
	key := pair(b)
	file, err := sealerFor(b, key.Recipient().String()).Encrypt(secret())
	opener, docs := openerWith(sops.EnvKey, key.String()), documents(b, file)
	for b.Loop() && err == nil {
		_, err = opener.Open(docs)
	}
	if err != nil {
		b.Fatal(err)
	}
}
