package rebuild

import (
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
)

// beside adds to a comparison what a commit has beside objects that can be
// applied: those of kinds that the cluster does not serve, and Secrets of which
// it holds digests alone.
type beside struct {
	raw    *drift.Report
	filter *capture.Filter
	rules  *ignore.Set
}

// admit counts an object, unless rules leave it out.
func (b beside) admit(o object.ID, labels map[string]string) bool {
	if !b.filter.Rules(o, labels).Taken() {
		b.raw.Excluded = append(b.raw.Excluded, o)
		return false
	}
	b.raw.Compared++
	return true
}

func (b beside) miss(m drift.Missing) {
	if rule, ok := b.rules.Ignores(m.ID, "", ""); ok {
		b.raw.Ignored = append(b.raw.Ignored, drift.Ignored{ID: m.ID, From: m.From, What: drift.WhatMissing, Rule: rule})
		return
	}
	b.raw.Missing = append(b.raw.Missing, m)
}

func (b beside) change(c drift.Change) {
	c.Fields = slices.DeleteFunc(c.Fields, func(f drift.Field) bool {
		rule, ok := b.rules.Ignores(c.ID, f.Path, "")
		if ok {
			b.raw.Ignored = append(b.raw.Ignored, drift.Ignored{ID: c.ID, From: c.From, What: drift.WhatChanged, Field: &f, Rule: rule})
		}
		return ok
	})
	if len(c.Fields) > 0 {
		b.raw.Changed = append(b.raw.Changed, c)
	}
}

// unknown notes an object of a kind that could not be looked at.
func (b beside) unknown(o object.ID, reason string) {
	kind := o.GroupKind().String()
	for i := range b.raw.Unknown {
		if u := &b.raw.Unknown[i]; u.Kind == kind {
			u.Objects = append(u.Objects, o)
			slices.SortFunc(u.Objects, object.ID.Compare)
			return
		}
	}
	b.raw.Unknown = append(b.raw.Unknown, drift.Unknown{Kind: kind, Reason: reason, Objects: []object.ID{o}})
	delete(b.raw.Unlisted, kind) // it is one that the commit has
}

// leftOut takes what rules leave out whole from what could not be listed.
func (b beside) leftOut() {
	maps.DeleteFunc(b.raw.Unlisted, func(what, _ string) bool {
		group, _, ok := strings.Cut(what, "/")
		return ok && b.filter.SkipsGroup(group)
	})
}

// sort puts everything into the order of a report.
func (b beside) sort() {
	slices.SortFunc(b.raw.Missing, func(x, y drift.Missing) int { return x.ID.Compare(y.ID) })
	slices.SortFunc(b.raw.Changed, func(x, y drift.Change) int { return x.ID.Compare(y.ID) })
	slices.SortFunc(b.raw.Unknown, func(x, y drift.Unknown) int { return strings.Compare(x.Kind, y.Kind) })
	slices.SortFunc(b.raw.Excluded, object.ID.Compare)
}

// unserved adds the objects of kinds that the cluster does not serve: they cannot
// be there, unless the server failed to say what it serves.
func (d *drifting) unserved(b beside) {
	for _, u := range d.plan.Unserved {
		if !b.admit(u.ID, nil) {
			continue
		}
		if reason, failed := d.undescribed(u.ID.Group); failed {
			b.unknown(u.ID, reason)
			continue
		}
		b.miss(drift.Missing{ID: u.ID, From: u.From, Why: u.APIVersion + ": " + u.Reason})
	}
}

// undescribed tells why the server did not say what a group serves.
func (d *drifting) undescribed(group string) (reason string, failed bool) {
	for gv, reason := range d.catalogue.Failed {
		if gv.Group == group {
			return gv.String() + ": " + reason, true
		}
	}
	return "", false
}
