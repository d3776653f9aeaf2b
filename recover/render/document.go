package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// document is one YAML or JSON document, parsed but not yet converted.
type document struct {
	file string
	// offset is added to the lines of the nodes.
	offset int
	root   *yaml.Node
	// json keeps floats as floats, as a JSON decoder does.
	json bool
}

func (d *document) errorAt(n *yaml.Node, format string, args ...any) *FileError {
	return &FileError{File: d.file, Line: d.line(n), Column: n.Column, Message: fmt.Sprintf(format, args...)}
}

func (d *document) line(n *yaml.Node) int { return n.Line + d.offset }

// chunk is the text of one document and the number of lines before it.
type chunk struct {
	text   []byte
	offset int
}

// splitDocuments cuts a YAML stream at its "---" lines, so that an error in one
// document does not hide the next one.
func splitDocuments(data []byte) []chunk {
	var chunks []chunk
	start, startLine, line := 0, 0, 0
	for pos := 0; pos < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			end = pos + i + 1
		}
		if pos > start && isSeparator(data[pos:end]) {
			chunks = append(chunks, chunk{data[start:pos], startLine})
			start, startLine = pos, line
		}
		pos = end
	}
	if start < len(data) {
		chunks = append(chunks, chunk{data[start:], startLine})
	}
	return chunks
}

func isSeparator(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("---")) {
		return false
	}
	return len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0
}

// isBlank tells whether a chunk has only comments, directives and white space.
func isBlank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if isSeparator(line) {
			line = line[3:]
		}
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

var utf8BOM = []byte("\xef\xbb\xbf")

// parseDocuments parses all documents of a file. What could be parsed is
// returned together with the errors of the rest.
func parseDocuments(file string, data []byte) ([]*document, error) {
	data = bytes.TrimPrefix(data, utf8BOM)
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, &FileError{File: file, Line: 1, Message: "is encoded in UTF-16: save it as UTF-8"}
	}
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) > 0 && first[0] == '{' {
		docs, err := parseJSON(file, data)
		if err == nil || isJSONFile(file) {
			return docs, err
		}
	}
	var docs []*document
	var faults faults
	for _, c := range splitDocuments(data) {
		if isBlank(c.text) {
			continue
		}
		parsed, err := parseChunk(file, c)
		faults.add(err)
		docs = append(docs, parsed...)
	}
	return docs, faults.err()
}

// parseChunk parses one chunk; more than one document comes of it when "..."
// lines end documents.
func parseChunk(file string, c chunk) ([]*document, error) {
	var docs []*document
	decoder := yaml.NewDecoder(bytes.NewReader(c.text))
	for {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, syntaxError(file, c, err)
		}
		if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
			docs = append(docs, &document{file: file, offset: c.offset, root: root.Content[0]})
		}
	}
}

// atLine is how the YAML parser says where; it knows no columns.
var atLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

// anchorName is the one piece of content that the parser's messages quote. An
// unquoted password may begin with an asterisk.
var anchorName = regexp.MustCompile(`anchor '[^']*'`)

func syntaxError(file string, c chunk, err error) error {
	e := &FileError{File: file, Line: c.offset + 1, Message: "is not valid YAML: " + err.Error()}
	m := atLine.FindStringSubmatch(err.Error())
	if m == nil {
		return e
	}
	if n, convErr := strconv.Atoi(m[1]); convErr == nil {
		e.Line = c.offset + n
	}
	msg := m[2]
	if secretKind.Match(c.text) {
		msg = anchorName.ReplaceAllString(msg, "anchor")
	}
	e.Message = "is not valid YAML: " + msg
	if tabbed.Match(lineOf(c.text, e.Line-c.offset)) {
		e.Message += "; the line is indented with a tab, and YAML takes spaces only"
	}
	return e
}

var tabbed = regexp.MustCompile(`^ *\t`)

// lineOf returns the n-th line of text, counted from 1.
func lineOf(text []byte, n int) []byte {
	for line := range bytes.Lines(text) {
		if n--; n == 0 {
			return line
		}
	}
	return nil
}

var secretKind = regexp.MustCompile(`(?m)^\s*"?kind"?\s*:\s*["']?Secret`)
