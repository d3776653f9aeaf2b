package render

import (
	"cmp"
	"slices"
	"strings"
	"text/template/parse"
)

// guardName is the function that instrumented templates call.
const guardName = "rekindleGuard"

// instrument puts a call of the guard at the start of every loop body and of
// every named template, so that a template that would not end can be stopped.
// It adds no line, and writes nothing when it runs: what the template renders to
// stays the same. Text that is no template comes back as it is.
func instrument(name, text string) string {
	if !strings.Contains(text, "range") && !strings.Contains(text, "define") && !strings.Contains(text, "block") {
		return text
	}
	trees := map[string]*parse.Tree{}
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return text
	}
	var at []int
	for defined, t := range trees {
		if t.Root == nil {
			continue
		}
		if defined != name {
			at = append(at, int(t.Root.Pos))
		}
		at = appendLoops(at, t.Root)
	}
	slices.SortFunc(at, func(a, b int) int { return cmp.Compare(b, a) })
	for _, pos := range slices.Compact(at) {
		if pos < 0 || pos > len(text) {
			return text
		}
		text = text[:pos] + guardCall(text[pos:]) + text[pos:]
	}
	return text
}

// guardCall returns the call to stand before rest. White space before an action
// that trims it must still be trimmed.
func guardCall(rest string) string {
	if strings.HasPrefix(rest, "{{- ") || strings.HasPrefix(rest, "{{-\n") || strings.HasPrefix(rest, "{{-\t") || strings.HasPrefix(rest, "{{-\r") {
		return "{{- " + guardName + "}}"
	}
	return "{{" + guardName + "}}"
}

// appendLoops adds the positions of the loop bodies below n.
func appendLoops(at []int, n parse.Node) []int {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return at
		}
		for _, child := range n.Nodes {
			at = appendLoops(at, child)
		}
	case *parse.RangeNode:
		at = append(at, int(n.List.Pos))
		at = appendLoops(appendLoops(at, n.List), n.ElseList)
	case *parse.IfNode:
		at = appendLoops(appendLoops(at, n.List), n.ElseList)
	case *parse.WithNode:
		at = appendLoops(appendLoops(at, n.List), n.ElseList)
	}
	return at
}
