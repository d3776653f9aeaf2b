// Package glob matches names against the patterns that people write in rules:
// in go a pattern and, often, names that strangers chose. However the two are
// made, a match takes a time that only grows with their lengths.
package glob

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Glob is a pattern for whole names: * is any text, ? any character, [a-z] and
// [^a-z] (or [!a-z]) one of some, {one,two} either, and a backslash takes the
// meaning from what follows it. It holds the alternatives that braces stand for.
type Glob []string

// Limits of one pattern: its length, and the alternatives that it stands for.
const (
	maxLength       = 512
	maxAlternatives = 64
)

// Parse reads a pattern. The error says what is wrong with it.
func Parse(text string) (Glob, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("a pattern of more than %d bytes", maxLength)
	}
	var g Glob
	rest := []string{text}
	for len(rest) > 0 {
		if len(g)+len(rest) > maxAlternatives {
			return nil, fmt.Errorf("%q stands for more than %d patterns", text, maxAlternatives)
		}
		p := rest[0]
		rest = rest[1:]
		head, options, tail, err := braces(p)
		if err != nil {
			return nil, fmt.Errorf("%q is no glob: %w", text, err)
		}
		if options == nil {
			g = append(g, noSlash(strings.ReplaceAll(p, "[!", "[^")))
			continue
		}
		for _, o := range options {
			rest = append(rest, head+o+tail)
		}
	}
	for _, p := range g {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("%q is no glob: a bracket or backslash stands alone", text)
		}
	}
	return g, nil
}

// braces finds the first {one,two} in p; options is nil when there is none.
func braces(p string) (head string, options []string, tail string, err error) {
	depth, start, from := 0, 0, 0
	inClass := false
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
		case c == '{':
			if depth++; depth == 1 {
				start, from = i, i+1
			}
		case c == ',' && depth == 1:
			options = append(options, p[from:i])
			from = i + 1
		case c == '}' && depth == 0:
			return "", nil, "", errors.New("a brace is closed that was not opened")
		case c == '}':
			if depth--; depth == 0 {
				return p[:start], append(options, p[from:i]), p[i+1:], nil
			}
		}
	}
	if depth > 0 {
		return "", nil, "", errors.New("a brace is not closed")
	}
	return "", nil, "", nil
}

// Match tells whether all of name fits. The nil Glob fits every name.
func (g Glob) Match(name string) bool {
	if g == nil {
		return true
	}
	name = noSlash(name)
	for _, p := range g {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

// noSlash hides slashes, which mean something to the library and nothing here:
// names of field managers have them.
func noSlash(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
