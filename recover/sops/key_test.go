package sops_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/sops"
)

// TestParseKey: a key as people make one, and nothing weaker.
func TestParseKey(t *testing.T) {
	key := []byte("\n a key may begin and end as it li\n")[:sops.KeySize]
	for name, text := range map[string]string{
		"bytes":          string(key),
		"openssl hex":    hex.EncodeToString(key) + "\n",
		"capitals":       strings.ToUpper(hex.EncodeToString(key)),
		"openssl base64": base64.StdEncoding.EncodeToString(key) + "\r\n",
		"without =":      base64.RawStdEncoding.EncodeToString(key),
	} {
		if have, err := sops.ParseKey([]byte(text)); err != nil || !bytes.Equal(have, key) {
			t.Errorf("%s: %q, %v", name, have, err)
		}
	}
	for _, bad := range []string{"", "correct horse battery staple", hex.EncodeToString(key[:31]), hex.EncodeToString(key) + "00", strings.Repeat("g", 64)} {
		if _, err := sops.ParseKey([]byte(bad)); err == nil || !strings.Contains(err.Error(), "openssl rand -hex 32") || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if id := sops.KeyID(key); len(id) != 16 || id == sops.KeyID(bytes.Repeat([]byte{7}, sops.KeySize)) || strings.Contains(hex.EncodeToString(key), id) {
		t.Errorf("the key is called %s", id)
	}
}

// TestAnotherKeyIsNoReason: who finds a file that another key has sealed, and can
// decrypt it, keeps it as long as it says the same; who cannot is told so.
func TestAnotherKeyIsNoReason(t *testing.T) {
	ours, theirs := pair(t), pair(t)
	recipients := []string{ours.Recipient().String(), theirs.Recipient().String()}
	first := sealerFor(t, recipients...)
	file := seal(t, first, secret(), nil)
	if form, key := sops.Look(file); form != sops.Encrypted || key != sops.KeyID(first.Key) {
		t.Errorf("the file says %v, %q", form, key)
	}
	another := func(opener *sops.Opener, recipients ...string) *sops.Sealer {
		s := sealerFor(t, recipients...)
		s.Key, s.Opener = bytes.Repeat([]byte{8}, sops.KeySize), opener
		return s
	}
	opens := openerWith(sops.EnvKey, ours.String())
	changed := secret()
	changed["data"].(map[string]any)["password"] = "Y2hhbmdlZA=="
	relabelled := secret()
	relabelled["metadata"].(map[string]any)["labels"].(map[string]any)["app"] = "wab"
	for name, c := range map[string]struct {
		sealer   *sops.Sealer
		manifest map[string]any
		file     []byte
		want     sops.Likeness
	}{
		"it opens":                   {another(opens, recipients...), secret(), file, sops.Same},
		"it opens, without the line": {another(opens, recipients...), secret(), file[bytes.IndexByte(file, '\n')+1:], sops.Same},
		"ours, without the line":     {sealerFor(t, recipients...), secret(), file[bytes.IndexByte(file, '\n')+1:], sops.Unknown},
		"another value":              {another(opens, recipients...), changed, file, sops.Other},
		"another label":              {another(opens, recipients...), relabelled, file, sops.Other},
		"one recipient less":         {another(opens, recipients[0]), secret(), file, sops.Other},
		"an edited label":            {another(opens, recipients...), secret(), bytes.Replace(file, []byte("app: web"), []byte("app: wab"), 1), sops.Unknown},
		"no secret key":              {another(openerWith(), recipients...), secret(), file, sops.Unknown},
		"the key of a stranger":      {another(openerWith(sops.EnvKey, pair(t).String()), recipients...), secret(), file, sops.Unknown},
		"nobody may decrypt":         {another(nil, recipients...), secret(), file, sops.Unknown},
		"no file":                    {another(opens, recipients...), secret(), nil, sops.Other},
		"rubbish":                    {another(opens, recipients...), secret(), []byte("sops: {age: &a [*a]}\nkind: Secret"), sops.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			mark, err := c.sealer.Mark(c.manifest)
			if err != nil {
				t.Fatal(err)
			}
			if have := c.sealer.Compare(c.file, mark); have != c.want {
				t.Errorf("it is %v, want %v", have, c.want)
			}
			again := seal(t, c.sealer, c.manifest, c.file)
			if kept := bytes.Equal(again, c.file); kept != (c.want == sops.Same) {
				t.Errorf("kept: %v", kept)
			}
		})
	}
}

// TestLook: a file says how it keeps a Secret, whatever else it holds.
func TestLook(t *testing.T) {
	key := bytes.Repeat([]byte{7}, sops.KeySize)
	digests, err := sops.Digest(secret(), key)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		form sops.Form
		key  string
	}{
		"digests":              {plainJSON(t, digests), sops.Digests, sops.KeyID(key)},
		"digests of whom":      {"metadata: {annotations: {rekindle.io/digests: x}}", sops.Digests, ""},
		"digests of a villain": {"metadata: {annotations: {rekindle.io/digests: x, rekindle.io/digests-key: \"0123456789abcde\\e\"}}", sops.Digests, ""},
		"by sops":              {read(t, "sops-3.13.3-plain.yaml"), sops.Encrypted, ""},
		"a long first line":    {"# rekindle.io/sealed: hmac-sha256:" + strings.Repeat("0", 999) + " key:0123456789abcdef\nkind: Secret\nsops: {}\n", sops.Encrypted, ""},
		"plain":                {plainJSON(t, secret()), sops.Neither, ""},
		"nothing":              {"", sops.Neither, ""},
		"rubbish":              {"a: [", sops.Neither, ""},
		"a list":               {"[metadata]", sops.Neither, ""},
	} {
		if form, id := sops.Look([]byte(c.file)); form != c.form || id != c.key {
			t.Errorf("%s: %v %q, want %v %q", name, form, id, c.form, c.key)
		}
	}
}

// FuzzCompare: whatever lies on a branch, comparing with it ends well, and only
// what is the same is kept.
func FuzzCompare(f *testing.F) {
	key := pair(f)
	sealer := sealerFor(f, key.Recipient().String())
	sealer.Opener = openerWith(sops.EnvKey, key.String())
	sealed, err := sealer.Seal(secret(), nil)
	if err != nil {
		f.Fatal(err)
	}
	mark, err := sealer.Mark(secret())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(sealed), "", "kind: Secret\nsops: {}", "# rekindle.io/sealed: hmac-sha256: key:\n", "a: &a [*a]", "---\n---\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		form, _ := sops.Look(file)
		if sealer.Compare(file, mark) == sops.Same && form != sops.Encrypted {
			t.Errorf("kept, and yet not encrypted: %q", file)
		}
	})
}
