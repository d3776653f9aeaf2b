package kube

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// The lists of a large cluster are hundreds of megabytes of JSON, and decoding
// them is most of the work of a comparison. values cuts a stream into values
// without looking into them, parser decodes one of them into what unstructured
// objects are made of; both go over each byte once.

// values reads JSON values off a stream.
type values struct {
	r   *bufio.Reader
	buf []byte
}

func newValues(r io.Reader) *values { return &values{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next byte that is no white space, and does not consume it.
// The end of the stream is io.ErrUnexpectedEOF.
func (v *values) next() (byte, error) {
	for {
		b, err := v.r.Peek(1)
		if err != nil {
			return 0, early(err)
		}
		switch b[0] {
		case ' ', '\t', '\n', '\r':
			_, _ = v.r.Discard(1) // it was just seen
		default:
			return b[0], nil
		}
	}
}

func early(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// take consumes the next byte, which has to be c.
func (v *values) take(c byte) error {
	have, err := v.next()
	if err != nil {
		return err
	}
	if have != c {
		return fmt.Errorf("%q where %q belongs", have, c)
	}
	_, err = v.r.Discard(1)
	return err
}

// more tells whether another element follows in a list or object that ends with
// end, and consumes the comma before it, or end.
func (v *values) more(first bool, end byte) (bool, error) {
	c, err := v.next()
	switch {
	case err != nil:
		return false, err
	case c == end:
		_, err = v.r.Discard(1)
		return false, err
	case first:
		return true, nil
	}
	return true, v.take(',')
}

// key reads the key of an object's field and its colon.
func (v *values) key() (string, error) {
	raw, err := v.value()
	if err != nil {
		return "", err
	}
	var key string
	if err := json.Unmarshal(raw, &key); err != nil {
		return "", err
	}
	return key, v.take(':')
}

// value returns the bytes of the next value, which are good until the next call.
// What is in them is not checked.
func (v *values) value() ([]byte, error) {
	first, err := v.next()
	if err != nil {
		return nil, err
	}
	v.buf = v.buf[:0]
	s := cutter{scalar: first != '{' && first != '[' && first != '"'}
	for {
		if _, err := v.r.Peek(1); err != nil {
			return nil, early(err)
		}
		chunk, _ := v.r.Peek(v.r.Buffered())
		n, done := s.cut(chunk)
		v.buf = append(v.buf, chunk[:n]...)
		_, _ = v.r.Discard(n)
		if done {
			return v.buf, nil
		}
	}
}

// cutter finds the end of a value that comes in pieces.
type cutter struct {
	depth           int
	inText, escaped bool
	scalar          bool
}

// cut returns how many bytes of chunk belong to the value, and whether it ends
// with them.
func (s *cutter) cut(chunk []byte) (n int, done bool) {
	for i := 0; i < len(chunk); i++ {
		c := chunk[i]
		switch {
		case s.escaped:
			s.escaped = false
		case s.inText:
			switch {
			case c == '\\':
				s.escaped = true
			case c == '"' && s.depth == 0:
				return i + 1, true
			case c == '"':
				s.inText = false
			}
		case s.scalar:
			switch c {
			case ',', '}', ']', ' ', '\t', '\n', '\r':
				return i, true
			}
		case c == '"':
			s.inText = true
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			s.depth--
			if s.depth == 0 {
				return i + 1, true
			}
		}
	}
	return len(chunk), false
}

// parser decodes one JSON value: maps, lists, strings, booleans, int64 where a
// number is one and float64 where it is not. Words that repeat from object to
// object are kept once.
type parser struct {
	b     []byte
	i     int
	depth int
	words map[string]string
	trees map[string]any
}

const (
	maxDepth = 10000
	// maxWord is the longest text that is kept once, maxWords how many are.
	maxWord, maxWords = 40, 8192
	// maxTree is the largest fieldsV1 in bytes that is shared, maxTrees how many
	// are; managedDepth is where they are, {metadata: {managedFields: [{fieldsV1.
	maxTree, maxTrees = 8192, 256
	managedDepth      = 4
)

var errEnds = errors.New("it ends too early")

// object decodes raw, which is one object or null.
func (p *parser) object(raw []byte) (map[string]any, error) {
	p.b, p.i, p.depth = raw, 0, 0
	v, err := p.value()
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", p.i, err)
	}
	if p.space(); p.i < len(p.b) {
		return nil, fmt.Errorf("at byte %d: something follows the object", p.i)
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

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) value() (any, error) {
	p.space()
	if p.i >= len(p.b) {
		return nil, errEnds
	}
	switch c := p.b[p.i]; c {
	case '{':
		return p.nested(p.mapping)
	case '[':
		return p.nested(p.list)
	case '"':
		s, err := p.text()
		return s, err
	case 't':
		return true, p.literal("true")
	case 'f':
		return false, p.literal("false")
	case 'n':
		return nil, p.literal("null")
	default:
		return p.number()
	}
}

func (p *parser) nested(read func() (any, error)) (any, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errors.New("nested too deep")
	}
	p.i++
	v, err := read()
	p.depth--
	return v, err
}

func (p *parser) mapping() (any, error) {
	m := map[string]any{}
	for first := true; ; first = false {
		more, err := p.more(first, '}')
		if err != nil || !more {
			return m, err
		}
		if p.i >= len(p.b) || p.b[p.i] != '"' {
			return nil, errors.New("a key is no text")
		}
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		if p.space(); p.i >= len(p.b) || p.b[p.i] != ':' {
			return nil, errors.New("a key without a value")
		}
		p.i++
		if key == "fieldsV1" && p.depth == managedDepth {
			m[key], err = p.tree()
		} else {
			m[key], err = p.value()
		}
		if err != nil {
			return nil, err
		}
	}
}

// tree reads what a field manager owns, half of an object's bytes. It is the same
// for most objects of a kind that one manager made, and then they share it.
func (p *parser) tree() (any, error) {
	p.space()
	if p.i >= len(p.b) || p.b[p.i] != '{' {
		return p.value()
	}
	n, whole := (&cutter{}).cut(p.b[p.i:])
	if !whole {
		return nil, errEnds
	}
	raw := p.b[p.i : p.i+n]
	if known, ok := p.trees[string(raw)]; ok {
		p.i += n
		return known, nil
	}
	v, err := p.value()
	if err == nil && len(p.trees) < maxTrees && n <= maxTree {
		if p.trees == nil {
			p.trees = map[string]any{}
		}
		p.trees[string(raw)] = v
	}
	return v, err
}

func (p *parser) list() (any, error) {
	list := []any{}
	for first := true; ; first = false {
		more, err := p.more(first, ']')
		if err != nil || !more {
			return list, err
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

// more tells whether another element follows, and goes to it.
func (p *parser) more(first bool, end byte) (bool, error) {
	p.space()
	switch {
	case p.i >= len(p.b):
		return false, errEnds
	case p.b[p.i] == end:
		p.i++
		return false, nil
	case first:
		return true, nil
	case p.b[p.i] != ',':
		return false, fmt.Errorf("%q where a comma belongs", p.b[p.i])
	}
	p.i++
	if p.space(); p.i < len(p.b) && p.b[p.i] == end {
		return false, errors.New("nothing follows a comma")
	}
	return true, nil
}

func (p *parser) literal(word string) error {
	if len(p.b)-p.i < len(word) || string(p.b[p.i:p.i+len(word)]) != word {
		return fmt.Errorf("no value begins with %q", p.b[p.i])
	}
	p.i += len(word)
	return nil
}

// text reads a string; the cursor is at its opening quote.
func (p *parser) text() (string, error) {
	begin, plain, ascii := p.i, true, true
	for i := begin + 1; i < len(p.b); i++ {
		switch c := p.b[i]; {
		case c == '"':
			p.i = i + 1
			inner := p.b[begin+1 : i]
			if plain && (ascii || utf8.Valid(inner)) {
				return p.word(inner), nil
			}
			var s string
			err := json.Unmarshal(p.b[begin:p.i], &s)
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
func (p *parser) word(b []byte) string {
	if len(b) > maxWord {
		return string(b)
	}
	if s, known := p.words[string(b)]; known {
		return s
	}
	s := string(b)
	if p.words == nil {
		p.words = map[string]string{}
	}
	if len(p.words) < maxWords {
		p.words[s] = s
	}
	return s
}

func (p *parser) number() (any, error) {
	begin, whole := p.i, true
	for ; p.i < len(p.b); p.i++ {
		c := p.b[p.i]
		if c == '.' || c == 'e' || c == 'E' {
			whole = false
		} else if (c < '0' || c > '9') && c != '-' && c != '+' {
			break
		}
	}
	raw := p.b[begin:p.i]
	if len(raw) == 0 || !json.Valid(raw) {
		return nil, fmt.Errorf("no value begins with %q", p.b[begin])
	}
	if whole {
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return n, nil
		}
	}
	return strconv.ParseFloat(string(raw), 64)
}
