package server

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rekindle-io/rekindle/recover/api"
)

// requestSchema is what the API's description says of a request's body.
func requestSchema(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzRequest holds the decoder against the description: what is taken is as
// described, comes back as it went in, and what is refused is a problem for people.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"kind":"keep","until":"2026-11-22T23:00:00+01:00","why":"demo"}`, `{"kind":"keep","kind":"wake"}`,
		`{"recipe":"restore","cluster":"dev","revision":"HEAD~3","prune":true,"waitMs":60000}`,
		`{"recipe":"teardown","cluster":"dev","confirm":"dev","acceptLoss":["a/b","*/*"],"stuck":"proceed"}`,
		`{"recipe":"restore","cluster":"dev","prune":null}`, `{"KIND":"keep"}`, `{"kind":7}`, `{"recipe":"teardown","cluster":"dev","stuck":""}`, `{"waitMs":1e3}`, `[]`, `{"a":{"b":[`,
	} {
		f.Add([]byte(seed))
	}
	word, start := requestSchema(f, "WordRequest"), requestSchema(f, "StartRequest")
	f.Fuzz(func(t *testing.T, raw []byte) {
		check[api.WordRequest](t, raw, word)
		check[api.StartRequest](t, raw, start)
	})
}

func check[T any](t *testing.T, raw []byte, s *jsonschema.Schema) {
	var v T
	if err := decode(raw, &v); err != nil {
		var p *api.Problem
		if p, _ = err.(*api.Problem); p == nil || p.Detail == "" || p.Exit != 2 {
			t.Fatalf("%q: not a problem: %v", raw, err)
		}
		return
	}
	seen, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%q was taken: %v", raw, err)
	}
	if err := s.Validate(seen); err != nil && !outsideSchema(raw) {
		t.Fatalf("%q was taken: %v", raw, err)
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%q was taken and cannot be written: %v", raw, err)
	}
	var w T
	if err := decode(again, &w); err != nil {
		t.Fatalf("%q became %q, which is refused: %v", raw, again, err)
	}
}

// outsideSchema: package time takes some forms that the validator of RFC 3339
// does not, such as a comma before the fraction.
func outsideSchema(raw []byte) bool { return bytes.Contains(raw, []byte(`"until"`)) }

// FuzzQuery: no query makes the server fall over, and each parameter is as its rule.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "limit=5", "limit=5&limit=6", "since=18446744073709551616", "cluster=a%00b", "%zz", "a;b", "from=2026-01-01T00:00:00Z", "from=9999-12-31T23:59:59%2B14:00"} {
		f.Add(seed)
	}
	params := []param{
		textParam("cluster", "", namePattern), numberParam("limit", "", 1, api.MaxList), numberParam("since", "", 0, 0),
		flagParam("follow", ""), timeParam("from", ""),
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := readQuery(&url.URL{RawQuery: raw}, params)
		if err != nil {
			return
		}
		r := &asked{query: q}
		if n := r.number("limit", 100); n < 1 || n > api.MaxList {
			t.Errorf("%q: limit %d", raw, n)
		}
		if len(q["cluster"]) > 40 || strings.ContainsAny(q["cluster"], "/\x00\n") {
			t.Errorf("%q: cluster %q", raw, q["cluster"])
		}
		if at, err := parseTime(q["from"]); err == nil {
			if _, err := json.Marshal(at.AddDate(0, 0, 7)); err != nil {
				t.Errorf("%q: %v", raw, err)
			}
		}
	})
}
