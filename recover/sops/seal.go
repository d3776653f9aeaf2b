package sops

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The first line of a sealed file, a comment of which neither the MAC nor a
// cluster knows: sealedLine, 64 hexadecimal digits, keyWord, and the KeyID.
const (
	sealedLine = "# rekindle.io/sealed: hmac-sha256:"
	keyWord    = " key:"
)

// Mark stands for what a Secret holds and for whom it is to be encrypted, under
// a Sealer's key. Nobody without that key can try values against it.
type Mark [sha256.Size]byte

// Likeness is what can be told of a file without writing another one.
type Likeness int

// What a file may be, beside a Mark.
const (
	// Other: it holds something else, is for others, or was touched.
	Other Likeness = iota
	// Same: it need not be written again.
	Same
	// Unknown: it was sealed with another key, and no secret key at hand opens it.
	Unknown
)

// Seal returns a Secret's manifest as an encrypted file, like Encrypt. When
// previous, the file of the last time, is Same, it is returned byte for byte:
// encryption is random, and a file that changes with each export says nothing.
func (s *Sealer) Seal(manifest map[string]any, previous []byte) ([]byte, error) {
	mark, err := s.Mark(manifest)
	if err != nil {
		return nil, err
	}
	if s.Compare(previous, mark) == Same {
		return previous, nil
	}
	body, err := s.Encrypt(manifest)
	if err != nil {
		return nil, err
	}
	return append(append(s.sealed(mark, body), '\n'), body...), nil
}

// Mark is that of a Secret for the Sealer's recipients.
func (s *Sealer) Mark(manifest map[string]any) (Mark, error) {
	if err := checkKey(s.Key); err != nil {
		return Mark{}, err
	}
	clean, err := cleaned(manifest)
	if err != nil {
		return Mark{}, err
	}
	return s.mark(clean, s.Recipients.Strings())
}

// Compare tells whether a file holds the Secret of a Mark, for its recipients.
// The Sealer that wrote the file need not decrypt it: the first line is a digest,
// under the Sealer's key, of the Mark and of the rest of the file. What was sealed
// with another key is decrypted when the Opener can.
func (s *Sealer) Compare(file []byte, mark Mark) Likeness {
	line, body, _ := bytes.Cut(file, []byte("\n"))
	if hmac.Equal(line, s.sealed(mark, body)) {
		return Same
	}
	form, by := Look(file)
	switch {
	case form != Encrypted || by == KeyID(s.Key):
		return Other
	case s.Opener == nil:
		return Unknown
	}
	has, err := s.opened(file)
	switch {
	case err != nil:
		return Unknown
	case has == mark:
		return Same
	}
	return Other
}

// opened is the Mark of a file that the Opener decrypts.
func (s *Sealer) opened(file []byte) (Mark, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil {
		return Mark{}, err
	}
	root := document.Content[0] // Look has seen it
	m, err := readMetadata(child(root, Section))
	if err != nil {
		return Mark{}, err
	}
	values, err := s.Opener.Open([]*yaml.Node{root})
	if err != nil {
		return Mark{}, err
	}
	var content map[string]any
	if err := root.Decode(&content); err != nil {
		return Mark{}, err
	}
	values.Fill(content)
	if len(m.others) > 0 || !m.rule.ours() || m.rule.encryptedRegex.String() != regexFor(content) {
		return Mark{}, nil // as nothing that is sealed here
	}
	recipients := make([]string, len(m.age))
	for i, key := range m.age {
		recipients[i] = key.recipient
	}
	return s.mark(content, recipients)
}

func (s *Sealer) mark(clean map[string]any, recipients []string) (Mark, error) {
	content, err := json.Marshal(clean) // sorted keys
	if err != nil {
		return Mark{}, fmt.Errorf("seal Secret %s: %w", nameOf(clean), err)
	}
	form := "mark v1"
	if regexFor(clean) == RegexWithAnnotations {
		form = "mark v2" // files of an earlier time have these annotations in plain text
	}
	return Mark(keyed(s.Key, form, string(content), strings.Join(recipients, "\n"))), nil
}

// sealed is the first line of the file with body.
func (s *Sealer) sealed(mark Mark, body []byte) []byte {
	sum := keyed(s.Key, "sealed v1", string(mark[:]), string(body))
	return []byte(sealedLine + hex.EncodeToString(sum) + keyWord + KeyID(s.Key))
}

// Form is how a file keeps a Secret.
type Form int

// The forms of files.
const (
	Neither Form = iota
	Digests
	Encrypted
)

// Look tells, without any key, how a file keeps a Secret, and which KeyID it
// names; "" when it names none.
func Look(file []byte) (Form, string) {
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil || len(document.Content) != 1 {
		return Neither, ""
	}
	root := document.Content[0]
	annotations := child(child(root, "metadata"), "annotations")
	switch {
	case IsSealed(root):
		line, _, _ := strings.Cut(string(file[:min(len(file), 256)]), "\n")
		if rest, ok := strings.CutPrefix(line, sealedLine); ok {
			if _, id, ok := strings.Cut(rest, keyWord); ok && validID(id) {
				return Encrypted, id
			}
		}
		return Encrypted, ""
	case child(annotations, DigestsAnnotation) != nil:
		if id := textIn(annotations, DigestsKeyAnnotation); validID(id) {
			return Digests, id
		}
		return Digests, ""
	}
	return Neither, ""
}
