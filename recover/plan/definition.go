package plan

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// definition is what a CustomResourceDefinition in the set says.
type definition struct {
	id         object.ID
	plural     string
	namespaced bool
	served     []string // versions
	storage    string
	webhook    map[string]any // spec.conversion's clientConfig.service, or nil
	blocked    string         // why the definition itself cannot be made, or ""
}

var customVerbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}

// define reads a CustomResourceDefinition, v1 or v1beta1.
func define(o *object.Object) (schema.GroupKind, *definition) {
	spec := field.Map(o.Object, "spec")
	gk := schema.GroupKind{Group: field.Text(spec, "group"), Kind: field.Text(spec, "names", "kind")}
	d := &definition{
		id:         o.ID(),
		plural:     field.Text(spec, "names", "plural"),
		namespaced: field.Text(spec, "scope") != "Cluster",
		webhook:    conversionService(spec),
	}
	for _, v := range field.Maps(spec, "versions") {
		name := field.Text(v, "name")
		if on, ok := v["served"].(bool); ok && on {
			d.served = append(d.served, name)
		}
		if on, ok := v["storage"].(bool); ok && on {
			d.storage = name
		}
	}
	if only := field.Text(spec, "version"); only != "" && len(d.served) == 0 {
		d.served, d.storage = []string{only}, only
	}
	return gk, d
}

// conversionService returns the Service of a conversion webhook, or nil.
func conversionService(spec map[string]any) map[string]any {
	if field.Text(spec, "conversion", "strategy") != "Webhook" {
		return nil
	}
	if s := field.Map(spec, "conversion", "webhook", "clientConfig", "service"); s != nil {
		return s
	}
	return field.Map(spec, "conversion", "webhookClientConfig", "service")
}

func isDefinition(id object.ID) bool {
	return id.Group == "apiextensions.k8s.io" && id.Kind == "CustomResourceDefinition"
}
