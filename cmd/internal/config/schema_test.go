package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rekindle.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rekindle.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate returns what the schema says of a YAML text.
func validate(t testing.TB, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	inst, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(inst)
}

func TestEveryFieldIsDescribed(t *testing.T) {
	seen := 0
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Map || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if _, ok := scalarOf(reflect.New(typ).Elem()); ok || typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() && f.Tag.Get("yaml") == "" {
				t.Errorf("%s.%s has no yaml tag", typ, f.Name)
			}
		}
		for _, f := range fieldsOf(typ) {
			seen++
			if f.doc == "" {
				t.Errorf("%s: %s has no description", typ, f.key)
			}
			walk(f.reflectedType)
		}
	}
	walk(reflect.TypeFor[Config]())
	if seen < 20 {
		t.Errorf("only %d fields were looked at", seen)
	}
}

// TestSchemaAgreesWithLoad: what concerns one field alone is judged alike by
// the schema and by Load.
func TestSchemaAgreesWithLoad(t *testing.T) {
	s := compiled(t)
	full, err := os.ReadFile(filepath.Join("testdata", "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const source = "source: {repo: https://example.com/r}"
	for _, tc := range []struct {
		name, text string
		ok         bool
	}{
		{"full", string(full), true},
		{"minimal", cluster(source, "provider: local"), true},
		{"anchors", "x-any: [1]\nclusters:\n", true},
		{"unknown field", cluster(source, "provider: local", "zzz: 1"), false},
		{"unknown at the top", "cluster: {}", false},
		{"missing provider", cluster(source), false},
		{"empty provider", cluster(source, "provider: ''"), false},
		{"empty source", cluster("source:", "provider: local"), false},
		{"empty cluster", "clusters: {dev: }", false},
		{"number for text", cluster("source: {repo: https://example.com/r, revision: 1.10}", "provider: local"), false},
		{"null for text", cluster("source: {repo: https://example.com/r, revision: }", "provider: local"), false},
		{"word", cluster("source: {repo: https://example.com/r, kind: kustom}", "provider: local"), false},
		{"duration", cluster(source, "provider: local", "restore: {wait: 1h30m}"), true},
		{"no duration", cluster(source, "provider: local", "restore: {wait: soon}"), false},
		{"number for duration", cluster(source, "provider: local", "restore: {wait: 10}"), false},
		{"day", cluster(source, "provider: local", "drift: {ignore: [{kind: Pod, reason: x, until: 2026-12-31}]}"), true},
		{"quoted day", cluster(source, "provider: local", "drift: {ignore: [{kind: Pod, reason: x, until: '2026-12-31'}]}"), true},
		{"no day", cluster(source, "provider: local", "drift: {ignore: [{kind: Pod, reason: x, until: tomorrow}]}"), false},
		{"rule without a reason", cluster(source, "provider: local", "drift: {ignore: [{kind: Pod}]}"), false},
		{"text for truth", cluster(source, "provider: local", "restore: {prune: 'yes'}"), false},
		{"list of numbers", cluster("source: {repo: https://example.com/r, exclude: [1]}", "provider: local"), false},
		{"bad name", "clusters: {Dev_1: {source: {repo: https://e.com/r}, provider: local}}", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, loadErr := Load("f.yaml", []byte(tc.text))
			schemaErr := validate(t, s, []byte(tc.text))
			if (loadErr == nil) != tc.ok || (schemaErr == nil) != tc.ok {
				t.Errorf("want ok=%v\nLoad:   %v\nschema: %v", tc.ok, loadErr, schemaErr)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	full, err := os.ReadFile(filepath.Join("testdata", "full.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	for _, seed := range []string{
		"", "clusters: {a: {source: {repo: r}, provider: p}}", "clusters: &a {b: *a}", "<<: [*a]", "? [a]\n: b",
		"clusters: {a: {source: {repo: r}, provider: p, settings: {a: !!binary aGk=, b: !!float 1, c: 0x1F}}}",
		"clusters: {a: !x {source: !!str r}}", "clusters:\n  a:\n    <<: {provider: p}\n    source: {repo: r}\n",
	} {
		f.Add([]byte(seed))
	}
	s := compiled(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Load("f.yaml", data)
		if err != nil {
			var inv *InvalidError
			if !errors.As(err, &inv) || len(inv.Problems) == 0 || c != nil {
				t.Fatalf("have %v, %v; want nil and an InvalidError with problems", c, err)
			}
			return
		}
		for name, cl := range c.Clusters {
			if CheckName(name) != nil || cl.Name != name || cl.Source.Repo == "" || cl.Provider == "" ||
				cl.Source.Kind == "" || cl.Restore.Wait.Duration <= 0 {
				t.Errorf("accepted an incomplete cluster: %+v", cl)
			}
			if _, err := json.Marshal(cl.Settings); err != nil {
				t.Errorf("accepted settings that are not JSON: %v", err)
			}
		}
		// Text without tags, merge keys and what is not read (x-…), which YAML
		// libraries see in their own ways: what
		// Load accepts, the schema accepts too.
		if bytes.ContainsAny(data, "!<") || bytes.Contains(data, []byte("x-")) {
			return
		}
		if err := validate(t, s, data); err != nil {
			t.Errorf("Load accepts what the schema refuses: %v", err)
		}
	})
}
