package sops

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
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
// key, KeySize bytes, and annotations that say so and name the key. Two manifests
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
	annotations, _ := meta["annotations"].(map[string]any)
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = map[string]any{}
	}
	annotations[DigestsAnnotation], annotations[DigestsKeyAnnotation] = digestsNotice, KeyID(key)
	meta["annotations"] = annotations
	return clean, nil
}

// HoldsDigests tells whether content is what Digest returned, which must never
// be applied.
func HoldsDigests(content map[string]any) bool {
	meta, _ := content["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	_, ok := annotations[DigestsAnnotation]
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

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
