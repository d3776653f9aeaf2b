package sops

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the size in bytes of the key of digests.
const KeySize = 32

// ParseKey reads a key of digests: KeySize bytes as they are, or written in
// hexadecimal or base64, with white space around. Its error does not quote it.
func ParseKey(text []byte) ([]byte, error) {
	if len(text) == KeySize {
		return bytes.Clone(text), nil
	}
	word := strings.TrimSpace(string(text))
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
	} {
		if key, err := decode(word); err == nil && len(key) == KeySize {
			return key, nil
		}
	}
	return nil, errors.New("is no key: it must be 32 random bytes, in hexadecimal or base64, as openssl rand -hex 32 prints them")
}

// KeyID names a key and tells nothing else about it: 16 hexadecimal digits.
func KeyID(key []byte) string { return hex.EncodeToString(keyed(key, "key v1")[:8]) }

// validID tells whether a file may mean a KeyID: what it says is shown.
func validID(id string) bool {
	return len(id) == 16 && strings.Trim(id, "0123456789abcdef") == ""
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
