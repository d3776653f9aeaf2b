package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for text, want := range map[string]int{"": 0, "1": 1, "1000, 5000": 2, "x": -1, "0": -1, "1,,2": -1, ",": -1} {
		list, err := numbers("sizes", text)
		if (want < 0) != (err != nil) || err == nil && len(list) != want {
			t.Errorf("%q: have %v, %v", text, list, err)
		}
	}
}

func TestPageKeepsWhatWasNotMeasured(t *testing.T) {
	page := joined("# Old title\n\n## Apply\n\nfast\n\n## Drift\n\nold\n\n## By hand\n\nx\n", []section{{driftHeading, "new\n"}})
	if want := pageTitle + "\n## Apply\n\nfast\n\n## Drift\n\nnew\n"; page != want {
		t.Errorf("have\n%s\nwant\n%s", page, want)
	}
	if again := joined(page, nil); again != page {
		t.Errorf("not the same again:\n%s", again)
	}
	if page := joined("", []section{{applyHeading, "fast"}}); page != pageTitle+"\n## Apply\n\nfast\n" {
		t.Errorf("the first page:\n%s", page)
	}
}

func TestCleanReport(t *testing.T) {
	for raw, clean := range map[string]bool{
		`{"counts":{"compared":2,"equal":2}}`:                true,
		`{"counts":{"compared":2,"equal":1,"changed":1}}`:    false,
		`{"counts":{"compared":2,"equal":2,"unexpected":1}}`: false,
		`{"counts":{"compared":1,"equal":1}}`:                false,
		`{`:                                                  false,
	} {
		if _, err := cleanReport([]byte(raw), 2); (err == nil) != clean {
			t.Errorf("%s: %v", raw, err)
		}
	}
	made, err := cleanReport([]byte(`{"counts":{"compared":2,"equal":2},"export":{"files":4,"unchanged":true}}`), 2)
	if err != nil || made == nil || made.Files != 4 || !made.Unchanged {
		t.Errorf("have %+v, %v", made, err)
	}
}

// A list goes on until there are no more pages, and an answer that is no list
// fails it.
func TestReadListing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := map[string]string{"": "a+b", "a+b": "c", "c": ""}[r.URL.Query().Get("continue")]
		if r.URL.Path != "/pods" || r.URL.Query().Get("limit") != "500" || r.Header.Get("Accept") != "json" {
			http.Error(w, "no", http.StatusTeapot)
			return
		}
		_, _ = fmt.Fprintf(w, `{"kind":"PodList","metadata":{"continue":"%s"},"items":"%s"}`, next, strings.Repeat("x", 10000))
	}))
	defer server.Close()
	got, err := listing{Path: "/pods?limit=500", Accept: "json"}.read(ctx, server.Client(), server.URL)
	if err != nil || got.Requests != 3 || got.Bytes < 30000 {
		t.Errorf("have %+v, %v", got, err)
	}
	if _, err := (listing{Path: "/nodes?limit=500", Accept: "json"}).read(ctx, server.Client(), server.URL); err == nil || !strings.Contains(err.Error(), "418") {
		t.Errorf("a refused list: %v", err)
	}
}
