package signature

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	sshBegin = "-----BEGIN SSH SIGNATURE-----"
	sshEnd   = "-----END SSH SIGNATURE-----"
	// sshMagic and sshNamespace are from OpenSSH's PROTOCOL.sshsig and git.
	sshMagic     = "SSHSIG"
	sshNamespace = "git"
)

// sshSigner is one line of an allowed_signers file (ssh-keygen(1)).
type sshSigner struct {
	principals    string
	key           ssh.PublicKey
	authority     bool
	namespaces    []string // empty: all
	after, before time.Time
}

// sshsig is the blob in the armor.
type sshsig struct {
	PublicKey     string
	Namespace     string
	Reserved      string
	HashAlgorithm string
	Signature     string
}

// verifySSH checks an armored SSH signature.
func (a *Allowed) verifySSH(payload, armored []byte, at time.Time) (string, error) {
	sig, key, inner, err := parseSSHSig(armored)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBad, err)
	}
	if sig.Namespace != sshNamespace {
		return "", fmt.Errorf("%w: it was made for %.40q, not for git", ErrBad, sig.Namespace)
	}
	signer, err := a.sshSigner(key, at)
	if err != nil {
		return "", err
	}
	var digest []byte
	switch sig.HashAlgorithm {
	case "sha256":
		sum := sha256.Sum256(payload)
		digest = sum[:]
	case "sha512":
		sum := sha512.Sum512(payload)
		digest = sum[:]
	default:
		return "", fmt.Errorf("%w: unknown hash %.20q", ErrBad, sig.HashAlgorithm)
	}
	if inner.Format == ssh.KeyAlgoRSA { // that is SHA-1
		return "", fmt.Errorf("%w: it uses SHA-1", ErrBad)
	}
	signed := append([]byte(sshMagic), ssh.Marshal(struct{ Namespace, Reserved, HashAlgorithm, Hash string }{
		sig.Namespace, sig.Reserved, sig.HashAlgorithm, string(digest)})...)
	if err := key.Verify(signed, inner); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBad, err)
	}
	return signer, nil
}

func parseSSHSig(armored []byte) (sig sshsig, key ssh.PublicKey, inner *ssh.Signature, err error) {
	body, ok := strings.CutPrefix(string(armored), sshBegin)
	body, end := strings.CutSuffix(strings.TrimSpace(body), sshEnd)
	if !ok || !end {
		return sig, nil, nil, fmt.Errorf("the armor is damaged")
	}
	blob, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return sig, nil, nil, err
	}
	// Six bytes of magic, a version number, then strings.
	if len(blob) < 10 || string(blob[:6]) != sshMagic || !bytes.Equal(blob[6:10], []byte{0, 0, 0, 1}) {
		return sig, nil, nil, fmt.Errorf("it is not an SSH signature of version 1")
	}
	if err := ssh.Unmarshal(blob[10:], &sig); err != nil {
		return sig, nil, nil, err
	}
	if key, err = ssh.ParsePublicKey([]byte(sig.PublicKey)); err != nil {
		return sig, nil, nil, err
	}
	inner = &ssh.Signature{}
	if err := ssh.Unmarshal([]byte(sig.Signature), inner); err != nil {
		return sig, nil, nil, err
	}
	return sig, key, inner, nil
}

// sshSigner finds the line that allows key.
func (a *Allowed) sshSigner(key ssh.PublicKey, at time.Time) (string, error) {
	if _, ok := key.(*ssh.Certificate); ok {
		return "", fmt.Errorf("%w: SSH certificates are not supported", ErrUnknownSigner)
	}
	wanted := key.Marshal()
	reason := ErrUnknownSigner
	for _, s := range a.ssh {
		if s.authority || !bytes.Equal(s.key.Marshal(), wanted) || !s.allows(sshNamespace) {
			continue
		}
		if !s.after.IsZero() && at.Before(s.after) || !s.before.IsZero() && !at.Before(s.before) {
			reason = fmt.Errorf("%w (%s)", ErrExpired, s.principals)
			continue
		}
		return s.principals, nil
	}
	return "", reason
}

func (s *sshSigner) allows(namespace string) bool {
	if len(s.namespaces) == 0 {
		return true
	}
	for _, n := range s.namespaces {
		if n == namespace || n == "*" {
			return true
		}
	}
	return false
}

// parseAllowedSigners reads the ALLOWED SIGNERS format of ssh-keygen(1):
// principals [options] keytype base64 [comment].
func parseAllowedSigners(content []byte, name string) ([]sshSigner, error) {
	var signers []sshSigner
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseAllowedSigner(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		signers = append(signers, s)
	}
	return signers, lines.Err()
}

func parseAllowedSigner(line string) (sshSigner, error) {
	var s sshSigner
	var rest string
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		s.principals, rest, ok = strings.Cut(quoted, `"`)
		if !ok {
			return s, fmt.Errorf("a quote is not closed")
		}
	} else {
		i := strings.IndexAny(line, " \t")
		if i < 0 {
			return s, fmt.Errorf("a line holds principals, a key type and a key")
		}
		s.principals, rest = line[:i], line[i:]
	}
	// The remainder has the form of an authorized_keys line, options included.
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(rest)))
	if err != nil {
		return s, fmt.Errorf("the key cannot be read: %w", err)
	}
	s.key = key
	for _, o := range options {
		if err := s.option(o); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *sshSigner) option(text string) (err error) {
	name, value, _ := strings.Cut(text, "=")
	value = strings.Trim(value, `"`)
	switch strings.ToLower(name) {
	case "cert-authority":
		s.authority = true
	case "namespaces":
		s.namespaces = strings.Split(value, ",")
	case "valid-after":
		s.after, err = parseValidity(value)
	case "valid-before":
		s.before, err = parseValidity(value)
	default:
		return fmt.Errorf("unknown option %.40q", name)
	}
	return err
}

// parseValidity reads YYYYMMDD[HHMM[SS]][Z]. Without Z OpenSSH takes the
// machine's own time zone; here it is UTC everywhere, so that two machines
// agree.
func parseValidity(value string) (time.Time, error) {
	value = strings.TrimSuffix(value, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(layout) == len(value) {
			if t, err := time.Parse(layout, value); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("the time %.40q is not YYYYMMDD[HHMM[SS]][Z]", value)
}
