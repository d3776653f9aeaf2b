package render_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/render"
)

var update = flag.Bool("update", false, "write the golden results")

// TestGolden renders the repositories in testdata. Each is one txtar archive:
// the options at its head, the files, and in WANT what a person gets: objects
// with their provenance, notes, or the error.
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
			for _, f := range archive.Files {
				if f.Name == "WANT" {
					want = string(f.Data)
					continue
				}
				tree[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			}
			opts, show := goldenOptions(t, string(archive.Comment))
			got := transcript(t.Context(), tree, opts, show)
			if *update {
				writeGolden(t, file, archive, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got (run with -update to accept):\n%s", diff)
			}
		})
	}
}

func writeGolden(t *testing.T, file string, archive *txtar.Archive, got string) {
	t.Helper()
	for i, f := range archive.Files {
		if f.Name == "WANT" {
			archive.Files = append(archive.Files[:i], archive.Files[i+1:]...)
			break
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: "WANT", Data: []byte(got)})
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goldenOptions reads "key: value" lines; others are prose.
func goldenOptions(t *testing.T, head string) (opts render.Options, show bool) {
	t.Helper()
	opts.KubeVersion = "v1.36.3"
	for _, line := range strings.Split(head, "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "path":
			opts.Path = value
		case "kind":
			opts.Kind = render.Kind(value)
		case "exclude":
			opts.Exclude = append(opts.Exclude, value)
		case "commit":
			opts.Commit = value
		case "release":
			opts.Helm.Release = value
		case "namespace":
			opts.Helm.Namespace = value
		case "values":
			opts.Helm.ValuesFiles = append(opts.Helm.ValuesFiles, value)
		case "set":
			opts.Helm.Set = append(opts.Helm.Set, value)
		case "show":
			show = true
		}
	}
	return opts, show
}

func transcript(ctx context.Context, tree fstest.MapFS, opts render.Options, show bool) string {
	var b bytes.Buffer
	result, err := render.Render(ctx, tree, opts)
	if err != nil {
		fmt.Fprintf(&b, "error:\n%v\n", err)
		return b.String()
	}
	fmt.Fprintf(&b, "kind: %s\n", result.Kind)
	for o := range result.Objects.All() {
		fmt.Fprintf(&b, "%s < %s\n", o.ID(), o.From)
		if show {
			content, err := yaml.Marshal(o.Object)
			if err != nil {
				fmt.Fprintf(&b, "cannot be shown: %v\n", err)
			}
			b.WriteString("    " + strings.ReplaceAll(strings.TrimSpace(string(content)), "\n", "\n    ") + "\n")
		}
	}
	for _, n := range result.Notes {
		fmt.Fprintf(&b, "note %s: %s\n", n.Code, n)
	}
	return b.String()
}
