package capture

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gobwas/glob"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Rule is about some objects. What is left empty does not narrow it, but
// something has to.
type Rule struct {
	// Kind, Group, Namespace and Name are globs (*, ?, [a-z], {one,two}). Kind
	// may carry the group, as objects are printed: Deployment.apps. The group
	// without a name is written core. Objects without a namespace are those whose
	// namespace is empty: no glob but * and an absent one matches it.
	Kind      string `json:"kind,omitempty"`
	Group     string `json:"group,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Labels is a label selector: "app=web,tier!=cache".
	Labels string `json:"labels,omitempty"`
	// Reason is what people are told of what the rule leaves out; may be empty.
	Reason string `json:"reason,omitempty"`
	// At is where the rule is written, "rekindle.yaml:12"; for messages only.
	At string `json:"at,omitempty"`
}

// String returns the rule in one line: "kind=Secret namespace=team-*".
func (r Rule) String() string {
	var parts []string
	for _, p := range [][2]string{{"kind", r.Kind}, {"group", r.Group}, {"namespace", r.Namespace}, {"name", r.Name}, {"labels", r.Labels}} {
		if p[1] != "" {
			parts = append(parts, p[0]+"="+p[1])
		}
	}
	return strings.Join(parts, " ")
}

// Problem is something that is wrong with a rule.
type Problem struct {
	// Field is the name of the rule's field: "name"; empty for what concerns the
	// rule as a whole.
	Field   string
	Message string
}

// InvalidError: a rule cannot be used.
type InvalidError struct {
	At string
	Problem
}

func (e *InvalidError) Error() string {
	text := e.Message
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.At == "" {
		return "include or exclude rule: " + text
	}
	return e.At + ": include or exclude rule: " + text
}

// Check returns all that is wrong with the rule.
func (r Rule) Check() []Problem {
	_, problems := compile(r)
	return problems
}

// compiled is a rule whose globs and selector are parsed.
type compiled struct {
	Rule
	kind, group, namespace, name glob.Glob
	labels                       labels.Selector
}

func compileAll(rules []Rule) ([]*compiled, error) {
	var list []*compiled
	for _, r := range rules {
		c, problems := compile(r)
		if len(problems) > 0 {
			return nil, &InvalidError{At: r.At, Problem: problems[0]}
		}
		list = append(list, c)
	}
	return list, nil
}

// compile parses a rule; without problems, what it returns is whole.
func compile(r Rule) (*compiled, []Problem) {
	c := &compiled{Rule: r}
	var problems []Problem
	pattern := func(field, text string) glob.Glob {
		if text == "" {
			return nil
		}
		g, err := compileGlob(text)
		if err != nil {
			problems = append(problems, Problem{Field: field, Message: fmt.Sprintf("%q is no glob: %v", text, err)})
		}
		return g
	}
	c.kind, c.group = pattern("kind", r.Kind), pattern("group", r.Group)
	c.namespace, c.name = pattern("namespace", r.Namespace), pattern("name", r.Name)
	if r.Labels != "" {
		selector, err := labels.Parse(r.Labels)
		if err != nil {
			problems = append(problems, Problem{Field: "labels", Message: fmt.Sprintf("%q is no label selector: %v", r.Labels, err)})
		}
		c.labels = selector
	}
	if r.Kind+r.Group+r.Namespace+r.Name+r.Labels == "" {
		problems = append(problems, Problem{Message: "it is about everything: name a kind, group, namespace, name or labels"})
	}
	return c, problems
}

// maxGlob is the longest glob in bytes; names end far before.
const maxGlob = 512

// compileGlob parses a glob, whose library panics on some broken ones.
func compileGlob(text string) (g glob.Glob, err error) {
	if len(text) > maxGlob {
		return nil, fmt.Errorf("longer than %d bytes", maxGlob)
	}
	defer func() {
		if recover() != nil {
			g, err = nil, errors.New("it cannot be read")
		}
	}()
	return glob.Compile(text)
}

// wholeKind tells whether the rule is about all objects of its kinds.
func (c *compiled) wholeKind() bool { return c.Namespace+c.Name+c.Labels == "" }

func (c *compiled) isOfKind(gk schema.GroupKind) bool {
	group := gk.Group
	if group == "" {
		group = "core"
	}
	return matches(c.group, group) && (matches(c.kind, gk.Kind) || matches(c.kind, gk.String()))
}

func (c *compiled) isAbout(id object.ID, marks map[string]string) bool {
	return c.isOfKind(id.GroupKind()) && matches(c.namespace, namespaceOf(id)) && matches(c.name, id.Name) && selects(c.labels, marks)
}

// namespaceOf is the namespace that an object goes with: a Namespace is part of
// itself, so that a rule about a namespace takes it along.
func namespaceOf(id object.ID) string {
	if id.Group == "" && id.Kind == "Namespace" {
		return id.Name
	}
	return id.Namespace
}

func matches(g glob.Glob, text string) bool { return g == nil || g.Match(text) }

func (c *compiled) verdict() Verdict {
	return Verdict{Class: Excluded, Why: "excluded by the rule " + c.String(), Detail: c.Reason}
}
