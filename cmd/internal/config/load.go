package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 1 << 20

// Load reads the content of a rekindle.yaml. The path is used in messages, and
// its directory is what relative paths are relative to. The error is an
// *InvalidError with every problem that was found.
func Load(path string, data []byte) (*Config, error) {
	c := &Config{File: path, positions: map[string]Position{}}
	if len(data) > MaxSize {
		return nil, invalid([]Problem{{Position: Position{File: path}, Message: fmt.Sprintf(
			"the file has %d bytes, more than the %d that are read", len(data), MaxSize)}})
	}
	root, problem := parse(path, data)
	if problem != nil {
		return nil, invalid([]Problem{*problem})
	}
	d := &decoder{file: path, positions: c.positions}
	if root != nil {
		d.value("", root, reflect.ValueOf(c).Elem(), nil)
	}
	if !d.aborted {
		dir := filepath.Dir(path)
		for _, name := range c.Names() {
			cl := c.Clusters[name]
			cl.Name = name
			k := checker{decoder: d, base: joinPath("clusters", name), dir: dir}
			k.cluster(&cl)
			cl.Settings = c.With(cl.Provider, cl.Settings)
			c.Clusters[name] = cl
		}
		(&checker{decoder: d, dir: dir}).daemon(c)
	}
	if err := invalid(d.problems); err != nil {
		return nil, err
	}
	return c, nil
}

// parse returns the root node of the only document in data, nil when the file
// is empty.
func parse(path string, data []byte) (*yaml.Node, *Problem) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxProblem(path, err)
	}
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, syntaxProblem(path, err)
	default:
		return nil, &Problem{
			Position: Position{File: path, Line: second.Line, Column: second.Column},
			Message:  "a second document begins here: a rekindle.yaml has one",
		}
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

// syntaxProblem turns an error of the YAML parser, which carries its line in
// its text, into a Problem.
func syntaxProblem(path string, err error) *Problem {
	text := err.Error()
	p := &Problem{Position: Position{File: path}}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1]) // digits only
		text = text[len(m[0]):]
	}
	p.Message = "not YAML: " + strings.TrimPrefix(text, "yaml: ")
	return p
}
