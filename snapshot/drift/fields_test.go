package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

func content(t interface{ Fatal(...any) }, text string) map[string]any {
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSetNamesTheFieldsThatDiffer(t *testing.T) {
	for _, c := range []struct {
		name, want, have string
		fields           []Field
	}{{
		name: "what only the server has is not looked at",
		want: `{spec: {a: 1}}`, have: `{spec: {a: 1, b: 2}, status: {x: 1}}`,
	}, {
		name:   "another value",
		want:   `{spec: {template: {spec: {containers: [{name: web, image: "a:1"}]}}}}`,
		have:   `{spec: {template: {spec: {containers: [{name: web, image: "a:2", terminationMessagePath: x}]}}}}`,
		fields: []Field{{"spec.template.spec.containers[web].image", "a:1", "a:2", nil}},
	}, {
		name: "a container that somebody added",
		want: `{containers: [{name: web}]}`, have: `{containers: [{name: web}, {name: sidecar}]}`,
		fields: []Field{{"containers[sidecar]", nil, map[string]any{"name": "sidecar"}, nil}},
	}, {
		name: "a container that is gone",
		want: `{containers: [{name: web}, {name: log}]}`, have: `{containers: [{name: web}]}`,
		fields: []Field{{"containers[log]", map[string]any{"name": "log"}, nil, nil}},
	}, {
		name: "a field that is gone",
		want: `{data: {a.b/c: "1"}}`, have: `{data: {}}`,
		fields: []Field{{`data["a.b/c"]`, "1", nil, nil}},
	}, {
		name: "whether empty says as much as absent is for the server to judge",
		want: `{peer: {namespaceSelector: {}}, volume: {emptyDir: {}}}`, have: `{peer: {}, volume: {hostPath: {path: /}}}`,
		fields: []Field{{"peer.namespaceSelector", map[string]any{}, nil, nil}, {"volume.emptyDir", map[string]any{}, nil, nil}},
	}, {
		name: "lists of values are compared whole in length and item by item",
		want: `{args: [a, b], ports: [80]}`, have: `{args: [a], ports: [81]}`,
		fields: []Field{{"args", []any{"a", "b"}, []any{"a"}, nil}, {"ports[0]", 80.0, 81.0, nil}},
	}, {
		name: "the order of named items is a difference for the server to judge",
		want: `{l: [{name: a}, {name: b}]}`, have: `{l: [{name: b}, {name: a}]}`,
		fields: []Field{{"l", "the order [a b]", "another order", nil}},
	}, {
		name: "another type",
		want: `{a: "1", b: {c: 1}}`, have: `{a: 1, b: [1]}`,
		fields: []Field{{"a", "1", 1.0, nil}, {"b", map[string]any{"c": 1.0}, []any{1.0}, nil}},
	}} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.fields, Set(content(t, c.want), content(t, c.have))); diff != "" {
				t.Errorf("fields (-want +have):\n%s", diff)
			}
		})
	}
}

func TestLargeIntegersAreComparedExactly(t *testing.T) {
	want, have := map[string]any{"n": int64(9007199254740993)}, map[string]any{"n": int64(9007199254740992)}
	if len(Set(want, have)) != 1 {
		t.Error("two integers that differ by one are called equal")
	}
}

func TestBothLooksInBothDirections(t *testing.T) {
	fields := Both(content(t, `{a: 1, c: {d: 1}}`), content(t, `{b: 2, c: {d: 1, e: 2}}`))
	want := []Field{{"a", 1.0, nil, nil}, {"c.e", nil, 2.0, nil}, {"b", nil, 2.0, nil}}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +have):\n%s", diff)
	}
}

// tree draws JSON objects.
func tree() *rapid.Generator[map[string]any] {
	var value func(depth int) *rapid.Generator[any]
	object := func(depth int) *rapid.Generator[map[string]any] {
		return rapid.MapOfN(rapid.SampledFrom([]string{"name", "a", "b", "c", "d.e"}), value(depth-1), 0, 4)
	}
	value = func(depth int) *rapid.Generator[any] {
		leaf := rapid.OneOf(
			rapid.Map(rapid.SampledFrom([]string{"x", "y", "z"}), func(s string) any { return s }),
			rapid.Map(rapid.Int64Range(0, 3), func(i int64) any { return i }),
		)
		if depth <= 0 {
			return leaf
		}
		return rapid.OneOf(leaf,
			rapid.Map(object(depth), func(m map[string]any) any { return m }),
			rapid.Map(rapid.SliceOfN(value(depth-1), 0, 3), func(l []any) any { return l }),
		)
	}
	return object(3)
}

// grown returns have with fields added in its objects, never in its lists.
func grown(t *rapid.T, v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, below := range v {
			m[k] = grown(t, below)
		}
		if rapid.Bool().Draw(t, "grow") {
			m["added"] = "by the server"
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = grown(t, v[i])
		}
		return l
	}
	return v
}

func TestServerDefaultsAreNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := tree().Draw(t, "want")
		have, _ := grown(t, want).(map[string]any)
		if fields := Set(want, have); len(fields) > 0 {
			t.Fatalf("defaults look like differences: %v", fields)
		}
		projected := project(have, want)
		if diff := cmp.Diff(any(want), projected); diff != "" {
			t.Fatalf("projection is not what was set:\n%s", diff)
		}
	})
}

func TestNoDifferenceIsMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, have := tree().Draw(t, "want"), tree().Draw(t, "have")
		projected, _ := project(have, want).(map[string]any)
		same := cmp.Equal(want, projected)
		if missed := len(Set(want, have)) == 0 && !same; missed {
			t.Fatalf("a difference is missed:\n%s", cmp.Diff(want, projected))
		}
		if len(Both(want, have)) == 0 && !cmp.Equal(want, have) {
			t.Fatalf("a difference is missed in both directions:\n%s", cmp.Diff(want, have))
		}
	})
}
