package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

func isJSONFile(file string) bool { return strings.EqualFold(path.Ext(file), ".json") }

// jsonParser reads JSON into the same nodes that the YAML parser makes, so that
// duplicate keys and lines are handled in one place.
type jsonParser struct {
	file    string
	data    []byte
	decoder *json.Decoder
	// line and lineStart are where seen is.
	seen, line, lineStart int
	depth                 int
}

// maxJSONDepth keeps the recursion small; Limits.Depth is checked later.
const maxJSONDepth = 10_000

// parseJSON parses one document or several, one after the other.
func parseJSON(file string, data []byte) ([]*document, error) {
	p := &jsonParser{file: file, data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	p.decoder.UseNumber()
	var docs []*document
	for {
		n, err := p.value()
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, err
		}
		docs = append(docs, &document{file: file, root: n, json: true})
	}
}

// token returns the next token and a node at its place.
func (p *jsonParser) token() (json.Token, *yaml.Node, error) {
	start := int(p.decoder.InputOffset())
	for start < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[start]) >= 0 {
		start++
	}
	t, err := p.decoder.Token()
	n := &yaml.Node{Kind: yaml.ScalarNode}
	n.Line, n.Column = p.place(start)
	if err == nil || errors.Is(err, io.EOF) && p.depth == 0 {
		return t, n, err
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		n.Line, n.Column = p.place(max(int(syntax.Offset)-1, p.seen))
	}
	return nil, nil, &FileError{File: p.file, Line: n.Line, Column: n.Column, Message: "is not valid JSON: " + jsonMessage(err)}
}

func jsonMessage(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return err.Error()
}

// place returns the line and column of an offset; offsets only grow.
func (p *jsonParser) place(offset int) (line, column int) {
	for ; p.seen < offset && p.seen < len(p.data); p.seen++ {
		if p.data[p.seen] == '\n' {
			p.line++
			p.lineStart = p.seen + 1
		}
	}
	return p.line, offset - p.lineStart + 1
}

func (p *jsonParser) value() (*yaml.Node, error) {
	t, n, err := p.token()
	if err != nil {
		return nil, err
	}
	return p.fill(t, n)
}

// fill makes n the value that begins with token t.
func (p *jsonParser) fill(t json.Token, n *yaml.Node) (*yaml.Node, error) {
	switch v := t.(type) {
	case json.Delim:
		n.Kind = yaml.MappingNode
		if v == '[' {
			n.Kind = yaml.SequenceNode
		}
		return n, p.children(n)
	case string:
		n.Value, n.Style = v, yaml.DoubleQuotedStyle
	case json.Number:
		n.Value = v.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag, n.Style = "!!float", yaml.TaggedStyle
		}
	case bool:
		n.Value = fmt.Sprint(v)
	default:
		n.Value = "null"
	}
	return n, nil
}

// children reads up to the closing delimiter.
func (p *jsonParser) children(n *yaml.Node) error {
	if p.depth++; p.depth > maxJSONDepth {
		return &FileError{File: p.file, Line: n.Line, Column: n.Column, Message: "nests too deeply"}
	}
	defer func() { p.depth-- }()
	for {
		t, child, err := p.token()
		if err != nil {
			return err
		}
		if d, ok := t.(json.Delim); ok && (d == '}' || d == ']') {
			return nil
		}
		if child, err = p.fill(t, child); err != nil {
			return err
		}
		n.Content = append(n.Content, child)
	}
}
