package config

import "github.com/rekindle-io/rekindle/snapshot/capture"

// CarryOverRules returns which Secrets a restore brings back from the last export.
func (c Cluster) CarryOverRules() []capture.Rule {
	rules := make([]capture.Rule, len(c.CarryOver))
	for i, s := range c.CarryOver {
		rules[i] = s.rule()
	}
	return rules
}
