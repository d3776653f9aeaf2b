// Package rule is what all rules have in common that people write about objects:
// which objects they are about, and how one that cannot be used is refused.
//
// In go the globs of a rule; out comes a Matcher, or the problems with it. What
// a rule then does with its objects is the business of snapshot/capture (include
// and exclude) and snapshot/ignore.
package rule

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/ignore/glob"
)

// Objects says which objects a rule is about. All that is given has to fit; what
// is left empty does not narrow it.
type Objects struct {
	// Kind, Group, Namespace and Name are globs (*, ?, [a-z], {one,two}). Kind
	// may carry the group, as objects are printed: Deployment.apps. The group
	// without a name is written core. A Namespace is part of itself, so that a
	// rule about a namespace takes it along; the namespace of other objects that
	// have none is empty, and fits * but not ?*.
	Kind, Group, Namespace, Name string
}

// Any tells whether nothing is given: it is about everything.
func (o Objects) Any() bool { return o == Objects{} }

// Problem is something that is wrong with a rule.
type Problem struct {
	// Field is the name of the rule's field: "name", "fields[1]"; empty for what
	// concerns the rule as a whole.
	Field   string
	Message string
}

// InvalidError: a rule cannot be used.
type InvalidError struct {
	// What the rule is: "ignore rule".
	What string
	// At is where it is written, "rekindle.yaml:12"; may be empty.
	At string
	Problem
}

func (e *InvalidError) Error() string {
	text := e.What + ": "
	if e.At != "" {
		text = e.At + ": " + text
	}
	if e.Field != "" {
		text += e.Field + ": "
	}
	return text + e.Message
}

// Matcher tells whether a rule is about an object. It may be asked by any number
// of goroutines.
type Matcher struct {
	kind, group, namespace, name glob.Glob
}

// Compile parses the globs; without problems, the Matcher is whole.
func (o Objects) Compile() (Matcher, []Problem) {
	var m Matcher
	var problems []Problem
	for _, f := range []struct {
		field, text string
		to          *glob.Glob
	}{{"kind", o.Kind, &m.kind}, {"group", o.Group, &m.group}, {"namespace", o.Namespace, &m.namespace}, {"name", o.Name, &m.name}} {
		if f.text == "" {
			continue
		}
		g, err := glob.Parse(f.text)
		if err != nil {
			problems = append(problems, Problem{Field: f.field, Message: err.Error()})
		}
		*f.to = g
	}
	return m, problems
}

// IsOfKind tells whether the rule may be about objects of a kind.
func (m Matcher) IsOfKind(kind schema.GroupKind) bool {
	group := kind.Group
	if group == "" {
		group = "core"
	}
	return m.group.Match(group) && (m.kind.Match(kind.Kind) || m.kind.Match(kind.String()))
}

// IsAbout tells whether the rule is about an object.
func (m Matcher) IsAbout(id object.ID) bool {
	namespace := id.Namespace
	if id.Group == "" && id.Kind == "Namespace" {
		namespace = id.Name
	}
	return m.namespace.Match(namespace) && m.name.Match(id.Name) && m.IsOfKind(id.GroupKind())
}
