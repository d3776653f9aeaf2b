package convert_test

import (
	"errors"
	"testing"

	"sigs.k8s.io/yaml"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/rekindle-io/rekindle/recover/convert"
	"github.com/rekindle-io/rekindle/recover/object"
)

// Whatever is in a document: converted or refused with a reason, never a panic,
// and the document itself is left alone.
func FuzzTo(f *testing.F) {
	for _, list := range examples(f) {
		for _, o := range list {
			text, err := yaml.Marshal(o.Object)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	f.Add("apiVersion: apps/v1beta1\nkind: Deployment\nspec: []")
	f.Add("apiVersion: apiextensions.k8s.io/v1beta1\nkind: CustomResourceDefinition\nspec: {version: v1, validation: {openAPIV3Schema: {properties: {a: 1}}}}")
	c := builtin(f)
	f.Fuzz(func(t *testing.T, text string) {
		data, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			return
		}
		content := map[string]any{}
		if utiljson.Unmarshal(data, &content) != nil || content == nil {
			return
		}
		o := object.New(content, object.Provenance{File: "fuzz.yaml", Line: 1})
		before := string(object.CanonicalJSON(o.Unstructured))
		converted, _, err := convert.To(o, c)
		var not *convert.NotMechanicalError
		if (err == nil) == (converted == nil) || err != nil && (!errors.As(err, &not) || not.Reason == "") {
			t.Fatalf("converted %v, error %v", converted, err)
		}
		if after := string(object.CanonicalJSON(o.Unstructured)); before != after {
			t.Fatalf("%s was changed in place to %s", before, after)
		}
	})
}
