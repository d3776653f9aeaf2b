// Package object holds what every other package speaks of: a Kubernetes object
// with its identity and its provenance, sets of objects, the kinds that a
// server serves, and the canonical form from which fingerprints are made.
//
// It does no I/O and imports nothing of ours but its own field.
package object

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// FieldManager is the name under which rekindle owns fields of live objects.
const FieldManager = "rekindle"

// ID identifies one object in one cluster, whatever API version it is read in.
type ID struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// IDOf returns the identity that u claims. The namespace is as written; whether
// the kind has one at all is known only with a Catalogue.
func IDOf(u *unstructured.Unstructured) ID {
	gvk := u.GroupVersionKind()
	return ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// GroupKind returns the group and kind of id.
func (id ID) GroupKind() schema.GroupKind {
	return schema.GroupKind{Group: id.Group, Kind: id.Kind}
}

// String returns id as people read it: "Deployment.apps shop/web",
// "Namespace shop".
func (id ID) String() string {
	var b strings.Builder
	b.WriteString(id.Kind)
	if id.Group != "" {
		b.WriteByte('.')
		b.WriteString(id.Group)
	}
	b.WriteByte(' ')
	if id.Namespace != "" {
		b.WriteString(id.Namespace)
		b.WriteByte('/')
	}
	b.WriteString(id.Name)
	return b.String()
}

// Compare orders identities by group, kind, namespace and name.
func (id ID) Compare(other ID) int {
	return cmp.Or(
		cmp.Compare(id.Group, other.Group),
		cmp.Compare(id.Kind, other.Kind),
		cmp.Compare(id.Namespace, other.Namespace),
		cmp.Compare(id.Name, other.Name),
	)
}

// Provenance says where an object comes from.
type Provenance struct {
	// Commit is the full SHA, empty for a tree that is no commit.
	Commit string `json:"commit,omitempty"`
	// File is the path from the root of the repository, with slashes.
	File string `json:"file,omitempty"`
	// Line is the 1-based line at which the document begins, 0 when a tool
	// made the object and no line can be named.
	Line int `json:"line,omitempty"`
	// Made says which tool made the object, in words: "kustomization
	// overlays/prod", "chart charts/web, release web", "implied by …". Empty
	// for plain files.
	Made string `json:"made,omitempty"`
}

// String returns "file:line", with the tool in brackets when there is one.
func (p Provenance) String() string {
	s := p.File
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, p.Line)
	}
	switch {
	case p.Made == "":
		return s
	case s == "":
		return p.Made
	}
	return fmt.Sprintf("%s (%s)", s, p.Made)
}

// Object is one Kubernetes object and where it comes from. Its content is not
// changed once it is in a Set; who needs another content makes a copy.
type Object struct {
	*unstructured.Unstructured
	From Provenance
}

// New returns an object of content.
func New(content map[string]any, from Provenance) *Object {
	return &Object{Unstructured: &unstructured.Unstructured{Object: content}, From: from}
}

// ID returns the identity of o.
func (o *Object) ID() ID { return IDOf(o.Unstructured) }

// Copy returns a deep copy of o.
func (o *Object) Copy() *Object {
	return &Object{Unstructured: o.DeepCopy(), From: o.From}
}
