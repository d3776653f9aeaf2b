// Package drift compares a live cluster with what a commit says: what is
// missing, what differs and in which fields, what is there unexpectedly. Verify
// and drift are this one comparison.
//
// In go the objects that a commit sets and a cluster to list from; out comes a
// Report. It lists each kind once and compares locally by the fields that the
// commit sets; only what looks different is confirmed by a server-side dry run,
// because the server alone knows defaults and quantity formats. A failed list
// is an error and never read as a deletion.
package drift

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Report is how a cluster differs from a commit. Lists are sorted by identity.
type Report struct {
	Commit string `json:"commit,omitempty"`
	// Fingerprint is the SHA-256 over the live objects that the commit names,
	// each in canonical form and reduced to the fields that the commit sets. What
	// Hides tells of is left out of it.
	Fingerprint string `json:"fingerprint"`
	// Compared is the number of objects that the commit names, Confirmed how
	// many of them needed a dry run.
	Compared  int `json:"compared"`
	Confirmed int `json:"confirmed"`

	Missing    []Missing    `json:"missing,omitempty"`
	Changed    []Change     `json:"changed,omitempty"`
	Unexpected []Unexpected `json:"unexpected,omitempty"`

	// Carried are Secrets that the commit does not have and that are declared all the
	// same: a restore brings them back from the last export.
	Carried []object.ID `json:"carriedOver,omitempty"`
	// Adopted are objects that the commit has and that others made: a restore
	// in place makes them its own.
	Adopted []object.ID `json:"adopted,omitempty"`
	// Replicas are the live replicas of what an autoscaler drives. A restore in
	// place keeps them.
	Replicas map[object.ID]int64 `json:"-"`
	// Unstamped are objects that do not bear the mark of a restore of just this
	// content, whether or not they differ. A restore in place applies them so
	// that they do.
	Unstamped []object.ID `json:"-"`

	// Left says which differences were left to a controller and do not count:
	// replicas of an autoscaled workload, injected CA bundles.
	Left []Left `json:"left,omitempty"`
	// Unlisted names kinds of which the commit has no object and that the server
	// could not list, with the reason: whether there are unexpected ones is
	// unknown.
	Unlisted map[string]string `json:"unlisted,omitempty"`
	// Unknown names kinds of which the commit has objects and that the server
	// could not list, in a tolerant comparison: whether those are there, and as
	// the commit says, is unknown. They are neither missing nor equal.
	Unknown []Unknown `json:"unknown,omitempty"`

	// Ignored are the differences that rules say do not count. They are not among
	// the others.
	Ignored []Ignored `json:"ignored,omitempty"`
	// Excluded are the commit's objects that rules leave out of the comparison.
	Excluded []object.ID `json:"excluded,omitempty"`

	unknowable map[schema.GroupKind]string
}

// Knows tells whether the kind of an object could be listed, so that what the
// comparison did not see of it does not exist.
func (r *Report) Knows(id object.ID) bool {
	if _, unknown := r.unknowable[id.GroupKind()]; unknown {
		return false
	}
	if _, unlisted := r.Unlisted[id.GroupKind().String()]; unlisted {
		return false
	}
	for name := range r.Unlisted {
		if gv, err := schema.ParseGroupVersion(name); err == nil && gv.Version != "" && gv.Group == id.Group && id.Group != "" {
			return false // a version of its group could not be described
		}
	}
	return true
}

func (r *Report) unlist(mu *sync.Mutex, what, reason string) {
	mu.Lock()
	defer mu.Unlock()
	r.Unlisted[what] = reason
}

// Unknown is a kind that could not be listed.
type Unknown struct {
	// Kind reads like "Deployment.apps".
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	// Objects are those that the commit has of it, sorted.
	Objects []object.ID `json:"objects"`
}

// Ignored is a difference that a rule says does not count.
type Ignored struct {
	ID   object.ID         `json:"object"`
	From object.Provenance `json:"from,omitzero"`
	// What is "missing", "changed" or "unexpected".
	What string `json:"what"`
	// Field is what differs; nil for an object as a whole.
	Field *Field `json:"field,omitempty"`
	// Rule says in words which rule it was.
	Rule string `json:"rule"`
}

// Author is who set something, as the server's account of field managers knows.
type Author struct {
	// Manager is a program's name for itself: "kubectl-edit", "helm".
	Manager string `json:"manager"`
	// Subresource is where it was set, such as "scale"; empty for the object
	// itself.
	Subresource string `json:"subresource,omitempty"`
	// Time is when the manager last set any of its fields; nil when unknown.
	Time *time.Time `json:"time,omitempty"`
}

// Clean tells whether nothing is missing, changed or unexpected.
func (r *Report) Clean() bool {
	return len(r.Missing)+len(r.Changed)+len(r.Unexpected) == 0
}

// Missing is an object that the commit has and the cluster lacks.
type Missing struct {
	ID   object.ID         `json:"object"`
	From object.Provenance `json:"from"`
	// Why is what is known about its absence; often nothing is.
	Why string `json:"why,omitempty"`
}

// Change is an object whose live state differs from the commit.
type Change struct {
	ID     object.ID         `json:"object"`
	From   object.Provenance `json:"from"`
	Fields []Field           `json:"fields"`
	// ByHand: others added some of the fields, which are not the commit's. To undo
	// them a restore has to take them over first.
	ByHand bool `json:"byHand,omitempty"`
	// Added are where those lie, as managedFields tell.
	Added []fieldpath.Path `json:"-"`
	// Refused is the server's word when it would not let the difference be
	// undone in place (an immutable field, a webhook that does not answer), so
	// that Fields is what differs locally; empty otherwise.
	Refused string `json:"refused,omitempty"`
	// Unconfirmed says why the server could not be asked, in a tolerant
	// comparison: Fields is then what looks different, and some of it may be only
	// another notation of the same. Empty otherwise.
	Unconfirmed string `json:"unconfirmed,omitempty"`
	// Terminating: the object is being deleted, and has to be gone before it can
	// be made again.
	Terminating bool `json:"terminating,omitempty"`
}

// Unexpected is an object that the commit does not have and that neither the
// empty cluster had nor a controller made.
type Unexpected struct {
	ID  object.ID `json:"object"`
	UID types.UID `json:"uid"`
	// Restored: an earlier restore made it, so that a restore with --prune
	// removes it.
	Restored bool `json:"restored,omitempty"`
	// Why says why it may be a surprise: it looks as if Kubernetes or the new
	// cluster had it. Empty as a rule.
	Why string `json:"why,omitempty"`
	// Created is when it was made, By who is likely to have: the field manager
	// whose account begins first, or with Why who changed it last. Nil when nobody
	// is known.
	Created *time.Time `json:"created,omitempty"`
	By      *Author    `json:"by,omitempty"`
}

// Left is a difference that is a controller's business, or a field that one added.
type Left struct {
	ID   object.ID `json:"object"`
	Path string    `json:"path"`
	Why  string    `json:"why"`
}

func (r *Report) sort() {
	slices.SortFunc(r.Missing, func(a, b Missing) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(r.Changed, func(a, b Change) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(r.Unexpected, func(a, b Unexpected) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(r.Adopted, object.ID.Compare)
	slices.SortFunc(r.Unstamped, object.ID.Compare)
	slices.SortFunc(r.Excluded, object.ID.Compare)
	slices.SortFunc(r.Left, func(a, b Left) int { return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Path, b.Path)) })
	slices.SortFunc(r.Ignored, func(a, b Ignored) int { return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.path(), b.path())) })
	slices.SortFunc(r.Unknown, func(a, b Unknown) int { return cmp.Compare(a.Kind, b.Kind) })
	for _, u := range r.Unknown {
		slices.SortFunc(u.Objects, object.ID.Compare)
	}
}
