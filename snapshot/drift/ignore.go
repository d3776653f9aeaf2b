package drift

import (
	"slices"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Ignorer says which differences do not count.
type Ignorer interface {
	// Ignores tells whether a rule, which it names in words, says that a
	// difference does not count. An empty path asks about an object as a whole,
	// which is missing or unexpected; otherwise it is a Field's. An empty manager
	// means that nobody knows who set it.
	Ignores(id object.ID, path, manager string) (rule string, ok bool)
}

// WithinIgnorer is an Ignorer that has rules for fields below one that differs.
type WithinIgnorer interface {
	Ignorer
	// IgnoresWithin is Ignores for a field whose values are known: a rule may hold
	// because they are equal in all that it is not about. Values of Secrets come
	// as they are.
	IgnoresWithin(id object.ID, path, manager string, want, have any) (rule string, ok bool)
}

// The words of Ignored.What.
const (
	WhatMissing    = "missing"
	WhatChanged    = "changed"
	WhatUnexpected = "unexpected"
)

func (i Ignored) path() string {
	if i.Field == nil {
		return ""
	}
	return i.Field.Path
}

// ignore moves the missing and the unexpected that rules are about to Ignored.
// Fields were sifted while their values were known.
func (c *comparison) ignore() {
	if c.opts.Ignore == nil {
		return
	}
	r := c.report
	r.Missing = slices.DeleteFunc(r.Missing, func(m Missing) bool {
		rule, ok := c.opts.Ignore.Ignores(m.ID, "", "")
		if ok {
			r.Ignored = append(r.Ignored, Ignored{ID: m.ID, From: m.From, What: WhatMissing, Rule: rule})
		}
		return ok
	})
	r.Unexpected = slices.DeleteFunc(r.Unexpected, func(u Unexpected) bool {
		manager := ""
		if u.By != nil {
			manager = u.By.Manager
		}
		rule, ok := c.opts.Ignore.Ignores(u.ID, "", manager)
		if ok {
			r.Ignored = append(r.Ignored, Ignored{ID: u.ID, What: WhatUnexpected, Rule: rule})
		}
		return ok
	})
}

// ignores asks about a field. When several managers set it, each of them has to
// be ignored.
func (c *comparison) ignores(id object.ID, f Field) (rule string, ok bool) {
	ask := func(manager string) (string, bool) {
		if within, can := c.opts.Ignore.(WithinIgnorer); can {
			return within.IgnoresWithin(id, f.Path, manager, f.Want, f.Have)
		}
		return c.opts.Ignore.Ignores(id, f.Path, manager)
	}
	if len(f.By) == 0 {
		return ask("")
	}
	for _, author := range f.By {
		if rule, ok = ask(author.Manager); !ok {
			return "", false
		}
	}
	return rule, true
}
