// Package ignore decides which differences between a cluster and a commit do
// not count, by rules that people wrote: about which objects, which of their
// fields or whose changes, why, and until when.
//
// In go rules and the day on which they are asked; out comes a Set that answers
// for one difference at a time, from any number of goroutines, and says in the
// end which rules did something, which have nothing to do, and which expired.
package ignore

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/ignore/glob"
	"github.com/rekindle-io/rekindle/snapshot/rule"
)

// Rule is one rule as it is written. What is left empty does not narrow it, but
// something has to: a rule about everything is refused.
type Rule struct {
	// Kind, Group, Namespace and Name are globs: see rule.Objects.
	Kind      string `json:"kind,omitempty"`
	Group     string `json:"group,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Fields are JSON pointers (RFC 6901), each for a field and all below it. A
	// list's item is called by its name, or by its index when it has none; *
	// stands for any one item or key. Without any, the rule is about objects as
	// a whole.
	Fields []string `json:"fields,omitempty"`
	// Managers are globs of field managers: the rule is about what they set.
	Managers []string `json:"managers,omitempty"`
	// Reason is required. Who reads a report is told it.
	Reason string `json:"reason"`
	// Until is the last day, in UTC, on which the rule holds; the zero time for
	// always.
	Until time.Time `json:"until,omitzero"`
	// At is where the rule is written, "rekindle.yaml:12"; for messages only.
	At string `json:"at,omitempty"`
}

// DateLayout is how the day of Until is written.
const DateLayout = "2006-01-02"

// String returns the reason of the rule and its last day.
func (r Rule) String() string {
	if r.Until.IsZero() {
		return r.Reason
	}
	return r.Reason + " (until " + r.Until.UTC().Format(DateLayout) + ")"
}

// Check returns all that is wrong with the rule.
func (r Rule) Check() []rule.Problem {
	_, problems := compile(r)
	return problems
}

// Set is a number of rules, ready to be asked. Its methods may be called from
// any goroutine.
type Set struct {
	rules []*compiled
	// about holds, by kind, the rules that may be about objects of it.
	about sync.Map // schema.GroupKind → []*compiled
}

// compiled is a rule with its globs and pointers parsed, and what it did.
type compiled struct {
	Rule
	rule.Matcher
	managers []glob.Glob
	fields   []pointer
	expired  bool

	objects, ignored atomic.Int64
}

// Compile prepares rules for the day on which now falls in UTC. The error is an
// *rule.InvalidError about the first rule that cannot be used.
func Compile(rules []Rule, now time.Time) (*Set, error) {
	s := &Set{}
	for _, r := range rules {
		c, problems := compile(r)
		if len(problems) > 0 {
			return nil, &rule.InvalidError{What: "ignore rule", At: r.At, Problem: problems[0]}
		}
		if !r.Until.IsZero() {
			y, m, d := r.Until.UTC().Date()
			c.expired = !now.Before(time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC))
		}
		s.rules = append(s.rules, c)
	}
	return s, nil
}

// compile parses a rule; without problems, what it returns is whole.
func compile(r Rule) (*compiled, []rule.Problem) {
	about := rule.Objects{Kind: r.Kind, Group: r.Group, Namespace: r.Namespace, Name: r.Name}
	m, problems := about.Compile()
	c := &compiled{Rule: r, Matcher: m}
	fail := func(field, format string, args ...any) {
		problems = append(problems, rule.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	for i, text := range r.Managers {
		field := fmt.Sprintf("managers[%d]", i)
		if text == "" {
			fail(field, "empty: name a field manager")
			continue
		}
		g, err := glob.Parse(text)
		if err != nil {
			fail(field, "%v", err)
			continue
		}
		c.managers = append(c.managers, g)
	}
	for i, text := range r.Fields {
		p, err := parsePointer(text)
		if err != nil {
			fail(fmt.Sprintf("fields[%d]", i), "%v", err)
			continue
		}
		c.fields = append(c.fields, p)
	}
	if strings.TrimSpace(r.Reason) == "" {
		fail("reason", "empty: say why these differences do not count")
	}
	if about.Any() && len(r.Fields)+len(r.Managers) == 0 {
		fail("", "it would ignore everything: name a kind, group, namespace, name, fields or managers")
	}
	return c, problems
}

// Ignores tells whether a rule says that a difference does not count, and which
// rule, in words. The difference is in the field at path, printed as
// snapshot/drift prints it, that manager set; an empty path stands for the
// object as a whole, missing or unexpected, and an empty manager for nobody that
// is known. What an expired rule would have ignored is only counted.
func (s *Set) Ignores(id object.ID, path, manager string) (rule string, ok bool) {
	if s == nil || len(s.rules) == 0 {
		return "", false
	}
	steps := Steps(path)
	return s.first(id, manager, func(c *compiled) bool { return c.covers(steps) })
}

// IgnoresWithin is Ignores for a difference of which the values are known: it
// does not count either when want and have are equal in all but fields below
// path that rules are about. They may be nil, for a side that has no such field;
// neither is changed.
func (s *Set) IgnoresWithin(id object.ID, path, manager string, want, have any) (rule string, ok bool) {
	if s == nil || len(s.rules) == 0 {
		return "", false
	}
	steps := Steps(path)
	return s.first(id, manager, func(c *compiled) bool {
		if c.covers(steps) {
			return true
		}
		if path == "" {
			return false
		}
		w, h := want, have
		cut := false
		for _, p := range c.fields {
			if below, ok := p.below(steps); ok {
				w, h, cut = without(w, below), without(h, below), true
			}
		}
		return cut && same(w, h)
	})
}

// covers tells whether a rule is about all of the field at steps, or, without
// steps, about objects as a whole.
func (c *compiled) covers(steps []string) bool {
	for _, p := range c.fields {
		if p.covers(steps) {
			return true
		}
	}
	return len(c.fields) == 0
}

// first returns the first rule about changes of manager to id that holds. Among
// those that expired it counts the first, when none else holds.
func (s *Set) first(id object.ID, manager string, holds func(*compiled) bool) (string, bool) {
	var late *compiled
	for _, c := range s.candidates(id) {
		if c.expired && late != nil || !c.IsAbout(id) || !c.isBy(manager) || !holds(c) {
			continue
		}
		if c.expired {
			late = c
			continue
		}
		c.ignored.Add(1)
		return c.String(), true
	}
	if late != nil {
		late.ignored.Add(1)
	}
	return "", false
}

// candidates returns the rules that may be about objects of the kind of id.
func (s *Set) candidates(id object.ID) []*compiled {
	gk := id.GroupKind()
	if known, ok := s.about.Load(gk); ok {
		return known.([]*compiled) //nolint:forcetypeassert // nothing else is stored
	}
	list := []*compiled{}
	for _, c := range s.rules {
		if c.IsOfKind(gk) {
			list = append(list, c)
		}
	}
	s.about.Store(gk, list)
	return list
}

func (c *compiled) isBy(manager string) bool {
	for _, m := range c.managers {
		if m.Match(manager) {
			return true
		}
	}
	return len(c.managers) == 0
}
