package kube

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rekindle-io/rekindle/recover/object/raw"
)

// FuzzValues holds what cuts a stream to whole values.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,false,null,"x\ny",-1.5e3],"":{}}`, `null`, ` {} `, `[1]`, `{"a":"\ud800"}`, `{"a" : [ ] , "b":"\\"}`, `{"a":"` + strings.Repeat("é", 50) + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		if _, err := new(raw.Decoder).Object(object); err != nil {
			return
		}
		stream := append(append([]byte("["), object...), []byte(",7 ]")...)
		for _, r := range []io.Reader{bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream))} {
			v := newValues(r)
			if err := v.take('['); err != nil {
				t.Fatal(err)
			}
			cut, err := v.value()
			if err != nil || !bytes.Equal(bytes.TrimSpace(cut), bytes.TrimSpace(object)) {
				t.Fatalf("cut %q out of %q: %v", cut, stream, err)
			}
		}
	})
}

func TestAStreamThatEndsEarlyIsNoValue(t *testing.T) {
	whole := `{"a":["b\"",{"c":1}],"d":"e"}`
	for n := range len(whole) {
		if _, err := newValues(strings.NewReader(whole[:n])).value(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", whole[:n], err)
		}
	}
}
