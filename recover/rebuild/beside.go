package rebuild

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/sops"
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

// digested compares Secrets of which the commit has digests alone with the live
// ones, as they come by.
type digested struct {
	key    []byte
	wanted map[object.ID]*object.Object

	mu      sync.Mutex
	fields  map[object.ID][]drift.Field // of those that were seen
	matches int                         // values that are the same
	unknown string                      // why Secrets could not be listed
}

var _ drift.Observer = (*digested)(nil)

// digested is nil when the commit has none.
func (d *drifting) digested() (*digested, error) {
	if len(d.rendered.Digests) == 0 {
		return nil, nil
	}
	key, err := d.e.SealKey()
	if err != nil {
		return nil, err
	}
	g := &digested{key: key, wanted: map[object.ID]*object.Object{}, fields: map[object.ID][]drift.Field{}}
	for _, o := range d.rendered.Digests {
		g.wanted[o.ID()] = o
	}
	return g, nil
}

// See compares one live Secret.
func (g *digested) See(s drift.Sighting) error {
	want := g.wanted[s.ID]
	if want == nil {
		return nil
	}
	have, err := sops.Digest(object.Canonical(s.Live), g.key)
	if err != nil {
		return fmt.Errorf("compare %s: %w", s.ID, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fields[s.ID] = drift.Both(object.Canonical(want.Unstructured), object.Canonical(&unstructured.Unstructured{Object: have}))
	data, _ := have["data"].(map[string]any)
	for name, digest := range data {
		if value, _ := want.Object["data"].(map[string]any); value[name] == digest {
			g.matches++
		}
	}
	return nil
}

// Listed notes that Secrets could not be listed.
func (g *digested) Listed(kind object.Kind, err error) {
	if err != nil && kind.GroupKind() == (schema.GroupKind{Kind: "Secret"}) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.unknown = err.Error()
	}
}

// add puts what was found into a comparison, for which these Secrets are not
// unexpected any more.
func (g *digested) add(b beside) {
	if g == nil {
		return
	}
	foreign := g.matches == 0 // as it is with the key of another machine
	for id, want := range g.wanted {
		fields, seen := g.fields[id]
		switch {
		case !b.admit(id, want.GetLabels()):
		case g.unknown != "":
			b.unknown(id, g.unknown)
		case !seen:
			b.miss(drift.Missing{ID: id, From: want.From})
		case len(fields) > 0:
			c := drift.Change{ID: id, From: want.From, Fields: fields}
			if foreign {
				c.Unconfirmed = "none of the digests fits, so they may have been made with the key of another machine"
			}
			b.change(c)
		}
	}
	b.raw.Unexpected = slices.DeleteFunc(b.raw.Unexpected, func(u drift.Unexpected) bool { return g.wanted[u.ID] != nil })
}
