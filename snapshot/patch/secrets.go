package patch

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/go-git/go-git/v5/plumbing/format/diff"
)

// showsSecrets tells whether a changed line holds a Secret's values.
func (p *filePatch) showsSecrets() bool {
	from, to := secretLines(p.from), secretLines(p.to)
	was, now := 1, 1
	for _, c := range p.chunks {
		n := count(c.text)
		switch c.kind {
		case diff.Delete:
			if from.any(was, n) {
				return true
			}
			was += n
		case diff.Add:
			if to.any(now, n) {
				return true
			}
			now += n
		default:
			was, now = was+n, now+n
		}
	}
	return false
}

// secrets are the lines, from 1, that hold values of Secrets: those of a
// generator, of the data of a Secret and of its annotations.
type secrets struct {
	lines map[int]bool
	// around are lines of a Secret, and comments above it: people note things there.
	around map[int]bool
	// odd are fields that a Secret does not have.
	odd map[int]bool
	// all: which they are is not known.
	all bool
}

func (s *secrets) any(first, n int) bool {
	for i := range n {
		if s.all || s.lines[first+i] {
			return true
		}
	}
	return false
}

// keyAlone begins what is hidden, and shows none of it.
var keyAlone = regexp.MustCompile(`^[ -]*(data|stringData|binaryData|annotations|items|patch|secretGenerator):[ \t]*\r?\n?$`)

// hides tells whether a line must not be shown beside a change.
func (s *secrets) hides(n int, text string) bool {
	return s.all || s.lines[n] && !keyAlone.MatchString(text) || s.odd[n] || s.around[n] && strings.Contains(text, "#")
}

// mark takes lines in, the first at least.
func (s *secrets) mark(first, last int) {
	s.lines[first] = true
	for i := first; i <= last; i++ {
		s.lines[i] = true
	}
}

var (
	// oddBreak ends a line of YAML, but not of a diff.
	oddBreak = regexp.MustCompile("\r[^\n]|\r$|[\u0085\u2028\u2029]")
	// inline begins a Secret inside of a text, as patches are.
	inline = regexp.MustCompile(`kind["']?\s*:\s*["']?Secret\b`)
)

func secretLines(v *version) *secrets {
	s := &secrets{lines: map[int]bool{}, around: map[int]bool{}, odd: map[int]bool{}}
	if v == nil || !v.mentionsSecrets() {
		return s
	}
	s.all = oddBreak.Match(v.content)
	var docs []*yaml.Node
	for d := yaml.NewDecoder(bytes.NewReader(v.content)); ; {
		doc := &yaml.Node{}
		err := d.Decode(doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.all = true
			return s
		}
		docs = append(docs, doc)
	}
	s.children(docs, count(v.text()))
	s.above(strings.Split(v.text(), "\n"))
	return s
}

// children looks at nodes that follow each other up to the line last.
func (s *secrets) children(nodes []*yaml.Node, last int) {
	for i, n := range nodes {
		s.node(n, endOf(nodes, i, last))
	}
}

// above takes in the comments above what is around already.
func (s *secrets) above(text []string) {
	for i := len(text) - 1; i > 0; i-- { // lines count from 1
		line := strings.TrimSpace(text[i-1])
		if s.around[i+1] && (line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "---")) {
			s.around[i] = true
		}
	}
}

// endOf returns the last line that may be of nodes[i]; the next node may share it.
func endOf(nodes []*yaml.Node, i, last int) int {
	if i+1 == len(nodes) {
		return last
	}
	next := nodes[i+1]
	if next.Line > nodes[i].Line && next.Style&yaml.FlowStyle == 0 && next.Column <= nodes[i].Column {
		return next.Line - 1
	}
	return next.Line
}

func (s *secrets) node(n *yaml.Node, last int) {
	switch n.Kind {
	case yaml.MappingNode:
		s.mapping(n, last)
	case yaml.ScalarNode:
		if inline.MatchString(n.Value) {
			s.mark(n.Line, last)
		}
	default:
		s.children(n.Content, last)
	}
}

func (s *secrets) mapping(n *yaml.Node, last int) {
	secret := isSecret(n)
	for i := n.Line; secret && i <= last; i++ {
		s.around[i] = true
	}
	var keys []*yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i])
	}
	for i, key := range keys {
		value, end := n.Content[2*i+1], endOf(keys, i, last)
		switch {
		case key.Value == "secretGenerator", secret && holdsValues(key.Value):
			s.mark(key.Line, end)
		case secret && key.Value == "metadata":
			s.metadata(value, end)
		default:
			s.node(value, end)
		}
		for n := key.Line; secret && !isHarmless(key.Value) && n <= end; n++ {
			s.odd[n] = true
		}
	}
}

// isHarmless tells whether a field of a Secret, or of a patch for one, holds no
// values by itself.
func isHarmless(key string) bool {
	switch key {
	case "apiVersion", "kind", "metadata", "type", "immutable", "target", "path", "options", "data", "stringData":
		return true
	}
	return false
}

// holdsValues tells whether a field of a Secret, of a list of them, or of a patch
// for one does.
func holdsValues(key string) bool {
	return key == "data" || key == "stringData" || key == "items" || key == "patch"
}

// metadata takes in annotations: one of them is what was applied.
func (s *secrets) metadata(n *yaml.Node, last int) {
	var keys []*yaml.Node
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i])
	}
	for i, key := range keys {
		if key.Value == "annotations" {
			s.mark(key.Line, endOf(keys, i, last))
		}
	}
}

// isSecret tells whether n is a Secret, a list of them, or a patch for one.
func isSecret(n *yaml.Node) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Value == "kind" && (value.Value == "Secret" || value.Value == "SecretList"):
			return true
		case key.Value == "target" && value.Kind == yaml.MappingNode && isSecret(value):
			return true
		}
	}
	return false
}

func (v *version) mentionsSecrets() bool {
	return strings.Contains(strings.ToLower(v.text()), "secret")
}
