// Package signature verifies the signatures of git commits and tags. In go the
// raw bytes of the object and the keys that are allowed; out comes who signed,
// or why the signature is not accepted.
//
// OpenPGP and SSH signatures are known. Keys are judged at the time that the
// object itself states (committer or tagger date): a key that has expired since
// does not invalidate old commits. The object's time is the signer's own claim.
package signature

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// Why a signature is not accepted, for errors.Is.
var (
	ErrUnsigned      = errors.New("it is not signed")
	ErrUnknownSigner = errors.New("its signer is not among the allowed ones")
	ErrBad           = errors.New("its signature is bad")
	ErrExpired       = errors.New("its signer's key was not valid at that time")
)

// Allowed are the keys whose signatures count.
type Allowed struct {
	pgp openpgp.EntityList
	ssh []sshSigner
}

// Load reads armored OpenPGP key rings and OpenSSH allowed_signers files. No
// key at all is an error.
func Load(files []string) (*Allowed, error) {
	a := &Allowed{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := a.Add(b, file); err != nil {
			return nil, err
		}
	}
	if len(a.pgp) == 0 && len(a.ssh) == 0 {
		return nil, errors.New("no allowed signer was named")
	}
	return a, nil
}

const armorBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"

// Add reads one file's content; name is for errors.
func (a *Allowed) Add(content []byte, name string) error {
	if !bytes.Contains(content, []byte(armorBegin)) {
		signers, err := parseAllowedSigners(content, name)
		a.ssh = append(a.ssh, signers...)
		return err
	}
	blocks := strings.Split(string(content), armorBegin)
	for _, block := range blocks[1:] {
		ring, err := openpgp.ReadArmoredKeyRing(strings.NewReader(armorBegin + block))
		if err != nil {
			return fmt.Errorf("%s: reading the OpenPGP keys: %w", name, err)
		}
		a.pgp = append(a.pgp, ring...)
	}
	return nil
}

// VerifyCommit takes a commit object's bytes (without git's own header) and
// returns the signer.
func (a *Allowed) VerifyCommit(raw []byte) (signer string, err error) {
	payload, sig, err := splitCommit(raw)
	if err != nil {
		return "", err
	}
	return a.verify(payload, sig, "committer ")
}

// VerifyTag is VerifyCommit for an annotated tag.
func (a *Allowed) VerifyTag(raw []byte) (signer string, err error) {
	payload, sig := splitTag(raw)
	return a.verify(payload, sig, "tagger ")
}

func (a *Allowed) verify(payload, sig []byte, dateHeader string) (string, error) {
	sig = bytes.TrimSpace(sig)
	if len(sig) == 0 {
		return "", ErrUnsigned
	}
	at, err := statedTime(payload, dateHeader)
	if err != nil {
		return "", err
	}
	switch {
	case bytes.HasPrefix(sig, []byte(sshBegin)):
		return a.verifySSH(payload, sig, at)
	case bytes.HasPrefix(sig, []byte("-----BEGIN PGP")):
		return a.verifyPGP(payload, sig, at)
	}
	return "", fmt.Errorf("%w: it is neither OpenPGP nor SSH (X.509 is not supported)", ErrBad)
}

// splitCommit removes the signature headers, which the signature does not
// cover. Two signatures in one commit are refused.
func splitCommit(raw []byte) (payload, sig []byte, err error) {
	rest := raw
	skipping, inSig, found := false, false, 0
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		line := rest[:end]
		if len(line) == 1 && line[0] == '\n' {
			break // the message is next
		}
		rest = rest[end:]
		value, ours := bytes.CutPrefix(line, []byte("gpgsig "))
		switch {
		case ours:
			found++
			skipping, inSig = true, true
			sig = append(sig, value...)
		case bytes.HasPrefix(line, []byte("gpgsig-sha256 ")):
			skipping, inSig = true, false
		case line[0] == ' ' && skipping:
			if inSig {
				sig = append(sig, line[1:]...)
			}
		default:
			skipping = false
			payload = append(payload, line...)
		}
	}
	if found > 1 {
		return nil, nil, fmt.Errorf("%w: there are %d of them", ErrBad, found)
	}
	return append(payload, rest...), sig, nil
}

// splitTag cuts the signature off, which follows the message.
func splitTag(raw []byte) (payload, sig []byte) {
	at := -1
	for _, begin := range []string{"-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", sshBegin} {
		if i := bytes.LastIndex(raw, []byte("\n"+begin)); i+1 > at && i >= 0 {
			at = i + 1
		}
	}
	if at < 0 {
		return raw, nil
	}
	return raw[:at], raw[at:]
}

// statedTime is the time in the committer or tagger header.
func statedTime(payload []byte, header string) (time.Time, error) {
	head, _, _ := bytes.Cut(payload, []byte("\n\n"))
	for line := range bytes.Lines(head) {
		who, ok := bytes.CutPrefix(line, []byte(header))
		if !ok {
			continue
		}
		fields := bytes.Fields(who[bytes.LastIndexByte(who, '>')+1:])
		if len(fields) == 0 {
			break
		}
		if seconds, err := strconv.ParseInt(string(fields[0]), 10, 64); err == nil {
			return time.Unix(seconds, 0).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: it says no time", ErrBad)
}
