package edit

import (
	"bytes"
	"strings"
)

// block is a literal or folded scalar in the text.
type block struct {
	// header is its first line, from | or > on; lines are the others, with
	// their indentation and without line ends.
	header string
	lines  []string
	// indent is the number of spaces before its lines.
	indent int
	end    int
	// unended: the file ends with its last line and has no line end.
	unended bool
}

// parts returns the indicators of the header and the comment after them, with
// the space before it.
func (b *block) parts() (indicators, comment string) {
	at := strings.IndexAny(b.header, " \t")
	if at < 0 {
		return b.header, ""
	}
	return b.header[:at], b.header[at:]
}

// readBlock reads the block scalar at start; parent is the indentation around it.
func readBlock(text []byte, start, parent int) block {
	headerEnd := lineEnd(text, start)
	b := block{header: string(text[start:headerEnd]), end: headerEnd}
	indicators, _ := b.parts()
	for _, c := range indicators {
		if c >= '1' && c <= '9' {
			b.indent = max(parent, 0) + int(c-'0')
		}
	}
	keep := strings.Contains(indicators, "+")
	at, kept := headerEnd, 0
	for at < len(text) {
		at += 1 + len(bytes.TrimSuffix(text[at:min(at+1, len(text))], []byte("\n"))) // over LF or CRLF
		if at >= len(text) {
			break
		}
		end := lineEnd(text, at)
		line := string(text[at:end])
		spaces := len(line) - len(strings.TrimLeft(line, " "))
		blank := spaces == len(line)
		if !blank && b.indent == 0 {
			b.indent = max(spaces, parent+1)
		}
		if !blank && spaces < b.indent {
			break
		}
		b.lines = append(b.lines, line)
		if !blank || keep || b.indent > 0 && len(line) > b.indent {
			kept, b.end = len(b.lines), end
		}
		at = end
	}
	b.lines = b.lines[:kept]
	b.unended = b.end == len(text)
	return b
}
