package server_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

const committed = "../../../../docs/openapi.json"

func TestTheCommittedDescriptionIsTheServedOne(t *testing.T) {
	want := server.OpenAPI()
	if *update {
		if err := os.WriteFile(committed, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.json is old: go test ./cmd/internal/control/server -run Description -update")
	}
}

// TestEverythingIsDescribed finds fields, parameters and operations without a text.
func TestEverythingIsDescribed(t *testing.T) {
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Description string }
			}
		}
	}
	if err := json.Unmarshal(server.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	for name, s := range doc.Components.Schemas {
		for field, p := range s.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s has no description", name, field)
			}
		}
	}
	for path, methods := range doc.Paths {
		for method, raw := range methods {
			var op struct {
				OperationID, Summary string
				Parameters           []struct{ Name, Description string }
			}
			if method == "parameters" {
				if err := json.Unmarshal(raw, &op.Parameters); err != nil {
					t.Fatal(err)
				}
			} else if err := json.Unmarshal(raw, &op); err != nil || op.OperationID == "" || op.Summary == "" {
				t.Errorf("%s %s: no id or no summary (%v)", method, path, err)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s %s: parameter %s has no description", method, path, p.Name)
				}
			}
		}
	}
}
