// Package capture decides which objects of a live cluster belong into an export
// of it, and says of each that is left out why: a controller owns it, Kubernetes
// makes it in every cluster, the empty cluster had it, a rule excludes it.
//
// In go an object's identity and metadata, out comes a Verdict. It does no I/O;
// snapshot/drift asks it during its one pass over the cluster.
package capture

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Class is a kind of reason for which an object is left out.
type Class string

// The classes. Taken is the zero value: the object belongs into an export.
const (
	Taken Class = ""
	// Derived: a controller or a kubelet made it, and makes it again.
	Derived Class = "derived"
	// System: Kubernetes has it in every cluster.
	System Class = "system"
	// Baseline: the cluster had it when it was new.
	Baseline Class = "baseline"
	// Excluded: a person's rule leaves it out.
	Excluded Class = "excluded"
)

// Verdict says whether an object is taken. The zero value says that it is.
type Verdict struct {
	Class Class `json:"class,omitempty"`
	// Why is the reason in words that are the same for all objects left out for
	// it, so that they can be counted: "owned by a ReplicaSet". Of an object that
	// is taken it says why that may be a surprise; empty as a rule.
	Why string `json:"why,omitempty"`
	// Detail tells about this object alone: "ReplicaSet web-7d4b9". Often empty.
	Detail string `json:"detail,omitempty"`
}

// Taken tells whether the object belongs into an export.
func (v Verdict) Taken() bool { return v.Class == Taken }

// String returns the reason, with the detail in brackets.
func (v Verdict) String() string {
	switch {
	case v.Taken():
		return "taken"
	case v.Detail == "":
		return v.Why
	}
	return fmt.Sprintf("%s (%s)", v.Why, v.Detail)
}

// Options are what a Filter is made of. The zero value leaves out what
// Kubernetes and controllers make.
type Options struct {
	// Include, when it has rules, leaves out whatever none of them is about.
	Include []Rule
	// Exclude leaves out whatever any of them is about. It wins over Include.
	Exclude []Rule
	// Birth is what the cluster had when it was new.
	Birth Birth
}

// Filter judges objects. It may be asked by any number of goroutines.
type Filter struct {
	include, exclude []*compiled
	birth            Birth
}

// New returns a filter, or a *rule.InvalidError about the first rule that cannot be
// used.
func New(opts Options) (*Filter, error) {
	f := &Filter{birth: opts.Birth}
	var err error
	if f.include, err = compileAll(opts.Include); err != nil {
		return nil, err
	}
	if f.exclude, err = compileAll(opts.Exclude); err != nil {
		return nil, err
	}
	return f, nil
}

// Skips tells whether no object of kind would be taken, so that the kind need
// not be listed.
func (f *Filter) Skips(kind schema.GroupKind) (Verdict, bool) {
	if why, ok := fleeting[kind]; ok {
		return Verdict{Class: Derived, Why: why}, true
	}
	for _, r := range f.exclude {
		if r.wholeKind() && r.IsOfKind(kind) {
			return r.verdict(), true
		}
	}
	for _, r := range f.include {
		if r.IsOfKind(kind) {
			return Verdict{}, false
		}
	}
	return notIncluded(), len(f.include) > 0
}

func notIncluded() Verdict {
	return Verdict{Class: Excluded, Why: "no include rule is about it"}
}

// Rules judges by the rules of people alone: whether they leave an object out,
// wherever it is, in the cluster or in a commit. labels may be nil.
func (f *Filter) Rules(id object.ID, marks map[string]string) Verdict {
	for _, r := range f.exclude {
		if r.isAbout(id, marks) {
			return r.verdict()
		}
	}
	for _, r := range f.include {
		if r.isAbout(id, marks) {
			return Verdict{}
		}
	}
	if len(f.include) > 0 {
		return notIncluded()
	}
	return Verdict{}
}

// Judge judges a live object that no commit has and no restore made. It needs
// no more than u's metadata.
func (f *Filter) Judge(id object.ID, u *unstructured.Unstructured) Verdict {
	if v := f.Rules(id, u.GetLabels()); !v.Taken() {
		return v
	}
	if v := Made(id, u); !v.Taken() {
		return v
	}
	if f.helps(id, u) {
		return Verdict{Class: Derived, Why: "a Pod of what the cluster had when it was new", Detail: id.Namespace}
	}
	if v := f.fromTheStart(id); !v.Taken() && !f.changed(id, u) {
		return v
	}
	return Verdict{Why: f.surprise(id, u)}
}

// changed tells whether u, which the cluster had from the start, is not any more
// what it was. Where nobody recorded what it had, nobody knows what was touched
// when it was set up in the namespaces of the system.
func (f *Filter) changed(id object.ID, u *unstructured.Unstructured) bool {
	if f.birth == nil {
		return !systemNamespace(id.Namespace) && !Touched(u).IsZero()
	}
	return f.birth.changed(id, u)
}

// surprise says of an object that is taken why it is, although it looks as if
// Kubernetes or the new cluster had it.
func (f *Filter) surprise(id object.ID, u *unstructured.Unstructured) string {
	switch {
	case f.birth.Has(id):
		return "the cluster had it when it was new, and it was changed since"
	case !system(id, u).Taken():
		return "it is named as what Kubernetes makes, and somebody else made or changed it"
	}
	return ""
}

// helps tells whether u is a Pod that a program of the new cluster runs for a
// moment, in a namespace that came with it: a provisioner of volumes makes one
// for each volume. What people run there by hand bears their tools' names.
func (f *Filter) helps(id object.ID, u *unstructured.Unstructured) bool {
	return id.Kind == "Pod" && id.Group == "" && id.Namespace != "default" &&
		f.birth.Has(object.ID{Kind: "Namespace", Name: id.Namespace}) && !byPeople(u)
}

// JudgeRestored judges a live object that no commit has and that an earlier
// restore made: nobody derives it, but it may still be one of those that every
// cluster has, or that people exclude.
func (f *Filter) JudgeRestored(id object.ID, u *unstructured.Unstructured) Verdict {
	if v := f.Rules(id, u.GetLabels()); !v.Taken() {
		return v
	}
	if v := system(id, u); !v.Taken() {
		return v
	}
	return f.fromTheStart(id)
}

func (f *Filter) fromTheStart(id object.ID) Verdict {
	switch {
	case f.birth == nil:
		return named(id)
	case f.birth.Has(id):
		return Verdict{Class: Baseline, Why: "the cluster had it when it was new"}
	}
	return Verdict{}
}

func selects(selector labels.Selector, marks map[string]string) bool {
	return selector == nil || selector.Matches(labels.Set(marks))
}
