package object

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is one kind in one API version, as a server serves it.
type Kind struct {
	schema.GroupVersionKind
	// Resource is the plural in the URL: "deployments".
	Resource   string
	Namespaced bool
	// Verbs are what the server lets be done: "list", "watch", "patch" …
	Verbs []string
}

// GroupVersionResource returns what a dynamic client needs.
func (k Kind) GroupVersionResource() schema.GroupVersionResource {
	return k.GroupVersion().WithResource(k.Resource)
}

// Can tells whether the server lets verb be done.
func (k Kind) Can(verb string) bool { return slices.Contains(k.Verbs, verb) }

// Catalogue is the set of kinds that a server serves. It is a value built once
// and only read afterwards.
type Catalogue struct {
	kinds    map[schema.GroupVersionKind]Kind
	versions map[schema.GroupKind][]string
	// Failed names the group versions that the server lists but could not
	// describe, with the reason: "metrics.k8s.io/v1beta1": "503 …". What they
	// serve is unknown, which is not the same as not served.
	Failed map[schema.GroupVersion]string
	// Server is the version of the server, "v1.36.3".
	Server string
}

// NewCatalogue returns a catalogue of kinds. For a kind in several versions the
// first one given is the preferred.
func NewCatalogue(server string, kinds []Kind) *Catalogue {
	c := &Catalogue{
		kinds:    make(map[schema.GroupVersionKind]Kind, len(kinds)),
		versions: map[schema.GroupKind][]string{},
		Failed:   map[schema.GroupVersion]string{},
		Server:   server,
	}
	for _, k := range kinds {
		if _, dup := c.kinds[k.GroupVersionKind]; dup {
			continue
		}
		c.kinds[k.GroupVersionKind] = k
		gk := k.GroupKind()
		c.versions[gk] = append(c.versions[gk], k.Version)
	}
	return c
}

// Lookup returns the kind of gvk, and whether the server serves it.
func (c *Catalogue) Lookup(gvk schema.GroupVersionKind) (Kind, bool) {
	k, ok := c.kinds[gvk]
	return k, ok
}

// Versions returns the versions in which the server serves gk, preferred first;
// nil when it serves none.
func (c *Catalogue) Versions(gk schema.GroupKind) []string { return c.versions[gk] }

// Preferred returns gk in the version that the server prefers.
func (c *Catalogue) Preferred(gk schema.GroupKind) (Kind, bool) {
	v := c.versions[gk]
	if len(v) == 0 {
		return Kind{}, false
	}
	return c.Lookup(gk.WithVersion(v[0]))
}

// Kinds returns one Kind for each group and kind, in its preferred version,
// sorted by group and kind.
func (c *Catalogue) Kinds() []Kind {
	gks := slices.SortedFunc(maps.Keys(c.versions), func(a, b schema.GroupKind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind))
	})
	kinds := make([]Kind, 0, len(gks))
	for _, gk := range gks {
		k, _ := c.Preferred(gk)
		kinds = append(kinds, k)
	}
	return kinds
}

// All returns every kind in every version, sorted.
func (c *Catalogue) All() []Kind {
	return slices.SortedFunc(maps.Values(c.kinds), func(a, b Kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Version, b.Version))
	})
}
