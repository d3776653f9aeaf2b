package config

import (
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is one key of a mapping with its value.
type entry struct {
	key            string
	keyNode, value *yaml.Node
}

// entries returns the keys of a mapping in the file's order, those that merge
// keys (<<) bring in last. A key given twice is a problem; its first value
// counts.
func (d *decoder) entries(path string, n *yaml.Node, within []*yaml.Node) []entry {
	var own, merged []entry
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		switch {
		case k.Kind == yaml.ScalarNode && k.Tag == "!!merge":
			merged = append(merged, d.merge(path, v, within)...)
		case k.Kind != yaml.ScalarNode || k.Tag != "!!str":
			d.problem(path, k, "want text as a key, have %s", kindOf(k))
		case first[k.Value] != nil:
			d.problem(joinPath(path, k.Value), k, "given twice, first at line %d", first[k.Value].Line)
		default:
			first[k.Value] = k
			own = append(own, entry{k.Value, k, v})
		}
	}
	for _, e := range merged {
		if first[e.key] == nil {
			first[e.key] = e.keyNode
			own = append(own, e)
		}
	}
	return own
}

// merge returns the entries behind the value of a merge key: a mapping, or a
// list of mappings of which earlier ones win.
func (d *decoder) merge(path string, n *yaml.Node, within []*yaml.Node) []entry {
	n = d.enter(path, n, within)
	if n == nil {
		return nil
	}
	within = append(within, n)
	switch n.Kind {
	case yaml.MappingNode:
		return d.entries(path, n, within)
	case yaml.SequenceNode:
		var all []entry
		for _, item := range n.Content {
			all = append(all, d.merge(path, item, within)...)
		}
		return all
	}
	d.problem(path, n, "<< wants a mapping, have %s", kindOf(n))
	return nil
}

// field is what the tags of one struct field say.
type field struct {
	index         int
	key, doc      string
	required      bool
	words         []string
	fallback      string
	reflectedType reflect.Type
}

// fieldsOf returns the fields of a struct type that the file can set.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		key := sf.Tag.Get("yaml")
		if !sf.IsExported() || key == "" || key == "-" {
			continue
		}
		f := field{
			index: i, key: key, doc: sf.Tag.Get("doc"), required: sf.Tag.Get("required") == "true",
			fallback: sf.Tag.Get("default"), reflectedType: sf.Type,
		}
		if words := sf.Tag.Get("enum"); words != "" {
			f.words = strings.Split(words, ",")
		}
		fields = append(fields, f)
	}
	return fields
}

// setDefaults sets every field of the struct v, and of the structs within it,
// to its default, which a test shows to be valid.
func setDefaults(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		target := v.Field(f.index)
		if f.fallback != "" {
			f.setDefault(target)
		} else if _, ok := scalarOf(target); !ok && target.Kind() == reflect.Struct {
			setDefaults(target)
		}
	}
}

func (f field) setDefault(target reflect.Value) {
	if s, ok := scalarOf(target); ok {
		if err := s.parse(f.fallback); err != nil {
			panic("config: default of " + f.key + ": " + err.Error())
		}
		return
	}
	switch target.Kind() {
	case reflect.String:
		target.SetString(f.fallback)
	case reflect.Bool:
		target.SetBool(f.fallback == "true")
	default:
		panic("config: a default for " + f.key + " of type " + target.Type().String())
	}
}

// joinPath joins keys to a path, quoting those that could be misread.
func joinPath(keys ...string) string {
	var b strings.Builder
	for i, k := range keys {
		if k == "" && i == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		if i > 0 && (k == "" || strings.ContainsFunc(k, awkward)) {
			k = strconv.Quote(k)
		}
		b.WriteString(k)
	}
	return b.String()
}

func awkward(r rune) bool { return r == '.' || r == '"' || r == ' ' || !strconv.IsPrint(r) }
