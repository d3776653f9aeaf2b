package runs

import (
	"cmp"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// stepPair is one step in both runs; a side that did not have it is nil.
type stepPair struct {
	name string
	a, b *run.Step
}

// spent is how long a step worked; false when nobody knows yet.
func spent(s *run.Step) (time.Duration, bool) {
	if s == nil || s.Attempts == 0 || s.State == run.Running {
		return 0, false
	}
	return s.Spent(), true
}

// difference is how much longer the second run took for the step.
func (p stepPair) difference() (time.Duration, bool) {
	a, known := spent(p.a)
	b, knownToo := spent(p.b)
	return b - a, known && knownToo
}

// stepsOf are the steps of both runs in their order; those of the second alone come
// behind the step that they came behind there.
func stepsOf(a, b run.Run) []stepPair {
	list := make([]stepPair, len(a.Steps))
	for i := range a.Steps {
		list[i] = stepPair{name: a.Steps[i].Name, a: &a.Steps[i]}
	}
	behind := 0
	for i := range b.Steps {
		s := &b.Steps[i]
		at := slices.IndexFunc(list, func(p stepPair) bool { return p.name == s.Name && p.b == nil })
		if at < 0 {
			list = slices.Insert(list, behind, stepPair{name: s.Name, b: s})
			behind++
			continue
		}
		list[at].b = s
		behind = at + 1
	}
	return list
}

// kindPair counts the objects of one kind in both runs.
type kindPair struct {
	kind string
	a, b api.KindCount
}

// kindsOf are the kinds of both runs: those that differ first, then by name.
func kindsOf(a, b []api.KindCount) []kindPair {
	at := map[string]int{}
	var list []kindPair
	pair := func(kind string) *kindPair {
		i, known := at[kind]
		if !known {
			i = len(list)
			at[kind] = i
			list = append(list, kindPair{kind: kind})
		}
		return &list[i]
	}
	for _, k := range a {
		pair(k.Kind).a = k
	}
	for _, k := range b {
		pair(k.Kind).b = k
	}
	for i := range list {
		list[i].a.Kind, list[i].b.Kind = list[i].kind, list[i].kind
	}
	slices.SortStableFunc(list, func(x, y kindPair) int {
		return cmp.Or(order(x.a != x.b, y.a != y.b), cmp.Compare(x.kind, y.kind))
	})
	return list
}

// order compares two truth values: true comes first.
func order(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

// only are the findings of a that b does not have.
func only(a, b []api.Finding) []api.Finding {
	type same struct{ what, object string }
	known := map[same]bool{}
	for _, f := range b {
		known[same{f.What, f.Object}] = true
	}
	var list []api.Finding
	for _, f := range a {
		if !known[same{f.What, f.Object}] {
			list = append(list, f)
		}
	}
	return list
}
