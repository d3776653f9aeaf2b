package adopt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

var update = flag.Bool("update", false, "write the golden results")

// TestGolden adopts changes into the repositories in testdata. Each is one txtar
// archive: at its head the options and what is wanted, then the files, and in
// WANT what a person gets: what was edited, refusals, and the difference of the
// files. CREATE-n are objects that the cluster has and git lacks.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tree, want := fstest.MapFS{}, ""
			var create []map[string]any
			keep := archive.Files[:0]
			for _, f := range archive.Files {
				switch {
				case f.Name == "WANT":
					want = string(f.Data)
					continue
				case strings.HasPrefix(f.Name, "CREATE"):
					create = append(create, decode(t, f.Data))
				default:
					tree[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
				}
				keep = append(keep, f)
			}
			archive.Files = keep
			got := transcript(t, request(t, string(archive.Comment), tree, create))
			if *update {
				archive.Files = append(archive.Files, txtar.File{Name: "WANT", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got (run with -update to accept):\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, data []byte) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := utiljson.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	return content
}

// request reads the head of a case: "key: value" lines; others are prose.
//
//	change: Deployment.apps shop/web spec.replicas = 3
//	remove: Deployment.apps shop/web spec.replicas
//	delete: Deployment.apps shop/web
func request(t *testing.T, head string, tree fs.FS, create []map[string]any) adopt.Request {
	t.Helper()
	req := adopt.Request{Tree: tree, Renderer: adopt.RenderFunc(render.Render)}
	req.Options.KubeVersion = "v1.36.3"
	var asked [][2]string
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "path":
			req.Options.Path = value
		case "kind":
			req.Options.Kind = render.Kind(value)
		case "values":
			req.Options.Helm.ValuesFiles = append(req.Options.Helm.ValuesFiles, value)
		case "root":
			req.Roots = append(req.Roots, value)
		case "change", "remove", "delete":
			asked = append(asked, [2]string{key, value})
		}
	}
	result, err := render.Render(t.Context(), tree, req.Options)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range asked {
		req.Wanted = append(req.Wanted, wanted(t, result.Objects, a[0], a[1]))
	}
	for _, content := range create {
		o := object.New(content, object.Provenance{})
		req.Wanted = append(req.Wanted, adopt.Wanted{ID: o.ID(), Create: content})
	}
	return req
}

func wanted(t *testing.T, set *object.Set, what, text string) adopt.Wanted {
	t.Helper()
	words := strings.SplitN(text, " ", 3)
	id := strings.Join(words[:2], " ")
	for o := range set.All() {
		if o.ID().String() != id {
			continue
		}
		if what == "delete" {
			return adopt.Wanted{ID: o.ID(), Delete: true}
		}
		field, value, _ := strings.Cut(words[2], " = ")
		f := drift.Field{Path: field}
		if at, err := edit.Find(o.Object, field, nil); err == nil {
			f.Want, _ = edit.Get(o.Object, at)
		}
		if what == "change" {
			if err := utiljson.Unmarshal([]byte(value), &f.Have); err != nil {
				t.Fatalf("%s: %v", value, err)
			}
		}
		return adopt.Wanted{ID: o.ID(), Fields: []drift.Field{f}}
	}
	for o := range set.All() {
		t.Log(o.ID())
	}
	t.Fatalf("no object %q among these", id)
	return adopt.Wanted{}
}

func transcript(t *testing.T, req adopt.Request) string {
	t.Helper()
	result, err := adopt.Adopt(t.Context(), req)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	checkProof(t.Context(), t, req, result)
	var b bytes.Buffer
	for _, a := range result.Adopted {
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(fmt.Sprintf("adopted: %s %s", a.ID, a.Path)))
		fmt.Fprintf(&b, "  at %s\n", a.Where)
		if a.Renamed != "" {
			fmt.Fprintf(&b, "  renamed to %s\n", a.Renamed)
		}
		for _, also := range a.Also {
			fmt.Fprintf(&b, "  also seen by %s\n", also)
		}
	}
	for _, r := range result.Refused {
		fmt.Fprintf(&b, "refused: %s\n", r)
	}
	for _, file := range result.Overlay.Deleted() {
		fmt.Fprintf(&b, "deleted: %s\n", file)
	}
	for _, file := range result.Overlay.Files() {
		was, err := fs.ReadFile(req.Tree, file)
		if err != nil {
			fmt.Fprintf(&b, "new: %s\n", file)
		} else {
			fmt.Fprintf(&b, "changed: %s\n", file)
		}
		b.WriteString(diffLines(string(was), string(result.Overlay[file])))
	}
	return b.String()
}

// checkProof renders the result with a renderer of the test's own, and compares
// it with what was asked for.
func checkProof(ctx context.Context, t *testing.T, req adopt.Request, result *adopt.Result) {
	t.Helper()
	before, err := render.Render(ctx, req.Tree, req.Options)
	if err != nil {
		t.Fatal(err)
	}
	after, err := render.Render(ctx, result.Overlay.On(req.Tree), req.Options)
	if err != nil {
		t.Fatalf("the result does not render: %v", err)
	}
	touched := map[object.ID]bool{}
	var names []string
	for _, a := range result.Adopted {
		touched[a.ID] = true
		if a.Renamed != "" {
			names = append(names, strconv.Quote(a.Renamed), strconv.Quote(a.ID.Name))
		}
	}
	after.Objects = renamed(t, after.Objects, strings.NewReplacer(names...))
	for o := range before.Objects.All() {
		now := after.Objects.Get(o.ID())
		if !touched[o.ID()] && (now == nil || cmp.Diff(o.Object, now.Object) != "") {
			t.Errorf("%s changed, and nobody asked for it", o.ID())
		}
	}
	for _, w := range req.Wanted {
		now := after.Objects.Get(w.ID)
		if !touched[w.ID] {
			continue
		}
		if w.Delete != (now == nil) {
			t.Errorf("%s: deleted %v, there %v", w.ID, w.Delete, now != nil)
		}
		if w.Create != nil && cmp.Diff(w.Create, now.Object) != "" {
			t.Errorf("%s: %s", w.ID, cmp.Diff(w.Create, now.Object))
		}
		for _, f := range w.Fields {
			checkField(t, result, w.ID, f, now)
		}
	}
}

// renamed returns a set with other texts in it.
func renamed(t *testing.T, set *object.Set, texts *strings.Replacer) *object.Set {
	t.Helper()
	out := object.NewSet()
	for o := range set.All() {
		raw, err := json.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		var content map[string]any
		if err := utiljson.Unmarshal([]byte(texts.Replace(string(raw))), &content); err != nil {
			t.Fatal(err)
		}
		if err := out.Add(object.New(content, o.From)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func checkField(t *testing.T, result *adopt.Result, id object.ID, f drift.Field, now *object.Object) {
	t.Helper()
	for _, a := range result.Adopted {
		if a.ID != id || a.Path != f.Path {
			continue
		}
		at, err := edit.Find(now.Object, f.Path, f.Have)
		got, there := edit.Get(now.Object, at)
		if f.Have == nil && err == nil && there {
			t.Errorf("%s: %s is still %v", id, f.Path, got)
		}
		if f.Have != nil && (err != nil || !edit.Equal(got, f.Have)) {
			t.Errorf("%s: %s is %v and not %v (%v)", id, f.Path, text(got), text(f.Have), err)
		}
	}
}

func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// diffLines shows the lines that went and came, by a longest common subsequence.
func diffLines(a, b string) string {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	common := make([][]int, len(x)+1)
	for i := range common {
		common[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if x[i] == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var out strings.Builder
	show := func(mark, line string) {
		if line != "" {
			out.WriteString("  " + mark + " " + strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			i, j = i+1, j+1
		case i < len(x) && (j == len(y) || common[i+1][j] >= common[i][j+1]):
			show("-", x[i])
			i++
		default:
			show("+", y[j])
			j++
		}
	}
	return out.String()
}
