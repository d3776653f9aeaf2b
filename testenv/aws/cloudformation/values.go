package cloudformation

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Functions that templates may use here.
const (
	fnRef    = "Ref"
	fnGetAtt = "Fn::GetAtt"
	fnJoin   = "Fn::Join"
	fnSelect = "Fn::Select"
	fnGetAZs = "Fn::GetAZs"
	fnSub    = "Fn::Sub"
)

// placeholder is "${Name}" of a Sub; "${!Name}" stands for "${Name}" itself.
var placeholder = regexp.MustCompile(`\$\{(!?)([^}]*)\}`)

// call is a function and its argument; false for any other value.
func call(v any) (name string, argument any, is bool) {
	m, _ := v.(map[string]any)
	if len(m) != 1 {
		return "", nil, false
	}
	for name, argument = range m {
		if name == fnRef || strings.HasPrefix(name, "Fn::") {
			return name, argument, true
		}
	}
	return "", nil, false
}

// references are the names of the resources that a value needs, sorted.
func references(v any) []string {
	var found []string
	add := func(name string) {
		if !strings.HasPrefix(name, "AWS::") {
			found = append(found, name)
		}
	}
	name, argument, is := call(v)
	switch {
	case is && name == fnRef:
		add(fmt.Sprint(argument))
	case is && name == fnGetAtt:
		of, _, _ := attribute(argument)
		add(of)
	case is && name == fnSub:
		text, more, own := substitution(argument)
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if of, _, _ := strings.Cut(m[2], "."); m[1] == "" && !own[m[2]] {
				add(of)
			}
		}
		found = append(found, references(more)...)
	default:
		switch v := v.(type) {
		case map[string]any:
			for _, one := range v {
				found = append(found, references(one)...)
			}
		case []any:
			for _, one := range v {
				found = append(found, references(one)...)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// attribute reads the argument of a GetAtt: a list of two, or "Name.Attribute".
func attribute(argument any) (of, name string, err error) {
	if list, is := argument.([]any); is && len(list) == 2 {
		return fmt.Sprint(list[0]), fmt.Sprint(list[1]), nil
	}
	text, is := argument.(string)
	of, name, dotted := strings.Cut(text, ".")
	if !is || !dotted {
		return "", "", invalid("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
	}
	return of, name, nil
}

// substitution reads the argument of a Sub: a text, or one with values of its own.
func substitution(argument any) (text string, values map[string]any, own map[string]bool) {
	own = map[string]bool{}
	switch a := argument.(type) {
	case string:
		return a, nil, own
	case []any:
		if len(a) == 2 {
			text, _ = a[0].(string)
			values, _ = a[1].(map[string]any)
			for name := range values {
				own[name] = true
			}
		}
	}
	return text, values, own
}

// scope is what values stand for while a stack is made.
type scope struct {
	pseudo map[string]string
	zones  []string
	// made are the resources that are there, by their names in the template.
	made func(name string) *made
}

// text evaluates what has to be a string.
func (s *scope) text(v any) (string, error) {
	v, err := s.value(v)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", invalid("Template error: %v is no string", v)
}

// value evaluates the functions in a value.
func (s *scope) value(v any) (any, error) {
	if name, argument, is := call(v); is {
		return s.call(name, argument)
	}
	switch v := v.(type) {
	case map[string]any:
		of := make(map[string]any, len(v))
		for k, one := range v {
			e, err := s.value(one)
			if err != nil {
				return nil, err
			}
			of[k] = e
		}
		return of, nil
	case []any:
		return s.list(v)
	}
	return v, nil
}

func (s *scope) list(v any) ([]any, error) {
	if _, _, is := call(v); is {
		e, err := s.value(v)
		if err != nil {
			return nil, err
		}
		v = e
	}
	list, is := v.([]any)
	if !is {
		return nil, invalid("Template error: %v is no list", v)
	}
	of := make([]any, len(list))
	for i, one := range list {
		e, err := s.value(one)
		if err != nil {
			return nil, err
		}
		of[i] = e
	}
	return of, nil
}

func (s *scope) call(name string, argument any) (any, error) {
	switch name {
	case fnRef:
		return s.ref(fmt.Sprint(argument))
	case fnGetAtt:
		of, attr, err := attribute(argument)
		if err != nil {
			return nil, err
		}
		return s.attribute(of, attr)
	case fnSub:
		return s.sub(argument)
	case fnGetAZs:
		zones := make([]any, len(s.zones))
		for i, z := range s.zones {
			zones[i] = z
		}
		return zones, nil
	case fnJoin, fnSelect:
		pair, _ := argument.([]any)
		if len(pair) != 2 {
			return nil, invalid("Template error: every %s object requires two parameters", name)
		}
		list, err := s.list(pair[1])
		if err != nil {
			return nil, err
		}
		if name == fnJoin {
			return s.join(pair[0], list)
		}
		return s.choose(pair[0], list)
	}
	return nil, invalid("Template error: %s is not simulated", name)
}

func (s *scope) join(between any, list []any) (any, error) {
	separator, err := s.text(between)
	if err != nil {
		return nil, err
	}
	words := make([]string, len(list))
	for i, one := range list {
		if words[i], err = s.text(one); err != nil {
			return nil, err
		}
	}
	return strings.Join(words, separator), nil
}

func (s *scope) choose(index any, list []any) (any, error) {
	text, err := s.text(index)
	if err != nil {
		return nil, err
	}
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 || i >= len(list) {
		return nil, invalid("Template error: Fn::Select cannot select nonexistent value at index %s", text)
	}
	return list[i], nil
}

func (s *scope) ref(name string) (any, error) {
	if v, there := s.pseudo[name]; there {
		return v, nil
	}
	if m := s.made(name); m != nil {
		return m.physical, nil
	}
	return nil, invalid("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", name)
}

func (s *scope) attribute(of, name string) (any, error) {
	m := s.made(of)
	if m == nil {
		return nil, invalid("Template error: instance of Fn::GetAtt references undefined resource %s", of)
	}
	v, there := m.attributes[name]
	if !there {
		return nil, invalid("Template error: resource %s does not support attribute type %s in Fn::GetAtt", of, name)
	}
	return v, nil
}

func (s *scope) sub(argument any) (any, error) {
	text, values, own := substitution(argument)
	if text == "" {
		return nil, invalid("Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments.")
	}
	var failed error
	out := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		m := placeholder.FindStringSubmatch(found)
		var v any
		var err error
		switch of, attr, dotted := strings.Cut(m[2], "."); {
		case m[1] != "":
			return "${" + m[2] + "}"
		case own[m[2]]:
			v, err = s.text(values[m[2]])
		case dotted:
			v, err = s.attribute(of, attr)
		default:
			v, err = s.ref(m[2])
		}
		if err != nil {
			failed = err
			return ""
		}
		return fmt.Sprint(v)
	})
	return out, failed
}

// document is JSON as a property holds it.
func document(v any) (string, error) {
	if text, is := v.(string); is {
		return text, nil
	}
	raw, err := json.Marshal(v)
	return string(raw), err
}
