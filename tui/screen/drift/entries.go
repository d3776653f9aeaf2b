package drift

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// group is a part of the tree, in the order of the screen.
type group int

const (
	changed group = iota
	missing
	unexpected
	unlisted // what could not be listed
	lost     // what a restore would not bring back
	ignored  // what differs and does not count
	groups   // how many there are
)

// String is the group's name on the screen; its sign comes with it, so that the
// colour is not needed.
func (g group) String() string {
	return [groups]string{"~ changed", "- missing", "+ unexpected", "? not listed", "! would be lost", "· does not count"}[g]
}

// entry is one leaf of the tree: an object that differs, or something else to know.
type entry struct {
	group group
	// branches are the namespace and the kind, or the category.
	branches []string
	name     string
	// id tells the entry from all others, also of a later report.
	id string
	// facts are few words behind the name.
	facts string
	// by is who touched it last, when that is known, and when.
	by      show.Author
	touched bool
	when    time.Time
	// object is nil for what is not about one object.
	object *object.ID

	differs *show.Object
	unknown *show.Unknown
	finding *recoverability.Finding
	ignored []show.Ignored
}

// clusterWide stands in the tree for the namespace of objects that have none.
const clusterWide = "(cluster)"

// entriesOf are all entries of a report, in the order of the screen. The report is
// kept and must not change.
func entriesOf(r *show.Report) []*entry {
	all := make([]entry, 0, len(r.Objects)+len(r.Unknown))
	for i := range r.Objects {
		all = append(all, differing(&r.Objects[i]))
	}
	for i := range r.Unknown {
		u := &r.Unknown[i]
		all = append(all, entry{group: unlisted, name: u.Kind, unknown: u, facts: u.Reason})
	}
	all = append(all, losses(r.Recoverability)...)
	all = append(all, leftOut(r.Ignored)...)
	list := make([]*entry, len(all))
	for i := range all {
		list[i] = &all[i]
		list[i].finish()
	}
	slices.SortFunc(list, (*entry).compare)
	return list
}

// finish fills in what follows from the rest.
func (e *entry) finish() {
	parts := append([]string{strconv.Itoa(int(e.group))}, e.branches...)
	if parts = append(parts, e.name); e.finding != nil {
		parts = append(parts, e.finding.Rule)
	}
	e.id = strings.Join(parts, "\x00")
	if e.by, e.touched = e.last(); e.touched {
		e.when = when(e.by.Time)
	}
}

// compare orders entries as the screen does: by group, branches and name; what would
// be lost by what is worst.
func (e *entry) compare(other *entry) int {
	if e.group != other.group {
		return int(e.group) - int(other.group)
	}
	if e.finding != nil && e.finding.Category != other.finding.Category {
		return slices.Index(categories[:], e.finding.Category) - slices.Index(categories[:], other.finding.Category)
	}
	return strings.Compare(e.id, other.id)
}

// categories are those of recoverability, from what is worst to lose.
var categories = [...]recoverability.Category{
	recoverability.Data, recoverability.Secrets, recoverability.Objects, recoverability.Definitions, recoverability.Images, recoverability.Versions,
}

func differing(o *show.Object) entry {
	e := entry{group: changed, differs: o}
	switch o.Drift {
	case show.Missing:
		e.group = missing
	case show.Unexpected:
		e.group = unexpected
	}
	e.about(o.ID)
	e.facts = o.Note
	if len(o.Fields) > 0 {
		paths := make([]string, len(o.Fields))
		for i, f := range o.Fields {
			paths[i] = f.Path
		}
		e.facts = strings.Join(paths, ", ")
	}
	return e
}

// who is a field manager with the subresource it went through.
func who(a show.Author) string {
	if a.Subresource == "" {
		return a.Manager
	}
	return a.Manager + "/" + a.Subresource
}

// about fills in what an entry about one object has in common.
func (e *entry) about(id object.ID) {
	e.object = &id
	e.branches = []string{cmp.Or(id.Namespace, clusterWide), id.GroupKind().String()}
	e.name = id.Name
}

// losses are the findings of recoverability, by category, without those that only
// say again what differs.
func losses(r *recoverability.Report) []entry {
	if r == nil {
		return nil
	}
	list := make([]entry, 0, len(r.Findings))
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Category == recoverability.Objects && f.Object != nil {
			continue
		}
		list = append(list, entry{
			group: lost, branches: []string{string(f.Category)}, name: f.Subject, facts: f.What,
			object: f.Object, finding: f,
		})
	}
	return list
}

// leftOut are the differences that do not count, one entry for each object. They
// come sorted by it.
func leftOut(all []show.Ignored) []entry {
	var list []entry
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].ID == all[0].ID {
			n++
		}
		e := entry{group: ignored, ignored: all[:n]}
		e.about(all[0].ID)
		e.facts = all[0].Why
		list, all = append(list, e), all[n:]
	}
	return list
}

// last is who touched the object last and when, as reports write times; empty when
// nobody is known.
func (e *entry) last() (by show.Author, known bool) {
	if e.differs == nil {
		return by, false
	}
	if e.differs.By != nil {
		by, known = *e.differs.By, true
	}
	for _, f := range e.differs.Fields {
		if len(f.By) > 0 && (!known || f.By[0].Time > by.Time) {
			by, known = f.By[0], true
		}
	}
	return by, known
}
