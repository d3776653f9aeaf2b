package adopt_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const cm = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: a}\n"

// hardCases are files as people and tools really write them, and what is wanted.
var hardCases = []struct {
	name, source, head string
}{
	{"directive", "%YAML 1.2\n---\n" + cm + "data: {k: v} # x\n...\n---\n# nothing\n---\n", "change: ConfigMap a/c data.k = \"w\""},
	{"separator in a block", cm + "data:\n  x: |\n    ---\n    a: b\n    --- # c\n  k: v\n", "change: ConfigMap a/c data.x = \"---\\na: c\\n--- # c\\n\"\nchange: ConfigMap a/c data.k = \"---\""},
	{"tabs", cm + "data:\t# tab\there\n  k:\tv\t# y\t\n  # \ttab\n  l: w\t\n", "change: ConfigMap a/c data.k = \"x\"\nchange: ConfigMap a/c data.l = \"a\\tb\"\nchange: ConfigMap a/c data.m = \"n\""},
	{"crlf", "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: c\r\n  namespace: a\r\ndata:\r\n  # c\r\n  k: v\r\n  b: |\r\n    one\r\n    two\r\n", "change: ConfigMap a/c data.k = \"1\"\nchange: ConfigMap a/c data.b = \"one\\n2\\n\"\nchange: ConfigMap a/c data.n = \"x\\ny\\n\""},
	{"bom", "\xef\xbb\xbf# c\n" + cm + "data: {k: v}\n", "change: ConfigMap a/c data.k = \"w\""},
	{"bom and separator", "\xef\xbb\xbf---\n" + cm + "data: {k: v}\n", "change: ConfigMap a/c data.k = \"w\""},
	{"yaml 1.1 keys", cm + "data:\n  on: \"1\" # on\n  n: \"2\"\n  1: \"3\"\n", "change: ConfigMap a/c data.true = \"w\"\nremove: ConfigMap a/c data.false\nchange: ConfigMap a/c data.n = \"x\"\nchange: ConfigMap a/c data[\"1\"] = \"4\""},
	{"quoted odd keys", cm + "data:\n  \"on\": \"1\"\n  'true': '2'\n  \"a.b/c\": x\n", "change: ConfigMap a/c data.on = \"w\"\nchange: ConfigMap a/c data.true = \"x\"\nchange: ConfigMap a/c data[\"a.b/c\"] = \"y\""},
	{"octal", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a}\nspec:\n  volumes:\n  - name: v\n    configMap: {defaultMode: 0644, name: x}\n  - name: w\n    configMap: {defaultMode: 0o600, name: x}\n", "change: Pod a/p spec.volumes[v].configMap.defaultMode = 384\nchange: Pod a/p spec.volumes[w].configMap.name = \"z\""},
	{"merge keys", cm + "data:\n  a: \"1\"\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a}\nspec:\n  containers:\n  - &base\n    name: one\n    image: x:1\n    tty: true\n  - <<: *base\n    name: two\n", "change: Pod a/p spec.containers[two].image = \"x:2\"\nchange: Pod a/p spec.containers[one].tty = false"},
	{"anchored scalar", "apiVersion: v1\nkind: Pod\nmetadata: {name: &n p, namespace: a, labels: {app: *n}}\nspec: {nodeName: &x b}\n", "change: Pod a/p metadata.labels.app = \"q\"\nchange: Pod a/p spec.nodeName = \"c\""},
	{"root on the separator's line", "--- {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: a}, data: {k: v}} # x\n---\n" + cm[:0] + "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d, namespace: a}\n", "change: ConfigMap a/c data.k = \"w\"\nchange: ConfigMap a/c data.l = \"m\""},
	{"json", "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"c\", \"namespace\": \"a\"},\n\t\"data\": {\n\t\t\"k\": \"v\"\n\t}\n}\n", "change: ConfigMap a/c data.k = \"w\\n\"\nchange: ConfigMap a/c data.l = \"\\u0007\"\nchange: ConfigMap a/c metadata.labels = {\"a\": \"b\"}"},
	{"json on one line", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"a"},"data":{"k":"v"}},{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","namespace":"a"}}]}`, "change: ConfigMap a/c data.k = \"w\"\ndelete: ConfigMap a/d"},
	{"nulls", cm + "data:\nimmutable:\n", "change: ConfigMap a/c data = {\"k\": \"v\"}"},
	{"null labels", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: a\n  labels:\n  annotations: {}\n", "change: ConfigMap a/c metadata.labels = {\"k\": \"v\"}\nchange: ConfigMap a/c metadata.annotations = {\"k\": \"v\"}"},
	{"folded", cm + "data:\n  k: >-\n    one\n    two\n\n    three\n  l: \"a\n    b\\\n    c\"\n  m: plain\n    text\n  q: 'q'\n", "change: ConfigMap a/c data.k = \"one two\\nfour\"\nchange: ConfigMap a/c data.l = \"a bd\"\nchange: ConfigMap a/c data.m = \"plain\"\nchange: ConfigMap a/c data.q = \"it's\""},
	{"keep and strip", cm + "data:\n  k: |+\n    one\n\n\n  l: |-\n    two\n  m: |2\n      three\n", "change: ConfigMap a/c data.k = \"1\\n\\n\\n\"\nchange: ConfigMap a/c data.l = \"two\\n2\"\nchange: ConfigMap a/c data.m = \"  3\\n\""},
	{"dense list", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a}\nspec:\n  containers:\n  -   # first\n      name: one\n      args: [a, \"b\"] # args\n\n  # second\n  - name: two\n    args:\n    # the a\n    - a\n    -   b # the b\n", "change: Pod a/p spec.containers[one].args = [\"a\", \"c\", \"b\"]\nchange: Pod a/p spec.containers[two].args = [\"b\"]"},
	{"quantity", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a}\nspec:\n  containers:\n  - name: one\n    resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 0.5, memory: '64Mi'}}\n", "change: Pod a/p spec.containers[one].resources.limits.cpu = \"2\"\nchange: Pod a/p spec.containers[one].resources.requests.cpu = \"600m\"\nchange: Pod a/p spec.containers[one].resources.requests.memory = \"1Gi\""},
	{"first of the file goes", "# Licence\n# of ours\n\n# the first\n" + cm + "---\n# the second\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: d, namespace: a}\n", "delete: ConfigMap a/c"},
	{"last of the file goes", "# Licence\n" + cm + "---\n# the second\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: d, namespace: a} # x\n# end\n", "delete: ConfigMap a/d"},
	{"crlf document goes", "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata: {name: c, namespace: a}\r\n---\r\napiVersion: v1\r\nkind: ConfigMap\r\nmetadata: {name: d, namespace: a}\r\n---\r\napiVersion: v1\r\nkind: ConfigMap\r\nmetadata: {name: e, namespace: a}\r\n", "delete: ConfigMap a/d"},
	{"typed list", "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: c, namespace: a}\n  data: {k: v}\n- metadata: {name: d, namespace: a}\n", "change: ConfigMap a/c data.k = \"w\"\ndelete: ConfigMap a/d"},
	{"yes and no", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: c, namespace: a}\nautomountServiceAccountToken: no # never\n", "change: ServiceAccount a/c automountServiceAccountToken = true"},
	{"flow items on one line", "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: a}}, # c\n  {apiVersion: v1, kind: ConfigMap, metadata: {name: d, namespace: a}}]} # d\n", "delete: ConfigMap a/d"},
	{"flow items without the last comma", "{apiVersion: v1, kind: List, items: [\n  {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: a}}, # c\n  {apiVersion: v1, kind: ConfigMap, metadata: {name: d, namespace: a}} # d\n]}\n", "delete: ConfigMap a/d"},
	{"flow items", "{apiVersion: v1, kind: List, items: [\n  {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: a}}, # c\n  {apiVersion: v1, kind: ConfigMap, metadata: {name: d, namespace: a}}, # d\n]}\n", "delete: ConfigMap a/d\nchange: ConfigMap a/c data = {\"k\": \"v\"}"},
	{"no line end", cm + "data:\n  k: v", "change: ConfigMap a/c data.l = \"w\"\nchange: ConfigMap a/c data.k = \"a\\nb\\n\""},
	{"long text", cm + "data:\n  k: short\n", "change: ConfigMap a/c data.k = \"#!/bin/sh\\n\\tindented\\n  two \\n---\\n\\n\""},
	{"big numbers", "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t, namespace: a}\nspec: {a: 9007199254740993, f: 1e3, g: 1.50, u: 18446744073709551615, s: 1_000}\n", "change: Thing.example.com a/t spec.a = 9007199254740995\nchange: Thing.example.com a/t spec.g = 2.5\nchange: Thing.example.com a/t spec.x = 1"},
}

// TestHardSources adopts into each of them. What comes of it is in
// testdata/hard.golden, with tabs, carriage returns and the like as escapes.
func TestHardSources(t *testing.T) {
	const golden = "testdata/hard.golden"
	visible := strings.NewReplacer("\t", `\t`, "\r", `\r`, "\ufeff", `\ufeff`)
	var b strings.Builder
	for _, c := range hardCases {
		file := "f.yaml"
		if strings.HasPrefix(c.name, "json") {
			file = "f.json"
		}
		tree := fstest.MapFS{file: &fstest.MapFile{Data: []byte(c.source), Mode: 0o644}}
		fmt.Fprintf(&b, "== %s\n%s", c.name, visible.Replace(transcript(t, request(t, "path: .\n"+c.head, tree, nil))))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("-want +got (run with -update to accept):\n%s", diff)
	}
}
