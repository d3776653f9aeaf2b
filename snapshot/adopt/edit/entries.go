package edit

import (
	"regexp"
	"slices"
	"strings"
)

// removeEntry removes entry i of n, the innermost of above.
func (e *editor) removeEntry(n *node, i int, above []*node) error {
	if len(n.keys) == 1 {
		return e.replace(n, map[string]any{}, above)
	}
	if n.bracketed() {
		ends := make([]int, len(n.values))
		starts := make([]int, len(n.values))
		for j, v := range n.values {
			starts[j], ends[j] = n.keys[j].outer, max(v.end, n.keys[j].end)
		}
		e.removeFlow(starts, ends, i)
		return nil
	}
	next := -1
	if i+1 < len(n.keys) {
		next = n.keys[i+1].outer
	}
	e.removeLines(n.keys[i].outer, max(n.values[i].end, n.colons[i]+1), next)
	return nil
}

// removeItem removes item i of n, the innermost of above.
func (e *editor) removeItem(n *node, i int, above []*node) error {
	if len(n.items) == 1 {
		return e.replace(n, []any{}, above)
	}
	if n.bracketed() {
		ends := make([]int, len(n.items))
		starts := make([]int, len(n.items))
		for j, v := range n.items {
			starts[j], ends[j] = v.outer, v.end
		}
		e.removeFlow(starts, ends, i)
		return nil
	}
	next := -1
	if i+1 < len(n.dashes) {
		next = n.dashes[i+1]
	}
	e.removeLines(n.dashes[i], max(n.items[i].end, n.dashes[i]+1), next)
	return nil
}

// removeFlow removes item i of several between brackets, with one comma. Of the
// last one of them that is the comma before it, unless there is one behind it;
// comments between the two stay.
func (e *editor) removeFlow(starts, ends []int, i int) {
	if i+1 < len(starts) {
		e.splice(starts[i], starts[i+1], "")
		return
	}
	text := e.f.text
	between := string(text[ends[i-1]:starts[i]])
	if !strings.Contains(between, "\n") {
		e.splice(ends[i-1], ends[i], "")
		return
	}
	rest := string(text[ends[i]:lineEnd(text, ends[i])])
	behind, hasComma := strings.CutPrefix(strings.TrimLeft(rest, " \t"), ",")
	if !hasComma {
		between = withoutComma(between)
	}
	if behind = strings.TrimSpace(behind); behind == "" || behind[0] == '#' {
		e.splice(ends[i-1], ends[i]+len(rest), strings.TrimRight(between, " \t\r\n"))
		return
	}
	if !strings.Contains(between, "#") {
		e.splice(ends[i-1], ends[i], "")
		return
	}
	e.splice(ends[i-1], ends[i]+len(rest)-len(strings.TrimLeft(rest, " \t,")), between)
}

// withoutComma takes out the comma of what stands between two items.
func withoutComma(between string) string {
	var b strings.Builder
	done := false
	for line := range strings.Lines(between) {
		code, _, _ := strings.Cut(line, "#")
		if at := strings.IndexByte(code, ','); at >= 0 && !done {
			line, done = line[:at]+line[at+1:], true
		}
		b.WriteString(line)
	}
	return b.String()
}

// removeLines removes what stands from start to end with its lines. Where
// something else begins the line, as a dash does, what follows at next moves up.
func (e *editor) removeLines(start, end, next int) {
	text := e.f.text
	from := lineStart(text, start)
	if strings.TrimSpace(string(text[from:start])) != "" && next >= 0 {
		e.splice(start, next, "")
		return
	}
	to := lineEnd(text, end)
	if to < len(text) {
		e.splice(from, to+len(e.f.nl), "")
		return
	}
	// The last line of a file that does not end in a line end. The line end before
	// it goes as well, unless it is part of a text.
	if from > 0 {
		if before := lineEnd(text, lineStart(text, from-1)); !e.f.endsText(before) {
			from = before
		}
	}
	e.splice(from, len(text), "")
}

// addEntry adds an entry to n.
func (e *editor) addEntry(n *node, key string, v any) {
	s := e.f.style
	if n.bracketed() {
		last := len(n.keys) - 1
		e.insertFlow(n, max(n.values[last].end, n.keys[last].end), n.keys[0].outer, func(lead string, spread bool) string {
			sep := ": "
			if c := n.colons[0]; c >= 0 && n.values[0].outer == c+1 && !n.values[0].empty() {
				sep = ":"
			}
			step := ""
			if spread {
				step = strings.Repeat(" ", s.step)
			}
			return s.key(key, n.keys[0].y, true) + sep + s.spread(v, lead, step)
		})
		return
	}
	b := builder{text: e.f.text}
	indent := b.column(n.keys[0].outer)
	entry := s.entry(key, v, indent, n.keys[0].y)
	at := e.placeOf(n, key)
	if at == 0 {
		e.splice(n.keys[0].outer, n.keys[0].outer, entry+s.nl+strings.Repeat(" ", indent))
		return
	}
	end := max(n.values[at-1].end, n.colons[at-1]+1)
	e.insertAfter(e.behindComments(end, indent, at == len(n.keys)), strings.Repeat(" ", indent)+entry)
}

// commentedItem is a list item that somebody has commented out.
var commentedItem = regexp.MustCompile(`^\s*#+\s*-(\s|$)`)

// behindComments returns where a new entry goes that follows the one ending at
// end: behind the comments that belong to that. These are, of the last entry, all
// that are indented as the mapping is, and otherwise items that are commented out.
func (e *editor) behindComments(end, indent int, last bool) int {
	text := e.f.text
	at, taken := end, false
	for next := end; ; {
		if next = lineEnd(text, next) + len(e.f.nl); next >= len(text) {
			return at
		}
		line := string(text[next:lineEnd(text, next)])
		bare := strings.TrimLeft(line, " \t")
		switch {
		case !strings.HasPrefix(bare, "#"), len(line)-len(bare) < indent:
			return at
		case !last && !commentedItem.MatchString(line) && (!taken || !strings.HasPrefix(bare, "#  ")):
			return at
		}
		at, taken = next, true
	}
}

// placeOf returns where key goes among the keys of n: at the end, or in their
// order when three or more of them are sorted.
func (e *editor) placeOf(n *node, key string) int {
	names := make([]string, len(n.keys))
	for i, k := range n.keys {
		if isMerge(k.y) {
			return len(n.keys)
		}
		names[i] = k.y.Value
	}
	if len(names) < 3 || !slices.IsSorted(names) {
		return len(names)
	}
	at, _ := slices.BinarySearch(names, key)
	return at
}

// insertAfter adds a line after that of at.
func (e *editor) insertAfter(at int, line string) {
	end := lineEnd(e.f.text, at)
	e.splice(end, end, e.f.style.nl+line)
}

// insertItems adds values behind the last item of n.
func (e *editor) insertItems(n *node, values []any) {
	e.insertItem(n, len(n.items), values[0])
	for _, v := range values[1:] {
		more := editor{f: e.f}
		more.insertItem(n, len(n.items), v)
		e.text += more.text
	}
}

// insertItem adds v as item i of n.
func (e *editor) insertItem(n *node, i int, v any) {
	s := e.f.style
	if n.bracketed() {
		write := func(lead string, spread bool) string {
			step := ""
			if spread {
				step = strings.Repeat(" ", s.step)
			}
			if nonEmpty(v) {
				return s.spread(v, lead, step)
			}
			return s.scalarOrEmpty(v, n.items[0].y, true)
		}
		if i > 0 {
			e.insertFlow(n, n.items[i-1].end, n.items[0].outer, write)
			return
		}
		lead, spread := e.flowLead(n, n.items[0].outer)
		between := ", "
		if spread {
			between = "," + s.nl + lead
		}
		e.splice(n.items[0].outer, n.items[0].outer, write(lead, spread)+between)
		return
	}
	b := builder{text: e.f.text}
	indent := b.column(n.dashes[0])
	like := n.items[min(i, len(n.items)-1)]
	below := indent + 2
	if !like.empty() && (like.mapping() || like.sequence()) && !like.bracketed() && lineStart(e.f.text, like.start) == lineStart(e.f.text, n.dashes[min(i, len(n.items)-1)]) {
		below = b.column(like.start)
	}
	text := "-" + strings.Repeat(" ", below-indent-1)
	if _, ok := v.(string); ok && !blockable(v.(string)) {
		text += s.scalar(v, like.y, false)
	} else {
		text += s.value(v, indent, below)
	}
	if i == 0 {
		e.splice(n.dashes[0], n.dashes[0], text+s.nl+strings.Repeat(" ", indent))
		return
	}
	e.insertAfter(max(n.items[i-1].end, n.dashes[i-1]+1), strings.Repeat(" ", indent)+text)
}

// flowLead returns the white space before the first item of n, and whether its
// items stand on lines of their own.
func (e *editor) flowLead(n *node, first int) (lead string, spread bool) {
	if !strings.Contains(string(e.f.text[n.start:first]), "\n") {
		return "", false
	}
	return e.lead(first), true
}

// insertFlow adds what write returns after the item of n that ends at end.
func (e *editor) insertFlow(n *node, end, first int, write func(lead string, spread bool) string) {
	lead, spread := e.flowLead(n, first)
	between := ", "
	switch {
	case spread:
		between = "," + e.f.style.nl + lead
	case e.f.style.json && !strings.ContainsAny(string(e.f.text[n.start:n.end]), " \n"):
		between = ","
	}
	e.splice(end, end, between+write(lead, spread))
}
