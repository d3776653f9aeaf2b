package drift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Cluster is what a comparison reads from.
type Cluster interface {
	// List calls each for every object of kind, one call at a time; the object
	// then belongs to each. With
	// metadataOnly, objects may carry nothing but their metadata. Any failure,
	// also one after some objects, is an error.
	List(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*unstructured.Unstructured) error) error
	// DryRun returns what the server would store if o were applied.
	DryRun(ctx context.Context, kind object.Kind, o *unstructured.Unstructured) (*unstructured.Unstructured, error)
}

// Expected is one object that the commit sets, in the kind in which the
// cluster serves it.
type Expected struct {
	Object *object.Object
	Kind   object.Kind
	// Unserved: discovery does not show the kind, which may only lag behind. The
	// kind is listed all the same; ErrNotServed means that the object is missing.
	Unserved bool
}

// ErrNotServed is what Cluster.List returns, wrapped, when the server does not
// have the kind.
var ErrNotServed = errors.New("the server does not serve the kind")

// Options say what to compare with, and what is no surprise.
type Options struct {
	Commit    string
	Catalogue *object.Catalogue
	// Baseline tells what the cluster had before anything was restored. Nil
	// when that was not recorded: then the names that Kubernetes itself uses
	// have to do.
	Baseline func(object.ID) bool
	// Restored tells whether an earlier restore made an object. Nil: none.
	Restored func(*unstructured.Unstructured) bool
	// Workers is how many lists and dry runs go on at once; 8 when 0.
	Workers int
}

// Compare lists cluster and returns how it differs from the expected objects.
// Memory is bounded by the expected objects and the differences, not by the
// size of the cluster.
func Compare(ctx context.Context, cluster Cluster, expected []Expected, opts Options) (*Report, error) {
	c := &comparison{
		cluster: cluster,
		opts:    opts,
		workers: cmp.Or(opts.Workers, 8),
		hands:   handsOff(expected),
		wanted:  make(map[object.ID]Expected, len(expected)),
		seen:    make(map[object.ID]bool, len(expected)),
		digests: make(map[object.ID]object.Digest, len(expected)),
		report:  &Report{Commit: opts.Commit, Compared: len(expected), Unlisted: map[string]string{}},
	}
	for _, e := range expected {
		c.wanted[e.Object.ID()] = e
	}
	if err := c.listAll(ctx); err != nil {
		return nil, err
	}
	for id, e := range c.wanted {
		if !c.seen[id] {
			c.report.Missing = append(c.report.Missing, Missing{ID: id, From: e.Object.From})
		}
	}
	if err := c.confirm(ctx); err != nil {
		return nil, err
	}
	c.report.Fingerprint = object.FingerprintOf(c.digests)
	c.report.sort()
	return c.report, nil
}

type comparison struct {
	cluster Cluster
	opts    Options
	workers int
	hands   map[object.ID][]hand
	wanted  map[object.ID]Expected
	// primary is the version in which a kind is looked through for the
	// unexpected, when the commit has it in several.
	primary map[schema.GroupKind]string

	mu       sync.Mutex // guards what follows
	seen     map[object.ID]bool
	digests  map[object.ID]object.Digest
	suspects []suspect
	report   *Report
}

// suspect is an object that looks different.
type suspect struct {
	expected Expected
	live     *unstructured.Unstructured
	fields   []Field
	byHand   []Field
	// terminating: it is being deleted, and will be missing.
	terminating bool
}

// listAll lists every kind once: fully where the commit has objects of it,
// metadata alone where only the unexpected is looked for.
func (c *comparison) listAll(ctx context.Context) error {
	wantedKinds := map[schema.GroupVersionKind]object.Kind{}
	covered := map[schema.GroupKind]bool{}
	c.primary = map[schema.GroupKind]string{}
	doubtful := map[schema.GroupVersionKind]bool{}
	for _, e := range c.wanted {
		wantedKinds[e.Kind.GroupVersionKind] = e.Kind
		if v := c.primary[e.Kind.GroupKind()]; v == "" || e.Kind.Version < v {
			c.primary[e.Kind.GroupKind()] = e.Kind.Version
		}
		doubtful[e.Kind.GroupVersionKind] = e.Unserved
		covered[e.Kind.GroupKind()] = true
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers)
	for _, kind := range wantedKinds {
		g.Go(func() error {
			err := c.cluster.List(ctx, kind, false, func(u *unstructured.Unstructured) error {
				c.meet(kind, u)
				return nil
			})
			if err != nil && !(doubtful[kind.GroupVersionKind] && errors.Is(err, ErrNotServed)) {
				return fmt.Errorf("list %s: %w", kind.Resource, err)
			}
			return nil
		})
	}
	if c.opts.Catalogue != nil {
		for _, kind := range c.opts.Catalogue.Kinds() {
			if covered[kind.GroupKind()] || fleeting[kind.GroupKind()] || !kind.Can("list") {
				continue
			}
			g.Go(func() error { return c.listOther(ctx, kind) })
		}
		for gv, reason := range c.opts.Catalogue.Failed {
			c.mu.Lock()
			c.report.Unlisted[gv.String()] = reason
			c.mu.Unlock()
		}
	}
	return g.Wait()
}

// listOther looks for the unexpected among a kind that the commit has no
// object of. Such a list may fail without failing the comparison; what it
// leaves unknown is said.
func (c *comparison) listOther(ctx context.Context, kind object.Kind) error {
	err := c.cluster.List(ctx, kind, true, func(u *unstructured.Unstructured) error {
		c.meet(kind, u)
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.mu.Lock()
		c.report.Unlisted[kind.GroupKind().String()] = err.Error()
		c.mu.Unlock()
	}
	return nil
}

// meet takes one live object.
func (c *comparison) meet(kind object.Kind, u *unstructured.Unstructured) {
	id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
	e, wanted := c.wanted[id]
	if !wanted || e.Kind.GroupVersionKind != kind.GroupVersionKind {
		if v := c.primary[kind.GroupKind()]; !wanted && (v == "" || v == kind.Version) {
			c.stranger(id, u)
		}
		return
	}
	whole, live := object.Canonical(e.Object.Unstructured), object.Canonical(u)
	want := c.mind(id, whole)
	projected, _ := project(live, want).(map[string]any)
	digest := object.DigestOf(projected)
	s := suspect{expected: e, live: u, fields: Set(want, live)}
	var contested bool
	s.byHand, contested = others(whole, live, u)
	s.terminating = u.GetDeletionTimestamp() != nil
	stamp, current := u.GetAnnotations()[object.AppliedAnnotation], object.DigestOf(whole).Short()
	restored := c.opts.Restored != nil && c.opts.Restored(u)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[id] = true
	c.digests[id] = digest
	c.leave(id, whole, live, s.fields)
	c.keepReplicas(id, live)
	if stamp != current || !restored {
		c.report.Unstamped = append(c.report.Unstamped, id)
	}
	if !restored {
		c.report.Adopted = append(c.report.Adopted, id)
	}
	if len(s.fields)+len(s.byHand) > 0 || contested || s.terminating || stamp != "" && stamp != current {
		c.suspects = append(c.suspects, s)
	}
}

// stranger takes a live object that the commit does not have.
func (c *comparison) stranger(id object.ID, u *unstructured.Unstructured) {
	if System(id, u) || c.inBaseline(id) {
		return
	}
	restored := c.opts.Restored != nil && c.opts.Restored(u)
	if !restored && Derived(id, u) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Unexpected = append(c.report.Unexpected, Unexpected{ID: id, UID: u.GetUID(), Restored: restored})
}

func (c *comparison) inBaseline(id object.ID) bool {
	if c.opts.Baseline != nil {
		return c.opts.Baseline(id)
	}
	return systemNamespace(id.Namespace) || id.Kind == "Namespace" && systemNamespace(id.Name) ||
		id.Group == "rbac.authorization.k8s.io" && id.Namespace == "" && defaultClusterRoles[id.Name]
}

// defaultClusterRoles are the user-facing roles that every cluster has.
var defaultClusterRoles = map[string]bool{"cluster-admin": true, "admin": true, "edit": true, "view": true}

// confirm asks the server about each suspect.
func (c *comparison) confirm(ctx context.Context) error {
	c.report.Confirmed = len(c.suspects)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers)
	for _, s := range c.suspects {
		g.Go(func() error {
			change, err := c.ask(ctx, s)
			if err != nil || change == nil {
				return err
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.report.Changed = append(c.report.Changed, *change)
			return nil
		})
	}
	return g.Wait()
}

// ask applies a suspect in a dry run. What would change is the difference; when
// nothing would, there is none.
func (c *comparison) ask(ctx context.Context, s suspect) (*Change, error) {
	id := s.expected.Object.ID()
	change := &Change{ID: id, From: s.expected.Object.From, ByHand: len(s.byHand) > 0}
	if s.terminating {
		change.Terminating, change.Refused = true, "it is being deleted"
		return change, nil
	}
	result, err := c.cluster.DryRun(ctx, s.expected.Kind, s.expected.Object.Unstructured)
	var refusal interface{ Refused() bool }
	switch {
	case err == nil:
		change.Fields = Both(c.mind(id, object.Canonical(result)), c.mind(id, object.Canonical(s.live)))
		change.Fields = append(change.Fields, s.byHand...)
		if len(change.Fields) == 0 {
			return nil, nil
		}
	case errors.As(err, &refusal) && refusal.Refused():
		change.Refused = err.Error()
		change.Fields = slices.Concat(s.fields, s.byHand)
	default:
		return nil, fmt.Errorf("compare %s: %w", id, err)
	}
	change.Fields = hide(id, change.Fields)
	return change, nil
}

// hide replaces the values of Secrets.
func hide(id object.ID, fields []Field) []Field {
	if id.Kind != "Secret" || id.Group != "" {
		return fields
	}
	hidden := make([]Field, len(fields))
	for i, f := range fields {
		hidden[i] = Field{Path: f.Path}
		if strings.HasPrefix(f.Path, "metadata.labels") {
			hidden[i] = f
			continue
		}
		if f.Want != nil {
			hidden[i].Want = "(hidden)"
		}
		if f.Have != nil {
			hidden[i].Have = "(hidden)"
		}
	}
	return hidden
}

func (r *Report) sort() {
	slices.SortFunc(r.Missing, func(a, b Missing) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(r.Changed, func(a, b Change) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(r.Unexpected, func(a, b Unexpected) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(r.Adopted, object.ID.Compare)
	slices.SortFunc(r.Left, func(a, b Left) int { return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Path, b.Path)) })
}
