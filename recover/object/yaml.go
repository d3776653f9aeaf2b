package object

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// YAML returns content as a YAML document that people like to read and that is
// the same bytes each time: apiVersion, kind and metadata come first, a name
// before the other fields of metadata and of list items, all else in
// alphabetical order; lines of text are block scalars; there are no anchors, no
// folded lines, and no comments. What any reader of YAML 1.1 or 1.2 might take
// for something other than text is quoted.
//
// content is decoded JSON: maps with string keys, lists, strings, booleans,
// numbers and nulls.
func YAML(content map[string]any) []byte {
	w := &yamlWriter{}
	if len(content) == 0 {
		return []byte("{}\n")
	}
	w.mapping(content, 0, ordered(content, "apiVersion", "kind", "metadata"))
	return w.b
}

// yamlWriter appends block style, two spaces for each level.
type yamlWriter struct{ b []byte }

func (w *yamlWriter) text(s string) { w.b = append(w.b, s...) }

func (w *yamlWriter) indent(n int) {
	for range n {
		w.b = append(w.b, ' ')
	}
}

// ordered returns the keys of m, those of first before the others.
func ordered(m map[string]any, first ...string) []string {
	keys := make([]string, 0, len(m))
	for _, key := range first {
		if _, ok := m[key]; ok {
			keys = append(keys, key)
		}
	}
	rest := slices.DeleteFunc(slices.Collect(maps.Keys(m)), func(key string) bool { return slices.Contains(first, key) })
	slices.Sort(rest)
	return append(keys, rest...)
}

// maxSimpleKey is the longest key that readers accept before a colon; the
// limit of YAML is 1024 characters.
const maxSimpleKey = 128

// mapping writes entries; the first one begins where the cursor is, the others
// at column.
func (w *yamlWriter) mapping(m map[string]any, column int, keys []string) {
	for i, key := range keys {
		if i > 0 {
			w.indent(column)
		}
		if len(key) > maxSimpleKey {
			w.text("? " + scalar(key) + "\n")
			w.indent(column)
		} else {
			w.text(scalar(key))
		}
		w.text(":")
		value := m[key]
		switch v := value.(type) {
		case map[string]any:
			if len(v) == 0 {
				w.text(" {}\n")
				continue
			}
			w.text("\n")
			w.indent(column + 2)
			w.mapping(v, column+2, below(v, column == 0 && key == "metadata"))
		case []any:
			if len(v) == 0 {
				w.text(" []\n")
				continue
			}
			w.text("\n")
			w.indent(column)
			w.sequence(v, column)
		default:
			w.text(" ")
			w.leaf(value, column+2)
		}
	}
}

// below returns the keys of a map within a document in their order.
func below(m map[string]any, named bool) []string {
	if named {
		return ordered(m, "name", "namespace")
	}
	return ordered(m)
}

// sequence writes items; the first one begins where the cursor is, the others
// at column.
func (w *yamlWriter) sequence(list []any, column int) {
	for i, item := range list {
		if i > 0 {
			w.indent(column)
		}
		switch v := item.(type) {
		case map[string]any:
			if len(v) == 0 {
				w.text("- {}\n")
				continue
			}
			w.text("- ")
			w.mapping(v, column+2, ordered(v, "name"))
		case []any:
			if len(v) == 0 {
				w.text("- []\n")
				continue
			}
			w.text("- ")
			w.sequence(v, column+2)
		default:
			w.text("- ")
			w.leaf(item, column+2)
		}
	}
}

// leaf writes a scalar and ends its line. The lines of a text stand at column.
func (w *yamlWriter) leaf(value any, column int) {
	s, ok := value.(string)
	if !ok {
		w.text(plainValue(value) + "\n")
		return
	}
	if !isBlock(s) {
		w.text(scalar(s) + "\n")
		return
	}
	trimmed := strings.TrimRight(s, "\n")
	switch len(s) - len(trimmed) {
	case 0:
		w.text("|-\n")
	case 1:
		w.text("|\n")
	default:
		w.text("|+\n")
	}
	for line := range strings.SplitSeq(trimmed, "\n") {
		if line != "" {
			w.indent(column)
			w.text(line)
		}
		w.text("\n")
	}
	w.text(strings.Repeat("\n", max(0, len(s)-len(trimmed)-1)))
}

// plainValue renders what is not text.
func plainValue(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case int:
		return strconv.Itoa(v)
	case float64:
		return float(v)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return scalar(fmt.Sprint(value))
	}
	return string(raw) // JSON is YAML
}

// float renders a number so that readers of YAML 1.1, too, take it for one.
func float(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	mantissa, exponent, scientific := strings.Cut(s, "e")
	if !scientific {
		return s
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	return mantissa + "e" + exponent
}

// isBlock tells whether a text of several lines can be written as a block
// scalar that every reader reads alike.
func isBlock(s string) bool {
	if !strings.Contains(s, "\n") || !utf8.ValidString(s) {
		return false
	}
	start := strings.TrimLeft(s, "\n")
	if start == "" || start[0] == ' ' || start[0] == '\t' {
		return false // the first line would decide how far all are indented
	}
	last := start[strings.LastIndexByte(strings.TrimRight(start, "\n"), '\n')+1:]
	if strings.TrimLeft(last, " \t\n") == "" {
		return false
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

var (
	// plainQuantity is no number and no time to any reader.
	plainQuantity = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(m|u|n|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi|Ei|s|h|ms)$`)
	// plainAddress has a slash in it, as no number has.
	plainAddress = regexp.MustCompile(`^[0-9][0-9.]*/[0-9]+$`)
	// otherWords mean something else to some reader.
	otherWords = map[string]bool{"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true, "true": true, "false": true, "null": true}
)

// scalar renders text in one line, quoted when it has to be.
func scalar(s string) string {
	if isPlain(s) {
		return s
	}
	if strings.ContainsAny(s, `"\`) && !strings.ContainsFunc(s, func(r rune) bool { return r == '\'' || r < ' ' || r > '~' }) {
		return "'" + s + "'"
	}
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
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func isPlain(s string) bool {
	switch {
	case s == "":
		return false
	case isDigit(s[0]):
		return plainQuantity.MatchString(s) || plainAddress.MatchString(s)
	case len(s) <= len("false") && otherWords[strings.ToLower(s)]:
		return false
	}
	return isPlainText(s)
}

// isPlainText tells text that begins with what begins nothing else in YAML, and
// has nothing in it that ends it early.
func isPlainText(s string) bool {
	start := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "-")
	if start == "" || !isLetter(start[0]) && (len(start) < len(s) || !strings.ContainsRune("_/$(", rune(s[0]))) {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~' || c == '`':
			return false
		case c == ' ' && (i+1 == len(s) || s[i+1] == '#'), c == ':' && (i+1 == len(s) || s[i+1] == ' '):
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
