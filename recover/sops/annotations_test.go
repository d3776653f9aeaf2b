package sops_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/sops"
)

// annotated is the Secret of the file in testdata.
func annotated(annotations map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"name": "db", "namespace": "shop", "annotations": annotations},
		"data":     map[string]any{"password": "Y29ycmVjdCBob3JzZQ=="},
	}
}

func TestAnnotationsAreNotReadable(t *testing.T) {
	key := pair(t)
	sealer, opener := sealerFor(t, key.Recipient().String()), openerWith(sops.EnvKey, key.String())
	known := map[string]any{
		"kubernetes.io/service-account.name": "known-1", "cert-manager.io/certificate-name": "known-2",
		"controller.cert-manager.io/x": "known-3", "helm.sh/resource-policy": "known-4",
	}
	for name, c := range map[string]struct {
		annotation string
		readable   bool
	}{
		"none":                 {"", true},
		"a name alone":         {"api-token", false},
		"a domain of people":   {"example.com/api-token", false},
		"a domain alike":       {"evilkubernetes.io/x", false},
		"a domain as the name": {"kubernetes.io", false},
		"no domain":            {"/x", false},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := maps.Clone(known)
			if c.annotation != "" {
				annotations[c.annotation] = "seen-by-nobody"
			}
			manifest := annotated(annotations)
			file := seal(t, sealer, manifest, nil)
			equal(t, manifest, opened(t, opener, file))
			digests, err := sops.Digest(manifest, sealer.Key)
			if err != nil {
				t.Fatal(err)
			}
			reduced := plainJSON(t, digests)
			for what, text := range map[string]string{"file": string(file), "digests": reduced} {
				if strings.Contains(text, "seen-by-nobody") {
					t.Errorf("the %s shows the annotation:\n%s", what, text)
				}
			}
			for _, v := range known {
				if !strings.Contains(reduced, v.(string)) {
					t.Errorf("the digests hide %v:\n%s", v, reduced)
				}
			}
			if rule := "encrypted_regex: " + sops.Regex + "\n"; strings.Contains(string(file), rule) != c.readable {
				t.Errorf("annotations readable: want %v:\n%s", c.readable, file)
			}
		})
	}
}

// TestAnEarlierFileIsRewrittenOnce has a file that an earlier version wrote, with
// an annotation in plain text.
func TestAnEarlierFileIsRewrittenOnce(t *testing.T) {
	earlier := []byte(read(t, "rekindle-annotations-in-plain.yaml"))
	manifest, opener := annotated(map[string]any{"note": "plain once"}), openerWith(sops.EnvKey, testKey(t))
	equal(t, manifest, opened(t, opener, earlier))
	root := documents(t, earlier)[0]
	var recipient string
	for line := range strings.Lines(string(earlier)) {
		if _, after, ok := strings.Cut(line, "recipient: "); ok {
			recipient = strings.TrimSpace(after)
		}
	}
	if !sops.IsSealed(root) || recipient == "" {
		t.Fatal("the file is not what this test is about")
	}
	for name, change := range map[string]func(*sops.Sealer){
		"the key of then":            func(*sops.Sealer) {},
		"another key, and no way in": func(s *sops.Sealer) { s.Key = bytes.Repeat([]byte{9}, sops.KeySize) },
		"another key, and a way in":  func(s *sops.Sealer) { s.Key, s.Opener = bytes.Repeat([]byte{9}, sops.KeySize), opener },
	} {
		t.Run(name, func(t *testing.T) {
			sealer := sealerFor(t, recipient)
			change(sealer)
			once := seal(t, sealer, manifest, earlier)
			if bytes.Contains(once, []byte("plain once")) {
				t.Errorf("the annotation is still there:\n%s", once)
			}
			if twice := seal(t, sealer, manifest, once); !bytes.Equal(once, twice) {
				t.Error("it is written again and again")
			}
			equal(t, manifest, opened(t, opener, once))
		})
	}
}

// TestDigestsCompareWithEarlierOnes: what an earlier file has in plain text is
// compared in plain text.
func TestDigestsCompareWithEarlierOnes(t *testing.T) {
	key := bytes.Repeat([]byte{7}, sops.KeySize)
	live := annotated(map[string]any{"note": "live", "new": "x", "helm.sh/hook": "y"})
	digest := func(manifest map[string]any) map[string]any {
		digests, err := sops.Digest(manifest, key)
		if err != nil {
			t.Fatal(err)
		}
		return digests
	}
	annotations := func(file map[string]any) map[string]any {
		have, err := sops.DigestAs(file, live, key)
		if err != nil {
			t.Fatal(err)
		}
		return have["metadata"].(map[string]any)["annotations"].(map[string]any)
	}
	have := annotations(annotated(map[string]any{"note": "then", "gone": "z"}))
	if _, gone := have["gone"]; have["note"] != "live" || !sops.IsDigest(have["new"]) || have["helm.sh/hook"] != "y" || gone {
		t.Errorf("as an earlier file: %v", have)
	}
	equal(t, digest(live)["metadata"].(map[string]any)["annotations"], annotations(digest(live)))
	other := digest(annotated(map[string]any{"note": "x"}))["metadata"].(map[string]any)["annotations"].(map[string]any)
	if !sops.IsDigest(other["note"]) || other["note"] == have["new"] || other["note"] == annotations(digest(live))["note"] {
		t.Errorf("equal values give equal digests, or others none: %v", other)
	}
}
