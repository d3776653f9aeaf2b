package capture

import (
	"cmp"
	"slices"
	"sync"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Explanation says how many objects of a cluster were taken, how many were left
// out, and why.
type Explanation struct {
	Taken int `json:"taken"`
	// LeftOut is sorted by class and reason.
	LeftOut []Group `json:"leftOut,omitempty"`
}

// Group are objects that were left out for one reason.
type Group struct {
	Class Class  `json:"class"`
	Why   string `json:"why"`
	// Count is how many objects; 0 for kinds that are not even listed.
	Count int `json:"count"`
	// Kinds are those that were not listed for this reason: "Event",
	// "Lease.coordination.k8s.io".
	Kinds []string `json:"kinds,omitempty"`
	// Objects are named only when asked for.
	Objects []Omission `json:"objects,omitempty"`
}

// Omission is one object that was left out.
type Omission struct {
	ID     object.ID `json:"object"`
	Detail string    `json:"detail,omitempty"`
}

// Tally counts verdicts, from any number of goroutines.
type Tally struct {
	each bool

	mu     sync.Mutex
	taken  int
	groups map[[2]string]*Group
}

// NewTally returns an empty tally. With each it also keeps the name of every
// object that is left out: its memory then grows with the cluster.
func NewTally(each bool) *Tally {
	return &Tally{each: each, groups: map[[2]string]*Group{}}
}

// Count adds the verdict about one object.
func (t *Tally) Count(id object.ID, v Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v.Taken() {
		t.taken++
		return
	}
	g := t.group(v)
	g.Count++
	if t.each {
		g.Objects = append(g.Objects, Omission{ID: id, Detail: v.Detail})
	}
}

// CountKind adds a kind that is not listed.
func (t *Tally) CountKind(kind string, v Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.group(v)
	g.Kinds = append(g.Kinds, kind)
}

// Add adds what another tally counted.
func (t *Tally) Add(other *Tally) {
	other.mu.Lock()
	defer other.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken += other.taken
	for _, o := range other.groups {
		g := t.group(Verdict{Class: o.Class, Why: o.Why})
		g.Count += o.Count
		g.Kinds = append(g.Kinds, o.Kinds...)
		g.Objects = append(g.Objects, o.Objects...)
	}
}

// group is called with the lock held.
func (t *Tally) group(v Verdict) *Group {
	key := [2]string{string(v.Class), v.Why}
	g := t.groups[key]
	if g == nil {
		g = &Group{Class: v.Class, Why: v.Why}
		t.groups[key] = g
	}
	return g
}

// Explain returns what was counted so far.
func (t *Tally) Explain() Explanation {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := Explanation{Taken: t.taken}
	for _, g := range t.groups {
		c := *g
		c.Kinds = slices.Clone(g.Kinds)
		slices.Sort(c.Kinds)
		c.Objects = slices.Clone(g.Objects)
		slices.SortFunc(c.Objects, func(a, b Omission) int { return a.ID.Compare(b.ID) })
		e.LeftOut = append(e.LeftOut, c)
	}
	slices.SortFunc(e.LeftOut, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Why, b.Why))
	})
	return e
}

// Fork returns an empty tally that keeps as much as t, to be added to it later.
func (t *Tally) Fork() *Tally { return NewTally(t.each) }
