package capture

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// List is which list of rekindle.yaml a rule stands in.
type List string

// The lists.
const (
	Include List = "include"
	Exclude List = "exclude"
)

// State is what came of a rule.
type State string

// The states of rules.
const (
	// Used: there are objects that it is about, or a kind that is left out whole.
	Used State = "used"
	// Unmatched: it is about nothing that was met. It may be misspelt, or what it
	// was about is gone.
	Unmatched State = "unmatched"
)

// Status is a rule with what came of it.
type Status struct {
	List List `json:"list"`
	Rule
	State State `json:"state"`
}

// Met tells the rules which are about it of an object, live or of a commit, so
// that a rule about none is found. marks are its labels.
func (f *Filter) Met(id object.ID, marks map[string]string) {
	for _, list := range [][]*compiled{f.include, f.exclude} {
		for _, c := range list {
			if !c.met.Load() && c.isAbout(id, marks) {
				c.met.Store(true)
			}
		}
	}
}

// Statuses returns all rules in the order in which they were given. served are
// the kinds that the cluster has: one that a rule leaves out whole is not listed,
// so that nobody meets its objects.
func (f *Filter) Statuses(served []schema.GroupKind) []Status {
	var list []Status
	for _, c := range f.include {
		list = append(list, Status{List: Include, Rule: c.Rule, State: c.state(c.met.Load())})
	}
	for _, c := range f.exclude {
		list = append(list, Status{List: Exclude, Rule: c.Rule, State: c.state(c.met.Load() || c.wholeKind() && slices.ContainsFunc(served, c.IsOfKind))})
	}
	return list
}

func (*compiled) state(used bool) State {
	if used {
		return Used
	}
	return Unmatched
}
