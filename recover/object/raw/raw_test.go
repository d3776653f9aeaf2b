package raw

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
)

var configMap = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}

func glance(t testing.TB, d *Decoder, text string) *Object {
	t.Helper()
	o, err := d.Glance([]byte(text), configMap)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Metadata comes without what nobody needs of an object that is as it should be,
// wherever in the object it stands.
func TestMetadata(t *testing.T) {
	d := &Decoder{}
	for _, text := range []string{
		`{"metadata":{"name":"a","namespace":"b","uid":"c","resourceVersion":"7","generation":3,"labels":{"x":"y","fieldsV1":"z"},
		"managedFields":[{"manager":"m","operation":"Apply","apiVersion":"v1","time":"2026-11-22T10:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:data":{}}},{"manager":"n","subresource":"status"}]},"data":{"a":"b"}}`,
		`{"data":{"metadata":{"name":"wrong"}},"metadata":{"name":"a","namespace":"b","uid":"c","resourceVersion":"7","labels":{"x":"y","fieldsV1":"z"},
		"managedFields":[{"manager":"m","operation":"Apply","time":"2026-11-22T10:00:00Z","fieldsV1":{"f:data":{}}},{"manager":"n","subresource":"status"}]}}`,
	} {
		want := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{
			"name": "a", "namespace": "b", "uid": "c", "labels": map[string]any{"x": "y", "fieldsV1": "z"},
			"managedFields": []any{
				map[string]any{"manager": "m", "operation": "Apply", "time": "2026-11-22T10:00:00Z"},
				map[string]any{"manager": "n", "subresource": "status"},
			},
		}}
		o := glance(t, d, text)
		if diff := cmp.Diff(want, o.Metadata().Object); diff != "" {
			t.Errorf("%s (-want +have):\n%s", text, diff)
		}
		u, err := o.Whole()
		if err != nil || u.GetName() != "a" || u.GetKind() != "ConfigMap" || u.GetResourceVersion() != "7" || u.GetManagedFields()[0].FieldsV1 == nil {
			t.Errorf("whole: %v, %v", u, err)
		}
	}
	for _, text := range []string{`null`, `[]`, `"a"`, ``, `{"metadata"`, `{"metadata":{"name":`, `{"a":{},}`} {
		if o, err := d.Glance([]byte(text), configMap); err == nil {
			t.Errorf("%q: %v", text, o.Metadata())
		}
	}
	if o := glance(t, d, `{"data":{}}`); o.Metadata().GetName() != "" {
		t.Error("a name came from nowhere")
	}
}

func TestCovers(t *testing.T) {
	const live = `{"kind":"ConfigMap","metadata":{"name":"a"},"spec":{"n":1,"f":1.5,"t":"a\nb\"\\\u00e9\/\u003c","yes":true,"nil":null,
		"list":[{"name":"x","more":[1,2]},"s"],"empty":{},"none":[]},"other":{"a":{"b":["c"]}}}`
	for want, covered := range map[string]bool{
		`{}`: true,
		`{"apiVersion":"v9","metadata":{"name":"other"}}`: true, // not looked at
		`{"spec":{}}`: true, `{"spec":[]}`: false, `{"spec":null}`: false, `{"gone":{}}`: false,
		`{"spec":{"n":1,"f":1.5,"yes":true,"nil":null}}`: true,
		`{"spec":{"n":1.0}}`:                             true, `{"spec":{"n":2}}`: false, `{"spec":{"n":"1"}}`: false, `{"spec":{"n":true}}`: false,
		`{"spec":{"t":"a\nb\"\\é/<"}}`: true, `{"spec":{"t":"a\nb\"\\é/"}}`: false, `{"spec":{"t":"a\nb\"\\é/<>"}}`: false, `{"spec":{"t":"a\\nb"}}`: false,
		`{"spec":{"yes":false}}`: false, `{"spec":{"yes":"true"}}`: false, `{"spec":{"nil":0}}`: false,
		`{"spec":{"list":[{"name":"x"},"s"]}}`: true, `{"spec":{"list":[{"name":"x"}]}}`: false, `{"spec":{"list":["s",{"name":"x"}]}}`: false,
		`{"spec":{"list":[{"name":"x"},"s","t"]}}`: false, `{"spec":{"list":[{"name":"x","gone":1},"s"]}}`: false, `{"spec":{"list":{}}}`: false,
		`{"spec":{"empty":{},"none":[]}}`: true, `{"spec":{"empty":{"a":1}}}`: false, `{"spec":{"none":[1]}}`: false, `{"spec":{"none":{}}}`: false,
		`{"other":{"a":{"b":["c"]}}}`: true, `{"other":{"a":{"b":["d"]}}}`: false,
	} {
		var w map[string]any
		if err := json.Unmarshal([]byte(want), &w); err != nil {
			t.Fatal(err)
		}
		if have := glance(t, &Decoder{}, live).Covers(w); have != covered {
			t.Errorf("%s: %t", want, have)
		}
	}
}

// What is written in a way that no server writes is left to who decodes.
func TestCoversIsNotSure(t *testing.T) {
	many, fields := map[string]any{}, []string{}
	for i := range maxFields + 1 {
		many[strings.Repeat("a", i+1)] = "b"
		fields = append(fields, `"`+strings.Repeat("a", i+1)+`":"b"`)
	}
	for text, want := range map[string]map[string]any{
		`{"a":1,"a":1}`:                       {"a": int64(1)},
		`{"a":1,"a":2}`:                       {"a": int64(1)},
		`{"a":1,"a":1,"b":2}`:                 {"a": int64(1), "c": int64(2)},
		`{"\u0061":1}`:                        {"a": int64(1)},
		`{"a\u0062":1}`:                       {`a\u0062`: int64(1)},
		`{"a":"\ud83d\ude00"}`:                {"a": "😀"},
		`{"a":"\ud800"}`:                      {"a": "\uFFFD"},
		"{\"a\":\"\x01\"}":                    {"a": "\x01"},
		`{"a":"b}`:                            {"a": "b"},
		`{"a":1`:                              {"a": int64(1)},
		`{"a":1,}`:                            {"a": int64(1)},
		`{"a" 1}`:                             {"a": int64(1)},
		`{"a":"\u00g1"}`:                      {"a": "\u0001"},
		"{" + strings.Join(fields, ",") + "}": many,
	} {
		d := &Decoder{}
		d.b = []byte(text)
		if d.coversObject(want) {
			t.Errorf("%s covers %v", text, want)
		}
	}
}

// FuzzCovers holds it to what decoding shows: what is called covered is.
func FuzzCovers(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"spec":{"a":1,"b":["x",{"c":null}]},"data":{"k":"a\nb"}}`, `{"spec":{"b":["x",{"c":null}]},"data":{"k":"a\nb"}}`},
		{`{"a":"\u0041"}`, `{"a":"A"}`}, {`{"a":1e3}`, `{"a":1000}`}, {`{"a":-0}`, `{"a":0}`}, {`{"a":{},"a":1}`, `{"a":{}}`}, {`{"a":"\\u0041"}`, `{"a":"\\u0041"}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, live, wanted []byte) {
		want, err := new(Decoder).Object(wanted)
		if err != nil {
			return
		}
		o, err := new(Decoder).Glance(live, configMap)
		if err != nil || !o.Covers(want) {
			return
		}
		have, err := new(Decoder).Object(live)
		if err != nil {
			return // in a part that nobody looked at
		}
		for _, known := range []string{"apiVersion", "kind", "metadata"} {
			delete(want, known)
		}
		if !covers(want, have) {
			t.Fatalf("%s does not cover %s", live, wanted)
		}
	})
}

// covers is what Covers means.
func covers(want, have any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		for key, below := range w {
			value, has := h[key]
			ok = ok && has && covers(below, value)
		}
		return ok
	case []any:
		h, ok := have.([]any)
		return ok && slices.EqualFunc(w, h, covers)
	}
	return Equal(want, have)
}

// Whatever an object is, written as servers write it, it covers itself, and it
// covers no object of which one value differs.
func TestAnObjectCoversItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := map[string]any{"data": anyValue(4).Draw(t, "data"), "spec": anyValue(4).Draw(t, "spec")}
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		want, err := new(Decoder).Object(text)
		if err != nil {
			t.Fatal(err)
		}
		o, err := new(Decoder).Glance(text, configMap)
		if err != nil {
			t.Fatal(err)
		}
		if !o.Covers(want) && !strings.Contains(string(text), `\`) { // keys with escapes are left to who decodes
			t.Fatalf("%s does not cover itself", text)
		}
		want["more"] = "x"
		if o.Covers(want) {
			t.Fatalf("%s has more", text)
		}
		delete(want, "more")
		want["data"] = []any{want["data"]}
		if o.Covers(want) && !reflect.DeepEqual(content["data"], want["data"]) {
			t.Fatalf("%s covers %v", text, want)
		}
	})
}

func anyValue(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Just[any](nil),
	)
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(anyValue(depth-1), 0, 4), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.String(), anyValue(depth-1), 0, 4), func(m map[string]any) any { return m }),
	)
}
