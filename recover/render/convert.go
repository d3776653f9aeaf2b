package render

import (
	"encoding/base64"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// converter turns the nodes of one document into the values that an
// unstructured object holds: map[string]any, []any, string, int64, float64,
// bool and nil.
type converter struct {
	doc    *document
	limits Limits
	// cost is the size of anchored nodes with their aliases expanded.
	cost map[*yaml.Node]int64
}

// nodeCost estimates the memory of one value beside its text.
const nodeCost = 64

// convertDocument converts the whole document, or fails before it takes memory
// when its aliases would expand to more than limits allow.
func convertDocument(doc *document, limits Limits) (any, error) {
	c := newConverter(doc, limits)
	if err := c.bound(); err != nil {
		return nil, err
	}
	return c.value(doc.root)
}

func newConverter(doc *document, limits Limits) *converter {
	return &converter{doc: doc, limits: limits, cost: map[*yaml.Node]int64{}}
}

// bound fails when the document nests too deeply or its aliases expand too far.
func (c *converter) bound() error {
	literal, expanded, err := c.measure(c.doc.root, 0)
	if err != nil {
		return err
	}
	if expanded-literal > c.limits.Expansion {
		return c.doc.errorAt(c.doc.root, "the aliases in this document expand to more than %d bytes: write the values out", c.limits.Expansion)
	}
	return nil
}

// checkAliases checks a file that somebody else is going to read.
func checkAliases(file string, data []byte, limits Limits) error {
	docs, err := parseDocuments(file, data)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if err := newConverter(doc, limits).bound(); err != nil {
			return err
		}
	}
	return nil
}

const visiting = -1

// measure returns the cost of n as written and with aliases expanded. It takes
// time linear in what is written.
func (c *converter) measure(n *yaml.Node, depth int) (literal, expanded int64, err error) {
	if depth > c.limits.Depth {
		return 0, 0, c.doc.errorAt(n, "nests more than %d levels deep", c.limits.Depth)
	}
	if n.Kind == yaml.AliasNode {
		expanded, ok := c.cost[n.Alias]
		if !ok || expanded == visiting {
			return 0, 0, c.doc.errorAt(n, "an alias stands inside the value that it names")
		}
		return nodeCost, expanded, nil
	}
	if n.Anchor != "" {
		c.cost[n] = visiting
	}
	literal = nodeCost + int64(len(n.Value))
	expanded = literal
	for _, child := range n.Content {
		l, e, err := c.measure(child, depth+1)
		if err != nil {
			return 0, 0, err
		}
		literal += l
		// Saturate: a bomb doubles with every line.
		expanded = min(expanded+e, literal+2*c.limits.Expansion+1)
	}
	if n.Anchor != "" {
		c.cost[n] = expanded
	}
	return literal, expanded, nil
}

func (c *converter) value(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return c.value(n.Alias)
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		return m, c.mapping(n, m)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, child := range n.Content {
			v, err := c.value(child)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	default:
		return c.scalar(n)
	}
}

// mapping adds the entries of n to m, which may hold merged ones already.
func (c *converter) mapping(n *yaml.Node, m map[string]any) error {
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if isMerge(k) {
			if err := c.merge(v, m); err != nil {
				return err
			}
			continue
		}
		key, err := c.key(k)
		if err != nil {
			return err
		}
		if line, dup := first[key]; dup {
			return c.doc.errorAt(k, "the key %q is given twice in one mapping, first at line %d: remove one", key, line)
		}
		first[key] = c.doc.line(k)
		if m[key], err = c.value(v); err != nil {
			return err
		}
	}
	return nil
}

func isMerge(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "<<" && (isPlain(n) || n.Tag == "!!merge")
}

// merge lays the mapping, or the mappings, of a merge key over m.
func (c *converter) merge(n *yaml.Node, m map[string]any) error {
	of := n
	if of.Kind == yaml.AliasNode {
		of = of.Alias
	}
	switch {
	case of.Kind == yaml.MappingNode:
		return c.mapping(of, m)
	case n.Kind == yaml.SequenceNode:
		// Earlier mappings win.
		for i := len(n.Content) - 1; i >= 0; i-- {
			child := n.Content[i]
			if child.Kind == yaml.AliasNode {
				child = child.Alias
			}
			if child.Kind != yaml.MappingNode {
				return c.doc.errorAt(n.Content[i], "a merge key (<<) takes a mapping or a list of mappings")
			}
			if err := c.mapping(child, m); err != nil {
				return err
			}
		}
		return nil
	}
	return c.doc.errorAt(n, "a merge key (<<) takes a mapping or a list of mappings")
}

// key returns the text of a key as JSON has it.
func (c *converter) key(n *yaml.Node) (string, error) {
	at := n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return "", c.doc.errorAt(at, "a key is a mapping or a list: it must be text; is this a template that must be rendered first?")
	}
	v, err := c.resolve(n)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return floatKey(v), nil
	}
	return "", c.doc.errorAt(at, "a key is empty or no text: quote it")
}

// floatKey is how sigs.k8s.io/yaml writes a float as a key.
func floatKey(f float64) string {
	switch s := strconv.FormatFloat(f, 'g', -1, 32); s {
	case "+Inf":
		return ".inf"
	case "-Inf":
		return "-.inf"
	case "NaN":
		return ".nan"
	default:
		return s
	}
}

// isPlain tells whether a scalar is neither quoted nor tagged.
func isPlain(n *yaml.Node) bool {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	return n.Style&quoted == 0
}

func (c *converter) scalar(n *yaml.Node) (any, error) {
	v, err := c.resolve(n)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case uint64:
		return float64(v), nil
	case float64:
		return c.float(n, v)
	case string:
		// A JSON round trip, which kubectl makes, replaces what is no UTF-8.
		return strings.ToValidUTF8(v, "\uFFFD"), nil
	}
	return v, nil
}

// float returns f as JSON has it: an integer when it is one.
func (c *converter) float(n *yaml.Node, f float64) (any, error) {
	if f-f != 0 {
		return nil, c.doc.errorAt(n, "infinity and not-a-number have no place in a Kubernetes object: quote the value if it is text")
	}
	if c.doc.json || f >= 1e21 || f <= -1e21 {
		return f, nil
	}
	if i, err := strconv.ParseInt(strconv.FormatFloat(f, 'f', -1, 64), 10, 64); err == nil {
		return i, nil
	}
	return f, nil
}

// resolve returns the value of a scalar: string, int64, uint64, float64, bool
// or nil.
func (c *converter) resolve(n *yaml.Node) (any, error) {
	if isPlain(n) {
		return resolvePlain(n.Value), nil
	}
	if n.Style&yaml.TaggedStyle == 0 {
		return n.Value, nil
	}
	switch n.Tag {
	case "!!binary":
		data, err := base64.StdEncoding.DecodeString(n.Value)
		if err != nil {
			return nil, c.doc.errorAt(n, "a !!binary value is not valid base64")
		}
		return string(data), nil
	case "!!int", "!!float", "!!bool", "!!null":
		v := resolvePlain(n.Value)
		if fits(n.Tag, v) {
			if i, ok := v.(int64); ok && n.Tag == "!!float" {
				return float64(i), nil
			}
			return v, nil
		}
		return nil, c.doc.errorAt(n, "a value is tagged %s and is none", n.Tag)
	}
	return n.Value, nil
}

func fits(tag string, v any) bool {
	switch v.(type) {
	case nil:
		return tag == "!!null"
	case bool:
		return tag == "!!bool"
	case float64:
		return tag == "!!float"
	case int64:
		return tag == "!!int" || tag == "!!float"
	case uint64:
		return tag == "!!int"
	}
	return false
}
