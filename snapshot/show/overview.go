package show

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// objects prints what differs. When it is too much for a person, an overview
// comes first, and then some of each way to differ.
func (p *printer) objects(list []Object) {
	shown := list
	if p.MaxObjects > 0 && len(list) > p.MaxObjects {
		shown = someOf(list, p.MaxObjects)
		p.overview(list)
	}
	for _, o := range shown {
		p.object(o)
	}
	if more := len(list) - len(shown); more > 0 {
		p.line()
		p.folded("", "  ", Warn, fmt.Sprintf("… and %d more objects that differ: --all shows them here, --format markdown makes a page of them, --json is for programs", more), true)
	}
}

// someOf takes objects in turn from each way to differ, so that none hides the
// others, and keeps their order.
func someOf(list []Object, most int) []Object {
	waiting := map[Kind][]int{}
	for i, o := range list {
		waiting[o.Drift] = append(waiting[o.Drift], i)
	}
	var taken []int
	for most = min(most, len(list)); len(taken) < most; {
		for _, kind := range slices.Sorted(maps.Keys(waiting)) {
			if rest := waiting[kind]; len(rest) > 0 && len(taken) < most {
				taken, waiting[kind] = append(taken, rest[0]), rest[1:]
			}
		}
	}
	slices.Sort(taken)
	some := make([]Object, len(taken))
	for i, at := range taken {
		some[i] = list[at]
	}
	return some
}

// maxRows bounds each table of an overview.
const maxRows = 8

// overview says of many objects which kinds they are of, where they are, and
// what most of them have in common.
func (p *printer) overview(list []Object) {
	type row struct{ changed, missing, unexpected int }
	kinds, namespaces, causes := map[string]*row{}, map[string]int{}, map[string]int{}
	for _, o := range list {
		kind := o.ID.GroupKind().String()
		if kinds[kind] == nil {
			kinds[kind] = &row{}
		}
		switch o.Drift {
		case Missing:
			kinds[kind].missing++
		case Unexpected:
			kinds[kind].unexpected++
		default:
			kinds[kind].changed++
		}
		if o.ID.Namespace != "" {
			namespaces[o.ID.Namespace]++
		}
		for _, cause := range causesOf(o) {
			causes[cause]++
		}
	}
	p.section("By kind")
	p.line(Span{Faint, "    changed  missing  unexpected"})
	sums := map[string]int{}
	for kind, r := range kinds {
		sums[kind] = r.changed + r.missing + r.unexpected
	}
	p.rows(sums, "kind", func(kind string, _ int) string {
		r := kinds[kind]
		return fmt.Sprintf("  %9s  %7s  %10s  ", dotted(r.changed), dotted(r.missing), dotted(r.unexpected))
	})
	number := func(_ string, n int) string { return fmt.Sprintf("  %9d  ", n) }
	if len(namespaces) > 1 {
		p.section("By namespace")
		p.rows(namespaces, "namespace", number)
	}
	maps.DeleteFunc(causes, func(_ string, n int) bool { return n < 2 })
	if len(causes) > 0 {
		p.section("What they have in common")
		p.rows(causes, "difference", number)
	}
}

// rows prints the most frequent words, each behind what lead makes of it.
func (p *printer) rows(counts map[string]int, what string, lead func(word string, n int) string) {
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, word := range words[:min(maxRows, len(words))] {
		head := lead(word, counts[word])
		p.folded(head, strings.Repeat(" ", len([]rune(head))), Plain, clip(word, 200), false)
	}
	if more := len(words) - maxRows; more > 0 {
		p.line(Span{Faint, "  … and " + count(more, "more "+what)})
	}
}

// causesOf are what an object may have in common with others: each field that
// changed with who changed it, or who made it.
func causesOf(o Object) []string {
	var causes []string
	for _, f := range o.Fields {
		cause := f.Path
		if len(f.By) > 0 {
			cause += " by " + f.By[0].who()
		}
		causes = append(causes, cause)
	}
	if o.Drift == Unexpected && o.By != nil && (o.Note == "" || o.Restored) {
		causes = append(causes, "made by "+o.By.who())
	}
	if o.Note != "" {
		causes = append(causes, o.Note)
	}
	return causes
}

// dotted is a number in a table, where none is seen at a glance.
func dotted(n int) string {
	if n == 0 {
		return "·"
	}
	return fmt.Sprint(n)
}
