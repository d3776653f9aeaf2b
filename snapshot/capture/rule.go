package capture

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/rule"
)

// Rule is about some objects. What is left empty does not narrow it, but
// something has to.
type Rule struct {
	// Kind, Group, Namespace and Name are globs: see rule.Objects.
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

// Check returns all that is wrong with the rule.
func (r Rule) Check() []rule.Problem {
	_, problems := compile(r)
	return problems
}

// compiled is a rule whose globs and selector are parsed.
type compiled struct {
	Rule
	rule.Matcher
	labels labels.Selector
	met    atomic.Bool // something that it is about
}

func compileAll(rules []Rule) ([]*compiled, error) {
	var list []*compiled
	for _, r := range rules {
		c, problems := compile(r)
		if len(problems) > 0 {
			return nil, &rule.InvalidError{What: "include or exclude rule", At: r.At, Problem: problems[0]}
		}
		list = append(list, c)
	}
	return list, nil
}

// compile parses a rule; without problems, what it returns is whole.
func compile(r Rule) (*compiled, []rule.Problem) {
	about := rule.Objects{Kind: r.Kind, Group: r.Group, Namespace: r.Namespace, Name: r.Name}
	m, problems := about.Compile()
	c := &compiled{Rule: r, Matcher: m}
	if r.Labels != "" {
		selector, err := labels.Parse(r.Labels)
		if err != nil {
			problems = append(problems, rule.Problem{Field: "labels", Message: fmt.Sprintf("%q is no label selector: %v", r.Labels, err)})
		}
		c.labels = selector
	}
	if about.Any() && r.Labels == "" {
		problems = append(problems, rule.Problem{Message: "it is about everything: name a kind, group, namespace, name or labels"})
	}
	return c, problems
}

// wholeKind tells whether the rule is about all objects of its kinds.
func (c *compiled) wholeKind() bool { return c.Namespace+c.Name+c.Labels == "" }

// SkipsGroup tells whether a rule leaves out all kinds of an API group, so that
// it does not matter what the group has.
func (f *Filter) SkipsGroup(group string) bool {
	return slices.ContainsFunc(f.exclude, func(c *compiled) bool {
		return c.Kind == "" && c.wholeKind() && c.IsOfKind(schema.GroupKind{Group: group})
	})
}

func (c *compiled) isAbout(id object.ID, marks map[string]string) bool {
	return c.IsAbout(id) && selects(c.labels, marks)
}

func (c *compiled) verdict() Verdict {
	why := "excluded by the rule " + c.String()
	if c.Reason != "" {
		why += " (" + c.Reason + ")"
	}
	return Verdict{Class: Excluded, Why: why}
}
