// Package policy reads policy documents of IAM and decides by them, as AWS does: what a
// principal may do (identity policies) and who may take on a role (trust policies).
//
// In go documents as JSON and requests (an action, a resource and what the service knows
// of them), out come decisions. A document that IAM would refuse is an error, and so is
// one with an operator that is not known here: nothing is allowed by what was not
// understood. The rules are those of the IAM User Guide, "Policy evaluation logic" and
// "IAM JSON policy elements reference".
package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Limits of IAM on the size of a document, in characters without white space.
const (
	MaxManaged = 6144
	MaxTrust   = 2048
)

// Size is how many characters of a document count: all but white space.
func Size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// Document is a policy.
type Document struct {
	Version, ID string
	Statements  []Statement
}

// Statement is one of a policy. Of each pair with and without Not, one is set.
type Statement struct {
	Sid                     string
	Deny                    bool
	Actions, NotActions     []string
	Resources, NotResources []string
	// Principals of a trust policy, by their type ("AWS", "Service", "Federated");
	// "*" alone stands for everybody.
	Principals, NotPrincipals map[string][]string
	Conditions                []Condition

	// variables: "${…}" stands for a value of the request.
	variables bool
}

// Request is what somebody wants to do.
type Request struct {
	// Action is "service:Operation"; Resource an ARN, or "*" for an operation that is
	// about no resource.
	Action, Resource string
	// PrincipalType and Principal are who wants it; a trust policy alone asks.
	PrincipalType, Principal string
	// Keys are what the service knows of the request, by the names of condition keys
	// as AWS writes them ("aws:RequestTag/team").
	Keys map[string][]string
}

// Decision is an answer.
type Decision struct {
	Allowed bool
	// Explicit: a statement forbids it. Otherwise none allows it.
	Explicit bool
	// Sid is the statement that decided; may be empty.
	Sid string
}

// Because says why not, in the words of AWS; empty when allowed.
func (d Decision) Because(action string) string {
	switch {
	case d.Allowed:
		return ""
	case d.Explicit:
		return "with an explicit deny in an identity-based policy"
	}
	return fmt.Sprintf("because no identity-based policy allows the %s action", action)
}

// Decide says whether policies allow a request together: one of them has to, and none
// may forbid it.
func Decide(r Request, documents ...*Document) Decision {
	var d Decision
	for _, doc := range documents {
		for _, s := range doc.Statements {
			switch applies := s.applies(r); {
			case applies && s.Deny:
				return Decision{Explicit: true, Sid: s.Sid}
			case applies && !d.Allowed:
				d = Decision{Allowed: true, Sid: s.Sid}
			}
		}
	}
	return d
}

// applies tells whether a statement is about a request.
func (s *Statement) applies(r Request) bool {
	if len(s.Actions) > 0 && !s.matchesAction(s.Actions, r) || len(s.NotActions) > 0 && s.matchesAction(s.NotActions, r) {
		return false
	}
	if len(s.Resources) > 0 && !s.matchesResource(s.Resources, r) || len(s.NotResources) > 0 && s.matchesResource(s.NotResources, r) {
		return false
	}
	if s.Principals != nil && !matchesPrincipal(s.Principals, r) || s.NotPrincipals != nil && matchesPrincipal(s.NotPrincipals, r) {
		return false
	}
	return !slices.ContainsFunc(s.Conditions, func(c Condition) bool { return !c.holds(r.Keys, s.variables) })
}

// matchesAction compares without regard to case, as IAM does.
func (s *Statement) matchesAction(patterns []string, r Request) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return glob(literal(strings.ToLower(p)), strings.ToLower(r.Action))
	})
}

func (s *Statement) matchesResource(patterns []string, r Request) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		t, known := expand(p, r.Keys, s.variables)
		return known && arnLike(t, r.Resource)
	})
}

// matchesPrincipal: an account stands for all its principals.
func matchesPrincipal(wanted map[string][]string, r Request) bool {
	for kind, list := range wanted {
		if kind != "*" && kind != r.PrincipalType {
			continue
		}
		for _, p := range list {
			if p == "*" || p == r.Principal || kind == "AWS" && accountOf(p) != "" && accountOf(p) == accountOf(rootOf(r.Principal)) {
				return true
			}
		}
	}
	return false
}

// accountOf is the account that a principal of a policy stands for; "" when it stands for
// something else.
func accountOf(principal string) string {
	if len(principal) == 12 && strings.Trim(principal, "0123456789") == "" {
		return principal
	}
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) == 6 && parts[2] == "iam" && parts[5] == "root" {
		return parts[4]
	}
	return ""
}

// rootOf is the account of a principal, written as a principal.
func rootOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn
	}
	return parts[4]
}
