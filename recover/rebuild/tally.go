package rebuild

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rekindle-io/rekindle/recover/object"
)

// made is what became of one object.
type made string

const (
	wasCreated    made = "created"
	wasChanged    made = "changed"
	wasUnchanged  made = "unchanged"
	failedToApply made = "failed"
)

// tally counts objects by kind.
type tally map[string]*KindCount

// tallyOf counts what became of each object.
func tallyOf(fates map[object.ID]made) tally {
	t := tally{}
	for id, what := range fates {
		t.add(id.GroupKind().String(), what)
	}
	return t
}

func (t tally) add(kind string, d made) {
	c := t[kind]
	if c == nil {
		c = &KindCount{Kind: kind}
		t[kind] = c
	}
	c.Total++
	switch d {
	case wasCreated:
		c.Created++
	case wasChanged:
		c.Changed++
	case wasUnchanged:
		c.Unchanged++
	case failedToApply:
		c.Failed++
	}
}

func (t tally) counts() []KindCount {
	counts := make([]KindCount, 0, len(t))
	for _, c := range t {
		counts = append(counts, *c)
	}
	slices.SortFunc(counts, func(a, b KindCount) int { return cmp.Compare(a.Kind, b.Kind) })
	return counts
}

func (t tally) words() string {
	var sum KindCount
	for _, c := range t {
		sum.Created += c.Created
		sum.Changed += c.Changed
		sum.Unchanged += c.Unchanged
		sum.Failed += c.Failed
	}
	text := fmt.Sprintf("%d created, %d changed, %d unchanged", sum.Created, sum.Changed, sum.Unchanged)
	if sum.Failed > 0 {
		text += fmt.Sprintf(", %d not applied", sum.Failed)
	}
	return text
}
