package render

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// manifests makes objects of the documents of one file.
type manifests struct {
	r *renderer
	// made is what every object's provenance says of the tool.
	made string
	// lines is false for files that a tool wrote: their lines mean nothing.
	lines bool
	// strict makes documents that are no objects an error; otherwise they are
	// noted and left out.
	strict bool
}

// read returns the objects in data, which is the content of file, and the
// faults of those that are none.
func (m manifests) read(file string, data []byte) ([]*object.Object, error) {
	docs, err := parseDocuments(file, data)
	return m.of(docs, err)
}

// of is read for documents that were parsed, and the error of that.
func (m manifests) of(docs []*document, err error) ([]*object.Object, error) {
	var faults faults
	faults.add(err)
	if err == nil { // else the MAC of the rest says nothing
		if err := m.r.open(docs); err != nil {
			return nil, err
		}
	}
	var list []*object.Object
	for _, doc := range docs {
		objects, err := m.document(doc)
		faults.add(err)
		list = append(list, objects...)
	}
	return list, faults.err()
}

func (m manifests) document(doc *document) ([]*object.Object, error) {
	v, err := convertDocument(doc, m.r.limits)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	content, ok := v.(map[string]any)
	if !ok {
		return nil, m.notAnObject(doc, "it is no mapping")
	}
	if content["apiVersion"] == nil && content["kind"] == nil {
		if len(content) == 0 {
			return nil, nil
		}
		return nil, m.notAnObject(doc, "it has neither apiVersion nor kind")
	}
	return m.objects(doc, doc.root, content)
}

func (m manifests) notAnObject(doc *document, why string) error {
	if m.strict {
		return doc.errorAt(doc.root, "is no Kubernetes object: %s", why)
	}
	m.r.note(NoteSkipped, doc.file, doc.line(doc.root), "left out, no Kubernetes object: %s", why)
	return nil
}

// objects returns the object that content is, or the items of the list that it
// is. n is the node that content comes from.
func (m manifests) objects(doc *document, n *yaml.Node, content map[string]any) ([]*object.Object, error) {
	if m.r.documents++; m.r.documents > m.r.limits.Documents {
		return nil, doc.errorAt(n, "more than %d objects: name a smaller folder or raise the limit", m.r.limits.Documents)
	}
	gvk, err := typeOf(content)
	if err != nil {
		return nil, doc.errorAt(n, "%v", err)
	}
	if isKustomizeConfig(gvk) {
		m.r.note(NoteSkipped, doc.file, doc.line(n), "left out: a %s tells kustomize what to do and is no object of a cluster", gvk.Kind)
		return nil, nil
	}
	if items, ok := listItems(gvk, content); ok {
		return m.items(doc, n, gvk, items)
	}
	if err := checkIdentity(gvk, content); err != nil {
		return nil, doc.errorAt(n, "%v", err)
	}
	return []*object.Object{object.New(content, m.from(doc, n))}, nil
}

func (m manifests) from(doc *document, n *yaml.Node) object.Provenance {
	from := object.Provenance{Commit: m.r.opts.Commit, File: doc.file, Made: m.made}
	if m.lines {
		from.Line = doc.line(n)
	}
	return from
}

// listItems returns the items when the content is a list of objects: its kind
// ends in List, it has items and, unlike a custom object whose kind happens to
// end so, no name.
func listItems(gvk schema.GroupVersionKind, content map[string]any) ([]any, bool) {
	if !strings.HasSuffix(gvk.Kind, "List") {
		return nil, false
	}
	if meta, ok := content["metadata"].(map[string]any); ok && meta["name"] != nil {
		return nil, false
	}
	items, ok := content["items"].([]any)
	if v, present := content["items"]; present && v == nil {
		return nil, true
	}
	return items, ok
}

func (m manifests) items(doc *document, n *yaml.Node, list schema.GroupVersionKind, items []any) ([]*object.Object, error) {
	var faults faults
	var objects []*object.Object
	nodes := itemNodes(n)
	for i, item := range items {
		at := n
		if i < len(nodes) {
			at = nodes[i]
		}
		content, ok := item.(map[string]any)
		if !ok {
			faults.add(doc.errorAt(at, "item %d of the %s is no object", i, list.Kind))
			continue
		}
		// A server leaves these out in the items of a typed list.
		if kind := strings.TrimSuffix(list.Kind, "List"); kind != "" {
			if content["kind"] == nil {
				content["kind"] = kind
			}
			if content["apiVersion"] == nil {
				content["apiVersion"] = list.GroupVersion().String()
			}
		}
		made, err := m.objects(doc, at, content)
		faults.add(err)
		objects = append(objects, made...)
	}
	return objects, faults.err()
}

// itemNodes returns the nodes of the items of a list.
func itemNodes(n *yaml.Node) []*yaml.Node {
	n = follow(n)
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == "items" {
			return follow(n.Content[i+1]).Content
		}
	}
	return nil
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// typeOf returns the type that content claims.
func typeOf(content map[string]any) (schema.GroupVersionKind, error) {
	apiVersion, err := text(content, "apiVersion")
	if err != nil {
		return schema.GroupVersionKind{}, err
	}
	kind, err := text(content, "kind")
	if err != nil {
		return schema.GroupVersionKind{}, err
	}
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil || gv.Version == "" {
		return schema.GroupVersionKind{}, fmt.Errorf("apiVersion %q is none: it is a version (v1) or group/version (apps/v1)", apiVersion)
	}
	return gv.WithKind(kind), nil
}

// text returns a field that every object has.
func text(content map[string]any, field string) (string, error) {
	switch v := content[field].(type) {
	case string:
		if v != "" {
			return v, nil
		}
	case nil:
	default:
		return "", fmt.Errorf("%s is a %s: it must be text", field, typeName(v))
	}
	return "", fmt.Errorf("object without %s: add it, or leave the file out when it is no Kubernetes object", field)
}

func isKustomizeConfig(gvk schema.GroupVersionKind) bool {
	return gvk.Group == "kustomize.config.k8s.io" && (gvk.Kind == "Kustomization" || gvk.Kind == "Component")
}

// checkIdentity checks what an identity and a URL are made of.
func checkIdentity(gvk schema.GroupVersionKind, content map[string]any) error {
	meta, ok := content["metadata"].(map[string]any)
	if !ok {
		if v := content["metadata"]; v != nil {
			return fmt.Errorf("%s: metadata is a %s: it must be a mapping", gvk.Kind, typeName(v))
		}
		return fmt.Errorf("%s without metadata.name: add a name", gvk.Kind)
	}
	switch name := meta["name"].(type) {
	case string:
		if err := checkSegment(gvk.Kind, "metadata.name", name); err != nil {
			return err
		}
	case nil:
		if meta["generateName"] != nil {
			return fmt.Errorf("%s has metadata.generateName and no name: every restore would make another object; give it a name", gvk.Kind)
		}
		return fmt.Errorf("%s without metadata.name: add a name", gvk.Kind)
	default:
		return fmt.Errorf("%s: metadata.name is a %s: quote it", gvk.Kind, typeName(name))
	}
	switch ns := meta["namespace"].(type) {
	case nil:
		return nil
	case string:
		if ns == "" {
			return nil
		}
		return checkSegment(gvk.Kind, "metadata.namespace", ns)
	default:
		return fmt.Errorf("%s: metadata.namespace is a %s: quote it", gvk.Kind, typeName(ns))
	}
}

// checkSegment checks that s can stand in a URL path, as the server asks of
// names; names with colons, which RBAC has, can.
func checkSegment(kind, field, s string) error {
	if s == "" {
		return fmt.Errorf("%s with an empty %s: give it a value", kind, field)
	}
	if problems := content.IsPathSegmentName(s); len(problems) > 0 {
		return fmt.Errorf("%s: %s %q %s", kind, field, s, strings.Join(problems, ", "))
	}
	return nil
}

func typeName(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "boolean"
	case int64, float64:
		return "number"
	case []any:
		return "list"
	case map[string]any:
		return "mapping"
	}
	return "nothing"
}
