package sops

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// DigestsAnnotation marks a Secret's manifest whose values are keyed digests.
const DigestsAnnotation = "rekindle.io/digests"

// DigestsKeyAnnotation holds the KeyID of the key that the digests were made
// with: those of two keys cannot be compared.
const DigestsKeyAnnotation = "rekindle.io/digests-key"

// digestsNotice is the annotation's value, for whoever opens the file.
const digestsNotice = "these values are keyed digests: they show that a value changed, and cannot be restored"

// digestPrefix and 16 hexadecimal digits are in the place of a value.
const digestPrefix = "hmac-sha256:"

// Digest returns a Secret's manifest with each value replaced by a digest under
// key, KeySize bytes, and annotations that say so and name the key. Values of
// annotations are digests, too, save those of well-known controllers. Two manifests
// of the same Secret give the same, whether a value is in data or in stringData;
// equal values of two keys or of two Secrets give different digests.
func Digest(manifest map[string]any, key []byte) (map[string]any, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	clean, err := cleaned(manifest)
	if err != nil {
		return nil, err
	}
	meta := clean["metadata"].(map[string]any) // cleaned has seen it
	d := digester{key: key, namespace: text(meta, "namespace"), name: text(meta, "name")}
	digests := map[string]any{}
	for _, field := range []string{"data", "stringData"} { // stringData wins, as on the server
		values, ok := clean[field].(map[string]any)
		if !ok && clean[field] != nil {
			return nil, fmt.Errorf("digests of Secret %s: %s is no mapping", nameOf(clean), field)
		}
		for k, v := range values {
			if digests[k], err = d.of(field, k, v); err != nil {
				return nil, fmt.Errorf("digests of Secret %s: %w", nameOf(clean), err)
			}
		}
		delete(clean, field)
	}
	if len(digests) > 0 {
		clean["data"] = digests
	}
	annotations := map[string]any{}
	for name, v := range annotationsOf(clean) {
		if !wellKnown(name) {
			v = d.annotation(name, v)
		}
		annotations[name] = v
	}
	annotations[DigestsAnnotation], annotations[DigestsKeyAnnotation] = digestsNotice, KeyID(key)
	meta["annotations"] = annotations
	return clean, nil
}

// DigestAs is Digest in the form of file, which may be of an earlier time: what
// that one has of annotations in plain text stays plain, to be compared with it.
func DigestAs(file, manifest map[string]any, key []byte) (map[string]any, error) {
	digests, err := Digest(manifest, key)
	if err != nil {
		return nil, err
	}
	theirs, plain := annotationsOf(file), annotationsOf(manifest)
	for name := range annotationsOf(digests) {
		is, there := plain[name]
		if was, known := theirs[name]; there && known && !IsDigest(was) {
			annotationsOf(digests)[name] = is
		}
	}
	return digests, nil
}

// IsDigest tells whether a value is in the form of a digest.
func IsDigest(value any) bool {
	s, _ := value.(string)
	sum, ok := strings.CutPrefix(s, digestPrefix)
	return ok && validID(sum)
}

// HoldsDigests tells whether content is what Digest returned, which must never
// be applied.
func HoldsDigests(content map[string]any) bool {
	_, ok := annotationsOf(content)[DigestsAnnotation]
	return ok
}

type digester struct {
	key             []byte
	namespace, name string
}

// of is the digest of one value. What data holds is decoded first.
func (d digester) of(field, key string, v any) (string, error) {
	form, plain := "text", ""
	switch v := v.(type) {
	case string:
		plain = v
		if field == "data" {
			if raw, err := base64.StdEncoding.DecodeString(v); err == nil {
				plain = string(raw)
			} else {
				form = "no base64"
			}
		}
	default: // no Secret that a server has taken
		encoded, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("%s holds a %T, which no manifest can", field, v)
		}
		form, plain = "other", string(encoded)
	}
	sum := keyed(d.key, "digest v1", d.namespace, d.name, key, form, plain)
	return digestPrefix + hex.EncodeToString(sum[:8]), nil
}

// annotation is the digest of one annotation's value.
func (d digester) annotation(name string, v any) string {
	sum := keyed(d.key, "annotation digest v1", d.namespace, d.name, name, fmt.Sprintf("%T %v", v, v)) // the server takes text alone
	return digestPrefix + hex.EncodeToString(sum[:8])
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
