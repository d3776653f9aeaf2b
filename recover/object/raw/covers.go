package raw

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// coversObject is Covers with the cursor at the object.
func (d *Decoder) coversObject(want map[string]any) bool {
	wanted := len(want)
	for _, known := range []string{"apiVersion", "kind", "metadata"} {
		if _, has := want[known]; has {
			wanted--
		}
	}
	return d.coversFields(want, wanted, true)
}

// maxFields is how many fields of one map are compared without decoding them.
const maxFields = 32

// coversFields compares the object at the cursor with want, of which so many
// fields are looked for. Each of them has to be there once: of a key that is given
// twice the last one counts, and who decodes sees that.
func (d *Decoder) coversFields(want map[string]any, wanted int, top bool) bool {
	if wanted > maxFields {
		return false
	}
	var met [maxFields][]byte
	n, same := 0, true
	err := d.fields(func(key []byte) (bool, error) {
		if bytes.IndexByte(key, '\\') >= 0 {
			same = false // what it says shows when it is decoded
			return false, nil
		}
		below, has := want[string(key)]
		if !has || top && (string(key) == "metadata" || string(key) == "apiVersion" || string(key) == "kind") {
			return true, d.skip()
		}
		for _, before := range met[:n] {
			same = same && !bytes.Equal(before, key)
		}
		if same = same && n < wanted && d.covers(below); same {
			met[n] = key
			n++
		}
		return same, nil
	})
	return err == nil && same && n == wanted
}

// covers compares the value at the cursor with want. After a difference the
// cursor is anywhere.
func (d *Decoder) covers(want any) bool {
	if d.space(); d.i >= len(d.b) {
		return false
	}
	switch d.b[d.i] {
	case '{':
		w, ok := want.(map[string]any)
		return ok && d.coversFields(w, len(w), false)
	case '[':
		w, ok := want.([]any)
		return ok && d.coversItems(w)
	case '"':
		w, ok := want.(string)
		return ok && d.isText(w)
	}
	v, err := d.value()
	return err == nil && Equal(want, v)
}

func (d *Decoder) coversItems(want []any) bool {
	d.i++
	for i := 0; ; i++ {
		more, err := d.more(i == 0, ']')
		if err != nil || !more {
			return err == nil && i == len(want)
		}
		if i >= len(want) || !d.covers(want[i]) {
			return false
		}
	}
}

// isText tells whether the text at the cursor is want, and goes behind it.
func (d *Decoder) isText(want string) bool {
	end := d.i + 1 + len(want)
	if end < len(d.b) && d.b[end] == '"' && string(d.b[d.i+1:end]) == want && isPlain(want) {
		d.i = end + 1
		return true
	}
	for d.i++; d.i < len(d.b); {
		c := d.b[d.i]
		switch {
		case c == '"':
			d.i++
			return want == ""
		case c == '\\':
			r, n := d.escaped()
			rest, ok := strings.CutPrefix(want, string(r))
			if n == 0 || !ok {
				return false
			}
			d.i, want = d.i+n, rest
		case c < ' ' || want == "" || want[0] != c:
			return false
		default:
			d.i, want = d.i+1, want[1:]
		}
	}
	return false
}

// isPlain tells that s is written in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// escaped returns what the escape at the cursor stands for, and its length; 0 for
// none, and for halves of a pair, which are left to who decodes.
func (d *Decoder) escaped() (rune, int) {
	rest := d.b[d.i:]
	if len(rest) < 2 {
		return 0, 0
	}
	switch rest[1] {
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'r':
		return '\r', 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case '"', '\\', '/':
		return rune(rest[1]), 2
	case 'u':
		if len(rest) < 6 {
			return 0, 0
		}
		n, err := strconv.ParseUint(string(rest[2:6]), 16, 16)
		if err == nil && utf8.ValidRune(rune(n)) {
			return rune(n), 6
		}
	}
	return 0, 0
}

// Equal tells whether two values of JSON or YAML are the same, numbers by what
// they are worth.
func Equal(a, b any) bool {
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		return ok && x == y
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			return x == y
		}
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	return reflect.DeepEqual(a, b)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	case int:
		return float64(n), true
	}
	return 0, false
}
