package server_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
)

// describe is the description, read.
type describe struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

// strictly reads the description with every object closed, so that a field which
// it does not name is found.
func strictly(t testing.TB) *describe {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(server.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	d := &describe{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler()}
	for _, s := range d.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		s.(map[string]any)["additionalProperties"] = false
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", d.doc); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *describe) schema(t testing.TB, pointer string) *jsonschema.Schema {
	t.Helper()
	s, err := d.compiler.Compile("openapi.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fits(t testing.TB, s *jsonschema.Schema, raw []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("no JSON: %v: %s", err, raw)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v\nin %s", err, raw)
	}
}

// answerOf is where the description has the answer of a status.
func answerOf(path, method string, status int, media string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	return fmt.Sprintf("/paths/%s/%s/responses/%d/content/%s/schema", escape(path), strings.ToLower(method), status, escape(media))
}
