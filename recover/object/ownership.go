package object

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// ownership tells which fields of an object somebody set, by its managedFields.
// They are read when they are first asked for, as they were decoded: turning
// them into their Go type costs more than all the rest of a canonical form.
type ownership struct {
	u    *unstructured.Unstructured
	read bool
	// claimed are the fieldsV1 trees of the managers; all tells that there are
	// none at all, so that whoever wrote the object set everything in it.
	claimed []map[string]any
	all     bool
}

func (o *ownership) load() {
	if o.read {
		return
	}
	o.read = true
	entries := field.Maps(o.u.Object, "metadata", "managedFields")
	o.all = len(entries) == 0
	for _, e := range entries {
		tree, _ := e["fieldsV1"].(map[string]any)
		if sub, _ := e["subresource"].(string); sub == "" && tree != nil {
			o.claimed = append(o.claimed, tree)
		}
	}
}

// field tells whether somebody set the field at path. List items on the way are
// not told apart: one that has the field in any item is enough.
func (o *ownership) field(path ...string) bool {
	o.load()
	for _, tree := range o.claimed {
		if owns(tree, path) {
			return true
		}
	}
	return o.all
}

// annotation tells whether the object, as it was sent, has an annotation.
func (o *ownership) annotation(key string) bool { return o.u.GetAnnotations()[key] != "" }

// nodePort tells whether somebody set the node port of a Service's port.
func (o *ownership) nodePort(port map[string]any) bool {
	o.load()
	for _, tree := range o.claimed {
		ports := field.Map(tree, "f:spec", "f:ports")
		for key, below := range ports {
			item, _ := below.(map[string]any)
			if _, set := item["f:nodePort"]; set && isPort(key, port) {
				return true
			}
		}
	}
	return o.all
}

// isPort tells whether the key of a list's item, k:{"port":80,"protocol":"TCP"},
// is about a Service's port.
func isPort(key string, port map[string]any) bool {
	text, ok := strings.CutPrefix(key, "k:")
	var want map[string]any
	if !ok || json.Unmarshal([]byte(text), &want) != nil {
		return false
	}
	a, _ := field.Number(want, "port")
	b, _ := field.Number(port, "port")
	return a == b && protocolOf(want) == protocolOf(port)
}

func protocolOf(port map[string]any) string {
	if protocol, _ := port["protocol"].(string); protocol != "" {
		return protocol
	}
	return "TCP"
}

// owns looks for path in a fieldsV1 tree: "f:name" is a field, "k:{…}", "v:…"
// and "i:…" are list items.
func owns(fields map[string]any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	for key, below := range fields {
		tree, _ := below.(map[string]any)
		switch {
		case key == "f:"+path[0]:
			if owns(tree, path[1:]) {
				return true
			}
		case !strings.HasPrefix(key, "f:") && key != ".":
			if owns(tree, path) {
				return true
			}
		}
	}
	return false
}
