package convert_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/convert"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
)

var update = flag.Bool("update", false, "write golden files anew")

func builtin(t testing.TB) *object.Catalogue {
	t.Helper()
	c, ok := plan.Builtin("")
	if !ok {
		t.Fatal("no catalogue is built in")
	}
	return c
}

// read returns the documents of a file.
func read(t testing.TB, file string) []*object.Object {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []*object.Object
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		content := map[string]any{}
		if err := yaml.Unmarshal([]byte(doc), &content); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		list = append(list, object.New(content, object.Provenance{File: filepath.Base(file), Line: 1}))
	}
	return list
}

// examples are all documents in testdata, by file.
func examples(t testing.TB) map[string][]*object.Object {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	byFile := map[string][]*object.Object{}
	for _, f := range files {
		byFile[f] = read(t, f)
	}
	return byFile
}

// The golden files are the conversions as people read them: what changed as
// comments, then the object; or why a person has to look.
func TestConversionsAreAsWritten(t *testing.T) {
	c := builtin(t)
	for file, list := range examples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var b strings.Builder
			for i, o := range list {
				if i > 0 {
					b.WriteString("---\n")
				}
				before := o.Copy()
				b.WriteString(describe(t, o, c))
				if diff := cmp.Diff(before.Object, o.Object); diff != "" {
					t.Errorf("%s was changed in place: %s", o.ID(), diff)
				}
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("-want +have:\n%s", diff)
			}
		})
	}
}

func describe(t *testing.T, o *object.Object, c *object.Catalogue) string {
	t.Helper()
	converted, changes, err := convert.To(o, c)
	var not *convert.NotMechanicalError
	if errors.As(err, &not) {
		return fmt.Sprintf("# %s\n# not mechanical: %s\n", o.ID(), not.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, line := range changes {
		fmt.Fprintf(&b, "# %s\n", line)
	}
	text, err := yaml.Marshal(converted.Object)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(text)
	return b.String()
}

func TestConvertedIsServedAndKeepsItsName(t *testing.T) {
	c := builtin(t)
	for _, list := range examples(t) {
		for _, o := range list {
			converted, changes, err := convert.To(o, c)
			if err != nil {
				continue
			}
			if _, ok := c.Lookup(converted.GroupVersionKind()); !ok {
				t.Errorf("%s became %s, which is not served", o.ID(), converted.GetAPIVersion())
			}
			if converted.GetName() != o.GetName() || converted.GetNamespace() != o.GetNamespace() || converted.From != o.From {
				t.Errorf("%s became %s", o.ID(), converted.ID())
			}
			if len(changes) == 0 {
				t.Errorf("%s: nothing said about what was changed", o.ID())
			}
			again, changes, err := convert.To(converted, c)
			if err != nil || len(changes) > 0 || again != converted {
				t.Errorf("%s: converting twice changed it again: %v %v", o.ID(), changes, err)
			}
		}
	}
}
