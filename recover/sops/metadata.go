package sops

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// metadata is what the sops section of a file says.
type metadata struct {
	age    []wrappedKey
	others []string // keys of other types, for people
	rule   rule
	// macOnlyEncrypted leaves values in plain text out of the MAC.
	macOnlyEncrypted bool
	// modified, as SOPS writes it, is the additional data of the MAC.
	modified, mac string
}

// wrappedKey is the data key, encrypted for one recipient.
type wrappedKey struct {
	recipient, enc string
}

// readMetadata reads the sops section.
func readMetadata(section *yaml.Node) (metadata, error) {
	var m metadata
	if section.Kind != yaml.MappingNode {
		return m, errors.New("has a sops section that is no mapping")
	}
	text := func(key string) string { return textIn(section, key) }
	modified, err := time.Parse(time.RFC3339, text("lastmodified"))
	if err != nil {
		return m, errors.New("has a sops section without the time lastmodified: it is damaged")
	}
	m.modified = modified.Format(time.RFC3339)
	m.mac = text("mac")
	m.macOnlyEncrypted = text("mac_only_encrypted") == "true"
	if m.rule, err = ruleOf(text); err != nil {
		return m, err
	}
	groups := []*yaml.Node{section}
	if split := child(section, "key_groups"); split != nil && len(split.Content) > 0 && !m.hasKeys(section) {
		groups = split.Content
	}
	if len(groups) > 1 {
		return m, fmt.Errorf("splits its key among %d groups of people (Shamir's secret sharing), which is not supported: encrypt it for one group", len(groups))
	}
	if err := m.readKeys(groups[0]); err != nil {
		return m, err
	}
	if len(m.age)+len(m.others) == 0 {
		return m, errors.New("has a sops section without any key: it is damaged")
	}
	return m, nil
}

// otherKeys are the keys of other types, and the field that names one.
func otherKeys() [][2]string {
	return [][2]string{
		{"pgp", "fp"}, {"kms", "arn"}, {"gcp_kms", "resource_id"}, {"azure_kv", "name"}, {"hc_vault", "key_name"}, {"hckms", "key_id"},
	}
}

func (m *metadata) hasKeys(group *yaml.Node) bool {
	for _, other := range append(otherKeys(), [2]string{"age"}) {
		if list := child(group, other[0]); list != nil && len(list.Content) > 0 {
			return true
		}
	}
	return false
}

func (m *metadata) readKeys(group *yaml.Node) error {
	for _, other := range otherKeys() {
		if list := child(group, other[0]); list != nil {
			for _, key := range list.Content {
				m.others = append(m.others, strings.TrimSpace(other[0]+" "+textIn(key, other[1])))
			}
		}
	}
	list := child(group, "age")
	if list == nil {
		return nil
	}
	if n := len(list.Content); n > maxRecipients {
		return fmt.Errorf("is encrypted for %d recipients: more than %d are not tried", n, maxRecipients)
	}
	for _, key := range list.Content {
		wrapped := wrappedKey{recipient: textIn(key, "recipient"), enc: textIn(key, "enc")}
		if len(wrapped.enc) > maxWrapped {
			return fmt.Errorf("has a data key of %d bytes: it is damaged", len(wrapped.enc))
		}
		m.age = append(m.age, wrapped)
	}
	return nil
}

// child returns the value of key in a mapping, nil when it has none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// textIn returns the scalar at key, "" when there is none.
func textIn(n *yaml.Node, key string) string {
	if v := child(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}
