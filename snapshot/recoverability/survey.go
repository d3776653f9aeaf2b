package recoverability

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// Options say what a commit holds, and what is known about Kubernetes.
type Options struct {
	// Expected are the objects of the commit.
	Expected []*object.Object
	// Removed tells what became of an API version that Kubernetes has removed, in
	// words; ok is false for versions that are served. Nil: none was.
	Removed func(schema.GroupVersionKind) (words string, ok bool)
	// Carried tells of a live Secret that the commit does not have whether it is to
	// be carried over to the next cluster, and in words from which encrypted copy;
	// "" when there is none yet. Nil: none is.
	Carried func(*unstructured.Unstructured) (from string, ok bool)
}

// Survey collects what a report needs, while a cluster is listed. Its methods
// may be called from any goroutine.
type Survey struct {
	opts Options
	// definitions are the kinds that the commit defines.
	definitions map[schema.GroupKind]bool

	mu       sync.Mutex // guards what follows
	findings []Finding
	unknown  map[string]bool
	claims   claims
	secrets  secrets
	images   map[string]*image
	kinds    customKinds
}

var _ drift.Observer = (*Survey)(nil)

// New returns a survey that has seen nothing yet.
func New(opts Options) *Survey {
	s := &Survey{
		opts:        opts,
		definitions: map[schema.GroupKind]bool{},
		unknown:     map[string]bool{},
		claims:      newClaims(),
		secrets:     secrets{makers: map[string]int{}, needed: map[object.ID]object.ID{}, carried: opts.Carried},
		images:      map[string]*image{},
		kinds:       customKinds{defined: map[schema.GroupKind]definition{}, seen: map[schema.GroupKind]int{}},
	}
	for _, o := range opts.Expected {
		if gk, ok := defines(o.Object); ok && o.ID().GroupKind() == definitionKind {
			s.definitions[gk] = true
		}
		s.secrets.need(o)
		s.removedVersion(o)
	}
	return s
}

// Needs tells whether more than metadata of the objects of a kind has to be
// shown, also of those that are not in the commit.
func (s *Survey) Needs(kind schema.GroupKind) bool {
	return kind == podKind || kind == secretKind || kind == definitionKind || claimKinds[kind] || savers[kind] != nil
}

// See takes one live object. It never fails.
func (s *Survey) See(o drift.Sighting) error {
	if o.Verdict.Class == capture.Excluded {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := o.ID.GroupKind()
	if s.Needs(kind) && bare(o.Live.Object) {
		s.unknown[kind.String()] = true // only a name is known of it
		return nil
	}
	s.claims.see(o)
	switch kind {
	case podKind:
		s.seeImages(o)
	case secretKind:
		s.secrets.see(o, s.find)
		return nil
	case definitionKind:
		s.kinds.define(o, s.definitions)
		s.storedVersions(o)
		return nil
	}
	if o.Expected != nil || o.Verdict.Class != capture.System && o.Verdict.Class != capture.Baseline {
		s.kinds.seen[kind]++
	}
	if o.Expected == nil && o.Verdict.Taken() && !claimKinds[kind] {
		s.find(of(o.ID, Finding{
			Category: Objects, Rule: "object-unexpected", Points: weight(kind),
			What: "it is in the cluster alone" + madeBy(o.Live),
			Do:   "write it into the source (rekindle drift adopt does), or delete it",
		}))
	}
	return nil
}

// bare tells whether content is metadata and no more. A Secret has a type, the
// others a spec.
func bare(content map[string]any) bool {
	for key := range content {
		if key != "apiVersion" && key != "kind" && key != "metadata" {
			return false
		}
	}
	return true
}

// Listed notes a kind that could not be listed.
func (s *Survey) Listed(kind object.Kind, err error) {
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unknown[kind.GroupKind().String()] = true
	}
}

// Report returns what was found so far. What differs is d's, which may be nil.
func (s *Survey) Report(d *drift.Report) *Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Report{Findings: slices.Clone(s.findings)}
	add := func(f Finding) { r.Findings = append(r.Findings, f) }
	r.Claims, r.Saved = s.claims.report(add)
	s.reportImages(r)
	s.kinds.report(s.definitions, add)
	for _, by := range slices.Sorted(maps.Keys(s.secrets.makers)) {
		r.Makers = append(r.Makers, Maker{By: by, Count: s.secrets.makers[by]})
	}
	unknown := maps.Clone(s.unknown)
	if d != nil {
		reportDrift(d, unknown, add)
	}
	r.Unknown = slices.Sorted(maps.Keys(unknown))
	r.AtMost = len(r.Unknown) > 0
	r.sum()
	return r
}

// find adds a finding. The caller holds the lock.
func (s *Survey) find(f Finding) { s.findings = append(s.findings, f) }
