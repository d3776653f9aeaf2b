package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Versions of the policy language. Variables came with the second.
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// maxDocument bounds what is read at all, in bytes.
const maxDocument = 128 << 10

// Parse reads an identity policy: one that is attached to who does something.
func Parse(text []byte) (*Document, error) { return parse(text, false) }

// ParseTrust reads a trust policy: one of a role, which names who may take it on.
func ParseTrust(text []byte) (*Document, error) { return parse(text, true) }

func parse(text []byte, trust bool) (*Document, error) {
	if len(text) > maxDocument {
		return nil, fmt.Errorf("policy: %d bytes are too many", len(text))
	}
	whole, err := object(text)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	d := &Document{Version: version2008}
	for _, m := range whole {
		switch m.name {
		case "Version":
			if d.Version, err = word(m.value); err == nil && d.Version != version2008 && d.Version != version2012 {
				err = fmt.Errorf("%q is none; use %q", d.Version, version2012)
			}
		case "Id":
			d.ID, err = word(m.value)
		case "Statement":
			d.Statements, err = statements(m.value, trust)
		default:
			err = errors.New("a policy has no such element")
		}
		if err != nil {
			return nil, fmt.Errorf("policy: %s: %w", m.name, err)
		}
	}
	if len(d.Statements) == 0 {
		return nil, errors.New("policy: it has no Statement")
	}
	if err := d.finish(); err != nil {
		return nil, err
	}
	return d, nil
}

// finish checks what several parts of a document have to do with each other.
func (d *Document) finish() error {
	seen := map[string]bool{}
	for i := range d.Statements {
		s := &d.Statements[i]
		s.variables = d.Version == version2012
		if s.Sid != "" && seen[s.Sid] {
			return fmt.Errorf("policy: two statements have the Sid %q", s.Sid)
		}
		seen[s.Sid] = true
		if err := s.variablesClosed(); err != nil {
			return fmt.Errorf("policy: statement %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Statement) variablesClosed() error {
	if !s.variables {
		return nil
	}
	all := slices.Concat(s.Resources, s.NotResources)
	for _, c := range s.Conditions {
		all = append(all, c.Values...)
	}
	for _, v := range all {
		for rest := v; ; {
			_, after, found := strings.Cut(rest, "${")
			if !found {
				break
			}
			if _, rest, found = strings.Cut(after, "}"); !found {
				return fmt.Errorf("%q begins a variable that does not end", v)
			}
		}
	}
	return nil
}

func statements(raw json.RawMessage, trust bool) ([]Statement, error) {
	list := []json.RawMessage{raw}
	if raw[0] == '[' {
		list = nil
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
	}
	found := make([]Statement, len(list))
	for i, one := range list {
		s, err := statement(one, trust)
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
		found[i] = s
	}
	return found, nil
}

func statement(raw json.RawMessage, trust bool) (Statement, error) {
	var s Statement
	whole, err := object(raw)
	if err != nil {
		return s, err
	}
	effect := false
	for _, m := range whole {
		effect = effect || m.name == "Effect"
		if err := s.read(m, trust); err != nil {
			return s, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	switch {
	case !effect:
		return s, errors.New("it has no Effect")
	case (s.Actions == nil) == (s.NotActions == nil):
		return s, errors.New("it needs Action or NotAction, not both")
	case !trust && (s.Resources == nil) == (s.NotResources == nil):
		return s, errors.New("it needs Resource or NotResource, not both")
	case trust && (s.Principals == nil) == (s.NotPrincipals == nil):
		return s, errors.New("it needs Principal or NotPrincipal, not both")
	}
	return s, nil
}

var sid = regexp.MustCompile(`\A[A-Za-z0-9]*\z`)

// read takes one element of a statement.
func (s *Statement) read(m member, trust bool) (err error) {
	switch m.name {
	case "Sid":
		if s.Sid, err = word(m.value); err == nil && !sid.MatchString(s.Sid) {
			err = fmt.Errorf("%q has other characters than letters and digits", s.Sid)
		}
	case "Effect":
		var effect string
		if effect, err = word(m.value); err == nil && effect != "Allow" && effect != "Deny" {
			err = fmt.Errorf("%q is neither Allow nor Deny", effect)
		}
		s.Deny = effect == "Deny"
	case "Action":
		s.Actions, err = actions(m.value)
	case "NotAction":
		s.NotActions, err = actions(m.value)
	case "Resource", "NotResource":
		if trust {
			return errors.New("a trust policy has none")
		}
		into := &s.Resources
		if m.name == "NotResource" {
			into = &s.NotResources
		}
		*into, err = resources(m.value)
	case "Principal", "NotPrincipal":
		if !trust {
			return errors.New("an identity policy has none")
		}
		into := &s.Principals
		if m.name == "NotPrincipal" {
			into = &s.NotPrincipals
		}
		*into, err = principals(m.value)
	case "Condition":
		s.Conditions, err = conditions(m.value)
	default:
		err = errors.New("a statement has no such element")
	}
	return err
}

var action = regexp.MustCompile(`\A(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)\z`)

func actions(raw json.RawMessage) ([]string, error) {
	list, err := words(raw)
	for _, a := range list {
		if !action.MatchString(a) {
			return nil, fmt.Errorf("%q is no action: service:Name", a)
		}
	}
	return list, err
}

func resources(raw json.RawMessage) ([]string, error) {
	list, err := words(raw)
	for _, r := range list {
		if r != "*" && !strings.HasPrefix(r, "arn:") {
			return nil, fmt.Errorf("%q is neither an ARN nor *", r)
		}
		if parts := strings.SplitN(r, ":", arnParts); len(parts) > 2 && strings.ContainsAny(parts[2], "*?") {
			return nil, fmt.Errorf("%q has a wildcard for its service", r)
		}
	}
	return list, err
}

func principals(raw json.RawMessage) (map[string][]string, error) {
	if raw[0] == '"' {
		if everybody, err := word(raw); err != nil || everybody != "*" {
			return nil, fmt.Errorf("%s is no principal", raw)
		}
		return map[string][]string{"*": {"*"}}, nil
	}
	whole, err := object(raw)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, m := range whole {
		if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, m.name) {
			return nil, fmt.Errorf("%q is no type of principal", m.name)
		}
		if found[m.name], err = words(m.value); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("it names nobody")
	}
	return found, nil
}

func conditions(raw json.RawMessage) ([]Condition, error) {
	whole, err := object(raw)
	if err != nil {
		return nil, err
	}
	var found []Condition
	for _, operator := range whole {
		keys, err := object(operator.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", operator.name, err)
		}
		for _, key := range keys {
			values, err := words(key.value)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", operator.name, key.name, err)
			}
			c, err := newCondition(operator.name, key.name, values)
			if err != nil {
				return nil, err
			}
			found = append(found, c)
		}
	}
	return found, nil
}

// member is one of an object.
type member struct {
	name  string
	value json.RawMessage
}

// object reads the members of a JSON object; twice the same is an error.
func object(raw []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("it is no JSON object"), err)
	}
	var found []member
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: fmt.Sprint(t)}
		if slices.ContainsFunc(found, func(o member) bool { return o.name == m.name }) {
			return nil, fmt.Errorf("%q is there twice", m.name)
		}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the JSON object")
	}
	return found, nil
}

func word(raw json.RawMessage) (string, error) {
	if raw[0] != '"' {
		return "", fmt.Errorf("%s is no string", raw)
	}
	var s string
	return s, json.Unmarshal(raw, &s)
}

// words are one string or a list of them; true, false and numbers may stand for strings.
func words(raw json.RawMessage) ([]string, error) {
	list := []json.RawMessage{raw}
	if raw[0] == '[' {
		list = nil
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errors.New("it is empty")
	}
	found := make([]string, len(list))
	for i, one := range list {
		switch one[0] {
		case '"':
			if err := json.Unmarshal(one, &found[i]); err != nil {
				return nil, err
			}
		case '{', '[', 'n':
			return nil, fmt.Errorf("%s is no string", one)
		default:
			found[i] = string(one)
		}
	}
	return found, nil
}
