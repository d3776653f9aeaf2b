package object_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
)

const document = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations:
    example.com/json: '{"a": "b\n"}'
    example.com/since: "2026-01-01"
  labels:
    app: web
    version: "1.10"
spec:
  empty: {}
  none: []
  ratio: 0.5
  replicas: 3
  selector: null
  template:
    spec:
      containers:
      - name: web
        args:
        - --listen=:8080
        - |
          set -e
            exec "$0"
        - "yes"
        - "- dash"
        command: []
        env:
        - name: EMPTY
          value: ""
        - name: KEY
          value: |-
            a
            b
        - name: LAST
          value: |+
            a

        - name: WIDE
          value: "a\r\nb"
        image: registry.example.com/web:1.2
        resources:
          limits:
            cpu: 500m
            memory: 64Mi
      ranges:
      - 10.0.0.0/8
      - - nested
        - "0x1f"
`

// The document above is what people and git see: it is read, and written again
// as it was.
func TestYAMLReadsWell(t *testing.T) {
	if diff := cmp.Diff(document, string(object.YAML(parse(t, document).Object))); diff != "" {
		t.Errorf("written (-want +have):\n%s", diff)
	}
}

func TestTextStaysText(t *testing.T) {
	for _, s := range []string{
		"", " ", "y", "N", "yes", "Off", "TRUE", "null", "Null", "~", "=", "<<", ".inf", "-.INF", ".NaN", "1", "-1", "+1", "0777", "0o17", "0b11", "0x1F",
		"1_000", "1.5", "1e3", "1E3", ".5", "12:30:45", "190:20:30.15", "2026-01-01", "2026-01-01T00:00:00Z", "100m", "1Ki", "1E", "10.0.0.1", "10.0.0.0/8",
		"a: b", "a:", "a #b", "a#b", "#a", "- a", "-", "-a", "--a", "--a=b", "-e5", "-_0", "_0", "_", "--_1", "-.inf", "-x: y", "---a", "--- a", "---", "...", "?", "? a", ": a", "*a", "&a", "!a", "!!int 3", "%a", "@a", "`a", "{a", "[a", "a]", "|", ">", "'", "''", `"`, `\`, `a"b`, `a'b`, `a"'b`,
		"a ", " a", "a\tb", "\ta", "a\n", "\na", "\n", "\n\n", " \n", "a\n ", "a\n \n", " a\nb", "\ta\nb", "a\n\tb", "a\nb ", "a \nb", "a\n\n\nb\n\n", "a\r\nb", "a\u0085b", "a\u2028b\n", "\ufeffa", "a\x00b", "a\x1b[31mb\n", "\x7f", "é", "日本語\nb", "\U0001f600", "\ufffe", "a\ufeff\nb",
		strings.Repeat("long ", 100), strings.Repeat("x", 2000), strings.Repeat("x", 2000) + "\n" + strings.Repeat("y z", 900),
		"# not a comment\nkey: value\n", "a\n---\nb\n", "a\n...\n", "key: [a\n", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
	} {
		content := map[string]any{
			"apiVersion": "v1", "value": s, "list": []any{s, []any{s}, map[string]any{"name": s, "b": map[string]any{"c": s}}},
			"map": map[string]any{s: s, "nested": map[string]any{s: map[string]any{s: []any{s}}}},
		}
		checkYAML(t, content)
	}
}

func TestNumbersStayNumbers(t *testing.T) {
	for _, v := range []any{int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), 0.1, -2.5e-300, 1e21, 1.5e300, true, false, nil} {
		checkYAML(t, map[string]any{"v": v, "l": []any{v}})
	}
}

// checkYAML writes content and reads it back in two ways.
func checkYAML(t interface {
	Helper()
	Fatalf(string, ...any)
}, content map[string]any) {
	t.Helper()
	raw := object.YAML(content)
	viaJSON, err := yaml.YAMLToJSON(raw)
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	var back map[string]any
	if err := utiljson.Unmarshal(viaJSON, &back); err != nil {
		t.Fatalf("%v", err)
	}
	if diff := cmp.Diff(content, back); diff != "" {
		t.Fatalf("read back (-want +have):\n%s\nin\n%s", diff, raw)
	}
	if again := object.YAML(back); string(again) != string(raw) {
		t.Fatalf("written again, it is\n%s\nand was\n%s", again, raw)
	}
	var other map[string]any
	if err := yaml3.Unmarshal(raw, &other); err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	want, have := normal(t, content), normal(t, other)
	if want != have {
		t.Fatalf("another reader reads\n%s\nnot\n%s\nin\n%s", have, want, raw)
	}
}

// normal is content as JSON.
func normal(t interface{ Fatalf(string, ...any) }, content any) string {
	raw, err := json.Marshal(content)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(raw)
}

func TestYAMLIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ \t\n\r#:"'a-]{0,12}`), rapid.StringMatching(`[0-9.eExXob_:+-]{1,8}`))
		var value func(depth int) *rapid.Generator[any]
		value = func(depth int) *rapid.Generator[any] {
			leaf := rapid.OneOf(rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.Int64(), func(i int64) any { return i }),
				rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Just[any](nil))
			if depth == 0 {
				return leaf
			}
			return rapid.OneOf(leaf,
				rapid.Map(rapid.SliceOfN(value(depth-1), 0, 3), func(l []any) any { return append([]any{}, l...) }),
				rapid.Map(rapid.MapOfN(text, value(depth-1), 0, 3), func(m map[string]any) any { return m }))
		}
		checkYAML(t, rapid.MapOfN(text, value(3), 0, 4).Draw(t, "content"))
	})
}

func FuzzYAML(f *testing.F) {
	f.Add(`{"a":"b\n c","d":[[],{},"\u0000"]}`)
	f.Add(`{"":" \n","name":{"metadata":"yes"},"x":[1e5,-0.5]}`)
	f.Fuzz(func(t *testing.T, text string) {
		u := &unstructured.Unstructured{}
		if utiljson.Unmarshal([]byte(text), &u.Object) != nil || u.Object == nil {
			t.Skip()
		}
		if wholeFloat(u.Object) {
			t.Skip() // read back as an integer
		}
		checkYAML(t, u.Object)
	})
}

// wholeFloat tells whether a number without a fraction is held as a float.
func wholeFloat(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, below := range v {
			if wholeFloat(below) {
				return true
			}
		}
	case []any:
		for _, below := range v {
			if wholeFloat(below) {
				return true
			}
		}
	case float64:
		return v == math.Trunc(v)
	}
	return false
}
