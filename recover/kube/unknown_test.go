package kube

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func decodeYAML(t testing.TB, s string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte(s), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDropUnknown(t *testing.T) {
	const typed = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): "
	tests := map[string]struct {
		content, message, want string
		paths                  []string
	}{
		"one field": {`{spec: {replcas: 1, x: 2}}`, typed + ".spec.replcas: field not declared in schema", `{spec: {x: 2}}`, []string{".spec.replcas"}},
		"several": {`{spec: {a: 1, b: {c: 1}, x: 2}}`, typed + "errors:\n  .spec.a: field not declared in schema\n  .spec.b.c: field not declared in schema",
			`{spec: {b: {}, x: 2}}`, []string{".spec.a", ".spec.b.c"}},
		"in a keyed list": {`{spec: {containers: [{name: a, z: 1}, {name: b, z: 1}]}}`, typed + `.spec.containers[name="b"].z: field not declared in schema`,
			`{spec: {containers: [{name: a, z: 1}, {name: b}]}}`, []string{`.spec.containers[name="b"].z`}},
		"a key with a default": {`{ports: [{containerPort: 80, z: 1}]}`, typed + `.ports[containerPort=80,protocol="TCP"].z: field not declared in schema`,
			`{ports: [{containerPort: 80}]}`, []string{`.ports[containerPort=80,protocol="TCP"].z`}},
		"a quoted bracket": {`{l: [{name: "a]\"b", z: 1}]}`, typed + `.l[name="a]\"b"].z: field not declared in schema`, `{l: [{name: "a]\"b"}]}`, []string{`.l[name="a]\"b"].z`}},
		"by index":         {`{l: [{z: 1}, {z: 1}]}`, typed + `.l[1].z: field not declared in schema`, `{l: [{z: 1}, {}]}`, []string{`.l[1].z`}},
		"names with dots":  {`{m: {a.b: {c: 1}, a: {b: 2}}}`, typed + `.m.a.b.c: field not declared in schema`, `{m: {a.b: {}, a: {b: 2}}}`, []string{".m.a.b.c"}},
		"not there":        {`{spec: {}}`, typed + ".spec.replcas: field not declared in schema", `{spec: {}}`, nil},
		"something else":   {`{spec: {a: 1}}`, typed + ".spec.a: expected string, got &value.valueUnstructured{Value:1}", `{spec: {a: 1}}`, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			content := decodeYAML(t, test.content)
			got, paths := dropUnknown(content, test.message)
			if d := cmp.Diff(test.paths, paths); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(decodeYAML(t, test.want), got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(decodeYAML(t, test.content), content); d != "" {
				t.Error("the content given has changed", d)
			}
		})
	}
}

func FuzzDropUnknown(f *testing.F) {
	f.Add(`{"spec":{"a":1,"l":[{"name":"b","z":1}]}}`, `x (y): .spec.l[name="b"].z: field not declared in schema`)
	f.Add(`{"a":{"b.c":{"d":1}}}`, "errors:\n  .a.b.c.d: field not declared in schema\n  .a: field not declared in schema")
	f.Add(`{"l":[1,[{"x":1}]]}`, `.l[1][0].x: field not declared in schema`)
	f.Fuzz(func(t *testing.T, raw, message string) {
		var content map[string]any
		if json.Unmarshal([]byte(raw), &content) != nil || content == nil {
			t.Skip()
		}
		before, _ := json.Marshal(content)
		got, paths := dropUnknown(content, message)
		after, _ := json.Marshal(content)
		if string(before) != string(after) {
			t.Fatalf("the content given has changed: %s to %s", before, after)
		}
		pruned, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if (len(paths) > 0) != (len(pruned) < len(before)) {
			t.Fatalf("%d paths, %d bytes before and %d after", len(paths), len(before), len(pruned))
		}
	})
}
