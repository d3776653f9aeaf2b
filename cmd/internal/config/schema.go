package config

import (
	"encoding/json"
	"reflect"
)

// Schema returns the JSON Schema (draft 2020-12) of rekindle.yaml, indented,
// for editors. It says what the types say; rules between fields are checked by
// Load alone.
func Schema() []byte {
	root := schemaOf(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "rekindle.yaml"
	root["description"] = "Declares the clusters that rekindle restores."
	root["patternProperties"] = map[string]any{"^x-": map[string]any{"description": "Not read: a place for anchors."}}
	clusters := root["properties"].(map[string]any)["clusters"].(map[string]any)
	clusters["propertyNames"] = map[string]any{"pattern": namePattern, "maxLength": maxName}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("config: the schema is not JSON: " + err.Error())
	}
	return append(out, '\n')
}

func schemaOf(t reflect.Type) map[string]any {
	if s, ok := scalarOf(reflect.New(t).Elem()); ok {
		return s.schema()
	}
	if t == reflect.TypeFor[Texts]() {
		text := map[string]any{"type": "string"}
		return map[string]any{"oneOf": []any{text, map[string]any{"type": []string{"array", "null"}, "items": text}}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Struct:
		return structSchema(t)
	case reflect.Map:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": schemaOf(t.Elem())}
	case reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": schemaOf(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Interface:
		return map[string]any{}
	}
	panic("config: no schema for the type " + t.String())
}

func structSchema(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for _, f := range fieldsOf(t) {
		p := schemaOf(f.reflectedType)
		p["description"] = f.doc
		if len(f.words) > 0 {
			p["enum"] = f.words
		}
		if f.fallback != "" {
			p["default"] = f.fallback
			switch f.reflectedType.Kind() {
			case reflect.Bool:
				p["default"] = f.fallback == "true"
			case reflect.Int:
				p["default"] = json.Number(f.fallback)
			}
		}
		if f.required {
			required = append(required, f.key)
			if f.reflectedType.Kind() == reflect.String {
				p["minLength"] = 1
			} else if f.reflectedType.Kind() == reflect.Struct {
				p["type"] = "object"
			}
		}
		properties[f.key] = p
	}
	s := map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
		s["type"] = "object"
	}
	return s
}
