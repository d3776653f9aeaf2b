package sops

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"strings"

	"go.yaml.in/yaml/v3"
)

// onlyEncrypted is hashed first when the MAC covers encrypted values alone, so
// that no MAC is good for both ways.
const onlyEncrypted = "\x8a\x3f\xd2\xad\x54\xce\x66\x52\x7b\x10\x34\xf3\xd1\x47\xbe\x0b\x0b\x97\x5b\x3b\xf4\x4f\x72\xc6\xfd\xad\xec\x81\x76\xf2\x7d\x69"

// walker goes over the values of a file in their order, decrypts those that the
// rule says, and hashes what the MAC covers.
type walker struct {
	key  dataKey
	rule rule
	only bool
	hash hash.Hash
	// found is told of each decrypted value, and of each in plain metadata that only
	// looks encrypted.
	found func(path []string, n *yaml.Node, plain any) error
}

func newWalker(key dataKey, m metadata, found func([]string, *yaml.Node, any) error) *walker {
	w := &walker{key: key, rule: m.rule, only: m.macOnlyEncrypted, hash: sha512.New(), found: found}
	if w.only {
		w.hash.Write([]byte(onlyEncrypted))
	}
	return w
}

// sum is the MAC in plain text.
func (w *walker) sum() string { return fmt.Sprintf("%X", w.hash.Sum(nil)) }

// document walks over a document, its sops section left out.
func (w *walker) document(root *yaml.Node) error {
	if root.Kind != yaml.MappingNode {
		return at(root, errors.New("is no mapping"))
	}
	return w.mapping(root, nil)
}

// at gives err the line of n, unless it has one.
func at(n *yaml.Node, err error) error {
	var located *DocumentError
	if err == nil || errors.As(err, &located) {
		return err
	}
	return &DocumentError{Line: n.Line, Err: err}
}

func (w *walker) mapping(n *yaml.Node, path []string) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		var key any
		if err := n.Content[i].Decode(&key); err != nil {
			return at(n.Content[i], errors.New("is a key that cannot be read"))
		}
		name, ok := key.(string)
		if !ok {
			return at(n.Content[i], errors.New("is a key that is no text: SOPS encrypts no such mapping"))
		}
		if len(path) == 0 && name == Section {
			continue
		}
		if err := w.value(n.Content[i+1], append(path[:len(path):len(path)], name)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) value(n *yaml.Node, path []string) error {
	if len(path) > maxDepth {
		return at(n, fmt.Errorf("nests deeper than %d mappings", maxDepth))
	}
	switch n.Kind {
	case yaml.MappingNode:
		return w.mapping(n, path)
	case yaml.SequenceNode:
		return w.sequence(n, path, 0)
	case yaml.ScalarNode:
		return at(n, w.leaf(n, path))
	}
	return at(n, errors.New("is an alias: SOPS writes values out, so somebody changed the file after it was encrypted"))
}

// sequence walks over a list. The items have the path of the list.
func (w *walker) sequence(n *yaml.Node, path []string, depth int) error {
	if depth > maxDepth {
		return at(n, fmt.Errorf("nests deeper than %d lists", maxDepth))
	}
	for _, item := range n.Content {
		err := error(nil)
		if item.Kind == yaml.SequenceNode {
			err = w.sequence(item, path, depth+1)
		} else {
			err = w.value(item, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) leaf(n *yaml.Node, path []string) error {
	var v any
	if err := n.Decode(&v); err != nil {
		return errors.New("cannot be read") // the parser's words may quote it
	}
	if v == nil {
		return nil
	}
	secret := w.rule.encrypts(path)
	if secret {
		text, ok := v.(string)
		if !ok {
			return errNotEncrypted
		}
		plain, err := w.key.open(text, path)
		if err != nil {
			return err
		}
		if _, ok := plain.(comment); ok {
			return errors.New("is an encrypted comment in a list, which is not supported: take it out with sops")
		}
		if err := w.found(path, n, plain); err != nil {
			return err
		}
		v = plain
	} else if text, _ := v.(string); path[0] == "metadata" && strings.HasPrefix(text, Ciphertext) {
		if err := w.found(path, n, v); err != nil {
			return err
		}
	}
	if secret || !w.only {
		b, err := leafBytes(v)
		if err != nil {
			return err
		}
		w.hash.Write(b)
	}
	return nil
}
