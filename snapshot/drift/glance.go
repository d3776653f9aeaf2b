package drift

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/raw"
	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// Scanner is a Cluster that can show objects before they are decoded. Nearly all
// objects of a cluster are as the commit says, and to see that takes a fraction of
// what it takes to decode and compare them.
type Scanner interface {
	// Scan is Cluster.List of objects that were not decoded. What each is given is
	// good until it returns.
	Scan(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*raw.Object) error) error
}

// list lists a kind, undecoded where the cluster can show that.
func (c *comparison) list(ctx context.Context, p *part, metadataOnly bool) error {
	if s, ok := c.cluster.(Scanner); ok {
		return s.Scan(ctx, p.kind, metadataOnly, p.glance)
	}
	return c.cluster.List(ctx, p.kind, metadataOnly, p.meet)
}

// glance takes one live object, and decodes it only when there is something about
// it that its metadata does not tell.
func (p *part) glance(o *raw.Object) error {
	u := o.Metadata()
	id := p.idOf(u)
	e, wanted := p.c.wanted[id]
	switch {
	case !wanted && !p.showWhole && (!capture.NeedsBody(p.kind.GroupKind()) || id.Name != "default"):
		return p.meet(u)
	case wanted && !p.showBodies && p.recognise(id, e, u, o):
		p.met(id)
		return p.show(Sighting{ID: id, Kind: p.kind, Live: u, Expected: e.Object})
	}
	u, err := o.Whole()
	if err != nil {
		return err
	}
	return p.meet(u)
}

// recognise notes a live object that is just what the commit says, and that
// nobody else had a hand in. Of any other it returns false and notes nothing, also
// of one that may turn out to be equal when all of it is looked at: what is said
// of an object is the same in either way.
//
// Where the live object has what the commit sets, so has its canonical form: the
// commit's has nothing that is stamped, and where it depends on who owns a field,
// the object is looked at.
func (p *part) recognise(id object.ID, e Expected, u *unstructured.Unstructured, o *raw.Object) bool {
	if e.Kind.GroupVersionKind != p.kind.GroupVersionKind || len(p.c.hands[id]) > 0 || u.GetDeletionTimestamp() != nil || !onlyOurs(u) {
		return false
	}
	whole := object.Form(e.Object.Unstructured)
	for _, known := range []string{"apiVersion", "kind", "metadata"} {
		if !covers(whole[known], u.Object[known]) {
			return false
		}
	}
	if !o.Covers(whole) || object.Allocatable(id.GroupKind(), whole) {
		return false
	}
	if uncounted(id.GroupKind(), whole) && !o.Covers(map[string]any{"spec": map[string]any{"replicas": int64(1)}}) {
		return false
	}
	current := object.DigestOf(whole)
	stamp := stampOf(u)
	if stamp != "" && stamp != current.Short() {
		return false
	}
	p.note(id, u, current, current, stamp)
	return true
}
