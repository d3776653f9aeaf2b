package objects

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestGenerate(t *testing.T) {
	for _, n := range []int{0, 1, 24, 25, 1000, 1013} {
		list := Generate(n)
		if len(list) != n {
			t.Fatalf("have %d objects, want %d", len(list), n)
		}
		seen := map[string]bool{}
		namespaces := map[string]bool{}
		for _, o := range list {
			key := o.Resource.String() + o.Namespace + "/" + o.Name
			if seen[key] {
				t.Fatalf("%s twice", key)
			}
			seen[key] = true
			if o.Namespace == "" {
				namespaces[o.Name] = true
			} else if !namespaces[o.Namespace] {
				t.Fatalf("%s comes before its namespace", key)
			}
		}
		if !reflect.DeepEqual(list, Generate(n)) {
			t.Error("not the same twice")
		}
	}
}

func TestWriteTreeHoldsEveryObject(t *testing.T) {
	dir := t.TempDir()
	const n = 60
	if err := WriteTree(dir, Generate(n)); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(raw))
		for {
			var doc struct{ Kind string }
			if dec.Decode(&doc) != nil {
				break
			}
			kinds[doc.Kind]++
		}
	}
	total := 0
	for _, count := range kinds {
		total += count
	}
	if total != n || len(kinds) != 12 || kinds["Namespace"] != 3 {
		t.Errorf("have %d objects of %d kinds: %v", total, len(kinds), kinds)
	}
}
