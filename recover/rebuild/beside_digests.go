package rebuild

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// digested compares Secrets of which the commit has digests alone with the live
// ones, as they come by.
type digested struct {
	key    []byte
	wanted map[object.ID]*object.Object

	mu       sync.Mutex
	seen     map[object.ID]seenSecret
	unlisted string // why Secrets could not be listed
}

// seenSecret is what became of one comparison.
type seenSecret struct {
	fields []drift.Field
	// unknown says why the values could not be compared, when nothing else differs.
	unknown string
}

var _ drift.Observer = (*digested)(nil)

// digested is nil when the commit has none.
func (d *drifting) digested() (*digested, error) {
	if len(d.rendered.Digests) == 0 {
		return nil, nil
	}
	key, err := d.e.SealKey(d.req.Cluster)
	if err != nil {
		return nil, err
	}
	g := &digested{key: key, wanted: map[object.ID]*object.Object{}, seen: map[object.ID]seenSecret{}}
	for _, o := range d.rendered.Digests {
		g.wanted[o.ID()] = o
	}
	return g, nil
}

// See compares one live Secret.
func (g *digested) See(s drift.Sighting) error {
	want := g.wanted[s.ID]
	if want == nil {
		return nil
	}
	found := g.compare(want, object.Canonical(s.Live))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen[s.ID] = found
	return nil
}

// compare compares what of a Secret can be compared: with digests that another
// key has made, all but the values.
func (g *digested) compare(want *object.Object, live map[string]any) seenSecret {
	have, err := sops.DigestAs(want.Object, live, g.key)
	if err != nil {
		return seenSecret{unknown: err.Error()}
	}
	wanted, found := object.Canonical(want.Unstructured), object.Canonical(&unstructured.Unstructured{Object: have})
	theirs, ours := want.GetAnnotations()[sops.DigestsKeyAnnotation], sops.KeyID(g.key)
	if theirs == ours {
		return seenSecret{fields: drift.Both(wanted, found)}
	}
	wanted, found = withoutValues(wanted), withoutValues(found)
	return seenSecret{fields: drift.Both(wanted, found),
		unknown: fmt.Sprintf("the digests of its values were made with another key (%.16q) than the one here (%s), and cannot be compared", theirs, ours)}
}

// withoutValues is a Secret without its digests: of what it holds only the names
// are left.
func withoutValues(content map[string]any) map[string]any {
	content = maps.Clone(content)
	if meta, ok := content["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		blank(meta, "annotations", sops.IsDigest)
		content["metadata"] = meta
	}
	blank(content, "data", func(any) bool { return true })
	return content
}

// blank empties the values in the mapping at key that are to be.
func blank(content map[string]any, key string, which func(any) bool) {
	values, ok := content[key].(map[string]any)
	if !ok {
		return
	}
	values = maps.Clone(values)
	for name, v := range values {
		if which(v) {
			values[name] = ""
		}
	}
	content[key] = values
}

// Listed notes that Secrets could not be listed.
func (g *digested) Listed(kind object.Kind, err error) {
	if err != nil && kind.GroupKind() == (schema.GroupKind{Kind: "Secret"}) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.unlisted = err.Error()
	}
}

// add puts what was found into a comparison, for which these Secrets are not
// unexpected any more.
func (g *digested) add(b beside) {
	if g == nil {
		return
	}
	for _, id := range slices.SortedFunc(maps.Keys(g.wanted), object.ID.Compare) {
		want := g.wanted[id]
		found, seen := g.seen[id]
		switch {
		case !b.admit(id, want.GetLabels()):
		case g.unlisted != "":
			b.unknown(id, g.unlisted)
		case !seen:
			b.miss(drift.Missing{ID: id, From: want.From})
		case len(found.fields) > 0:
			b.change(drift.Change{ID: id, From: want.From, Fields: found.fields})
		case found.unknown != "":
			b.unknown(id, found.unknown)
		}
	}
	b.raw.Unexpected = slices.DeleteFunc(b.raw.Unexpected, func(u drift.Unexpected) bool { return g.wanted[u.ID] != nil })
}
