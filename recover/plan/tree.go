package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// TreeOption changes how WriteTree writes.
type TreeOption func(*tree)

// Shorten writes at most n names of a list, and how many more there are.
func Shorten(n int) TreeOption { return func(t *tree) { t.limit = n } }

// WriteTree writes the plan for a person: what the target does not serve first,
// then the objects wave by wave with what each waits for, notes last. Objects of
// one kind and namespace that wait for the same stand together. Errors of w are
// w's to remember.
func (p *Plan) WriteTree(w io.Writer, options ...TreeOption) {
	t := &tree{out: w}
	for _, o := range options {
		o(t)
	}
	objects, last := 0, 0
	for i := range p.Nodes {
		if !p.Nodes[i].Barrier {
			objects++
		}
		last = p.Nodes[i].Wave
	}
	head := fmt.Sprintf("%s in %s", plural(objects, "object"), plural(last+1, "wave"))
	if p.Commit != "" {
		head += " from commit " + short(p.Commit)
	}
	if p.Server != "" {
		head += " onto Kubernetes " + p.Server
	}
	t.line("%s", head)
	t.unserved(p.Unserved)
	for from := 0; from < len(p.Nodes); {
		to := from
		for to < len(p.Nodes) && p.Nodes[to].Wave == p.Nodes[from].Wave {
			to++
		}
		t.wave(p.Nodes[from:to])
		from = to
	}
	t.notes(p.Notes)
}

type tree struct {
	out   io.Writer
	limit int // of names in a list, 0 for no limit
}

func (t *tree) line(format string, args ...any) {
	fmt.Fprintln(t.out, printable(fmt.Sprintf(format, args...)))
}

func (t *tree) unserved(list []Unserved) {
	if len(list) == 0 {
		return
	}
	t.line("")
	t.line("Not served by the target: %d", len(list))
	for i, u := range list {
		if t.limit > 0 && i == t.limit {
			t.line("  … and %d more", len(list)-i)
			return
		}
		t.line("  %s (%s) at %s", u.ID, u.APIVersion, u.From)
		t.line("    %s", u.Reason)
		if u.Remedy != "" {
			t.line("    → %s", u.Remedy)
		}
	}
}

// group is what one line of a wave shows: nodes that differ only in their name.
type group struct {
	kind, namespace, waits, mark string
	names                        []string
}

func (t *tree) wave(nodes []Node) {
	t.line("")
	t.line("Wave %d", nodes[0].Wave)
	var groups []*group
	byKey := map[string]int{}
	for i := range nodes {
		n := &nodes[i]
		g := group{kind: kindOf(n), namespace: n.ID.Namespace, waits: t.waits(n), mark: mark(n)}
		key := fmt.Sprintf("%q", []string{g.kind, g.namespace, g.waits, g.mark})
		at, ok := byKey[key]
		if !ok {
			at = len(groups)
			groups = append(groups, &g)
			byKey[key] = at
		}
		groups[at].names = append(groups[at].names, n.ID.Name)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return strings.Compare(a.namespace, b.namespace) })
	namespace := ""
	for _, g := range groups {
		indent := "  "
		if g.namespace != "" {
			if g.namespace != namespace {
				t.line("  in %s", g.namespace)
			}
			indent = "    "
		}
		namespace = g.namespace
		t.line("%s%s %s%s", indent, g.kind, t.list(g.names), g.mark)
		if g.waits != "" {
			t.line("%s  waits for %s", indent, g.waits)
		}
	}
}

func kindOf(n *Node) string {
	switch {
	case n.Barrier:
		return "·"
	case n.ID.Group == "":
		return n.ID.Kind
	}
	return n.ID.Kind + "." + n.ID.Group
}

func mark(n *Node) string {
	switch {
	case n.Removed:
		return "  [not served]"
	case n.Awaited:
		return "  [not served yet]"
	case n.Hook != nil:
		return "  [hook " + n.Hook.Phase + "]"
	}
	return ""
}

// waits says what a node waits for: reasons in order of their weight, and the
// names by kind. That an object waits for its own namespace goes without saying.
func (t *tree) waits(n *Node) string {
	type reason struct {
		strength Strength
		until    Until
		what     string
	}
	names := map[reason][]string{}
	var order []reason
	for _, e := range n.Edges {
		if e.To.Kind == "Namespace" && e.To.Name == n.ID.Namespace && e.Strength == Hard {
			continue
		}
		r := reason{e.Strength, e.Until, e.To.Kind}
		name := e.To.Name
		if e.To.Kind == barrierKind {
			r.what = ""
		} else if e.To.Namespace != "" && e.To.Namespace != n.ID.Namespace {
			name = e.To.Namespace + "/" + name
		}
		if names[r] == nil {
			order = append(order, r)
		}
		names[r] = append(names[r], name)
	}
	slices.SortStableFunc(order, func(a, b reason) int { return rank(a.strength) - rank(b.strength) })
	parts := make([]string, 0, len(order))
	for _, r := range order {
		part := t.list(names[r])
		if r.what != "" {
			part = r.what + " " + part
		}
		if r.until != Exists {
			part += " (" + string(r.until) + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// list writes names with commas, shortened when that is wanted.
func (t *tree) list(names []string) string {
	if t.limit > 0 && len(names) > t.limit {
		return fmt.Sprintf("%s … and %d more", strings.Join(names[:t.limit], ", "), len(names)-t.limit)
	}
	return strings.Join(names, ", ")
}

func (t *tree) notes(notes []Note) {
	if len(notes) == 0 {
		return
	}
	t.line("")
	t.line("Notes")
	shown := map[NoteKind]int{}
	for _, n := range notes {
		shown[n.Kind]++
		switch {
		case t.limit == 0 || shown[n.Kind] <= t.limit:
			t.line("  %s %s", n.ID, n.Text)
		case shown[n.Kind] == t.limit+1:
			t.line("  … and %d more of this kind (%s)", count(notes, n.Kind)-t.limit, n.Kind)
		}
	}
}

func count(notes []Note, kind NoteKind) int {
	total := 0
	for _, n := range notes {
		if n.Kind == kind {
			total++
		}
	}
	return total
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// short cuts a SHA as git does.
func short(commit string) string {
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}
