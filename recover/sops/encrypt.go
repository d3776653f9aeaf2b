package sops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// formatVersion is the version of SOPS whose format is written, and against
// which the tests prove it.
const formatVersion = "3.13.3"

// Sealer turns Secrets into encrypted files. It may be used by several
// goroutines when Rand may.
type Sealer struct {
	// Recipients can decrypt the files; at least one.
	Recipients Recipients
	// Key is the key of the digest by which Seal knows an unchanged Secret:
	// KeySize bytes, the same each time.
	Key []byte
	// Opener decrypts files that were sealed with another Key, to see whether they
	// are unchanged; nil when nothing here can.
	Opener *Opener
	// Now is the time that files are stamped with.
	Now func() time.Time
	// Rand gives the data keys and nonces; crypto/rand.Reader.
	Rand io.Reader
}

// Encrypt returns a Secret's manifest as a file that sops and Flux decrypt: YAML
// with sorted keys, of which only the values below data and stringData are
// encrypted, and annotations unless all are of well-known controllers. What tools have written of the Secret's values into its
// annotations is left out, as are managedFields.
func (s *Sealer) Encrypt(manifest map[string]any) ([]byte, error) {
	clean, err := cleaned(manifest)
	if err != nil {
		return nil, err
	}
	file, err := s.encrypt(clean)
	if err != nil {
		return nil, fmt.Errorf("encrypt Secret %s: %w", nameOf(clean), err)
	}
	return file, nil
}

func (s *Sealer) encrypt(clean map[string]any) ([]byte, error) {
	if s.Recipients.Len() == 0 {
		return nil, errors.New("there is no recipient")
	}
	key := make(dataKey, dataKeySize)
	if _, err := io.ReadFull(s.Rand, key); err != nil {
		return nil, fmt.Errorf("draw a data key: %w", err)
	}
	m := metadata{rule: rule{encryptedRegex: regexp.MustCompile(regexFor(clean))}, modified: s.Now().UTC().Format(time.RFC3339)}
	e := encrypter{key: key, rule: m.rule, random: s.Rand}
	root, err := e.mapping(clean, nil)
	if err != nil {
		return nil, err
	}
	// The MAC is made as a reader will make it: of the file.
	w := newWalker(key, m, func([]string, *yaml.Node, any) error { return nil })
	if err := w.document(root); err != nil {
		return nil, err
	}
	if m.mac, err = key.sealAs(s.Rand, w.sum(), m.modified); err != nil {
		return nil, err
	}
	section, err := s.section(m, key)
	if err != nil {
		return nil, err
	}
	root.Content = append(root.Content, scalar(Section), section)
	file, err := marshal(root)
	if err != nil {
		return nil, err
	}
	return file, reads(file, key, clean)
}

// section is the sops section of a file, in the order in which sops writes it.
func (s *Sealer) section(m metadata, key dataKey) (*yaml.Node, error) {
	keys := &yaml.Node{Kind: yaml.SequenceNode}
	for _, r := range s.Recipients.keys {
		enc, err := r.wrap(key)
		if err != nil {
			return nil, err
		}
		wrapped := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: enc, Style: yaml.LiteralStyle}
		keys.Content = append(keys.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			scalar("enc"), wrapped, scalar("recipient"), scalar(r.text),
		}})
	}
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		scalar("age"), keys,
		scalar("encrypted_regex"), scalar(m.rule.encryptedRegex.String()),
		scalar("lastmodified"), scalar(m.modified),
		scalar("mac"), scalar(m.mac),
		scalar("version"), scalar(formatVersion),
	}}, nil
}

// encrypter makes the nodes of a file.
type encrypter struct {
	key    dataKey
	rule   rule
	random io.Reader
}

func (e encrypter) mapping(m map[string]any, path []string) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		below, err := e.value(m[key], append(path[:len(path):len(path)], key))
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, scalar(key), below)
	}
	return n, nil
}

func (e encrypter) value(v any, path []string) (*yaml.Node, error) {
	switch t := v.(type) {
	case map[string]any:
		return e.mapping(t, path)
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range t {
			below, err := e.value(item, path)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, below)
		}
		return n, nil
	case nil:
		return scalar(nil), nil
	case int64:
		v = int(t)
	case string, bool, int, float64:
	default:
		return nil, fmt.Errorf("%s holds a %T, which no manifest can", strings.Join(path, "."), v)
	}
	if !e.rule.encrypts(path) {
		return scalar(v), nil
	}
	text, err := e.key.seal(e.random, v, path)
	if err != nil {
		return nil, err
	}
	return scalar(text), nil
}

// scalar is the node of a value. Texts that other readers of YAML might take
// for something else are quoted.
func scalar(v any) *yaml.Node {
	n := &yaml.Node{}
	if err := n.Encode(v); err != nil {
		n.SetString(fmt.Sprint(v))
	}
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if text, ok := v.(string); ok && (text == "<<" || strings.ContainsFunc(text, odd)) {
		n.Kind, n.Tag, n.Value, n.Style = yaml.ScalarNode, "!!str", text, yaml.DoubleQuotedStyle
	}
	return n
}

func marshal(root *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	return b.Bytes(), encoder.Close()
}

// reads checks that a file gives back what it was made of, before anybody relies
// on it.
func reads(file []byte, key dataKey, want map[string]any) error {
	failed := errors.New("the encrypted file does not read as what it was made of: this is a fault of rekindle's")
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil {
		return failed
	}
	root := document.Content[0]
	m, err := readMetadata(child(root, Section))
	if err != nil {
		return failed
	}
	values := Values{}
	if err := m.openWith(key, []*yaml.Node{root}, []int{0}, values); err != nil {
		return fmt.Errorf("%w: %w", failed, err)
	}
	var content map[string]any
	if err := root.Decode(&content); err != nil || !values.Fill(content) {
		return failed
	}
	have, err := json.Marshal(content)
	if err != nil {
		return failed
	}
	wanted, err := json.Marshal(want)
	if err != nil || !bytes.Equal(have, wanted) {
		return failed
	}
	return nil
}
