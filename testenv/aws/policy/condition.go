package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Condition is one key of one operator of a Condition block: all of them have to hold.
type Condition struct {
	Operator, Key string
	Values        []string

	test test
	// each says how the values of a key that may have several are taken; may be empty.
	each string
	// negated: the condition holds when no value matches.
	negated bool
	// ifExists: the condition holds when the key is not there.
	ifExists bool
}

// test compares a value of the request with one of the policy.
type test func(wanted text, have string) bool

// Set operators, for keys with several values.
const (
	forAll = "ForAllValues"
	forAny = "ForAnyValue"
)

// null is an operator of its own: it asks whether a key is there.
const null = "Null"

// operators are those that are known, without Not.
func operators() map[string]test {
	equal := func(w text, have string) bool { return w.String() == have }
	return map[string]test{
		"StringEquals":           equal,
		"StringEqualsIgnoreCase": func(w text, have string) bool { return strings.EqualFold(w.String(), have) },
		"StringLike":             glob,
		"ArnEquals":              arnLike, // AWS has both do the same
		"ArnLike":                arnLike,
		"Bool":                   func(w text, have string) bool { return strings.EqualFold(w.String(), have) },
	}
}

// negations are the operators that hold when another does not.
func negations() map[string]string {
	return map[string]string{
		"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
		"ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike",
	}
}

// several are the keys that may have more than one value, so that a condition on them
// has to say whether it means all or any of those.
var several = []string{"aws:tagkeys", "aws:calledvia", "aws:principalorgpaths"}

// newCondition reads an operator.
func newCondition(operator, key string, values []string) (Condition, error) {
	c := Condition{Operator: operator, Key: key, Values: values}
	name := operator
	if each, rest, set := strings.Cut(operator, ":"); set {
		if each != forAll && each != forAny {
			return c, fmt.Errorf("condition operator %s: %s is neither %s nor %s", operator, each, forAll, forAny)
		}
		c.each, name = each, rest
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	if name == null {
		if c.each != "" || c.ifExists {
			return c, fmt.Errorf("condition operator %s: Null takes nothing before or after it", operator)
		}
		for _, v := range values {
			if v != "true" && v != "false" {
				return c, fmt.Errorf("condition operator Null wants true or false for %s, not %q", key, v)
			}
		}
		return c, nil
	}
	if of, is := negations()[name]; is {
		name, c.negated = of, true
	}
	known := false
	if c.test, known = operators()[name]; !known {
		return c, fmt.Errorf("condition operator %s is not known here", operator)
	}
	if many := slices.Contains(several, strings.ToLower(key)); many && c.each == "" {
		return c, fmt.Errorf("condition key %s may have several values: say %s:%s or %s:%s", key, forAll, operator, forAny, operator)
	}
	return c, nil
}

// holds tells whether a condition is met.
func (c Condition) holds(keys map[string][]string, variables bool) bool {
	have := lookup(keys, c.Key)
	if c.test == nil { // Null
		return slices.Contains(c.Values, fmt.Sprint(len(have) == 0))
	}
	if len(have) == 0 {
		switch {
		case c.each == forAny:
			return c.ifExists
		case c.each == forAll || c.ifExists:
			return true
		}
		return c.negated
	}
	matches := func(value string) bool {
		return c.negated != slices.ContainsFunc(c.Values, func(wanted string) bool {
			t, known := expand(wanted, keys, variables)
			return known && c.test(t, value)
		})
	}
	if c.each == forAny || c.each == "" && !c.negated {
		return slices.ContainsFunc(have, matches)
	}
	return !slices.ContainsFunc(have, func(v string) bool { return !matches(v) })
}
