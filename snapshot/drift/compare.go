package drift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// Cluster is what a comparison reads from.
type Cluster interface {
	// List calls each for every object of kind, one call at a time; the object
	// then belongs to each. With
	// metadataOnly, objects may carry nothing but their metadata. Any failure,
	// also one after some objects, is an error.
	List(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*unstructured.Unstructured) error) error
	// Get returns one object as it is now, whole.
	Get(ctx context.Context, kind object.Kind, namespace, name string) (*unstructured.Unstructured, error)
	// DryRun returns what the server would store if o were applied.
	DryRun(ctx context.Context, kind object.Kind, o *unstructured.Unstructured) (*unstructured.Unstructured, error)
}

// Rehearser is a Cluster that can tell what comes back when fields are taken away:
// a default, or what an admission policy adds to each object.
type Rehearser interface {
	// Rehearse returns what the server would store if o took the place of live, which
	// has to be as the server has it.
	Rehearse(ctx context.Context, kind object.Kind, live, o *unstructured.Unstructured) (*unstructured.Unstructured, error)
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

// Options say what to compare with, what is no surprise, and who wants to see
// the live objects.
type Options struct {
	Commit    string
	Catalogue *object.Catalogue
	// Capture judges the live objects that the commit does not have; only what it
	// takes is unexpected. What its rules exclude is not compared either. Nil
	// leaves out what Kubernetes and controllers make.
	Capture *capture.Filter
	// Restored tells whether an earlier restore made an object. Nil: none.
	Restored func(*unstructured.Unstructured) bool
	// Ignore says which differences do not count; nil: all do.
	Ignore Ignorer
	// Tolerant goes on where a kind cannot be listed although the commit has
	// objects of it: they are unknown, and the report names them. Otherwise that
	// is an error. It is one all the same when no kind at all can be listed.
	Tolerant bool
	// Observer, when set, is shown every live object that is listed.
	Observer Observer
	// Whole tells of which kinds Observer has to see more than metadata of what the
	// commit does not have; Everything of all. Nil: of none, which is cheapest.
	Whole func(schema.GroupKind) bool
	// Bodies tells of which kinds Observer has to see more than metadata of what is
	// just as the commit says. Nil: of all, which is dearest.
	Bodies func(schema.GroupKind) bool
	// Tally, when set, counts which live objects belong into an export and why
	// others do not.
	Tally *capture.Tally
	// Workers is how many lists and dry runs go on at once; 8 when 0.
	Workers int
}

// Observer sees the live objects of a comparison, page by page as they come in.
type Observer interface {
	// See is called once for each object: from several goroutines at once, but
	// for the objects of one kind one after the other. What it is shown is lent:
	// it may not be changed. An error ends the comparison.
	See(Sighting) error
	// Listed is called once for each kind after its last object, like See. With
	// an error the list was not whole: what See was shown of the kind is some of
	// it, and nothing can be said of what it was not shown.
	Listed(kind object.Kind, err error)
}

// Sighting is one live object.
type Sighting struct {
	ID   object.ID
	Kind object.Kind
	// Live is as the server sent it, managedFields included. It may have nothing but
	// metadata, and no fieldsV1 in it, when the commit does not have the object and
	// Options.Whole does not ask for more, or when it is just as the commit says and
	// Options.Bodies does not ask for more.
	Live *unstructured.Unstructured
	// Expected is the commit's object; nil when it has none.
	Expected *object.Object
	// Canonical is the canonical form of Live (object.Form); nil when the commit
	// does not have the object, and when Live is metadata alone. Not to be changed.
	Canonical map[string]any
	// Verdict says whether the object belongs into an export.
	Verdict capture.Verdict
}

// Everything is an Options.Whole for those who need all of every object.
func Everything(schema.GroupKind) bool { return true }

// Compare lists cluster and returns how it differs from the expected objects.
// Memory is bounded by the expected objects and the differences, not by the
// size of the cluster.
func Compare(ctx context.Context, cluster Cluster, expected []Expected, opts Options) (*Report, error) {
	if opts.Capture == nil {
		opts.Capture = &capture.Filter{}
	}
	c := &comparison{
		cluster:    cluster,
		opts:       opts,
		workers:    cmp.Or(opts.Workers, 8),
		hands:      handsOff(expected),
		wanted:     make(map[object.ID]Expected, len(expected)),
		seen:       make(map[object.ID]bool, len(expected)),
		digests:    make(map[object.ID]object.Digest, len(expected)),
		namespaces: map[string]bool{},
		unknown:    map[schema.GroupKind]string{},
		report:     &Report{Commit: opts.Commit, Unlisted: map[string]string{}},
	}
	for _, e := range expected {
		if v := opts.Capture.Rules(e.Object.ID(), e.Object.GetLabels()); !v.Taken() {
			c.report.Excluded = append(c.report.Excluded, e.Object.ID())
			continue
		}
		c.wanted[e.Object.ID()] = e
	}
	c.report.Compared = len(c.wanted)
	if err := c.listAll(ctx); err != nil {
		return nil, err
	}
	c.findMissing()
	if err := c.confirm(ctx); err != nil {
		return nil, err
	}
	c.report.Fingerprint = object.FingerprintOf(c.digests)
	c.ignore()
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

	mu         sync.Mutex // guards what follows
	seen       map[object.ID]bool
	digests    map[object.ID]object.Digest
	namespaces map[string]bool // that exist
	unknown    map[schema.GroupKind]string
	listed     int // kinds
	failure    error
	suspects   []suspect
	report     *Report
}

// listAll lists every kind once: whole where the commit has objects of it,
// metadata alone where only the unexpected is looked for and nobody wants more.
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
		g.Go(func() error { return c.listWanted(ctx, kind, doubtful[kind.GroupVersionKind]) })
	}
	if c.opts.Catalogue != nil {
		for _, kind := range c.opts.Catalogue.Kinds() {
			if covered[kind.GroupKind()] || !kind.Can("list") {
				continue
			}
			if v, skip := c.opts.Capture.Skips(kind.GroupKind()); skip {
				if c.opts.Tally != nil {
					c.opts.Tally.CountKind(kind.GroupKind().String(), v)
				}
				continue
			}
			g.Go(func() error { return c.listOther(ctx, kind) })
		}
		for gv, reason := range c.opts.Catalogue.Failed {
			c.report.unlist(&c.mu, gv.String(), reason)
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if c.listed == 0 && c.failure != nil {
		return fmt.Errorf("no kind can be listed: %w", c.failure)
	}
	return nil
}

// listWanted lists a kind of which the commit has objects.
func (c *comparison) listWanted(ctx context.Context, kind object.Kind, doubtful bool) error {
	err := c.listKind(ctx, kind, false)
	switch {
	case err == nil, doubtful && errors.Is(err, ErrNotServed):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !c.opts.Tolerant || stopped(err):
		return fmt.Errorf("list %s: %w", kind.Resource, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unknown[kind.GroupKind()] = err.Error()
	return nil
}

// listOther looks for the unexpected among a kind that the commit has no
// object of. Such a list may fail without failing the comparison; what it
// leaves unknown is said.
func (c *comparison) listOther(ctx context.Context, kind object.Kind) error {
	err := c.listKind(ctx, kind, !capture.NeedsBody(kind.GroupKind()) && (c.opts.Whole == nil || !c.opts.Whole(kind.GroupKind())))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case stopped(err):
		return err
	}
	c.report.unlist(&c.mu, kind.GroupKind().String(), err.Error())
	return nil
}

// stop is an observer's error, which ends the comparison.
type stop struct{ cause error }

func (s stop) Error() string { return s.cause.Error() }
func (s stop) Unwrap() error { return s.cause }

func stopped(err error) bool {
	var s stop
	return errors.As(err, &s)
}

// listKind lists one kind, and believes what came in only when all of it did: of
// a list that broke off nothing counts.
func (c *comparison) listKind(ctx context.Context, kind object.Kind, metadataOnly bool) error {
	p := c.newPart(kind)
	err := c.list(ctx, p, metadataOnly)
	if c.opts.Observer != nil {
		c.opts.Observer.Listed(kind, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failure = cmp.Or(c.failure, err)
		return err
	}
	c.listed++
	c.take(p)
	return nil
}

// findMissing names the expected objects that nobody saw.
func (c *comparison) findMissing() {
	gaps := map[schema.GroupKind]*Unknown{}
	for id, e := range c.wanted {
		if c.seen[id] {
			continue
		}
		reason, unknown := c.unknown[id.GroupKind()]
		if !unknown {
			c.report.Missing = append(c.report.Missing, Missing{ID: id, From: e.Object.From, Why: c.whyMissing(id, e)})
			continue
		}
		gap := gaps[id.GroupKind()]
		if gap == nil {
			gap = &Unknown{Kind: id.GroupKind().String(), Reason: reason}
			gaps[id.GroupKind()] = gap
		}
		gap.Objects = append(gap.Objects, id)
	}
	for _, gap := range gaps {
		c.report.Unknown = append(c.report.Unknown, *gap)
	}
	c.report.unknowable = c.unknown
}

// whyMissing says what is known about an object's absence; often nothing is.
func (c *comparison) whyMissing(id object.ID, e Expected) string {
	switch {
	case e.Unserved:
		return "the cluster does not serve its kind"
	case id.Namespace != "" && !c.namespaces[id.Namespace] && c.listedNamespaces():
		return "its namespace does not exist"
	}
	return ""
}

// listedNamespaces tells whether the namespaces that exist are known.
func (c *comparison) listedNamespaces() bool { return len(c.namespaces) > 0 }
