package sops_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/sops"
)

// TestSealKeepsTheUnchanged: the file of the last time stays byte for byte as
// long as nothing that matters is different, and only so long.
func TestSealKeepsTheUnchanged(t *testing.T) {
	key, other := pair(t), pair(t)
	sealer := sealerFor(t, key.Recipient().String())
	first := seal(t, sealer, secret(), nil)
	if again := seal(t, sealer, secret(), first); !bytes.Equal(first, again) {
		t.Errorf("an unchanged Secret gives another file:\n%s\n%s", first, again)
	}
	twice := sealerFor(t, other.Recipient().String(), key.Recipient().String())
	otherKey := sealerFor(t, key.Recipient().String())
	otherKey.Key = bytes.Repeat([]byte{8}, sops.KeySize)
	renamed := secret()
	renamed["metadata"].(map[string]any)["name"] = "web2"
	changed := secret()
	changed["data"].(map[string]any)["password"] = "Y2hhbmdlZA=="
	for name, c := range map[string]struct {
		sealer   *sops.Sealer
		manifest map[string]any
		previous []byte
	}{
		"another value":        {sealer, changed, first},
		"another name":         {sealer, renamed, first},
		"another recipient":    {twice, secret(), first},
		"another key":          {otherKey, secret(), first},
		"an edited file":       {sealer, secret(), bytes.Replace(first, []byte("app: web"), []byte("app: wab"), 1)},
		"a file without line":  {sealer, secret(), first[bytes.IndexByte(first, '\n')+1:]},
		"a cut file":           {sealer, secret(), first[:len(first)/2]},
		"a forged line":        {sealer, secret(), append([]byte("# rekindle.io/sealed: hmac-sha256:"+strings.Repeat("0", 64)+"\n"), first...)},
		"the line of another":  {sealer, secret(), append(first[:bytes.IndexByte(first, '\n'):bytes.IndexByte(first, '\n')], seal(t, sealer, changed, nil)...)},
		"no file at all":       {sealer, secret(), nil},
		"a file of CRLF lines": {sealer, secret(), bytes.ReplaceAll(first, []byte("\n"), []byte("\r\n"))},
	} {
		t.Run(name, func(t *testing.T) {
			file := seal(t, c.sealer, c.manifest, c.previous)
			if bytes.Equal(file, c.previous) {
				t.Error("the file is kept")
			}
			equal(t, c.manifest, opened(t, openerWith(sops.EnvKey, key.String()), file))
		})
	}
	// Who gives the same recipients in another order has changed nothing.
	both := seal(t, twice, secret(), nil)
	swapped := sealerFor(t, key.Recipient().String(), other.Recipient().String(), key.Recipient().String())
	if again := seal(t, swapped, secret(), both); !bytes.Equal(both, again) {
		t.Error("the order of the recipients changes the file")
	}
}

func seal(t *testing.T, s *sops.Sealer, manifest map[string]any, previous []byte) []byte {
	t.Helper()
	before := plainJSON(t, manifest)
	file, err := s.Seal(manifest, previous)
	if err != nil {
		t.Fatal(err)
	}
	if mark, err := s.Mark(manifest); err != nil || s.Compare(file, mark) != sops.Same {
		t.Errorf("what was just sealed is another Secret: %v", err)
	}
	equal(t, before, plainJSON(t, manifest)) // it is not ours to change
	return file
}

func TestCopiesOfTheValuesStayOut(t *testing.T) {
	key := pair(t)
	sealer := sealerFor(t, key.Recipient().String())
	manifest := secret()
	annotations := manifest["metadata"].(map[string]any)["annotations"].(map[string]any)
	annotations["kubectl.kubernetes.io/last-applied-configuration"] = `{"data":{"password":"Y29ycmVjdCBob3JzZQ=="}}`
	manifest["metadata"].(map[string]any)["managedFields"] = []any{}
	equal(t, secret(), opened(t, openerWith(sops.EnvKey, key.String()), seal(t, sealer, manifest, nil)))
	digests, err := sops.Digest(manifest, sealer.Key)
	if err != nil {
		t.Fatal(err)
	}
	if text := plainJSON(t, digests); strings.Contains(text, "last-applied") || strings.Contains(text, "managedFields") {
		t.Errorf("the digests keep a copy:\n%s", text)
	}
}

// Whoever may annotate a Secret cannot keep it from being sealed.
func TestAnAnnotationMayLookEncrypted(t *testing.T) {
	key, manifest := pair(t), secret()
	manifest["metadata"].(map[string]any)["annotations"] = map[string]any{"note": sops.Ciphertext + "x"}
	file := seal(t, sealerFor(t, key.Recipient().String()), manifest, nil)
	equal(t, manifest, opened(t, openerWith(sops.EnvKey, key.String()), file))
	if _, err := sops.Digest(manifest, bytes.Repeat([]byte{7}, sops.KeySize)); err != nil {
		t.Errorf("digests: %v", err)
	}
}

func TestEncryptRefuses(t *testing.T) {
	key := pair(t)
	for name, c := range map[string]struct {
		change func(map[string]any)
		says   string
	}{
		"another kind":       {func(m map[string]any) { m["kind"] = "ConfigMap" }, "v1 ConfigMap shop/web: only Secrets of v1"},
		"another group":      {func(m map[string]any) { m["apiVersion"] = "example.com/v1" }, "only Secrets of v1"},
		"no metadata":        {func(m map[string]any) { delete(m, "metadata") }, "without metadata"},
		"encrypted already":  {func(m map[string]any) { m["sops"] = map[string]any{} }, "shop/web has a sops section"},
		"an encrypted value": {func(m map[string]any) { m["stringData"] = map[string]any{"a": sops.Ciphertext + "x"} }, "shop/web holds a value that SOPS"},
		"a channel":          {func(m map[string]any) { m["data"] = map[string]any{"a": make(chan int)} }, "data.a holds a chan int"},
	} {
		t.Run(name, func(t *testing.T) {
			manifest := secret()
			c.change(manifest)
			_, err := sealerFor(t, key.Recipient().String()).Encrypt(manifest)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	if _, err := sealerFor(t).Encrypt(secret()); err == nil || !strings.Contains(err.Error(), "no recipient") {
		t.Errorf("without recipients: %v", err)
	}
	short := sealerFor(t, key.Recipient().String())
	short.Key = []byte("short")
	if _, err := short.Seal(secret(), nil); err == nil || !strings.Contains(err.Error(), "has 5 bytes: it must have 32") {
		t.Errorf("with a short key: %v", err)
	}
	if _, err := sops.Digest(secret(), nil); err == nil || !strings.Contains(err.Error(), "has 0 bytes") {
		t.Errorf("digest without a key: %v", err)
	}
}

func TestParseRecipients(t *testing.T) {
	good := pair(t).Recipient().String()
	const ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN ada@example.com"
	r, err := sops.ParseRecipients([]string{ssh, good, " " + good + "\n"})
	if err != nil || r.Len() != 2 || r.Strings()[0] != good {
		t.Fatalf("%v %v", r.Strings(), err)
	}
	secretKey := pair(t).String()
	for bad, says := range map[string]string{
		"":                         "recipient 2: is empty",
		good[:40]:                  "recipient 2, \"" + good[:40] + "\": is no age public key",
		"age1yubikey1q2w7u3vpya":   "needs an age plugin",
		"age1pq1xyz":               "is no post-quantum age public key",
		"ssh-rsa AAAA":             "is no SSH public key",
		"85D77543B3D624B63CEA9E6":  "is no public key: age1",
		secretKey:                  "recipient 2: is a secret key",
		strings.ToLower(secretKey): "recipient 2: is a secret key",
	} {
		_, err := sops.ParseRecipients([]string{good, bad})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", bad, err, says)
			continue
		}
		if strings.Contains(strings.ToUpper(err.Error()), secretKey) {
			t.Errorf("the error shows the secret key: %v", err)
		}
	}
	if _, err := sops.ParseRecipients(make([]string, 1000)); err == nil {
		t.Error("a thousand recipients are taken")
	}
}

func TestDigest(t *testing.T) {
	key := bytes.Repeat([]byte{7}, sops.KeySize)
	digest := func(data, stringData map[string]any, name string, key []byte) map[string]any {
		m := map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name}, "data": data, "stringData": stringData}
		d, err := sops.Digest(m, key)
		if err != nil {
			t.Fatal(err)
		}
		if !sops.HoldsDigests(d) || sops.HoldsDigests(m) {
			t.Error("the mark is in the wrong place")
		}
		return d["data"].(map[string]any)
	}
	code := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	is := digest(map[string]any{"a": code("same"), "b": code("same"), "c": code("old")}, map[string]any{"c": "new"}, "s", key)
	if is["a"] == is["b"] {
		t.Error("equal values of two keys have one digest")
	}
	for k, v := range is {
		if text := v.(string); !strings.HasPrefix(text, "hmac-sha256:") || len(text) != len("hmac-sha256:")+16 {
			t.Errorf("%s: %q", k, v)
		}
	}
	equal(t, is, digest(nil, map[string]any{"a": "same", "b": "same", "c": "new"}, "s", key))
	for what, other := range map[string]map[string]any{
		"Secret": digest(nil, map[string]any{"a": "same"}, "t", key),
		"key":    digest(nil, map[string]any{"a": "same"}, "s", bytes.Repeat([]byte{8}, sops.KeySize)),
		"value":  digest(nil, map[string]any{"a": "sane"}, "s", key),
		"form":   digest(map[string]any{"a": "same!"}, nil, "s", key),
	} {
		if other["a"] == is["a"] {
			t.Errorf("another %s has the same digest", what)
		}
	}
}

// TestDigestHidesAndTells: digests hold no value, and tell each change of one.
func TestDigestHidesAndTells(t *testing.T) {
	key := bytes.Repeat([]byte{7}, sops.KeySize)
	rapid.Check(t, func(r *rapid.T) {
		long := rapid.StringMatching(`[a-z]{12}`)
		one, two := long.Draw(r, "one"), long.Draw(r, "two")
		var digests []string
		for _, v := range []string{one, two} {
			m := secret()
			m["stringData"] = map[string]any{"k": v}
			d, err := sops.Digest(m, key)
			if err != nil {
				r.Fatal(err)
			}
			text := plainJSON(t, d)
			if strings.Contains(text, v) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(v))) {
				r.Fatalf("the digest holds the value:\n%s", text)
			}
			digests = append(digests, text)
		}
		if (one == two) != (digests[0] == digests[1]) {
			r.Fatalf("%q and %q: %s", one, two, digests)
		}
	})
}

// TestSealConcurrently: an export seals many Secrets at once, and others read
// the manifests meanwhile. It is for the race detector.
func TestSealConcurrently(t *testing.T) {
	sealer, manifest := sealerFor(t, pair(t).Recipient().String()), secret()
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			file, err := sealer.Seal(manifest, nil)
			if err == nil {
				_, err = sealer.Seal(manifest, file)
			}
			if err == nil {
				_, err = sops.Digest(manifest, sealer.Key)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// FuzzParseRecipients: whatever stands where public keys belong, no error repeats
// a secret key.
func FuzzParseRecipients(f *testing.F) {
	key := testKey(f)
	for _, seed := range []string{"age1", key, "ssh-rsa AAAA", "age1pq1x", " " + strings.ToLower(key), "\"" + key + "\"", "k: " + key} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := sops.ParseRecipients([]string{text})
		if (err == nil) != (r.Len() == 1) {
			t.Errorf("%d recipients and %v", r.Len(), err)
		}
		if err != nil && strings.Contains(strings.ToUpper(err.Error()), key) {
			t.Errorf("the error shows the secret key: %v", err)
		}
	})
}

// FuzzKeys: whatever stands where secret keys belong, no error repeats it.
func FuzzKeys(f *testing.F) {
	docs := documents(f, []byte(read(f, "sops-3.13.3-plain.yaml")))
	for _, seed := range []string{"", "secret-of-mine", "AGE-SECRET-KEY-1QQQQ", "AGE-SECRET-KEY-PQ-1QQ", "AGE-PLUGIN-X-1QQ", "# a\nb c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := openerWith(sops.EnvKey, text).Open(docs)
		for _, word := range strings.Fields(text) {
			if err != nil && len(word) > 24 && strings.Contains(err.Error(), word) {
				t.Errorf("the error repeats what was given: %v", err)
			}
		}
	})
}
