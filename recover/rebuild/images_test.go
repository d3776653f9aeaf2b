package rebuild

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/rekindle-io/rekindle/recover/object"
)

func objects(t *testing.T, documents string) *object.Set {
	t.Helper()
	set := object.NewSet()
	for _, doc := range strings.Split(documents, "---\n") {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(doc), &content); err != nil {
			t.Fatal(err)
		}
		if err := set.Add(object.New(content, object.Provenance{})); err != nil {
			t.Fatal(err)
		}
	}
	return set
}

const withImages = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      initContainers: [{name: wait, image: wait:1}]
      containers: [{name: web, image: web:1}, {name: side, image: "registry.example.com:5000/side@sha256:00"}]
      volumes: [{name: model, image: {reference: model:7}}, {name: cache, emptyDir: {}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: job:2}, {name: again, image: web:1}]}}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec:
  containers: [{name: bare, image: bare}, {name: none}, {name: odd, image: 7}]
  ephemeralContainers: [{name: debug, image: debug:3}]
---
apiVersion: example.com/v1
kind: Shop
metadata: {name: custom}
spec: {stages: [{podTemplate: {spec: {containers: [{name: stage, image: stage:4}]}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: hostile}
spec: {containers: [{image: "--output=/etc/passwd"}, {image: "a b"}, {image: ""}, {image: "x\ny"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: quoted}
data: {pod.yaml: "containers: [{image: inside-a-text}]"}
`

func TestImagesOf(t *testing.T) {
	want := []string{"bare", "debug:3", "job:2", "model:7", "registry.example.com:5000/side@sha256:00", "stage:4", "wait:1", "web:1"}
	if have := imagesOf(objects(t, withImages)); !slices.Equal(have, want) {
		t.Errorf("have %q\nwant %q", have, want)
	}
}

func FuzzImagesOf(f *testing.F) {
	for doc := range strings.SplitSeq(withImages, "---\n") {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		var content map[string]any
		if yaml.Unmarshal([]byte(doc), &content) != nil {
			return
		}
		found := map[string]bool{}
		gatherImages(content, found)
		for ref := range found {
			if ref == "" || ref[0] == '-' || strings.ContainsAny(ref, " \n\x00") {
				t.Fatalf("%q would be an argument of a command", ref)
			}
		}
	})
}
