package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/convert"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// normaliser gives every object its kind, its scope and its namespace.
type normaliser struct {
	opts        Options
	definitions map[schema.GroupKind]*definition
	builtin     map[string]bool // API groups that no definition can add to
	vertices    []vertex
	unserved    []Unserved
	notes       []Note
}

// normalise returns one vertex an object, sorted by identity, with namespaces
// that are implied added.
func normalise(objects *object.Set, opts Options) (*normaliser, error) {
	n := &normaliser{opts: opts, definitions: map[schema.GroupKind]*definition{}, builtin: builtinGroups()}
	list := slices.Collect(objects.All())
	slices.SortFunc(list, func(a, b *object.Object) int {
		if c := compareFrom(a.From, b.From); c != 0 {
			return c
		}
		return a.ID().Compare(b.ID())
	})
	n.vertices = make([]vertex, 0, len(list)+8)
	for _, o := range list {
		if isDefinition(o.ID()) {
			n.add(o)
			gk, d := define(n.last().Object)
			if n.last().Removed || n.last().Awaited {
				d.blocked = n.unserved[len(n.unserved)-1].Reason
			}
			n.definitions[gk] = d
		}
	}
	for _, o := range list {
		if !isDefinition(o.ID()) {
			n.add(o)
		}
	}
	n.imply()
	return n, n.sort()
}

func (n *normaliser) last() *vertex { return &n.vertices[len(n.vertices)-1] }

// add makes the vertex of o, unless an installation does not make such an
// object.
func (n *normaliser) add(o *object.Object) {
	hook, reason := hookOf(o)
	if reason != "" {
		n.note(Skipped, o, reason)
		return
	}
	kind, verdict := n.lookup(o.GroupVersionKind())
	if verdict.reason != "" && verdict.removed {
		o, kind, verdict = n.convert(o, kind, verdict)
	}
	o = n.place(o, kind, verdict.reason == "" || kind.Resource != "")
	v := vertex{scope: -1, Node: Node{ID: o.ID(), Object: o, Kind: kind, From: o.From, Hook: hook}}
	if verdict.reason != "" {
		v.Removed, v.Awaited = verdict.removed, !verdict.removed
		if v.Kind.Resource == "" {
			v.Kind.Namespaced = o.GetNamespace() != ""
		}
		n.unserved = append(n.unserved, Unserved{
			ID: v.ID, APIVersion: o.GetAPIVersion(), From: o.From,
			Awaited: v.Awaited, Reason: verdict.reason, Remedy: verdict.remedy,
		})
	}
	n.vertices = append(n.vertices, v)
}

// verdict says why a kind is not served; an empty reason means that it is.
type verdict struct {
	reason, remedy string
	removed        bool
}

// lookup finds how gvk is or will be served.
func (n *normaliser) lookup(gvk schema.GroupVersionKind) (object.Kind, verdict) {
	unknown := object.Kind{GroupVersionKind: gvk}
	if d, ok := n.definitions[gvk.GroupKind()]; ok {
		kind := object.Kind{GroupVersionKind: gvk, Resource: d.plural, Namespaced: d.namespaced, Verbs: customVerbs}
		_, already := n.opts.Catalogue.Lookup(gvk)
		switch {
		case d.blocked != "" && !already:
			return kind, verdict{reason: fmt.Sprintf("its definition %s cannot be made: %s", d.id.Name, d.blocked)}
		case d.blocked == "" && !slices.Contains(d.served, gvk.Version):
			return kind, verdict{
				reason:  fmt.Sprintf("its definition %s serves %s, not %s", d.id.Name, strings.Join(d.served, ", "), gvk.Version),
				remedy:  "write it in a version that the definition serves",
				removed: true,
			}
		}
		return kind, verdict{}
	}
	if kind, ok := n.opts.Catalogue.Lookup(gvk); ok {
		return kind, verdict{}
	}
	if why, ok := n.opts.Catalogue.Failed[gvk.GroupVersion()]; ok {
		return unknown, verdict{reason: fmt.Sprintf("the target lists %s but cannot describe it: %s", gvk.GroupVersion(), why)}
	}
	others := n.opts.Catalogue.Versions(gvk.GroupKind())
	if gone, ok := convert.Removed(gvk); ok {
		return unknown, verdict{reason: gone.String(), removed: true}
	}
	if len(others) > 0 {
		v := verdict{removed: n.builtin[gvk.Group]}
		v.reason = fmt.Sprintf("the target serves %s, not %s", versions(gvk.Group, others), gvk.GroupVersion())
		v.remedy = "write it as " + gvk.GroupKind().WithVersion(others[0]).GroupVersion().String()
		return unknown, v
	}
	if n.builtin[gvk.Group] {
		return unknown, verdict{removed: true, reason: fmt.Sprintf("the target serves no %s in %s", gvk.Kind, gvk.GroupVersion())}
	}
	return unknown, verdict{
		reason: "no CRD in the commit and the target does not serve it",
		remedy: "it is tried again while restoring, in case something of the commit brings its definition",
	}
}

// convert writes o in the version that replaced its own when that is wanted, or
// else says whether it could be.
func (n *normaliser) convert(o *object.Object, kind object.Kind, v verdict) (*object.Object, object.Kind, verdict) {
	gone, known := convert.Removed(o.GroupVersionKind())
	if !known {
		return o, kind, v
	}
	if next, ok := n.opts.Catalogue.Lookup(gone.Replacement); ok {
		kind.Resource, kind.Namespaced = next.Resource, next.Namespaced
	}
	converted, changes, err := convert.To(o, n.opts.Catalogue)
	var not *convert.NotMechanicalError
	switch {
	case errors.As(err, &not):
		if !gone.Replacement.Empty() {
			v.remedy = "to be rewritten by hand: " + not.Reason
		}
	case err != nil:
		v.remedy = err.Error()
	case !n.opts.Convert:
		v.remedy = fmt.Sprintf("served as %s: --convert", converted.GetAPIVersion())
	default:
		n.note(Converted, converted, strings.Join(changes, "; "))
		kind, v = n.lookup(converted.GroupVersionKind())
		return converted, kind, v
	}
	return o, kind, v
}

// place gives o the namespace that its kind wants. Known tells that the scope of
// the kind is known; else o stays as it was written.
func (n *normaliser) place(o *object.Object, kind object.Kind, known bool) *object.Object {
	written := o.GetNamespace()
	switch {
	case !known:
		return o
	case kind.Namespaced && written == "":
		return withNamespace(o, n.opts.Namespace)
	case !kind.Namespaced && written != "":
		placed := withNamespace(o, "")
		n.note(NamespaceDropped, placed, fmt.Sprintf("is cluster-scoped: its namespace %s is dropped", written))
		return placed
	}
	return o
}

// withNamespace returns a copy of o in another namespace that shares the rest.
func withNamespace(o *object.Object, namespace string) *object.Object {
	content := maps.Clone(o.Object)
	meta := maps.Clone(field.Map(content, "metadata"))
	if meta == nil {
		meta = map[string]any{}
	}
	if namespace == "" {
		delete(meta, "namespace")
	} else {
		meta["namespace"] = namespace
	}
	content["metadata"] = meta
	return object.New(content, o.From)
}

// imply adds the namespaces that objects need and that nobody defines.
func (n *normaliser) imply() {
	type want struct {
		count int
		first object.Provenance
	}
	wanted := map[string]*want{}
	defined := map[string]bool{}
	for i := range n.vertices {
		v := &n.vertices[i]
		if v.ID.Kind == "Namespace" && v.ID.Group == "" {
			defined[v.ID.Name] = true
		}
		if v.ID.Namespace == "" || v.Removed {
			continue
		}
		w := wanted[v.ID.Namespace]
		if w == nil {
			w = &want{first: v.From}
			wanted[v.ID.Namespace] = w
		}
		w.count++
		if compareFrom(v.From, w.first) < 0 {
			w.first = v.From
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		id := object.ID{Kind: "Namespace", Name: name}
		if defined[name] || n.opts.Exists(id) {
			continue
		}
		w := wanted[name]
		made := fmt.Sprintf("implied by %d objects, the first at %s", w.count, w.first)
		if w.count == 1 {
			made = fmt.Sprintf("implied by the object at %s", w.first)
		}
		n.add(object.New(map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
		}, object.Provenance{Commit: n.opts.Commit, Made: made}))
		n.note(Implied, n.last().Object, "is added: "+made)
	}
}

// sort orders the vertices by identity and finds those that became duplicates.
func (n *normaliser) sort() error {
	slices.SortStableFunc(n.vertices, func(a, b vertex) int { return a.ID.Compare(b.ID) })
	for i := 1; i < len(n.vertices); i++ {
		first, second := &n.vertices[i-1], &n.vertices[i]
		if first.ID == second.ID {
			return &object.DuplicateError{ID: first.ID, First: first.From, Second: second.From}
		}
	}
	slices.SortFunc(n.unserved, func(a, b Unserved) int { return a.ID.Compare(b.ID) })
	return nil
}

func (n *normaliser) note(kind NoteKind, o *object.Object, text string) {
	n.notes = append(n.notes, Note{Kind: kind, ID: o.ID(), From: o.From, Text: text})
}

// builtinGroups are the API groups that an API server serves itself, so that
// waiting brings no other version of theirs.
func builtinGroups() map[string]bool {
	groups := map[string]bool{"extensions": true}
	if c, ok := Builtin(""); ok {
		for _, k := range c.Kinds() {
			groups[k.Group] = true
		}
	}
	return groups
}

// versions lists the versions of a group: "apps/v1, apps/v1beta2".
func versions(group string, list []string) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = schema.GroupVersion{Group: group, Version: v}.String()
	}
	return strings.Join(texts, ", ")
}

func compareFrom(a, b object.Provenance) int {
	if c := cmp.Compare(a.File, b.File); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Made, b.Made), cmp.Compare(a.Commit, b.Commit))
}
