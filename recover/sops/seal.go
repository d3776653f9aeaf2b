package sops

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// sealedLine is how the first line of a sealed file begins: a comment, which
// neither the MAC nor a cluster knows of.
const sealedLine = "# rekindle.io/sealed: hmac-sha256:"

// Seal returns a Secret's manifest as an encrypted file, like Encrypt. When
// previous, the file of the last time, holds the same Secret for the same
// recipients and nobody has touched it since, it is returned byte for byte:
// encryption is random, and a file that changes with each export says nothing.
//
// Seal cannot decrypt previous and need not: the first line of the file is a
// digest, under the Sealer's key, of the Secret, the recipients and the rest of
// the file. Without the key nobody can try values against it.
func (s *Sealer) Seal(manifest map[string]any, previous []byte) ([]byte, error) {
	if err := checkKey(s.Key); err != nil {
		return nil, err
	}
	clean, err := cleaned(manifest)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(clean) // sorted keys
	if err != nil {
		return nil, fmt.Errorf("seal Secret %s: %w", nameOf(clean), err)
	}
	if line, body, ok := bytes.Cut(previous, []byte("\n")); ok {
		if hmac.Equal(line, s.sealed(content, body)) {
			return previous, nil
		}
	}
	body, err := s.Encrypt(clean)
	if err != nil {
		return nil, err
	}
	return append(append(s.sealed(content, body), '\n'), body...), nil
}

// sealed is the first line of the file with body.
func (s *Sealer) sealed(content, body []byte) []byte {
	sum := keyed(s.Key, "sealed v1", string(content), strings.Join(s.Recipients.Strings(), "\n"), string(body))
	return []byte(sealedLine + hex.EncodeToString(sum))
}

func checkKey(key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("the key of digests has %d bytes: it must have %d", len(key), KeySize)
	}
	return nil
}

// keyed is the HMAC-SHA-256 of texts, each with its length, so that no two lists
// of texts have the same.
func keyed(key []byte, texts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, text := range texts {
		fmt.Fprintf(mac, "%d:%s,", len(text), text)
	}
	return mac.Sum(nil)
}
