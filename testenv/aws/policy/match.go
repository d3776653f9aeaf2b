package policy

import (
	"slices"
	"strings"
)

// text is a pattern, or a value, in pieces: in literal ones no character stands for
// others.
type text []piece

type piece struct {
	s string
	// plain: "*" and "?" mean themselves.
	plain bool
}

// literal is a pattern without variables.
func literal(s string) text { return text{{s: s}} }

// String is the text as it was meant to be read.
func (t text) String() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.s)
	}
	return b.String()
}

// anything and anyone stand for "*" and "?" of a pattern. They are no characters that
// values may contain: JSON has no bytes that are not UTF-8.
const (
	anything = '\xff'
	anyone   = '\xfe'
)

// compiled is a pattern in which wildcards differ from what is meant literally.
func (t text) compiled() string {
	var b strings.Builder
	for _, p := range t {
		for i := range len(p.s) {
			switch c := p.s[i]; {
			case c == '*' && !p.plain:
				b.WriteByte(anything)
			case c == '?' && !p.plain:
				b.WriteByte(anyone)
			default:
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}

// glob tells whether a value matches a pattern in which "*" stands for any characters
// and "?" for one.
func glob(t text, value string) bool { return globbed(t.compiled(), value) }

// globbed walks through both, and back to the last wildcard when they part.
func globbed(pattern, value string) bool {
	p, v, star, from := 0, 0, -1, 0
	for v < len(value) {
		switch {
		case p < len(pattern) && pattern[p] == anything:
			star, from = p, v
			p++
		case p < len(pattern) && pattern[p] == anyone:
			p++
			v += width(value[v:])
		case p < len(pattern) && pattern[p] == value[v]:
			p++
			v++
		case star >= 0:
			from += width(value[from:])
			p, v = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anything {
		p++
	}
	return p == len(pattern)
}

// width of the first character, in bytes.
func width(s string) int {
	n := 1
	for n < len(s) && s[n]&0xC0 == 0x80 {
		n++
	}
	return n
}

// arnParts is how many parts an ARN has. The last may contain colons.
const arnParts = 6

// arnLike compares ARNs part by part, so that a wildcard stays within the part that it is
// in. "*" alone matches everything; parts that are left out at the end are wildcards.
func arnLike(t text, value string) bool {
	pattern := t.compiled()
	if pattern == string([]byte{anything}) {
		return true
	}
	wanted, have := strings.SplitN(pattern, ":", arnParts), strings.SplitN(value, ":", arnParts)
	if len(have) < arnParts {
		return globbed(pattern, value)
	}
	for len(wanted) < arnParts {
		wanted = append(wanted, string([]byte{anything}))
	}
	for i := range wanted {
		if !globbed(wanted[i], have[i]) {
			return false
		}
	}
	return true
}

// expand puts values of a request in for the variables of a pattern: "${key}",
// "${key, 'default'}", and "${*}", "${?}", "${$}" for those characters. It is false when
// one has no value, or several.
func expand(s string, keys map[string][]string, variables bool) (text, bool) {
	if !variables {
		return literal(s), true
	}
	var t text
	for {
		before, rest, found := strings.Cut(s, "${")
		t = append(t, piece{s: before})
		if !found {
			return t, true
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed { // the document was checked: only what was not read by Parse has it
			return nil, false
		}
		value, known := variable(name, keys)
		if !known {
			return nil, false
		}
		t = append(t, piece{s: strings.ToValidUTF8(value, "\uFFFD"), plain: true})
		s = after
	}
}

func variable(name string, keys map[string][]string) (string, bool) {
	if slices.Contains([]string{"*", "?", "$"}, name) {
		return name, true
	}
	key, fallback, has := strings.Cut(name, ",")
	if values := lookup(keys, strings.TrimSpace(key)); len(values) == 1 {
		return values[0], true
	}
	fallback = strings.TrimSpace(fallback)
	if !has || len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
		return "", false
	}
	return fallback[1 : len(fallback)-1], true
}

// lookup finds the values of a condition key, whose name has no case: but for what comes
// after the slash, where IAM does not care either.
func lookup(keys map[string][]string, name string) []string {
	if v, there := keys[name]; there {
		return v
	}
	for k, v := range keys {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}
