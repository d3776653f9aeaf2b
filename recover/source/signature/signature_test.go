package signature

import "testing"

func TestSplitCommitLeavesEverythingElse(t *testing.T) {
	raw := "tree a\nparent b\nauthor A <a> 1 +0000\ncommitter A <a> 2 +0000\ngpgsig one\n two\n \n three\ngpgsig-sha256 x\n y\nencoding latin1\n z\n\nmessage\ngpgsig none\n"
	payload, sig, err := splitCommit([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	want := "tree a\nparent b\nauthor A <a> 1 +0000\ncommitter A <a> 2 +0000\nencoding latin1\n z\n\nmessage\ngpgsig none\n"
	if string(payload) != want || string(sig) != "one\ntwo\n\nthree\n" {
		t.Errorf("payload %q, signature %q", payload, sig)
	}
	if at, err := statedTime(payload, "committer "); err != nil || at.Unix() != 2 {
		t.Errorf("time %v, %v", at, err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte("tree a\ncommitter A <a> 2 +0000\ngpgsig -----BEGIN SSH SIGNATURE-----\n U1NIU0lHAAAAAQ==\n -----END SSH SIGNATURE-----\n\nx\n"))
	f.Add([]byte("tree a\ncommitter A <a> 2 +0000\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n\nx\n"))
	f.Add([]byte("object a\ntagger A <a> 2 +0000\n\nx\n-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n"))
	var a Allowed
	f.Fuzz(func(t *testing.T, raw []byte) {
		// Nobody is allowed, so nothing may pass.
		if who, err := a.VerifyCommit(raw); err == nil {
			t.Fatalf("accepted a commit as by %s", who)
		}
		if who, err := a.VerifyTag(raw); err == nil {
			t.Fatalf("accepted a tag as by %s", who)
		}
		payload, _, err := splitCommit(raw)
		if err == nil && len(payload) > len(raw) {
			t.Fatal("the payload is longer than the object")
		}
	})
}

func FuzzAllowedSigners(f *testing.F) {
	f.Add([]byte("ada@example.org namespaces=\"git\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0= x\n# x\n"))
	f.Add([]byte("\"a b\" valid-after=\"2026\" ssh-rsa AAAA\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		signers, err := parseAllowedSigners(content, "x")
		for _, s := range signers {
			if err == nil && s.key == nil {
				t.Fatal("a signer without a key")
			}
		}
	})
}
