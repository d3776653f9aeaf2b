package kube

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// FuzzParser holds the parser to what Kubernetes' own decoder says, and the
// cutter to whole values.
func FuzzParser(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,false,null,"x\ny",-1.5e3,9223372036854775807,9223372036854775808],"":{}}`, `{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{}}},{"fieldsV1":{"f:a":{}}},{"fieldsV1":{"f:a":{}x}}]}}`, `null`, ` {} `, `{"a":}`, `{"a":1,}`, `[1]`, `{"a":01}`, `{"a":-0}`,
		"{\"a\":\"\x00\"}", `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":1}x`, `{"a":1e999}`, `{"a" : [ ] , "b":"\\"}`, `{"a":1,"a":2}`, `{"a":"` + strings.Repeat("é", 50) + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want map[string]any
		wantErr := utiljson.Unmarshal(raw, &want)
		have, err := new(parser).object(raw)
		if (wantErr == nil) != (err == nil) {
			t.Fatalf("%q: %v, Kubernetes says %v", raw, err, wantErr)
		}
		if wantErr != nil {
			return
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatalf("%q (-want +have):\n%s", raw, diff)
		}
		stream := append(append([]byte("["), raw...), []byte(",7 ]")...)
		for _, r := range []io.Reader{bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream))} {
			v := newValues(r)
			if err := v.take('['); err != nil {
				t.Fatal(err)
			}
			cut, err := v.value()
			if err != nil || !bytes.Equal(bytes.TrimSpace(cut), bytes.TrimSpace(raw)) {
				t.Fatalf("cut %q out of %q: %v", cut, stream, err)
			}
		}
	})
}

func TestManagedFieldsAreShared(t *testing.T) {
	p, raw := &parser{}, []byte(`{"metadata":{"managedFields":[{"manager":"a","fieldsV1":{"f:data":{"f:a":{}}}}, {"fieldsV1": {"f:data":{"f:a":{}}} }]}}`)
	for range 2 {
		var want map[string]any
		if err := utiljson.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		have, err := p.object(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("-want +have:\n%s", diff)
		}
	}
	if len(p.trees) != 1 {
		t.Errorf("%d trees are kept, of which all are the same", len(p.trees))
	}
}

func TestAStreamThatEndsEarlyIsNoValue(t *testing.T) {
	whole := `{"a":["b\"",{"c":1}],"d":"e"}`
	for n := range len(whole) {
		if _, err := newValues(strings.NewReader(whole[:n])).value(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", whole[:n], err)
		}
		if _, err := new(parser).object([]byte(whole[:n])); err == nil {
			t.Errorf("%q was read", whole[:n])
		}
	}
}
