package edit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// style is how a file is written.
type style struct {
	// json: strings and keys are quoted as JSON asks.
	json bool
	// step is the indentation of a mapping below a key, in spaces.
	step int
	// listStep is that of a list below a key.
	listStep int
	// quote is what a string that needs quotes gets.
	quote byte
	nl    string
}

// learn looks at what f does most.
func learn(f *File) style {
	s := style{nl: f.nl, json: len(f.docs) > 0}
	steps, lists := map[int]int{}, map[int]int{}
	single, double := 0, 0
	for _, doc := range f.docs {
		s.json = s.json && isJSON(f.text, doc)
		doc.each(func(n *node) {
			switch {
			case n.y.Style&yaml.SingleQuotedStyle != 0:
				single++
			case n.y.Style&yaml.DoubleQuotedStyle != 0:
				double++
			case n.mapping() && !n.bracketed():
				measure(f.text, n, steps, lists)
			}
		})
	}
	s.step, s.listStep = most(steps, 2), most(lists, 2)
	if s.step == 0 {
		s.step = 2
	}
	s.quote = '"'
	if single > double {
		s.quote = '\''
	}
	return s
}

func isJSON(text []byte, doc *node) bool {
	return doc.bracketed() && json.Valid(text[doc.start:doc.end])
}

// each calls f for n and all below it.
func (n *node) each(f func(*node)) {
	f(n)
	for _, list := range [][]*node{n.keys, n.values, n.items} {
		for _, below := range list {
			below.each(f)
		}
	}
}

// measure counts how far what is below the keys of n is indented.
func measure(text []byte, n *node, steps, lists map[int]int) {
	b := builder{text: text}
	at := b.column(n.start)
	for _, v := range n.values {
		switch {
		case v.bracketed() || v.y.Kind == yaml.ScalarNode || v.alias():
		case v.mapping():
			steps[b.column(v.start)-at]++
		default:
			lists[b.column(v.start)-at]++
		}
	}
}

func most(counts map[int]int, otherwise int) int {
	best := otherwise
	for _, n := range slices.Sorted(maps.Keys(counts)) {
		if n >= 0 && counts[n] > counts[best] {
			best = n
		}
	}
	return best
}

// scalar writes v on one line. like is the node that it takes the place of, or
// nil; flow that it stands among brackets.
func (s style) scalar(v any, like *yaml.Node, flow bool) string {
	text, ok := v.(string)
	if !ok {
		return literal(v)
	}
	quote := byte(0)
	switch {
	case s.json:
		quote = '"'
	case like != nil && like.Kind == yaml.ScalarNode && like.Style&yaml.DoubleQuotedStyle != 0:
		quote = '"'
	case like != nil && like.Kind == yaml.ScalarNode && like.Style&yaml.SingleQuotedStyle != 0:
		quote = '\''
	case !plainSafe(text, flow):
		quote = s.quote
	}
	switch {
	case quote == 0:
		return text
	case quote == '\'' && printable(text):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return doubleQuoted(text)
}

// literal writes what is no text.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return "null" // nothing that JSON or YAML was decoded into; the check finds it
	}
	return string(out)
}

// printable tells whether s may stand in single quotes on one line.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return r == utf8.RuneError || r == '\uFEFF' || !unicode.IsPrint(r)
	}) < 0
}

// plainSafe tells whether s without quotes is read as the text s, by the rules
// of YAML 1.1 and 1.2 alike.
func plainSafe(s string, flow bool) bool {
	if s == "" || !printable(s) || strings.TrimSpace(s) != s || len(s) > 64<<10 {
		return false
	}
	if strings.ContainsAny(s[:1], "?:,[]{}#&*!|>'\"%@`=<") || strings.HasPrefix(s, "- ") || s == "-" || strings.HasPrefix(s, "---") {
		return false
	}
	if strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") {
		return false
	}
	if flow && strings.ContainsAny(s, ",[]{}:") {
		return false
	}
	return readsAs(s, s)
}

// readsAs tells whether both dialects read written as the text s.
func readsAs(written, s string) bool {
	var v3 any
	if yaml.Unmarshal([]byte(written), &v3) != nil || v3 != any(s) {
		return false
	}
	var v2 any
	return kyaml.Unmarshal([]byte(written), &v2) == nil && v2 == any(s)
}

// doubleQuoted writes s in quotes as both JSON and YAML read them.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r > 0xFFFF || r != '\uFEFF' && unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// key writes a key like the one that it stands beside, which may be nil.
func (s style) key(key string, beside *yaml.Node, flow bool) string {
	if beside != nil && beside.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
		beside = nil
	}
	return s.scalar(key, beside, flow)
}

// blockable tells whether text of several lines can be a literal block.
func blockable(s string) bool {
	if !strings.Contains(s, "\n") || strings.Trim(s, "\n") == "" {
		return false
	}
	for line := range strings.SplitSeq(s, "\n") {
		if !printable(strings.ReplaceAll(line, "\t", " ")) {
			return false
		}
	}
	return true
}

// literalBlock writes s as a literal block whose lines are indented by indent
// spaces, parent being the indentation around it. The first line stands where
// the value begins; there is no line end after the last. was is the block that
// it takes the place of, or nil: its unchanged lines stay as they are.
func (s style) literalBlock(text string, indent, parent int, was *block) string {
	body := strings.TrimRight(text, "\n")
	ends := len(text) - len(body)
	lines := strings.Split(body, "\n")
	mark := [...]string{"-", "", "+"}[min(ends, 2)]
	if ends > 1 {
		lines = append(lines, make([]string, ends-1)...)
	}
	first := strings.TrimLeft(body, "\n")
	digit := strings.HasPrefix(first, " ") || strings.HasPrefix(first, "\t")
	comment := ""
	if was != nil {
		var indicators string
		indicators, comment = was.parts()
		indent = was.indent
		digit = digit || strings.ContainsAny(indicators, "123456789")
		if ends == 1 && strings.Contains(indicators, "+") || ends == 0 && was.unended {
			mark = strings.Trim(indicators, "|>123456789")
		}
	}
	head := "|"
	if digit {
		head += strconv.Itoa(indent - max(parent, 0))
	}
	out := append(make([]string, 0, len(lines)+1), head+mark+comment)
	pad := strings.Repeat(" ", indent)
	for _, line := range lines {
		if line != "" {
			line = pad + line
		}
		out = append(out, line)
	}
	if was != nil {
		keepLines(out[1:], was.lines, indent)
	}
	return strings.Join(out, s.nl)
}

// keepLines puts the raw lines of was where lines say the same: blank lines may
// be written with any number of spaces.
func keepLines(lines, was []string, indent int) {
	same := func(a, b string) bool {
		return a == b || a == "" && len(b) <= indent && strings.Trim(b, " ") == ""
	}
	i := 0
	for ; i < len(lines) && i < len(was) && same(lines[i], was[i]); i++ {
		lines[i] = was[i]
	}
	for j := 1; len(lines)-j >= i && len(was)-j >= i && same(lines[len(lines)-j], was[len(was)-j]); j++ {
		lines[len(lines)-j] = was[len(was)-j]
	}
}

// block writes v at the indentation indent. The first line is not indented, and
// there is no line end after the last.
func (s style) block(v any, indent int) string {
	var lines []string
	switch v := v.(type) {
	case map[string]any:
		for _, key := range order(v) {
			lines = append(lines, s.entry(key, v[key], indent, nil))
		}
	case []any:
		for _, item := range v {
			lines = append(lines, "- "+s.value(item, indent, indent+2))
		}
	}
	if len(lines) == 0 {
		return s.flow(v)
	}
	return strings.Join(lines, s.nl+strings.Repeat(" ", indent))
}

// entry writes "key: value".
func (s style) entry(key string, v any, indent int, beside *yaml.Node) string {
	below := indent + s.step
	if _, ok := v.([]any); ok {
		below = indent + s.listStep
	}
	text := s.value(v, indent, below)
	if nonEmpty(v) {
		text = s.nl + strings.Repeat(" ", below) + text
	} else {
		text = " " + text
	}
	return s.key(key, beside, false) + ":" + text
}

// value writes what stands after "key:" or "- ": parent is the indentation of
// that, below of the lines of the value.
func (s style) value(v any, parent, below int) string {
	if nonEmpty(v) {
		return s.block(v, below)
	}
	if text, ok := v.(string); ok && blockable(text) {
		if below <= parent {
			below = parent + s.step
		}
		return s.literalBlock(text, below, parent, nil)
	}
	return s.scalarOrEmpty(v, nil, false)
}

func nonEmpty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return false
}

// flow writes v on one line.
func (s style) flow(v any) string { return s.spread(v, "", "") }

// spread writes v in flow style; with a step on lines of its own, which begin
// with lead.
func (s style) spread(v any, lead, step string) string {
	var parts []string
	brackets := "[]"
	switch v := v.(type) {
	case map[string]any:
		brackets = "{}"
		for _, key := range order(v) {
			parts = append(parts, s.key(key, nil, true)+": "+s.spread(v[key], lead+step, step))
		}
	case []any:
		for _, item := range v {
			parts = append(parts, s.spread(item, lead+step, step))
		}
	default:
		return s.scalar(v, nil, true)
	}
	if len(parts) == 0 || step == "" {
		return brackets[:1] + strings.Join(parts, ", ") + brackets[1:]
	}
	inner := s.nl + lead + step
	return brackets[:1] + inner + strings.Join(parts, ","+inner) + s.nl + lead + brackets[1:]
}

// order returns the keys of m as people write them: what identifies first.
func order(m map[string]any) []string {
	first := []string{"apiVersion", "kind", "name", "metadata"}
	rank := func(key string) int {
		if i := slices.Index(first, key); i >= 0 {
			return i
		}
		return len(first)
	}
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}

// Write returns v, a patch, as the document of a new file.
func Write(v any) []byte {
	s := style{step: 2, listStep: 2, quote: '"', nl: "\n"}
	return []byte(s.block(plainValue(v), 0) + "\n")
}
