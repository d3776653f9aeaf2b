package edit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// node is a YAML node and the bytes that it takes.
type node struct {
	y *yaml.Node
	// start and end are the value's own bytes; outer is where its anchor and tag
	// begin, or start. A block scalar ends before its last line end.
	start, end, outer int
	// flow: the node stands within a flow collection.
	flow bool
	// keys, colons and values are the entries of a mapping; colons are -1 where
	// there is none. items and dashes are those of a sequence.
	keys, values, items []*node
	colons, dashes      []int
}

func (n *node) mapping() bool  { return n.y.Kind == yaml.MappingNode }
func (n *node) sequence() bool { return n.y.Kind == yaml.SequenceNode }
func (n *node) alias() bool    { return n.y.Kind == yaml.AliasNode }

// isBlock tells whether a text is written as a literal or a folded block.
func (n *node) isBlock() bool {
	return n.y.Kind == yaml.ScalarNode && n.y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// bracketed tells whether a collection is written in flow style.
func (n *node) bracketed() bool {
	return (n.mapping() || n.sequence()) && n.y.Style&yaml.FlowStyle != 0
}

// empty tells whether a null is written as nothing.
func (n *node) empty() bool { return n.start == n.end }

// entry returns the index of the entry of that key, or -1.
func (n *node) entry(key string) int {
	return slices.IndexFunc(n.keys, func(k *node) bool { return k.y.Value == key })
}

// walk follows path as far as it is written out, and returns the rest of it.
func (n *node) walk(path Path) (*node, Path) {
	for len(path) > 0 {
		var next *node
		switch s := path[0]; {
		case n.mapping() && !s.Item:
			if i := n.entry(s.Key); i >= 0 {
				next = n.values[i]
			}
		case n.sequence() && s.Item:
			v, err := decode(n.y)
			if list, ok := v.([]any); ok && err == nil {
				if i := s.indexOf(list); i >= 0 {
					next = n.items[i]
				}
			}
		}
		if next == nil {
			return n, path
		}
		n, path = next, path[1:]
	}
	return n, nil
}

// checkBreaks refuses characters that YAML takes for line ends and editors do not.
func checkBreaks(text []byte) error {
	rest := bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if bytes.ContainsRune(rest, '\r') || bytes.ContainsRune(rest, '\u0085') ||
		bytes.ContainsRune(rest, '\u2028') || bytes.ContainsRune(rest, '\u2029') {
		return fmt.Errorf("the file has line ends other than LF and CRLF")
	}
	if !utf8.Valid(text) {
		return fmt.Errorf("the file is not UTF-8")
	}
	return nil
}

func lineStarts(text []byte) []int {
	starts := []int{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// builder finds the bytes of nodes.
type builder struct {
	text  []byte
	lines []int
	depth int
	// last is the place that was asked for last.
	last struct{ line, column, at int }
}

func (b *builder) document(root *yaml.Node) (*node, error) {
	return b.node(root, b.offset(root), -1, false)
}

// offset returns where the parser says that y begins. It goes on from the last
// answer where it can, because a file may be one long line.
func (b *builder) offset(y *yaml.Node) int {
	if y.Line < 1 || y.Line > len(b.lines) {
		return len(b.text)
	}
	at, column := b.lines[y.Line-1], 1
	if b.last.line == y.Line && b.last.column <= y.Column {
		at, column = b.last.at, b.last.column
	}
	for ; column < y.Column && at < len(b.text); column++ {
		_, size := utf8.DecodeRune(b.text[at:])
		at += size
	}
	b.last.line, b.last.column, b.last.at = y.Line, column, at
	return at
}

func (b *builder) fail(y *yaml.Node, what string) error {
	return fmt.Errorf("line %d: %s: this is not edited in place", y.Line, what)
}

// maxDepth keeps the recursion small.
const maxDepth = 300

// node returns y with its bytes. after is where it may begin, indent that of
// the collection around it.
func (b *builder) node(y *yaml.Node, after, indent int, flow bool) (*node, error) {
	if b.depth++; b.depth > maxDepth {
		return nil, b.fail(y, "nests too deeply")
	}
	defer func() { b.depth-- }()
	n := &node{y: y, flow: flow}
	tagged := y.Style&yaml.TaggedStyle != 0
	if y.Kind == yaml.ScalarNode && y.Value == "" && y.Style&^yaml.TaggedStyle == 0 {
		if tagged || y.Anchor != "" {
			return nil, b.fail(y, "an empty value with an anchor or a tag")
		}
		n.start, n.end, n.outer = after, after, after
		return n, nil
	}
	n.outer = b.offset(y)
	n.start = n.outer
	if y.Kind != yaml.AliasNode && (y.Anchor != "" || tagged) {
		n.start = b.properties(n.outer)
	}
	if n.start >= len(b.text) {
		return nil, b.fail(y, "a value that is not found")
	}
	var err error
	switch {
	case y.Kind == yaml.AliasNode:
		n.end = n.start + 1 + len(y.Value)
	case y.Kind == yaml.ScalarNode:
		n.end, err = b.scalar(y, n.start, indent)
	case y.Style&yaml.FlowStyle != 0:
		err = b.flowCollection(n)
	case y.Kind == yaml.MappingNode:
		err = b.blockMapping(n)
	default:
		err = b.blockSequence(n)
	}
	if err == nil && (n.end > len(b.text) || n.end <= n.start) {
		err = b.fail(y, "a value that is not found")
	}
	return n, err
}

// properties skips anchors and tags.
func (b *builder) properties(at int) int {
	for at < len(b.text) && (b.text[at] == '&' || b.text[at] == '!') {
		for at < len(b.text) && strings.IndexByte(" \t\r\n", b.text[at]) < 0 {
			at++
		}
		at = b.blank(at)
	}
	return at
}

// blank skips white space and comments.
func (b *builder) blank(at int) int {
	for at < len(b.text) {
		switch c := b.text[at]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			at++
		case c == '#' && (at == 0 || strings.IndexByte(" \t\r\n", b.text[at-1]) >= 0):
			at = lineEnd(b.text, at)
		default:
			return at
		}
	}
	return at
}

// lineEnd returns where the line of at ends, before its line end.
func lineEnd(text []byte, at int) int {
	end := len(text)
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		end = at + i
	}
	if end > at && text[end-1] == '\r' {
		end--
	}
	return end
}

// lineStart returns where the line of at begins.
func lineStart(text []byte, at int) int { return bytes.LastIndexByte(text[:at], '\n') + 1 }

func (b *builder) column(at int) int { return at - lineStart(b.text, at) }

func (b *builder) blockMapping(n *node) error {
	for i := 0; i+1 < len(n.y.Content); i += 2 {
		k, v := n.y.Content[i], n.y.Content[i+1]
		key, err := b.node(k, n.start, -1, false)
		if err != nil {
			return err
		}
		colon := key.end
		for colon < len(b.text) && b.text[colon] == ' ' {
			colon++
		}
		if key.y.Kind != yaml.ScalarNode || colon >= len(b.text) || b.text[colon] != ':' {
			return b.fail(k, "a key that is no plain word")
		}
		value, err := b.node(v, colon+1, b.column(key.outer), false)
		if err != nil {
			return err
		}
		n.keys, n.colons, n.values = append(n.keys, key), append(n.colons, colon), append(n.values, value)
	}
	if len(n.keys) == 0 {
		return b.fail(n.y, "an odd mapping")
	}
	n.start = n.keys[0].outer
	n.end = max(n.values[len(n.values)-1].end, n.colons[len(n.colons)-1]+1)
	return nil
}

func (b *builder) blockSequence(n *node) error {
	at := n.start
	for _, y := range n.y.Content {
		at = b.blank(at)
		if at >= len(b.text) || b.text[at] != '-' {
			return b.fail(y, "a list item that is not found")
		}
		item, err := b.node(y, at+1, b.column(at), false)
		if err != nil {
			return err
		}
		n.dashes, n.items = append(n.dashes, at), append(n.items, item)
		at = max(item.end, at+1)
	}
	if len(n.items) == 0 {
		return b.fail(n.y, "an odd list")
	}
	n.start, n.end = n.dashes[0], at
	return nil
}

func (b *builder) flowCollection(n *node) error {
	brackets := map[yaml.Kind]string{yaml.MappingNode: "{}", yaml.SequenceNode: "[]"}[n.y.Kind]
	if b.text[n.start] != brackets[0] {
		return b.fail(n.y, "a pair without braces")
	}
	at := n.start + 1
	step := 1
	if n.mapping() {
		step = 2
	}
	for i := 0; i+step <= len(n.y.Content); i += step {
		at = b.separators(at)
		first, err := b.node(n.y.Content[i], at, -1, true)
		if err != nil {
			return err
		}
		at = first.end
		if step == 1 {
			n.items = append(n.items, first)
			continue
		}
		if at, err = b.flowValue(n, first, n.y.Content[i+1]); err != nil {
			return err
		}
	}
	at = b.separators(at)
	if at >= len(b.text) || b.text[at] != brackets[1] {
		return b.fail(n.y, "a bracket that is not found")
	}
	n.end = at + 1
	return nil
}

// flowValue adds the entry of key to n.
func (b *builder) flowValue(n, key *node, y *yaml.Node) (end int, err error) {
	if key.y.Kind != yaml.ScalarNode {
		return 0, b.fail(key.y, "a key that is no plain word")
	}
	colon, after := b.blank(key.end), key.end
	if colon < len(b.text) && b.text[colon] == ':' {
		after = colon + 1
	} else {
		colon = -1
	}
	value, err := b.node(y, after, -1, true)
	if err != nil {
		return 0, err
	}
	n.keys, n.colons, n.values = append(n.keys, key), append(n.colons, colon), append(n.values, value)
	return value.end, nil
}

// separators skips what stands between the items of a flow collection.
func (b *builder) separators(at int) int {
	at = b.blank(at)
	for at < len(b.text) && b.text[at] == ',' {
		at = b.blank(at + 1)
	}
	return at
}

// scalar returns where the scalar that begins at start ends.
func (b *builder) scalar(y *yaml.Node, start, indent int) (int, error) {
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		for i := start + 1; i < len(b.text); i++ {
			switch b.text[i] {
			case '\\':
				i++
			case '"':
				return i + 1, nil
			}
		}
	case y.Style&yaml.SingleQuotedStyle != 0:
		for i := start + 1; i < len(b.text); i++ {
			if b.text[i] != '\'' {
				continue
			}
			if i+1 == len(b.text) || b.text[i+1] != '\'' {
				return i + 1, nil
			}
			i++
		}
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		block := readBlock(b.text, start, indent)
		return block.end, nil
	default:
		return b.plain(y, start)
	}
	return 0, b.fail(y, "a quote that is not found")
}

// plain returns the end of a plain scalar, whose lines YAML has folded.
func (b *builder) plain(y *yaml.Node, start int) (int, error) {
	at := start
	for i := 0; i < len(y.Value); i++ {
		c := y.Value[i]
		if at < len(b.text) && b.text[at] == c && c != '\n' {
			at++
			continue
		}
		if c != ' ' && c != '\n' || at >= len(b.text) || strings.IndexByte(" \t\r\n", b.text[at]) < 0 {
			return 0, b.fail(y, "a value that is not found")
		}
		for i+1 < len(y.Value) && y.Value[i+1] == '\n' {
			i++
		}
		for at < len(b.text) && strings.IndexByte(" \t\r\n", b.text[at]) >= 0 {
			at++
		}
	}
	return at, nil
}
