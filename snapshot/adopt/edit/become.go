package edit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// editor makes one edit: the bytes from start to end become text.
type editor struct {
	f          *File
	start, end int
	text       string
}

func (e *editor) result() []byte {
	return slices.Concat(e.f.bom, e.f.text[:e.start], []byte(e.text), e.f.text[e.end:])
}

// splice notes the edit.
func (e *editor) splice(start, end int, text string) {
	e.start, e.end, e.text = start, end, text
}

// below makes the first edit at or below path that brings the document root
// nearer to target, or returns true when it is target.
func (e *editor) below(root *node, path Path, target any) (done bool, err error) {
	n, above := root, []*node(nil)
	for len(path) > 0 {
		next, rest := n.walk(path[:1])
		if len(rest) > 0 {
			break
		}
		if err := e.shared(n); err != nil {
			return false, err
		}
		target, _ = Get(target, path[:1])
		n, above, path = next, append(above, n), path[1:]
	}
	return e.become(n, target, above)
}

// become makes the first edit that brings n nearer to target, or returns true
// when n is target. above are the nodes around n, the innermost last.
func (e *editor) become(n *node, target any, above []*node) (done bool, err error) {
	now, err := decode(n.y)
	if err != nil {
		return false, err
	}
	if Equal(now, target) {
		return true, nil
	}
	if err := e.shared(n); err != nil {
		return false, err
	}
	above = append(slices.Clip(above), n)
	wantMap, isMap := target.(map[string]any)
	wantList, isList := target.([]any)
	switch {
	case n.mapping() && isMap && len(n.keys) > 0 && len(wantMap) > 0:
		return false, e.mapping(n, now, wantMap, above)
	case n.sequence() && isList && len(n.items) > 0 && len(wantList) > 0:
		return false, e.sequence(n, now, wantList, above)
	}
	return false, e.replace(n, target, above)
}

// shared refuses to change what an alias elsewhere repeats.
func (e *editor) shared(n *node) error {
	if n.y.Anchor == "" || n.alias() {
		return nil
	}
	for _, doc := range e.f.docs {
		var at *node
		doc.each(func(other *node) {
			if other.alias() && other.y.Alias == n.y {
				at = other
			}
		})
		if at != nil {
			return fmt.Errorf("line %d: the value with the anchor &%s is used again at line %d, which would change too: write it out there", n.y.Line, n.y.Anchor, at.y.Line)
		}
	}
	return nil
}

// mapping makes the first edit that brings the entries of n nearer to target.
func (e *editor) mapping(n *node, now any, target map[string]any, above []*node) error {
	have, _ := now.(map[string]any)
	written := map[string]bool{}
	for i, key := range n.keys {
		name := keyText(key)
		if isMerge(key.y) {
			continue
		}
		written[name] = true
		want, ok := target[name]
		if !ok {
			return e.removeEntry(n, i, above)
		}
		if Equal(have[name], want) {
			continue
		}
		_, err := e.become(n.values[i], want, above)
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := target[name]; !ok {
			return fmt.Errorf("line %d: %s comes from a merge key (<<) and cannot be removed here", n.y.Line, name)
		}
	}
	for _, name := range order(target) {
		if v, ok := have[name]; !written[name] && (!ok || !Equal(v, target[name])) {
			e.addEntry(n, name, target[name])
			return nil
		}
	}
	return fmt.Errorf("line %d: this mapping cannot be edited in place", n.y.Line)
}

// keyText is a key as decode names it.
func keyText(key *node) string {
	if v, err := decode(key.y); err == nil {
		return fmt.Sprint(v)
	}
	return key.y.Value
}

func isMerge(y *yaml.Node) bool { return y.Tag == "!!merge" || y.Value == "<<" && y.Style == 0 }

// sequence makes the first edit that brings the items of n nearer to target.
func (e *editor) sequence(n *node, now any, target []any, above []*node) error {
	have, _ := now.([]any)
	pairs := Align(have, target)
	last := -1
	for i := range have {
		j, ok := pairs[i]
		if !ok {
			return e.removeItem(n, i, above)
		}
		if j < last {
			return e.replace(n, target, above) // another order
		}
		last = j
	}
	for i := range have {
		if j := pairs[i]; j > i {
			e.insertItem(n, i, target[i])
			return nil
		}
		if !Equal(have[i], target[i]) {
			_, err := e.become(n.items[i], target[i], above)
			return err
		}
	}
	e.insertItems(n, target[len(have):])
	return nil
}

// itemKeys are the fields by which people tell the items of a list apart.
var itemKeys = []string{"name", "containerPort", "port", "mountPath", "devicePath", "topologyKey", "key", "ip", "path", "host", "type", "alert", "record", "op"}

// Align pairs the items of two lists, by index: by what tells them apart, such as
// a name or a port, or else by where they stand.
func Align(have, want []any) map[int]int {
	haveBy, wantBy := byKey(have), byKey(want)
	pairs := map[int]int{}
	if haveBy != nil && wantBy != nil {
		for key, i := range haveBy {
			if j, ok := wantBy[key]; ok {
				pairs[i] = j
			}
		}
		return pairs
	}
	first := 0
	for first < len(have) && first < len(want) && Equal(have[first], want[first]) {
		pairs[first] = first
		first++
	}
	h, w := len(have), len(want)
	for h > first && w > first && Equal(have[h-1], want[w-1]) {
		h, w = h-1, w-1
		pairs[h] = w
	}
	for i := 0; first+i < h && first+i < w; i++ {
		pairs[first+i] = first + i
	}
	return pairs
}

// byKey returns where each item is, or nil when the items cannot be told apart.
func byKey(list []any) map[string]int {
	by := make(map[string]int, len(list))
	for i, item := range list {
		m, _ := item.(map[string]any)
		at := slices.IndexFunc(itemKeys, func(k string) bool { return m[k] != nil })
		if at < 0 {
			return nil
		}
		key := itemKeys[at] + "=" + fmt.Sprint(m[itemKeys[at]])
		if _, dup := by[key]; dup {
			return nil
		}
		by[key] = i
	}
	return by
}

// around returns the collection that holds the innermost of above, and its
// place in it.
func around(above []*node) (parent *node, at int) {
	n := above[len(above)-1]
	if len(above) < 2 {
		return nil, 0
	}
	parent = above[len(above)-2]
	if at = slices.Index(parent.values, n); at < 0 {
		at = slices.Index(parent.items, n)
	}
	return parent, at
}

// replace writes target in the place of n, the innermost of above.
func (e *editor) replace(n *node, target any, above []*node) error {
	s := e.f.style
	parent, at := around(above)
	switch {
	case n.flow || s.json || parent == nil && n.bracketed():
		e.splice(n.outer, n.end, e.spread(n, target))
		if n.empty() && n.start > 0 && e.f.text[n.start-1] == ':' {
			e.text = " " + e.text
		}
		return nil
	case parent == nil:
		e.splice(n.outer, n.end, s.block(target, 0))
		return nil
	case n.bracketed() && nonEmpty(target) && len(n.keys)+len(n.items) > 0:
		e.splice(n.outer, n.end, s.flow(target))
		return nil
	}
	e.replaceBlock(n, target, parent, at)
	if text, ok := target.(string); ok && strings.HasSuffix(text, "\n") && e.end == len(e.f.text) {
		e.text += s.nl // a block that ends a file needs its line end
	}
	return nil
}

// spread writes a flow value in the place of n, on lines as n has them.
func (e *editor) spread(n *node, target any) string {
	s := e.f.style
	if !nonEmpty(target) {
		var like *yaml.Node
		if !n.alias() {
			like = n.y
		}
		return s.scalarOrEmpty(target, like, true)
	}
	if !n.bracketed() || !strings.Contains(string(e.f.text[n.start:n.end]), "\n") {
		return s.flow(target)
	}
	return s.spread(target, e.lead(n.start), strings.Repeat(" ", s.step))
}

func (s style) scalarOrEmpty(v any, like *yaml.Node, flow bool) string {
	switch v.(type) {
	case map[string]any, []any:
		return s.flow(v)
	}
	return s.scalar(v, like, flow)
}

// lead returns the white space at the beginning of the line of at.
func (e *editor) lead(at int) string {
	line := e.f.text[lineStart(e.f.text, at):at]
	return string(line[:len(line)-len(strings.TrimLeft(string(line), " \t"))])
}

// replaceBlock writes target in the place of n, the value of entry or item at
// of the block collection parent.
func (e *editor) replaceBlock(n *node, target any, parent *node, at int) {
	s, b := e.f.style, builder{text: e.f.text}
	var mark, indent, below int
	if parent.mapping() {
		mark, indent = parent.colons[at]+1, b.column(parent.keys[at].outer)
		below = indent + s.step
		if _, ok := target.([]any); ok {
			below = indent + s.listStep
		}
	} else {
		mark = parent.dashes[at] + 1
		indent = b.column(mark - 1)
		below = indent + 2
	}
	inline := n.y.Kind == yaml.ScalarNode || n.alias() || n.bracketed()
	comment, end := e.commentOf(n, mark, inline)
	text, multi := target.(string)
	switch {
	case nonEmpty(target) && parent.mapping():
		e.splice(mark, end, comment+s.nl+strings.Repeat(" ", below)+s.block(target, below))
	case nonEmpty(target):
		e.splice(mark, n.end, " "+s.block(target, below))
	case multi && n.isBlock() && e.staysBlock(n, text, indent):
		was := readBlock(e.f.text, n.start, indent)
		e.splice(n.outer, n.end, s.literalBlock(text, was.indent, indent, &was))
	case multi && n.y.Style&yaml.DoubleQuotedStyle == 0 && blockable(text):
		head, body, _ := strings.Cut(s.literalBlock(text, indent+s.step, indent, nil), s.nl)
		e.splice(mark, end, " "+head+comment+s.nl+body)
	case n.empty():
		e.splice(mark, mark, " "+s.scalarOrEmpty(target, nil, false))
	case inline && n.y.Kind == yaml.ScalarNode:
		e.splice(n.outer, n.end, s.scalarOrEmpty(target, n.y, false))
	case inline:
		e.splice(n.outer, n.end, s.scalarOrEmpty(target, nil, false))
	default:
		e.splice(mark, n.end, " "+s.scalarOrEmpty(target, nil, false)+comment)
	}
}

// commentOf returns the comment on the line of a value's key, which stays there
// when the value takes several lines, with the space before it; and where what
// is replaced then ends. mark is where the value may begin.
func (e *editor) commentOf(n *node, mark int, inline bool) (comment string, end int) {
	from, end := mark, n.end
	if inline {
		from = n.end
	}
	line := string(e.f.text[from:lineEnd(e.f.text, from)])
	if !strings.HasPrefix(strings.TrimSpace(line), "#") || strings.HasPrefix(line, "#") {
		return "", end
	}
	if inline {
		end += len(line)
	}
	return line, end
}

// staysBlock tells whether a block scalar can hold text as one, also when that
// is now a single line.
func (e *editor) staysBlock(n *node, text string, indent int) bool {
	was := readBlock(e.f.text, n.start, indent)
	return was.indent > 0 && len(was.lines) > 0 && strings.Trim(text, "\n") != "" && blockable(text+"\n")
}
