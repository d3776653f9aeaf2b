package convert

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rekindle-io/rekindle/recover/object/field"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"
)

// structure makes an OpenAPI schema structural where that takes nothing away
// from what it accepts. The rules are those of
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
type structure struct {
	unpruned bool           // keep fields that the schema does not name
	repairs  map[string]int // what was done, and how often
}

const preserve = "x-kubernetes-preserve-unknown-fields"

func (s *structure) did(what string) {
	if s.repairs == nil {
		s.repairs = map[string]int{}
	}
	s.repairs[what]++
}

// said lists the repairs: "3 fields without a type keep any value".
func (s *structure) said() []string {
	var texts []string
	for _, what := range slices.Sorted(maps.Keys(s.repairs)) {
		texts = append(texts, fmt.Sprintf("%s (%d)", what, s.repairs[what]))
	}
	return texts
}

func (s *structure) root(schema map[string]any) {
	if schema["type"] == nil {
		schema["type"] = "object"
		s.did("type object at the root")
	}
	delete(schema, "x-kubernetes-embedded-resource")
	properties := field.Map(schema, "properties")
	if meta := field.Map(properties, "metadata"); meta != nil {
		trimMetadata(meta)
	}
	for key := range map[string]bool{"apiVersion": true, "kind": true} {
		if p := field.Map(properties, key); p != nil && p["type"] == nil {
			p["type"] = "string"
		}
	}
	s.value(schema)
	delete(field.Map(schema, "properties", "metadata"), preserve)
}

// trimMetadata leaves what a schema may say about metadata: its type, and rules
// for the name.
func trimMetadata(meta map[string]any) {
	properties := field.Map(meta, "properties")
	for field := range meta {
		if field != "properties" {
			delete(meta, field)
		}
	}
	meta["type"] = "object"
	for field := range properties {
		if field != "name" && field != "generateName" {
			delete(properties, field)
		}
	}
	if len(properties) == 0 {
		delete(meta, "properties")
	}
}

// value makes one schema and what is below it structural.
func (s *structure) value(schema map[string]any) {
	s.intOrString(schema)
	s.junctors(schema)
	s.typed(schema)
	if field.Map(schema, "additionalProperties") != nil && schema["properties"] != nil {
		if len(field.Map(schema, "properties")) == 0 {
			delete(schema, "properties")
		}
	}
	for _, p := range field.Map(schema, "properties") {
		if child, ok := p.(map[string]any); ok {
			s.value(child)
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if child := field.Map(schema, key); child != nil {
			s.value(child)
		}
	}
	if s.unpruned && schema["type"] == "object" && schema["additionalProperties"] == nil {
		schema[preserve] = true
	}
}

// intOrString writes the old way of saying "a number or a text" as v1 wants it.
func (s *structure) intOrString(schema map[string]any) {
	if field.Text(schema, "format") == "int-or-string" {
		delete(schema, "format")
		delete(schema, "type")
		schema["x-kubernetes-int-or-string"] = true
		s.did("int-or-string")
		return
	}
	for _, junctor := range []string{"anyOf", "oneOf"} {
		options := field.Maps(schema, junctor)
		if schema["type"] != nil || len(options) != 2 || len(options[0]) != 1 || len(options[1]) != 1 {
			continue
		}
		a, b := field.Text(options[0], "type"), field.Text(options[1], "type")
		if a == "string" && b == "integer" || a == "integer" && b == "string" {
			delete(schema, junctor)
			if schema["x-kubernetes-int-or-string"] == nil {
				s.did("int-or-string")
			}
			schema["x-kubernetes-int-or-string"] = true
		}
	}
}

// junctors clears anyOf, oneOf, allOf and not of what may not stand there and
// says nothing: descriptions, and types that are said outside already.
func (s *structure) junctors(schema map[string]any) {
	for _, junctor := range []string{"anyOf", "oneOf", "allOf"} {
		for _, option := range field.Maps(schema, junctor) {
			s.junctor(schema, option, junctor == "allOf")
		}
	}
	if not := field.Map(schema, "not"); not != nil {
		s.junctor(schema, not, false)
	}
}

// junctor clears one option. Always tells that every value has to satisfy it, so
// that its types may be said outside.
func (s *structure) junctor(outer, option map[string]any, always bool) {
	delete(option, "description")
	if t, ok := option["type"]; ok && t == outer["type"] {
		delete(option, "type")
		s.did("types said twice")
	}
	for name, p := range field.Map(option, "properties") {
		child, ok := p.(map[string]any)
		if !ok {
			continue
		}
		properties := field.Map(outer, "properties")
		if properties == nil {
			properties = map[string]any{}
			outer["properties"] = properties
		}
		if properties[name] == nil {
			properties[name] = map[string]any{}
		}
		if out := field.Map(properties, name); out != nil {
			if always && out["type"] == nil && child["type"] != nil {
				out["type"] = child["type"]
			}
			s.junctor(out, child, always)
		}
	}
	s.junctors(option)
}

// typed gives a schema without a type the one that it implies, or lets it take
// any value.
func (s *structure) typed(schema map[string]any) {
	if t, ok := schema["type"].(string); ok && t != "" {
		if t == "array" && schema["items"] == nil {
			schema["items"] = map[string]any{preserve: true}
			s.did("arrays without items keep any element")
		}
		return
	}
	if schema["x-kubernetes-int-or-string"] == true || schema[preserve] == true && schema["properties"] == nil {
		return
	}
	switch {
	case schema["properties"] != nil, schema["additionalProperties"] != nil:
		schema["type"] = "object"
		s.did("type object where there are properties")
	case schema["items"] != nil:
		schema["type"] = "array"
		s.did("type array where there are items")
	default:
		delete(schema, "type")
		schema[preserve] = true
		s.did("fields without a type keep any value")
	}
}

// validateSchema asks the API server's own rules.
func validateSchema(root map[string]any) error {
	var v1 apiextensionsv1.JSONSchemaProps
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(root, &v1); err != nil {
		return err
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&v1, &internal, nil); err != nil {
		return err
	}
	s, err := structuralschema.NewStructural(&internal)
	if err != nil {
		return err
	}
	if errs := structuralschema.ValidateStructural(nil, s); len(errs) > 0 {
		return fmt.Errorf("%w (%d faults in all)", errs[0], len(errs))
	}
	return nil
}
