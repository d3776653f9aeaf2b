package raw

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// FuzzDecoder holds the decoder to what Kubernetes' own says.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,false,null,"x\ny",-1.5e3,9223372036854775807,9223372036854775808],"":{}}`, `{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{}}},{"fieldsV1":{"f:a":{}}},{"fieldsV1":{"f:a":{}x}}]}}`, `null`, ` {} `, `{"a":}`, `{"a":1,}`, `[1]`, `{"a":01}`, `{"a":-0}`,
		"{\"a\":\"\x00\"}", `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":1}x`, `{"a":1e999}`, `{"a" : [ ] , "b":"\\"}`, `{"a":1,"a":2}`, `{"a":"` + strings.Repeat("é", 50) + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var want map[string]any
		wantErr := utiljson.Unmarshal(b, &want)
		have, err := new(Decoder).Object(b)
		if (wantErr == nil) != (err == nil) {
			t.Fatalf("%q: %v, Kubernetes says %v", b, err, wantErr)
		}
		if wantErr != nil {
			return
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatalf("%q (-want +have):\n%s", b, diff)
		}
	})
}

func TestManagedFieldsAreShared(t *testing.T) {
	d, b := &Decoder{}, []byte(`{"metadata":{"managedFields":[{"manager":"a","fieldsV1":{"f:data":{"f:a":{}}}}, {"fieldsV1": {"f:data":{"f:a":{}}} }]}}`)
	for range 2 {
		var want map[string]any
		if err := utiljson.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		have, err := d.Object(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("-want +have:\n%s", diff)
		}
	}
	if len(d.trees) != 1 {
		t.Errorf("%d trees are kept, of which all are the same", len(d.trees))
	}
}

func TestWhatEndsEarlyIsNoObject(t *testing.T) {
	whole := `{"a":["b\"",{"c":1}],"d":"e"}`
	for n := range len(whole) {
		if _, err := new(Decoder).Object([]byte(whole[:n])); err == nil {
			t.Errorf("%q was read", whole[:n])
		}
	}
}
