package raw

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Decoder decodes one JSON value after the other: maps, lists, strings, booleans,
// int64 where a number is one and float64 where it is not. Words that repeat from
// object to object are kept once. The zero value is ready, and good for one
// goroutine.
type Decoder struct {
	b     []byte
	i     int
	depth int
	words map[string]string
	trees map[string]any
	// lean is for Object.Metadata: see lean.go. seen is what Glance returns, of that kind.
	lean       bool
	seen       Object
	kind       schema.GroupVersionKind
	apiVersion string
	marks      map[string]any
	entries    map[manager]map[string]any
}

const (
	maxDepth = 10000
	// maxWord is the longest text that is kept once, maxKey the longest key, maxWords
	// how many of them are: names and uids are not.
	maxWord, maxKey, maxWords = 20, 64, 8192
	// maxTree is the largest fieldsV1 in bytes that is shared, maxTrees how many
	// are; managedDepth is where they are, {metadata: {managedFields: [{fieldsV1.
	maxTree, maxTrees = 8192, 256
	managedDepth      = 4
)

var errEnds = errors.New("it ends too early")

// Object decodes raw, which is one object or null.
func (d *Decoder) Object(raw []byte) (map[string]any, error) {
	d.b, d.i, d.depth = raw, 0, 0
	v, err := d.value()
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", d.i, err)
	}
	if d.space(); d.i < len(d.b) {
		return nil, fmt.Errorf("at byte %d: something follows the object", d.i)
	}
	if v == nil {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a %T where an object belongs", v)
	}
	return m, nil
}

func (d *Decoder) space() {
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

func (d *Decoder) value() (any, error) {
	d.space()
	if d.i >= len(d.b) {
		return nil, errEnds
	}
	switch c := d.b[d.i]; c {
	case '{':
		return d.nested(true)
	case '[':
		return d.nested(false)
	case '"':
		s, err := d.text()
		return s, err
	case 't':
		return true, d.literal("true")
	case 'f':
		return false, d.literal("false")
	case 'n':
		return nil, d.literal("null")
	default:
		return d.number()
	}
}

func (d *Decoder) nested(mapping bool) (v any, err error) {
	if d.depth++; d.depth > maxDepth {
		return nil, errors.New("nested too deep")
	}
	d.i++
	if mapping {
		v, err = d.mapping()
	} else {
		v, err = d.list()
	}
	d.depth--
	return v, err
}

func (d *Decoder) mapping() (any, error) {
	m := map[string]any{}
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil || !more {
			return m, err
		}
		if d.i >= len(d.b) || d.b[d.i] != '"' {
			return nil, errors.New("a key is no text")
		}
		key, err := d.textOf(maxKey)
		if err != nil {
			return nil, err
		}
		if d.space(); d.i >= len(d.b) || d.b[d.i] != ':' {
			return nil, errors.New("a key without a value")
		}
		d.i++
		switch {
		case d.lean && needless(key, d.depth):
			err = d.skip()
		case d.lean && key == "labels" && d.depth == metadataDepth:
			m[key], err = d.labels()
		case d.lean && key == "managedFields" && d.depth == metadataDepth:
			m[key], err = d.managers()
		case key == "fieldsV1" && d.depth == managedDepth:
			m[key], err = d.tree()
		default:
			m[key], err = d.value()
		}
		if err != nil {
			return nil, err
		}
	}
}

// tree reads what a field manager owns, half of an object's bytes. It is the same
// for most objects of a kind that one manager made, and then they share it.
func (d *Decoder) tree() (any, error) {
	d.space()
	if d.i >= len(d.b) || d.b[d.i] != '{' {
		return d.value()
	}
	n, whole := (&Cutter{}).Cut(d.b[d.i:])
	if !whole {
		return nil, errEnds
	}
	raw := d.b[d.i : d.i+n]
	if known, ok := d.trees[string(raw)]; ok {
		d.i += n
		return known, nil
	}
	v, err := d.value()
	if err == nil && len(d.trees) < maxTrees && n <= maxTree {
		if d.trees == nil {
			d.trees = map[string]any{}
		}
		d.trees[string(raw)] = v
	}
	return v, err
}

func (d *Decoder) list() (any, error) {
	list := []any{}
	for first := true; ; first = false {
		more, err := d.more(first, ']')
		if err != nil || !more {
			return list, err
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

// more tells whether another element follows, and goes to it.
func (d *Decoder) more(first bool, end byte) (bool, error) {
	d.space()
	switch {
	case d.i >= len(d.b):
		return false, errEnds
	case d.b[d.i] == end:
		d.i++
		return false, nil
	case first:
		return true, nil
	case d.b[d.i] != ',':
		return false, fmt.Errorf("%q where a comma belongs", d.b[d.i])
	}
	d.i++
	if d.space(); d.i < len(d.b) && d.b[d.i] == end {
		return false, errors.New("nothing follows a comma")
	}
	return true, nil
}

func (d *Decoder) literal(word string) error {
	if len(d.b)-d.i < len(word) || string(d.b[d.i:d.i+len(word)]) != word {
		return fmt.Errorf("no value begins with %q", d.b[d.i])
	}
	d.i += len(word)
	return nil
}

// text reads a string; the cursor is at its opening quote.
func (d *Decoder) text() (string, error) { return d.textOf(maxWord) }

// textOf is text that keeps strings of up to so many bytes once.
func (d *Decoder) textOf(keep int) (string, error) {
	begin, plain, ascii := d.i, true, true
	for i := begin + 1; i < len(d.b); i++ {
		switch c := d.b[i]; {
		case c == '"':
			d.i = i + 1
			inner := d.b[begin+1 : i]
			if plain && (ascii || utf8.Valid(inner)) {
				return d.word(inner, keep), nil
			}
			var s string
			err := json.Unmarshal(d.b[begin:d.i], &s)
			return s, err
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			return "", fmt.Errorf("the control character %#x in a text", c)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", errEnds
}

// word returns b as a string, the same one as before when it is a short one.
func (d *Decoder) word(b []byte, keep int) string {
	if len(b) > keep {
		return string(b)
	}
	if s, known := d.words[string(b)]; known {
		return s
	}
	s := string(b)
	if d.words == nil {
		d.words = map[string]string{}
	}
	if len(d.words) < maxWords {
		d.words[s] = s
	}
	return s
}

func (d *Decoder) number() (any, error) {
	begin, whole := d.i, true
	for ; d.i < len(d.b); d.i++ {
		c := d.b[d.i]
		if c == '.' || c == 'e' || c == 'E' {
			whole = false
		} else if (c < '0' || c > '9') && c != '-' && c != '+' {
			break
		}
	}
	raw := d.b[begin:d.i]
	if len(raw) == 0 || !json.Valid(raw) {
		return nil, fmt.Errorf("no value begins with %q", d.b[begin])
	}
	if whole {
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return n, nil
		}
	}
	return strconv.ParseFloat(string(raw), 64)
}
