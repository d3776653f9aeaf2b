package sops

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Ciphertext is how a value begins that SOPS has encrypted.
const Ciphertext = "ENC[AES256_GCM,data:"

const (
	dataKeySize = 32
	nonceSize   = 32
	tagSize     = 16
)

// comment is a comment that SOPS has encrypted as an item of a list.
type comment string

// dataKey encrypts and decrypts the values of one file.
type dataKey []byte

// seal encrypts v, which is text, bool, int or float64. Empty text stays as it
// is, which shows that it is empty: that is what SOPS does.
func (k dataKey) seal(random io.Reader, v any, path []string) (string, error) {
	if v == "" {
		return "", nil
	}
	return k.sealAs(random, v, additional(path))
}

// additional is the additional data of the value at path.
func additional(path []string) string { return strings.Join(path, ":") + ":" }

func (k dataKey) sealAs(random io.Reader, v any, additional string) (string, error) {
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return "", fmt.Errorf("draw a nonce: %w", err)
	}
	plain, err := leafBytes(v)
	if err != nil {
		return "", err
	}
	gcm, err := k.gcm(nonceSize)
	if err != nil {
		return "", err
	}
	out := gcm.Seal(nil, nonce, plain, []byte(additional))
	at, code := len(out)-tagSize, base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s%s,iv:%s,tag:%s,type:%s]", Ciphertext, code(out[:at]), code(nonce), code(out[at:]), leafType(v)), nil
}

func (k dataKey) gcm(nonce int) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithNonceSize(block, nonce)
}

var errNotEncrypted = errors.New("is in plain text, and the rules of the file want it encrypted: encrypt it with sops")

// open decrypts the value at path.
func (k dataKey) open(text string, path []string) (any, error) {
	if text == "" {
		return "", nil
	}
	return k.openAs(text, additional(path))
}

func (k dataKey) openAs(text, additional string) (any, error) {
	parts, err := splitValue(text)
	if err != nil {
		return nil, err
	}
	var raw [3][]byte
	for i, part := range parts[:3] {
		if raw[i], err = base64.StdEncoding.DecodeString(part); err != nil {
			return nil, errors.New("is damaged: its ciphertext is no base64")
		}
	}
	data, nonce, tag := raw[0], raw[1], raw[2]
	if len(nonce) == 0 || len(tag) != tagSize {
		return nil, errors.New("is damaged: its nonce or its tag is cut off")
	}
	gcm, err := k.gcm(len(nonce))
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, append(data, tag...), []byte(additional))
	if err != nil {
		return nil, errors.New("cannot be decrypted: it was changed, or comes from another file or another key of this one")
	}
	return typed(string(plain), parts[3])
}

// splitValue returns data, nonce, tag and type of an encrypted value.
func splitValue(text string) ([4]string, error) {
	var parts [4]string
	rest, ok := strings.CutPrefix(text, Ciphertext)
	if !ok {
		return parts, errNotEncrypted
	}
	damaged := errors.New("is damaged: an encrypted value ends before its end")
	for i, next := range []string{",iv:", ",tag:", ",type:"} {
		if parts[i], rest, ok = strings.Cut(rest, next); !ok {
			return parts, damaged
		}
	}
	if parts[3], ok = strings.CutSuffix(rest, "]"); !ok {
		return parts, damaged
	}
	return parts, nil
}

// typed returns the value that was encrypted as kind. Times come as text, which
// is how YAML gives them to Kubernetes.
func typed(plain, kind string) (any, error) {
	var v any
	var err error
	switch kind {
	case "str", "bytes":
		return plain, nil
	case "comment":
		return comment(plain), nil
	case "int":
		v, err = strconv.Atoi(plain)
	case "float":
		v, err = strconv.ParseFloat(plain, 64)
	case "bool":
		v, err = strconv.ParseBool(plain)
	case "time":
		var at time.Time
		err = at.UnmarshalText([]byte(plain))
		v = at
	default:
		return nil, fmt.Errorf("has the unknown type %.20q: a newer SOPS may have written it", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("does not hold the %s that it says", kind) // without the value
	}
	return v, nil
}

// leafBytes are the bytes of a value in ciphertext and MAC.
func leafBytes(v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	case int:
		return strconv.AppendInt(nil, int64(v), 10), nil
	case float64:
		return strconv.AppendFloat(nil, v, 'f', -1, 64), nil
	case bool:
		if v {
			return []byte("True"), nil
		}
		return []byte("False"), nil
	case time.Time:
		return v.MarshalText()
	}
	return nil, fmt.Errorf("is a %T, which SOPS cannot hold", v)
}

func leafType(v any) string {
	switch v.(type) {
	case int:
		return "int"
	case float64:
		return "float"
	case bool:
		return "bool"
	}
	return "str"
}
