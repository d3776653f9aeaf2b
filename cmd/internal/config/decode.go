package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

// Limits against YAML that grows when its aliases are followed.
const (
	maxVisits = 100_000
	maxDepth  = 64
)

// decoder fills Go values from YAML nodes. It goes on after a problem, so that
// all of them are reported at once.
type decoder struct {
	file      string
	positions map[string]Position
	problems  []Problem
	visits    int
	// aborted: a limit was hit; nothing more is read or reported.
	aborted bool
}

func (d *decoder) problem(path string, n *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		Position: d.at(n), Field: path, Message: fmt.Sprintf(format, args...),
	})
}

func (d *decoder) at(n *yaml.Node) Position {
	return Position{File: d.file, Line: n.Line, Column: n.Column}
}

// enter follows an alias and counts the visit. It returns nil when a limit is
// hit; within holds the nodes that are being read, outermost first.
func (d *decoder) enter(path string, n *yaml.Node, within []*yaml.Node) *yaml.Node {
	if d.aborted {
		return nil
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.visits++
	switch {
	case slices.Contains(within, n):
		d.problem(path, n, "the anchor %q contains itself", n.Anchor)
	case d.visits > maxVisits:
		d.problem(path, n, "more than %d values once its aliases are followed", maxVisits)
	case len(within) >= maxDepth:
		d.problem(path, n, "nested more than %d deep", maxDepth)
	default:
		return n
	}
	d.aborted = true
	return nil
}

// value fills v from n.
func (d *decoder) value(path string, n *yaml.Node, v reflect.Value, within []*yaml.Node) {
	at := d.at(n)
	n = d.enter(path, n, within)
	if n == nil {
		return
	}
	if path != "" {
		d.positions[path] = at
	}
	within = append(within, n)
	if s, ok := scalarOf(v); ok {
		d.scalar(path, n, s)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if isNull(n) {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.value(path, n, v.Elem(), within[:len(within)-1])
	case reflect.Struct:
		d.structure(path, n, v, within)
	case reflect.Map:
		d.mapping(path, n, v, within)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[Texts]() && n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
			v.Set(reflect.ValueOf(Texts{n.Value}))
			return
		}
		d.list(path, n, v, within)
	case reflect.Interface:
		if a := d.free(path, n, within); a != nil {
			v.Set(reflect.ValueOf(a))
		}
	case reflect.String:
		if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
			v.SetString(n.Value)
		} else if n.Kind == yaml.ScalarNode && !isNull(n) {
			d.problem(path, n, "want text, have %s: put it in quotes: %q", kindOf(n), n.Value)
		} else {
			d.mismatch(path, n, "text")
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			d.mismatch(path, n, "true or false")
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	default:
		panic(fmt.Sprintf("config: field %s has type %s, which no decoder reads", path, v.Type()))
	}
}

func (d *decoder) mismatch(path string, n *yaml.Node, want string) {
	d.problem(path, n, "want %s, have %s", want, kindOf(n))
}

func (d *decoder) scalar(path string, n *yaml.Node, s scalar) {
	want, tags := "text", []string{"!!str", "!!timestamp"}
	if _, ok := s.(interface{ number() }); ok {
		want, tags = "a number", []string{"!!int"}
		if _, ok := s.(interface{ fraction() }); ok {
			tags = append(tags, "!!float")
		}
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.mismatch(path, n, want)
	} else if err := s.parse(n.Value); err != nil {
		d.problem(path, n, "%v, have %q", err, n.Value)
	} else if !slices.Contains(tags, n.Tag) {
		d.mismatch(path, n, want)
	}
}

// structure fills a struct: unknown keys are problems, absent ones take their
// default or, when required, are problems too.
func (d *decoder) structure(path string, n *yaml.Node, v reflect.Value, within []*yaml.Node) {
	fields := fieldsOf(v.Type())
	setDefaults(v)
	if n.Kind != yaml.MappingNode && !isNull(n) {
		d.mismatch(path, n, "a mapping")
		return
	}
	given := map[string]bool{}
	for _, e := range d.entries(path, n, within) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			if path == "" && strings.HasPrefix(e.key, "x-") {
				continue
			}
			d.unknown(path, e, fields)
			continue
		}
		f := fields[i]
		given[f.key] = true
		at := joinPath(path, e.key)
		if f.required && isNull(e.value) {
			d.problem(at, e.value, "required, but it is empty")
			continue
		}
		before := len(d.problems)
		d.value(at, e.value, v.Field(f.index), within)
		if len(d.problems) == before {
			d.word(at, e.value, f, v.Field(f.index))
		}
	}
	for _, f := range fields {
		if f.required && !given[f.key] && !d.aborted {
			d.problem(joinPath(path, f.key), n, "required, but it is missing")
		}
	}
}

// word checks a text against the words that its field allows.
func (d *decoder) word(path string, n *yaml.Node, f field, v reflect.Value) {
	if v.Kind() != reflect.String {
		return
	}
	text := v.String()
	if f.required && text == "" {
		d.problem(path, n, "required, but it is empty")
	}
	if len(f.words) > 0 && !slices.Contains(f.words, text) {
		d.problem(path, n, "%q is none of %s", text, strings.Join(f.words, ", "))
		d.problems[len(d.problems)-1].Suggestion = nearest.Name(text, f.words)
	}
}

func (d *decoder) unknown(path string, e entry, fields []field) {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	d.problem(joinPath(path, e.key), e.keyNode, "unknown field")
	p := &d.problems[len(d.problems)-1]
	if p.Suggestion = nearest.Name(e.key, known); p.Suggestion == "" {
		p.Message = fmt.Sprintf("unknown field (known here: %s)", strings.Join(known, ", "))
	}
}

func (d *decoder) mapping(path string, n *yaml.Node, v reflect.Value, within []*yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.mismatch(path, n, "a mapping")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range d.entries(path, n, within) {
		at := joinPath(path, e.key)
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(at, e.value, elem, within)
		v.SetMapIndex(reflect.ValueOf(e.key), elem)
		d.positions[at] = d.at(e.keyNode)
	}
}

func (d *decoder) list(path string, n *yaml.Node, v reflect.Value, within []*yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.mismatch(path, n, "a list")
		return
	}
	for i, item := range n.Content {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(fmt.Sprintf("%s[%d]", path, i), item, elem, within)
		v.Set(reflect.Append(v, elem))
	}
}

// free reads a value of no fixed shape into what encoding/json knows.
func (d *decoder) free(path string, n *yaml.Node, within []*yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		d.mapping(path, n, reflect.ValueOf(&m).Elem(), within)
		return m
	case yaml.SequenceNode:
		l := []any{}
		d.list(path, n, reflect.ValueOf(&l).Elem(), within)
		return l
	}
	var out any
	if err := n.Decode(&out); err != nil {
		d.problem(path, n, "cannot be read: %v", err)
		return nil
	}
	switch out := out.(type) {
	case nil, bool, int, int64, uint64, string:
		return out
	case float64:
		if math.IsNaN(out) || math.IsInf(out, 0) {
			d.problem(path, n, "want a finite number, have %s", n.Value)
			return nil
		}
		return out
	}
	return n.Value // a date or binary: as written
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "a truth value"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "text " + strconv.Quote(n.Value)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
