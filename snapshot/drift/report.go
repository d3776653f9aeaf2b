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
	"k8s.io/apimachinery/pkg/types"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Report is how a cluster differs from a commit. Lists are sorted by identity.
type Report struct {
	Commit string `json:"commit,omitempty"`
	// Fingerprint is the SHA-256 over the live objects that the commit names,
	// each in canonical form and reduced to the fields that the commit sets.
	Fingerprint string `json:"fingerprint"`
	// Compared is the number of objects that the commit names, Confirmed how
	// many of them needed a dry run.
	Compared  int `json:"compared"`
	Confirmed int `json:"confirmed"`

	Missing    []Missing    `json:"missing,omitempty"`
	Changed    []Change     `json:"changed,omitempty"`
	Unexpected []Unexpected `json:"unexpected,omitempty"`

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
}

// Clean tells whether nothing is missing, changed or unexpected.
func (r *Report) Clean() bool {
	return len(r.Missing)+len(r.Changed)+len(r.Unexpected) == 0
}

// Missing is an object that the commit has and the cluster lacks.
type Missing struct {
	ID   object.ID         `json:"object"`
	From object.Provenance `json:"from"`
}

// Change is an object whose live state differs from the commit.
type Change struct {
	ID     object.ID         `json:"object"`
	From   object.Provenance `json:"from"`
	Fields []Field           `json:"fields"`
	// ByHand: some of the fields were set by people and are not the commit's.
	// To undo them a restore has to take them over first.
	ByHand bool `json:"byHand,omitempty"`
	// Refused is the server's word when it would not let the difference be
	// undone in place (an immutable field, a webhook that does not answer), so
	// that Fields is what differs locally; empty otherwise.
	Refused string `json:"refused,omitempty"`
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
}

// Left is a difference that is a controller's business.
type Left struct {
	ID   object.ID `json:"object"`
	Path string    `json:"path"`
	Why  string    `json:"why"`
}
