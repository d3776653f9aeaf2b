package source_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/recover/source/signature"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// signedOptions require signatures by the keys in files.
func signedOptions(t *testing.T, files ...string) source.Options {
	opts := options(t)
	opts.RequireSigned, opts.AllowedSigners = true, files
	return opts
}

func TestSSHSignedCommitsAndTags(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is absent: install OpenSSH to run this test")
	}
	work := gitserver.Repo(t)
	dir := t.TempDir()
	key, other := filepath.Join(dir, "ada"), filepath.Join(dir, "eve")
	gitserver.NewSSHKey(t, key)
	gitserver.NewSSHKey(t, other)
	work.Git("config", "gpg.format", "ssh")
	work.Git("config", "user.signingkey", key)
	work.Write("a", "1").Commit("signed", "-S")
	work.Git("tag", "signed")
	work.CommitFile("a", "2", "plain")
	work.Git("tag", "-s", "tagged", "-m", "a signed tag of a plain commit")
	work.Git("tag", "-a", "annotated", "-m", "a plain tag of a plain commit")
	work.Git("config", "user.signingkey", other)
	work.Write("a", "3").Commit("by eve", "-S")
	work.Git("tag", "eve")
	forged(t, work, "signed", "forged", "signed\n", "forged\n")

	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	allow := func(name, line string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("# who may sign\n\n"+line+" "+string(pub)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, tt := range []struct {
		revision, allowed string
		want              error
	}{
		{"signed", `ada@example.org`, nil},
		{"signed", `"ada@example.org,*@example.org" namespaces="file,git"`, nil},
		{"signed", `ada@example.org valid-after="20251231",valid-before="20260102Z"`, nil},
		{"signed", `ada@example.org valid-before="20251231"`, signature.ErrExpired},
		{"signed", `ada@example.org valid-after="202601011300Z"`, signature.ErrExpired},
		{"signed", `ada@example.org namespaces="file"`, signature.ErrUnknownSigner},
		{"signed", `ada@example.org cert-authority`, signature.ErrUnknownSigner},
		{"tagged", `ada@example.org`, nil},
		{"tagged~0", `ada@example.org`, nil},
		{"tagged~1", `ada@example.org`, nil},
		{"annotated", `ada@example.org`, signature.ErrUnsigned},
		{"main~1", `ada@example.org`, signature.ErrUnsigned},
		{"eve", `ada@example.org`, signature.ErrUnknownSigner},
		{"forged", `ada@example.org`, signature.ErrBad},
	} {
		r := open(t, work.Dir, signedOptions(t, allow("allowed", tt.allowed)))
		c, err := r.Resolve(t.Context(), tt.revision)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s with %s: got %v", tt.revision, tt.allowed, err)
		}
		if err == nil && !strings.Contains(c.Signer, "ada@example.org") {
			t.Errorf("%s: signer is %q", tt.revision, c.Signer)
		}
		if err != nil && !errors.Is(err, source.ErrSignature) {
			t.Errorf("%s: %v is no ErrSignature", tt.revision, err)
		}
	}
	// A tree of a commit that nobody resolved is verified too.
	r := open(t, work.Dir, signedOptions(t, allow("allowed", "ada@example.org")))
	if _, err := r.Tree(t.Context(), work.Git("rev-parse", "eve")); !errors.Is(err, source.ErrSignature) {
		t.Errorf("the tree of a commit by eve: %v", err)
	}
	for name, content := range map[string]string{"empty": "", "rubbish": "ada@example.org ssh-rubbish AAAA", "option": "ada colour=red " + string(pub)} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := source.Open(t.Context(), work.Dir, signedOptions(t, file)); !errors.Is(err, source.ErrSignature) {
			t.Errorf("allowed signers %s: %v", name, err)
		}
	}
}

// forged changes a commit behind its signature's back.
func forged(t *testing.T, work *gitserver.Repository, from, tag, old, new string) {
	t.Helper()
	raw := work.Git("cat-file", "commit", from) + "\n"
	store(t, work, tag, strings.Replace(raw, "\n\n"+old, "\n\n"+new, 1))
}

// store writes a commit object by hand and tags it.
func store(t *testing.T, work *gitserver.Repository, tag, raw string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "commit")
	if err := os.WriteFile(file, []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	work.Git("tag", tag, work.Git("hash-object", "-t", "commit", "-w", file))
}

// pgpKey makes an OpenPGP key that lives for a while from then on.
func pgpKey(t *testing.T, name string, from time.Time, lifetime time.Duration) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity(name, "", name+"@example.org", &packet.Config{
		Time: func() time.Time { return from }, KeyLifetimeSecs: uint32(lifetime / time.Second), Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func armored(t *testing.T, kind string, write func(*bytes.Buffer) error) string {
	t.Helper()
	var binary, text bytes.Buffer
	if err := write(&binary); err != nil {
		t.Fatal(err)
	}
	w, err := armor.Encode(&text, kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(binary.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String() + "\n"
}

// pgpCommit makes a commit of a date, signs it while the key is valid, and tags
// it.
func pgpCommit(t *testing.T, work *gitserver.Repository, key *openpgp.Entity, tag string, at time.Time) {
	t.Helper()
	work.Now = at
	raw := work.Git("cat-file", "commit", work.CommitFile("a", tag, tag)) + "\n"
	sig := armored(t, openpgp.SignatureType, func(b *bytes.Buffer) error {
		return openpgp.DetachSign(b, key, strings.NewReader(raw), &packet.Config{Time: gitserver.Epoch})
	})
	head, message, _ := strings.Cut(raw, "\n\n")
	store(t, work, tag, head+"\ngpgsig "+strings.ReplaceAll(strings.TrimSpace(sig), "\n", "\n ")+"\n\n"+message)
}

func TestOpenPGPSignedCommits(t *testing.T) {
	work := gitserver.Repo(t)
	born := gitserver.Epoch().AddDate(0, -1, 0)
	ada, eve := pgpKey(t, "ada", born, 90*24*time.Hour), pgpKey(t, "eve", born, 90*24*time.Hour)
	pgpCommit(t, work, ada, "good", gitserver.Epoch()) // the key has expired since
	pgpCommit(t, work, eve, "eve", gitserver.Epoch())
	pgpCommit(t, work, ada, "late", gitserver.Epoch().AddDate(0, 6, 0))
	forged(t, work, "good", "forged", "good\n", "evil\n")
	raw := work.Git("cat-file", "commit", "good") + "\n"
	store(t, work, "twofold", strings.Replace(raw, "gpgsig ", "gpgsig x\ngpgsig ", 1))
	store(t, work, "damaged", strings.Replace(raw, "\n wn", "\n xx", 1)+"x")

	ring := filepath.Join(t.TempDir(), "ring.asc")
	text := armored(t, openpgp.PublicKeyType, func(b *bytes.Buffer) error { return ada.Serialize(b) })
	if err := os.WriteFile(ring, []byte("Keys of the platform team\n\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, work.Dir, signedOptions(t, ring))
	if c := resolve(t, r, "good"); !strings.Contains(c.Signer, "ada@example.org") {
		t.Errorf("signer is %q", c.Signer)
	}
	for revision, want := range map[string]error{
		"eve": signature.ErrUnknownSigner, "late": signature.ErrExpired, "forged": signature.ErrBad, "twofold": signature.ErrBad,
		"damaged": signature.ErrBad, "main": signature.ErrUnsigned,
	} {
		if _, err := r.Resolve(t.Context(), revision); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", revision, err, want)
		}
	}
}
