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

// stripped returns the header with the indicator that no line end belongs to the
// text.
func (b *block) stripped() string {
	indicators, comment := b.parts()
	return strings.Trim(indicators, "+-") + "-" + comment
}

// endsText tells whether the line end at at belongs to the text of a block
// scalar.
func (f *File) endsText(at int) bool {
	ends := false
	for _, doc := range f.docs {
		doc.each(func(n *node) {
			ends = ends || n.end == at && n.isBlock() && strings.HasSuffix(n.y.Value, "\n")
		})
	}
	return ends
}

// lastBlock returns the block scalar that the file ends with, and where it
// begins; nil when it ends with anything else, or with a line end.
func (f *File) lastBlock() (b *block, start int) {
	if len(f.docs) == 0 {
		return nil, 0
	}
	n, parent := f.docs[len(f.docs)-1], -1
	for lines := (builder{text: f.text}); !n.bracketed(); {
		if last := len(n.values) - 1; last >= 0 {
			n, parent = n.values[last], lines.column(n.keys[last].outer)
		} else if last := len(n.items) - 1; last >= 0 {
			n, parent = n.items[last], lines.column(n.dashes[last])
		} else {
			break
		}
	}
	if n.end != len(f.text) || !n.isBlock() {
		return nil, 0
	}
	was := readBlock(f.text, n.start, parent)
	return &was, n.start
}

// endBlock makes another edit of one that puts something behind a block scalar
// that ends the file without a line end: it needs one then, which must not become
// part of its text. Once it has been said in the header that it does not, the
// edit can be made.
func (e *editor) endBlock() {
	if e.start != len(e.f.text) {
		return
	}
	b, start := e.f.lastBlock()
	if b == nil || len(b.lines) == 0 {
		return
	}
	// Below |+, spaces on a last line are no text, but the line end before them is.
	if last := b.lines[len(b.lines)-1]; strings.Trim(last, " ") == "" && len(last) <= b.indent {
		e.splice(b.end-len(last), b.end, "")
		return
	}
	if head := b.stripped(); head != b.header {
		e.splice(start, start+len(b.header), head)
	}
}
