package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
)

// Whatever is in the documents of a commit, planning them ends, and its order
// holds.
func FuzzMake(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no examples", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("apiVersion: v1\nkind: Pod\nmetadata: 1\nspec: {volumes: {}}")
	c := builtin(f)
	f.Fuzz(func(t *testing.T, text string) {
		set := object.NewSet()
		for doc := range strings.SplitSeq(text, "\n---\n") {
			data, err := yaml.YAMLToJSON([]byte(doc))
			content := map[string]any{}
			if err != nil || utiljson.Unmarshal(data, &content) != nil || content == nil {
				continue
			}
			_ = set.Add(object.New(content, object.Provenance{File: "fuzz.yaml", Line: set.Len() + 1}))
		}
		p, err := plan.Make(set, plan.Options{Catalogue: c, Convert: true})
		if err != nil {
			return
		}
		checkOrder(t, p)
		var b strings.Builder
		p.WriteTree(&b, plan.Shorten(3))
		plan.Diff(p, p).Write(&b)
		if strings.Contains(b.String(), "\x1b") {
			t.Error("an escape sequence reaches the terminal")
		}
	})
}
